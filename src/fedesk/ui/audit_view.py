"""The audit log as a view: who has changed what, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fedesk.ui import record_text
from fedesk.ui.actions import Place
from fedesk.ui.store_read import StoreRead
from fedesk.ui.views import View
from fedesk.ui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fedesk.domain.audit import AuditRecord
    from fedesk.ui.desk import Records
    from fedesk.ui.reader import Answer
    from fedesk.ui.screens.base import DeskScreen

NEWEST = 500


class AuditView(View):
    """The newest records of this environment, and those of the desk itself."""

    PLACE = Place.AUDIT

    def __init__(self) -> None:
        super().__init__(RowList(record_text.AUDIT_COLUMNS))
        self._read = StoreRead[tuple["AuditRecord", ...]](self, self._from_store)
        self._environment = ""

    def _from_store(self, store: Records) -> tuple[AuditRecord, ...]:
        newest = store.tail(NEWEST)
        mine = store.tail(NEWEST, environment=self._environment)
        found = {one.seq: one for one in (*newest, *mine) if one.draft.environment in ("", self._environment)}
        return tuple(found[seq] for seq in sorted(found, reverse=True))

    def show_board(self) -> None:
        """Read what the store has since, and draw what is known."""
        app = self.desk_app
        self._environment = app.facts.name
        self._read.look(app)
        state = self._read.list_state(
            app,
            f"Nothing is on the record in {app.facts.name}: nobody has changed anything with fedesk here.",
        )
        rows = record_text.audit_rows(self._read.value or (), app.now, dim=self._read.away(app) is not None)
        self.row_list.show(rows, state)

        self.on_row_list_selected()

    def on_row_list_selected(self) -> None:
        """Say in full what the row under the cursor has no room for."""
        row = self.row_list.row
        record = next((one for one in self._read.value or () if row and str(one.seq) == row.key), None)
        self.row_list.say(record_text.audit_about(record) if record else None)

    def on_answer(self, answer: Answer) -> None:
        """The records, or why they could not be read."""
        self._read.take(answer, self.desk_app)
        self.show_board()
        cast("DeskScreen", self.screen).show_keys()
