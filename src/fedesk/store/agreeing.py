"""Whether what the audit log tells and what the other tables say is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from fedesk.domain.audit import AuditDraft, AuditRecord, Phase
from fedesk.domain.audit_chain import RecordError, record_of, time_text
from fedesk.domain.operations import Outcome
from fedesk.domain.plans import plan_from_bytes

COLUMNS = "time, environment, action, operation, phase, target, person"
"""What the database makes of a record's bytes."""
_ENDS = (Phase.OUTCOME, Phase.SETTLEMENT)
_OPERATIONS = "SELECT operation, digest, plan, outcome, audit_intent, audit_outcome FROM operations"
_SENT_UNRECORDED = (
    "SELECT DISTINCT operation FROM journal JOIN operations USING (operation) "
    "WHERE journal.state = 'intended' AND step <> '' AND audit_intent IS NULL"
)


def with_outcome(draft: AuditDraft, outcome: Outcome) -> AuditDraft:
    """A record of an end, whose result begins with the outcome's word: by it the final ones are counted."""
    if draft.phase not in _ENDS or _word(draft.result) == outcome.value:
        return draft
    return replace(draft, result=f"{outcome.value}: {draft.result}")


def _word(result: str) -> str:
    return result.partition(":")[0]


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the table of operations says of one."""

    digest: str
    plan: Any
    """Bytes, unless somebody has put something else there."""
    outcome: str | None
    intent: int | None
    ended: int | None


@dataclass(slots=True)
class _Told:
    """What the audit log tells of one operation."""

    intents: list[int] = field(default_factory=list)
    ends: dict[int, str] = field(default_factory=dict)
    """Result's first word by record."""
    refusals: list[int] = field(default_factory=list)


class Agreement:
    """Compares record by record, then what is left over. Each method says what is wrong, or nothing."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._operations = {id_: _Operation(*rest) for id_, *rest in cursor.execute(_OPERATIONS)}
        self._told: dict[str, _Told] = {}

    def flaw(self, seq: int, raw: bytes, digest: bytes, columns: Sequence[object]) -> str:
        """What is wrong with one record beside its bytes."""
        try:
            record = record_of(raw, digest)
        except RecordError as error:
            return str(error)
        if record.seq != seq:
            return f"its bytes say that it is number {record.seq}"
        if list(columns) != _columns(record):
            return "the columns of the database are not those of its bytes"
        return self._operation_flaw(seq, record.draft) if record.draft.operation else ""

    def _operation_flaw(self, seq: int, draft: AuditDraft) -> str:
        id_, phase = draft.operation, draft.phase
        told = self._told.setdefault(id_, _Told())
        if phase is Phase.REFUSAL:
            told.refusals.append(seq)
        if phase is not Phase.INTENT and phase not in _ENDS:
            return ""
        known = self._operations.get(id_)
        if known is None:
            return f"it tells of operation {id_}, which is not in the store"
        if draft.plan_digest != known.digest:
            return f"it tells of another plan than operation {id_} has"
        if phase is Phase.INTENT:
            told.intents.append(seq)
            return f"it is a second intent of operation {id_}" if len(told.intents) > 1 else ""
        told.ends[seq] = _word(draft.result)
        final = [word for word in told.ends.values() if word != Outcome.UNKNOWN.value]
        return f"it is a second final outcome of operation {id_}" if len(final) > 1 else ""

    def rest(self) -> str:
        """What is wrong with the operations themselves."""
        for id_, known in self._operations.items():
            said = _stored_flaw(id_, known) or _told_flaw(known, self._told.get(id_, _Told()))
            if said:
                return f"operation {id_}: {said}"
        unrecorded = self._cursor.execute(_SENT_UNRECORDED).fetchone()
        return f"operation {unrecorded[0]}: it was sent, and no record says so" if unrecorded else ""


def _columns(record: AuditRecord) -> list[object]:
    draft = record.draft
    return [
        time_text(draft.at),
        draft.environment,
        draft.action,
        draft.operation,
        draft.phase.value,
        draft.target,
        draft.actor.person,
    ]


def _stored_flaw(id_: str, known: _Operation) -> str:
    if not isinstance(known.plan, bytes) or sha256(known.plan).hexdigest() != known.digest:
        return "its plan is not the one that was confirmed"
    try:
        plan = plan_from_bytes(known.plan)
    except ValueError:
        return "its plan cannot be read"
    return "" if plan.operation == id_ else f"its plan is that of operation {plan.operation}"


def _told_flaw(known: _Operation, told: _Told) -> str:
    if known.intent != next(iter(told.intents), None):
        return f"its intent is said to be record {known.intent}, which is no such record"
    if known.ended is None:
        return "its end is in the log, and it does not say so" if told.ends or known.outcome else ""
    if known.ended in told.refusals:
        return ""
    if known.ended != max(told.ends, default=None):
        return f"its end is said to be record {known.ended}, which is no such record"
    word = told.ends[known.ended]
    return "" if word == known.outcome else f"it ended {known.outcome!r}, and the log says {word!r}"
