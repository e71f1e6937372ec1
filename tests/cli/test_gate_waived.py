"""A gate that is in a promotion's way is waived by the role that may: asked, approved, carried out."""

import json
from pathlib import Path

import pytest
from anchored_log import needs_ssh_keygen
from approval_people import ANN, BEN, MARA, Team
from cli_situations import YES, Situation
from command_line import Run
from hurrying import hurried
from office import Office

from fedesk.domain.audit import Phase
from fedesk.sandbox.server import Sandbox

pytestmark = needs_ssh_keygen
PROMOTE = ("release", "promote", "kyc", "--env", "prod", *YES)
"""It has run in staging for two minutes less than it has to, and one of its secrets is old."""
SOAKED, SECRETS = ("--accept", "gate soaked"), ("--accept", "gate secrets")


@pytest.fixture
def office(run: Run, sandbox: Sandbox, team: Team) -> Office:
    """Mara releases, ben releases and may waive, ann approves; the policy is fedesk's own."""
    made = Office(run, sandbox, team)
    made.policy = ""
    made.roles = {"mara": ["releaser"], "ben": ["releaser", "admin"], "ann": ["approver"]}
    return made


def triggered(sandbox: Sandbox, operation: str) -> int:
    """Builds that carry an operation's id."""
    plans = sandbox.world.build_plans("finedge/prod/deploy-kyc")
    return sum(any(one.value == operation for one in plan.parameters) for plan in plans)


def running(sandbox: Sandbox) -> str:
    """The digest that runs in production."""
    there = sandbox.world.deployments.current("prod", "kyc")
    assert there is not None
    return there.digest


def test_a_gate_is_waived_by_who_may(office: Office, sandbox: Sandbox, situation: Situation) -> None:
    """Whoever may not is refused (3); who may names each gate and says why, and waits for another's yes (4).

    Refusals, the overrides and the approval are on the record before anything is sent.
    """
    before, builds = running(sandbox), sandbox.world.build_plans("finedge/prod/deploy-kyc")
    refused = office("mara", *PROMOTE, *SOAKED, *SECRETS)
    assert refused.code == 3
    assert f"{ANN} or {BEN} may waive it, in a plan of their own" in refused.err
    half = office("ben", *PROMOTE, *SOAKED)
    assert (half.code, '--accept "gate secrets"' in half.err) == (3, True), half.err
    unsaid = office("ben", *PROMOTE[:-2], *SOAKED, *SECRETS)
    assert (unsaid.code, "--reason" in unsaid.err) == (3, True), unsaid.err
    asked = office("ben", *PROMOTE, *SOAKED, *SECRETS, "--json")
    assert asked.code == 4, asked.err
    id_ = str(asked.document("change")["operation"])
    assert f"waits for 1 approval of an approver ({ANN})" in asked.err
    explained = office("ann", "policy", "explain", id_, "--json").document("policy-explanation")
    assert (explained["verb"], explained["overrides"]) == ("promote", ["waive-gate"])
    assert office("ben", "execute", id_).code == 4
    assert office("ben", "approve", id_).code == 3
    assert sandbox.world.build_plans("finedge/prod/deploy-kyc") == builds
    assert office("ann", "approve", id_).code == 0
    with hurried(sandbox):
        done = office("mara", "execute", id_)
    assert done.code == 0, done.err
    assert triggered(sandbox, id_) == 1
    (operation,) = situation.operations()
    assert running(sandbox) == operation.plan.targets[0].pins["digest"] != before
    records = [one.draft for one in situation.records()]
    people = [(str(one.phase), one.actor.person) for one in records]
    assert people[:3] == [("refusal", MARA), ("refusal", BEN), ("refusal", BEN)]
    overrides = [one for one in records if one.phase is Phase.OVERRIDE and one.action == "waive-gate"]
    assert [one.actor.person for one in overrides] == [BEN, BEN]
    assert {one.operation for one in overrides} == {id_}
    assert "3h58m" in " ".join(one.result for one in overrides)
    assert {one.reason for one in overrides} == {"INC-4711"}
    assert [phase for phase, _ in people].index("approval") < [phase for phase, _ in people].index("intent")
    assert people[-1][0] == "outcome"


def test_an_approval_given_for_another_plan_is_none(
    office: Office, situation: Situation, tmp_path: Path
) -> None:
    """Carried over from the plan of which it speaks it is refused (3) and recorded; the plan still waits."""
    office.roles = {**office.roles, "mara": ["releaser"]}
    ids = [
        str(office(who, *words, "--json").document("change")["operation"])
        for who, words in (
            ("mara", ("release", "promote", "loyalty", "--env", "prod", *YES)),
            ("ben", (*PROMOTE, *SOAKED, *SECRETS)),
        )
    ]
    approved, waiting = ids
    assert office("ann", "approve", approved).code == 0
    exported = [office("mara", "plans", "export", one).document("plan-file") for one in ids]
    given = [one for one in exported[0]["statements"] if one["statement"]["action"] == "approve"]
    assert [one["statement"]["approver"] for one in given] == [ANN]
    file = tmp_path / "plan.json"
    for altered in (given[0], {**given[0], "statement": {**given[0]["statement"], "operation": waiting}}):
        document = {**exported[1], "statements": [*exported[1]["statements"], altered]}
        file.write_text(json.dumps(document), encoding="utf-8")
        brought = office("ben", "plans", "import", str(file))
        assert (brought.code, f"approve by {ANN}: refused" in brought.out) == (3, True), brought
    refused = office("ben", "execute", waiting)
    assert (refused.code, "waits for 1 approval" in refused.err) == (4, True), refused.err
    records = [one.draft for one in situation.records() if one.draft.phase is Phase.REFUSAL]
    assert [one.action for one in records[:2]] == ["approve", "approve"]
