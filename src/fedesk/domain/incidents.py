"""Incidents: what somebody wrote down of one, and its timeline out of everything that is recorded.

What belongs to an incident is told by words that are on the record already, and by the order of the audit
log, not by clocks: a record or operation whose reason begins with the incident's id, and one whose target is
a run that the incident was opened for, from the record of its opening on.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.operations import JournalEntry, Operation, StepState
from fedesk.domain.redaction import redact

ACTION = "incident"
"""The verb of its records in the audit log."""
WINDOW_ACTION = "write-window"
LONGEST_ID = 40
LONGEST_TITLE = 200
_ID = re.compile(r"(?=[A-Z0-9._/-]*[0-9])(?=[A-Z0-9._/-]*[A-Z])[A-Z0-9][A-Z0-9._/-]*")
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing that reads like something else."""
_MINTED_LETTERS = 6


class NoteKind(StrEnum):
    """What a note tells."""

    FAILURE = "failure"
    """A run that the incident was opened for, as it stood then."""
    NOTE = "note"
    ACKNOWLEDGEMENT = "acknowledgement"
    """That somebody has taken it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentNote:
    """One thing that was written down."""

    number: int
    """1, 2, 3 … within the incident; 0 before it is written."""
    at: datetime
    """When it happened: of a failure when the run failed, else when it was written."""
    by: str
    kind: NoteKind
    said: str
    run: str = ""
    """The run that it is about: ``prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00``."""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that went wrong, from when somebody said so until somebody said that it is over."""

    id: str
    environment: str
    title: str
    opened_at: datetime
    opened_by: str
    opened_record: int
    """Number of its opening in the audit log; 0 before it is written."""
    closed_at: datetime | None = None
    closed_by: str = ""
    closed_record: int | None = None
    summary: str = ""
    """How it ended, in the words of who closed it."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.closed_at is None

    @property
    def reason(self) -> str:
        """What stands as the reason of what is done for it: ``INC-4711: payments late``."""
        return f"{self.id}: {self.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHistory:
    """An incident with all that belongs to it."""

    incident: Incident
    notes: tuple[IncidentNote, ...] = ()
    """In the order of their numbers."""
    operations: tuple[Operation, ...] = ()
    records: tuple[AuditRecord, ...] = ()
    """In the order of the audit log; those of the incident's own action are not among them."""


class WordingError(ValueError):
    """What was given cannot be an incident's id, title or note: one sentence."""


def id_of(text: str) -> str:
    """An id as it is kept, in capitals. Raises WordingError where it is not one word with letter and digit.

    So neither a word of a sentence nor a date or a count is taken for one.
    """
    found = text.strip().upper()
    if len(found) > LONGEST_ID or _ID.fullmatch(found) is None or redact(text).hits:
        raise WordingError(
            f"An incident's id is one word of letters, digits and . _ / -, with a letter and a digit in it "
            f"and of {LONGEST_ID} characters at most, as INC-4711."
        )
    return found


def wording_of(text: str, what: str) -> str:
    """A title or note as it was given. Raises WordingError where there is none, or a title is too long."""
    found = text.strip()
    if not found:
        raise WordingError(f"A {what} has at least one word.")
    if what == "title" and len(found) > LONGEST_TITLE:
        raise WordingError(f"A title has {LONGEST_TITLE} characters at most; a note has room for the rest.")
    return found


def minted(at: datetime, random: int) -> str:
    """An id of fedesk's own: ``FD-20261120-7K3MQ9``, the day in UTC and 30 bits that no other desk has."""
    letters = "".join(_LETTERS[(random >> (5 * place)) % len(_LETTERS)] for place in range(_MINTED_LETTERS))
    return f"FD-{at:%Y%m%d}-{letters}"


def named_in(reason: str) -> str:
    """The id that a reason begins with: ``INC-4711`` of ``inc-4711: payments late``; else empty."""
    first = next(iter(reason.split(maxsplit=1)), "")
    try:
        return id_of(first.removesuffix(":"))
    except WordingError:
        return ""


def reason_for(incident: Incident, given: str) -> str:
    """The reason of what is done for an incident: its own, or what was given, after its id."""
    given = given.strip()
    if not given or given.rstrip(":").upper() == incident.id:
        return incident.reason
    return given if named_in(given) == incident.id else f"{incident.id}: {given}"


def unknown_said(wanted: str) -> str:
    """That there is no incident of an id."""
    return f"There is no incident {wanted}; `fedesk incident list` has them."


def closed_said(incident: Incident) -> str:
    """Why nothing more is written or done for an incident."""
    at = f" at {incident.closed_at:%Y-%m-%d %H:%M:%S} UTC" if incident.closed_at else ""
    return (
        f"Incident {incident.id} was closed by {incident.closed_by}{at}. "
        "Open one with another id for what goes on."
    )


# What belongs to it


def belongs(record: AuditRecord, incident: Incident, runs: Sequence[str]) -> bool:
    """Whether a record tells of something that was done for an incident, or to a run of it meanwhile."""
    draft = record.draft
    if record.seq <= incident.opened_record or draft.action == ACTION:
        return False
    if named_in(draft.reason) == incident.id:
        return True
    closed = incident.closed_record
    return (closed is None or record.seq < closed) and is_about(draft.target, runs)


def is_about(target: str, runs: Iterable[str]) -> bool:
    """Whether a target is one of some runs, or a task of one."""
    return any(target == run or target.startswith(f"{run}::") for run in runs)


# Its timeline


class EntryKind(StrEnum):
    """What an entry of the timeline is."""

    FAILURE = "failure"
    OPENED = "opened"
    NOTE = "note"
    ACKNOWLEDGEMENT = "acknowledgement"
    WRITE_WINDOW = "write window"
    PLAN = "plan"
    """A plan that somebody has confirmed."""
    OPERATION = "operation"
    """What happened to the operation itself: that a process took it."""
    INTENT = "intent"
    ANSWER = "answer"
    DECISION = "decision"
    """What a person said where a step waits for it."""
    READ_BACK = "read-back"
    OUTCOME = "outcome"
    SETTLEMENT = "settlement"
    REFUSAL = "refusal"
    RECORD = "record"
    """Any other record of the audit log."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened."""

    at: datetime
    kind: EntryKind
    said: str
    who: str = ""
    subject: str = ""
    """What it happened to: a run, an environment, a step."""
    operation: str = ""
    record: int | None = None
    """Its number in the audit log."""
    link: str = ""


_PHASES = {
    Phase.OUTCOME: EntryKind.OUTCOME,
    Phase.SETTLEMENT: EntryKind.SETTLEMENT,
    Phase.REFUSAL: EntryKind.REFUSAL,
    Phase.APPROVAL: EntryKind.DECISION,
    Phase.REJECTION: EntryKind.DECISION,
}


def timeline(history: IncidentHistory) -> tuple[TimelineEntry, ...]:
    """Everything that happened, in order.

    Entries of one source (a journal, the audit log, the notes) stay in the order in which they were written,
    whatever clocks were set to; between sources the time decides.
    """
    incident, notes = history.incident, history.notes
    written = [_noted(note) for note in notes if note.kind is not NoteKind.FAILURE]
    return _merged(
        [
            *([_noted(note)] for note in notes if note.kind is NoteKind.FAILURE),
            [_opened(incident), *written],
            *(_went(operation) for operation in history.operations),
            _recorded(history.operations, history.records),
            _closed(incident),
        ]
    )


def operation_timeline(operation: Operation, records: Sequence[AuditRecord]) -> tuple[TimelineEntry, ...]:
    """The same of one operation: its plan, what others said of it, its journal and its end.

    ``records`` are those of the audit log that name it, in the log's order.
    """
    return _merged([_went(operation), _recorded((operation,), records)])


def _merged(sources: Iterable[Iterable[TimelineEntry]]) -> tuple[TimelineEntry, ...]:
    placed = [pair for source in sources for pair in _in_order(source)]
    # Stable: of one moment the earlier source is first.
    return tuple(entry for _, entry in sorted(placed, key=lambda pair: pair[0]))


def _in_order(source: Iterable[TimelineEntry]) -> Iterator[tuple[datetime, TimelineEntry]]:
    """Each entry with the latest moment that its source has told of so far."""
    latest: datetime | None = None
    for entry in source:
        latest = entry.at if latest is None else max(latest, entry.at)
        yield latest, entry


def _noted(note: IncidentNote) -> TimelineEntry:
    return TimelineEntry(
        at=note.at,
        kind=EntryKind(note.kind.value),
        said=note.said,
        # Who noted a failure did not make it.
        who="" if note.kind is NoteKind.FAILURE else note.by,
        subject=note.run,
        link=note.link,
    )


def _opened(incident: Incident) -> TimelineEntry:
    return TimelineEntry(
        at=incident.opened_at,
        kind=EntryKind.OPENED,
        said=incident.title,
        who=incident.opened_by,
        subject=incident.environment,
        record=incident.opened_record,
    )


def _closed(incident: Incident) -> Iterator[TimelineEntry]:
    if incident.closed_at is not None:
        yield TimelineEntry(
            at=incident.closed_at,
            kind=EntryKind.CLOSED,
            said=incident.summary,
            who=incident.closed_by,
            subject=incident.environment,
            record=incident.closed_record,
        )


def _went(operation: Operation) -> Iterator[TimelineEntry]:
    """The plan that was confirmed, and the journal; how it ended is told by the audit log."""
    plan = operation.plan
    first = TimelineEntry(
        at=operation.confirmed_at,
        kind=EntryKind.PLAN,
        said="; ".join(effect.sentence for effect in plan.effects),
        who=operation.confirmation.by,
        subject=", ".join(target.name for target in plan.targets),
        operation=plan.operation,
        link=next((target.link for target in plan.targets if target.link), ""),
    )
    yield first
    sent: set[str] = set()
    for entry in operation.journal:
        is_intent = bool(entry.step) and entry.state is StepState.INTENDED
        # A refusal, and a settlement by hand, are in the audit log in the same words.
        if entry.step or entry.state not in (StepState.DONE, StepState.FAILED):
            yield TimelineEntry(
                at=entry.at,
                kind=EntryKind.INTENT if is_intent else _kind_of(entry, sent),
                said=entry.said,
                subject=entry.step,
                operation=plan.operation,
                record=operation.audit_intent if is_intent and not sent else None,
            )
        if is_intent:
            sent.add(entry.step)


def _kind_of(entry: JournalEntry, sent: set[str]) -> EntryKind:
    """A step that was intended has sent something; the others only look."""
    if not entry.step:
        return EntryKind.OPERATION
    return EntryKind.ANSWER if entry.step in sent else EntryKind.READ_BACK


def _recorded(operations: Iterable[Operation], records: Iterable[AuditRecord]) -> Iterator[TimelineEntry]:
    """Ends, refusals, windows; an intent is told by its operation's journal, where the store has it."""
    known = {operation.plan.operation for operation in operations}
    for record in records:
        draft = record.draft
        if draft.phase is Phase.INTENT and draft.operation in known:
            continue
        kind = _PHASES.get(draft.phase, EntryKind.INTENT if draft.phase is Phase.INTENT else EntryKind.RECORD)
        entry = TimelineEntry(
            at=draft.at,
            kind=kind,
            said=draft.result,
            who=draft.actor.person,
            subject=draft.target,
            operation=draft.operation,
            record=record.seq,
            link=draft.links[0] if draft.links else "",
        )
        if draft.phase is Phase.OVERRIDE and draft.action == WINDOW_ACTION:
            entry = replace(entry, kind=EntryKind.WRITE_WINDOW)
        elif kind is EntryKind.RECORD:
            said = f"{draft.phase}: {draft.result}" if draft.result else draft.phase.value
            entry = replace(entry, said=f"{draft.action}, {said}")
        yield entry
