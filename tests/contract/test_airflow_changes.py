"""Clearing failed tasks, by one suite over the emulator and a real Airflow 3.3: preview, apply, settle.

``pytest -m live -n 0`` builds and starts the real one; without it the emulator alone is changed.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from airflow_change_cases import FAILED, ChangeCase, call_of

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_changes import AirflowChanges
from fedesk.domain.names import TaskName
from fedesk.domain.operations import Call, Settled
from fedesk.domain.reruns import ClearPreview, TaskPin
from fedesk.domain.rights import Grant
from fedesk.domain.states import State
from fedesk.ports.errors import ConflictError, ForbiddenError, NotFoundError

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def case(change_case: ChangeCase) -> ChangeCase:
    return change_case


@pytest.fixture
def client(change_case: ChangeCase) -> Iterator[AirflowClient]:
    made = AirflowClient(change_case.endpoint())
    yield made
    made.close()


@pytest.fixture
def changes(change_case: ChangeCase) -> Iterator[AirflowChanges]:
    made = AirflowChanges(change_case.endpoint())
    yield made
    made.close()


def names(tasks: tuple[TaskPin, ...]) -> tuple[str, ...]:
    return tuple(pin.name for pin in tasks)


def notes(case: ChangeCase, run_id: str) -> dict[str, Any]:
    return {name: each["note"] for name, each in case.instances(run_id).items() if each["note"]}


# --- the preview ----------------------------------------------------------------------------------------


def test_the_preview_lists_what_a_clear_would_touch(case: ChangeCase, client: AirflowClient) -> None:
    """Every failed and blocked task instance, by map index, in the order they run, with tries and states."""
    run_id = case.untouched()
    before = case.instances(run_id)
    preview = client.clear_preview(run_id, None)
    assert preview.is_dry_run
    assert names(preview.tasks) == FAILED
    assert [(pin.state, pin.try_number) for pin in preview.tasks] == [
        ("failed", case.tries),
        ("upstream_failed", 0),
        ("upstream_failed", 0),
    ]
    assert preview.active == ()
    assert (preview.run.state, preview.run.name.id) == (State.FAILED, run_id)
    assert preview.dag_version == preview.latest_version
    assert preview.dag_version.isdecimal()
    assert preview.keeps_version is case.keeps_version
    assert not preview.paused
    assert case.instances(run_id) == before
    assert case.events(run_id) == []


@pytest.mark.parametrize("who", ["writer", "reader"])
def test_what_one_may_do_is_told_without_doing_it(case: ChangeCase, who: str) -> None:
    """Who may clear is told by a dry run of a run that does not exist; reading is asked for as it is."""
    client = AirflowClient(case.endpoint(case.writer if who == "writer" else case.reader))
    found = client.examine()
    client.close()
    rights = {right.need.id: right.grant for right in found.rights}
    assert rights.pop("tasks-edit") is (Grant.GRANTED if who == "writer" else Grant.REFUSED)
    assert rights.pop("event-logs-read", Grant.GRANTED) is not Grant.UNKNOWN
    for need in ("dags-read", "dag-runs-read", "tasks-read", "task-logs-read", "import-errors-read"):
        assert rights[need] is Grant.GRANTED
    assert found.version.startswith("3.")


def test_the_preview_of_one_task(case: ChangeCase, client: AirflowClient) -> None:
    """One task alone, one instance of a mapped one; what has not failed has nothing to clear."""
    run_id = case.untouched()
    assert names(client.clear_preview(run_id, TaskName("load")).tasks) == ("load",)
    assert names(client.clear_preview(run_id, TaskName("validate_partner")).tasks) == FAILED[:1]
    assert names(client.clear_preview(run_id, TaskName("validate_partner", 2)).tasks) == FAILED[:1]
    assert client.clear_preview(run_id, TaskName("validate_partner", 0)).tasks == ()
    assert client.clear_preview(run_id, TaskName("no_such_task")).tasks == ()


def test_without_the_right_to_a_dry_run_reads_tell_the_same(case: ChangeCase, client: AirflowClient) -> None:
    """A reader's preview is made from reads alone, and says so; it lists the same."""
    run_id = case.untouched()
    reading = AirflowClient(case.endpoint(case.reader))
    for task in (None, TaskName("load"), TaskName("validate_partner", 2), TaskName("validate_partner", 0)):
        by_reads, dry = reading.clear_preview(run_id, task), client.clear_preview(run_id, task)
        assert not by_reads.is_dry_run
        assert by_reads.tasks == dry.tasks
    reading.close()


def test_the_preview_says_who_is_at_it(case: ChangeCase, client: AirflowClient) -> None:
    """What runs is active; what somebody has just cleared has no state, and is active with their note."""
    at_work, failed, running_task = case.at_work()
    preview = client.clear_preview(at_work, None)
    assert running_task in names(preview.active)
    assert failed in names(preview.tasks)
    run_id = case.failed()
    case.mara_clears(run_id, note="mara is at it")
    preview = client.clear_preview(run_id, None)
    assert preview.tasks == ()
    assert preview.note == "mara is at it"
    assert preview.run.state in (State.QUEUED, State.RUNNING)


def test_a_run_that_is_not_there(client: AirflowClient) -> None:
    """A run, a DAG or a name that does not exist is told as not found."""
    for run_id in ("partners_daily/no-such-run", "no_such_dag/x", "no run at all"):
        with pytest.raises(NotFoundError):
            client.clear_preview(run_id, None)


# --- apply ----------------------------------------------------------------------------------------------


def planned(client: AirflowClient, run_id: str) -> tuple[ClearPreview, Call]:
    """A plan for a run that failed."""
    preview = client.clear_preview(run_id, None)
    return preview, call_of(run_id, preview.tasks)


def test_a_clear_touches_the_plan_and_nothing_else(
    case: ChangeCase, client: AirflowClient, changes: AirflowChanges
) -> None:
    """The planned task instances lose their state and carry our note; the others stand as they stood."""
    run_id = case.failed()
    before = case.instances(run_id)
    preview, call = planned(client, run_id)
    receipt = changes.apply(call)
    assert receipt.said == f"3 task instances cleared: {', '.join(sorted(FAILED, key=receipt.said.index))}."
    after = case.instances(run_id)
    for name in set(after) - set(FAILED):
        assert after[name] == before[name]
    assert notes(case, run_id) == dict.fromkeys(FAILED, call.args["note"])
    now = client.clear_state(run_id, preview.tasks)
    assert names(now) == FAILED
    assert all(
        pin.state == "none" or pin.try_number > old.try_number
        for pin, old in zip(now[:1], preview.tasks, strict=False)
    )
    found = changes.settle(call)
    assert found.state is Settled.DONE
    assert "3 of 3" in found.said
    assert case.finish(run_id) == "success"
    assert changes.settle(call).state is Settled.DONE


def test_what_runs_again_may_fail_again(
    case: ChangeCase, client: AirflowClient, changes: AirflowChanges
) -> None:
    """A cleared run whose cause is still there fails again with higher tries, and can be cleared again."""
    run_id = case.lasting()
    preview, call = planned(client, run_id)
    changes.apply(call)
    assert case.finish(run_id) == "failed"
    again = client.clear_preview(run_id, None)
    assert names(again.tasks) == FAILED
    assert again.tasks[0].try_number > preview.tasks[0].try_number
    assert changes.settle(call).state is Settled.DONE
    changes.apply(call_of(run_id, again.tasks))
    assert case.finish(run_id) == "success"


def test_part_of_a_run_is_cleared(case: ChangeCase, client: AirflowClient, changes: AirflowChanges) -> None:
    """One task is cleared alone: nothing downstream of it unsaid."""
    run_id = case.failed()
    preview = client.clear_preview(run_id, TaskName("validate_partner", 2))
    receipt = changes.apply(call_of(run_id, preview.tasks))
    assert receipt.said == "1 task instance cleared: validate_partner[2]."
    after = case.instances(run_id)
    assert after["load"]["state"] == after["notify"]["state"] == "upstream_failed"
    assert set(notes(case, run_id)) == {"validate_partner[2]"}


def test_a_second_clear_does_nothing(
    case: ChangeCase, client: AirflowClient, changes: AirflowChanges
) -> None:
    """What has been cleared is no longer failed: the second desk is refused, and does not touch the note."""
    run_id = case.failed()
    preview, first = planned(client, run_id)
    second = call_of(run_id, preview.tasks)
    changes.apply(first)
    with pytest.raises(ConflictError, match="somebody else was faster"):
        changes.apply(second)
    assert set(notes(case, run_id).values()) == {first.args["note"]}
    assert changes.settle(first).state is Settled.DONE
    found = changes.settle(second)
    assert found.state is Settled.NOT_DONE
    assert len(case.events(run_id)) == 2


def test_somebody_else_was_faster(case: ChangeCase, client: AirflowClient, changes: AirflowChanges) -> None:
    """A run that somebody cleared between plan and send is left to them, and looking it up says so."""
    run_id = case.failed()
    _, call = planned(client, run_id)
    case.mara_clears(run_id, note="mine")
    with pytest.raises(ConflictError):
        changes.apply(call)
    assert notes(case, run_id) == dict.fromkeys(FAILED, "mine")
    assert changes.settle(call).state is Settled.NOT_DONE


def test_what_somebody_has_cleared_is_left_alone(
    case: ChangeCase, client: AirflowClient, changes: AirflowChanges
) -> None:
    """Where somebody was faster with a part, the rest is cleared and the receipt names what was left."""
    run_id = case.failed()
    _, call = planned(client, run_id)
    case.mara_clears(run_id, note="mine", task_ids=["notify"])
    receipt = changes.apply(call)
    assert receipt.said.endswith("; left alone, because no longer failed: notify.")
    assert notes(case, run_id)["notify"] == "mine"
    found = changes.settle(call)
    assert found.state is Settled.DONE
    assert "2 of 3" in found.said


def test_a_note_that_was_overwritten(
    case: ChangeCase, client: AirflowClient, changes: AirflowChanges
) -> None:
    """Who clears over ours overwrites its note: it was done, and the evidence names both, with times."""
    run_id = case.failed()
    _, call = planned(client, run_id)
    changes.apply(call)
    case.mara_clears(
        run_id, note="once more", only_failed=False, task_ids=["validate_partner", "load", "notify"]
    )
    assert call.args["note"] not in notes(case, run_id).values()
    found = changes.settle(call)
    assert found.state is Settled.DONE
    assert '"mara" at ' in found.said
    said = [each.said for each in found.evidence]
    assert any("asked for our clear" in each and case.writer.user in each for each in said)
    assert any('with the note "once more"' in each and '"mara"' in each for each in said)


def test_a_note_that_stays_unsaid_overwrites_nothing(
    case: ChangeCase, client: AirflowClient, changes: AirflowChanges
) -> None:
    """Who clears again without a note leaves ours standing."""
    run_id = case.failed()
    _, call = planned(client, run_id)
    changes.apply(call)
    case.mara_clears(run_id, only_failed=False, task_ids=["load"])
    assert changes.settle(call).state is Settled.DONE
    assert "3 of 3" in changes.settle(call).said


def test_what_runs_is_not_touched(case: ChangeCase, client: AirflowClient, changes: AirflowChanges) -> None:
    """In a run that is at work only what failed is cleared; a task that runs goes on."""
    run_id, failed, running_task = case.at_work()
    before = case.instances(run_id)[running_task]
    found = [TaskPin(task_id=before["task_id"], map_index=None, try_number=1, state="running")]
    if before["map_index"] >= 0:
        found = [TaskPin(task_id=before["task_id"], map_index=before["map_index"], try_number=1, state="")]
    preview = client.clear_preview(run_id, None)
    receipt = changes.apply(call_of(run_id, (*preview.tasks, *found)))
    assert f"left alone, because no longer failed: {running_task}" in receipt.said
    after = case.instances(run_id)[running_task]
    assert (after["state"], after["try_number"], after["note"]) == ("running", 1, None)
    assert failed in notes(case, run_id)


def test_a_task_that_is_not_there(case: ChangeCase, changes: AirflowChanges) -> None:
    """Airflow answers 200 for a task it does not know: nothing was cleared, and that is a refusal."""
    run_id = case.failed()
    pins = (TaskPin(task_id="no_such_task", map_index=None, try_number=1, state="failed"),)
    call = call_of(run_id, pins)
    with pytest.raises(ConflictError, match="no_such_task"):
        changes.apply(call)
    assert changes.settle(call).state is Settled.NOT_DONE


def test_without_the_right_nothing_is_cleared(case: ChangeCase, client: AirflowClient) -> None:
    """A reader's clear is forbidden. It is in the event log all the same, and settled as not done."""
    run_id = case.failed()
    _, call = planned(client, run_id)
    reading = AirflowChanges(case.endpoint(case.reader))
    with pytest.raises(ForbiddenError):
        reading.apply(call)
    assert [each["owner"] for each in case.events(run_id)] == [case.reader.user]
    found = reading.settle(call)
    assert found.state is Settled.NOT_DONE
    assert "did not carry it out" in found.said
    reading.close()


def test_what_was_never_sent(case: ChangeCase, client: AirflowClient, changes: AirflowChanges) -> None:
    """No entry in a log that goes back before the operation: it was not done, whoever else did."""
    run_id = case.failed()
    _, call = planned(client, run_id)
    assert changes.settle(call).state is Settled.NOT_DONE
    case.mara_clears(run_id, note="mine")
    found = changes.settle(call)
    assert found.state is Settled.NOT_DONE
    assert any('with the note "mine"' in each.said for each in found.evidence)


def test_settling_changes_nothing(case: ChangeCase, client: AirflowClient, changes: AirflowChanges) -> None:
    """However often an effect is looked up, the run stands as it stood and no clear is asked for."""
    run_id = case.untouched()
    _, call = planned(client, run_id)
    before = case.instances(run_id)
    for _ in range(3):
        changes.settle(call)
    assert case.instances(run_id) == before
    assert case.events(run_id) == []


def test_an_id_that_tells_no_time(case: ChangeCase, client: AirflowClient, changes: AirflowChanges) -> None:
    """Whether a log goes back far enough cannot be told by an id without a time; states and notes tell."""
    run_id = case.failed()
    preview = client.clear_preview(run_id, None)
    call = call_of(run_id, preview.tasks, str(uuid.UUID(int=7)))
    assert changes.settle(call).state is Settled.NOT_DONE
    case.mara_clears(run_id, note="mine")
    assert changes.settle(call).state is Settled.UNKNOWN
