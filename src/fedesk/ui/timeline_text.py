"""How one promotion or rollback went, as text: how it stands, how long each part took, what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.services.hiding import hidden
from fedesk.ui import present
from fedesk.ui.incident_text import timeline_lines
from fedesk.ui.plan_text import entry
from fedesk.ui.watch_text import STEPS, face_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fedesk.domain.release_history import ReleaseTimeline
    from fedesk.ui.run_text import Moment

_LONGEST = 600


def course_lines(found: ReleaseTimeline, moment: Moment, width: int) -> list[Content]:
    """What the shell's ``release timeline`` says, with times of the environment's zone."""
    facts = [line for label, said in _facts(found) for line in entry(label, said, width)]
    return [
        *facts,
        Content(),
        *_spans(found, moment),
        Content(),
        *timeline_lines(found.entries, moment, width),
    ]


def _facts(found: ReleaseTimeline) -> Iterator[tuple[str, Content]]:
    told, operation = found.told, found.operation
    yield "operation", Content.assemble((present.text(told.operation, 40), "bold"), f"  {told.kind}")
    yield "service", Content(f"{present.text(told.service, 80)} in {present.text(told.environment, 40)}")
    yield "release", Content(present.digest(told.digest))
    yield "by", present.plain(told.by)
    if operation.plan.reason:
        yield "reason", Content(present.text(hidden(operation.plan.reason), _LONGEST))
    face = face_of(operation)
    said = f"  {present.text(hidden(operation.said), _LONGEST)}" if operation.said else ""
    yield "outcome", Content.assemble(face.mark, (f" {face.word}", face.style), said)


def _spans(found: ReleaseTimeline, moment: Moment) -> Iterator[Content]:
    """Each part with how long it took, or has taken so far."""
    longest = max((len(one.name) for one in found.spans), default=0)
    for one in found.spans:
        face = STEPS[one.state]
        took = present.duration(one.length(moment.now))
        yield Content.assemble(
            face.mark,
            f" {present.text(one.name, 60):<{min(longest, 60)}}",
            (f"  {took:>7}", "bold"),
            (f"  {one.state}", face.style),
        )
