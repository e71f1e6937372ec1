"""Thousands of rows cost what is seen of them, and what has not changed is not painted again."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from desk_fixtures import FRAME
from memory_desk import MemoryDesk
from painting import text_of, until
from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from fedesk.domain.board import PipelineRow
from fedesk.ui import rows as view_rows
from fedesk.ui.actions import Place, Target
from fedesk.ui.app import DeskApp
from fedesk.ui.collecting import keep_survivors
from fedesk.ui.listed import Column, Listed, ListState, Row, later
from fedesk.ui.screens.run import RunScreen
from fedesk.ui.widgets.row_list import RowList

pytestmark = pytest.mark.every_frame
ROWS = 8_000
COLUMNS = (Column(title="name", width=12, grow=1), Column(title="size", width=6, number=True))


@dataclass
class Counting:
    """Makes rows of numbers, and counts them."""

    made: list[int] = field(default_factory=list)

    def row(self, subject: int) -> Row:
        self.made.append(subject)
        return Row(
            key=str(subject),
            cells=(Content(self.words(subject)), Content(str(subject % 97))),
            target=Target(name=self.words(subject), id=str(subject)),
            numbers=self.numbers(subject),
        )

    def words(self, subject: int) -> str:
        return f"task_{subject:04}"

    def numbers(self, subject: int) -> Mapping[str, float | None]:
        return {"size": subject % 97}


class ListApp(App[None]):
    """A list alone."""

    def compose(self) -> ComposeResult:
        yield RowList(COLUMNS)


def rows(maker: Counting) -> list[Listed]:
    return later(range(ROWS), str, maker)


async def test_of_thousands_of_rows_those_that_are_seen_are_made() -> None:
    """Showing, filtering, sorting by a number and going to the end make rows for the window alone."""
    app, maker = ListApp(), Counting()
    async with app.run_test(size=(60, 24)) as pilot:
        listed = app.query_one(RowList)
        listed.show(rows(maker), ListState())
        await pilot.pause()
        listed.show(rows(maker), ListState())
        listed.go_last()
        listed.sort_by("size")
        listed.start_filter()
        for key in "79":
            await pilot.press(key)
        await pilot.pause()
        assert listed.row is not None
        assert len(maker.made) < ROWS / 10
        assert {row.key for row in listed.shown} >= {"79", "790", "7900"}


async def test_a_row_is_told_by_its_key_whatever_it_is_made_of() -> None:
    """The cursor stays on its row while rows are made anew, and while the filter lets more in."""
    app, maker = ListApp(), Counting()
    async with app.run_test(size=(60, 24)):
        listed = app.query_one(RowList)
        listed.show(rows(maker), ListState())
        listed.move_to(4_321)
        listed.hold()
        listed.show(rows(maker), ListState())
        assert listed.target.id == "4321"
        listed.show(rows(maker)[:4_000], ListState())
        assert listed.row is not None
        assert listed.row.gone
        assert listed.row.drawn().gone


async def test_a_row_that_says_the_same_again_is_not_told() -> None:
    """Rows are made anew every second; of the one under the cursor is told when it is another."""
    told: list[RowList.Selected] = []

    def note(message: Message) -> None:
        # Each widget that a message passes is a call.
        if isinstance(message, RowList.Selected) and message not in told:
            told.append(message)

    app, maker = ListApp(), Counting()
    async with app.run_test(size=(60, 24), message_hook=note) as pilot:
        listed = app.query_one(RowList)
        for shown in (rows(maker), rows(maker), rows(maker)[1:], rows(maker)[1:], []):
            listed.show(shown, ListState())
            await pilot.pause()
        assert [message.row and message.row.key for message in told] == ["0", "1", None]


async def test_of_a_view_the_rows_that_are_seen_are_made(
    make_app: Callable[..., DeskApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of hundreds of pipelines a screenful is made, when the view is switched to and when a board arrives."""
    desk = MemoryDesk()
    app = make_app(desk)
    made: list[str] = []
    make = view_rows._pipeline_row  # noqa: SLF001 - what is counted

    def counted(pipeline: PipelineRow, *given: Any) -> Row:
        made.append(pipeline.name)
        return make(pipeline, *given)

    monkeypatch.setattr(view_rows, "_pipeline_row", counted)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.board is not None)
        assert app.board is not None
        assert desk.board.on_board is not None
        one = app.board.pipelines[0]
        many = tuple(replace(one, name=f"pipeline_{number:03}") for number in range(400))
        desk.board.on_board(replace(app.board, pipelines=many))
        app.show_view(Place.PIPELINES)
        await until(pilot, lambda: "pipeline_000" in text_of(app))
        assert set(made) <= {one.name for one in many[:40]}


@pytest.mark.parametrize("place", [Place.TRIAGE, Place.PIPELINES, Place.SECRETS, Place.RUN])
async def test_a_second_without_news_paints_nothing(
    make_app: Callable[..., DeskApp], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same board again, and the clock's tick at the same moment, refresh no widget."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "not_null_payments_amount" in text_of(app))
        if place is Place.RUN:
            app.open_run(desk.reading.board.histories[0].runs[0].name)
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.detail is not None)
        else:
            app.show_view(place)
        refreshed: list[Widget] = []
        paint = Widget.refresh

        def refresh(widget: Widget, *regions: Region, **kinds: bool) -> Widget:
            refreshed.append(widget)
            return paint(widget, *regions, **kinds)

        async def is_still() -> bool:
            refreshed.clear()
            await pilot.pause(2 * FRAME)
            return not refreshed

        monkeypatch.setattr(Widget, "refresh", refresh)
        while not await is_still():
            pass
        assert app.board is not None
        assert desk.board.on_board is not None
        desk.board.on_board(app.board)
        app._tick()  # noqa: SLF001 - a second passes
        await pilot.pause(2 * FRAME)
        assert refreshed == []


def test_what_outlives_a_full_collection_is_not_looked_at_by_the_next() -> None:
    """A desk that knows much does not pause at each; of the younger generations nothing is set aside."""
    aside = gc.get_freeze_count()
    keep_survivors("start", {"generation": 2})
    keep_survivors("stop", {"generation": 1})
    assert gc.get_freeze_count() == aside
    keep_survivors("stop", {"generation": 2})
    assert gc.get_freeze_count() > aside


async def test_a_process_with_more_than_a_desk_keeps_its_collector(make_app: Callable[..., DeskApp]) -> None:
    """What a desk has made is not set aside where others live beside it: it goes when the desk does."""
    app, aside = make_app(MemoryDesk()), gc.get_freeze_count()
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.board is not None)
    assert gc.get_freeze_count() <= aside
