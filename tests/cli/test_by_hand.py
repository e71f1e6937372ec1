"""``fedesk operations settle`` and ``decide``: a person's word, its refusals, and who was faster."""

from contextlib import closing
from datetime import timedelta

import pytest
from cli_situations import FAILED, YES, SilentLauncher, Situation, runners_of
from command_line import Run
from test_rerun import losing

from fedesk.domain.operations import DECISION, JournalEntry, Operation, Outcome, Owner, Stage, StepState
from fedesk.sandbox.server import Sandbox
from fedesk.services import steps
from fedesk.services.processes import LocalProcesses

BY_HAND = ("--confirm", "prod", "--reason", "INC-4712")
GONE = 2**22 - 1
"""A process id that Linux gives to nobody by default."""


@pytest.fixture
def unknown(acting: Run, situation: Situation, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an operation whose answer was lost, in a system that says nothing more."""
    monkeypatch.setattr(steps, "BLIND", 60.0)
    assert acting("rerun", FAILED, *YES, launcher=runners_of(sandbox, losing(sandbox, silent=True))).code == 7
    (operation,) = situation.operations()
    return operation.plan.operation


@pytest.fixture
def undecided(acting: Run, situation: Situation, sandbox: Sandbox, nobody_comes: None) -> str:
    """The id of an operation whose process died while it waited for a person."""
    del nobody_comes
    assert acting("rerun", FAILED, *YES, launcher=lambda _: SilentLauncher()).code == 70
    (operation,) = situation.operations()
    me, now = LocalProcesses().me(), sandbox.control.clock.now()
    dead = Owner(host=me.host, boot=me.boot, pid=GONE, started="1")
    waits = JournalEntry(
        number=0,
        at=now,
        step="review",
        state=StepState.WAITING,
        said="waits for a person: go on with the other clients",
        reference=DECISION,
    )
    with closing(situation.store()) as store:
        lease = store.claim(operation.plan.operation, dead, now, timedelta(seconds=30), dead=None)
        store.write(lease, (waits,))
    return operation.plan.operation


def only(situation: Situation) -> Operation:
    (operation,) = situation.operations()
    return operation


@pytest.mark.parametrize(("word", "outcome"), [("done", "succeeded"), ("not-done", "failed")])
def test_what_no_look_can_tell_is_settled_by_a_person(
    acting: Run, situation: Situation, sandbox: Sandbox, unknown: str, word: str, outcome: str
) -> None:
    """Evidence and outcome are printed, the settlement has the person's reason, and the target is free."""
    ended = acting("operations", "settle", unknown[:13], "--outcome", word, *BY_HAND, "--json")
    assert ended.code == 0, ended.err
    found = ended.document("settlement")
    assert (found["outcome"], found["by_hand"], found["error"]) == (outcome, True, None)
    assert found["before"] == {"stage": "ended", "outcome": "unknown"}
    assert any("503" in one["said"] for one in found["evidence"])
    assert found["said"].endswith(f"as {word.replace('-', ' ')}: INC-4712")
    assert situation.phases() == ["intent", "outcome", "settlement"]
    assert situation.records()[-1].draft.reason == "INC-4712"
    assert len(situation.clears()) == 1
    sandbox.control.clear_faults()
    assert acting("operations", "recheck").out == "there is nothing to look at: every operation has ended\n"


def test_where_looking_can_tell_that_is_the_answer(
    acting: Run, situation: Situation, sandbox: Sandbox, unknown: str
) -> None:
    """The system answers again: it was done, whatever the person says, and nothing is settled by hand."""
    sandbox.control.clear_faults()
    ended = acting("operations", "settle", unknown, "--outcome", "not-done", *BY_HAND, "--json")
    assert ended.code == 0
    found = ended.document("settlement")
    assert (found["outcome"], found["by_hand"]) == ("succeeded", False)
    assert "Looking could tell; nothing was settled by hand." in ended.err
    assert only(situation).outcome is Outcome.SUCCEEDED
    assert "INC-4712" not in {record.draft.reason for record in situation.records()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--outcome", "done", "--reason", "INC-1"), "prod is production, and its name was not given."),
        (("--outcome", "done", "--yes", "--reason", "INC-1"), "prod is production, and its name was not"),
        (("--outcome", "done", "--confirm", "dev", "--reason", "INC-1"), "'dev' was given as the name"),
        (
            ("--outcome", "done", "--confirm", "prod"),
            "No reason was given. On the command line --reason TEXT.",
        ),
    ],
)
def test_a_missing_word_is_exit_3_recorded_and_named(
    acting: Run, situation: Situation, unknown: str, options: tuple[str, ...], said: str
) -> None:
    """The evidence is printed all the same; nothing is settled, and the refusal is in the log."""
    ended = acting("operations", "settle", unknown, *options)
    assert ended.code == 3
    assert said in ended.err
    assert "503" in ended.out
    assert only(situation).outcome is Outcome.UNKNOWN
    assert situation.phases() == ["intent", "outcome", "refusal"]


def test_without_a_verdict_it_shows_what_there_is(acting: Run, situation: Situation, unknown: str) -> None:
    """Exit 3 with the option to give, and what each system says; a word that is none is a usage error."""
    ended = acting("operations", "settle", unknown, *BY_HAND, "--json")
    assert ended.code == 3
    found = ended.document("settlement")
    assert found["error"] == "Say what you have seen: --outcome done, or not-done."
    assert (found["outcome"], found["exit_code"]) == ("unknown", 3)
    assert situation.phases() == ["intent", "outcome"]
    assert acting("operations", "settle", unknown, "--outcome", "maybe", *BY_HAND).code == 2
    assert acting("operations", "settle", unknown, "--yes", "--confirm", "prod").code == 2
    assert acting("operations", "settle").code == 2
    assert acting("operations", "settle", "ffff", "--outcome", "done").code == 1


def test_what_has_ended_is_exit_5_and_tells_who(acting: Run, unknown: str, situation: Situation) -> None:
    """The second of two who settle is told who was faster, and with which word."""
    assert acting("operations", "settle", unknown, "--outcome", "done", *BY_HAND).code == 0
    person = situation.records()[-1].draft.actor.person
    ended = acting("operations", "settle", unknown, "--outcome", "not-done", *BY_HAND)
    assert ended.code == 5
    assert f"has ended: succeeded, written down by {person} on " in ended.err
    assert situation.phases() == ["intent", "outcome", "settlement"]


def test_a_living_owner_is_exit_5(acting: Run, situation: Situation, sandbox: Sandbox, unknown: str) -> None:
    """Who is at it and lives is left alone, for settling as for carrying on."""
    alive = Owner(host="elsewhere", boot="b", pid=1, started="1")
    now, before = sandbox.control.clock.now(), only(situation).owner
    with closing(situation.store()) as store:
        store.claim(unknown, alive, now, timedelta(seconds=30), dead=before)
    for words in (("operations", "settle", unknown, "--outcome", "done", *BY_HAND), ("execute", unknown)):
        ended = acting(*words)
        assert ended.code == 5, ended.err
        assert "Process 1 on elsewhere is at it" in ended.err
    assert situation.phases() == ["intent", "outcome"]


@pytest.mark.parametrize(("choice", "phase"), [("proceed", "approval"), ("stop", "rejection")])
def test_a_decision_is_one_row_and_one_record(
    acting: Run, situation: Situation, undecided: str, choice: str, phase: str
) -> None:
    """Who decided what and why is printed, stored and recorded; a second one is exit 5 and told who."""
    ended = acting("operations", "decide", undecided, choice, *BY_HAND, "--json")
    assert ended.code == 0, ended.err
    found = ended.document("decision")
    assert (found["step"], found["choice"], found["reason"]) == ("review", choice, "INC-4712")
    assert found["next"] == f"fedesk execute {undecided}"
    record = situation.records()[-1].draft
    assert (record.phase.value, record.reason, record.operation) == (phase, "INC-4712", undecided)
    with closing(situation.store()) as store:
        (made,) = store.decisions(undecided)
    assert (made.by, made.choice.value) == (found["by"], choice)
    (shown,) = acting("operations", "show", undecided, "--json").document("operation")["decisions"]
    assert (shown["by"], shown["choice"], shown["reason"]) == (made.by, choice, "INC-4712")
    assert f"review: {made.said}" in acting("operations", "show", undecided).out
    again = acting("operations", "decide", undecided, "stop", *BY_HAND)
    assert again.code == 5
    assert f"was decided before, at {made.at:%Y-%m-%d %H:%M:%S} UTC: {made.by} decided to" in again.err
    assert situation.phases() == [phase]


def test_a_decision_wants_its_yes_and_something_to_decide(
    acting: Run, situation: Situation, undecided: str
) -> None:
    """Without the name exit 3, recorded; a word that is no choice 2; what waits for nothing 5."""
    ended = acting("operations", "decide", undecided, "proceed", "--reason", "INC-1")
    assert (ended.code, ended.out) == (3, "")
    assert situation.phases() == ["refusal"]
    assert acting("operations", "decide", undecided, "perhaps", *BY_HAND).code == 2
    assert acting("operations", "decide", undecided, "stop", *BY_HAND).code == 0
    assert acting("operations", "recheck", undecided).code in (0, 7)
    assert acting("operations", "decide", undecided, "stop", *BY_HAND).code == 5


def test_what_waits_for_a_decision_is_told_with_the_command(acting: Run, undecided: str) -> None:
    """A board and the operation itself say that a person has to decide, and how."""
    failures = acting("failures", "--env", "prod")
    assert f"`fedesk operations show {undecided}`" in failures.err
    shown = acting("operations", "show", undecided)
    assert f"`fedesk operations decide {undecided}` with proceed or stop decides." in shown.err


def test_nothing_waits_to_be_decided(acting: Run, situation: Situation, unknown: str) -> None:
    """An operation without such a step is no matter of decisions."""
    ended = acting("operations", "decide", unknown, "proceed", *BY_HAND)
    assert ended.code == 5
    assert "waits for no decision now" in ended.err
    assert only(situation).stage is Stage.ENDED
