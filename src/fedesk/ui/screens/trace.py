"""One operation, followed through every system that carries its id: read once, when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.traces import SourceState
from fedesk.ui import present
from fedesk.ui.actions import Place, bindings
from fedesk.ui.reader import Reader
from fedesk.ui.screens.texts import ReadingScreen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from fedesk.domain.traces import Source, Trace
    from fedesk.services.tracing import Followed
    from fedesk.ui.desk import Desk
    from fedesk.ui.reader import Answer

_LONGEST = 600
_INDENT = 2


class TraceScreen(ReadingScreen):
    """What each system says of an operation, in order of time."""

    PLACE = Place.TRACE
    BINDINGS = bindings(Place.TRACE)

    def __init__(self, desk: Desk, operation: str) -> None:
        super().__init__(f"Trace of {present.text(operation, 60)}")
        self._desk = desk
        self._operation = operation
        self._reader = Reader(self)
        self._found: Followed | None = None
        self._problem = ""
        self._asked_at: datetime | None = None

    def on_mount(self) -> None:
        """Ask every system."""
        self.do_reread()
        self.show_keys()

    def do_reread(self) -> None:
        """Ask every system, on a thread; what was found before stays until they have answered."""
        desk, operation = self._desk, self._operation
        self._asked_at = self.desk_app.now
        self._reader.read(f"the trace of {operation}", lambda: desk.trace(operation))

    def on_answer(self, answer: Answer) -> None:
        """What they say, or why nothing could be asked."""
        from fedesk.services.tracing import Followed

        answer.stop()
        self._problem = answer.problem
        self._found = answer.value if isinstance(answer.value, Followed) else self._found
        self._draw()

    def text(self, width: int) -> Content:
        """The traces, then what is silent or was read in part."""
        app = self.desk_app
        if self._found is None and not self._problem:
            return self.waiting("Asking every system …", width)
        lines = [] if self._found is None else trace_lines(self._found, app.now, app.zone, width)
        if self._problem:
            said = f"{present.DOWN.glyph} {present.text(self._problem, _LONGEST)}"
            again = Content.styled("It is not asked again by itself; r asks again.", present.MUTED)
            lines = [
                *Content.styled(said, "$text-warning").wrap(width),
                *again.wrap(width),
                Content(),
                *present.dimmed(lines),
            ]
        self._scroll.border_subtitle = (
            f"as of {present.clock_time(self._asked_at, app.now, app.zone)}, r asks again"
        )
        return Content("\n").join(lines)


def trace_lines(found: Followed, now: datetime, zone: tzinfo, width: int) -> list[Content]:
    """Each trace as a head with time and source, and its sentence below."""
    lines = [line for one in found.traces for line in _trace(one, now, zone, width)]
    if not lines:
        lines.append(Content(f"Nothing is known of operation {found.operation}."))
    notes = [line for source in found.sources for line in _missing(source, width)]
    return [*lines, *([Content()] if notes else []), *notes]


def _trace(trace: Trace, now: datetime, zone: tzinfo, width: int) -> Iterator[Content]:
    when = present.clock_time(trace.at, now, zone)
    yield Content.assemble((when, "bold"), "  ", (present.text(trace.source, 120), "$text-accent"))
    about = f"  {present.text(trace.reference, 200)}" if trace.reference else ""
    said = Content.assemble(present.text(trace.said, _LONGEST), (about, present.MUTED))
    for line in said.wrap(max(width - _INDENT, 20)):
        yield Content.assemble(" " * _INDENT, line)


def _missing(source: Source, width: int) -> Iterator[Content]:
    told = [source.error] if source.state is SourceState.SILENT else []
    for sentence in (*told, *source.limits):
        yield from Content.styled(present.text(sentence, _LONGEST), "$text-warning").wrap(max(width, 20))
