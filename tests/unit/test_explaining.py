"""What the policy asks of a plan, and where each of it stands."""

from dataclasses import replace
from datetime import timedelta

from making import NOW
from operation_values import draft_of
from planning import confirmation, plan

from fedesk.domain.approving import Standing
from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.operations import Operation, Stage
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import DEFAULTS, UNGOVERNED, Governance, Policy, Rule
from fedesk.domain.reviews import Review
from fedesk.domain.roles import People, Person, Rights, Role
from fedesk.services.explaining import Afterwards, Asked, complaints, explain

PLAN = plan(reason="late")
MARA = PLAN.requester
WAITING = Operation(
    plan=PLAN,
    digest=digest_of(PLAN),
    guards=(),
    confirmation=confirmation(PLAN, accepted=("freeze",)),
    stage=Stage.CONFIRMED,
    outcome=None,
    said="",
    confirmed_at=NOW,
    ended_at=None,
    owner=None,
    lease_until=None,
    journal=(),
)


def governed(rule: Rule, *roles: Role) -> Governance:
    people = People({MARA: Person(principal=MARA, roles=frozenset(roles))})
    return Governance(people=people, policy=Policy(general={**DEFAULTS, "rerun": rule}))


def of(what: str, *asked: Asked) -> Asked:
    return next(one for one in asked if one.what == what)


def test_nothing_is_asked_where_nobody_is_told_apart() -> None:
    """Everybody may, and no approval is wanted, whatever was accepted."""
    found = explain(WAITING, "rerun", UNGOVERNED, NOW)
    assert [(one.what, one.met) for one in found.asked] == [
        ("role", True),
        ("approvals", True),
        ("in time", True),
    ]


def test_what_was_overridden_is_asked_as_well() -> None:
    """The rule of a freeze's override stands beside that of the re-run."""
    found = explain(WAITING, "rerun", governed(Rule(), Role.OPERATOR), NOW)
    assert (found.verb, found.overrides, found.rule.approvals) == ("rerun", ("freeze-override",), 1)
    assert of("approvals", *found.asked) == Asked(
        what="approvals", met=None, said="It takes 1 approval of an approver."
    )


def test_approvals_stand_as_others_have_said() -> None:
    """Missing while they are, with what is waited for."""
    governance = governed(Rule(approvals=1), Role.OPERATOR)
    rule = governance.policy.rule("rerun", "prod")
    missing = of("approvals", *explain(WAITING, "rerun", governance, NOW, standing=Standing(rule=rule)).asked)
    assert (missing.met, missing.said) == (
        False,
        "It takes 1 approval of an approver: waits for 1 approval of an approver.",
    )


def test_a_role_that_was_taken_away_and_a_ticket_that_is_not_there() -> None:
    """Judged by the configuration as it is now."""
    found = explain(WAITING, "rerun", governed(Rule(tickets=("INC-[0-9]+",), review=True)), NOW).asked
    assert of("role", *found).met is False
    assert of("ticket", *found) == Asked(
        what="ticket", met=False, said="The reason has to hold INC-[0-9]+: late"
    )
    assert of("review", *found).met is None


def test_broken_glass_stands_in_the_place_of_approvals() -> None:
    """Its own right is asked; the record says who and why, and whether somebody else has reviewed it."""
    broken = replace(WAITING, confirmation=replace(WAITING.confirmation, break_glass=True))
    governance = governed(Rule(approvals=1), Role.SECRETS)
    found = explain(broken, "rerun", governance, NOW).asked
    assert of("role", *found).met is True
    assert of("approvals", *found) == Asked(
        what="approvals",
        met=False,
        said="It takes 1 approval of an approver, in whose place the glass was broken.",
    )
    assert of("break-glass", *found).met is False
    draft = draft_of(Phase.BREAK_GLASS, reason="nobody answers")
    record = AuditRecord(seq=12, draft=draft, hash="0" * 64, raw=b"")
    unseen = explain(broken, "rerun", governance, NOW, afterwards=Afterwards(record=record)).asked
    assert of("break-glass", *unseen).met is True
    assert "broke the glass (record 12), because nobody answers: it " in of("break-glass", *unseen).said
    assert of("review", *unseen).met is None
    assert "`fedesk audit review 12 --said TEXT`" in of("review", *unseen).said
    review = Review(reviewed=12, at=NOW, by="ann", said="agreed", record=14)
    seen = explain(
        broken, "rerun", governance, NOW, afterwards=Afterwards(record=record, review=review)
    ).asked
    assert of("review", *seen) == Asked(
        what="review", met=True, said=f"ann reviewed it at {NOW:%Y-%m-%d %H:%M} UTC (record 14): agreed"
    )


def test_a_plan_is_in_time_until_it_expires() -> None:
    """Of one that was begun it is told until when it could be."""
    late = PLAN.expires_at + timedelta(seconds=1)
    assert of("in time", *explain(WAITING, "rerun", UNGOVERNED, late).asked).met is False
    ended = replace(WAITING, stage=Stage.ENDED)
    assert of("in time", *explain(ended, "rerun", UNGOVERNED, late).asked).met is True


def told(governance: Governance, user: str = "", *, has_signers: bool = True) -> list[str]:
    rights = Rights(people=governance.people, person=MARA, os_user=user)
    return [one.sentence for one in complaints(governance, rights, ("prod", "dev"), has_signers=has_signers)]


def test_what_nobody_could_meet_is_told() -> None:
    """Nobody named; approvals without signers, or without people who may give them; another's machine."""
    assert told(UNGOVERNED) == [
        "Nobody is told apart: everybody may everything, until [people] in fedesk.toml names somebody."
    ]
    alone = governed(Rule(), Role.OPERATOR)
    verbs = "promote, reload, backfill, rotate, freeze-override, waive-gate"
    assert told(alone, has_signers=False) == [
        f"Approvals are wanted for {verbs}; without identity.allowed_signers nobody can give one.",
        f"In prod there are too few people to approve {verbs}.",
        f"In dev there are too few people to approve {verbs}.",
    ]
    ben = Person(principal="ben", roles=frozenset({Role.APPROVER}), os_users=("ben",))
    both = replace(alone, people=People({**alone.people.named, "ben": ben}))
    assert told(both) == []
    assert told(both, "ben") == [f"You may change nothing: the user ben of this machine is ben, not {MARA}."]
