"""The desk over the sandbox: four real servers on loopback, one world, its clock standing still."""

from collections.abc import Callable
from pathlib import Path

import pytest
from painting import text_of, until
from sandbox_desk import SandboxClock, impatient
from textual.pilot import Pilot

from fedesk.composition import front_page
from fedesk.domain.states import Standing
from fedesk.execution import open_desk
from fedesk.sandbox.server import Sandbox
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.run import RunScreen

SIZE = (160, 44)
PATIENCE = 60.0


@pytest.fixture
def open_on(tmp_path: Path) -> Callable[[Sandbox], DeskApp]:
    """The app over a sandbox."""

    def make(sandbox: Sandbox) -> DeskApp:
        config = impatient(sandbox.config_path, tmp_path)
        clock = SandboxClock(sandbox)
        return DeskApp(
            front_page(config, "prod"),
            lambda name: open_desk(config, name or "prod", clock),
            clock,
            crash_folder=tmp_path,
            environ={"TERM": "xterm-256color"},
        )

    return make


def standing(app: DeskApp, system: str) -> Standing | None:
    """How a system stands on the newest board."""
    snapshots = app.board.snapshots if app.board else ()
    return next((one.standing for one in snapshots if one.connection.name == system), None)


async def all_live(pilot: Pilot[int], app: DeskApp, systems: tuple[str, ...]) -> None:
    """Wait until every one of them has answered."""
    await until(pilot, lambda: all(standing(app, name) is Standing.LIVE for name in systems), PATIENCE)


async def test_from_the_finding_to_the_line(sandbox: Sandbox, open_on: Callable[[Sandbox], DeskApp]) -> None:
    """The run that failed, the line of its log that matters, its steps and its log are two keys away."""
    app = open_on(sandbox)
    async with app.run_test(size=SIZE) as pilot:
        await all_live(pilot, app, ("jenkins", "airflow", "vault"))
        await until(pilot, lambda: "not_null_payments_amount" in text_of(app), PATIENCE)
        assert "✗ dbt_test" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "dbt_test" in text_of(app), PATIENCE)
        await pilot.press("escape", "l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "complete" in text_of(app), PATIENCE)
        assert "not_null_payments_amount" in text_of(app)


async def test_every_pipeline_and_secret(sandbox: Sandbox, open_on: Callable[[Sandbox], DeskApp]) -> None:
    """Forty pipelines with their runs and environments, and the secrets of every age."""
    app = open_on(sandbox)
    async with app.run_test(size=(160, 60)) as pilot:
        await all_live(pilot, app, ("jenkins", "airflow", "vault"))
        await until(pilot, lambda: "Pipelines 40" in text_of(app), PATIENCE)
        await pilot.press("2")
        await until(pilot, lambda: "card_settlement" in text_of(app))
        await pilot.press("3")
        await until(pilot, lambda: all(word in text_of(app) for word in ("overdue", "due", "compliant")))


async def test_hostile_world(sandbox: Sandbox, open_on: Callable[[Sandbox], DeskApp]) -> None:
    """Texts in dev that are made to break a terminal, in names, errors and logs, are drawn as text."""
    app = open_on(sandbox)
    async with app.run_test(size=SIZE) as pilot:
        await all_live(pilot, app, ("jenkins", "airflow", "vault"))
        app.select_environment("dev")
        await until(
            pilot, lambda: "dev" in text_of(app).splitlines()[0] and "hostile" in text_of(app), PATIENCE
        )
        await pilot.press("slash", *"hostile", "enter", "l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "line" in text_of(app), PATIENCE)
        assert "\x1b" not in text_of(app)
