"""``fedesk operations``: what is listed, shown and looked up again."""

import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from cli_situations import FAILED, YES, SilentLauncher, Situation
from command_line import Run

from fedesk.domain.operations import Outcome, Owner, Stage
from fedesk.sandbox.server import Sandbox
from fedesk.services.processes import LocalProcesses

GONE = 2**22 - 1
"""A process id that Linux gives to nobody by default."""


@pytest.fixture
def waiting(acting: Run, situation: Situation, nobody_comes: None) -> str:
    """The id of an operation that was confirmed, and that no runner has taken."""
    del nobody_comes
    assert acting("rerun", FAILED, *YES, launcher=lambda _: SilentLauncher()).code == 70
    (operation,) = situation.operations()
    assert operation.stage is Stage.CONFIRMED
    return operation.plan.operation


def claimed(situation: Situation, sandbox: Sandbox, operation: str, owner: Owner) -> None:
    """A runner takes the operation, and writes nothing more."""
    now = sandbox.control.clock.now()
    with closing(situation.store()) as store:
        store.claim(operation, owner, now, timedelta(seconds=30), dead=None)


def test_operations_are_listed_newest_first(acting: Run, waiting: str) -> None:
    """Of every environment, of one, only the open ones; --all and --open exclude each other."""
    listed = acting("operations", "list", "--json").document("operations")
    assert listed["environment"] is None
    (one,) = listed["operations"]
    assert (one["operation"], one["run"], one["open"]) == (waiting, FAILED, True)
    assert (one["stage"], one["outcome"], one["environment"]) == ("confirmed", None, "prod")
    for options in (("--open",), ("--all",), ("--env", "prod"), ("--open", "--env", "prod")):
        found = acting("operations", "list", *options, "--json").document("operations")
        assert found["operations"] == listed["operations"]
    elsewhere = acting("operations", "list", "--env", "dev")
    assert elsewhere.out == "there are no operations in dev\n"
    assert (
        acting("operations", "list", "--open", "--env", "dev").out == "there are no open operations in dev\n"
    )
    assert acting("operations", "list", "--all", "--open").code == 2
    assert acting("operations", "list", "--limit", "0").code == 2
    row = acting("operations", "list").out.splitlines()[1]
    assert row.split()[2:4] == ["confirmed", FAILED]


def test_an_operation_is_shown_by_its_id_or_its_beginning(acting: Run, waiting: str) -> None:
    """Plan, guards, confirmation, journal; the newest without an id; a beginning of several is exit 2."""
    shown = acting("operations", "show", waiting, "--json").document("operation")
    assert shown["plan"]["effects"][0]["call"] == "clear-task-instances"
    assert shown["confirmation"]["how"] == "--confirm prod"
    assert shown["confirmation"]["window"]["reason"] == "INC-4711"
    assert {guard["verdict"] for guard in shown["guards"]} <= {"allow", "warn"}
    assert (shown["stage"], shown["owner"], shown["audit"]["intent"]) == ("confirmed", None, None)
    for words in ((waiting[:13],), (waiting.upper(),), ()):
        assert acting("operations", "show", *words, "--json").document("operation") == shown
    text = acting("operations", "show", waiting)
    assert f"operation  {waiting}, airflow.clear-failed" in text.out
    assert "reason     INC-4711" in text.out
    missing = acting("operations", "show", "ffff")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == "There is no operation ffff; `fedesk operations list` has them\n"
    assert acting("operations", "show", "").code in (1, 2)


def test_a_beginning_of_several_names_them(acting: Run, waiting: str, situation: Situation) -> None:
    """What could be more than one is not guessed: exit 2, with the ids."""
    other = next(
        one["run"]
        for one in acting("failures", "--since", "2d", "--json").document("failures")["failures"]
        if "/airflow:" in one["run"] and one["run"] != FAILED
    )
    acting("rerun", other, *YES, launcher=lambda _: SilentLauncher())
    ids = [one.plan.operation for one in situation.operations()]
    assert len(ids) == 2
    ended = acting("operations", "show", waiting[:2])
    assert (ended.code, ended.out) == (2, "")
    assert all(one in ended.err for one in ids)
    assert acting("operations", "recheck", waiting[:2]).code == 2


def test_no_operations_yet(acting: Run) -> None:
    """Empty is a sentence."""
    assert acting("operations", "list").out == "there are no operations\n"
    assert acting("operations", "show").code == 1
    ended = acting("operations", "recheck")
    assert (ended.code, ended.out) == (0, "there is nothing to look at: every operation has ended\n")


def test_what_waits_for_its_runner_is_left_alone(acting: Run, waiting: str, situation: Situation) -> None:
    """A plan that may still be executed is not looked at; the result says so, exit 0."""
    ended = acting("operations", "recheck", "--json")
    (one,) = ended.document("recheck")["operations"]
    assert ended.code == 0
    assert (one["operation"], one["stage"]) == (waiting, "confirmed")
    assert one["left_alone"].startswith("It waits to be executed")
    assert situation.phases() == []


def test_what_nobody_has_taken_in_time_is_ended(
    acting: Run, desk: Run, waiting: str, situation: Situation, sandbox: Sandbox
) -> None:
    """Past its plan's expiry nothing was sent and nothing ever will be: ended by looking, and recorded."""
    later = sandbox.control.clock.now() + timedelta(minutes=20)
    ended = desk("operations", "recheck", waiting, "--json", at=later)
    (one,) = ended.document("recheck")["operations"]
    assert ended.code == 0, ended.err
    assert one["before"] == {"stage": "confirmed", "outcome": None}
    assert one["outcome"] in ("aborted", "refused")
    assert situation.clears() == []
    assert len(situation.phases()) == 1
    again = acting("operations", "recheck", waiting, "--json").document("recheck")["operations"][0]
    assert again["left_alone"].startswith("It has ended")


def test_a_living_owner_is_left_alone(
    acting: Run, waiting: str, situation: Situation, sandbox: Sandbox
) -> None:
    """What a living process carries on is told with its pid and not touched, by name or among all."""
    claimed(situation, sandbox, waiting, LocalProcesses().me())
    for words in ((), (waiting,)):
        ended = acting("operations", "recheck", *words, "--json")
        (one,) = ended.document("recheck")["operations"]
        assert ended.code == 0
        assert "is at it and lives" in one["left_alone"]
        assert one["stage"] == "running"


def test_a_dead_owner_is_settled_by_looking(
    acting: Run, waiting: str, situation: Situation, sandbox: Sandbox
) -> None:
    """Its process is gone before it sent anything: looked up, ended, recorded; the systems were only read."""
    me = LocalProcesses().me()
    claimed(situation, sandbox, waiting, Owner(host=me.host, boot=me.boot, pid=GONE, started="1"))
    ended = acting("operations", "recheck", "--json")
    (one,) = ended.document("recheck")["operations"]
    assert ended.code == 0, ended.err
    assert one["outcome"] in ("aborted", "failed")
    (operation,) = situation.operations()
    assert operation.stage is Stage.ENDED
    assert operation.outcome is not Outcome.UNKNOWN
    assert situation.clears() == []
    assert acting("rerun", FAILED, "--dry-run").code == 0


@pytest.mark.usefixtures("hearing")
def test_an_operation_is_executed_by_its_id(acting: Run, waiting: str, situation: Situation) -> None:
    """`fedesk execute` carries out what was confirmed and not begun, once; a second time is a conflict."""
    ended = acting("execute", waiting[:13], "--json")
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert (change["operation"], change["outcome"]) == (waiting, "succeeded")
    assert situation.phases() == ["intent", "outcome"]
    assert len(situation.clears()) == 1
    again = acting("execute", waiting)
    assert (again.code, again.out) == (5, "")
    assert acting("execute", "ffff").code == 1
    assert len(situation.clears()) == 1


@pytest.fixture
def hearing() -> Iterator[None]:
    """Execute makes its process deaf to SIGHUP; the tests' own process hears again."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_help_shows_two_examples_that_work(
    run: Run, acting: Run, waiting: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The help of each command that tells of changes ends with two command lines that run as they stand."""
    assert waiting
    acting("rerun", FAILED, "--env", "dev")
    monkeypatch.chdir(str(tmp_path))
    verbs = (
        ("operations", "list"),
        ("operations", "show"),
        ("operations", "recheck"),
        ("operations", "settle"),
        ("operations", "decide"),
        ("audit", "tail"),
        ("audit", "show"),
        ("audit", "verify"),
        ("audit", "export"),
        ("execute",),
    )
    for verb in verbs:
        ended = run(*verb, "--help")
        assert ended.code == 0
        lines = [line.split()[1:] for line in ended.out.splitlines() if line.startswith("    fedesk ")]
        assert len(lines) == 2
        for words in lines:
            assert acting(*words).code == 0, words
