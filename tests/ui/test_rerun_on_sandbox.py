"""From the red run to the world's own state: keys pressed, servers on loopback, all between them real."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hurrying import HurriedLauncher
from in_process import InProcessLauncher
from painting import text_of, type_in, until
from sandbox_desk import SandboxClock, impatient
from test_desk_on_sandbox import PATIENCE, SIZE, all_live
from test_operation_screen import frame, words
from textual.pilot import Pilot

from fedesk.composition import front_page
from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.domain.reruns import RerunRequest
from fedesk.execution import Desk, open_desk
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.services.clock import SystemClock
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.operation import OperationScreen


class Opened:
    """The app over a sandbox, and the desk that it opened."""

    def __init__(self, sandbox: Sandbox, folder: Path, *, spawning: bool = False, governed: str = "") -> None:
        """``governed`` is what the configuration has beside the sandbox's: people, policy."""
        config = impatient(sandbox.config_path, folder)
        with config.open("a", encoding="utf-8") as file:
            file.write(governed)
        clock = SystemClock() if spawning else SandboxClock(sandbox)
        self._spawning, self._sandbox = spawning, sandbox
        self.desks: list[Desk] = []
        self.app = DeskApp(
            front_page(config, "prod"),
            lambda name: self._open(config, name or "prod", clock),
            clock,
            crash_folder=folder,
            environ={"TERM": "xterm-256color"},
        )

    def _open(self, config: Path, name: str, clock: SystemClock) -> Desk:
        desk = open_desk(config, name, clock)
        if not self._spawning:
            # Made at first use, and kept where a made one is kept.
            desk.__dict__["launcher"] = HurriedLauncher(desk, self._sandbox, behind=True)
        self.desks.append(desk)
        return desk

    @property
    def desk(self) -> Desk:
        return self.desks[-1]


@pytest.fixture
def opened(sandbox: Sandbox, tmp_path: Path) -> Iterator[Opened]:
    """Runners in this process."""
    made = Opened(sandbox, tmp_path)
    yield made
    for desk in made.desks:
        launcher = desk.launcher
        assert isinstance(launcher, InProcessLauncher)
        for thread in launcher.threads:
            thread.join(30)


async def planned(pilot: Pilot[int], app: DeskApp, dag: str) -> OperationScreen:
    """The plan of re-running the newest run of a DAG that failed."""
    await all_live(pilot, app, ("jenkins", "airflow"))
    await until(pilot, lambda: dag in text_of(app), PATIENCE)
    await pilot.press("slash", *dag, "enter")
    await pilot.press("g", "R")
    await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
    await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)
    return frame(app)


async def ended(pilot: Pilot[int], app: DeskApp) -> Operation:
    """The operation, once it has ended."""

    def operation() -> Operation | None:
        return frame(app).item.operation

    await until(pilot, lambda: (one := operation()) is not None and one.stage is Stage.ENDED, PATIENCE)
    found = operation()
    assert found is not None
    return found


def clears(sandbox: Sandbox) -> list[str]:
    """Who has asked for a clear that was no dry run, as Airflow's event log has it."""
    return [event.owner for event in sandbox.world.airflow.events("prod") if event.event == CLEAR]


async def test_rerun_in_production_by_keys(sandbox: Sandbox, opened: Opened) -> None:
    """R, prod, a reason, ctrl+y: the world's tasks are cleared; journal, audit log and Airflow say so."""
    app = opened.app
    async with app.run_test(size=SIZE) as pilot:
        screen = await planned(pilot, app, "payments_daily")
        assert "payments_daily / 2026-11-20 on prod/airflow?" in text_of(app)
        await type_in(pilot, *"prod", "tab", *"late file INC-7", "ctrl+y")
        operation = await ended(pilot, app)
        await until(pilot, lambda: "✓ succeeded" in text_of(app))
        assert screen is app.screen
        target = operation.plan.targets[0]
        detail = opened.desk.reading.detail(screen.target.run) if screen.target.run else None
        records = opened.desk.store.tail(10)
    assert operation.outcome is Outcome.SUCCEEDED
    assert detail is not None
    assert detail.run.state.value in ("queued", "running")
    assert {step.state.is_bad for step in detail.steps} == {False}
    assert target.pipeline == "payments_daily"
    assert [record.draft.phase for record in records] == [Phase.OVERRIDE, Phase.INTENT, Phase.OUTCOME]
    assert records[1].draft.reason == "late file INC-7"
    assert clears(sandbox) == ["releaser"]


async def test_somebody_else_was_faster(sandbox: Sandbox, opened: Opened) -> None:
    """Between plan and yes somebody clears the run: the runner refuses, and sends nothing."""
    app = opened.app
    async with app.run_test(size=SIZE) as pilot:
        screen = await planned(pilot, app, "payments_daily")
        request = screen.item.request
        assert isinstance(request, RerunRequest)
        dag_id, _, run_id = request.run.id.partition("/")
        sandbox.control.clear_run("prod", dag_id, run_id, user="jon")
        await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
        operation = await ended(pilot, app)
        await until(pilot, lambda: "⊘ refused" in text_of(app))
        assert "Nothing was sent." in words(app)
    assert operation.outcome is Outcome.REFUSED
    assert clears(sandbox) == ["jon"]


@pytest.fixture
def sandbox_of_today() -> Iterator[Sandbox]:
    """A world that begins now: a runner of its own process has the machine's clock."""
    world = World(seed=7, scale=0.2, clock=WorldClock(datetime.now(UTC)))
    running = start(world, systems=("jenkins", "airflow"))
    yield running
    running.close()


async def test_rerun_by_a_process_of_its_own(sandbox_of_today: Sandbox, tmp_path: Path) -> None:
    """The runner that was warmed while the plan was read carries it out, though the frame is left at once."""
    opened = Opened(sandbox_of_today, tmp_path, spawning=True)
    app = opened.app
    async with app.run_test(size=SIZE) as pilot:
        screen = await planned(pilot, app, "payments_daily")
        await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
        await until(pilot, lambda: screen.item.operation is not None, PATIENCE)
        known = screen.item.operation
        assert known is not None
        await pilot.press("escape")
        app.watch_operation(known.plan.operation)
        operation = await ended(pilot, app)
    assert operation.outcome is Outcome.SUCCEEDED
    assert operation.owner is not None
    assert operation.owner.pid != os.getpid()
    assert clears(sandbox_of_today) == ["releaser"]
