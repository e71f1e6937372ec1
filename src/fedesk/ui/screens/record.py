"""One record of the audit log, with the plan and the journal of its operation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from fedesk.domain.incidents import named_in
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.record_text import Told, record_lines, settled
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.stored import StoredTextScreen
from fedesk.ui.widgets.foot_line import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.content import Content

    from fedesk.ui.desk import Records


class RecordScreen(StoredTextScreen[Told]):
    """A record by its number; read again when the store moves, for the operation may go on."""

    PLACE = Place.RECORD
    WHAT = "record"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.RECORD)]

    def __init__(self, seq: int) -> None:
        super().__init__(f"Record {seq}", self._from_store)
        self._seq = seq

    def _from_store(self, store: Records) -> Told | str:
        record = store.record(self._seq)
        if record is None:
            return f"The audit log has no record {self._seq}."
        named = record.draft.operation
        return Told(record=record, operation=store.operation(named) if named else None)

    @property
    def target(self) -> Target:
        """The record and its operation."""
        told = self.value
        found = Target(name=f"record {self._seq}", id=str(self._seq))
        if told is not None:
            found = replace(found, incident=named_in(told.record.draft.reason))
        if told is None or told.operation is None:
            return found
        operation = told.operation.plan.operation
        opened = {one.id: one for one in self.desk_app.following.operations}
        why = settled(told.operation, opened.get(operation), self.desk_app.now)
        there = told.operation.plan.environment
        return replace(found, operation=operation, settled=why, environment=there)

    def lines(self, value: Told, width: int) -> Sequence[Content]:
        """The record, with its operation."""
        app = self.desk_app
        return record_lines(value, Moment(now=app.now, zone=app.zone), width)

    def do_open_operation(self) -> None:
        """The operation of the record."""
        self.desk_app.watch_operation(self.target.operation)

    def copy_choices(self) -> list[Choice]:
        """The digest of the plan beside what there always is."""
        digest = self.value.record.draft.plan_digest if self.value is not None else ""
        more = [Choice(key="d", label="digest", text=digest)] if digest else []
        return [*super().copy_choices(), *more]
