"""``fedesk rerun`` against the sandbox: what it changes, what it refuses, and what is recorded of both."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cli_situations import (
    BUILD,
    DEPLOY,
    FAILED,
    FAILED_DAG,
    JOB,
    UNAWARE,
    YES,
    Hooks,
    SilentLauncher,
    Situation,
    runners_of,
)
from command_line import Changed, Ended, Run

from fedesk.domain.operations import Outcome, StepState
from fedesk.sandbox.model import RunState
from fedesk.sandbox.server import Sandbox

UNTOUCHED = RunState.FAILED


def assert_nothing_was_done(situation: Situation, phases: Sequence[str] = ("refusal",)) -> None:
    """The world, the request log, the store and the audit log agree that nothing was sent."""
    assert situation.state() is UNTOUCHED
    assert situation.clears() == []
    assert situation.operations() == ()
    assert situation.phases() == list(phases)


def test_a_failed_run_is_cleared_once_and_recorded(
    acting: Run, situation: Situation, sandbox: Sandbox
) -> None:
    """Plan, one clear, read back, exit 0; the document, the journal and the audit log tell the same."""
    ended = acting("rerun", FAILED, *YES, "--json")
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert (change["environment"], change["run"], change["outcome"]) == ("prod", FAILED, "succeeded")
    assert {step["state"] for step in change["steps"]} == {"done"}
    assert [step["call"] for step in change["steps"] if step["call"]] == ["clear-task-instances"]
    assert situation.clears() == [sandbox.world.identity("airflow", writer=True).user]
    assert situation.state() is not UNTOUCHED
    (operation,) = situation.operations()
    assert (operation.plan.operation, operation.digest) == (change["operation"], change["plan_digest"])
    assert (operation.outcome, operation.plan.reason) == (Outcome.SUCCEEDED, "INC-4711")
    assert operation.confirmation.how == "--confirm prod"
    records = situation.records()
    assert [record.draft.phase.value for record in records] == ["intent", "outcome"]
    assert change["audit"] == {"intent": records[0].seq, "outcome": records[1].seq}
    assert {record.draft.plan_digest for record in records} == {operation.digest}


def test_it_tells_the_plan_then_the_journal_then_the_result(acting: Run, situation: Situation) -> None:
    """Narration is on stderr, a line an event; stdout has one row with run, outcome and operation."""
    ended = acting("rerun", FAILED, *YES)
    assert ended.code == 0, ended.err
    told = ended.err.splitlines()
    assert told[0].startswith(f"clear 3 task instances of {FAILED_DAG} / 2026-11-20")
    assert "on prod/airflow at http" in told[0]
    (operation,) = situation.operations()
    assert len(operation.journal) >= 3
    assert all(any(entry.said in line for line in told) for entry in operation.journal)
    header, row = ended.out.splitlines()
    assert header.split() == ["RUN", "OUTCOME", "WHAT", "OPERATION"]
    assert row.startswith(f"{FAILED}  succeeded")
    assert row.endswith(operation.plan.operation)


def test_a_dry_run_prints_the_plan_and_changes_nothing(acting: Run, situation: Situation) -> None:
    """Effects, pins, guards, digest, expiry and what a yes takes; nothing is recorded or done."""
    ended = acting("rerun", FAILED, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    plan = ended.document("plan")
    assert [effect["call"] for effect in plan["effects"]] == ["clear-task-instances"]
    assert plan["needs"] == {"confirm": "prod", "reason": True, "write": True, "accept": []}
    assert plan["targets"][0]["pins"]
    assert plan["expires_at"] > plan["made_at"]
    assert not plan["blocked"]
    text = acting("rerun", FAILED, "--dry-run")
    assert text.code == 0
    assert "yes     --confirm prod --write prod --reason TEXT" in text.out
    assert plan["effects"][0]["sentence"] in text.out
    assert_nothing_was_done(situation, phases=())


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


def test_a_task_alone_is_cleared(acting: Run, situation: Situation) -> None:
    """RUN::TASK clears that task, and the address in a browser means the same."""
    task = acting("log", FAILED, "--json").document("log")["task"].partition("@")[0]
    ended = acting("rerun", f"{FAILED}::{task}", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    plan = ended.document("plan")
    assert plan["effects"][0]["sentence"].startswith("clear 1 task instance of")
    assert plan["targets"][0]["name"] == f"{FAILED}::{task}"
    link = acting("runs", FAILED_DAG, "--json").document("runs")["runs"]
    address = next(one["link"] for one in link if one["run"] == FAILED)
    by_address = acting("rerun", f"{address}/tasks/{task}", "--dry-run", "--json").document("plan")
    assert by_address["targets"] == plan["targets"]
    assert situation.clears() == []


def test_a_pipelines_name_means_its_newest_failed_run(acting: Run, situation: Situation) -> None:
    """Which run was taken is said; a pipeline without one is exit 1, an unknown one exit 2."""
    ended = acting("rerun", FAILED_DAG, "--dry-run", "--json")
    assert ended.document("plan")["run"] == FAILED
    assert ended.err.startswith(f"{FAILED_DAG}: taking its newest failed run {FAILED}, 2026-11-20T")
    names = [one["name"] for one in acting("status", "--json").document("status")["pipelines"]]
    healthy = next(
        name
        for name in names
        if (found := acting("runs", name, "--limit", "50", "--json")).code == 0
        and all(one["state"] in ("succeeded", "running") for one in found.document("runs")["runs"])
    )
    none = acting("rerun", healthy, "--dry-run")
    assert (none.code, "none of its newest" in none.err) == (1, True)
    unknown = acting("rerun", "payment_daily", "--dry-run")
    assert unknown.code == 2
    assert "did you mean payments_daily?" in unknown.err
    assert situation.clears() == []


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


def test_a_build_is_built_again_with_its_parameters(acting: Run, situation: Situation) -> None:
    """The queue item is followed to its build, which carries the operation's id; one build, one intent."""
    before = situation.builds()
    ended = acting("rerun", BUILD, *YES, "--json")
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert change["outcome"] == "succeeded"
    assert f"build:{before}" in [step["reference"] for step in change["steps"]]
    assert situation.builds() == before + 1
    assert situation.phases() == ["intent", "outcome"]
    made = acting("runs", JOB, "--json").document("runs")["runs"][0]
    assert (made["run"], made["operation"]) == (
        f"prod/jenkins:{JOB}#{before}",
        change["operation"],
    )


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


def test_what_a_guard_asks_is_accepted_by_its_name(acting: Run, situation: Situation) -> None:
    """A job without FEDESK_OPERATION may leave its outcome unknown: exit 3 until --accept names the guard."""
    plan = acting("rerun", UNAWARE, "--dry-run", "--json").document("plan")
    assert plan["needs"]["accept"] == ["operation id"]
    refused = acting("rerun", UNAWARE, *YES)
    assert refused.code == 3
    assert refused.err.rstrip().endswith("--accept operation-id")
    wrong = acting("rerun", UNAWARE, *YES, "--accept", "loads")
    assert wrong.code == 3
    assert situation.posts("jenkins") == 0
    ended = acting("rerun", UNAWARE, *YES, "--accept", "operation-id", "--json")
    assert ended.code == 0, ended.err
    (operation,) = situation.operations()
    assert operation.confirmation.accepted == ("operation id",)
    assert situation.phases() == ["refusal", "refusal", "intent", "outcome"]


def test_a_build_runs_again_as_a_whole(acting: Run, situation: Situation) -> None:
    """--from-failed and a stage are no way to run a build again: exit 2, before anything is asked."""
    ended = acting("rerun", BUILD, *YES, "--from-failed")
    assert (ended.code, "from its start and as a whole" in ended.err) == (2, True)
    assert situation.posts("jenkins") == 0
    assert acting("rerun", FAILED, "--from-failed", "--dry-run").code == 0


def test_outside_production_a_yes_is_enough(acting: Run, situation: Situation) -> None:
    """A guarded environment that is not production wants --yes, and no reason."""
    failed = next(
        one["run"]
        for one in acting("failures", "--env", "staging", "--since", "30d", "--json").document("failures")[
            "failures"
        ]
        if "/airflow:" in one["run"] and one["state"] == "failed"
    )
    refused = acting("rerun", failed)
    assert (refused.code, "--yes" in refused.err) == (3, True)
    ended = acting("rerun", failed, "--yes", "--json")
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert (change["environment"], change["outcome"]) == ("staging", "succeeded")
    assert situation.phases() == ["refusal", "intent", "outcome"]
    by_name = acting("rerun", failed.removeprefix("staging/"), "--env", "staging", "--dry-run", "--json")
    assert by_name.code in (1, 5)


def test_several_runs_have_a_result_each(acting: Run, situation: Situation) -> None:
    """Each is planned, confirmed and followed by itself; the gravest code counts; one named twice is one."""
    link = acting("failures", "--since", "2d", "--json").document("failures")["failures"]
    address = next(one["link"] for one in link if one["run"] == FAILED)
    other = next(one["run"] for one in link if "/airflow:" in one["run"] and one["run"] != FAILED)
    missing = f"prod/airflow:{FAILED_DAG}/manual__never"
    plans = acting("rerun", FAILED, other, missing, "--dry-run", "--json")
    assert plans.code == 1
    assert [one["operation"] is None for one in plans.document("plans")["plans"]] == [False, False, True]
    ended = acting("rerun", FAILED, other, missing, address, *YES, "--json")
    assert ended.code == 1
    changes = ended.document("changes")["changes"]
    assert [one["run"] for one in changes] == [FAILED, other, missing]
    assert [one["outcome"] for one in changes] == ["succeeded", "succeeded", None]
    assert [one["exit_code"] for one in changes] == [0, 0, 1]
    assert len(situation.clears()) == 2
    assert len({one["operation"] for one in changes}) == 3
    text = acting("rerun", FAILED, missing, "--dry-run")
    assert f"{missing}" in text.err


def test_the_run_itself_is_followed_to_its_end(
    acting: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--wait ends with how the run fared: 0 where it succeeded, 1 where it failed again."""
    monkeypatch.setattr(
        "fedesk.cli.watching.pause",
        lambda _: sandbox.control.clock.advance(timedelta(minutes=3)),
    )
    ended = acting("rerun", FAILED, *YES, "--wait", "--json")
    change = ended.document("change")
    assert change["outcome"] == "succeeded"
    assert change["followed"]["run"] == FAILED
    assert (change["followed"]["state"], ended.code) in {("succeeded", 0), ("failed", 1)}
    assert f"{FAILED}: running" in ended.err or f"{FAILED}: queued" in ended.err


def test_a_run_that_cannot_be_followed_is_exit_7(
    acting: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operation is done; how the run fares cannot be told, and that is said."""

    def fail(_: float) -> None:
        sandbox.control.fault("airflow", "status", status=503)

    monkeypatch.setattr("fedesk.cli.watching.pause", fail)
    ended = acting("rerun", FAILED, *YES, "--wait", "--json")
    assert ended.code == 7
    change = ended.document("change")
    assert (change["outcome"], change["followed"]["state"]) == ("succeeded", "unknown")


def test_a_lost_answer_is_looked_up_and_nothing_sent_again(
    acting: Run, situation: Situation, sandbox: Sandbox
) -> None:
    """The connection drops after the clear took effect: settled to the truth, one clear, exit 0."""
    ended = acting("rerun", FAILED, *YES, "--json", launcher=runners_of(sandbox, losing(sandbox)))
    assert ended.code == 0, ended.err
    assert ended.document("change")["outcome"] == "succeeded"
    assert len(situation.clears()) == 1
    assert situation.phases() == ["intent", "outcome"]
    (operation,) = situation.operations()
    assert StepState.UNANSWERED in [entry.state for entry in operation.journal]


def test_an_unknown_outcome_is_exit_7_with_the_way_on(
    acting: Run, situation: Situation, sandbox: Sandbox
) -> None:
    """The answer is lost and the system silent: exit 7, nothing else is let in; a look settles it."""
    silent = runners_of(sandbox, losing(sandbox, silent=True))
    ended = acting("rerun", FAILED, *YES, "--json", launcher=silent)
    assert ended.code == 7, ended.err
    change = ended.document("change")
    assert change["outcome"] == "unknown"
    assert f"`fedesk operations recheck {change['operation']}`" in ended.err
    assert situation.phases() == ["intent", "outcome"]
    still = acting("operations", "recheck", "--json")
    assert still.code == 7
    assert still.document("recheck")["operations"][0]["outcome"] == "unknown"
    sandbox.control.clear_faults()
    second = acting("rerun", FAILED, *YES)
    assert (second.code, change["operation"] in second.err) == (5, True)
    settled = acting("operations", "recheck", "--json")
    assert settled.code == 0, settled.err
    assert settled.document("recheck")["operations"][0]["outcome"] == "succeeded"
    assert situation.phases()[-1] == "settlement"
    assert len(situation.clears()) == 1
    shown = acting("operations", "show", "--json").document("operation")
    assert any(entry["evidence"] for entry in shown["journal"])


def losing(sandbox: Sandbox, *, silent: bool = False) -> Hooks:
    """Airflow loses the answer of a clear, which took effect; ``silent``: and answers nothing more."""

    def lose() -> None:
        sandbox.control.fault("airflow", "drop_after_commit", match="clearTaskInstances", times=1)

    def fall_silent() -> None:
        if silent:
            sandbox.control.fault("airflow", "status", status=503)

    return Hooks(at_send=lose, sent=fall_silent)


def test_a_runner_that_takes_nothing_is_told_with_its_own_words(
    acting: Run, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seconds without CLAIMED: its stderr is shown, exit 70; nothing was sent; the way on is named."""
    monkeypatch.setattr("fedesk.cli.watching.pause", lambda _: None)
    runner = SilentLauncher("ModuleNotFoundError: no such thing")
    ended = acting("rerun", FAILED, *YES, launcher=lambda _: runner)
    assert ended.code == 70
    assert "ModuleNotFoundError: no such thing" in ended.err
    (operation,) = situation.operations()
    assert runner.told == [operation.plan.operation]
    assert f"fedesk operations show {operation.plan.operation}" in ended.err
    assert runner.cancelled
    assert situation.clears() == []


def test_only_a_yes_starts_a_runner_and_it_gets_that_systems_credential(acting: Run) -> None:
    """A dry run and a missing yes start no process; a runner gets the target's credential alone."""
    runner = SilentLauncher()
    for words in (("--dry-run",), ()):
        acting("rerun", FAILED, *words, launcher=lambda _: runner)
    assert runner.credentials == {}
    acting("rerun", FAILED, "--yes", launcher=lambda _: runner)
    assert [str(name) for name in runner.credentials] == ["prod/airflow"]
    assert runner.told == []
    assert runner.cancelled


def test_leaving_does_not_end_the_operation(
    acting: Run, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C ends the telling with 130 and names the operation that goes on."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fedesk.cli.watching.pause", interrupt)
    ended = acting("rerun", FAILED, *YES, launcher=lambda _: SilentLauncher())
    assert ended.code == 130
    (operation,) = situation.operations()
    assert f"`fedesk operations show {operation.plan.operation}`" in ended.err


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


def test_the_real_runner_does_it_too(run: Run, changed: Changed, situation: Situation) -> None:
    """With a process of its own, fed by a pipe: the same outcome, and no credential on the way."""
    file = changed()
    ended = run("rerun", FAILED, *YES, "--json", "--config", str(file))
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert change["outcome"] == "succeeded"
    assert situation.state() is not UNTOUCHED
    (operation,) = situation.operations()
    assert operation.owner is not None
    assert [entry.state for entry in operation.journal if entry.step][-1] is StepState.DONE
    secret = re.search(r"command:cat (\S+/airflow)", file.read_text())
    assert secret
    assert Path(secret[1].strip('"')).read_text() not in ended.out + ended.err
