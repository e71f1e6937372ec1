"""The guards of freezes and holds: what a change meets in the windows that cover its target.

A hold says no. A freeze asks to be accepted, by name and with a reason, which overrides it. Who may do that,
and with whose approval, is the policy's (``domain.policy.OVERRIDES``).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fedesk.domain.guards import FREEZE, HOLD, Situation, moment
from fedesk.domain.operations import Fact, GuardResult, Ruling
from fedesk.domain.policy import OVERRIDES
from fedesk.domain.windows import Occurrence, Unreadable, WindowKind, foremost, until_said

if TYPE_CHECKING:
    from fedesk.domain.guards import Rule

OVERRIDE = OVERRIDES[FREEZE]
"""The verb of overriding a freeze, as roles and policy have it."""


def hold(situation: Situation) -> GuardResult | None:
    """Nothing changes what somebody holds until the hold is removed."""
    found = _of(situation, WindowKind.HOLD)
    one = foremost(found)
    if one is None:
        return _unreadable(situation, WindowKind.HOLD)
    window = one.window
    return GuardResult(
        guard=HOLD,
        ruling=Ruling.DENY,
        reason=f"{window.opened_by} holds {window.scope} since "
        f"{moment(window.opened_at, situation.now)}: {window.reason.rstrip('.')}{_more(found, one)}",
        remedy=f"`fedesk hold remove {window.id} --reason TEXT` lifts it, by an admin.",
        facts=_facts(situation, found),
    )


def freeze(situation: Situation) -> GuardResult | None:
    """What is frozen changes only where the freeze is overridden, knowingly: it was there when the plan was.

    One that has begun since is nothing that anybody accepted, whether it stands in the calendar for long or
    was added a minute ago.
    """
    found = _of(situation, WindowKind.FREEZE)
    one = foremost(found)
    if one is None:
        return _unreadable(situation, WindowKind.FREEZE)
    made = situation.plan.made_at
    later = [fresh for fresh in found if max(fresh.start, fresh.window.opened_at) > made]
    told = foremost(later) or one
    until = until_said(told, situation.now)
    zone = f" {told.window.zone}" if told.end is not None else ""
    why = (
        f"{told.window.scope} is frozen {until}{zone}: {told.window.reason.rstrip('.')}"
        f" ({told.window.id} of {told.window.opened_by}){_more(found, told)}"
    )
    facts, confirmation = _facts(situation, found), situation.confirmation
    if situation.broken:
        return GuardResult(guard=FREEZE, ruling=Ruling.WARN, reason=why, facts=facts)
    if later:
        return GuardResult(
            guard=FREEZE,
            ruling=Ruling.DENY,
            reason=f"{why} It began after the plan was made, at {moment(made, situation.now)}.",
            remedy="Wait until it is over, or make a new plan and override the freeze in it.",
            facts=facts,
            conflict=True,
        )
    forbidden = situation.people.against(situation.plan.requester, OVERRIDE, situation.plan.environment)
    if forbidden:
        return GuardResult(
            guard=FREEZE,
            ruling=Ruling.DENY,
            reason=f"{why} Overriding it {forbidden}.",
            remedy="Wait until it is over, or have somebody with that role make the plan.",
            facts=facts,
        )
    if confirmation is not None and FREEZE in confirmation.accepted and not situation.plan.reason.strip():
        return GuardResult(
            guard=FREEZE,
            ruling=Ruling.DENY,
            reason=f"{why} It was overridden without a reason.",
            remedy="Give a reason; on the command line --reason TEXT.",
            facts=facts,
        )
    return GuardResult(
        guard=FREEZE,
        ruling=Ruling.CONFIRM,
        reason=why,
        remedy="Wait until it is over, or override it with a reason; on the command line --accept freeze.",
        facts=facts,
    )


RULES: tuple["Rule", ...] = (freeze, hold)
"""Judged beside the guards of ``domain.guards``, for every kind of operation."""


def _of(situation: Situation, kind: WindowKind) -> list[Occurrence]:
    return [one for one in situation.in_force if one.window.kind is kind]


def _more(found: Sequence[Occurrence], told: Occurrence) -> str:
    """The end of a sentence that tells of one, where there are others."""
    others = ", ".join(one.window.id for one in found if one is not told)
    return f"; {others} as well." if others else "."


def _facts(situation: Situation, found: Sequence[Occurrence]) -> tuple[Fact, ...]:
    return tuple(
        Fact(
            name=one.window.kind.value,
            value=f"{one.window.id}, {until_said(one, situation.now)}",
            source="the desk's store",
            observed_at=situation.now,
        )
        for one in found
    )


def _unreadable(situation: Situation, kind: WindowKind) -> GuardResult | None:
    """Where it cannot be told whether one is in force."""
    found: list[Unreadable] = [one for one in situation.unreadable if one.window.kind is kind]
    if not found:
        return None
    window = found[0].window
    return GuardResult(
        guard=kind.value,
        ruling=Ruling.UNKNOWN,
        reason=f"Whether {kind} {window.id} of {window.scope} is in force cannot be told: {found[0].why}",
        remedy=f"`fedesk {kind} remove {window.id} --reason TEXT`, and add it anew.",
    )
