"""Incidents as rows, and one as text: how it stands, and everything that happened, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.incidents import EntryKind, timeline
from fedesk.domain.names import NameNotUnderstoodError, RunName
from fedesk.services.hiding import hidden
from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import Column, Row
from fedesk.ui.plan_text import entry
from fedesk.ui.present import Face
from fedesk.ui.record_text import OTHER, outcome_in, person, short
from fedesk.ui.watch_text import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from fedesk.domain.incidents import Incident, IncidentHistory, TimelineEntry
    from fedesk.ui.run_text import Moment

INCIDENT_COLUMNS = (
    Column(title="", width=1),
    Column(title="", name="state", width=6, importance=6),
    Column(title="age", width=4, right=True, number=True),
    Column(title="incident", width=18),
    Column(title="title", width=20, grow=3),
    Column(title="where", width=7, importance=5),
    Column(title="who", width=8, importance=4),
    Column(title="how it ended", width=10, importance=3, grow=2),
)
OPEN = Face("▲", "!", "open", "$text-warning")
CLOSED = Face("✓", "+", "closed", "$state-quiet-green")
_FACES: Mapping[EntryKind, Face] = {
    EntryKind.FAILURE: Face("✗", "x", "failure", "$text-error"),
    EntryKind.OPENED: OPEN,
    EntryKind.ACKNOWLEDGEMENT: Face("✓", "+", "acknowledgement", "$text-primary"),
    EntryKind.WRITE_WINDOW: Face("▲", "!", "write window", "$text-warning"),
    EntryKind.PLAN: Face("◷", "q", "plan", "$text-primary"),
    EntryKind.INTENT: Face("→", ">", "intent", "$text-primary"),
    EntryKind.REFUSAL: Face("⊘", "#", "refusal", "$text-warning"),
    EntryKind.CLOSED: CLOSED,
}
_KIND = 16
_TIME = 9
_LONGEST = 600


def face_of(one: Incident) -> Face:
    """How an incident looks as a whole."""
    return OPEN if one.is_open else CLOSED


def incident_rows(found: Iterable[Incident], now: datetime, *, dim: bool) -> list[Row]:
    """One row an incident: those that go on first, then the newest."""
    return [_row(one, now, dim=dim) for one in sorted(found, key=lambda one: not one.is_open)]


def _row(one: Incident, now: datetime, *, dim: bool) -> Row:
    face = face_of(one)
    return Row(
        key=one.id,
        cells=(
            face.mark,
            Content.styled(face.word, face.style),
            Content(present.age(one.opened_at, now)),
            present.plain(one.id, "bold"),
            present.plain(hidden(one.title)),
            present.plain(one.environment, present.MUTED),
            Content(person(one.opened_by)),
            present.plain(hidden(one.summary), present.MUTED),
        ),
        target=Target(name=f"incident {one.id}", id=one.id),
        dim=dim,
        numbers={"age": (now - one.opened_at).total_seconds()},
    )


def run_of(history: IncidentHistory) -> RunName | None:
    """The run that it was opened for first."""
    name = next((note.run for note in history.notes if note.run), "")
    try:
        return RunName.parse(name) if name else None
    except NameNotUnderstoodError:
        return None


def incident_lines(history: IncidentHistory, moment: Moment, width: int) -> list[Content]:
    """How it stands, then everything that happened, with times of the environment's zone."""
    one = history.incident
    face = face_of(one)
    opened = present.clock_time(one.opened_at, moment.now, moment.zone)
    parts: list[tuple[str, Content]] = [
        ("incident", Content.assemble((one.id, "bold"), f"  {present.text(hidden(one.title), _LONGEST)}")),
        ("state", Content.assemble(face.mark, f" {face.word}")),
        ("where", present.plain(one.environment)),
        ("opened", Content(f"{opened} by {present.text(one.opened_by, 80)}")),
    ]
    if one.closed_at is not None:
        said = f": {present.text(hidden(one.summary), _LONGEST)}" if one.summary else ""
        closed = present.clock_time(one.closed_at, moment.now, moment.zone)
        parts.append(("closed", Content(f"{closed} by {present.text(one.closed_by, 80)}{said}")))
    lines = [line for label, said in parts for line in entry(label, said, width)]
    return [*lines, Content(), *timeline_lines(timeline(history), moment, width)]


def timeline_lines(entries: Iterable[TimelineEntry], moment: Moment, width: int) -> Iterator[Content]:
    """What happened, line by line; a day is named where it is another one than that of the line before."""
    day = moment.now.astimezone(moment.zone).date()
    for one in entries:
        there = one.at.astimezone(moment.zone)
        if there.date() != day:
            day = there.date()
            yield Content.styled(f"{day:%a %d %b %Y}", "bold")
        indent = _TIME + 2 + _KIND
        first, *rest = _said(one).wrap(max(width - indent, 10)) or [Content()]
        face = _face(one)
        yield Content.assemble(
            (f"{there:%H:%M:%S} ", present.MUTED),
            face.mark,
            (f" {one.kind.value:<{_KIND}}", face.style),
            first,
        )
        yield from (Content.assemble(" " * indent, line) for line in rest)


def _face(one: TimelineEntry) -> Face:
    if one.kind in (EntryKind.OUTCOME, EntryKind.SETTLEMENT):
        outcome = outcome_in(one.said)
        return OUTCOMES[outcome] if outcome is not None else OTHER
    return _FACES.get(one.kind, OTHER)


def _said(one: TimelineEntry) -> Content:
    """What was said, of what, by whom, and where it is on the record."""
    about = [
        short(one.subject) if one.subject else "",
        f"by {person(one.who)}" if one.who else "",
        f"audit record {one.record}" if one.record is not None else "",
    ]
    told = "  ".join(part for part in about if part)
    said = present.text(hidden(one.said), _LONGEST)
    return Content.assemble(said, "  " if said and told else "", (told, present.MUTED))
