"""Operations as values: a plan, who agreed to it, what was done, how it ended.

The plan is immutable. Its digest is SHA-256 over the RFC 8785 bytes of exactly its fields, with
``{operation}`` and ``{plan}`` left as placeholders in calls; ``filled`` puts them in before a call is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Union

from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System

CONFLICT = "conflict"
"""Reference of the operation's own journal entry that says it was refused as stale or in conflict."""

DECISION = "decision"
"""Reference of the entry of a step that waits for a person."""

OPERATION_PARAMETER = "FEDESK_OPERATION"
"""The parameter of a Jenkins job by which its builds carry the id of their operation."""

LET_GO = datetime(1970, 1, 1, tzinfo=UTC)
"""The end of a lease that was given back."""

Json = Union[None, bool, int, str, "Sequence[Json]", "Mapping[str, Json]"]
"""What a call's arguments and an audit record are made of; no floats, whose text is a matter of taste."""


class StepKind(StrEnum):
    """What a step does. Each is resumable by whoever holds the operation's lease."""

    EFFECT = "effect"
    """Sends one call, once."""
    AWAIT = "await"
    """Looks until a system has got somewhere; may take hours."""
    VERIFY = "verify"
    """Reads back, within a bounded time, whether the effect is there."""
    DECIDE = "decide"
    """Waits until a person has decided."""


class StepState(StrEnum):
    """Where a step stands, as the journal says."""

    PENDING = "pending"
    INTENDED = "intended"
    """Durable before the first byte leaves: from here on the effect may be there."""
    WAITING = "waiting"
    DONE = "done"
    UNANSWERED = "unanswered"
    """No answer arrived; it is being looked up."""
    UNKNOWN = "unknown"
    FAILED = "failed"


class Stage(StrEnum):
    """How far an operation is."""

    CONFIRMED = "confirmed"
    """Agreed to; nobody has claimed it yet, and nothing was sent."""
    RUNNING = "running"
    ENDED = "ended"


class Outcome(StrEnum):
    """How an operation ended. UNKNOWN is provisional: a settlement follows it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


class Choice(StrEnum):
    """What a person decides of a step that waits for it."""

    PROCEED = "proceed"
    STOP = "stop"


class Settled(StrEnum):
    """What looking an effect up says."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


def _nothing() -> Mapping[str, Json]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One change to one system, as data. Adapters have one ``apply(call)`` and one ``settle(call)``."""

    system: System
    verb: str
    """Of the adapter's own table: ``clear-task-instances``, ``build-with-parameters``."""
    args: Mapping[str, Json] = field(default_factory=_nothing)
    key: str = ""
    """Idempotency key: what the effect is looked up by. Usually ``{operation}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One call of a plan, and what it means."""

    connection: ConnectionName
    call: Call
    sentence: str
    """For people: ``clear 3 task instances of payments_daily / 2026-11-20: dbt_test, publish, notify``."""
    repeatable: bool = False
    """Whether the call sets a target to a known state: only then may it ever be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an operation changes, pinned as it was seen."""

    name: str
    """A run: ``prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00``."""
    pipeline: str = ""
    """The catalogue's pipeline; the job or DAG where there is none."""
    partition: str = ""
    pins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Identity by name: try numbers, DAG version, hash of a job's definition. Changed means stale."""
    reserves: tuple[str, ...] = ()
    """What no other operation may hold meanwhile: the run, and pipeline with partition."""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one operation will do. Everything in it is under the digest."""

    operation: str
    """UUIDv7, minted with the plan."""
    kind: str
    """Name in the table of operation kinds: ``airflow.clear-failed``."""
    environment: str
    connection: ConnectionName
    address: str
    scope: tuple[str, ...] = ()
    """Folders or tags that the connection is limited to."""
    targets: tuple[Target, ...]
    effects: tuple[Effect, ...]
    requester: str
    """The person: the configured principal, else the user of the machine."""
    made_by: str
    """The program that made it and where: ``fedesk 0.1.0 on desk-3``."""
    reason: str = ""
    """Why, or a ticket; given with the confirmation."""
    made_at: datetime
    expires_at: datetime
    notes: tuple[str, ...] = ()
    """What a reader has to know: that it was made from reads alone, what cannot be undone."""

    @property
    def sentence(self) -> str:
        """What it does: the last effect on its own connection, which those before it only try.

        What other systems are asked for only looks at what it came to. Its kind where it has no effect.
        """
        own = [one for one in self.effects if one.connection == self.connection] or self.effects
        return own[-1].sentence if own else self.kind

    @property
    def reserves(self) -> tuple[str, ...]:
        """What no other operation may hold meanwhile, of all its targets; each name once."""
        return tuple(dict.fromkeys(name for target in self.targets for name in target.reserves))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteWindow:
    """Leave to change a read-only environment for a while."""

    environment: str
    opened_at: datetime
    until: datetime
    reason: str
    opened_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """That a person, or a command line in their name, said yes to one digest."""

    operation: str
    digest: str
    by: str
    at: datetime
    how: str
    """``key``, ``name and key``, ``--yes`` or ``--confirm prod``."""
    named: str = ""
    """The environment's name as it was typed; empty where none was asked for."""
    window: WriteWindow | None = None
    accepted: tuple[str, ...] = ()
    """Guards that said Confirm and were accepted, by name."""
    break_glass: bool = False
    """Whether it stands in the place of what others would have to say (``domain.break_glass``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one system said, when it was asked about an effect."""

    source: str
    """A connection's name and what was read: ``prod/airflow event log``."""
    said: str
    at: datetime
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a call that was carried out."""

    said: str
    """One sentence: ``3 task instances cleared``."""
    reference: str = ""
    """What later steps go on from: the number of a queue item."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What looking an effect up found. UNKNOWN while it cannot be told either way."""

    state: Settled
    said: str
    reference: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one look of an await, verify or decide step found."""

    state: StepState
    """WAITING, DONE, FAILED, or UNKNOWN where it cannot be told."""
    said: str
    reference: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, so that it can be told whether it still lives."""

    host: str
    boot: str
    """Id of the machine's boot: pids mean nothing beyond it."""
    pid: int
    started: str
    """When the process started, as the system counts: pids are used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One thing that happened to an operation, in order."""

    number: int
    """1, 2, 3 … within the operation; 0 for the next one, before it is written."""
    at: datetime
    step: str
    """Name of a step; empty for the operation itself."""
    state: StepState
    said: str
    reference: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided of a step that waits for a person; the first one counts."""

    operation: str
    step: str
    choice: Choice
    reason: str
    by: str
    """The person; empty where nobody decided in time."""
    at: datetime

    @property
    def said(self) -> str:
        """Who decided what, and why: ``mara decided to proceed: the canary is well``."""
        return f"{self.by} decided to {self.choice}: {self.reason}" if self.by else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Everything the store knows of one operation."""

    plan: Plan
    digest: str
    guards: tuple["GuardResult", ...]
    """As they were judged when it was confirmed, with the facts they used."""
    confirmation: Confirmation
    stage: Stage
    outcome: Outcome | None
    said: str
    """How it ended, in one sentence; empty before."""
    confirmed_at: datetime
    ended_at: datetime | None
    owner: Owner | None
    """Who holds the lease, or held it last."""
    lease_until: datetime | None
    journal: tuple[JournalEntry, ...]
    audit_intent: int | None = None
    """Sequence numbers of its records in the audit log."""
    audit_outcome: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be learnt: it has not ended, or ended unknown."""
        return self.stage is not Stage.ENDED or self.outcome is Outcome.UNKNOWN

    @property
    def undecided(self) -> str:
        """Name of the step that waits for a person to decide; empty where none does."""
        last = next((entry for entry in reversed(self.journal) if entry.step), None)
        if not self.is_open or last is None:
            return ""
        waits = last.state is StepState.WAITING and last.reference == DECISION
        return last.step if waits else ""

    @property
    def is_conflict(self) -> bool:
        """Whether it was refused as stale or in conflict (exit 5), rather than by a rule (exit 3)."""
        return self.outcome is Outcome.REFUSED and any(
            not entry.step and entry.reference == CONFLICT for entry in self.journal
        )


class Ruling(StrEnum):
    """What a guard says. UNKNOWN blocks like DENY."""

    ALLOW = "allow"
    WARN = "warn"
    CONFIRM = "confirm"
    """Allowed once the person accepts it in the plan."""
    DENY = "deny"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something a guard judged by, and where it comes from."""

    name: str
    value: str
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardResult:
    """One guard's ruling on one plan."""

    guard: str
    """``write window``, ``pinned identity``, ``in flight`` …: the names in ``domain.guards``."""
    ruling: Ruling
    reason: str
    """One sentence: on which evidence, since when."""
    remedy: str = ""
    """Who can lift it and how; empty where it allows."""
    conflict: bool = False
    """Whether a denial is a conflict or a stale plan (exit 5) rather than a refusal (exit 3)."""
    facts: tuple[Fact, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether nothing may be sent."""
        return self.ruling in (Ruling.DENY, Ruling.UNKNOWN)


def filled(call: Call, operation: str, digest: str) -> Call:
    """The call with ``{operation}`` and ``{plan}`` put in: the id, and the digest's first 12 digits."""

    def fill(value: Json) -> Json:
        if isinstance(value, str):
            return value.replace("{operation}", operation).replace("{plan}", digest[:12])
        if isinstance(value, Mapping):
            return {name: fill(item) for name, item in value.items()}
        if isinstance(value, Sequence):
            return [fill(item) for item in value]
        return value

    return Call(
        system=call.system,
        verb=call.verb,
        args={name: fill(value) for name, value in call.args.items()},
        key=str(fill(call.key)),
    )
