"""All tries of a task and which line each failed at: side by side, or one below the other."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.states import State
from fedesk.services.attempts import Attempt, own_lines, read_attempt, same_cause
from fedesk.ui import present
from fedesk.ui.reader import Answer, Reader
from fedesk.ui.screens.texts import ReadingScreen

if TYPE_CHECKING:
    from fedesk.domain.runs import LogRequest
    from fedesk.ui.log_feed import LogReading

NEWEST = 6
"""Tries that are compared at most, the newest of them."""
_COLUMN = 46
"""Cells that a column takes at least."""
_GAP = " │ "


class AttemptsScreen(ReadingScreen):
    """Each try with the line that says why, and what stands around it."""

    def __init__(self, reading: LogReading, request: LogRequest, tries: int, name: str) -> None:
        super().__init__(f"Tries of {name}")
        self._reading = reading
        self._request = request
        self._numbers = range(max(1, tries - NEWEST + 1), tries + 1)
        self._attempts: dict[int, Attempt] = {}
        self._asks = Reader(self)

    def on_mount(self) -> None:
        """Read one try after the other."""
        self._ask(self._numbers[0])

    def _ask(self, number: int) -> None:
        self._asks.read(number, lambda: read_attempt(self._reading, self._request, number))

    def on_answer(self, message: Answer) -> None:
        """A try was read; the next one is asked for."""
        message.stop()
        number = int(str(message.key))
        read = message.value
        self._attempts[number] = (
            read if isinstance(read, Attempt) else Attempt(number=number, problem=message.problem)
        )
        self._draw()
        if number + 1 in self._numbers:
            self._ask(number + 1)

    def text(self, width: int) -> Content:
        """The tries, wrapped to a width."""
        attempts = [self._attempts[number] for number in self._numbers if number in self._attempts]
        own = dict(zip((one.number for one in attempts), own_lines(attempts), strict=True))
        columns = max(1, min(len(self._numbers), (width + len(_GAP)) // (_COLUMN + len(_GAP))))
        room = (width - len(_GAP) * (columns - 1)) // columns
        blocks = [
            _block(self._attempts.get(number), number, own.get(number, frozenset()), room)
            for number in self._numbers
        ]
        lines: list[Content] = [self._summary(attempts), Content()]
        for begin in range(0, len(blocks), columns):
            for row in zip_longest(*blocks[begin : begin + columns], fillvalue=Content()):
                padded = [one.pad_right(max(room - one.cell_length, 0)) for one in row]
                lines.append(Content.styled(_GAP, present.MUTED).join(padded))
            lines.append(Content())
        return Content("\n").join(lines)

    def _summary(self, attempts: list[Attempt]) -> Content:
        if len(attempts) < len(self._numbers):
            return Content.styled(f"{len(attempts)} of {len(self._numbers)} tries read …", present.MUTED)
        failed = [one for one in attempts if one.telling is not None]
        if not failed:
            return Content.styled("No try has a line that says why it failed.", present.MUTED)
        if same_cause(attempts):
            return Content(f"{len(failed)} tries failed at the same line, times and numbers aside.")
        if len(failed) == 1:
            return Content(f"Try {failed[0].number} alone has a line that says why it failed.")
        return Content("The tries failed at different lines. ≠ marks what stands in one try alone.")


def _block(attempt: Attempt | None, number: int, own: frozenset[int], room: int) -> list[Content]:
    """One try in so many cells."""
    if attempt is None:
        return [Content.styled(f"try {number}", "bold"), Content.styled("reading …", present.MUTED)]
    head = Content.assemble(
        (f"try {number}", "bold"),
        (f"  {attempt.lines:,} lines{'' if attempt.ended else ', still growing'}", present.MUTED),
    )
    if attempt.problem:
        return [head, *Content.styled(present.text(attempt.problem), present.DOWN.style).wrap(room)]
    if attempt.telling is None:
        said = "its last lines; none says why it failed" if attempt.shown else "its log is empty"
    else:
        said = f"line {attempt.telling + 1:,}"
    lines = [head, Content.styled(said, present.MUTED)]
    for at, line in enumerate(attempt.shown, attempt.begin):
        telling = at == attempt.telling
        mark = present.FACES[State.FAILED].glyph if telling else "≠" if at in own else " "
        style = "$text-error" if telling else "" if at in own else present.MUTED
        told = present.plain(f"{mark} {line}", style)
        lines += told.wrap(room) if telling else [told.truncate(room, ellipsis=True)]
    return lines
