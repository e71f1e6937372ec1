"""What the policy asks of a plan, and where each of it stands; and what of the policy nobody could meet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain.approving import Standing, wanted
from fedesk.domain.examination import Complaint, Gravity
from fedesk.domain.guards import moment
from fedesk.domain.operations import Operation, Stage
from fedesk.domain.policy import DEFAULTS, Governance, Rule
from fedesk.domain.role_guards import against
from fedesk.domain.roles import Rights, listed
from fedesk.services.judging import lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that is asked."""

    what: str
    """``role``, ``ticket``, ``approvals``, ``in time`` or ``review``."""
    met: bool | None
    """None where it is not yet time to tell."""
    said: str
    """One sentence: what is asked, and what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The rule of one plan, and what it comes to."""

    verb: str
    overrides: tuple[str, ...]
    """Verbs whose rules are asked as well, because their guards were accepted."""
    rule: Rule
    asked: tuple[Asked, ...]


def explain(
    operation: Operation, verb: str, governance: Governance, standing: Standing | None, now: datetime
) -> Explained:
    """What the policy asks of a plan that does ``verb``, by this desk's own configuration. Asks nobody.

    ``standing`` is what others have said of it; None where nobody is asked, or it cannot be told.
    """
    plan = operation.plan
    accepted = operation.confirmation.accepted
    rule = governance.policy.needed(verb, plan.environment, accepted)
    return Explained(
        verb=verb,
        overrides=governance.policy.overrides(accepted),
        rule=rule,
        asked=tuple(_asked(operation, verb, rule, governance, standing, now)),
    )


def _asked(
    operation: Operation,
    verb: str,
    rule: Rule,
    governance: Governance,
    standing: Standing | None,
    now: datetime,
) -> Iterator[Asked]:
    plan, people = operation.plan, governance.people
    if people:
        refusals = against(Rights(people=people, person=plan.requester), verb, plan.environment)
        roles = listed(people.roles_of(plan.requester, plan.environment), "and")
        said = f"{plan.requester} is {roles} in {plan.environment}."
        yield Asked(what="role", met=not refusals, said=refusals[0].reason if refusals else said)
    else:
        yield Asked(what="role", met=True, said="No people are configured: everybody may.")
    if rule.tickets:
        missing = lacking(rule.tickets, plan.reason)
        said = f"The reason has to hold {' and '.join(rule.tickets)}: {plan.reason or 'there is none'}"
        yield Asked(what="ticket", met=not missing, said=said)
    yield _approvals(rule, standing)
    yield _in_time(operation, now)
    if rule.review:
        yield Asked(what="review", met=None, said="Somebody else looks at it afterwards: it is reviewed.")


def _approvals(rule: Rule, standing: Standing | None) -> Asked:
    if not rule.approvals and (standing is None or standing.is_enough):
        return Asked(what="approvals", met=True, said="None are asked for.")
    asked = (
        f"It takes {wanted(rule.approvals, rule)}" if rule.approvals else "It takes the requester's signature"
    )
    if standing is None:
        return Asked(what="approvals", met=None, said=f"{asked}.")
    given = ", ".join(one.approver for one in standing.approvals)
    there = f"approved by {given}" if standing.is_enough else standing.said.rstrip(".")
    return Asked(what="approvals", met=standing.is_enough, said=f"{asked}: {there}.")


def _in_time(operation: Operation, now: datetime) -> Asked:
    plan = operation.plan
    until = moment(plan.expires_at, now)
    if operation.stage is not Stage.CONFIRMED:
        return Asked(what="in time", met=True, said=f"It was begun; it could be until {until}.")
    if now >= plan.expires_at:
        return Asked(what="in time", met=False, said=f"It could be begun until {until}.")
    return Asked(what="in time", met=True, said=f"It may be begun until {until}.")


def complaints(
    governance: Governance, rights: Rights, environments: Iterable[str], *, has_signers: bool
) -> Iterator[Complaint]:
    """What is wrong with people and policy beside the mistakes that the configuration itself is told of."""
    people = governance.people
    if not people:
        said = "Nobody is told apart: everybody may everything, until [people] in fedesk.toml names somebody."
        yield Complaint(gravity=Gravity.NOTE, sentence=said)
        return
    if rights.another:
        said = f"You may change nothing: {rights.another}."
        yield Complaint(gravity=Gravity.WARNING, sentence=said)
    asking = [
        (name, verb, rule)
        for name in environments
        for verb in DEFAULTS
        if (rule := governance.policy.rule(verb, name)).approvals
    ]
    if asking and not has_signers:
        verbs = ", ".join(dict.fromkeys(verb for _, verb, _ in asking))
        said = f"Approvals are wanted for {verbs}; without identity.allowed_signers nobody can give one."
        yield Complaint(gravity=Gravity.WARNING, sentence=said)
    for name in dict.fromkeys(name for name, _, _ in asking):
        short = [
            verb
            for where, verb, rule in asking
            if where == name and len(people.with_a_role(rule.approvers, name)) < rule.approvals
        ]
        if short:
            said = f"In {name} there are too few people to approve {', '.join(short)}."
            yield Complaint(gravity=Gravity.WARNING, sentence=said)
