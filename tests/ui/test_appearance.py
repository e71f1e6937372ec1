"""How the desk is drawn, on screen: every theme, the one that was chosen, and what the configuration says."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pexpect
import pyte
from memory_desk import MemoryDesk, StillClock, front
from painting import said, text_of, until
from rich.color import ColorType
from textual.pilot import Pilot

from fedesk.domain.front import Appearance
from fedesk.ui.app import DeskApp

Make = Callable[..., DeskApp]
SIZE = (110, 30)
MOUSE = "\x1b[?1000h"
"""Mouse reports are wanted (xterm's control sequences, DECSET 1000)."""
SCRIPT = Path(__file__).with_name("desk_in_a_terminal.py")


def an_app(appearance: Appearance) -> DeskApp:
    desk = MemoryDesk()
    page = replace(front(), appearance=appearance)
    return DeskApp(page, lambda _: desk, StillClock(), environ={"TERM": "xterm-256color"})


async def board(pilot: Pilot[int], app: DeskApp) -> None:
    await until(pilot, lambda: app.board and "payments_daily" in text_of(app))


async def test_every_theme_can_be_chosen(make_app: Make) -> None:
    """Textual's own, those of a terminal's colours too: production stands on a colour of its own in each."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await board(pilot, app)
        for name in sorted(app.available_themes):
            app.theme = name
            await pilot.pause()
            line = app.screen._compositor.render_strips(app.size)[0]  # noqa: SLF001 - what a terminal would be sent
            worded = [segment for segment in line if segment.style and segment.text.strip()]
            grounds = {segment.style.bgcolor: segment.text for segment in worded if segment.style}
            marked = [ground for ground, text in grounds.items() if "PROD" in text]
            assert len(marked) == 1, name
            assert marked[0] is not None, name
            assert marked[0].type is not ColorType.DEFAULT, name
            assert len(grounds) > 1, name


async def test_the_theme_that_was_chosen_comes_back(make_app: Make) -> None:
    """Chosen in one desk it is the next one's; a configuration that names one is not overruled for long."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        app.theme = "nord"
        await pilot.pause()
    again = make_app()
    async with again.run_test(size=SIZE) as pilot:
        await board(pilot, again)
        assert again.theme == "nord"
    named = an_app(Appearance(theme="gruvbox"))
    async with named.run_test(size=SIZE) as pilot:
        await board(pilot, named)
        assert named.theme == "gruvbox"
        named.theme = "dracula"
        await until(pilot, lambda: said(named))
        assert said(named) == ["dracula until the desk is left; the configuration names gruvbox."]
    third = make_app()
    async with third.run_test(size=SIZE) as pilot:
        await board(pilot, third)
        assert third.theme == "nord"


async def test_a_theme_of_ones_own_and_one_there_is_not() -> None:
    """A user's theme needs one colour; what cannot be had is said, and the desk opens."""
    own = an_app(Appearance(theme="mine", themes={"mine": {"primary": "#336699", "dark": False}}))
    async with own.run_test(size=SIZE) as pilot:
        await board(pilot, own)
        assert (own.theme, said(own)) == ("mine", [])
    none = an_app(Appearance(theme="mien", themes={"mine": {"primary": "blueish"}}))
    async with none.run_test(size=SIZE) as pilot:
        await board(pilot, none)
        first, second = said(none)
        assert first.startswith("The theme mine cannot be used: failed to parse 'blueish' as a color")
        assert second == "There is no theme 'mien'; ctrl+p has all."


async def test_nothing_moves_by_itself_where_that_is_asked(make_app: Make) -> None:
    """By the configuration, and by the environment's variable."""
    assert an_app(Appearance(motion="reduced")).animation_level == "none"
    assert make_app(environ={"TERM": "xterm-256color", "REDUCE_MOTION": "1"}).animation_level == "none"
    assert make_app().animation_level == "full"


def painted(folder: Path, mode: str = "fine", **environ: str) -> tuple[pyte.Screen, str]:
    """What a terminal that answers nothing shows once the board is there, and all that was written to it."""
    child = pexpect.spawn(
        sys.executable,
        [str(SCRIPT), mode, str(folder)],
        dimensions=(30, 110),
        encoding="utf-8",
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SCRIPT.parent), "LANG": "C.UTF-8", **environ},
    )
    screen = pyte.Screen(110, 30)
    stream = pyte.Stream(screen)
    written = ""
    while not all(
        word in "".join(screen.display) for word in ("PROD", "jenkins", "deploy fx_rates", "since")
    ):
        child.expect(r"[\s\S]+")
        written += child.after
        stream.feed(child.after)
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    return screen, written


def cells(screen: pyte.Screen, row: int, word: str) -> list[pyte.screens.Char]:
    """The cells of a word on a row."""
    at = screen.display[row].index(word)
    return [screen.buffer[row][column] for column in range(at, at + len(word))]


def test_a_terminal_without_colours_glyphs_or_answers(tmp_path: Path) -> None:
    """A VT100: ASCII alone, no colour, no question; production and the cursor are reversed."""
    screen, written = painted(tmp_path, TERM="vt100")
    shown = "\n".join(screen.display)
    assert shown.isascii()
    assert "payments_daily" in shown
    assert "x failed" in shown
    assert all(cell.reverse and cell.bold for cell in cells(screen, 0, "PROD read-only"))
    assert not any(cell.reverse for cell in cells(screen, 0, "jenkins"))
    assert all(cell.reverse for cell in cells(screen, 3, "payments_daily"))
    assert not any(cell.reverse for cell in cells(screen, 4, "deploy fx_rates"))
    assert {(cell.fg, cell.bg) for line in screen.buffer.values() for cell in line.values()} == {
        ("default", "default")
    }
    assert "$p" not in written
    assert "\x1b[>" not in written
    assert MOUSE in written


def test_a_terminal_of_sixteen_colours_and_no_unicode(tmp_path: Path) -> None:
    """Failed is red and production stands on red; where the encoding has no glyphs ASCII is drawn.

    The mouse is left to the terminal where the configuration says so.
    """
    screen, written = painted(
        tmp_path,
        "without a mouse",
        TERM="xterm-16color",
        LANG="C",
        LC_ALL="C",
        PYTHONCOERCECLOCALE="0",
        PYTHONUTF8="0",
    )
    assert "\n".join(screen.display).isascii()
    assert {cell.bg for cell in cells(screen, 0, "PROD read-only")} == {"red"}
    assert cells(screen, 3, "x")[0].fg == "brightred"
    assert {cell.bg for cell in cells(screen, 3, "payments_daily")} == {"brightblack"}
    assert MOUSE not in written
