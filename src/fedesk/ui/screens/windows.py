"""Freezes, holds and maintenance of every environment: in force and to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fedesk.ui import window_text
from fedesk.ui.actions import Place, bindings
from fedesk.ui.screens.stored import StoredListScreen

if TYPE_CHECKING:
    from textual.binding import BindingType

    from fedesk.domain.windows import Window
    from fedesk.ui.desk import Records


class WindowsScreen(StoredListScreen["Window"]):
    """What may not change, or alarms nobody, and until when."""

    PLACE = Place.WINDOWS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.WINDOWS)]

    HEADING = "Freezes, holds, maintenance"

    def __init__(self) -> None:
        super().__init__(window_text.COLUMNS, self._from_store)

    def _from_store(self, store: Records) -> tuple[Window, ...]:
        return store.open_windows(self.desk_app.now)

    def show_rows(self) -> None:
        """The windows, as they stand now."""
        app = self.desk_app
        empty = 'Nothing is frozen, held or in maintenance: `fedesk freeze add --for 2h --reason "…"` adds.'
        zones = {one.name: one.timezone for one in app.environments}
        found = window_text.rows(self.values, zones, app.now, dim=self.is_away)
        self._rows.show(found, self._read.list_state(app, empty))

    def do_open(self) -> None:
        """The record of who has set it."""
        from fedesk.ui.screens.record import RecordScreen

        window = next((one for one in self.values if one.id == self.target.id), None)
        if window is not None and window.opened_record:
            self.app.push_screen(RecordScreen(window.opened_record))
