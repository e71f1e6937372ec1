"""Nothing is claimed before those approved who have to; what they said is judged again and used."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from acting import OTHER, TARGET, LineWorld, Living, Rig, SeamStore, make_plan
from anchored_log import needs_ssh_keygen
from approval_people import GOVERNANCE, MARA, Team, submitted
from making import NOW, minutes
from planning import StillSystem, asked, changes, clear_preview, window

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome, Ruling, Stage
from fedesk.domain.policy import Governance
from fedesk.ports.approving import NotApprovedError
from fedesk.ports.errors import CredentialError, NotFoundError
from fedesk.services.proposals import Answer

pytestmark = needs_ssh_keygen


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeamStore]:
    opened = SeamStore(tmp_path / "fedesk.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def rig(tmp_path: Path, store: SeamStore, team: Team) -> Rig:
    """A small world whose operations are executed at mara's desk, under a policy that wants one approval."""
    made = Rig(store=store, world=LineWorld(tmp_path / "lines"), governance=GOVERNANCE)
    made.approvals = team.at("mara", store, made.clock)
    return made


def asked_for(rig: Rig, team: Team, store: SeamStore) -> Operation:
    """A plan of one line, confirmed and signed by mara."""
    plan = make_plan(requester=MARA, made_at=NOW, expires_at=NOW + minutes(480))
    return submitted(team.at("mara", store, rig.clock), plan)


def assert_untouched(rig: Rig, store: SeamStore, operation: Operation) -> None:
    """As it was confirmed: nothing claimed, sent, used or recorded."""
    assert store.operation(operation.plan.operation) == operation
    assert rig.script.sends == []
    assert store.used_for([one.nonce for one in store.statements(operation.plan.operation)]) == {}


def test_what_waits_is_not_claimed(rig: Rig, store: SeamStore, team: Team) -> None:
    """One sentence with what is missing and how it is given; nothing is claimed, nothing written."""
    operation = asked_for(rig, team, store)
    id_ = operation.plan.operation
    with pytest.raises(NotApprovedError, match=f"{id_} waits for 1 approval of an approver") as caught:
        rig.execute(id_)
    assert f"`fedesk approve {id_}`" in str(caught.value)
    assert_untouched(rig, store, operation)
    assert store.tail(9) == ()


def test_what_was_approved_is_carried_out(rig: Rig, store: SeamStore, team: Team) -> None:
    """The statements are used with the claim, and the outcome is on the record behind the approval."""
    operation = asked_for(rig, team, store)
    id_ = operation.plan.operation
    team.at("ann", store, rig.clock).approve(id_)
    assert rig.execute(id_).outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [id_]
    nonces = [one.nonce for one in store.statements(id_)]
    assert store.used_for(nonces) == dict.fromkeys(nonces, id_)
    assert len(nonces) == 2
    phases = [one.draft.phase for one in store.tail(9)]
    assert phases == [Phase.APPROVAL, Phase.INTENT, Phase.OUTCOME]


def test_what_was_pinned_and_has_changed_voids_it(rig: Rig, store: SeamStore, team: Team) -> None:
    """Approved, and then the target moved: refused as stale (exit 5), and nothing is sent."""
    operation = asked_for(rig, team, store)
    team.at("ann", store, rig.clock).approve(operation.plan.operation)
    rig.draft = replace(rig.draft, target=replace(TARGET, pins={"write": "2"}))
    ended = rig.execute(operation.plan.operation)
    assert (ended.outcome, ended.is_conflict) == (Outcome.REFUSED, True)
    assert rig.script.sends == []


def test_a_rejection_between_the_check_and_the_claim_is_seen(rig: Rig, store: SeamStore, team: Team) -> None:
    """Judged again under the lease: whoever was faster, nothing that was rejected is sent."""
    operation = asked_for(rig, team, store)
    id_ = operation.plan.operation
    team.at("ann", store, rig.clock).approve(id_)

    def reject(seam: str) -> None:
        if seam == "before claim" and len(store.statements(id_)) == 2:
            team.at("ben", store, rig.clock).reject(id_, "not tonight")

    store.seam = reject
    ended = rig.execute(id_)
    assert ended.outcome is Outcome.REFUSED
    assert "Rejected by ben@finedge.example: not tonight." in ended.said
    assert rig.script.sends == []


def test_what_was_rejected_is_ended_by_whoever_may(rig: Rig, store: SeamStore, team: Team) -> None:
    """Executing it ends it as refused; until then it counts as rejected by reading."""
    operation = asked_for(rig, team, store)
    team.at("ben", store, rig.clock).reject(operation.plan.operation, "wrong day")
    ended = rig.execute(operation.plan.operation)
    assert (ended.outcome, ended.is_conflict) == (Outcome.REFUSED, False)
    assert "wrong day" in ended.said


def test_what_waits_too_long_expires(rig: Rig, store: SeamStore, team: Team) -> None:
    """Eight hours later it is refused as expired; looking again ends such a one as aborted."""
    first, second = asked_for(rig, team, store), asked_for(rig, team, store)
    team.at("ann", store, rig.clock).approve(first.plan.operation)
    rig.clock.at = NOW + minutes(481)
    ended = rig.execute(first.plan.operation)
    assert (ended.outcome, rig.script.sends) == (Outcome.REFUSED, [])
    assert "held until" in ended.said
    rig.clock.at = NOW + minutes(482)
    assert rig.recheck(second.plan.operation).outcome is Outcome.ABORTED


def test_who_executes_judges_by_his_own_configuration(rig: Rig, store: SeamStore, team: Team) -> None:
    """At the requester's desk the policy asks for nothing; where it is executed it does: there is no way."""
    lax = team.at("mara", store, rig.clock, governance=Governance(people=GOVERNANCE.people))
    plan = make_plan(requester=MARA, made_at=NOW, expires_at=NOW + minutes(480))
    operation = submitted(lax, plan)
    with pytest.raises(NotApprovedError):
        rig.execute(operation.plan.operation)
    team.at("ann", store, rig.clock).approve(operation.plan.operation)
    with pytest.raises(NotApprovedError, match="waits for the signature of whoever asked for it"):
        rig.execute(operation.plan.operation)
    assert rig.script.sends == []


def test_where_nothing_can_tell_nothing_is_sent(
    rig: Rig, store: SeamStore, team: Team, tmp_path: Path
) -> None:
    """No file that says whose signatures count: nothing is claimed. A runner without any of it refuses."""
    operation = asked_for(rig, team, store)
    team.at("ann", store, rig.clock).approve(operation.plan.operation)
    moved = Team(tmp_path)
    rig.approvals = moved.at("mara", store, rig.clock)
    with pytest.raises(NotFoundError, match=r"identity\.allowed_signers"):
        rig.execute(operation.plan.operation)
    assert_untouched(rig, store, operation)
    rig.approvals = None
    ended = rig.execute(operation.plan.operation)
    assert (ended.outcome, rig.script.sends) == (Outcome.REFUSED, [])


def test_what_was_begun_is_carried_on_unasked(rig: Rig, store: SeamStore, team: Team) -> None:
    """Claimed and left, its approval has expired meanwhile: it ends by what was done, not by the policy."""
    operation = asked_for(rig, team, store)
    id_ = operation.plan.operation
    team.at("ann", store, rig.clock).approve(id_)
    store.let_go(store.claim(id_, OTHER, NOW, minutes(2), dead=None))
    rig.clock.at = NOW + minutes(481)
    ended = rig.execute(id_, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.ABORTED
    assert "Nothing was sent" in ended.said


# --- The requester's side -------------------------------------------------------------------------------


def test_a_plan_says_that_it_will_wait_and_is_signed_with_the_yes(store: SeamStore, team: Team) -> None:
    """The proposal warns whom it waits for; confirmed, plan and signature are there together."""
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    made = replace(made, governance=GOVERNANCE, approvals=team.at("mara", store, made.clock))
    proposal = made.propose(asked(), window())
    (warned,) = (one for one in proposal.guards if one.guard == "approvals")
    assert warned.ruling is Ruling.WARN
    assert "It needs 1 approval of an approver (ann@finedge.example, ben@finedge.example)" in warned.reason
    answer = Answer(how="key", named="prod", reason="INC-7", window=window())
    operation = made.confirm(proposal, answer)
    assert operation.stage is Stage.CONFIRMED
    (request,) = store.statements(operation.plan.operation)
    assert (request.action, request.principal) == ("request", MARA)
    assert "waits for 1 approval of an approver" in made.waits(operation)
    team.at("ben", store, made.clock).approve(operation.plan.operation)
    assert made.waits(operation) == ""


def test_who_cannot_sign_asks_for_nothing(store: SeamStore, team: Team) -> None:
    """Without a principal, one sentence, and the store holds no plan that nobody could carry out."""
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    nameless = replace(team.at("mara", store, made.clock), principal="")
    made = replace(made, governance=GOVERNANCE, approvals=nameless)
    proposal = made.propose(asked(), window())
    with pytest.raises(CredentialError, match=r"identity\.principal"):
        made.confirm(proposal, Answer(how="key", named="prod", reason="INC-7", window=window()))
    assert store.operations() == ()
