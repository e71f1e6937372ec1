"""Who waits for whom: operations that queue for a target, in the order in which they were confirmed.

An operation is in line while its process waits: it has claimed the operation without its targets, and says in
the journal whose end it waits for. The reservation alone says whose turn it is; the order says who may try.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain.operations import Operation, Plan, Stage

TURN = "turn"
"""Reference of the journal's entry that an operation waits for its turn; what is decided of it is that it
leaves the line."""
_TEENS = range(11, 14)
_SUFFIX = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an operation stands in the queue for its target."""

    number: int
    """1 for who is next."""
    behind: Operation
    """Who holds the target; else who is next, and about to."""

    @property
    def said(self) -> str:
        """``1st in line behind 019a… (release.promote of mara)``."""
        plan = self.behind.plan
        who = f"{plan.operation} ({plan.kind} of {plan.requester})"
        return f"{_ordinal(self.number)} in line behind {who}"


def is_waiting(operation: Operation) -> bool:
    """Whether its process waits for its turn: nothing was begun, and it holds nothing but its own lease."""
    last = operation.journal[-1] if operation.journal else None
    return operation.stage is Stage.RUNNING and last is not None and (last.step, last.reference) == ("", TURN)


def place_of(
    plan: Plan, confirmed_at: datetime | None, opened: Iterable[Operation], *, now: datetime
) -> Place | None:
    """Where an operation stands among those that have not ended; None where it is its turn.

    ``confirmed_at`` is None for a plan, which comes last. Whoever has let its lease run out is out of line:
    its process has died or stands still, and the others do not wait for it.
    """
    wanted = set(plan.reserves)
    others = [
        one
        for one in opened
        if one.plan.operation != plan.operation and not wanted.isdisjoint(one.plan.reserves)
    ]
    line = sorted((one for one in others if is_waiting(one) and _holds_on(one, now)), key=_order)
    mine = None if confirmed_at is None else (confirmed_at, plan.operation)
    ahead = [one for one in line if mine is None or _order(one) < mine]
    holder = next((one for one in others if one.stage is not Stage.CONFIRMED and not is_waiting(one)), None)
    if holder is not None:
        return Place(number=len(ahead) + 1, behind=holder)
    return Place(number=len(ahead), behind=ahead[0]) if ahead else None


def waits(operation: Operation, opened: Iterable[Operation], *, now: datetime) -> str:
    """What an operation waits for, for a list; empty for one that is not in line."""
    if not is_waiting(operation):
        return ""
    place = place_of(operation.plan, operation.confirmed_at, opened, now=now)
    return "its turn has come" if place is None else f"waits its turn: {place.said}"


def _order(operation: Operation) -> tuple[datetime, str]:
    return operation.confirmed_at, operation.plan.operation


def _holds_on(operation: Operation, now: datetime) -> bool:
    return operation.lease_until is not None and operation.lease_until > now


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in _TEENS else _SUFFIX.get(number % 10, "th")
    return f"{number}{suffix}"
