"""``fedesk rerun`` against the sandbox: what it changes, and how it is told."""

from datetime import timedelta

import pytest
from cli_situations import (
    BUILD,
    FAILED,
    FAILED_DAG,
    JOB,
    UNAWARE,
    UNTOUCHED,
    YES,
    Hooks,
    Situation,
    assert_nothing_was_done,
    runners_of,
)
from command_line import Run

from fedesk.domain.operations import Outcome, StepState
from fedesk.sandbox.server import Sandbox
from fedesk.services import steps


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
    acting: Run, situation: Situation, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost and the system stays silent: exit 7, nothing else is let in; a look settles it."""
    monkeypatch.setattr(steps, "BLIND", 60.0)
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


def test_a_secret_in_the_reason_is_kept_nowhere(acting: Run, situation: Situation) -> None:
    """Somebody pastes a token into --reason: no file of the desk has it, and nothing that is printed."""
    planted = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    options = ("--confirm", "prod", "--write", "prod", "--reason", f"INC-1 with {planted}")
    ended = acting("rerun", FAILED, *options, "--json")
    assert ended.code == 0, ended.err
    (operation,) = situation.operations()
    assert operation.plan.reason.startswith("INC-1 with [hidden")
    printed = "".join(
        acting(*words).out
        for words in (("operations", "show"), ("operations", "show", "--json"), ("audit", "export"))
    )
    assert planted not in ended.out + ended.err + printed
    kept = [path for path in situation.state_file.parent.glob("fedesk.sqlite3*") if path.is_file()]
    assert kept
    assert all(planted.encode() not in path.read_bytes() for path in kept)


def test_the_examples_of_its_help_work(run: Run, acting: Run) -> None:
    """Help ends with two command lines that run against the sandbox as they stand there."""
    text = run("rerun", "--help").out
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith("    fedesk ")]
    assert len(lines) == 2
    for words in lines:
        assert acting(*words).code == 0, words
