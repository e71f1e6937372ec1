"""A promotion whose verification fails is rolled back by itself: by whom, on which record, and when not."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from anchored_log import needs_ssh_keygen
from approval_people import MARA, Team
from making import minutes
from planning import OpenBulkhead
from several_desks import Again
from test_release_crashes import triggered
from test_releasing import Night, night, release

from fedesk.anchors.openssh import OpenSsh
from fedesk.domain.approving import NAMESPACE
from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.domain.policy import Governance, Policy, Rule
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import ReleaseRequest
from fedesk.domain.roles import People, Person, Role
from fedesk.services.automatic_rollback import roll_back, wanted
from fedesk.services.changes import Changes

__all__ = ["night"]
TEAM = People({MARA: Person(principal=MARA, roles=frozenset({Role.RELEASER}))})


@pytest.fixture
def ours(night: Night, again: Again) -> Iterator[Night]:
    """The same desk over a file, and over a team's database."""
    before, night.store = night.store, again()
    yield night
    night.store = before


def failed(night: Night) -> tuple[Operation, ReleaseRequest]:
    """A promotion whose verification has failed, and the rollback that follows it."""
    service = replace(night.desk.catalogue.services["loyalty"], rollback_automatic=True)
    services = {**night.desk.catalogue.services, "loyalty": service}
    proposal = night.plan(release(PROMOTE))
    night.sandbox.world.plant_bad_release("loyalty", proposal.plan.targets[0].pins["digest"])
    ended = night.execute(night.yes(proposal).plan.operation)
    assert ended.outcome is Outcome.FAILED
    assert ended.said.startswith("Airflow cannot import loyalty_points")
    assert wanted(ended, night.desk.catalogue) is None, "only where the catalogue says so"
    catalogue = replace(night.desk.catalogue, services=services)
    request = wanted(ended, catalogue)
    assert request is not None
    rollback = replace(ended, plan=replace(ended.plan, kind=ROLLBACK))
    assert wanted(rollback, catalogue) is None, "no rollback of a rollback"
    return ended, request


def recorded(night: Night) -> list[tuple[str, str, str]]:
    """All that the audit log has: action, phase, operation."""
    records = [one.draft for one in night.store.tail(100)]
    assert night.store.verify(deep=True).flaw is None
    return [(one.action, str(one.phase), one.operation) for one in records if one.phase != "override"]


def test_it_is_an_operation_of_its_own(ours: Night) -> None:
    """It succeeds, its reason names the promotion, which stays failed; the audit log has those two."""
    promotion, request = failed(ours)
    told: list[str] = []
    cure = roll_back(promotion, request, ours.changes, ours.execute, told.append)
    assert cure is not None
    assert cure.outcome is Outcome.SUCCEEDED, cure.said
    mine, its = promotion.plan.operation, cure.plan.operation
    assert cure.plan.targets[0].pins["after operation"] == mine
    assert cure.plan.reason == f"CHG-1: verification of promotion {mine} failed"
    assert told == [f"The verification of {mine} failed: it is rolled back by {its}."]
    kept = {one.plan.operation: one.outcome for one in ours.store.operations()}
    assert kept == {mine: Outcome.FAILED, its: Outcome.SUCCEEDED}
    done = [one for one in recorded(ours) if one[0] != "review-wanted"]
    assert done == [
        ("promote", "intent", mine),
        ("promote", "outcome", mine),
        ("rollback", "intent", its),
        ("rollback", "outcome", its),
    ]


def signing(night: Night, team: Team, approvals: int, *, has_key: bool) -> Changes:
    """The changes of a desk where plans of production are signed and so many others approve a rollback."""
    policy = Policy(general={"rollback": Rule(approvals=approvals, lives=minutes(60))})
    rules = Governance(people=TEAM, policy=policy)
    made = team.at("mara", night.store, night.clock, governance=rules, executed=frozenset({"prod"}))
    if not has_key:
        no_key = OpenSsh(NAMESPACE, key=None, allowed_signers=team.folder / "allowed_signers")
        made = replace(made, signatures=OpenBulkhead(no_key))
    return replace(night.changes, governance=rules, approvals=made, actor=made.actor)


@needs_ssh_keygen
def test_where_it_has_to_be_signed_people_have_a_say(night: Night, team: Team) -> None:
    """Whoever has no key to sign with leaves it to people, on the record; one that others approve waits."""
    promotion, request = failed(night)
    told: list[str] = []
    deaf = signing(night, team, 0, has_key=False)
    assert roll_back(promotion, request, deaf, night.execute, told.append) is None
    assert "it is not rolled back by itself: There is no identity.signing_key" in told[-1]
    refused = night.store.tail(1)[0].draft
    assert (refused.action, refused.phase, refused.actor.person) == ("rollback", "refusal", MARA)
    assert promotion.plan.operation in refused.reason
    assert "not rolled back by itself: There is no identity.signing_key" in refused.result
    asked = signing(night, team, 1, has_key=True)
    assert roll_back(promotion, request, asked, night.execute, told.append) is None
    assert told[-1].startswith(f"The rollback after {promotion.plan.operation} waits: ")
    waiting = night.store.operations(limit=1)[0]
    assert (waiting.plan.kind, waiting.stage) == (ROLLBACK, Stage.CONFIRMED)
    assert triggered(night.sandbox, waiting.plan.operation) == []
