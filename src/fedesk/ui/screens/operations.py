"""The operations: what ended unknown first, then what goes on, then the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fedesk.ui import record_text
from fedesk.ui.actions import Place, bindings
from fedesk.ui.screens.base import ListScreen
from fedesk.ui.store_read import StoreRead
from fedesk.ui.widgets.foot_line import Choice
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from fedesk.domain.operations import Operation
    from fedesk.ui.desk import Records
    from fedesk.ui.reader import Answer

NEWEST = 100


def _from_store(store: Records) -> tuple[Operation, ...]:
    """All that are open, and the newest of the others."""
    opened = store.open_operations()
    known = {one.plan.operation for one in opened}
    newest = store.operations(limit=NEWEST)
    return (*opened, *(one for one in newest if one.plan.operation not in known))


class OperationsScreen(ListScreen):
    """Operations of every environment."""

    PLACE = Place.OPERATIONS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.OPERATIONS)]

    def __init__(self) -> None:
        super().__init__()
        self._rows = RowList(record_text.OPERATION_COLUMNS)
        self._read = StoreRead[tuple["Operation", ...]](self, _from_store)

    def compose(self) -> ComposeResult:
        """Status line, the operations, the keys."""
        yield StatusLine()
        self._rows.set_heading("Operations")
        yield self._rows
        yield KeyLine(self.PLACE)

    @property
    def rows(self) -> RowList:
        """The operations."""
        return self._rows

    def on_mount(self) -> None:
        """Read them."""
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
        """The operations, or why they could not be read."""
        self._read.take(answer, self.desk_app)
        self._draw()

    def _draw(self) -> None:
        app = self.desk_app
        state = self._read.list_state(
            app,
            "No operation yet: R on a failed run plans one; nothing is sent before it is confirmed.",
        )
        opened = {one.id: one for one in app.following.operations}
        rows = record_text.operation_rows(
            self._read.value or (), opened, app.now, dim=self._read.away(app) is not None
        )
        self._rows.show(rows, state)
        self.show_keys()

    def on_row_list_selected(self) -> None:
        """Say in full what the row under the cursor has no room for."""
        row = self._rows.row
        operation = next(
            (one for one in self._read.value or () if row and one.plan.operation == row.key), None
        )
        self._rows.say(record_text.operation_about(operation) if operation else None)
        super().on_row_list_selected()

    def do_open(self) -> None:
        """Watch it, or see how it ended."""
        self.desk_app.watch_operation(self.target.operation)

    def do_reread(self) -> None:
        """Read again, and let new rows in."""
        self._rows.let_in()
        self._read.look(self.desk_app, at_once=True)

    def do_copy(self) -> None:
        """The id, the link, or the command line that shows the same."""
        target = self.target
        choices = [Choice(key="y", label="id", text=target.id)]
        if target.link:
            choices.append(Choice(key="l", label="link", text=target.link))
        choices.append(Choice(key="c", label="command line", text=f"fedesk operations show {target.id}"))
        self.choose_copy(choices)
