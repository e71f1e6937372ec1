"""A picture of each screen, at a still moment: what changes in it is looked at before it lands."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from memory_desk import MemoryDesk, a_board, failing, snapshots
from painting import text_of, until
from textual.pilot import Pilot

from fedesk.ui.app import DeskApp

Make = Callable[..., DeskApp]
Compare = Callable[..., bool]
SHOWN = {
    "triage": ([], "c0ffee12"),
    "pipelines": (["2"], "regulatory_report"),
    "secrets": (["3"], "partner-api"),
    "filter": (["2", "slash", "k", "y", "c"], "1 of 6"),
    "run": (["enter"], "5 tasks"),
    "log": (["l"], "complete, 44 lines"),
    "runs": (["h"], "Runs of payments_daily"),
    "help": (["question_mark"], "Keys of triage"),
    "environments": (["e"], "Environments"),
}


def settled(app: DeskApp, keys: list[str], said: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Press the keys once the first board is drawn, and wait for what the screen then says."""

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board)
        await until(pilot, lambda: not app.board or not app.board.findings or "not_null" in text_of(app))
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: said in text_of(app))

    return run


@pytest.mark.parametrize("name", list(SHOWN))
def test_screen(snap_compare: Compare, make_app: Make, name: str) -> None:
    """The screen looks as it did."""
    app = make_app()
    keys, said = SHOWN[name]
    assert snap_compare(app, terminal_size=(120, 34), run_before=settled(app, keys, said))


@pytest.mark.parametrize("theme", ["textual-light", "nord"])
def test_theme(snap_compare: Compare, make_app: Make, theme: str) -> None:
    """A theme of Textual's own needs no edit."""
    app = make_app()

    async def run(pilot: Pilot[int]) -> None:
        app.theme = theme
        await settled(app, [], "c0ffee12")(pilot)

    assert snap_compare(app, terminal_size=(120, 34), run_before=run)


def test_small_terminal(snap_compare: Compare, make_app: Make) -> None:
    """At 80 by 24 the side stands below the list."""
    app = make_app()
    assert snap_compare(app, terminal_size=(80, 24), run_before=settled(app, [], "not_null"))


def test_silent_systems(snap_compare: Compare, make_app: Make) -> None:
    """Stale rows are dimmed; the border says since when, the finding which system and when it is tried."""
    found = snapshots()
    board = a_board(found=(found[0], failing(found[1]), *found[2:]))
    app = make_app(MemoryDesk(board=board))
    assert snap_compare(
        app, terminal_size=(120, 34), run_before=settled(app, ["j", "j", "j"], "Bump dbt-core")
    )


def test_nothing_wrong(snap_compare: Compare, make_app: Make) -> None:
    """An empty list says why it is empty."""
    app = make_app(MemoryDesk(board=replace(a_board(), findings=())))
    assert snap_compare(app, terminal_size=(120, 34), run_before=settled(app, [], "Nothing is wrong"))


def test_no_color(snap_compare: Compare, make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour everything is still told apart."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    assert snap_compare(app, terminal_size=(120, 34), run_before=settled(app, ["2"], "regulatory_report"))


def test_poor_terminal(snap_compare: Compare, make_app: Make) -> None:
    """On the Linux console everything of ours is ASCII."""
    app = make_app(environ={"TERM": "linux"})
    assert snap_compare(app, terminal_size=(120, 34), run_before=settled(app, [], "c0ffee12"))
