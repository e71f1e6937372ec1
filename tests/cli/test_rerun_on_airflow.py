"""``fedesk rerun`` against a real Airflow 3.3, by runners in processes of their own, with the real clock."""

from collections.abc import Callable
from pathlib import Path

import pytest
from airflow_change_cases import FAILED, ChangeCase
from airflow_desk import MONTHLY_FAILED, PASSWORD, PERSON, AirflowDesk, Meanwhile, desk_on
from command_line import Ended, Run
from losing_proxy import Loss, losing_proxy

from fedesk.domain.operations import Outcome, StepState

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

YES = ("--confirm", "prod", "--write", "prod", "--reason", "INC-4711")
Command = Callable[..., Ended]


@pytest.fixture
def desk(live_change_case: ChangeCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AirflowDesk:
    monkeypatch.setenv(PASSWORD, live_change_case.writer.password)
    return desk_on(live_change_case, tmp_path)


@pytest.fixture
def command(run: Run, desk: AirflowDesk) -> Command:
    """A command line over that desk; its runners are real unless it is given others."""

    def run_it(*words: str, **more: object) -> Ended:
        ended = run(*words, "--config", str(desk.config), **more)
        assert desk.password not in ended.out + ended.err
        return ended

    return run_it


def assert_one_clear(desk: AirflowDesk, run_id: str, before: "dict[str, tuple[object, ...]]") -> None:
    """One clear was asked for, its note names the operation, and what the plan left out is as it was."""
    (operation,) = desk.operations()
    note = f"fedesk {operation.plan.operation}"
    now = desk.standing(run_id)
    assert now.clears == ((desk.case.writer.user, note),)
    assert {name: found[3] for name, found in now.instances.items() if found[3]} == dict.fromkeys(
        FAILED, note
    )
    assert {name: now.instances[name] for name in now.instances if name not in FAILED} == {
        name: found for name, found in before.items() if name not in FAILED
    }


# What is done


def test_a_failed_run_is_cleared_once_recorded_and_followed(desk: AirflowDesk, command: Command) -> None:
    """The plan's tasks alone are cleared, once; journal, log and exit code say so; --wait goes on."""
    run_id = desk.case.failed()
    before = desk.standing(run_id)
    plan = command("rerun", desk.run(run_id), "--dry-run", "--json").document("plan")
    assert plan["effects"][0]["sentence"].startswith("clear 3 task instances of partners_daily")
    ended = command("rerun", desk.run(run_id), *YES, "--wait", "--json")
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert (change["environment"], change["run"]) == ("prod", desk.run(run_id))
    assert change["outcome"] == "succeeded"
    assert {step["state"] for step in change["steps"]} == {"done"}
    assert change["followed"]["state"] == "succeeded"
    assert desk.standing(run_id).state == "success"
    assert_one_clear(desk, run_id, before.instances)
    (operation,) = desk.operations()
    assert (operation.digest, operation.outcome) == (change["plan_digest"], Outcome.SUCCEEDED)
    assert operation.owner is not None
    assert (operation.plan.requester, operation.plan.reason) == (PERSON, "INC-4711")
    assert [entry.state for entry in operation.journal if entry.step == "clear"] == [
        StepState.INTENDED,
        StepState.DONE,
    ]
    records = desk.records()
    assert [record.draft.phase.value for record in records] == ["intent", "outcome"]
    assert change["audit"] == {"intent": records[0].seq, "outcome": records[1].seq}
    assert {record.draft.plan_digest for record in records} == {operation.digest}


def test_a_run_that_fails_again_is_exit_1(desk: AirflowDesk, command: Command) -> None:
    """The operation is done; that the run failed again is --wait's own word."""
    run_id = desk.case.lasting()
    ended = command("rerun", desk.run(run_id), *YES, "--wait", "--json")
    assert ended.code == 1, ended.err
    change = ended.document("change")
    assert (change["outcome"], change["followed"]["state"]) == ("succeeded", "failed")
    assert desk.standing(run_id).instances[FAILED[0]][2] == 2
    assert desk.phases() == ["intent", "outcome"]


@pytest.mark.parametrize("loss", [Loss.WAITING, Loss.ANSWER], ids=lambda loss: loss.name)
def test_a_lost_answer_is_settled_and_nothing_sent_again(
    desk: AirflowDesk, command: Command, tmp_path: Path, loss: Loss
) -> None:
    """The connection breaks while or after Airflow commits: settled to the truth, one clear, exit 0."""
    run_id = desk.case.failed()
    before = desk.standing(run_id)
    with losing_proxy(desk.case.url, loss, "/clearTaskInstances", body=b'"dry_run":false') as way:
        desk_on(desk.case, tmp_path, url=way.url)
        ended = command("rerun", desk.run(run_id), *YES, "--json")
    assert ended.code == 0, ended.err
    assert len(way.lost) == 1
    assert ended.document("change")["outcome"] == "succeeded"
    assert_one_clear(desk, run_id, before.instances)
    (operation,) = desk.operations()
    assert [entry.state for entry in operation.journal if entry.step == "clear"] == [
        StepState.INTENDED,
        StepState.UNANSWERED,
        StepState.DONE,
    ]
    assert desk.phases() == ["intent", "outcome"]


def test_a_lost_request_is_settled_as_not_done(desk: AirflowDesk, command: Command, tmp_path: Path) -> None:
    """The clear never reaches Airflow: looked for as long as it could take, then failed; not sent again."""
    run_id = desk.case.untouched()
    before = desk.standing(run_id)
    with losing_proxy(desk.case.url, Loss.REQUEST, "/clearTaskInstances", body=b'"dry_run":false') as way:
        desk_on(desk.case, tmp_path, url=way.url, timeout=(1, 2))
        ended = command("rerun", desk.run(run_id), *YES, "--json")
    assert ended.code == 1, ended.err
    assert len(way.lost) == 1
    assert ended.document("change")["outcome"] == "failed"
    assert desk.standing(run_id) == before
    (operation,) = desk.operations()
    assert [entry.state for entry in operation.journal if entry.step == "clear"] == [
        StepState.INTENDED,
        StepState.UNANSWERED,
        StepState.FAILED,
    ]
    assert "event log has no such request" in ended.err
    assert desk.phases() == ["intent", "outcome"]


# What is refused


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (("--write", "prod", "--reason", "INC-1"), "--confirm prod"),
        (("--yes", "--write", "prod", "--reason", "INC-1"), "--confirm prod"),
        (("--confirm", "prod", "--reason", "INC-1"), "--write prod"),
        (("--confirm", "prod", "--write", "prod"), "--reason TEXT"),
    ],
    ids=["no confirmation", "yes alone", "no window", "no reason"],
)
def test_what_is_missing_is_refused_and_the_server_is_as_it_was(
    desk: AirflowDesk, command: Command, options: tuple[str, ...], missing: str
) -> None:
    """Exit 3 with the flag that is missing; no clear in Airflow's event log, the refusal in ours."""
    run_id = desk.case.untouched()
    before = desk.standing(run_id)
    ended = command("rerun", desk.run(run_id), *options, "--json")
    assert ended.code == 3, ended.err
    assert missing in ended.err.splitlines()[-1]
    change = ended.document("change")
    assert change["outcome"] == "refused"
    assert_refused(desk, run_id, before)
    (record,) = desk.records()
    assert change["audit"] == {"intent": None, "outcome": record.seq}
    assert record.draft.plan_digest == change["plan_digest"]


def assert_refused(desk: AirflowDesk, run_id: str, before: object) -> None:
    """Server and store agree that nothing was done, and the refusal is on the record."""
    assert desk.standing(run_id) == before
    assert desk.operations() == ()
    assert desk.phases() == ["refusal"]


def test_a_run_elsewhere_than_named_is_refused(desk: AirflowDesk, command: Command) -> None:
    """--env names staging, and the run is prod's: exit 3, before Airflow is asked anything."""
    run_id = desk.case.untouched()
    before = desk.standing(run_id)
    ended = command("rerun", desk.run(run_id), *YES, "--env", "staging")
    assert ended.code == 3
    assert "prod/airflow belongs to prod, and staging was named" in ended.err
    assert_refused(desk, run_id, before)


def test_a_run_under_another_environments_name_is_refused(desk: AirflowDesk, command: Command) -> None:
    """Production's run called by staging, which is the same server with another tag: exit 3, by its scope."""
    run_id = desk.case.untouched()
    before = desk.standing(run_id)
    ended = command("rerun", desk.run(run_id, "staging"), "--yes")
    assert ended.code == 3, ended.err
    assert "partners_daily" in ended.err
    assert_refused(desk, run_id, before)


@pytest.mark.usefixtures("holding")
def test_a_run_that_somebody_is_clearing_is_a_conflict(desk: AirflowDesk, command: Command) -> None:
    """Mara has cleared it: exit 5, her note stands, her clear is the only one."""
    run_id = desk.failed(holds=True)
    desk.case.mara_clears(run_id, note="mara is at it")
    ended = command("rerun", desk.run(run_id), *YES, "--json")
    assert ended.code == 5, ended.err
    assert ended.document("change")["outcome"] == "refused"
    assert "mara is at it" in ended.err
    assert_theirs(desk, run_id, "mara is at it")
    assert desk.operations() == ()
    assert desk.phases() == ["refusal"]


def assert_theirs(desk: AirflowDesk, run_id: str, note: str) -> None:
    """Mara's clear is the only one, and her note stands."""
    now = desk.standing(run_id)
    assert now.clears == (("mara", note),)
    assert {now.instances[name][3] for name in MONTHLY_FAILED} == {note}


@pytest.mark.usefixtures("holding")
@pytest.mark.parametrize("holds", [True, False], ids=["it runs", "it has succeeded"])
def test_a_run_that_changed_after_the_confirmation_is_stale(
    desk: AirflowDesk, command: Command, *, holds: bool
) -> None:
    """Mara is faster than the runner, which finds another run than was confirmed: nothing sent, exit 5."""
    run_id = desk.failed(holds=holds)

    def clear() -> None:
        desk.case.mara_clears(run_id, note="faster")
        if not holds:
            desk.case.finish(run_id)

    ended = command(
        "rerun", desk.run(run_id), *YES, "--json", launcher=lambda opened: Meanwhile(opened.launcher, clear)
    )
    assert ended.code == 5, ended.err
    assert ended.document("change")["outcome"] == "refused"
    assert_theirs(desk, run_id, "faster")
    (operation,) = desk.operations()
    assert (operation.outcome, operation.is_conflict) == (Outcome.REFUSED, True)
    assert desk.phases() == ["refusal"]
