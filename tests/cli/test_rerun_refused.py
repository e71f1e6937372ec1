"""``fedesk rerun`` where it must not: nothing is sent, the record says why, the exit code which kind."""

import pytest
from cli_situations import (
    BUILD,
    DEPLOY,
    FAILED,
    FAILED_DAG,
    UNTOUCHED,
    YES,
    Hooks,
    Situation,
    assert_nothing_was_done,
    runners_of,
)
from command_line import Ended, Run

from fedesk.domain.operations import Outcome
from fedesk.sandbox.server import Sandbox


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ((), "--confirm prod"),
        (("--yes", "--write", "prod", "--reason", "INC-1"), "--confirm prod"),
        (("--confirm", "prod", "--reason", "INC-1"), "--write prod"),
        (("--confirm", "prod", "--write", "staging", "--reason", "INC-1"), "--write prod"),
        (("--confirm", "prod", "--write", "prod"), "--reason TEXT"),
        (("--confirm", "prod", "--write", "prod", "--reason", "  "), "--reason TEXT"),
        (("--confirm", "staging", "--write", "prod", "--reason", "INC-1"), "--confirm prod"),
    ],
    ids=["nothing", "yes alone", "no window", "another window", "no reason", "blank reason", "another name"],
)
def test_what_is_missing_is_refused_recorded_and_named(
    acting: Run, situation: Situation, options: tuple[str, ...], missing: str
) -> None:
    """Without a sufficient yes nothing is sent, the refusal is recorded, the flag is named: exit 3."""
    ended = acting("rerun", FAILED, *options, "--json")
    assert ended.code == 3
    assert missing in ended.err.splitlines()[-1]
    change = ended.document("change")
    assert (change["outcome"], change["exit_code"]) == ("refused", 3)
    assert_nothing_was_done(situation)
    (record,) = situation.records()
    assert change["audit"] == {"intent": None, "outcome": record.seq}
    assert record.draft.operation == change["operation"]
    assert record.draft.plan_digest == change["plan_digest"]


def test_a_run_elsewhere_than_named_is_refused(acting: Run, situation: Situation) -> None:
    """The environment comes from the run: --env that says another one is exit 3, recorded, nothing sent."""
    ended = acting("rerun", FAILED, *YES, "--env", "staging")
    assert ended.code == 3
    assert "prod/airflow belongs to prod, and staging was named" in ended.err
    assert_nothing_was_done(situation)
    assert situation.posts("airflow") == 0


def test_a_run_that_someone_else_is_clearing_is_a_conflict(acting: Run, situation: Situation) -> None:
    """Somebody is at it already: exit 5, recorded, and fedesk sends nothing."""
    situation.clear_by_another()
    ended = acting("rerun", FAILED, *YES, "--json")
    assert ended.code == 5, ended.err
    assert ended.document("change")["outcome"] == "refused"
    assert situation.clears() == ["mara"]
    assert situation.operations() == ()
    assert situation.phases() == ["refusal"]
    assert acting("rerun", FAILED, "--dry-run").code == 5


def test_a_run_that_changed_after_the_confirmation_is_stale(
    acting: Run, situation: Situation, sandbox: Sandbox
) -> None:
    """What was pinned has changed when it is to be sent: exit 5, refused in store and log, not sent."""
    ended = acting(
        "rerun",
        FAILED,
        *YES,
        "--json",
        launcher=runners_of(sandbox, Hooks(before=situation.clear_by_another)),
    )
    assert ended.code == 5, ended.err
    assert ended.document("change")["outcome"] == "refused"
    assert situation.clears() == ["mara"]
    (operation,) = situation.operations()
    assert operation.outcome is Outcome.REFUSED
    assert operation.is_conflict
    assert "intent" not in situation.phases()


def test_one_of_two_at_once_is_told_who_has_it(acting: Run, situation: Situation, sandbox: Sandbox) -> None:
    """An operation of a living process that holds the run keeps a second one out: exit 5, with its id."""
    found: list[Ended] = []

    def meanwhile() -> None:
        found.append(acting("rerun", FAILED, *YES))

    assert acting("rerun", FAILED, *YES, launcher=runners_of(sandbox, Hooks(at_send=meanwhile))).code == 0
    first, second = situation.operations()[-1], found[0]
    assert second.code == 5
    assert first.plan.operation in second.err
    assert len(situation.clears()) == 1
    assert situation.phases() == ["intent", "refusal", "outcome"]


def test_a_newest_run_is_not_guessed_from_half_an_answer(acting: Run, sandbox: Sandbox) -> None:
    """Where the system that may have a newer run is silent, the name of the run is asked for: exit 8."""
    sandbox.control.fault("airflow", "status", status=503)
    ended = acting("rerun", FAILED_DAG, *YES)
    assert ended.code == 8
    assert "Name the run itself" in ended.err


def test_nothing_to_run_again_is_exit_1(acting: Run, situation: Situation) -> None:
    """A run that succeeded has nothing to clear; one that does not exist is named; both are recorded."""
    listing = acting("runs", FAILED_DAG, "--limit", "50", "--json").document("runs")["runs"]
    fine = next(one["run"] for one in listing if one["state"] == "succeeded")
    ended = acting("rerun", fine, *YES)
    assert (ended.code, "nothing to clear" in ended.err) == (1, True)
    missing = acting("rerun", f"prod/airflow:{FAILED_DAG}/manual__never", *YES, "--json")
    assert missing.code == 1
    assert missing.document("change")["operation"] is None
    assert_nothing_was_done(situation, phases=("refusal", "refusal"))


def test_a_build_with_a_password_is_refused(acting: Run, situation: Situation) -> None:
    """Jenkins never gives a password back: refused by the guard that says so, exit 3, nothing sent."""
    ended = acting("rerun", DEPLOY, *YES, "--json")
    assert ended.code == 3
    verdicts = {guard["name"]: guard["verdict"] for guard in ended.document("change")["guards"]}
    assert verdicts["parameters can be repeated"] == "deny"
    assert ended.err.count("DEPLOY_TOKEN") == 1
    assert acting("rerun", DEPLOY, "--dry-run").code == 3
    assert situation.posts("jenkins") == 0
    assert situation.phases() == ["refusal"]


def test_a_build_runs_again_as_a_whole(acting: Run, situation: Situation) -> None:
    """--from-failed and a stage are no way to run a build again: exit 2, before anything is asked."""
    ended = acting("rerun", BUILD, *YES, "--from-failed")
    assert (ended.code, "from its start and as a whole" in ended.err) == (2, True)
    assert situation.posts("jenkins") == 0
    assert acting("rerun", FAILED, "--from-failed", "--dry-run").code == 0


def test_without_a_store_nothing_is_sent(acting: Run, situation: Situation) -> None:
    """No audit, no action: a store that is no database is exit 6, before anything is sent."""
    situation.state_file.parent.mkdir(parents=True, exist_ok=True)
    situation.state_file.write_bytes(b"this is no database" * 100)
    ended = acting("rerun", FAILED, *YES)
    assert ended.code == 6
    assert str(situation.state_file) in ended.err
    assert situation.clears() == []
    assert situation.state() is UNTOUCHED


def test_a_silent_system_is_exit_8(acting: Run, situation: Situation, sandbox: Sandbox) -> None:
    """What could not be looked at is not changed, and nothing is claimed of it."""
    sandbox.control.fault("airflow", "status", status=503)
    ended = acting("rerun", FAILED, *YES, "--json")
    assert ended.code == 8
    assert ended.document("change")["outcome"] is None
    sandbox.control.clear_faults()
    assert_nothing_was_done(situation, phases=())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rerun",), "Missing argument 'RUN"),
        (("rerun", FAILED, "--yes", "--confirm", "prod"), "give one"),
        (
            ("rerun", FAILED, "--confirm", "prd"),
            "--confirm: no environment is named 'prd'; did you mean prod?",
        ),
        (("rerun", FAILED, "--write", "stagin"), "--write: no environment is named 'stagin'"),
        (("rerun", FAILED, "--env", "de"), "--env: no environment is named 'de'; did you mean dev?"),
        (("rerun", "prd/airflow:x/y", "--yes"), "no environment is named 'prd'"),
        (("rerun", "prod/airflo:x/y", "--yes"), "prod/airflo is not configured"),
        (("rerun", "https://example.com/x", "--yes"), "is the address of no run"),
        (("rerun", FAILED, ":", "--yes"), "is no run"),
    ],
)
def test_mistakes_are_exit_2_before_anything_is_asked(
    acting: Run, situation: Situation, words: tuple[str, ...], said: str
) -> None:
    """Every name is checked first, the nearest one is named, and no system is asked."""
    ended = acting(*words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert situation.posts("airflow") == 0
    assert not situation.state_file.exists()
