"""The operations: what ended unknown first, then what goes on, then the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fedesk.ui import record_text
from fedesk.ui.actions import Place, bindings
from fedesk.ui.screens.stored import StoredListScreen

if TYPE_CHECKING:
    from textual.binding import BindingType

    from fedesk.domain.operations import Operation
    from fedesk.ui.desk import Records

NEWEST = 100


def _from_store(store: Records) -> tuple[Operation, ...]:
    """All that are open, and the newest of the others."""
    opened = store.open_operations()
    known = {one.plan.operation for one in opened}
    newest = store.operations(limit=NEWEST)
    return (*opened, *(one for one in newest if one.plan.operation not in known))


class OperationsScreen(StoredListScreen["Operation"]):
    """Operations of every environment."""

    PLACE = Place.OPERATIONS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.OPERATIONS)]

    HEADING = "Operations"

    def __init__(self) -> None:
        super().__init__(record_text.OPERATION_COLUMNS, _from_store)

    def show_rows(self) -> None:
        """The operations; what is open as the desk follows it."""
        app = self.desk_app
        state = self._read.list_state(
            app,
            "No operation yet: R on a failed run plans one; nothing is sent before it is confirmed.",
        )
        opened = {one.id: one for one in app.following.operations}
        rows = record_text.operation_rows(self.values, opened, app.now, dim=self.is_away)
        self._rows.show(rows, state)

    def on_row_list_selected(self) -> None:
        """Say in full what the row under the cursor has no room for."""
        row = self._rows.row
        operation = next((one for one in self.values if row and one.plan.operation == row.key), None)
        self._rows.say(record_text.operation_about(operation) if operation else None)

    def do_open(self) -> None:
        """Watch it, or see how it ended."""
        self.desk_app.watch_operation(self.target.operation)
