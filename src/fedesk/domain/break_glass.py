"""Breaking the glass: one person, a typed reason, and nobody else's leave; what it overrides and what not.

It stands in the place of approvals, and of freezes and holds. The pins, what is in flight, the connection,
the plan's time and the environment are asked as ever, and so is the yes.
"""

from dataclasses import replace

from fedesk.domain.operations import GuardResult, Ruling

VERB = "break-glass"
"""The right that it takes in the place of that to what is done, and the action of its record."""
EMERGENCY = "emergency-credential"
"""The action of the record where a sealed credential is used."""
GUARD = "break-glass"
APPROVALS = "approvals"
OVERRIDDEN = frozenset({APPROVALS, "freeze", "hold"})
"""Guards that do not stop it, by name."""
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


def said_of(guards: tuple[GuardResult, ...], credential: str) -> str:
    """What was overridden, and which sealed credential is used, for the record."""
    found = [f"{one.guard}: {one.reason.removesuffix(SAID).strip()}" for one in guards if is_overridden(one)]
    what = f"overrides {'; '.join(found)}" if found else "overrides no guard"
    return f"{what.rstrip('.')}; with the emergency credential of {credential}" if credential else what


def is_overridden(result: GuardResult) -> bool:
    """Whether it would have stopped the change, or asked for somebody else's leave."""
    return result.guard in OVERRIDDEN and result.reason.endswith(SAID)
