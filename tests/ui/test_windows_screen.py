"""Freezes, holds and maintenance on the desk: each state of their list, in words that need no colour."""

from dataclasses import replace
from datetime import timedelta

from making import NOW, minutes
from memory_desk import HOSTILE
from operation_values import AWAY
from painting import flat, said, text_of, until
from test_states import NEWER, GatedDesk, app_of, keys
from window_values import a_window, wall

from fedesk.domain.windows import Window, WindowKind
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.ui import window_text
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.windows import WindowsScreen

FREEZE = a_window(zone="Europe/London")
HOLD = a_window(WindowKind.HOLD, id="HLD-1", pipeline="payments_daily", reason=f"wrong rates {HOSTILE}")
AHEAD = a_window(
    WindowKind.MAINTENANCE, id="MNT-1", environment="staging", zone="America/New_York",
    starts=wall(NOW + timedelta(days=2)), ends=wall(NOW + timedelta(days=2, hours=2)),
)  # fmt: skip
ZONES = {"prod": "Europe/London", "staging": "Europe/London"}


def drawn(*windows: Window) -> list[str]:
    """What stands in each row, cell by cell."""
    rows = window_text.rows(windows, ZONES, NOW, dim=False)
    return [
        " | ".join(cell.plain if hasattr(cell, "plain") else str(cell) for cell in row.cells) for row in rows
    ]


def test_what_is_in_force_stands_first_and_says_until_when() -> None:
    """Times are those on the window's clocks, whose zone is named where it is not the environment's."""
    *now, ahead = drawn(AHEAD, FREEZE, HOLD)
    freeze, hold = sorted(now, reverse=True)
    assert freeze.startswith("▲ | in force | freeze | all of prod | until 04:13:10 | year end | ann")
    assert hold.startswith("⏸ | in force | hold | payments_daily in prod | until it is removed UTC | wrong")
    assert ahead.startswith("◷ | to come | maintenance | all of staging | 2026-11-22 02:43:10 until")
    assert "America/New_York" in ahead


def test_what_is_over_is_left_out_and_what_cannot_be_told_is_said() -> None:
    """A zone that this machine does not know: it blocks, and so it stands with what is in force."""
    over = a_window(starts=wall(NOW - timedelta(days=2)), ends=wall(NOW - timedelta(days=1)))
    removed = replace(FREEZE, closed_at=NOW - minutes(1), closed_by="ann", closed_why="done")
    unknown, ahead = drawn(over, AHEAD, removed, replace(FREEZE, zone="Mars/Olympus"))
    assert unknown.startswith(
        "? | unknown | freeze | all of prod | cannot be told Mars/Olympus | This machine"
    )
    assert ahead.startswith("◷")


async def test_each_state_of_the_list() -> None:
    """Loading, empty, rows, away, refused; by key and command; what adds one says where that works."""
    desk = GatedDesk()
    app = app_of(desk)
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: app.board and app.following.news)
        desk.kept.gate.close()
        await pilot.press("w")
        await until(pilot, lambda: "░░░" in text_of(app))
        desk.kept.gate.opened.set()
        await until(pilot, lambda: "Nothing is frozen, held or in maintenance" in flat(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        await keys(pilot, ":freeze add --for 2h")
        here = "freeze add works in a shell, `fedesk freeze add --for 2h`; here there is :windows."
        await until(pilot, lambda: here in flat(app) or any(here in one for one in said(app)))
        await pilot.press("escape")
        desk.kept.frozen = [FREEZE, HOLD]
        await keys(pilot, ":hold list")
        await until(pilot, lambda: isinstance(app.screen, WindowsScreen) and "payments_daily" in text_of(app))
        assert "▲ in force freeze" in flat(app)
        assert "\x1b" not in text_of(app)
        desk.kept.gate.error = StoreUnavailableError(AWAY)
        await until(pilot, lambda: "the store cannot be read since" in flat(app))
        assert "payments_daily in prod" in flat(app)
        await pilot.press("escape")
        desk.kept.gate.error = NEWER
        await keys(pilot, ":windows")
        await until(pilot, lambda: "newer fedesk" in flat(app))
