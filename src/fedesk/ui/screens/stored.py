"""Screens over what is read of the store: a list, and a text; read again when the store moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.base import ListScreen
from fedesk.ui.screens.texts import ReadingScreen
from fedesk.ui.store_read import StoreRead
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from fedesk.ui.desk import Records
    from fedesk.ui.listed import Column
    from fedesk.ui.reader import Answer

ValueT = TypeVar("ValueT")


class StoredListScreen(ListScreen, Generic[ValueT]):
    """Rows of something that is in the store. A subclass draws them, opens one and copies."""

    HEADING: ClassVar[str]

    def __init__(self, columns: Sequence[Column], what: Callable[[Records], tuple[ValueT, ...]]) -> None:
        super().__init__()
        self._rows = RowList(columns)
        self._read = StoreRead[tuple[ValueT, ...]](self, what)

    def compose(self) -> ComposeResult:
        """Status line, the rows, the keys."""
        yield StatusLine()
        self._rows.set_heading(self.HEADING)
        yield self._rows
        yield KeyLine(self.PLACE)

    @property
    def rows(self) -> RowList:
        """The rows."""
        return self._rows

    def on_mount(self) -> None:
        """Read them."""
        self.recall(self._rows)
        self._rows.focus()
        self._read.look(self.desk_app, at_once=True)
        self._draw()

    def show_board(self) -> None:
        """The store may have moved."""
        self._read.look(self.desk_app)
        self._draw()

    def tick(self) -> None:
        """Ages move on; a read that failed is tried again."""
        self.show_board()

    def on_answer(self, answer: Answer) -> None:
        """What was read, or why it could not be."""
        self._read.take(answer, self.desk_app)
        self._draw()

    def do_reread(self) -> None:
        """Read again, and let new rows in."""
        self._rows.let_in()
        self._read.look(self.desk_app, at_once=True)

    @property
    def values(self) -> tuple[ValueT, ...]:
        """What was read last."""
        return self._read.value or ()

    @property
    def is_away(self) -> bool:
        """Whether the store cannot be read now."""
        return self._read.away(self.desk_app) is not None

    def show_rows(self) -> None:
        """Draw ``values``."""
        raise NotImplementedError

    def _draw(self) -> None:
        self.show_rows()
        self.show_keys()


class StoredTextScreen(ReadingScreen, Generic[ValueT]):
    """The text of something that is in the store, or what is said where there is none."""

    WHAT: ClassVar[str]
    """What is read: ``record``."""

    def __init__(self, heading: str, what: Callable[[Records], ValueT | str]) -> None:
        super().__init__(heading)
        self._read = StoreRead["ValueT | str"](self, what)

    def moment_in(self, environment: str) -> Moment:
        """Now, on the clocks of an environment, which may be another than the desk's."""
        app = self.desk_app
        facts = next((one for one in app.environments if one.name == environment), None)
        return Moment(now=app.now, zone=present.zone(facts.timezone if facts is not None else ""))

    def on_mount(self) -> None:
        """Read it."""
        self._read.look(self.desk_app, at_once=True)
        self.show_keys()

    def show_board(self) -> None:
        """The store may have moved."""
        self._read.look(self.desk_app)

    def tick(self) -> None:
        """Ages move on; a read that failed is tried again."""
        self._read.look(self.desk_app)
        self._draw()

    def on_answer(self, answer: Answer) -> None:
        """What was read, or why it could not be."""
        self._read.take(answer, self.desk_app)
        self._draw()
        self.show_keys()

    @property
    def value(self) -> ValueT | None:
        """What was read last; None where there is no such thing."""
        return None if isinstance(self._read.value, str) else self._read.value

    def lines(self, value: ValueT, width: int) -> Sequence[Content]:
        """What is shown of it."""
        raise NotImplementedError

    def text(self, width: int) -> Content:
        """It, or what there is to say instead."""
        app, value = self.desk_app, self._read.value
        away = self._read.away(app)
        if value is None and away is None:
            return self.waiting(f"Reading the {self.WHAT} …", width)
        lines: list[Content] = []
        if isinstance(value, str):
            lines += Content(present.text(value, 400)).wrap(width)
        elif value is not None:
            lines += self.lines(value, width)
        if away is not None:
            said = f"{present.DOWN.glyph} {present.text(away.sentence, 400)}"
            lines = [
                *Content.styled(said, "$text-warning").wrap(width),
                *Content.styled(f"{self._read.dated(app)}.", present.MUTED).wrap(width),
                Content(),
                *present.dimmed(lines),
            ]
        return Content("\n").join(lines)
