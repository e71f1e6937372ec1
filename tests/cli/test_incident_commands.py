"""``fedesk incident`` against the sandbox: a night from its failure to its end, and what is refused."""

import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from cli_situations import BUILD, FAILED, FAILED_DAG, YES, Situation, assert_nothing_was_done
from command_line import Ended, Run

from fedesk.sandbox.server import Sandbox

TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
HOSTILE = "[red]x[/] | <img src=x> \x1b[31m \u202e `a`\n| b |"
IN_PROD = ("--confirm", "prod", "--write", "prod")
Later = Callable[..., Ended]


@pytest.fixture
def later(acting: Run, sandbox: Sandbox) -> Later:
    """A command line, a minute after the one before."""

    def run_it(*arguments: str) -> Ended:
        sandbox.control.clock.advance(timedelta(minutes=1))
        return acting(*arguments)

    return run_it


@pytest.fixture
def opened(later: Later) -> Later:
    """INC-4711, opened for the failed run."""
    ended = later("incident", "open", "inc-4711", "payments late", "--run", FAILED)
    assert ended.code == 0, ended.err
    assert ended.out == "INC-4711: payments late: opened\n"
    return later


def kinds(ended: Ended) -> list[str]:
    return [entry["kind"] for entry in ended.document("incident")["timeline"]]


def test_a_night_is_told_from_its_failure_to_its_end(opened: Later, situation: Situation) -> None:
    """Opened for a failed run, taken on, cleared with --incident, noted, closed: in order, with times."""
    assert opened("incident", "note", "INC-4711", "I am on it", "--acknowledge").code == 0
    ended = opened("rerun", FAILED, *IN_PROD, "--incident", "INC-4711", "--json")
    assert ended.code == 0, ended.err
    assert opened("incident", "note", "INC-4711", "the file came").code == 0
    closed = opened("incident", "close", "INC-4711", "loaded", "--json")
    assert closed.code == 0, closed.err
    (operation,) = situation.operations()
    assert operation.plan.reason == "INC-4711: payments late"
    window = operation.confirmation.window
    assert window is not None
    assert window.reason == operation.plan.reason

    document = closed.document("incident")
    assert (document["state"], document["summary"], document["environment"]) == ("closed", "loaded", "prod")
    assert document["runs"] == [FAILED]
    assert document["operations"] == [operation.plan.operation]
    timeline = document["timeline"]
    found = kinds(closed)
    assert found[:4] == ["failure", "opened", "acknowledgement", "plan"]
    assert found[-3:] == ["outcome", "note", "closed"]
    for first, second in (("intent", "answer"), ("answer", "read-back"), ("read-back", "outcome")):
        assert found.index(first) < found.index(second)
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)
    failure = timeline[0]
    assert failure["subject"] == FAILED
    assert failure["said"].startswith("failed: ")
    assert failure["at"] < timeline[1]["at"]
    assert failure["link"].startswith("http")
    assert timeline[found.index("outcome")]["said"].startswith("succeeded: ")
    records = {record.seq: record.draft for record in situation.records()}
    assert {entry["record"] for entry in timeline if entry["record"]} <= set(records)
    actions = [(one.action, one.phase.value) for one in records.values()]
    assert actions == [
        ("incident", "start"),
        ("incident", "review"),
        ("rerun", "intent"),
        ("rerun", "outcome"),
        ("incident", "review"),
        ("incident", "stop"),
    ]


def test_it_is_shown_as_a_table_and_as_markdown(opened: Later) -> None:
    """The same entries for people, on the environment's clocks, and as a table for a ticket."""
    opened("rerun", FAILED, *IN_PROD, "--incident", "INC-4711")
    wanted = kinds(opened("incident", "show", "INC-4711", "--json"))
    shown = opened("incident", "show").out
    head, _, table = shown.partition("\n\n")
    assert "INC-4711: payments late" in head
    lines = table.splitlines()
    assert lines[0].split()[:3] == ["TIME", "WHAT", "WHO"]
    assert [" ".join(line.split()[2:3]) for line in lines[1:]] == wanted
    ticket = opened("incident", "show", "INC-4711", "--markdown").out
    assert ticket.startswith("## INC-4711: payments late\n")
    assert [line.split(" | ")[1] for line in ticket.splitlines() if line.startswith("| 2026")] == wanted
    assert opened("incident", "show", "--markdown", "--json").code == 2


def test_what_is_done_to_its_run_belongs_to_it(opened: Later, situation: Situation) -> None:
    """Without a word of the incident: a refusal and a re-run of the run it was opened for are in it."""
    assert opened("rerun", FAILED, "--env", "staging").code == 3
    assert opened("rerun", FAILED, *IN_PROD, "--reason", "looked at it").code == 0
    found = kinds(opened("incident", "show", "--json"))
    assert {"refusal", "plan", "intent", "outcome"} <= set(found)
    assert found.index("refusal") < found.index("plan")
    (operation,) = situation.operations()
    assert operation.plan.reason == "looked at it"


def test_an_open_incidents_id_as_the_reason_is_enough(opened: Later, situation: Situation) -> None:
    """--reason with the id alone takes the incident's reason; another run's operation belongs by it."""
    assert opened("rerun", BUILD, *IN_PROD, "--reason", "inc-4711").code == 0
    (operation,) = situation.operations()
    assert operation.plan.reason == "INC-4711: payments late"
    document = opened("incident", "show", "--json").document("incident")
    assert document["operations"] == [operation.plan.operation]


def test_an_incident_that_is_not_open_is_refused(opened: Later, situation: Situation) -> None:
    """Unknown is exit 1, closed is exit 5, no id at all exit 2; nothing is planned for them, nothing done."""
    unknown = opened("rerun", FAILED, *IN_PROD, "--incident", "INC-1")
    assert (unknown.code, unknown.out) == (1, "")
    assert "There is no incident INC-1; `fedesk incident list` has them." in unknown.err
    assert opened("rerun", FAILED, *IN_PROD, "--incident", "payments").code == 2
    assert opened("incident", "close", "INC-4711").code == 0
    closed = opened("rerun", FAILED, *IN_PROD, "--incident", "INC-4711")
    assert (closed.code, "INC-4711 was closed by" in closed.err) == (5, True)
    by_reason = opened("rerun", FAILED, *IN_PROD, "--reason", "INC-4711")
    assert (by_reason.code, "INC-4711 was closed by" in by_reason.err) == (5, True)
    assert_nothing_was_done(situation, phases=("start", "stop", "refusal"))


def test_what_stands_otherwise_is_exit_5_and_what_is_not_there_exit_1(opened: Later) -> None:
    """Opened again, closed twice, noted when closed; and each of them of an incident that nobody opened."""
    again = opened("incident", "open", "INC-4711", "once more")
    assert (again.code, "opened already" in again.err) == (5, True)
    assert opened("incident", "close", "INC-4711").code == 0
    for words in (("close", "INC-4711"), ("note", "INC-4711", "x")):
        ended = opened("incident", *words)
        assert (ended.code, "was closed by" in ended.err, ended.out) == (5, True, ""), words
    for words in (("close", "INC-1"), ("note", "INC-1", "x"), ("show", "INC-1")):
        assert opened("incident", *words).code == 1, words


@pytest.mark.parametrize(
    "words",
    [
        ("open", "payments", "late"),
        ("open", "INC-1", "payments", "late"),
        ("open", "INC-1", ""),
        ("open", ""),
        ("open", "late", "--run", "prod/airflow:x/r", "--env", "staging"),
        ("open", "late", "--run", FAILED, "--run", FAILED.replace("prod/", "staging/")),
        ("open", "late", "--run", "prod/nowhere:x/r"),
        ("note", "INC-1", " "),
        ("show", "no id"),
    ],
)
def test_a_mistake_is_exit_2_and_a_sentence(
    later: Later, situation: Situation, words: tuple[str, ...]
) -> None:
    """No id, no title, two environments, a system that is not configured: nothing is written."""
    ended = later("incident", *words)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert len(ended.err.splitlines()) == 1
    assert situation.records() == ()


def test_a_run_that_is_not_there_opens_nothing(later: Later, situation: Situation) -> None:
    """A name that is mistyped is exit 1; an incident of a run that never was would mislead."""
    assert later("incident", "open", "late", "--run", f"{FAILED}0").code == 1
    assert situation.records() == ()


def test_a_silent_system_is_an_incident_too(later: Later, sandbox: Sandbox) -> None:
    """Airflow answers 500: the incident is opened all the same, with the system's words for the state."""
    sandbox.control.fault("airflow", "status", status=500)
    ended = later("incident", "open", "airflow away", "--run", FAILED, "--json")
    assert ended.code == 0, ended.err
    document = ended.document("incident")
    assert document["incident"].startswith("FD-20261120-")
    assert document["timeline"][0]["said"].startswith("unknown: ")


def test_a_pipelines_name_and_a_task_mean_their_run(later: Later) -> None:
    """A pipeline's newest failed run is taken, and said; of a task it is the run that belongs."""
    by_name = later("incident", "open", "one", "--run", FAILED_DAG, "--json")
    assert by_name.document("incident")["runs"] == [FAILED]
    assert f"taking its newest failed run {FAILED}" in by_name.err
    by_task = later("incident", "open", "two", "--run", f"{FAILED}::dbt_test", "--json")
    assert by_task.document("incident")["runs"] == [FAILED]


def test_the_list_has_the_newest_first(opened: Later) -> None:
    """All, those of one environment, and those that go on."""
    assert opened("incident", "open", "INC-2", "staging away", "--env", "staging").code == 0
    assert opened("incident", "close", "INC-2").code == 0

    def listed(*flags: str) -> list[tuple[str, str]]:
        found = opened("incident", "list", *flags, "--json").document("incidents")["incidents"]
        return [(one["incident"], one["state"]) for one in found]

    assert listed() == [("INC-2", "closed"), ("INC-4711", "open")]
    assert listed("--open") == [("INC-4711", "open")]
    assert listed("--env", "staging") == [("INC-2", "closed")]
    assert listed("--limit", "1") == [("INC-2", "closed")]
    text = opened("incident", "list").out
    assert [line.split()[3] for line in text.splitlines()[1:]] == ["INC-2", "INC-4711"]


def test_none_is_said_and_not_blank(later: Later) -> None:
    """Empty is a sentence; to show the newest of none is exit 1."""
    assert later("incident", "list").out == "there are no incidents\n"
    assert later("incident", "list", "--open", "--env", "dev").out == "there are no open incidents in dev\n"
    shown = later("incident", "show")
    assert (shown.code, shown.err) == (1, "There are no incidents yet\n")


def test_secrets_that_are_pasted_are_kept_nowhere(opened: Later, situation: Situation) -> None:
    """A token in a title, a note, a summary or in place of an id is in no file and in nothing printed."""
    printed = [
        opened("incident", "open", "INC-2", f"with {TOKEN}", "--json"),
        opened("incident", "open", TOKEN, "late"),
        opened("incident", "note", "INC-4711", f"VAULT_TOKEN={TOKEN}"),
        opened("incident", "show", "INC-4711", "--json"),
        opened("incident", "close", "INC-4711", TOKEN),
        opened("incident", "show", "INC-4711"),
        opened("incident", "show", "INC-4711", "--markdown"),
        opened("audit", "tail", "--json"),
    ]
    assert [ended.code for ended in printed] == [0, 2, 0, 0, 0, 0, 0, 0]
    assert "[hidden" in printed[3].out
    assert all(TOKEN not in ended.out + ended.err for ended in printed)
    for file in situation.state_file.parent.glob("fedesk.sqlite3*"):
        assert TOKEN.encode() not in file.read_bytes()


def test_hostile_text_is_only_text(later: Later) -> None:
    """Escapes, overrides and markup in titles and notes stand there as text, a line an entry."""
    assert later("incident", "open", "INC-1", HOSTILE).code == 0
    assert later("incident", "note", "INC-1", HOSTILE).code == 0
    for flags in ((), ("--markdown",)):
        shown = later("incident", "show", "INC-1", *flags).out
        assert not {"\x1b", "\u202e"} & set(shown)
    ticket = later("incident", "show", "INC-1", "--markdown").out
    assert "<img" not in ticket.replace("\\<", "")
    assert len([line for line in ticket.splitlines() if line.startswith("| 2026")]) == 2


def test_a_store_that_is_away_is_exit_6(opened: Later, situation: Situation) -> None:
    """Nothing is written and nothing pretended: a damaged store, and one that takes no record."""
    with closing(sqlite3.connect(situation.state_file)) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END")
        database.commit()
    for words in (("open", "INC-2", "x"), ("note", "INC-4711", "x"), ("close", "INC-4711")):
        ended = opened("incident", *words)
        assert (ended.code, ended.out) == (6, ""), words
    assert kinds(opened("incident", "show", "--json")) == ["failure", "opened"]
    situation.state_file.write_bytes(b"this is no database" * 100)
    for line in ("show", "list", "open x", "note INC-4711 x", "close INC-4711"):
        ended = opened("incident", *line.split())
        assert (ended.code, ended.out) == (6, ""), line
        assert str(situation.state_file) in ended.err
    assert opened("rerun", FAILED, *YES, "--incident", "INC-4711").code == 6


def test_the_examples_of_each_help_work(run: Run, later: Later) -> None:
    """Help ends with two command lines that run against the sandbox as they stand there, in this order."""
    for verb in ("open", "note", "show", "list", "close"):
        ended = run("incident", verb, "--help")
        assert ended.code == 0
        lines = [shlex.split(line)[1:] for line in ended.out.splitlines() if line.startswith("    fedesk ")]
        assert len(lines) == 2
        for words in lines:
            ran = run(*words) if "--help" in words else later(*words)
            assert ran.code == 0, (words, ran.err)
