"""A plan that waits, on the command line: asked for, approved or rejected, carried elsewhere and back."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from anchored_log import needs_ssh_keygen
from approval_people import ANN, MARA, Team
from cli_situations import FAILED, UNTOUCHED, YES, Situation
from command_line import SCHEMAS, Run
from office import Office

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome, Stage
from fedesk.sandbox.model import RunState
from fedesk.sandbox.server import Sandbox

pytestmark = needs_ssh_keygen


@pytest.fixture
def office(run: Run, sandbox: Sandbox, team: Team) -> Office:
    return Office(run, sandbox, team)


def test_a_plan_waits_until_it_is_approved(office: Office, situation: Situation) -> None:
    """Exit 4 with who may; nothing is sent; what waits is told everywhere; approved, it is carried out."""
    ended = office("mara", "rerun", FAILED, *YES)
    assert ended.code == 4
    (operation,) = situation.operations()
    id_ = operation.plan.operation
    assert f"Operation {id_} waits for 1 approval of an approver ({ANN}), until" in ended.err
    assert f"`fedesk approve {id_}`" in ended.err
    assert (operation.stage, situation.state()) == (Stage.CONFIRMED, UNTOUCHED)
    listed = office("ann", "operations", "list", "--open", "--json").document("operations")
    assert "waits for 1 approval" in listed["operations"][0]["waits"]
    assert "waits for 1 approval" in office("ann", "operations", "show", id_).out
    assert "1 approval of an approver" in office("ann", "plans", "list").out
    (plan,) = office("ann", "plans", "list", "--json").document("waiting-plans")["plans"]
    assert (plan["operation"], plan["missing"], plan["approvers"]) == (id_, 1, [ANN])
    (line,) = office("ann", "plans", "list", "--json-lines").out.splitlines()
    assert json.loads(line)["plan"] == plan
    refused = office("mara", "execute", id_)
    assert (refused.code, situation.state()) == (4, UNTOUCHED)
    assert "waits for 1 approval" in refused.err
    given = office("ann", "approve", id_, "--reason", "looks right", "--json").document("approval")
    assert given["next"] == f"fedesk execute {id_}"
    shown = office("mara", "plans", "show", id_, "--json").document("waiting-plan")
    assert [(one["approver"], one["reason"]) for one in shown["approvals"]] == [(ANN, "looks right")]
    assert office("mara", "plans", "list").out.strip() == "no plan waits for anybody"
    done = office("mara", "execute", id_)
    assert done.code == 0, done.err
    assert situation.state() is not UNTOUCHED
    assert situation.phases() == ["refusal", "approval", "intent", "outcome"]


def test_a_freeze_is_overridden_by_two(office: Office, situation: Situation) -> None:
    """A re-run waits for nobody; inside a freeze it does, for the stricter rule; approved it is carried out.

    The override is on the record when it is asked for, and who executes finds the freeze accepted.
    """
    office.policy, office.roles = "", {"mara": ["operator", "admin"], "ann": ["approver"]}
    added = office("mara", "freeze", "add", "--for", "2h", "--reason", "year end", "--json")
    freeze = added.document("window")["window"]["id"]
    assert office("mara", "rerun", FAILED, *YES).code == 3
    asked = office("mara", "rerun", FAILED, *YES, "--accept", "freeze", "--json")
    assert asked.code == 4, asked.err
    id_ = str(asked.document("change")["operation"])
    explained = office("ann", "policy", "explain", id_, "--json").document("policy-explanation")
    assert (explained["verb"], explained["overrides"]) == ("rerun", ["freeze-override"])
    (plan,) = office("ann", "plans", "list", "--json").document("waiting-plans")["plans"]
    assert (plan["operation"], plan["missing"], plan["approvers"]) == (id_, 1, [ANN])
    refused = office("mara", "execute", id_)
    assert (refused.code, situation.state()) == (4, UNTOUCHED)
    assert office("ann", "approve", id_).code == 0
    done = office("mara", "execute", id_)
    assert done.code == 0, done.err
    assert situation.state() is not UNTOUCHED
    phases = ["configuration", "refusal", "override", "refusal", "approval", "intent", "outcome"]
    assert situation.phases() == phases
    (override,) = (one.draft for one in situation.records() if one.draft.phase is Phase.OVERRIDE)
    assert (override.action, override.operation, override.actor.person) == ("freeze-override", id_, MARA)
    assert f"year end ({freeze} of {MARA})" in override.result


def test_ones_own_plan_is_not_approved(office: Office, situation: Situation) -> None:
    """Exit 3, why, and a record; the others see it waiting still."""
    id_ = office.asked()
    ended = office("mara", "approve", id_)
    assert ended.code == 3
    assert "nobody approves a plan of their own" in ended.err
    assert situation.phases() == ["refusal"]


def test_a_rejected_plan_ends(office: Office, situation: Situation) -> None:
    """Wants a reason (exit 3); then it is refused for good, and whoever executes it is told (exit 5)."""
    id_ = office.asked()
    assert office("ann", "reject", id_).code == 3
    ended = office("ann", "reject", id_, "--reason", "wrong day", "--json")
    assert ended.document("approval")["rejection"]["reason"] == "wrong day"
    (operation,) = situation.operations()
    assert operation.outcome is Outcome.REFUSED
    assert operation.said == f"rejected by {ANN}: wrong day"
    assert office("mara", "execute", id_).code == 5
    assert office("ann", "approve", id_).code == 5
    assert situation.state() is UNTOUCHED
    assert situation.phases() == ["rejection", "refusal"]


def test_ones_own_plan_is_taken_back(office: Office, situation: Situation) -> None:
    """By nobody else (exit 3), with a reason, signed; whoever executes it is told (exit 5)."""
    id_ = office.asked()
    refused = office("ann", "plans", "withdraw", id_, "--reason", "no")
    assert refused.code == 3
    assert f"The plan is one of {MARA}, who alone takes it back." in refused.err
    assert office("mara", "plans", "withdraw", id_).code == 3
    taken = office("mara", "plans", "withdraw", id_, "--reason", "wrong day", "--json")
    document = taken.document("withdrawal")
    assert (document["ended"], document["outcome"], document["reason"]) == (True, "refused", "wrong day")
    (operation,) = situation.operations()
    assert operation.said == f"withdrawn by {MARA}: wrong day"
    for words in (("plans", "withdraw", id_, "--reason", "again"), ("execute", id_)):
        assert office("mara", *words).code == 5
    assert situation.state() is UNTOUCHED
    assert situation.phases() == ["refusal", "refusal", "rejection", "refusal"]


def _pasted(office: Office, team: Team, folder: Path, id_: str, key: str = "ann") -> Path:
    """What is left of the printed command in an empty folder, by a shell that knows nothing of fedesk."""
    printed = office(
        "mara", "plans", "show", id_, "--statement", "approve", "--as", ANN, "--reason", "it's ok"
    )
    assert printed.code == 0
    home = folder / "home" / ".ssh"
    home.mkdir(parents=True)
    for half in (key, f"{key}.pub"):
        shutil.copy(team.folder / half, home / half.replace(key, "id_ed25519"))
    subprocess.run(
        ["sh", "-ec", printed.out],
        cwd=folder,
        env={"HOME": str(folder / "home"), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return folder / "fedesk-approval.json"


def test_a_command_to_paste_needs_ssh_keygen_alone(office: Office, team: Team, tmp_path: Path) -> None:
    """Printed here, pasted elsewhere, imported: taken; brought again: known."""
    id_ = office.asked()
    left = _pasted(office, team, tmp_path, id_)
    first = office("mara", "plans", "import", str(left), "--json").document("plan-import")
    assert [one["result"] for one in first["statements"]] == ["taken"]
    assert first["waits"] is None
    again = office("mara", "plans", "import", str(left))
    assert (again.code, again.out) == (0, f"approve by {ANN}: known\n")
    assert f"fedesk execute {id_}" in again.err


def test_what_somebody_else_signed_is_refused(
    office: Office, team: Team, tmp_path: Path, situation: Situation
) -> None:
    """Ben signs what is to be ann's: exit 3, the sentence, and the record where it was brought."""
    id_ = office.asked()
    left = _pasted(office, team, tmp_path, id_, key="ben")
    ended = office("mara", "plans", "import", str(left))
    assert (ended.code, ended.out) == (3, f"approve by {ANN}: refused\n")
    assert f"it is not signed by {ANN}" in ended.err
    assert situation.phases() == ["refusal"]


def test_a_plan_travels_as_a_file(office: Office, tmp_path: Path, situation: Situation) -> None:
    """Exported, looked at and approved by somebody with another store, imported, carried out."""
    id_ = office.asked()
    exported = office("mara", "plans", "export", id_)
    document: dict[str, Any] = exported.document("plan-file")
    assert document["confirmation"]["by"] == MARA
    file = tmp_path / "plan.json"
    file.write_text(exported.out, encoding="utf-8")
    shown = office("ann", "plans", "show", str(file), store="anns.sqlite3")
    assert "waits for 1 approval of an approver" in shown.out
    signed = office("ann", "approve", str(file), store="anns.sqlite3")
    assert signed.code == 0, signed.err
    carried = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(carried, json.loads((SCHEMAS / "plan-file.json").read_text(encoding="utf-8")))
    taken = office("mara", "plans", "import", str(file))
    assert (taken.code, taken.out) == (0, f"request by {MARA}: known\napprove by {ANN}: taken\n")
    assert office("mara", "execute", id_).code == 0
    assert situation.state() is not RunState.FAILED
    assert situation.phases() == ["export", "approval", "intent", "outcome"]


def test_an_altered_file_is_none(office: Office, tmp_path: Path) -> None:
    """Another reason, another target: its digest is not the one that was signed; nobody signs it."""
    exported = office("mara", "plans", "export", office.asked()).document("plan-file")
    exported["plan"]["reason"] = "nothing to see here"
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(exported), encoding="utf-8")
    for words in (("plans", "show"), ("approve",), ("plans", "import")):
        ended = office("ann", *words, str(file))
        assert ended.code == 2
        assert "Its plan was altered" in ended.err
    for text in ("{}", '{"schema": "fedesk-plan-file/1"}', "no json", "fedesk-plan-file/1"):
        file.write_text(text, encoding="utf-8")
        assert office("ann", "plans", "import", str(file)).code == 2


def test_what_is_missing_is_said(office: Office) -> None:
    """Options that belong together, and an import of nothing."""
    id_ = office.asked()
    for words, said in (
        (("plans", "show", id_, "--statement", "approve"), "--as"),
        (("plans", "show", id_, "--as", ANN), "--statement"),
        (("plans", "show", id_, "--statement", "bless", "--as", ANN), "neither approve nor reject"),
        (("plans", "show", id_, "--statement", "approve", "--as", "ann smith"), "no principal"),
        (("plans", "show", id_, "--statement", "approve", "--as", ANN, "--reason", "a\u202eb"), "terminal"),
    ):
        ended = office("mara", *words)
        assert (ended.code, said in ended.err) == (2, True), ended.err
    assert office("mara", "plans", "import", "/nowhere/at.all").code == 1
