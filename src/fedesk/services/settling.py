"""Looking again at operations that nobody carries on: what was done is found out, nothing is ever sent."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from fedesk.domain.audit import Actor, Phase
from fedesk.domain.operations import (
    CONFLICT,
    LET_GO,
    GuardResult,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Stage,
    StepKind,
    StepState,
)
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.operation_store import Lease, NotClaimableError, OperationStore, ReservedError
from fedesk.ports.sources import Clock
from fedesk.services.held import LEASE, Held, hold
from fedesk.services.operation_kinds import OperationKind
from fedesk.services.steps import Due, look_again, remaining, unfit

GRACE = timedelta(seconds=30)
"""How far beyond its lease an owner of whom nothing can be told, on another machine, is taken to be alive."""

AWAIT_WITHIN = 30.0
"""Seconds for which a step that waits is followed by who looks again; then it is left as it is."""


def left_alone(operation: Operation, *, now: datetime, processes: Processes) -> str:
    """Why ``recheck`` would leave an operation as it is, in one sentence; empty where it would look.

    ``now`` is by the store's clock, as leases are.
    """
    if operation.stage is Stage.CONFIRMED:
        expires = operation.plan.expires_at
        return "" if now > expires else f"It waits to be executed until {expires:%H:%M:%S} UTC."
    if not operation.is_open:
        return f"It has ended: {operation.outcome}."
    owner = _holder(operation, now)
    alive = False if owner is None else processes.is_alive(owner)
    if owner is None or alive is False or (operation.outcome is Outcome.UNKNOWN and owner == processes.me()):
        return ""
    if alive:
        return f"Process {owner.pid} on {owner.host} is at it and lives."
    over = (operation.lease_until or now) + GRACE
    if over <= now:
        return ""
    return (
        f"Process {owner.pid} on {owner.host} is at it; whether it lives cannot be told from here before "
        f"{over:%H:%M:%S} UTC, when its lease has run out."
    )


def _holder(operation: Operation, now: datetime) -> Owner | None:
    """Who holds the lease; None where it was given back, or has run out after an unknown end."""
    until = operation.lease_until
    if until is None or until <= LET_GO or (operation.stage is Stage.ENDED and until <= now):
        return None
    return operation.owner


def recheck(
    operation: str,
    *,
    store: OperationStore,
    systems: Systems,
    clock: Clock,
    processes: Processes,
    actor: Actor,
    kinds: Mapping[str, OperationKind] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Operation:
    """Settle an operation whose owner has died or whose outcome is unknown, and return it as it then stands.

    One that is left alone (``left_alone`` says why) is returned as it is. Raises NotClaimableError where
    the store does not know it or another process was faster, LeaseLostError, StoreError.
    """
    from fedesk.services.kinds import KINDS

    known = KINDS if kinds is None else kinds
    found = store.operation(operation)
    if found is None:
        raise NotClaimableError(f"There is no operation {operation} in this store.")
    if left_alone(found, now=store.now(clock.now()), processes=processes):
        return found
    lease = taken_over(found, store=store, clock=clock, processes=processes)
    held = hold(lease, store=store, systems=systems, clock=clock, actor=actor, pause=pause, kinds=known)
    if found.stage is Stage.CONFIRMED:
        # Of whatever kind it is: nobody had begun it, and nobody can any more.
        return nothing_sent(held)
    kind = known.get(found.plan.kind)
    foreign = unfit(kind, found.plan) if kind is not None else unknown_kind(found.plan.kind)
    if kind is None or foreign:
        return still_unknown(held, held.entry("", StepState.UNKNOWN, foreign))
    return _settle(held, kind)


def unknown_kind(name: str) -> str:
    """The sentence for a plan of a kind that this fedesk does not have."""
    return f"This fedesk knows no operation of the kind {name}."


def taken_over(found: Operation, *, store: OperationStore, clock: Clock, processes: Processes) -> Lease:
    """The lease, with the targets. Nothing is sent without those: who cannot have them has sent nothing."""
    now, reserve = clock.now(), found.stage is not Stage.CONFIRMED
    claim = partial(store.claim, found.plan.operation, processes.me(), now, LEASE, dead=found.owner)
    try:
        return claim(reserve=reserve)
    except ReservedError:
        return claim(reserve=False)


def _settle(held: Held, kind: OperationKind) -> Operation:
    """Go through the steps by the journal, up to the first that is not done; send nothing."""
    for due in remaining(kind, held.plan, held.journal):
        if due.is_unsent:
            return _unsent(held, due) if has_begun(held) else nothing_sent(held)
        entry = look_again(held, due, leave_after=_LEAVE_AFTER.get(due.step.kind), outage=0.0)
        if entry.state is not StepState.DONE:
            return stopped(held, due, entry, Phase.SETTLEMENT)
        held.note(entry)
    return held.end(Outcome.SUCCEEDED, done_said(held, kind), Phase.SETTLEMENT)


_LEAVE_AFTER = {StepKind.AWAIT: AWAIT_WITHIN, StepKind.DECIDE: 0.0}


def has_begun(held: Held) -> bool:
    """Whether a step was begun."""
    return any(entry.step for entry in held.journal)


def has_intent(held: Held) -> bool:
    """Whether something may have been sent: an effect was intended, which the audit log has."""
    return any(entry.step and entry.state is StepState.INTENDED for entry in held.journal)


def nothing_sent(held: Held) -> Operation:
    """End an operation that nobody began in its time, or whose process died before it began a step."""
    until = held.plan.expires_at
    said = (
        f"Nothing was sent: its plan held until {until:%Y-%m-%d %H:%M} UTC, and nobody had begun it by then."
        if until <= held.clock.now()
        else "Nothing was sent: nobody carries it out any more."
    )
    return held.end(Outcome.ABORTED, said, Phase.SETTLEMENT)


def refuse(held: Held, refusals: Sequence[GuardResult]) -> Operation:
    """End an operation of which nothing was sent, saying which guards forbade it."""
    said = " ".join(f"{one.guard}: {one.reason} {one.remedy}".rstrip() for one in refusals)
    conflict = any(one.conflict for one in refusals)
    entry = held.entry("", StepState.FAILED, said, reference=CONFLICT if conflict else "")
    return held.end(Outcome.REFUSED, said, Phase.REFUSAL, (entry,))


def done_said(held: Held, kind: OperationKind, last: JournalEntry | None = None) -> str:
    """What is said of one whose steps are all done; ``last`` is its newest entry, where not written yet."""
    if kind.done_said is not None:
        return kind.done_said(held.plan)
    last = last or held.last(kind.steps_of(held.plan)[-1].name)
    return last.said if last is not None else ""


def _unsent(held: Held, due: Due) -> Operation:
    """What comes next would be sent: that is for who carries the operation on."""
    id_ = held.plan.operation
    what = due.effect.sentence if due.effect is not None else due.step.sentence
    said = f"Not sent yet: {what}. `fedesk execute {id_}` carries it on."
    held.note(held.entry("", StepState.PENDING, said))
    return held.let_go()


def stopped(held: Held, due: Due, entry: JournalEntry, phase: Phase) -> Operation:
    """Record that an operation does not go on from a step: it ends, or is left as it stands."""
    if entry.state is StepState.FAILED:
        outcome = due.step.stopped if due.step.kind is StepKind.DECIDE else Outcome.FAILED
        return held.end(outcome, entry.said, phase, () if entry is due.before else (entry,))
    if entry.state is StepState.WAITING:
        if due.before is None or (due.before.state, due.before.said) != (entry.state, entry.said):
            held.note(entry)
        return held.let_go()
    return still_unknown(held, entry)


def still_unknown(held: Held, entry: JournalEntry) -> Operation:
    """Unknown is recorded once as the provisional outcome; later looks add what they saw to the journal."""
    if held.operation.audit_outcome is None:
        return held.end(Outcome.UNKNOWN, entry.said, Phase.OUTCOME, (entry,))
    held.note(entry)
    return held.let_go()
