"""``fedesk policy``: what it says of people, rights and rules, and of one plan."""

from contextlib import closing
from pathlib import Path

import pytest
from acting import make_plan, submission
from cli_situations import Situation, runners_of
from command_line import Changed, Ended, Run

from fedesk.domain.roles import RIGHTS
from fedesk.sandbox.server import Sandbox
from fedesk.services.identity import os_user

PEOPLE = """
[identity]
principal = "mara@finedge.example"
allowed_signers = "signers"
[people."mara@finedge.example"]
roles = ["releaser"]
environments = { prod = ["operator"] }
[people."ann@finedge.example"]
roles = ["approver"]
[environments.prod.policy.rerun]
ticket = "INC-[0-9]+"
"""


@pytest.fixture
def governed(run: Run, changed: Changed, sandbox: Sandbox) -> Run:
    """Run a command line with two people and a rule; ``more`` is added to the configuration."""
    path: Path = changed()
    text = path.read_text(encoding="utf-8")

    def run_it(*arguments: str, more: str = PEOPLE) -> Ended:
        path.write_text(text + more, encoding="utf-8")
        at = sandbox.control.clock.now()
        return run(*arguments, "--config", str(path), at=at, launcher=runners_of(sandbox))

    return run_it


def test_without_people_it_says_that_everybody_may_everything(governed: Run) -> None:
    """And that nothing can be approved."""
    ended = governed("policy", "show", "--env", "prod", more="")
    assert ended.code == 0
    assert "none: everybody may everything" in ended.out
    assert "no allowed_signers: nothing can be approved" in ended.out
    found = governed("policy", "show", "--json", more="").document("policy")
    assert found["people"] == []
    assert {one["name"] for one in found["environments"]} == {"prod", "staging", "dev"}
    verbs = [verb for one in found["environments"] for verb in one["verbs"]]
    assert not any(one["against"] for one in verbs)
    assert not any(one["rule"]["approvals"] for one in verbs if one["rule"])


def test_rights_and_rules_of_an_environment(governed: Run) -> None:
    """Each verb with its roles, whether one may, and what it takes."""
    found = governed("policy", "show", "--env", "prod", "--json").document("policy")
    assert found["you"] == {
        "principal": "mara@finedge.example",
        "known_by": "configuration",
        "os_user": os_user(),
        "problem": None,
    }
    (prod,) = found["environments"]
    assert prod["you"] == ["operator"]
    verbs = {one["verb"]: one for one in prod["verbs"]}
    assert set(verbs) == set(RIGHTS)
    assert verbs["rerun"]["against"] is None
    assert verbs["rerun"]["rule"]["tickets"] == ["INC-[0-9]+"]
    assert verbs["promote"]["against"] == "needs the role releaser in prod; you are operator"
    assert (verbs["promote"]["rule"]["approvals"], verbs["promote"]["rule"]["people"]) == (
        1,
        ["ann@finedge.example"],
    )
    shown = governed("policy", "show", "--env", "prod").out
    assert "prod (production): you are operator" in shown
    row = next(line for line in shown.splitlines() if line.startswith("promote "))
    assert "may not  releaser" in row
    assert "1 of approver: ann@finedge.example" in row
    assert "8h" in row


def test_another_users_machine_is_said(governed: Run) -> None:
    """Whose the user of the machine is, before anything is refused for it."""
    more = PEOPLE.replace('roles = ["approver"]', f'roles = ["approver"]\nos_users = ["{os_user()}"]')
    ended = governed("policy", "show", "--env", "prod", more=more)
    said = f"the user {os_user()} of this machine is ann@finedge.example, not mara@finedge.example"
    assert said in " ".join(ended.out.split())


def test_a_plan_is_explained(governed: Run, situation: Situation) -> None:
    """One thing that is asked after the other, met or not, by this configuration."""
    assert governed("policy", "explain").code == 1
    plan = make_plan(requester="mara@finedge.example", reason="INC-7", environment="prod")
    with closing(situation.store()) as store:
        store.submit(submission(plan))
    found = governed("policy", "explain", "--json").document("policy-explanation")
    assert (found["verb"], found["requester"]) == ("rerun", "mara@finedge.example")
    met = {one["what"]: one["met"] for one in found["asked"]}
    assert (met["role"], met["ticket"], met["approvals"]) == (True, True, True)
    taken = PEOPLE.replace('prod = ["operator"]', 'prod = ["viewer"]').replace("INC", "CHG")
    shown = governed("policy", "explain", plan.operation[:-1], more=taken).out
    rows = {
        line.split()[0]: line.split()[1] for line in shown.splitlines() if line[:6] in {"role  ", "ticket"}
    }
    assert rows == {"role": "no", "ticket": "no"}
