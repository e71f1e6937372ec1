"""Waiting for one's turn: operations of kinds that queue, for a target that another of them holds.

Reservations stay the truth of who acts. The line is only an order in which those who wait try to take them.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from fedesk.domain.audit import Phase
from fedesk.domain.guards import IN_FLIGHT, moment
from fedesk.domain.operations import GuardResult, Operation, Outcome, Ruling, Stage, StepState
from fedesk.domain.release_queue import TURN, Place, place_of
from fedesk.ports.changing import Processes
from fedesk.ports.operation_store import OperationReader, ReservedError, StoreUnavailableError
from fedesk.ports.sources import Clock
from fedesk.services.held import Held
from fedesk.services.operation_kinds import OperationKind
from fedesk.services.settling import left_alone, refuse

LOOK_EVERY = 2.0
"""Seconds between two looks whether one's turn has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The lines before all targets, as the store has them."""

    store: OperationReader
    kinds: Mapping[str, OperationKind]
    processes: Processes
    clock: Clock

    def place_of(self, operation: Operation) -> Place | None:
        """Where an operation stands; None where it may try to take its targets. Raises StoreError.

        Whoever holds them and is dead, or does not queue, is for the claim to meet.
        """
        now = self.store.now(self.clock.now())
        opened = self.store.open_operations()
        place = place_of(operation.plan, operation.confirmed_at, opened, now=now)
        if place is None or self.is_waited_for(place.behind):
            return place
        besides = [one for one in opened if one is not place.behind]
        return place_of(operation.plan, operation.confirmed_at, besides, now=now)

    def is_waited_for(self, holder: Operation) -> bool:
        """Whether one waits for whoever holds the target: it queues itself, and is under way and alive."""
        if holder.stage is not Stage.RUNNING or not queues(self.kinds, holder):
            return False
        now = self.store.now(self.clock.now())
        return bool(left_alone(holder, now=now, processes=self.processes))

    def wait(self, held: Held) -> Operation | None:
        """Wait until it is the turn of an operation whose lease is held; the journal says where it stands.

        What it returns is how it has ended in line: it was taken back, or its plan's time was over first.
        Raises LeaseLostError, StoreError.
        """
        told = ""
        until = held.plan.expires_at
        while held.clock.now() < until:
            # A store that is away is waited for: nothing was sent, and the claim asks it again.
            with suppress(StoreUnavailableError):
                if (ended := leave_line(held)) is not None:
                    return ended
                place = self.place_of(held.operation)
                if place is None:
                    return None
                if place.said != told:
                    waits = f"waits its turn: {place.said}"
                    held.note(held.entry("", StepState.PENDING, waits, reference=TURN))
                    told = place.said
                held.keep()
            held.pause(LOOK_EVERY)
        late = GuardResult(
            guard=IN_FLIGHT,
            ruling=Ruling.DENY,
            reason=f"Its plan held until {moment(until, held.clock.now())}, and its turn had not come: "
            f"it was {told or 'in line'}.",
            remedy="Make a new plan.",
            conflict=True,
        )
        return refuse(held, (late,))


def queues(kinds: Mapping[str, OperationKind], operation: Operation) -> bool:
    """Whether an operation waits for its turn where another such holds its target."""
    kind = kinds.get(operation.plan.kind)
    return kind is not None and kind.queues


def leave_line(held: Held) -> Operation | None:
    """End an operation that was taken back while it was in line; None where it was not. Nothing was sent."""
    has_waited = any(entry.reference == TURN for entry in held.journal)
    decision = held.decision(TURN) if has_waited else None
    if decision is None:
        return None
    said = withdrawn_said(decision.by, decision.reason)
    return held.end(Outcome.REFUSED, said, Phase.REFUSAL, (held.entry("", StepState.FAILED, said),))


def withdrawn_said(person: str, reason: str) -> str:
    """How an operation ends that was taken back."""
    return f"withdrawn by {person}: {reason}"


def taken(error: ReservedError) -> GuardResult:
    """What refuses an operation whose target another holds for which it does not wait."""
    return GuardResult(guard=IN_FLIGHT, ruling=Ruling.DENY, reason=str(error), conflict=True)
