"""What the next person on call needs, out of the newest board and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.screens.stored import StoredTextScreen
from fedesk.ui.widgets.foot_line import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType

    from fedesk.domain.handover import Handover
    from fedesk.ui.desk import Records


class HandoverScreen(StoredTextScreen["Handover"]):
    """The same text as ``fedesk handover`` writes; ``y`` copies it as Markdown."""

    PLACE = Place.HANDOVER
    WHAT = "handover"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.HANDOVER)]

    def __init__(self) -> None:
        super().__init__("Handover", self._from_store)

    def _from_store(self, store: Records) -> Handover | str:
        from fedesk.services.handover import gather

        board = self.desk_app.board
        return "No system has been looked at yet." if board is None else gather(board, store)

    @property
    def target(self) -> Target:
        """The handover of the environment."""
        handover = self.value
        if handover is None:
            return Target()
        return Target(name="the handover", id=f"handover of {handover.environment.name}")

    def lines(self, value: Handover, width: int) -> Sequence[Content]:
        """Its lines, wrapped under the point that each belongs to."""
        from fedesk.domain.handover_text import plain

        lines: list[Content] = []
        for line in plain(value, self.desk_app.zone, value.environment.timezone):
            said = line.removeprefix("# ").removeprefix("## ")
            if said != line:
                lines.append(present.plain(said, "bold"))
                continue
            indent = len(line) - len(line.lstrip(" -"))
            first, *rest = Content(line[indent:]).wrap(max(width - indent, 10)) or [Content()]
            lines.append(Content.assemble(line[:indent], first))
            lines += (Content.assemble(" " * indent, part) for part in rest)
        return lines

    def copy_choices(self) -> list[Choice]:
        """The Markdown first."""
        from fedesk.domain.handover_text import markdown

        handover = self.value
        if handover is None:
            return super().copy_choices()
        text = markdown(handover, self.desk_app.zone, handover.environment.timezone)
        written = Choice(key="m", label="Markdown", text=text, called="the handover")
        return [written, *super().copy_choices()]
