"""Approvals with real keys over a real store: what counts, and each refusal with sentence and record."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anchored_log import needs_ssh_keygen
from approval_people import ANN, BEN, GOVERNANCE, MARA, Team, submitted, waiting_plan
from making import NOW, minutes
from operation_values import draft_of, operation_id
from planning import StillClock
from storing import tampered

from fedesk.domain.approving import NAMESPACE, Action, Statement, statement_bytes, statement_of
from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Plan
from fedesk.domain.plans import digest_of, plan_bytes
from fedesk.domain.policy import Governance, Policy, Rule
from fedesk.ports.approving import BroughtError
from fedesk.ports.errors import CredentialError
from fedesk.ports.operation_store import NotClaimableError
from fedesk.services.approvals import Approvals
from fedesk.services.proposals import RefusedError
from fedesk.store.operations import SqlStore

pytestmark = needs_ssh_keygen
ID = operation_id(1)
At = Callable[..., Approvals]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(tmp_path / "fedesk.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def at(team: Team, store: SqlStore, clock: StillClock) -> At:
    """Somebody's desk."""

    def desk(name: str, **given: object) -> Approvals:
        return team.at(name, store, clock, **given)  # type: ignore[arg-type] # as Team.at takes them

    return desk


def phases(store: SqlStore) -> list[tuple[Phase, str]]:
    return [(one.draft.phase, one.draft.action) for one in store.tail(20)]


def test_asked_for_by_one_approved_by_another(at: At, store: SqlStore) -> None:
    """It waits, then it does not; the record says who approved, with which key."""
    operation = submitted(at("mara"))
    assert at("mara").standing(operation).said == "waits for 1 approval of an approver"
    after = at("ann").approve(ID)
    assert after.is_enough
    assert at("mara").standing(operation).is_enough
    (record,) = store.tail(20)
    assert (record.draft.phase, record.draft.action) == (Phase.APPROVAL, "approve")
    assert record.draft.result.startswith(f"approve by {ANN} with the key SHA256:")
    assert record.draft.plan_digest == operation.digest


def test_a_rejection_says_why(at: At, store: SqlStore) -> None:
    """It is final: nothing more is to be said of the plan."""
    operation = submitted(at("mara"))
    at("ben").reject(ID, "wrong day")
    assert at("mara").standing(operation).said == f"rejected by {BEN}: wrong day"
    assert phases(store) == [(Phase.REJECTION, "reject")]
    assert store.tail(1)[0].draft.reason == "wrong day"
    with pytest.raises(NotClaimableError, match="was rejected by ben"):
        at("ann").approve(ID)


def _from_elsewhere(
    desk: Approvals,
    found: Operation,
    team: Team,
    /,
    key: str = "ann",
    namespace: str = NAMESPACE,
    **words: Any,
) -> None:
    """Bring what somebody signed with nothing but ssh-keygen."""
    raw = statement_bytes(replace(desk.draft(desk.case_of(found), Action.APPROVE, ANN), **words))
    desk.bring(ID, desk.taken(raw, team.sign(key, raw, namespace)))


def test_what_was_signed_elsewhere_is_taken(at: At, team: Team, store: SqlStore) -> None:
    """Signed on a machine that has ssh-keygen alone; brought by the requester, who has not made it."""
    operation = submitted(at("mara"))
    _from_elsewhere(at("mara"), operation, team)
    assert at("mara").standing(operation).is_enough
    assert {one.principal: one.brought_by for one in store.statements(ID)} == {MARA: MARA, ANN: MARA}


_ELSEWHERE: dict[str, tuple[dict[str, Any], str]] = {
    "an altered plan": ({"plan": "ab" * 32}, "it is of the plan abababababab"),
    "another operation's": ({"operation": operation_id(2)}, f"it is of operation {operation_id(2)}"),
    "replayed for another environment": ({"environment": "staging"}, "it is for staging"),
    "another namespace": ({"namespace": "git"}, "it is not signed by ann"),
    "an unknown key": ({"key": "sam"}, "it is not signed by ann"),
    "a revoked key": ({"key": "old"}, "it is not signed by ann"),
    "somebody unknown": ({"key": "sam", "approver": "sam@finedge.example"}, "it is not signed by sam"),
    "without the role": ({"key": "eve", "approver": "eve@finedge.example"}, "is operator in prod"),
    "the requester's own": ({"key": "mara", "approver": MARA}, "nobody approves a plan of their own"),
    "expired": ({"expires_at": NOW - minutes(1)}, "it expired at 2026-11-20 02:42:10"),
    "signed before the plan": ({"at": NOW - minutes(30)}, "before the plan was made"),
}


def test_what_does_not_count_is_refused_and_recorded(at: At, team: Team, store: SqlStore) -> None:
    """Each with one sentence that says why, and one record where it was brought; the plan waits on."""
    operation = submitted(at("mara"))
    for number, (case, (words, why)) in enumerate(_ELSEWHERE.items(), start=1):
        with pytest.raises(RefusedError, match="does not count: ") as caught:
            _from_elsewhere(at("mara"), operation, team, **words)
        assert why in str(caught.value), case
        assert phases(store) == [(Phase.REFUSAL, "approve")] * number
        assert store.tail(1)[0].draft.result == str(caught.value)
    assert at("mara").standing(operation).missing == 1


def test_the_requester_is_told_before_a_key_is_touched(at: At, store: SqlStore) -> None:
    """Their own approval is refused, and recorded, without a signature being made."""
    submitted(at("mara"))
    with pytest.raises(RefusedError, match="nobody approves a plan of their own"):
        at("mara").approve(ID)
    assert phases(store) == [(Phase.REFUSAL, "approve")]


def test_one_person_with_two_keys_counts_once(at: At, store: SqlStore) -> None:
    """Two approvals are wanted, and ann has two keys: the second is refused, and ben's counts."""
    two = Governance(people=GOVERNANCE.people, policy=Policy(general={"rerun": Rule(approvals=2)}))
    operation = submitted(at("mara", governance=two))
    at("ann", governance=two).approve(ID)
    with pytest.raises(RefusedError, match="counts once, with whatever key"):
        at("ann2", governance=two).approve(ID)
    assert at("mara", governance=two).standing(operation).said == "waits for 1 approval of an approver"
    assert at("ben", governance=two).approve(ID).is_enough
    assert [phase for phase, _ in phases(store)] == [Phase.APPROVAL, Phase.REFUSAL, Phase.APPROVAL]


def test_a_statement_is_brought_once(at: At, store: SqlStore) -> None:
    """The same one again: one sentence, and nothing is kept or recorded a second time."""
    submitted(at("mara"))
    at("ann").approve(ID)
    (kept,) = [one for one in store.statements(ID) if one.action == "approve"]
    with pytest.raises((BroughtError, RefusedError)):
        at("mara").bring(ID, kept)
    assert len(store.statements(ID)) == 2


def test_a_plan_under_another_users_name(at: At) -> None:
    """Made as ``ben`` by mara: her signature is not his, and no approval helps."""
    operation = submitted(at("mara"), waiting_plan(requester="ben"))
    standing = at("ann").approve(ID)
    assert not standing.is_enough
    assert "the plan is ben's, and mara@finedge.example signed" in standing.refused[0].why
    assert not at("mara").standing(operation).is_enough


def test_what_is_kept_past_fedesk_is_believed_by_its_signature_alone(at: At, store: SqlStore) -> None:
    """Rows that somebody wrote into the table: an approval without a signature, one under another's nonce."""
    operation = submitted(at("mara"))
    desk = at("mara")
    good = desk.draft(desk.case_of(operation), Action.APPROVE, ANN)
    forged = desk.taken(statement_bytes(good), "-----BEGIN SSH SIGNATURE-----\nAAAA\n")
    store.bring(ID, forged, draft_of(Phase.APPROVAL, 1))
    store.bring(ID, replace(forged, raw=b"{}", nonce="cd" * 16), draft_of(Phase.APPROVAL, 2))
    store.bring(ID, replace(forged, nonce="ef" * 16), draft_of(Phase.APPROVAL, 3))
    found = desk.standing(operation)
    assert found.missing == 1
    assert [one.why.partition(":")[0] for one in found.refused] == [
        "it is not signed by ann@finedge.example",
        "it is kept under the nonce of another",
    ]


def _put(store: SqlStore, plan: Plan) -> None:
    """Put a plan into the row of the one operation, past fedesk; its digest there stays as it is."""
    tampered(store.path, f"UPDATE operations SET plan = X'{plan_bytes(plan).hex()}'")  # noqa: S608 - a test's


def test_what_is_signed_is_what_is_shown(at: At, store: SqlStore) -> None:
    """Another plan is shown under the first one's digest, then put back: the approval is of the other."""
    operation = submitted(at("mara"))
    shown = replace(operation.plan, reason="nothing to worry about")
    _put(store, shown)
    assert not at("ann").approve(ID).is_enough
    _put(store, operation.plan)
    found = at("mara").standing(operation)
    assert found.missing == 1
    assert f"it is of the plan {digest_of(shown)[:12]}" in found.refused[0].why


def test_with_two_minutes_of_skew_it_counts_and_expired_it_does_not(at: At, clock: StillClock) -> None:
    """The plan's own end is that of every approval: eight hours later nothing is enough any more."""
    operation = submitted(at("mara"))
    clock.at = NOW + minutes(2)
    at("ann").approve(ID)
    clock.at = NOW
    assert at("mara").standing(operation).is_enough
    clock.at = NOW + minutes(480)
    assert not at("mara").standing(operation).is_enough
    with pytest.raises(RefusedError, match="it expired at 2026-11-20 10:43:10"):
        at("ben").approve(ID)


def test_where_nobody_has_a_say_there_is_nothing_to_approve(at: At) -> None:
    """The policy asks for none: no signature is made, and an approval is told so. An executor wants one."""
    none = Governance(people=GOVERNANCE.people)
    operation = submitted(at("mara", governance=none))
    desk = at("ann", governance=none)
    assert desk.store.statements(ID) == ()
    assert desk.standing(operation).is_enough
    with pytest.raises(NotClaimableError, match="waits for nobody"):
        desk.approve(ID)
    executor = at("ann", governance=none, executed=frozenset({"prod"}))
    assert executor.standing(operation).said == "waits for the signature of whoever asked for it"


def test_who_has_no_name_cannot_sign(at: At) -> None:
    """identity.principal is what allowed_signers knows one by."""
    nobody = replace(at("mara"), principal="")
    with pytest.raises(CredentialError, match=r"identity\.principal"):
        submitted(nobody)
    spaced = replace(at("mara"), principal="mara jones")
    with pytest.raises(CredentialError, match="is no principal"):
        submitted(spaced)


def test_the_draft_is_what_is_signed(at: At) -> None:
    """What `plans show --statement` prints comes back as it is, whatever the reason holds."""
    operation = submitted(at("mara"))
    desk = at("mara")
    drafted = desk.draft(desk.case_of(operation), Action.REJECT, ANN, "it's password=hunter2hunter2 \n no")
    again: Statement = statement_of(statement_bytes(drafted))
    assert again == drafted
    assert "hunter2" not in again.reason
