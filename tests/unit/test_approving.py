"""Signed statements as bytes, and whether they are enough: each refusal alone, and all orders at random."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import NOW, minutes
from operation_values import plan_of

from fedesk.domain.approving import (
    FIELDS,
    Action,
    Brought,
    Standing,
    Statement,
    StatementError,
    ahead,
    ruling,
    standing,
    statement_bytes,
    statement_of,
)
from fedesk.domain.operations import Plan, Ruling
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import Rule
from fedesk.domain.roles import People, Person, Role

MARA, ANN, BEN, EVE = (f"{name}@finedge.example" for name in ("mara", "ann", "ben", "eve"))
_APPROVER = frozenset({Role.APPROVER})
PEOPLE = People(
    {
        MARA: Person(principal=MARA, roles=frozenset({Role.OPERATOR, Role.APPROVER}), os_users=("mara",)),
        ANN: Person(principal=ANN, roles=_APPROVER),
        BEN: Person(principal=BEN, roles=_APPROVER, os_users=("ben",)),
        EVE: Person(principal=EVE, environments={"staging": _APPROVER}),
    }
)
PLAN = replace(plan_of(1), requester=MARA, made_at=NOW - minutes(10), expires_at=NOW + timedelta(hours=8))
DIGEST = digest_of(PLAN)


def said(approver: str, action: Action = Action.APPROVE, number: int = 1, **given_: Any) -> Brought:
    """What somebody signed with a key of their own."""
    statement = Statement(
        plan=DIGEST,
        operation=PLAN.operation,
        environment="prod",
        action=action,
        approver=approver,
        nonce=f"{number:032x}",
        at=NOW - minutes(5),
        expires_at=PLAN.expires_at,
    )
    words = {name: given_.pop(name) for name in tuple(given_) if hasattr(statement, name)}
    return Brought(statement=replace(statement, **words), **{"key": f"SHA256:{approver}", **given_})


REQUEST = said(MARA, Action.REQUEST, 99)


def judged(*brought: Brought, approvals: int = 1, plan: Plan = PLAN, people: People = PEOPLE) -> Standing:
    return standing(
        plan,
        DIGEST,
        brought,
        rule=Rule(approvals=approvals),
        people=people,
        confirmed_by=plan.requester,
        wants_request=True,
        now=NOW,
    )


# --- Bytes ----------------------------------------------------------------------------------------------


@given(st.text(max_size=40), st.sampled_from(Action))
def test_what_is_signed_is_read_as_it_was_written(reason: str, action: Action) -> None:
    """Whatever the reason: a statement comes back from its bytes with the words that are kept of it."""
    one = replace(said(ANN).statement, reason=reason, action=action)
    raw = statement_bytes(one)
    again = statement_of(raw)
    assert statement_bytes(again) == raw
    assert replace(again, reason=one.reason) == one


def _altered(**fields: object) -> bytes:
    from rfc8785 import dumps

    return dumps(json.loads(statement_bytes(said(ANN).statement)) | fields)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff", "no JSON"),
        (b"[" * 9000, "no JSON"),
        (b"[]", "other fields"),
        (_altered(more="x"), "other fields"),
        (_altered(nonce=7), "no text"),
        (_altered(v="fedesk-approval/2"), "is of the version"),
        (_altered(nonce="x"), "'nonce'"),
        (_altered(plan="abc"), "'plan'"),
        (_altered(approver="ann smith"), "'approver'"),
        (_altered(expires_at="tomorrow"), "'expires_at'"),
        (_altered(action="bless"), "cannot be read"),
        (_altered(reason="password=hunter2hunter2"), "holds a secret"),
        (statement_bytes(said(ANN).statement) + b" ", "canonical"),
        (statement_bytes(said(ANN).statement).replace(b'{"action"', b'{ "action"'), "canonical"),
        (b" " * 20_000, "more than"),
    ],
)
def test_what_is_no_statement_says_why(raw: bytes, why: str) -> None:
    """Bytes from outside are a statement in its one form, or a phrase."""
    with pytest.raises(StatementError, match=why):
        statement_of(raw)


def test_every_field_is_signed() -> None:
    """None of what a statement says can be altered without altering its bytes."""
    assert json.loads(statement_bytes(said(ANN).statement)).keys() == FIELDS


# --- Who counts -----------------------------------------------------------------------------------------


def test_another_person_with_the_role_is_enough() -> None:
    """Asked for by one, approved by another: the rule of one approval is met, and the guard says by whom."""
    found = judged(REQUEST, said(ANN))
    assert found.is_enough
    assert not found.refused
    allowed = ruling(found)
    assert allowed is not None
    assert (allowed.ruling, allowed.reason) == (Ruling.ALLOW, f"Approved by {ANN}.")


_REFUSALS: dict[str, tuple[Callable[[], Brought], str]] = {
    "an altered plan": (lambda: said(ANN, plan="ab" * 32), "of the plan abababababab"),
    "another operation's": (lambda: said(ANN, operation="019a0000"), "of operation 019a0000"),
    "another environment's": (lambda: said(ANN, environment="staging"), "for staging"),
    "a signature that does not count": (
        lambda: said(ANN, flaw="it is not signed by ann: no such key", key=""),
        "not signed by ann",
    ),
    "used twice": (lambda: said(ANN, used_for="019a1111"), "used before, for operation 019a1111"),
    "expired": (lambda: said(ANN, expires_at=NOW), "expired at 2026-11-20 02:43:10"),
    "signed before there was a plan": (lambda: said(ANN, at=NOW - minutes(16)), "before the plan"),
    "signed tomorrow": (lambda: said(ANN, at=NOW + minutes(6)), "still to come"),
    "the requester's own": (lambda: said(MARA), "nobody approves a plan of their own"),
    "with the requester's key": (lambda: said(ANN, key=f"SHA256:{MARA}"), "with the key of mara"),
    "without the role there": (lambda: said(EVE), "viewer in prod, and it takes the role approver"),
    "somebody unknown": (lambda: said("sam@finedge.example"), "it takes the role approver"),
}


@pytest.mark.parametrize("case", _REFUSALS)
def test_what_does_not_count_says_why(case: str) -> None:
    """Each reason for which an approval is none; the plan waits on, and the sentence is there to be told."""
    make, why = _REFUSALS[case]
    found = judged(REQUEST, make())
    assert not found.is_enough
    assert found.missing == 1
    assert [one.why for one in found.refused if why in one.why], found.refused
    denied = ruling(found)
    assert denied is not None
    assert denied.blocks
    assert why in denied.reason


def test_one_person_with_two_keys_counts_once() -> None:
    """A principal may own several keys."""
    found = judged(REQUEST, said(ANN), said(ANN, number=2, key="SHA256:second"), approvals=2)
    assert (len(found.approvals), found.missing) == (1, 1)
    assert "counts once" in found.refused[0].why


def test_one_key_under_two_names_counts_once() -> None:
    """An allowed_signers line may name several principals for one key."""
    found = judged(REQUEST, said(ANN), said(BEN, number=2, key=f"SHA256:{ANN}"), approvals=2)
    assert found.missing == 1
    assert f"with the key of {ANN}" in found.refused[0].why


def test_a_plan_under_another_users_name_is_nobodys() -> None:
    """Made as ``ben``: it wants ben's own signature, and he cannot approve it either, by whatever name."""
    plan = replace(PLAN, requester="ben")
    found = judged(said(MARA, Action.REQUEST), said(ANN, number=2), plan=plan)
    assert not found.is_enough
    assert "the plan is ben's, and mara" in found.refused[0].why
    assert found.said == "waits for the signature of whoever asked for it"
    found = judged(said(BEN, Action.REQUEST), said(BEN, number=2), plan=plan)
    assert "nobody approves a plan of their own" in found.refused[0].why
    assert judged(said(BEN, Action.REQUEST), said(ANN, number=2), plan=plan).is_enough


def test_who_confirmed_it_does_not_approve_it() -> None:
    """Made for somebody else: neither of the two approves."""
    found = standing(
        PLAN,
        DIGEST,
        (REQUEST, said(ANN)),
        rule=Rule(approvals=1),
        people=PEOPLE,
        confirmed_by=ANN,
        wants_request=True,
        now=NOW,
    )
    assert not found.is_enough


@pytest.mark.parametrize("who", [ANN, MARA])
def test_a_rejection_is_final(who: str) -> None:
    """Of an approver, or of the requester, who takes it back: no approval before or after it helps."""
    no = said(who, Action.REJECT, 5, reason="wrong day")
    for order in ((REQUEST, said(BEN), no), (REQUEST, no, said(BEN))):
        found = judged(*order)
        assert not found.is_enough
        assert found.said == f"rejected by {who}: wrong day"


def test_a_rejection_by_nobody_who_may_stops_nothing() -> None:
    """A viewer's word does not hold production up."""
    found = judged(REQUEST, said(EVE, Action.REJECT, 5), said(ANN))
    assert found.is_enough
    assert len(found.refused) == 1


def test_with_nobody_named_everybody_else_may() -> None:
    """No [people]: whoever signs is somebody of allowed_signers, and still not the requester."""
    assert judged(REQUEST, said(EVE), people=People()).is_enough
    assert not judged(REQUEST, said(MARA), people=People()).is_enough


def test_who_may_approve_is_named() -> None:
    """In the proposal's warning, and without the requester, who holds the role as well."""
    found = judged(REQUEST)
    assert found.people == (ANN, BEN)
    assert found.said == "waits for 1 approval of an approver"
    warned = ahead(PLAN, Rule(approvals=2), PEOPLE)
    assert warned is not None
    assert warned.ruling is Ruling.WARN
    assert warned.reason.startswith(f"It needs 2 approvals, each of another approver ({ANN}, {BEN})")
    assert ahead(PLAN, Rule(), PEOPLE) is None


def test_where_nobody_else_has_a_say_nothing_is_said() -> None:
    """A rule of no approvals and no signature lets pass, in silence."""
    found = standing(
        PLAN, DIGEST, (), rule=Rule(), people=PEOPLE, confirmed_by=MARA, wants_request=False, now=NOW
    )
    assert found.is_enough
    assert (ruling(found), found.said) == (None, "")


# --- All orders -----------------------------------------------------------------------------------------

_TEAM = People(
    {
        **PEOPLE.named,
        "dora@finedge.example": Person(principal="dora@finedge.example", roles=_APPROVER),
        "kai@finedge.example": Person(
            principal="kai@finedge.example", environments={"prod": _APPROVER, "staging": frozenset()}
        ),
    }
)
_WITH_ROLE = {ANN, BEN, "dora@finedge.example", "kai@finedge.example"}


_WHO = (*sorted(_WITH_ROLE), *sorted(_WITH_ROLE), MARA, MARA, EVE, "mara", "sam@finedge.example")
_ACTIONS = (*(Action.APPROVE,) * 8, Action.REQUEST, Action.REJECT)


@st.composite
def _statements(draw: st.DrawFn) -> list[Brought]:
    """Up to five statements, each good or spoilt in one of many ways, and mostly the requester's own."""
    found = [_one(draw, number) for number in range(draw(st.integers(0, 5)))]
    if draw(st.integers(0, 7)):
        found.insert(draw(st.integers(0, len(found))), REQUEST)
    return found


def _one(draw: st.DrawFn, number: int) -> Brought:
    who = draw(st.sampled_from(_WHO))
    key = draw(st.sampled_from((who, who, who, "second", "second", "second", MARA)))
    one = said(who, draw(st.sampled_from(_ACTIONS)), number, key=f"SHA256:{key}")
    spoilt = draw(st.sampled_from((*(None,) * 12, *_SPOILT)))
    return one if spoilt is None else _SPOILT[spoilt](one)


_SPOILT: dict[str, Callable[[Brought], Brought]] = {
    "plan": lambda one: replace(one, statement=replace(one.statement, plan="cd" * 32)),
    "operation": lambda one: replace(one, statement=replace(one.statement, operation="019a0000")),
    "environment": lambda one: replace(one, statement=replace(one.statement, environment="staging")),
    "signature": lambda one: replace(one, flaw="it is not signed", key=""),
    "used": lambda one: replace(one, used_for="019a1111"),
    "expired": lambda one: replace(one, statement=replace(one.statement, expires_at=NOW)),
    "early": lambda one: replace(one, statement=replace(one.statement, at=NOW - minutes(60))),
    "late": lambda one: replace(one, statement=replace(one.statement, at=NOW + minutes(60))),
}


def _is_good(one: Brought) -> bool:
    """An independent reading of what makes a statement one on this plan."""
    words = one.statement
    return (
        (words.plan, words.operation, words.environment) == (DIGEST, PLAN.operation, "prod")
        and not one.flaw
        and not one.used_for
        and PLAN.made_at - minutes(5) <= words.at <= NOW + minutes(5)
        and words.expires_at > NOW
    )


@settings(max_examples=400)
@given(_statements(), st.sampled_from((1, 2, 2, 3)))
def test_no_statements_of_too_few_people_are_ever_enough(brought: list[Brought], wanted: int) -> None:
    """Fewer than N distinct other people with the role never approve, whatever is brought in what order.

    And the other way round: N of them, each with a key of their own, and no rejection, are enough.
    """
    found = judged(*brought, approvals=wanted, people=_TEAM)
    good = [one for one in brought if _is_good(one)]
    approving = [
        one for one in good if one.statement.action is Action.APPROVE and one.statement.approver in _WITH_ROLE
    ]
    requests = [
        one for one in good if one.statement.action is Action.REQUEST and one.statement.approver == MARA
    ]
    rejecting = [
        one
        for one in good
        if one.statement.action is Action.REJECT and one.statement.approver in {*_WITH_ROLE, MARA, "mara"}
    ]
    people = {one.statement.approver for one in approving}
    keys = {one.key for one in approving} - {one.key for one in requests[:1]}
    if found.is_enough:
        assert len(people) >= wanted
        assert len(keys) >= wanted
        assert requests
        assert not rejecting
    own = [one for one in approving if one.key == f"SHA256:{one.statement.approver}"]
    foreign = {one.key for one in approving if one not in own} | {one.key for one in requests}
    sure = {one.statement.approver for one in own if one.key not in foreign}
    if len(sure) >= wanted and requests and not rejecting and len(own) == len(approving):
        assert found.is_enough
    assert len(found.refused) + len(found.approvals) + bool(found.request) <= len(brought)
