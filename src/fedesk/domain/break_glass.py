"""Breaking the glass: one person, a typed reason, and nobody else's leave; what it overrides and what not.

It stands in the place of approvals, of freezes and holds, and of a team's store that does not answer. The
pins, what is in flight, the connection, the plan's time and the environment are asked as ever, and so is the
yes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fedesk.domain.operations import GuardResult, Ruling

VERB = "break-glass"
"""The right that it takes in the place of that to what is done, and the action of its record."""
EMERGENCY = "emergency-credential"
"""The action of the record where a sealed credential is used."""
GUARD = "break-glass"
APPROVALS = "approvals"
TEAM_STORE = "team store"
OVERRIDDEN = frozenset({APPROVALS, "freeze", "hold", TEAM_STORE})
"""Guards that do not stop it, by name."""
_SAID_BY_STORE = frozenset({APPROVALS, "freeze", "hold", "in flight", "retry budget"})
"""Guards that judge by what a team's desks have written; a store of one's own knows nothing of it."""
SAID = "Overridden by break-glass."


def overridden(result: GuardResult) -> GuardResult:
    """A ruling as it is with broken glass: what is overridden warns, and says so."""
    if result.guard not in OVERRIDDEN or result.ruling is Ruling.ALLOW:
        return result
    return replace(
        result, ruling=Ruling.WARN, reason=f"{result.reason.rstrip()} {SAID}", remedy="", conflict=False
    )


def ruling(sealed: str, environment: str) -> GuardResult:
    """Whether the glass may be broken here. ``sealed`` is why not; empty where it may."""
    if sealed:
        return GuardResult(
            guard=GUARD, ruling=Ruling.DENY, reason=sealed, remedy="Go on without --break-glass."
        )
    why = f"The glass is broken in {environment}: it is a finding until somebody else has reviewed it."
    return GuardResult(guard=GUARD, ruling=Ruling.WARN, reason=why)


def apart(rulings: Iterable[GuardResult], team: str) -> Iterator[GuardResult]:
    """Rulings while the store at ``team`` does not answer: nothing is allowed by what is not known."""
    yield GuardResult(
        guard=TEAM_STORE,
        ruling=Ruling.DENY,
        reason=(
            f"{team} does not answer: freezes, holds, approvals, what others are at and the retry budget are "
            "not known, and another machine may do the same at this moment."
        ),
        remedy="Wait until the store is back, or break the glass.",
    )
    yield from (one for one in rulings if one.guard not in _SAID_BY_STORE or one.ruling is not Ruling.ALLOW)


def said_of(guards: tuple[GuardResult, ...], credential: str) -> str:
    """What was overridden, and which sealed credential is used, for the record."""
    found = [f"{one.guard}: {one.reason.removesuffix(SAID).strip()}" for one in guards if is_overridden(one)]
    what = f"overrides {'; '.join(found)}" if found else "overrides no guard"
    return f"{what.rstrip('.')}; with the emergency credential of {credential}" if credential else what


def is_overridden(result: GuardResult) -> bool:
    """Whether it would have stopped the change, or asked for somebody else's leave."""
    return result.guard in OVERRIDDEN and result.reason.endswith(SAID)
