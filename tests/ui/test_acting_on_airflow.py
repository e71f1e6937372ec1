"""From the red run to a real Airflow 3.3: keys pressed, runners in processes of their own, the real clock."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow_change_cases import ChangeCase
from airflow_desk import MONTHLY, MONTHLY_FAILED, PASSWORD, PERSON, AirflowDesk, Meanwhile, desk_on
from painting import text_of, type_in, until
from test_desk_on_sandbox import all_live
from test_operation_screen import frame, words
from textual import events
from textual.pilot import Pilot

from fedesk.composition import front_page
from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.execution import Desk, open_desk
from fedesk.services.clock import SystemClock
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.operation import OperationScreen

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

SIZE = (160, 44)
PATIENCE = 30.0


@pytest.fixture
def desk(live_change_case: ChangeCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AirflowDesk:
    monkeypatch.setenv(PASSWORD, live_change_case.writer.password)
    return desk_on(live_change_case, tmp_path)


def app_on(desk: AirflowDesk, meanwhile: Callable[[], object] | None = None) -> DeskApp:
    """The app; ``meanwhile`` happens between a confirmation and its runner."""

    def opened(name: str | None) -> Desk:
        made = open_desk(desk.config, name or "prod", SystemClock())
        if meanwhile is not None:
            made.__dict__["launcher"] = Meanwhile(made.launcher, meanwhile)
        return made

    return DeskApp(
        front_page(desk.config, "prod"),
        opened,
        SystemClock(),
        crash_folder=desk.config.parent,
        environ={"TERM": "xterm-256color"},
    )


async def planned(pilot: Pilot[int], app: DeskApp, command: str) -> OperationScreen:
    """The plan that the ``:`` line leads to."""
    await all_live(pilot, app, ("airflow",))
    await pilot.press("colon")
    app.post_message(events.Paste(command))
    await until(pilot, lambda: command in text_of(app))
    await pilot.press("enter")
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


async def test_a_failed_run_is_cleared_by_keys(desk: AirflowDesk) -> None:
    """R on the finding, prod, a reason, ctrl+y: its tasks are cleared once, and all records agree on it."""
    run_id = desk.failed()
    app = app_on(desk)

    def is_found() -> bool:
        findings = app.board.findings if app.board else ()
        return any(finding.run is not None and finding.run.id == run_id for finding in findings)

    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, is_found, PATIENCE)
        await pilot.press("slash", *MONTHLY, "enter", "g", "R")
        await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
        await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)
        assert str(frame(app).target.run) == desk.run(run_id)
        assert "Clear 2 task instances of partners_monthly / " in text_of(app)
        await type_in(pilot, *"prod", "tab", *"late file INC-7")
        shown = words(app)
        await pilot.press("ctrl+y")
        operation = await ended(pilot, app)
        await until(pilot, lambda: "✓ succeeded" in text_of(app), PATIENCE)
        painted = text_of(app)
    assert operation.outcome is Outcome.SUCCEEDED
    assert f"digest {operation.digest[:12]}" in shown
    assert operation.owner is not None
    assert operation.owner.pid != os.getpid()
    assert (operation.plan.requester, operation.plan.reason) == (PERSON, "late file INC-7")
    assert [entry.state for entry in operation.journal if entry.step == "clear"] == [
        StepState.INTENDED,
        StepState.DONE,
    ]
    note = f"fedesk {operation.plan.operation}"
    assert desk.case.finish(run_id) == "success"
    now = desk.standing(run_id)
    assert now.clears == ((desk.case.writer.user, note),)
    assert {name: found[3] for name, found in now.instances.items()} == dict.fromkeys(MONTHLY_FAILED, note)
    assert desk.phases() == ["override", "intent", "outcome"]
    assert {record.draft.plan_digest for record in desk.records()[1:]} == {operation.digest}
    assert desk.password not in painted


@pytest.mark.usefixtures("holding")
async def test_a_run_that_somebody_is_clearing_is_blocked(desk: AirflowDesk) -> None:
    """Mara has cleared it: the plan says so and is armed by nothing; hers is the only clear."""
    run_id = desk.failed(holds=True)
    desk.case.mara_clears(run_id, note="mara is at it")
    app = app_on(desk)
    async with app.run_test(size=SIZE) as pilot:
        await planned(pilot, app, f"rerun {desk.run(run_id)}")
        assert "✗ Blocked" in text_of(app)
        assert "mara is at it" in words(app)
        await pilot.press("ctrl+y")
        assert frame(app).situation.missing == "it is blocked"
    assert desk.standing(run_id).clears == (("mara", "mara is at it"),)
    assert desk.operations() == ()
    assert desk.phases() == []


@pytest.mark.usefixtures("holding")
async def test_a_run_that_changed_after_the_confirmation_is_refused(desk: AirflowDesk) -> None:
    """Mara is faster than the runner: refused in frame, journal and audit log; hers is the only clear."""
    run_id = desk.failed(holds=True)
    app = app_on(desk, lambda: desk.case.mara_clears(run_id, note="faster"))
    async with app.run_test(size=SIZE) as pilot:
        await planned(pilot, app, f"rerun {desk.run(run_id)}")
        await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
        operation = await ended(pilot, app)
        await until(pilot, lambda: "⊘ refused" in text_of(app), PATIENCE)
        assert "Nothing was sent." in words(app)
    assert operation.outcome is Outcome.REFUSED
    assert operation.is_conflict
    now = desk.standing(run_id)
    assert now.clears == (("mara", "faster"),)
    assert {found[3] for found in now.instances.values()} == {"faster"}
    assert desk.phases() == ["override", "refusal"]


async def test_what_is_missing_or_named_wrong_arms_nothing(desk: AirflowDesk) -> None:
    """No name, another one, no reason, another environment beside the run: all is as it was."""
    run_id = desk.case.untouched()
    before = desk.standing(run_id)
    app = app_on(desk)
    async with app.run_test(size=SIZE) as pilot:
        await planned(pilot, app, f"rerun {desk.run(run_id)}")
        assert "asks write window prod is read-only" in words(app)
        await pilot.press("ctrl+y")
        assert "not armed: type the environment's name, prod" in words(app)
        await type_in(pilot, *"staging", "tab", *"INC-7", "ctrl+y")
        assert "not armed: this is prod, not staging" in words(app)
        await pilot.press("ctrl+u", "tab", "tab", "ctrl+u", *"prod", "ctrl+y")
        assert frame(app).situation.typed.reason == ""
        assert frame(app).situation.missing == "a reason or a ticket is needed"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, OperationScreen), PATIENCE)
        await planned(pilot, app, f"rerun {desk.run(run_id)} --env staging")
        assert "prod/airflow belongs to prod, and staging was named" in words(app)
        await pilot.press("ctrl+y")
        assert frame(app).situation.missing != ""
    assert desk.standing(run_id) == before
    assert desk.operations() == ()
    assert [(record.draft.phase.value, record.draft.target) for record in desk.records()] == [
        ("refusal", desk.run(run_id))
    ]
