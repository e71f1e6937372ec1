"""Rows that are marked, and one frame for all of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from acting_desk import ActingDesk, acting
from memory_desk import MemoryDesk, a_board
from painting import text_of, type_in, until
from test_desk import Make, hand_over, ready
from test_operation_screen import SIZE, frame, red_run, words
from textual.message import Message
from textual.pilot import Pilot

from fedesk.domain.operations import Outcome
from fedesk.domain.reruns import TaskPin
from fedesk.ports.errors import ServerFaultError
from fedesk.ui.actions import Place
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.widgets.row_list import RowList

NEWEST_FAILED = "scheduled__2026-11-14T00:00:00+00:00"


async def pipelines(pilot: Pilot[int]) -> MainScreen:
    """The pipelines are listed."""
    app = await red_run(pilot)
    await pilot.press("2")
    screen = app.screen
    assert isinstance(screen, MainScreen)
    await until(pilot, lambda: screen.place is Place.PIPELINES and screen.rows.row is not None)
    return screen


def busy(desk: ActingDesk, dag: str) -> None:
    """Somebody is at a run already."""
    pin = TaskPin(task_id="publish", map_index=None, try_number=1, state="running")
    desk.world.active[f"{dag}/{NEWEST_FAILED}"] = (pin,)


async def test_marks_are_by_identity(make_app: Make) -> None:
    """A mark stays on its row when rows arrive and go; the count stands in the title; Esc takes all away."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("space", "space")
        assert "2 marked" in text_of(app)
        assert text_of(app).count("◆") == 2
        board = a_board()
        fresh = replace(board.findings[0], id="failed:new", subject="brand_new")
        hand_over(desk, replace(board, findings=(fresh, *board.findings[1:])))
        await until(pilot, lambda: "1 new" in text_of(app))
        assert "2 marked" in text_of(app)
        marked = [line for line in text_of(app).splitlines() if "◆" in line]
        assert "payments_daily" in marked[0]
        await pilot.press("r")
        await until(pilot, lambda: "brand_new" in text_of(app))
        assert "1 marked" in text_of(app)
        assert "deploy fx_rates" in next(line for line in text_of(app).splitlines() if "◆" in line)
        await pilot.press("slash", *"kyc", "enter")
        assert "1 marked" in text_of(app)
        assert screen.target.marked == 1
        await pilot.press("escape", "escape")
        assert "marked" not in text_of(app)


async def test_space_takes_the_mark_away_again(make_app: Make) -> None:
    """The same key marks and unmarks, and goes one row down each time."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        before = screen.target.name
        await pilot.press("space")
        assert screen.target.name != before
        await pilot.press("k", "space")
        assert "marked" not in text_of(app)


async def test_marked_runs_are_planned_in_one_frame(tmp_path: Path) -> None:
    """One plan an item, blocked ones below; one yes for those that can go, and a result for each."""
    with acting(tmp_path) as (desk, app):
        busy(desk, "fx_rates")
        async with app.run_test(size=SIZE) as pilot:
            await pipelines(pilot)
            await pilot.press("j", "j", "space", "g", "space", "space", "R")
            await until(pilot, lambda: frame(app).situation.is_planned)
            shown = text_of(app)
            assert "Run 2 of 3 again on prod/airflow?" in shown
            assert "2 can go, 1 blocked" in shown
            assert shown.index("ledger_load") < shown.index("payments_daily") < shown.index("✗ blocked")
            await pilot.press("down", "down")
            await until(pilot, lambda: "1 task instance of the run is active: publish" in words(app))
            await type_in(pilot, *"prod", "tab", *"INC-7")
            assert "▸ ARMED ctrl+y Run 2 of 3 again on prod/airflow?" in words(app)
            await pilot.press("ctrl+y")
            await until(pilot, lambda: "2 succeeded, 1 blocked" in text_of(app))
            assert "not done: blocked. somebody at it" in words(app)
            await pilot.press("g", "k", "k")
            await until(pilot, lambda: "✓ succeeded 3 of 3 task instances are cleared." in words(app))
        assert {operation.outcome for operation in desk.sql.operations()} == {Outcome.SUCCEEDED}
        assert sorted(str(call.args["dag_id"]) for call in desk.world.sent) == [
            "ledger_load",
            "payments_daily",
        ]
        assert len(desk.launcher.warmed) == 1


async def test_selection_at_rest_is_at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the list leads to no drawing: when nobody moves any more, no row is told again."""
    monkeypatch.setattr("fedesk.ui.app._TICK", 3600.0)
    told: list[Message] = []
    counts: list[int] = []

    def is_at_rest() -> bool:
        counts.append(len(told))
        return counts[-20:] == [len(told)] * 20

    def note(message: Message) -> None:
        if isinstance(message, RowList.Selected):
            told.append(message)

    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE, message_hook=note) as pilot:
            await pipelines(pilot)
            await pilot.press("space", "space", "R")
            await until(pilot, lambda: frame(app).situation.is_planned)
            await until(pilot, is_at_rest)
            assert told


async def test_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    """Each ends on its own: what is lost for one is told of that one alone."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await pipelines(pilot)
            await pilot.press("space", "space", "R")
            await until(pilot, lambda: frame(app).situation.is_planned)
            run_id = f"ledger_load/{NEWEST_FAILED}"
            pins = desk.world.pins(run_id)
            desk.world.tasks[run_id] = [replace(pins[0], try_number=9), *pins[1:]]
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await until(pilot, lambda: "1 refused, 1 succeeded" in text_of(app))
        assert [str(call.args["dag_id"]) for call in desk.world.sent] == ["payments_daily"]


async def test_rows_without_a_run_are_left_out_and_counted(tmp_path: Path) -> None:
    """A finding behind which no run stands cannot be run again; how many were left out is said."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await red_run(pilot)
            await pilot.press("space", "G", "space", "R")
            await until(pilot, lambda: isinstance(app.screen, OperationScreen))
            assert "1 of 2 marked rows have no run" in words(app)
            assert len(frame(app).situation.items) == 1


async def test_selection_with_everything_blocked_is_never_armed(tmp_path: Path) -> None:
    """Where none can go there is nothing to type and nothing to confirm."""
    with acting(tmp_path) as (desk, app):
        desk.world.problem = ServerFaultError("Airflow prod answered 503.")
        async with app.run_test(size=SIZE) as pilot:
            await pipelines(pilot)
            await pilot.press("space", "space", "R")
            await until(pilot, lambda: frame(app).situation.is_planned)
            assert "2 no plan" in text_of(app)
            assert "not armed: none of it can be done" in words(app)
            await pilot.press("ctrl+y")
        assert desk.sql.operations() == ()
