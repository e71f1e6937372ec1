"""Looking again at operations that nobody carries on: what was done is found out, nothing is ever sent."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from fedesk.domain.audit import Actor, Phase
from fedesk.domain.operations import (
    LET_GO,
    Effect,
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
from fedesk.services.held import LEASE, Held, hold, patience_of
from fedesk.services.operation_kinds import OperationKind, Step
from fedesk.services.steps import follow_step, settle_effect

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
    lease = _taken_over(found, store=store, clock=clock, processes=processes)
    held = hold(lease, store=store, systems=systems, clock=clock, actor=actor, pause=pause, kinds=known)
    kind = known.get(found.plan.kind)
    if kind is None:
        said = f"This fedesk knows no operation of the kind {found.plan.kind}."
        return _still_unknown(held, held.entry("", StepState.UNKNOWN, said))
    return _settle(held, kind)


def _taken_over(found: Operation, *, store: OperationStore, clock: Clock, processes: Processes) -> Lease:
    """The lease, with the targets. Nothing is sent without those: who cannot have them has sent nothing."""
    now, reserve = clock.now(), found.stage is not Stage.CONFIRMED
    claim = partial(store.claim, found.plan.operation, processes.me(), now, LEASE, dead=found.owner)
    try:
        return claim(reserve=reserve)
    except ReservedError:
        return claim(reserve=False)


def _settle(held: Held, kind: OperationKind) -> Operation:
    """Go through the steps by the journal, up to the first that is not done; send nothing."""
    effects = iter(held.plan.effects)
    done: list[str] = []
    said = ""
    for step in kind.steps:
        effect = next(effects) if step.kind is StepKind.EFFECT else None
        before = held.last(step.name)
        if before is None and effect is not None:
            return _never_sent(held, effect, done)
        if before is not None and before.state in _FINISHED:
            entry = before
        else:
            entry = _look_again(held, step, effect, before)
        if entry.state is not StepState.DONE:
            return _stopped(held, entry, () if entry is before else (entry,))
        if entry is not before:
            held.note(entry)
        if effect is not None:
            done.append(effect.sentence)
        said = entry.said
    return held.end(Outcome.SUCCEEDED, said, Phase.SETTLEMENT)


_FINISHED = (StepState.DONE, StepState.FAILED)


def _look_again(held: Held, step: Step, effect: Effect | None, before: JournalEntry | None) -> JournalEntry:
    if effect is None or before is None:
        return follow_step(held, step, within=step.within if step.kind is StepKind.VERIFY else AWAIT_WITHIN)
    # Sent right after its intent at the earliest; it may have taken all its time, and the server as long.
    patience = patience_of(held.systems, effect.connection) * (2 if before.state is StepState.INTENDED else 1)
    passed = (held.clock.now() - before.at).total_seconds()
    # Clocks of two machines differ: what is from the future is waited for no longer than what is of now.
    return settle_effect(held, step, effect, wait=min(patience - passed, patience))


def _never_sent(held: Held, effect: Effect, done: Sequence[str]) -> Operation:
    if done:
        said = f"Its process ended in between. Done: {'; '.join(done)}. Never sent: {effect.sentence}."
        return held.end(Outcome.FAILED, said, Phase.SETTLEMENT)
    said = "Nothing was sent: nobody carries it out any more."
    return held.end(Outcome.ABORTED, said, Phase.SETTLEMENT)


def _stopped(held: Held, entry: JournalEntry, entries: Sequence[JournalEntry]) -> Operation:
    """What is said of an operation whose steps do not go on from here."""
    if entry.state is StepState.FAILED:
        return held.end(Outcome.FAILED, entry.said, Phase.SETTLEMENT, entries)
    if entry.state is StepState.WAITING:
        held.note(entry)
        return held.let_go()
    return _still_unknown(held, entry)


def _still_unknown(held: Held, entry: JournalEntry) -> Operation:
    """Unknown is recorded once as the provisional outcome; later looks add what they saw to the journal."""
    if held.operation.audit_outcome is None:
        return held.end(Outcome.UNKNOWN, entry.said, Phase.OUTCOME, (entry,))
    held.note(entry)
    return held.let_go()
