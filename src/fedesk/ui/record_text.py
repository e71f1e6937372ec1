"""The audit log and its operations as rows, and one record as text: its fields, its plan, its journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.audit import Phase
from fedesk.domain.open_operations import Course
from fedesk.domain.operations import Outcome, Ruling, Stage
from fedesk.services.hiding import hidden
from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import Column, Row
from fedesk.ui.plan_text import RULINGS, entry, section
from fedesk.ui.present import Face
from fedesk.ui.watch_text import OUTCOMES, STEPS, address, face_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, tzinfo

    from fedesk.domain.audit import AuditRecord
    from fedesk.domain.open_operations import OpenOperation
    from fedesk.domain.operations import GuardResult, JournalEntry, Operation, Plan
    from fedesk.domain.operations import Target as Aim
    from fedesk.ui.run_text import Moment

AUDIT_COLUMNS = (
    Column(title="", width=1),
    Column(title="age", width=4, right=True, number=True),
    Column(title="who", width=8, importance=5),
    Column(title="phase", width=10),
    Column(title="action", width=12, importance=4),
    Column(title="target", width=14, grow=3),
    Column(title="result", width=14, grow=4),
    Column(title="nr", width=6, right=True, importance=1, number=True),
)
OPERATION_COLUMNS = (
    Column(title="", width=1),
    Column(title="", name="state", width=9, importance=6),
    Column(title="age", width=4, right=True, number=True),
    Column(title="where", width=7, importance=5),
    Column(title="target", width=14, grow=1),
    Column(title="partition", width=10, importance=3),
    Column(title="who", width=8, importance=4),
    Column(title="how it goes", width=14, grow=4),
)
PHASES: Mapping[Phase, Face] = {
    Phase.INTENT: Face("→", ">", "intent", "$text-primary"),
    Phase.REFUSAL: Face("⊘", "#", "refusal", "$text-warning"),
    Phase.REJECTION: Face("⊘", "#", "rejection", "$text-warning"),
    Phase.OVERRIDE: Face("▲", "!", "override", "$text-warning"),
    Phase.BREAK_GLASS: Face("▲", "!", "break-glass", "$text-error"),
    Phase.APPROVAL: Face("✓", "+", "approval", "$state-quiet-green"),
}
OTHER = Face("·", "-", "", present.MUTED)
_COURSES = {
    Course.RUNNING: Face("◐", "~", "running", "$text-primary"),
    Course.UNKNOWN: OUTCOMES[Outcome.UNKNOWN],
    Course.UNDECIDED: Face("⏸", "=", "to decide", "$text-warning"),
    Course.LEFT: Face("?", "?", "left", "$state-violet"),
    Course.WAITING: Face("⏸", "=", "waits", "$text-warning"),
    Course.REJECTED: Face("⊘", "#", "rejected", present.MUTED),
    Course.UNCLAIMED: Face("?", "?", "not begun", "$state-violet"),
}


def person(name: str) -> str:
    """Who, short: the part of a principal before its domain."""
    return present.text(name).partition("@")[0]


def subject_of(target: Aim) -> str:
    """What an operation changes, short: its pipeline, else the system's own name of it."""
    return target.pipeline or short(target.name)


def short(name: str) -> str:
    """A run's own name, without the connection that it is on."""
    return present.text(name.partition(":")[2] or name)


# Rows


def outcome_in(result: str) -> Outcome | None:
    """The outcome that a record's result begins with."""
    word = result.replace(":", " ").partition(" ")[0]
    return Outcome(word) if word in set(Outcome) else None


def record_face(record: AuditRecord) -> Face:
    """How a record looks: by how it ended where it tells of an end, else by its phase."""
    draft = record.draft
    outcome = outcome_in(draft.result) if draft.phase in (Phase.OUTCOME, Phase.SETTLEMENT) else None
    return OUTCOMES[outcome] if outcome else PHASES.get(draft.phase, OTHER)


def audit_rows(records: Iterable[AuditRecord], now: datetime, *, dim: bool) -> list[Row]:
    """One row a record, in the order given."""
    return [
        Row(
            key=str(record.seq),
            cells=(
                record_face(record).mark,
                Content(present.age(record.draft.at, now)),
                Content(person(record.draft.actor.person)),
                Content.styled(record.draft.phase.value, present.MUTED),
                present.plain(record.draft.action, "bold"),
                Content(short(record.draft.target)),
                present.plain(hidden(record.draft.result or record.draft.reason)),
                Content.styled(str(record.seq), present.MUTED),
            ),
            target=Target(
                name=f"record {record.seq}",
                id=str(record.seq),
                operation=record.draft.operation,
                environment=record.draft.environment,
            ),
            dim=dim,
            numbers={"age": (now - record.draft.at).total_seconds(), "nr": record.seq},
        )
        for record in records
    ]


def operation_rows(
    operations: Sequence[Operation], opened: Mapping[str, OpenOperation], now: datetime, *, dim: bool
) -> list[Row]:
    """One row an operation: what is unknown first, then what runs, then the newest."""
    order = sorted(operations, key=lambda one: _urgency(one, opened.get(one.plan.operation)))
    return [_operation_row(one, opened.get(one.plan.operation), now, dim=dim) for one in order]


def _urgency(operation: Operation, opened: OpenOperation | None) -> int:
    if not operation.is_open:
        return 2
    trouble = opened.course.is_trouble if opened else operation.outcome is Outcome.UNKNOWN
    return 0 if trouble else 1


def _operation_row(operation: Operation, opened: OpenOperation | None, now: datetime, *, dim: bool) -> Row:
    plan = operation.plan
    aim = plan.targets[0] if plan.targets else None
    face = _COURSES[opened.course] if opened and operation.is_open else face_of(operation)
    last = operation.journal[-1].said if operation.journal else ""
    subject = subject_of(aim) if aim else str(plan.connection)
    return Row(
        key=plan.operation,
        cells=(
            face.mark,
            Content.styled(face.word, face.style),
            Content(present.age(operation.confirmed_at, now)),
            present.plain(plan.environment, present.MUTED),
            # The folders of a job are those of its environment; what tells jobs apart stands behind them.
            present.plain(subject.rpartition("/")[2] or subject, "bold"),
            present.plain(aim.partition if aim else ""),
            Content(person(plan.requester)),
            present.plain(hidden(operation.said or last or plan.sentence)),
        ),
        target=Target(
            name=present.text(subject, 80),
            id=plan.operation,
            link=address(operation) if aim else "",
            operation=plan.operation,
            settled=settled(operation, opened, now),
            environment=plan.environment,
        ),
        dim=dim,
        numbers={"age": (now - operation.confirmed_at).total_seconds()},
    )


def settled(operation: Operation, opened: OpenOperation | None, now: datetime) -> str:
    """Why looking again would find nothing out; empty where it might."""
    if not operation.is_open:
        return f"it has ended: {operation.outcome.value if operation.outcome else 'settled'}"
    if operation.stage is Stage.CONFIRMED and now <= operation.plan.expires_at:
        return f"nothing was sent, and it may begin until {operation.plan.expires_at:%H:%M} UTC"
    if operation.stage is not Stage.ENDED and opened is not None and not opened.course.is_trouble:
        return "it goes on, and its process lives"
    return ""


def audit_about(record: AuditRecord) -> Content:
    """The row under the cursor in full: what it is about, and what came of it."""
    said = hidden(record.draft.result or record.draft.reason)
    parts = [part for part in (short(record.draft.target), present.text(said)) if part]
    return Content.styled(": ".join(parts), present.MUTED)


def operation_about(operation: Operation) -> Content:
    """What an operation does, and what was learnt of it last."""
    plan = operation.plan
    last = operation.said or (operation.journal[-1].said if operation.journal else "")
    last = last.rstrip(".")
    does = present.text(hidden(plan.sentence))
    return Content.styled(
        "; ".join(part for part in (present.text(hidden(last)), does) if part), present.MUTED
    )


# One record


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A record, and the operation that it tells of."""

    record: AuditRecord
    operation: Operation | None = None


def record_lines(told: Told, moment: Moment, width: int) -> list[Content]:
    """Everything that is recorded: the record's fields, then plan, guards and journal of its operation."""
    record, operation = told.record, told.operation
    lines = [*_fields(record, moment, width), Content()]
    if operation is not None:
        if record.draft.plan_digest not in ("", operation.digest):
            said = f"The operation's plan has another digest: {operation.digest}"
            lines += [*Content.styled(said, "$text-error").wrap(width), Content()]
        lines += [*plan_lines(operation, moment, width), *journal_lines(operation, moment, width)]
    elif record.draft.operation:
        lines += Content.styled(_no_operation(record), present.MUTED).wrap(width)
    return lines


def _no_operation(record: AuditRecord) -> str:
    if record.draft.phase is Phase.REFUSAL:
        return "It was refused before it was confirmed: the record is all there is, and nothing was sent."
    return "The store has no operation of this id."


def _fields(record: AuditRecord, moment: Moment, width: int) -> list[Content]:
    draft, actor = record.draft, record.draft.actor
    face = record_face(record)
    entries: tuple[tuple[str, Content | str], ...] = (
        ("at", _time(draft.at, moment)),
        ("who", f"{actor.person}, known by {actor.known_by}, on {actor.host}, pid {actor.pid}"),
        ("where", draft.environment),
        (
            "action",
            Content.assemble((present.text(draft.action), "bold"), f" of {present.text(draft.target)}"),
        ),
        ("phase", Content.assemble(face.mark, f" {draft.phase.value}")),
        ("result", hidden(draft.result)),
        ("reason", f"“{hidden(draft.reason)}”" if draft.reason else ""),
        ("operation", draft.operation),
        ("digest", draft.plan_digest),
        ("links", "  ".join(draft.links)),
        ("hash", record.hash),
    )
    return [
        line
        for label, said in entries
        if said
        for line in entry(label, said if isinstance(said, Content) else present.plain(said), width)
    ]


def _time(at: datetime, moment: Moment) -> str:
    """The exact moment in UTC, the time here where it is another, and how long ago that is."""
    exact = at.astimezone(UTC)
    here = present.clock_time(at, moment.now, moment.zone)
    local = "" if exact.strftime("%H:%M") == here else f", {here} here"
    return f"{exact:%Y-%m-%d %H:%M:%S.%f} UTC{local}, {present.age(at, moment.now)} ago"


def plan_lines(operation: Operation, moment: Moment, width: int) -> list[Content]:
    """What was agreed to, as it was judged then."""
    plan = operation.plan
    return [
        *section("changes", _changes(plan), width),
        *section("server", [(_server(plan), 2)], width),
        *section("guards", _guards(operation.guards, moment), width),
        *section("agreed", [(_agreed(operation, moment), 2)], width),
        *section("know", ((present.plain(note), 2) for note in plan.notes), width),
    ]


def _changes(plan: Plan) -> Iterator[tuple[Content, int]]:
    for effect in plan.effects:
        yield present.plain(hidden(effect.sentence)), 2
        yield Content.styled(f"by {present.text(effect.call.verb)} on {effect.connection}", present.MUTED), 2
    for target in plan.targets:
        yield Content.styled(present.text(target.name, 300), present.MUTED), 2
        pins = ", ".join(
            f"{present.text(name, 60)} {present.text(seen, 80)}" for name, seen in target.pins.items()
        )
        if pins:
            yield Content.styled(f"pinned: {pins}", present.MUTED), 2


def _server(plan: Plan) -> Content:
    return Content.assemble((str(plan.connection), "bold"), f"  {present.text(plan.address, 200)}")


_WORD = 9
"""The longest word for a ruling, and a space."""


def _guards(guards: Iterable[GuardResult], moment: Moment) -> Iterator[tuple[Content, int]]:
    for guard in guards:
        face = RULINGS[guard.ruling]
        quiet = guard.ruling is Ruling.ALLOW
        yield (
            Content.assemble(
                face.mark,
                (f" {face.word:<{_WORD}}", face.style),
                (f"{present.text(guard.guard, 40)}  ", present.MUTED if quiet else "bold"),
                (present.text(hidden(guard.reason), 600), present.MUTED if quiet else ""),
            ),
            2 + _WORD,
        )
        for fact in guard.facts:
            at = present.clock_time(fact.observed_at, moment.now, moment.zone)
            said = f"{present.text(fact.name, 60)} {present.text(hidden(fact.value), 200)}"
            source = f"{' ' * (2 + _WORD)}{said}, {present.text(fact.source, 80)} at {at}"
            yield Content.styled(source, present.MUTED), 4 + _WORD


def _agreed(operation: Operation, moment: Moment) -> Content:
    agreed, plan = operation.confirmation, operation.plan
    at = present.clock_time(agreed.at, moment.now, moment.zone)
    parts = [f"{present.text(agreed.by, 80)}, by {present.text(agreed.how, 40)}, {at}"]
    if agreed.window is not None:
        until = present.clock_time(agreed.window.until, moment.now, moment.zone)
        parts.append(f"write window until {until}: “{present.text(hidden(agreed.window.reason), 200)}”")
    if agreed.accepted:
        parts.append(f"accepted: {', '.join(present.text(one, 40) for one in agreed.accepted)}")
    if plan.reason:
        parts.append(f"“{present.text(hidden(plan.reason), 400)}”")
    parts.append(f"planned by {present.text(plan.made_by, 80)}")
    return Content(" · ".join(parts))


def journal_lines(operation: Operation, moment: Moment, width: int) -> list[Content]:
    """Every entry of the journal with its evidence, and how it ended."""
    entries = (pair for entry in operation.journal for pair in _journal_entry(entry, moment.zone))
    face = face_of(operation)
    ended = Content.assemble(
        face.mark,
        f" {face.word}",
        (f"  {present.text(hidden(operation.said), 600)}" if operation.said else ""),
    )
    return [
        *section("journal", entries, width),
        *section("outcome", [(ended, 2)], width),
    ]


def _journal_entry(entry: JournalEntry, where: tzinfo) -> Iterator[tuple[Content, int]]:
    face = STEPS[entry.state]
    at = entry.at.astimezone(where)
    yield (
        Content.assemble(
            (f"{at:%H:%M:%S} ", present.MUTED),
            face.mark,
            f" {present.text(entry.step, 40) or 'operation'} ",
            (entry.state.value, face.style),
            f"  {present.text(hidden(entry.said), 600)}" if entry.said else "",
            (f"  {present.text(entry.reference, 80)}" if entry.reference else "", present.MUTED),
        ),
        11,
    )
    for one in entry.evidence:
        said = Content.assemble(
            "           ",
            (f"{present.text(one.source, 80)}: ", present.MUTED),
            present.text(hidden(one.said), 600),
        )
        yield said, 13
