"""One record of the audit log, with the plan and the journal of its operation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from fedesk.domain.incidents import named_in
from fedesk.ui import present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.record_text import Told, record_lines, settled
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.texts import ReadingScreen
from fedesk.ui.store_read import StoreRead
from fedesk.ui.widgets.foot_line import Choice

if TYPE_CHECKING:
    from textual.binding import BindingType

    from fedesk.ui.desk import Records
    from fedesk.ui.reader import Answer


class RecordScreen(ReadingScreen):
    """A record by its number; read again when the store moves, for the operation may go on."""

    PLACE = Place.RECORD
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.RECORD)]

    def __init__(self, seq: int) -> None:
        super().__init__(f"Record {seq}")
        self._seq = seq
        self._read = StoreRead[Told | str](self, self._from_store)

    def _from_store(self, store: Records) -> Told | str:
        record = store.record(self._seq)
        if record is None:
            return f"The audit log has no record {self._seq}."
        named = record.draft.operation
        return Told(record=record, operation=store.operation(named) if named else None)

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
        """The record, or why it could not be read."""
        self._read.take(answer, self.desk_app)
        self._draw()
        self.show_keys()

    @property
    def _told(self) -> Told | None:
        return self._read.value if isinstance(self._read.value, Told) else None

    @property
    def target(self) -> Target:
        """The record and its operation."""
        told = self._told
        found = Target(name=f"record {self._seq}", id=str(self._seq))
        if told is not None:
            found = replace(found, incident=named_in(told.record.draft.reason))
        if told is None or told.operation is None:
            return found
        operation = told.operation.plan.operation
        opened = {one.id: one for one in self.desk_app.following.operations}
        why = settled(told.operation, opened.get(operation), self.desk_app.now)
        return replace(found, operation=operation, settled=why)

    def text(self, width: int) -> Content:
        """The record, or what there is to say instead."""
        app, told = self.desk_app, self._told
        lines: list[Content] = []
        away = self._read.away(app)
        if away is not None:
            said = f"{present.DOWN.glyph} The store cannot be read: {present.text(away.sentence, 400)}"
            lines += [*Content.styled(said, "$text-warning").wrap(width), Content()]
        if isinstance(self._read.value, str):
            lines.append(Content(self._read.value))
        elif told is not None:
            lines += record_lines(told, Moment(now=app.now, zone=app.zone), width)
        elif not lines:
            lines.append(Content.styled("Reading the record …", present.MUTED))
        return Content("\n").join(lines)

    def do_open_operation(self) -> None:
        """The operation of the record."""
        self.desk_app.watch_operation(self.target.operation)

    def do_copy(self) -> None:
        """The number, the operation's id, the digest, or the command line that shows the same."""
        told = self._told
        choices = [Choice(key="y", label="number", text=str(self._seq))]
        if told is not None and told.record.draft.operation:
            choices.append(Choice(key="i", label="operation", text=told.record.draft.operation))
        if told is not None and told.record.draft.plan_digest:
            choices.append(Choice(key="d", label="digest", text=told.record.draft.plan_digest))
        choices.append(Choice(key="c", label="command line", text=f"fedesk audit show {self._seq}"))
        self.choose_copy(choices)
