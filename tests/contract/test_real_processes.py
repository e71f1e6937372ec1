"""Runners as they are started for real: fresh processes, killed in mid-operation, left alone by their desk.

The sandbox's Airflow answers slowly, so that there is a middle to be killed in. Everything is found out
afterwards by looking: nothing is sent twice, and what is recorded is what happened.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fedesk import execution
from fedesk.domain.audit import Phase
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.domain.reruns import RerunRequest
from fedesk.ports.changing import Runner
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.services.clock import SystemClock
from fedesk.services.proposals import Answer

AIRFLOW = ConnectionName("dev", "airflow")
FEW, ALL = 2, 20
"""Processes that are killed in the test command, and by ``-m soak``."""
PATIENCE = 60.0


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """Airflow in real time: the processes of these tests have no other clock."""
    running = start(World(seed=7, scale=0.2, clock=WorldClock()), systems=("airflow",))
    yield running
    running.close()


@pytest.fixture
def slow(served: Sandbox) -> Iterator[Sandbox]:
    """The same, each answer of Airflow a moment late, and as new."""
    served.world.forget_changes()
    served.control.clear_requests()
    served.control.fault("airflow", "slow", seconds=0.04)
    yield served
    served.control.clear_faults()


def desk_of(sandbox: Sandbox, folder: Path) -> execution.Desk:
    """A desk over the sandbox with a store of its own, and with little patience: a look back waits for it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = "[environments.dev.airflow]"
    text = sandbox.config_path.read_text(encoding="utf-8")
    text = text.replace(table, f"{table}\ntimeout = {{ connect = 0.5, read = 1 }}")
    config = folder / "fedesk.toml"
    lines = [
        f'url = "sqlite:///{folder}/state.sqlite3"' if line.startswith('url = "sqlite') else line
        for line in text.splitlines()
    ]
    place = f'catalog = "{sandbox.config_path.parent}/catalog.yaml"'
    config.write_text("\n".join(lines).replace('catalog = "catalog.yaml"', place), encoding="utf-8")
    return execution.open_desk(config, "dev", SystemClock())


def failed_runs(sandbox: Sandbox, count: int) -> list[RunName]:
    """Failed runs of dev, each of another DAG or day."""
    found = [
        RunName(AIRFLOW, f"{run.plan.dag_id}/{run.plan.run_id}")
        for dag in sandbox.world.dags("dev")
        for run in sandbox.world.dag_runs("dev", dag.dag_id)
        if run.state == "failed"
    ]
    return found[-count:]


def confirmed(desk: execution.Desk, run: RunName) -> Operation:
    """A plan for one run, and the yes to it."""
    proposal = desk.changes.propose(RerunRequest(run=run))
    return desk.changes.confirm(proposal, Answer(how="--yes"))


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it did not come about")
        time.sleep(0.005)


def clears_of(sandbox: Sandbox, operation: str) -> int:
    """Clears that Airflow has carried out or refused for an operation, as its own log has them."""
    events = sandbox.world.airflow.events("dev")
    return sum(event.event == CLEAR and operation in event.extra for event in events)


def is_cleared(sandbox: Sandbox, run: RunName) -> bool:
    """Whether the run is no longer the failed one that it was."""
    dag_id, _, run_id = run.id.partition("/")
    return sandbox.world.dag_run("dev", dag_id, run_id).state != "failed"


def killed_at(desk: execution.Desk, operation: str, runner: Runner, delay: float) -> bool:
    """Execute, and kill the process that does it some time after it was claimed; whether it still lived."""
    runner.go(operation)
    until(lambda: _owner(desk, operation) != 0)
    time.sleep(delay)
    try:
        os.kill(_owner(desk, operation), signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        runner.cancel()
    return True


def seconds_of_one(sandbox: Sandbox, folder: Path, run: RunName) -> float:
    """How long a runner that is left alone takes here, from its claim to its end."""
    desk = desk_of(sandbox, folder)
    try:
        runner = desk.launcher.warm(desk.credentials_for([AIRFLOW]))
        operation = confirmed(desk, run).plan.operation
        runner.go(operation)
        until(lambda: _owner(desk, operation) != 0)
        claimed = time.monotonic()
        until(lambda: _ended(desk, operation))
        return time.monotonic() - claimed
    finally:
        desk.close()


def _owner(desk: execution.Desk, operation: str) -> int:
    found = desk.store.operation(operation)
    return 0 if found is None or found.owner is None else found.owner.pid


def gone(pid: int) -> bool:
    """Whether a process has ended and was taken away."""
    return not psutil.pid_exists(pid)


def sample(sandbox: Sandbox, folder: Path, run: RunName, delay: float) -> str:
    """One fresh process, killed; then everything that must hold, whatever it was doing. How it ended."""
    desk = desk_of(sandbox, folder)
    try:
        runner = desk.launcher.warm(desk.credentials_for([AIRFLOW]))
        operation = confirmed(desk, run).plan.operation
        killed_at(desk, operation, runner, delay)
        until(lambda: gone(_owner(desk, operation)))
        found = desk.store.operation(operation)
        assert found is not None
        if found.stage is not Stage.ENDED:
            found = desk.recheck(operation)
        assert found.stage is Stage.ENDED
        done = is_cleared(sandbox, run)
        assert clears_of(sandbox, operation) == (1 if done else 0)
        expected = (Outcome.SUCCEEDED,) if done else (Outcome.FAILED, Outcome.ABORTED)
        assert found.outcome in expected, found.said
        phases = [record.draft.phase for record in desk.store.tail(50, operation=operation)]
        assert phases.count(Phase.INTENT) <= 1
        assert phases.count(Phase.INTENT) == 1 or not done
        assert sum(phase in (Phase.OUTCOME, Phase.SETTLEMENT) for phase in phases) == 1
        assert desk.store.verify(deep=True).flaw is None
        assert desk.store.holder([str(run)]) is None
        return f"{found.outcome}"
    finally:
        desk.close()


@pytest.mark.parametrize("samples", [FEW, pytest.param(ALL, marks=pytest.mark.soak)])
def test_fresh_processes_killed_anywhere_send_once_and_leave_the_truth(
    slow: Sandbox, tmp_path: Path, samples: int
) -> None:
    """SIGKILL of a real runner at any time: at most one effect, one intent, one final outcome, the truth."""
    chance = random.Random(20261124)  # noqa: S311 - a sample of moments, the same each time
    first, *runs = failed_runs(slow, samples + 1)
    assert len(runs) == samples
    lasts = seconds_of_one(slow, tmp_path / "whole", first)
    # One moment in each part of the time that an operation takes here, from its claim to its end.
    delays = [lasts * (part + chance.random()) / samples for part in range(samples)]
    ended = [
        sample(slow, tmp_path / str(number), run, delay)
        for number, (run, delay) in enumerate(zip(runs, delays, strict=True))
    ]
    assert set(ended) <= {"succeeded", "aborted", "failed"}
    if samples == ALL:
        # Killed before and after the send: otherwise the delays above no longer hit the middle.
        assert "succeeded" in ended
        assert {"aborted", "failed"} & set(ended)


def test_one_runner_executes_each_operation_in_a_process_of_its_own(slow: Sandbox, tmp_path: Path) -> None:
    """A selection is carried out by as many processes as it has items, each with a session of its own."""
    desk = desk_of(slow, tmp_path)
    try:
        runner = desk.launcher.warm(desk.credentials_for([AIRFLOW]))
        operations = [confirmed(desk, run).plan.operation for run in failed_runs(slow, 3)]
        for operation in operations:
            runner.go(operation)
        until(lambda: all(_ended(desk, operation) for operation in operations))
        owners = {_owner(desk, operation) for operation in operations}
        assert len(owners) == len(operations)
        assert os.getpid() not in owners
        runner.cancel()
    finally:
        desk.close()


def test_the_end_of_the_desk_stops_nothing(slow: Sandbox, tmp_path: Path) -> None:
    """A runner whose starter has closed its pipe right after the yes goes on to the end."""
    desk = desk_of(slow, tmp_path)
    try:
        runner = desk.launcher.warm(desk.credentials_for([AIRFLOW]))
        operation = confirmed(desk, failed_runs(slow, 1)[0]).plan.operation
        runner.go(operation)
        runner.cancel()
        until(lambda: _ended(desk, operation))
        found = desk.store.operation(operation)
        assert found is not None
        assert found.outcome is Outcome.SUCCEEDED
    finally:
        desk.close()


def _ended(desk: execution.Desk, operation: str) -> bool:
    found = desk.store.operation(operation)
    return found is not None and found.stage is Stage.ENDED
