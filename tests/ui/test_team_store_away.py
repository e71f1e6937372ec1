"""A team's database that goes away under a desk, and comes back: nothing is sent meanwhile."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cuttable_way import Way, way_to
from postgres_server import Server
from real_desk import CONFIRM, ESCAPE, RealDesk, runners, until, variables
from test_killed_desk import clears, config_of, failed_run, has_ended, is_under_way
from test_store_away import rerun

from fedesk.domain.operations import Outcome
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.store.postgres_store import PostgresStore

CLEAR = "clearTaskInstances"


@pytest.fixture
def world() -> Iterator[Sandbox]:
    """Airflow in real time."""
    running = start(World(seed=7, scale=0.2, clock=WorldClock()), systems=("airflow",))
    yield running
    running.close()


@pytest.fixture
def way(postgres: Server) -> Iterator[Way]:
    with way_to(str(postgres.url.query["host"])) as made:
        yield made


def is_on_its_way(sandbox: Sandbox) -> bool:
    """Whether Airflow has a clear that it has not answered; dry runs are answered before the intent."""
    return any(CLEAR in one.path and not one.status for one in sandbox.control.requests("airflow"))


def test_a_database_that_goes_away_and_comes_back(
    world: Sandbox, postgres: Server, way: Way, tmp_path: Path
) -> None:
    """``store?``, systems are read, exit 6, nothing armed; in mid-operation too; it all ends by itself."""
    url, run = postgres.fresh(), failed_run(world)
    config, home = config_of(world, tmp_path), variables(tmp_path / "home")
    text = config.read_text().replace(f"sqlite:///{tmp_path}/state.sqlite3", way.to(url))
    config.write_text(f"{text}\n[environments.dev.emergency]\nwithout_store = true\n")
    desk = RealDesk(config, "dev", home)
    try:
        desk.until(lambda: "Triage" in desk.text() and "store?" not in desk.header())
        way.close()
        desk.until(lambda: "store?" in desk.header())
        read = len(world.control.requests("airflow"))
        desk.until(lambda: len(world.control.requests("airflow")) > read)
        desk.command(f"rerun {run}")
        desk.until("cannot be reached")
        desk.until("rerun --break-glass")
        assert "ARMED" not in desk.text()
        told = rerun(config, run, home)
        assert told.returncode == 6, told.stderr
        assert "nothing can be changed until the store is back" in told.stderr
        assert "rerun --break-glass` goes on without it" in told.stderr
        assert clears(world) == 0
        desk.press(ESCAPE)
        way.mend()
        desk.until(lambda: "store?" not in desk.header())
        desk.command(f"rerun {run}")
        desk.until("ARMED")
        with closing(PostgresStore(url)) as store:
            # Away again as soon as the clear is on its way: its runner insists, and who watches is told.
            world.control.fault("airflow", "slow", match=CLEAR, seconds=1.0)
            desk.press(CONFIRM)
            desk.until(lambda: is_under_way(store) and is_on_its_way(world))
            way.close()
            desk.until(lambda: "store?" in desk.header())
            desk.until(lambda: clears(world))
            assert not has_ended(store)
            way.mend()
            desk.until(lambda: has_ended(store))
            desk.until("✓ succeeded")
            (operation,) = store.operations()
            assert operation.outcome is Outcome.SUCCEEDED
            assert clears(world) == 1
            assert store.verify(deep=True).flaw is None
        assert desk.leave() == 0
    finally:
        desk.close()
    until(lambda: not runners(config))
