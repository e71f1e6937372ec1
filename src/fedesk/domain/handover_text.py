"""A handover as text: Markdown for a ticket or a chat, and the same lines for a screen."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from fedesk.domain.handover import Handover, OpenFinding, Risk
from fedesk.domain.incident_text import escaped
from fedesk.domain.incidents import Incident
from fedesk.domain.marks import Mark, Quiet
from fedesk.domain.open_operations import Course, OpenOperation
from fedesk.domain.operations import Operation
from fedesk.domain.redaction import redact
from fedesk.domain.secrets import SecretAge
from fedesk.domain.text import one_line
from fedesk.domain.windows import Occurrence

Told = TypeVar("Told")
OPERATIONS: tuple[tuple[str, frozenset[Course]], ...] = (
    ("Unknown outcomes", frozenset({Course.UNKNOWN, Course.LEFT})),
    ("Operations in flight", frozenset({Course.RUNNING, Course.UNDECIDED})),
    ("Waiting plans", frozenset({Course.WAITING, Course.UNCLAIMED, Course.REJECTED})),
)
"""Where an operation is told, by how it goes."""
_LONGEST = 400
_NOTES = 5
_DAY = timedelta(days=1)


def markdown(handover: Handover, zone: tzinfo, zone_name: str) -> str:
    """Headings and lists; whatever a system or a person wrote is text in it, secrets are hidden."""
    return "\n".join(_lines(_Writer(handover, zone, escaped), zone_name)) + "\n"


def plain(handover: Handover, zone: tzinfo, zone_name: str) -> tuple[str, ...]:
    """The same, line by line, for who reads it as it stands."""
    return tuple(_lines(_Writer(handover, zone, _harmless), zone_name))


def _harmless(text: str) -> str:
    return one_line(redact(text).text, _LONGEST)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Tells what is in a handover, on the environment's clocks.

    Each line begins with words of its own, so that foreign text cannot be what makes a list or a heading.
    """

    handover: Handover
    zone: tzinfo
    quote: Callable[[str], str]
    """Makes foreign text harmless where it is read."""

    def time(self, at: datetime | None) -> str:
        """``02:41``, with the day before it where it is another one."""
        if at is None:
            return "an unknown time"
        there, here = at.astimezone(self.zone), self.handover.at.astimezone(self.zone)
        return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%Y-%m-%d %H:%M}"

    def finding(self, one: OpenFinding) -> Iterator[str]:
        """What is wrong, who has it, what was noted."""
        finding, state = one.finding, one.state
        since = f" since {self.time(finding.since)}" if finding.since else ""
        held = f"{self.quote(state.holder)} has it since {self.time(state.held_since)}"
        owner = f", owner {self.quote(finding.owner)}" if finding.owner else ""
        yield (
            f"- {finding.severity}: {self.quote(finding.subject)}, {self.quote(finding.kind)}{since}: "
            f"{self.quote(finding.what)}; {held if state.holder else 'nobody has it'}{owner}"
        )
        if finding.run is not None:
            yield f"  - run {self.quote(str(finding.run))}"
        yield from (self.note(note) for note in state.notes[-_NOTES:])

    def note(self, note: Mark) -> str:
        """What was noted, when and by whom."""
        return f"  - {self.time(note.at)} {self.quote(note.by)}: {self.quote(note.said)}"

    def quiet(self, one: Quiet) -> Iterator[str]:
        """What is quiet, and whether that ends soon."""
        soon = ", ends within a day" if one.until - self.handover.at <= _DAY else ""
        why = f": {self.quote(one.said)}" if one.said else ""
        about = f"{one.kind} until {self.time(one.until)}{soon}, of {self.quote(one.about)}"
        yield f"- {about}, by {self.quote(one.owner)}{why}"

    def operation(self, one: OpenOperation) -> Iterator[str]:
        """How one that is open goes."""
        said = f": {self.quote(one.said)}" if one.said else ""
        yield (
            f"- {one.course} since {self.time(one.since)}: {self.quote(one.sentence)}, by "
            f"{self.quote(one.requester)}{said}; `fedesk operations show {one.id}`"
        )

    def ended(self, one: Operation) -> Iterator[str]:
        """How one has ended."""
        sentences = "; ".join(effect.sentence for effect in one.plan.effects) or one.plan.kind
        said = f": {self.quote(one.said)}" if one.said else ""
        yield (
            f"- {self.time(one.ended_at)} {one.outcome or 'open'}: {self.quote(sentences)}, by "
            f"{self.quote(one.confirmation.by)}{said}"
        )

    def window(self, one: Occurrence) -> Iterator[str]:
        """What may not be changed, or alarms nobody, from when to when."""
        window = one.window
        until = f"until {self.time(one.end)}" if one.end else "until it is removed"
        begins = "in force" if one.start <= self.handover.at else f"from {self.time(one.start)}"
        about = f"{window.kind} of {self.quote(window.scope)}, by {self.quote(window.opened_by)}"
        yield f"- {begins} {until}: {about}: {self.quote(window.reason)}"

    def incident(self, one: Incident) -> Iterator[str]:
        """One that goes on."""
        opened = f"open since {self.time(one.opened_at)}, by {self.quote(one.opened_by)}"
        yield f"- {self.quote(one.reason)}; {opened}"

    def secret(self, one: SecretAge) -> Iterator[str]:
        """How much time it has left."""
        said = "of unknown age" if one.time_left is None else _days(one.time_left)
        owner = f", owner {self.quote(one.secret.owner)}" if one.secret.owner else ""
        yield f"- {said}: {self.quote(one.secret.name)} on {self.quote(str(one.secret.connection))}{owner}"

    def risk(self, one: Risk) -> Iterator[str]:
        """When it is due, and when it will be there."""
        missed = "missed" if one.due < self.handover.at else "due"
        again = " if it runs again now" if one.state.is_final else ""
        expected = f", expected {self.time(one.expected)}{again}" if one.expected else ""
        yield f"- {missed} {self.time(one.due)}: {self.quote(one.pipeline)}, {one.state}{expected}"


def _days(left: timedelta) -> str:
    days = abs(left) // _DAY
    return f"overdue by {days}d" if left < timedelta(0) else f"due in {days}d"


def _lines(writer: _Writer, zone_name: str) -> Iterator[str]:
    handover, quote = writer.handover, writer.quote
    there = handover.at.astimezone(writer.zone)
    yield f"# Handover of {quote(handover.environment.name)}, {there:%Y-%m-%d %H:%M}"
    yield ""
    yield f"Times in {quote(zone_name)}."
    if handover.unread:
        yield ""
        yield "Not everything could be read:"
        yield ""
        yield from (f"- {quote(sentence)}" for sentence in handover.unread)
    yield from _section("Open findings", handover.findings, writer.finding)
    for title, courses in OPERATIONS:
        found = [one for one in handover.operations if one.course in courses]
        yield from _section(title, found, writer.operation)
    yield from _section("Deadlines at risk", handover.risks, writer.risk)
    yield from _section("Freezes, holds and maintenance", handover.windows, writer.window)
    yield from _section("Secrets due", handover.secrets, writer.secret)
    yield from _section("Snoozed and silenced", handover.quiet, writer.quiet)
    yield from _section("Incidents that go on", handover.incidents, writer.incident)
    yield from _section(f"Ended since {writer.time(handover.since)}", handover.ended, writer.ended)


def _section(title: str, items: Iterable[Told], tell: Callable[[Told], Iterator[str]]) -> Iterator[str]:
    """A heading, and a list under it; what there is none of is said."""
    lines = [line for one in items for line in tell(one)]
    yield ""
    yield f"## {title}"
    yield ""
    yield from lines or ["none"]
