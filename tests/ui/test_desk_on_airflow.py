"""From the failed run to its log, over a real Airflow 3.3; the command line over the emulator too."""

import json
from pathlib import Path

import pytest
from airflow_cases import Case
from painting import text_of, until

from fedesk.__main__ import main
from fedesk.composition import front_page
from fedesk.domain.states import Standing
from fedesk.execution import open_desk
from fedesk.services.clock import SystemClock
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.run import RunScreen

CONFIGURATION = """
[environments.prod]
production = true
mode = "read-only"
[environments.prod.airflow]
url = "{url}"
user = "{user}"
credential = "env:FEDESK_TEST_PASSWORD"
"""


@pytest.fixture
def case(airflow_case: Case) -> Case:
    return airflow_case


@pytest.fixture
def config(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEDESK_TEST_PASSWORD", case.password)
    path = tmp_path / "fedesk.toml"
    path.write_text(CONFIGURATION.format(url=case.url, user=case.user))
    return path


def test_the_command_line_finds_the_failed_run_and_its_log(
    case: Case, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``failures`` names the run that failed; ``log`` with that name gives the log of its failed task."""
    run_id, task, tries = case.failed
    assert main(["failures", "--since", "30d", "--json", "--config", str(config)]) == 0
    failures = {one["run"]: one for one in json.loads(capsys.readouterr().out)["failures"]}
    name = f"prod/airflow:{run_id}"
    assert task in failures[name]["reason"]
    assert failures[name]["state"] == "failed"
    assert main(["log", name, "--config", str(config)]) == 0
    newest = capsys.readouterr().out
    assert main(["log", f"{name}::{task}@{tries}", "--config", str(config)]) == 0
    assert capsys.readouterr().out == newest != ""


@pytest.mark.live
@pytest.mark.parametrize("airflow_case", ["real"], indirect=True)
async def test_the_desk_leads_from_the_finding_to_the_log(case: Case, config: Path) -> None:
    """The failed run is a finding; Enter opens it with its tasks, ``l`` the log at the line that says why."""
    run_id, task, _ = case.failed
    dag = run_id.partition("/")[0]
    app = DeskApp(
        front_page(config, None), lambda name: open_desk(config, name, SystemClock()), SystemClock()
    )
    async with app.run_test(size=(140, 40)) as pilot:
        await until(
            pilot,
            lambda: app.board is not None and app.board.snapshots[0].standing is Standing.LIVE,
            60,
        )
        await until(pilot, lambda: dag in text_of(app), 60)
        await pilot.press("slash", *dag, "enter")
        await until(pilot, lambda: f"✗ {task}" in text_of(app), 60)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and task in text_of(app), 60)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "complete" in text_of(app), 60)
        assert "✗" in text_of(app)
