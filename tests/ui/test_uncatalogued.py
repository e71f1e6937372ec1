"""A desk without any catalogue: all that was discovered is shown, opened, read and planned, by keys."""

from pathlib import Path

import pytest
from painting import text_of, until
from sandbox_desk import SandboxClock, impatient
from test_desk_on_sandbox import PATIENCE, all_live
from test_operation_screen import frame
from textual.pilot import Pilot

from fedesk.composition import front_page
from fedesk.domain.catalogue import Tier
from fedesk.execution import open_desk
from fedesk.sandbox.server import Sandbox
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.run import RunScreen

DAG, JOB = "regulatory_reports", "finedge/prod/deploy-fx_rates"


@pytest.fixture
def app(sandbox: Sandbox, tmp_path: Path) -> DeskApp:
    """The app over the sandbox, whose configuration names no catalogue."""
    config = impatient(sandbox.config_path, tmp_path, seconds=30)
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("catalog")), encoding="utf-8")
    clock = SandboxClock(sandbox)
    return DeskApp(
        front_page(config, "prod"),
        lambda name: open_desk(config, name or "prod", clock),
        clock,
        crash_folder=tmp_path,
        environ={"TERM": "xterm-256color"},
    )


async def chosen(pilot: Pilot[int], app: DeskApp, name: str, typed: str) -> None:
    """The list of pipelines, filtered to one by what is typed."""
    screen = app.screen
    assert isinstance(screen, MainScreen)
    await pilot.press("2")
    await until(pilot, lambda: screen.place is Place.PIPELINES and screen.rows.row is not None, PATIENCE)
    await pilot.press("slash", *typed, "enter")
    await until(pilot, lambda: screen.target.name == name, PATIENCE)
    assert any(name in line and "uncatalogued" in line for line in text_of(app).splitlines())


@pytest.mark.parametrize(
    ("name", "typed"), [(DAG, DAG), pytest.param(JOB, "deploy-fx", marks=pytest.mark.soak)]
)
async def test_what_nobody_described_is_opened_read_and_planned(
    app: DeskApp, sandbox: Sandbox, name: str, typed: str
) -> None:
    """A DAG and a job: a row that says uncatalogued, its run, its log, and the plan of running it again."""
    async with app.run_test(size=(160, 44)) as pilot:
        await all_live(pilot, app, ("jenkins", "airflow"))
        await chosen(pilot, app, name, typed)
        board = app.board
        assert board is not None
        assert {(row.catalogued, row.tier) for row in board.pipelines} == {(False, Tier.LIST)}
        assert len(board.pipelines) == 80, "forty DAGs and forty jobs"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and name in text_of(app), PATIENCE)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "complete" in text_of(app), PATIENCE)
        await pilot.press("escape", "R")
        await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
        await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)
        made = frame(app).item.made
        assert made is not None
        assert name in made.proposal.plan.targets[0].name
        assert sandbox.world.airflow.events("prod")[1:] == []
