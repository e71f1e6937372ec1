"""What becomes of an operation when its desk is killed, or its terminal goes away, in the middle of it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from real_desk import CONFIRM, RealDesk, runners, until, variables

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.store.operations import SqlStore

SLOW = 0.2
"""Seconds that each answer of Airflow takes once the operation has begun: its middle lasts."""


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """Airflow in real time: processes of their own have no other clock."""
    running = start(World(seed=7, scale=0.2, clock=WorldClock()), systems=("airflow",))
    yield running
    running.close()


@pytest.fixture
def world(served: Sandbox) -> Iterator[Sandbox]:
    """The same, as new."""
    served.world.forget_changes()
    served.control.clear_faults()
    served.control.clear_requests()
    yield served
    served.control.clear_faults()


def config_of(sandbox: Sandbox, folder: Path) -> Path:
    """The sandbox's configuration with a store below ``folder``."""
    lines = [
        f'url = "sqlite:///{folder}/state.sqlite3"' if line.startswith('url = "sqlite') else line
        for line in sandbox.config_path.read_text(encoding="utf-8").splitlines()
    ]
    place = f'catalog = "{sandbox.config_path.parent}/catalog.yaml"'
    config = folder / "fedesk.toml"
    config.write_text("\n".join(lines).replace('catalog = "catalog.yaml"', place), encoding="utf-8")
    return config


def failed_run(sandbox: Sandbox) -> str:
    """The full name of a run of dev that failed."""
    return next(
        f"dev/airflow:{run.plan.dag_id}/{run.plan.run_id}"
        for dag in sandbox.world.dags("dev")
        for run in reversed(sandbox.world.dag_runs("dev", dag.dag_id))
        if run.state == "failed"
    )


def only_operation(store: SqlStore) -> Operation | None:
    """The operation, once it is confirmed."""
    return next(iter(store.operations()), None)


def is_under_way(store: SqlStore) -> bool:
    """Whether the intent is on the record."""
    found = only_operation(store)
    return found is not None and any(entry.state is StepState.INTENDED for entry in found.journal)


def has_ended(store: SqlStore) -> bool:
    """Whether it has come to its end."""
    found = only_operation(store)
    return found is not None and found.stage is Stage.ENDED


def owner(store: SqlStore) -> int:
    """The process that executes it."""
    found = only_operation(store)
    assert found is not None
    assert found.owner is not None
    return found.owner.pid


def clears(sandbox: Sandbox) -> int:
    """Clears that Airflow has carried out or refused, dry runs aside."""
    return sum(event.event == CLEAR for event in sandbox.world.airflow.events("dev"))


@pytest.mark.parametrize(
    "how", ["SIGKILL of the desk", pytest.param("its terminal hangs up", marks=pytest.mark.soak)]
)
def test_an_operation_ends_well_without_its_desk(world: Sandbox, tmp_path: Path, how: str) -> None:
    """Sent once, succeeded, on the record, no process left; the next desk shows it, in flight and after."""
    config = config_of(world, tmp_path)
    home = variables(tmp_path / "home")
    run = failed_run(world)
    with closing(SqlStore(tmp_path / "state.sqlite3")) as store:
        desk = RealDesk(config, "dev", home)
        later: RealDesk | None = None
        try:
            desk.until("Triage")
            desk.until(lambda: world.control.requests("airflow"))
            desk.command(f"rerun {run}")
            desk.until("ARMED")
            world.control.fault("airflow", "slow", seconds=SLOW)
            desk.press(CONFIRM)
            desk.until(lambda: is_under_way(store))
            # Held where it is until the next desk was seen to show it.
            held = psutil.Process(owner(store))
            held.suspend()
            assert not has_ended(store)
            assert held in runners(config)
            if how.startswith("SIGKILL"):
                desk.kill()
            else:
                desk.hang_up()
            later = RealDesk(config, "dev", home)
            later.until(lambda: "1 running" in later.header())
            assert not has_ended(store)
            held.resume()
            later.until(lambda: has_ended(store))
            found = only_operation(store)
            assert found is not None
            assert found.outcome is Outcome.SUCCEEDED, found.said
            assert clears(world) == 1
            until(lambda: not runners(config))
            later.press("u")
            later.until("✓ succeeded")
            later.until(lambda: "running" not in later.header())
            assert later.leave() == 0
        finally:
            desk.close()
            if later is not None:
                later.close()
        assert store.verify(deep=True).flaw is None
        assert store.holder([run]) is None
