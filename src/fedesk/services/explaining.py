"""What the policy asks of a plan, and where each of it stands; and what of the policy nobody could meet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain import break_glass
from fedesk.domain.approving import Standing, wanted
from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.examination import Complaint, Gravity
from fedesk.domain.guards import moment
from fedesk.domain.operations import Operation, Stage
from fedesk.domain.policy import DEFAULTS, Governance, Rule
from fedesk.domain.reviews import Review, is_wanted, wants_rotation
from fedesk.domain.role_guards import against
from fedesk.domain.roles import Rights, listed
from fedesk.ports.incident_store import DeskStore
from fedesk.services.judging import lacking

_RECORDS = 100
"""Of one operation; more than it has before it is carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that is asked."""

    what: str
    """``role``, ``ticket``, ``approvals``, ``break-glass``, ``in time`` or ``review``."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """The record of a change that somebody else looks at afterwards."""

    record: AuditRecord
    review: Review | None = None
    """None as long as nobody has."""


def afterwards_of(operation: str, store: DeskStore) -> Afterwards | None:
    """What of an operation is reviewed afterwards; None where nothing is. Raises StoreError."""
    wanting = [one for one in store.tail(_RECORDS, operation=operation) if is_wanted(one.draft)]
    if not wanting:
        return None
    return Afterwards(record=wanting[-1], review=store.review_of(wanting[-1].seq))


def explain(
    operation: Operation,
    verb: str,
    governance: Governance,
    now: datetime,
    *,
    standing: Standing | None = None,
    afterwards: Afterwards | None = None,
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
        asked=(
            *_asked_before(operation, verb, rule, governance),
            *_asked_of_others(operation, rule, standing, afterwards),
            _in_time(operation, now),
            *_reviewed(rule, afterwards),
        ),
    )


def _asked_before(operation: Operation, verb: str, rule: Rule, governance: Governance) -> Iterator[Asked]:
    """What the requester has to be, and to say."""
    plan, people = operation.plan, governance.people
    # Broken glass takes its own right, in the place of that to what is done.
    right = break_glass.VERB if operation.confirmation.break_glass else verb
    if people:
        refusals = against(Rights(people=people, person=plan.requester), right, plan.environment)
        roles = listed(people.roles_of(plan.requester, plan.environment), "and")
        said = f"{plan.requester} is {roles} in {plan.environment}."
        yield Asked(what="role", met=not refusals, said=refusals[0].reason if refusals else said)
    else:
        yield Asked(what="role", met=True, said="No people are configured: everybody may.")
    if rule.tickets:
        missing = lacking(rule.tickets, plan.reason)
        said = f"The reason has to hold {' and '.join(rule.tickets)}: {plan.reason or 'there is none'}"
        yield Asked(what="ticket", met=not missing, said=said)


def _asked_of_others(
    operation: Operation, rule: Rule, standing: Standing | None, afterwards: Afterwards | None
) -> Iterator[Asked]:
    """Their approvals, or the glass that was broken in the place of these."""
    if not operation.confirmation.break_glass:
        yield _approvals(rule, standing)
        return
    if rule.approvals:
        said = f"It takes {wanted(rule.approvals, rule)}, in whose place the glass was broken."
        yield Asked(what="approvals", met=False, said=said)
    else:
        yield Asked(what="approvals", met=True, said="None are asked for.")
    if afterwards is None or afterwards.record.draft.phase is not Phase.BREAK_GLASS:
        said = "The glass was broken, and no record says so: nothing is sent without it."
        yield Asked(what="break-glass", met=False, said=said)
        return
    seq, draft = afterwards.record.seq, afterwards.record.draft
    said = f"{draft.actor.person} broke the glass (record {seq}), because {draft.reason}: it {draft.result}."
    yield Asked(what="break-glass", met=True, said=said)


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


def _reviewed(rule: Rule, afterwards: Afterwards | None) -> Iterator[Asked]:
    """That somebody else looks at it afterwards, and whether they did."""
    if afterwards is None:
        if rule.review:
            yield Asked(what="review", met=None, said="Somebody else looks at it afterwards: it is reviewed.")
        return
    seq, review = afterwards.record.seq, afterwards.review
    if review is not None:
        said = f"{review.by} reviewed it at {review.at:%Y-%m-%d %H:%M} UTC (record {review.record}): "
        yield Asked(what="review", met=True, said=f"{said}{review.said}")
        return
    rotated = " --rotated" if wants_rotation(afterwards.record.draft) else ""
    said = f"Nobody has yet; somebody else does with `fedesk audit review {seq} --said TEXT{rotated}`."
    yield Asked(what="review", met=None, said=said)


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
