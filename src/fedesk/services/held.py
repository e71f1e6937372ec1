"""An operation whose lease this process holds, and how it writes: for the runner and for who looks again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.kept_text import kept_text
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import (
    Call,
    Decision,
    Effect,
    Evidence,
    JournalEntry,
    Operation,
    Outcome,
    Plan,
    StepState,
    filled,
)
from fedesk.ports.changing import Systems
from fedesk.ports.errors import SourceError
from fedesk.ports.operation_store import (
    DecidedError,
    GoneError,
    JournalError,
    Lease,
    OperationStore,
    StoreError,
    StoreUnavailableError,
    UnrecordedError,
    Written,
)
from fedesk.ports.sources import Clock
from fedesk.services.operation_kinds import OperationKind

T = TypeVar("T")

LEASE = timedelta(seconds=120)
"""How long a lease holds at least without being renewed."""

INSIST = 600.0
"""Seconds for which the outcome of what was sent is tried to be written to a store that fails: longer than
a database takes to be started again, or another to take its place."""


def pauses() -> Iterator[float]:
    """Seconds between looks: short at first, then five."""
    seconds = 0.1
    while True:
        yield seconds
        seconds = min(seconds * 2, 5.0)


@dataclass(kw_only=True)
class Held:
    """An operation whose lease this process holds. Every method that writes raises LeaseLostError."""

    operation: Operation
    """As it was when it was claimed."""
    lease: Lease
    action: str
    """Its verb in the audit log."""
    store: OperationStore
    systems: Systems
    clock: Clock
    actor: Actor
    pause: Callable[[float], None]
    journal: list[JournalEntry]
    renewed_at: float
    """When the lease was taken or renewed, by the clock that only grows."""
    sent: bool = False
    """Whether something was sent, which has its intent then: what came of it is written with insistence."""

    @property
    def plan(self) -> Plan:
        """What the operation does."""
        return self.operation.plan

    def call_of(self, effect: Effect) -> Call:
        """The call as it is sent and looked up."""
        return filled(effect.call, self.plan.operation, self.operation.digest)

    def entry(
        self,
        step: str,
        state: StepState,
        said: str,
        *,
        reference: str = "",
        evidence: Sequence[Evidence] = (),
    ) -> JournalEntry:
        """An entry that is not written yet, whose texts hold no secret that is known as one."""
        return JournalEntry(
            number=0,
            at=self.clock.now(),
            step=step,
            state=state,
            said=kept_text(said),
            reference=reference,
            evidence=tuple(replace(one, said=kept_text(one.said)) for one in evidence),
        )

    def first(self, step: str) -> JournalEntry | None:
        """The oldest entry of a step."""
        return next((entry for entry in self.journal if entry.step == step), None)

    def last(self, step: str) -> JournalEntry | None:
        """The newest entry of a step."""
        return next((entry for entry in reversed(self.journal) if entry.step == step), None)

    def decision(self, step: str) -> Decision | None:
        """What was decided of a step; None while nobody has."""
        made = self._firmly(lambda: self.store.decisions(self.plan.operation))
        return next((one for one in made if one.step == step), None)

    def decide(self, decision: Decision) -> None:
        """Decide of a step where nobody did in time; whoever was faster is the one who has decided."""
        audit = self.audit(Phase.REJECTION, decided(decision))

        def write() -> None:
            try:
                self.store.decide(decision, audit)
            except DecidedError:
                return

        self._firmly(write)

    def audit(
        self, phase: Phase, result: str, evidence: Sequence[Evidence] = (), *, reason: str = ""
    ) -> AuditDraft:
        """A record of this operation; ``reason`` is the plan's where it has none of its own."""
        links = (*(target.link for target in self.plan.targets), *(one.link for one in evidence))
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=self.plan.environment,
            action=self.action,
            target=", ".join(target.name for target in self.plan.targets),
            phase=phase,
            operation=self.plan.operation,
            plan_digest=self.operation.digest,
            reason=reason or self.plan.reason,
            result=kept_text(result),
            links=tuple(dict.fromkeys(link for link in links if link)),
        )

    @property
    def patience(self) -> float:
        """Seconds after which a request to the plan's system may be taken for over, answered or not."""
        return patience_of(self.systems, self.plan.connection)

    def renew(self) -> None:
        """Hold on to the lease, for longer than any request takes."""
        lasts = max(LEASE, timedelta(seconds=2 * self.patience))
        asked = self.clock.monotonic()
        self.lease = self._firmly(lambda: self.store.renew(self.lease, self.clock.now(), lasts))
        self.renewed_at = asked

    def keep(self) -> None:
        """Hold on to a lease that was asked for a while ago: anew after a quarter of its time."""
        while self.clock.monotonic() - self.renewed_at >= LEASE.total_seconds() / 4:
            self.renew()

    def note(self, entry: JournalEntry, audit: AuditDraft | None = None) -> None:
        """Write one entry, and the audit record that goes with it."""
        (numbered,) = self._numbered((entry,))
        self._firmly(
            lambda: self.store.write(self.lease, (numbered,), audit),
            lambda now: Written(audit_seq=None) if _has(now, numbered) else None,
        )
        self.journal.append(numbered)

    def end(
        self,
        outcome: Outcome,
        said: str,
        phase: Phase,
        entries: Sequence[JournalEntry] = (),
        *,
        reason: str = "",
    ) -> Operation:
        """Write the last entries, the outcome and its audit record, and let go."""
        said = kept_text(said)
        evidence = [one for entry in entries for one in entry.evidence]
        audit = self.audit(phase, f"{outcome}: {said}", evidence, reason=reason)
        at, numbered = self.clock.now(), self._numbered(entries)

        def write() -> Operation:
            written = self.store.end(self.lease, outcome, said, at, numbered, audit)
            return written.operation or self._read()

        return self._firmly(write, lambda now: now if (now.outcome, now.ended_at) == (outcome, at) else None)

    def let_go(self) -> Operation:
        """Give the lease back without an end: whoever looks next may go on at once."""

        def write() -> Operation:
            self.store.let_go(self.lease)
            return self._read()

        return self._firmly(write)

    def _numbered(self, entries: Sequence[JournalEntry]) -> tuple[JournalEntry, ...]:
        """What comes next in the journal: written as these entries, or not at all."""
        return tuple(
            replace(entry, number=number) for number, entry in enumerate(entries, len(self.journal) + 1)
        )

    def _read(self) -> Operation:
        found = self.store.operation(self.plan.operation)
        if found is None:
            raise GoneError(f"Operation {self.plan.operation} is gone from the store.")
        return found

    def _firmly(self, write: Callable[[], T], left: Callable[[Operation], T | None] = lambda _: None) -> T:
        """Write; where something was sent, again and again for a while. Raises UnrecordedError then.

        ``left`` is what the write has left where it came about and its answer did not arrive.
        """
        began, waited = self.clock.monotonic(), 0.0
        failed: StoreError | None = None
        for seconds in pauses():
            try:
                there = None if failed is None else left(self._read())
                return write() if there is None else there
            except (StoreUnavailableError, JournalError, GoneError) as error:
                if not self.sent:
                    raise
                # What came about late moves the journal between looking and writing: once.
                in_vain = isinstance(error, JournalError) and isinstance(failed, JournalError)
                if in_vain or isinstance(error, GoneError) or waited >= INSIST:
                    raise UnrecordedError(self._unrecorded(error)) from error
                failed = error
            self.pause(seconds)
            waited = max(waited + seconds, self.clock.monotonic() - began)
        raise AssertionError  # pauses() never ends

    def _unrecorded(self, error: StoreError) -> str:
        id_ = self.plan.operation
        said = f"Operation {id_} was sent, but what came of it could not be recorded: {error}"
        if isinstance(error, StoreUnavailableError):
            return f"{said} When the store is well again, run `fedesk operations recheck {id_}`."
        targets = ", ".join(target.name for target in self.plan.targets)
        return f"{said} Look at {targets} in the system itself, and run `fedesk audit verify`."


def decided(decision: Decision) -> str:
    """A decision as the result of its audit record: ``stop: review: nobody decided within 8:00:00``."""
    return f"{decision.choice}: {decision.step}: {decision.said}"


def hold(
    lease: Lease,
    *,
    store: OperationStore,
    systems: Systems,
    clock: Clock,
    actor: Actor,
    pause: Callable[[float], None],
    kinds: Mapping[str, OperationKind],
) -> Held:
    """The operation that was just claimed."""
    found = lease.found
    kind = kinds.get(found.plan.kind)
    return Held(
        operation=found,
        lease=lease,
        action=found.plan.kind if kind is None else kind.action,
        store=store,
        systems=systems,
        clock=clock,
        actor=actor,
        pause=pause,
        journal=list(found.journal),
        renewed_at=clock.monotonic(),
    )


def patience_of(systems: Systems, name: ConnectionName) -> float:
    """Seconds after which a request to a system may be taken for over; 0 for one that cannot be asked."""
    try:
        return systems.reading(name).patience
    except SourceError:
        # No longer configured: looking anything up there fails too, and says so.
        return 0.0


def _has(operation: Operation, entry: JournalEntry) -> bool:
    """Whether a (numbered) entry is in the journal."""
    return any(
        (one.number, one.at, one.step, one.state) == (entry.number, entry.at, entry.step, entry.state)
        for one in operation.journal
    )
