"""The log as it is drawn: any length and any text, following, errors and search. Keys in, rows out."""

import tracemalloc
from pathlib import Path

import pytest
from painting import until
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from fedesk.domain.text import clean
from fedesk.services.log_text import FilePages, LogText, MemoryPages, Pages
from fedesk.ui.present import VARIABLES
from fedesk.ui.widgets.log_buffer import LogBuffer
from fedesk.ui.widgets.log_view import LogView

STYLES = Path(__file__).parents[2] / "styles"


class LogScreen(Screen[None]):
    """Only what the view needs to be pressed."""

    def __init__(self, pages: Pages) -> None:
        super().__init__()
        self._pages = pages

    def compose(self) -> ComposeResult:
        yield LogView(LogBuffer(LogText(self._pages)))


class Host(App[None]):
    """A screen with one log in it."""

    CSS_PATH = [STYLES / "log.tcss"]  # noqa: RUF012  # Textual's own declaration
    BINDINGS = [  # noqa: RUF012  # Textual's own declaration
        Binding("j", "view('move(1)')"),
        Binding("k", "view('move(-1)')"),
        Binding("g", "view('go_first()')"),
        Binding("G", "view('go_last()')"),
        Binding("e", "view('next_error()')"),
        Binding("n", "view('next_match()')"),
        Binding("N", "view('previous_match()')"),
        Binding("w", "view('toggle_wrap()')"),
        Binding("right", "view('move_sideways(1)')"),
        Binding("pageup", "view('move_page(-1)')"),
        Binding("pagedown", "view('move_page(1)')"),
    ]

    def __init__(self, pages: Pages | None = None) -> None:
        super().__init__()
        self._pages = MemoryPages() if pages is None else pages

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES[True])

    def on_mount(self) -> None:
        self.push_screen(LogScreen(self._pages))

    @property
    def view(self) -> LogView:
        return self.screen.query_one(LogView)

    def put(self, *lines: str) -> None:
        """More lines have arrived."""
        self.view.buffer.text.append("".join(f"{line}\n" for line in lines))
        self.view.grew()

    def action_view(self, call: str) -> None:
        name, _, argument = call.rstrip(")").partition("(")
        getattr(self.view, name)(*map(int, argument.split(",") if argument else ()))

    def rows(self) -> list[str]:
        """The view as text, row by row."""
        return [
            self.view.render_line(y).text.rstrip() for y in range(self.view.scrollable_content_region.height)
        ]


HOSTILE = [
    "[bold red]markup[/] [/nothing] [@click=app.quit]x[/]",
    clean("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x07bell"),
    clean(b"broken \xff\xfe utf-8".decode("utf-8", "replace")),
    clean("lone \ud800 surrogate"),
    clean("\N{RIGHT-TO-LEFT OVERRIDE}txt.exe tab\tbed"),
]


async def test_hostile_text_is_drawn_as_text() -> None:
    """Markup, escapes, broken bytes, lone surrogates and overrides neither act nor end the app."""
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.put(*HOSTILE)
        await pilot.pause()
        rows = app.rows()
        assert rows[0].endswith("[bold red]markup[/] [/nothing] [@click=app.quit]x[/]")
        assert rows[1].endswith("red  ␇bell")
        assert rows[2].endswith("broken �� utf-8")
        assert rows[3].endswith("lone � surrogate")
        assert rows[4].endswith("txt.exe tab     bed")


@pytest.mark.every_frame
async def test_one_scrolls_to_the_end_of_a_line_that_is_seen_late() -> None:
    """Of a log of many pages a long line in the middle can be read to its end once one has come to it."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        short = ["x" * 40] * 4_000
        app.put(*short, "y" * 300 + " the very end", *short)
        await pilot.pause()
        await pilot.press("g")
        assert app.view.max_scroll_x == 0
        app.view.go_to(4_000)
        await until(pilot, lambda: app.view.max_scroll_x > 0)
        await pilot.press(*["right"] * 10)
        await until(pilot, lambda: any(row.endswith("the very end") for row in app.rows()))


async def test_the_end_is_followed_until_one_moves_away() -> None:
    """New lines keep the end in view; scrolling up stays where one looks; G follows again."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*(f"row {n}" for n in range(100)))
        await pilot.pause()
        assert app.rows()[-1].endswith("row 99")
        await pilot.press("k", "k")
        seen = app.rows()
        app.put(*(f"row {n}" for n in range(100, 200)))
        await pilot.pause()
        assert app.rows() == seen
        assert not app.view.position.following
        await pilot.press("G")
        assert app.rows()[-1].endswith("row 199")
        app.put("row 200")
        await pilot.pause()
        assert app.rows()[-1].endswith("row 200")
        await pilot.press("g")
        assert app.rows()[0].endswith("row 0")
        await pilot.press(*["pagedown"] * 60)
        assert app.view.position.following


async def test_the_end_is_seen_without_a_resize(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that bring the scroll bar are scrolled to by themselves: no event of size need come after."""
    app = Host()
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(LogView, "on_resize", lambda _view, _event: None)
        app.put(*(f"row {n}" for n in range(100)))
        await pilot.pause()
        assert app.view.position.following
        assert app.rows()[-1].endswith("row 99")


@pytest.mark.parametrize("at_end", [True, False], ids=["end", "jump"])
async def test_what_is_wanted_is_seen_when_the_scroll_bar_comes_late(
    monkeypatch: pytest.MonkeyPatch,
    *,
    at_end: bool,
) -> None:
    """What was scrolled to before there was a scroll bar is scrolled to once there is one."""
    app = Host()
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(LogView, "on_resize", lambda _view, _event: None)
        monkeypatch.setattr(app.view, "call_after_refresh", lambda call, *args: call(*args))
        app.put(*(f"row {n}" for n in range(100)))
        if not at_end:
            app.view.go_to(60)
        assert app.view.scroll_offset.y == 0
        await pilot.pause()
        seen = [row.split()[-1] for row in app.rows()]
        assert seen[-1] == "99" if at_end else "60" in seen


async def test_a_million_lines_take_bounded_memory() -> None:
    """Every line of a log of a million is there, and where one looks stays in place as it grows."""
    app = Host(FilePages())
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*(f"row {n}" for n in range(20_000)))
        await pilot.pause()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for begin in range(20_000, 1_000_000, 20_000):
            app.put(*(f"row {n}" for n in range(begin, begin + 20_000)))
        await pilot.pause()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert app.rows()[-1].endswith("row 999999")
        assert grown < 10_000_000
        await pilot.press("g")
        assert app.rows()[0].endswith("row 0")
        app.view.go_to(500_000)
        await pilot.pause()
        seen = app.rows()
        app.put(*["x"] * 4_000)
        await pilot.pause()
        assert app.rows() == seen
        app.view.buffer.text.close()


async def test_what_is_not_kept_is_counted() -> None:
    """Where only memory may be used and is bounded, the view says how many lines are not kept."""
    app = Host(MemoryPages(at_most=1))
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*(f"row {n}" for n in range(20_000)))
        await pilot.press("g")
        first = app.view.buffer.first
        assert first > 0
        assert app.rows()[0].strip() == f"{first:,} earlier lines are not kept"
        assert app.rows()[1].endswith(f"row {first}")


@pytest.mark.parametrize("letter", ["x", "é", "日"])
async def test_a_megabyte_line_is_drawn_in_part(letter: str) -> None:
    """A line of a megabyte shows the part that is seen, scrolled or wrapped."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put("begin " + letter * 1_000_000 + " end", "after")
        await pilot.pause()
        assert app.rows()[0].strip().startswith("1 begin " + letter)
        await pilot.press("right", "right")
        assert set(app.rows()[0].split()[-1]) == {letter, "…"}
        app.view.scroll_to(x=app.view.max_scroll_x, animate=False)
        await pilot.pause()
        app.rows()
        await pilot.press("w", "G")
        assert "".join(row.strip() for row in app.rows()[:-1]).endswith("end")
        assert app.rows()[-1].endswith("after")
        app.view.search("end")
        await pilot.pause()
        assert app.view.position.matches == 1


async def test_errors_are_marked_and_visited() -> None:
    """``e`` goes to the line that says why, then from error to error, round and round; a glyph marks each."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        errors = {40: "ERROR: one", 120: "ERROR: checksum mismatch", 250: "ERROR: another"}
        app.put(*(errors.get(n, f"row {n}") for n in range(300)))
        await pilot.pause()
        visited = []
        for _ in range(4):
            await pilot.press("e")
            position = app.view.position
            visited.append((position.line, position.error))
            assert any(row.startswith(f"▸✗{position.line:>4} ") for row in app.rows())
        assert visited == [(121, 2), (251, 3), (41, 1), (121, 2)]
        await pilot.press("G", "k")
        assert app.view.position.error == 0


async def test_search_goes_from_match_to_match() -> None:
    """A search starts where one is; n and N go on and round; lines that arrive are searched too."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*(f"row {n}" for n in range(100)))
        await pilot.press("g")
        app.view.search("row 7")
        await pilot.pause()
        assert app.view.position.line == 8
        assert app.view.position.matches == 11
        assert any(row.startswith("▸•") for row in app.rows())
        await pilot.press("n")
        assert app.view.position.line == 71
        await pilot.press("N", "N")
        assert app.view.position.line == 80
        app.put("row 700")
        assert app.view.position.matches == 12
        app.view.search("nowhere")
        assert app.view.position.matches == 0


async def test_without_an_error_or_a_match_nothing_moves() -> None:
    """``e`` and ``n`` in a log without any leave the view where it is."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*(f"row {n}" for n in range(50)))
        await pilot.press("g", "e", "n", "N")
        assert app.rows()[0].endswith("row 0")


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (20, 3), (4, 1)])
async def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    """Small terminals show less, and resizing keeps the end in view while it is followed."""
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.put(*HOSTILE, "ERROR: no", *(f"row {n} " + "x" * n for n in range(200)))
        await pilot.press("w", "e", "w", "G")
        await pilot.resize_terminal(70, 20)
        await until(pilot, lambda: " row 199 xxx" in app.rows()[-1])
        assert app.view.position.following


async def test_no_color_keeps_every_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour the signs of the gutter say what colour said."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put("fine", "ERROR: no", "fine again")
        app.view.search("again")
        await pilot.press("e")
        rows = app.rows()
        assert rows[1].startswith("▸✗")
        assert rows[2].startswith(" •")


async def test_a_cleared_view_starts_over() -> None:
    """Another try of a task begins at line 1, following."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*("ERROR: no" if n == 3 else f"row {n}" for n in range(50)))
        await pilot.press("e")
        app.view.show(LogBuffer())
        await pilot.pause()
        assert app.view.position.lines == 0
        assert app.view.position.following
        app.put("fresh")
        await pilot.pause()
        assert app.rows()[0].split() == ["1", "fresh"]


async def test_wrapped_lines_are_scrolled_row_by_row() -> None:
    """Where lines wrap one goes on by rows of the screen, inside a line too, and comes to both ends."""
    app = Host()
    async with app.run_test(size=(40, 6)) as pilot:
        app.put(*(f"<{n}>" + "x" * 100 for n in range(30)))
        await pilot.press("w", "G")
        end = app.rows()
        await pilot.press("k")
        assert app.rows()[1:] == end[:-1]
        await pilot.press("j")
        assert app.rows() == end
        assert app.view.position.following
        await pilot.press("g")
        assert app.rows()[0].strip().startswith("1 <0>")
        await pilot.press("j", "j", "j", "j")
        assert app.rows()[0].strip().startswith("2 <1>")
        await pilot.press("k", "k", "k", "k")
        assert app.rows()[0].strip().startswith("1 <0>")


async def test_only_matching_lines_keep_their_numbers() -> None:
    """The filter shows lines that match under their own numbers, and errors among them stay marked."""
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.put(*(f"ERROR: row {n}" if n == 42 else f"row {n}" for n in range(100)))
        app.view.search("row 4")
        app.view.select(only=True)
        await pilot.pause()
        rows = [row.strip(" ▸•") for row in app.rows() if row]
        assert rows[0].startswith("5 row 4")
        assert "✗  43 ERROR: row 42" in rows
        app.view.select(only=True, context=3)
        await pilot.pause()
        assert any(row.endswith("row 7") for row in app.rows())
