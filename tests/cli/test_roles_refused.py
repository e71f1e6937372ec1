"""What a role may not do is refused on the command line: exit 3, recorded, and nothing is sent."""

from pathlib import Path

import pytest
from cli_situations import FAILED, UNTOUCHED, YES, Situation
from command_line import Changed, Ended, Run
from test_by_hand import undecided, unknown  # noqa: F401 - fixtures

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome
from fedesk.sandbox.server import Sandbox

MARA = "mara@finedge.example"
PEOPLE = f"""
[people."{MARA}"]
roles = ["releaser"]
environments = {{ prod = ["viewer", "approver"] }}
[people."ann@finedge.example"]
roles = ["operator"]
"""


@pytest.fixture
def file(changed: Changed) -> Path:
    """The sandbox's configuration with two people, of whom the one at the desk only looks in prod."""
    found = changed()
    text = found.read_text(encoding="utf-8")
    head = f'[identity]\nprincipal = "{MARA}"\n'
    assert "[identity]" not in text
    found.write_text(f"{text}\n{head}{PEOPLE}", encoding="utf-8")
    return found


@pytest.fixture
def as_mara(run: Run, sandbox: Sandbox, file: Path) -> Run:
    """Run a command line as the one who only looks in prod."""

    def run_it(*arguments: str) -> Ended:
        return run(*arguments, "--config", str(file), at=sandbox.control.clock.now())

    return run_it


SAID = "is viewer and approver in prod, and {verb} needs the role"


def test_a_rerun_is_refused(as_mara: Run, situation: Situation) -> None:
    """The plan says so before anybody says yes; with the yes it is refused on the record: exit 3."""
    planned = as_mara("rerun", FAILED, "--dry-run", "--json")
    plan = planned.document("plan")
    assert plan["blocked"] is True
    (role,) = (one for one in plan["guards"] if one["name"] == "role")
    assert (role["verdict"], role["remedy"]) == ("deny", "ann@finedge.example may.")
    assert situation.phases() == []
    ended = as_mara("rerun", FAILED, *YES)
    assert ended.code == 3
    assert SAID.format(verb="rerun") in ended.err
    assert "To say yes to this plan" not in ended.err
    (record,) = situation.records()
    assert (record.draft.phase, record.draft.actor.person) == (Phase.REFUSAL, MARA)
    assert situation.state() is UNTOUCHED
    assert situation.clears() == []
    assert situation.operations() == ()


def test_incidents_are_refused(as_mara: Run, desk: Run, situation: Situation) -> None:
    """Opening, a note, closing: exit 3 each, each recorded, and the incident is as it was."""
    assert desk("incident", "open", "INC-1", "payments late", "--env", "prod").code == 0
    for words in (
        ("incident", "open", "INC-2", "another", "--env", "prod"),
        ("incident", "note", "INC-1", "seen"),
        ("incident", "close", "INC-1"),
    ):
        ended = as_mara(*words)
        assert ended.code == 3, ended.err
        assert SAID.format(verb="incident") in ended.err
    assert situation.phases() == ["start", "refusal", "refusal", "refusal"]


def test_a_word_on_an_operation_is_refused(
    as_mara: Run, situation: Situation, request: pytest.FixtureRequest
) -> None:
    """No look is made, nothing is settled: exit 3, each recorded with the operation."""
    operation = request.getfixturevalue("unknown")
    before = situation.phases()
    yes = ("--outcome", "done", "--confirm", "prod", "--reason", "INC-1")
    for verb, options in (("recheck", ()), ("settle", yes)):
        ended = as_mara("operations", verb, operation, *options)
        assert ended.code == 3, ended.err
        assert SAID.format(verb=verb) in ended.err
    assert situation.phases() == [*before, "refusal", "refusal"]
    assert {one.draft.operation for one in situation.records()[-2:]} == {operation}
    assert [one.outcome for one in situation.operations()] == [Outcome.UNKNOWN]


def test_a_decision_is_refused(as_mara: Run, situation: Situation, request: pytest.FixtureRequest) -> None:
    """The step still waits."""
    operation = request.getfixturevalue("undecided")
    yes = ("--confirm", "prod", "--reason", "INC-1")
    ended = as_mara("operations", "decide", operation, "proceed", *yes)
    assert ended.code == 3, ended.err
    assert SAID.format(verb="decide") in ended.err
    assert [one.undecided for one in situation.operations()] == ["review"]
