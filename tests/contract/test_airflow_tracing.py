"""Following an operation through an Airflow, by one suite over the emulator and a real Airflow 3.3.

``pytest -m live -n 0`` builds and starts the real one; without it the emulator alone is asked.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import uuid_utils
from airflow_change_cases import ChangeCase, call_of

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_changes import AirflowChanges
from fedesk.domain.traces import Looked, Sought, Trace
from fedesk.ports.errors import ServerFaultError
from fedesk.sandbox.server import Sandbox

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def case(change_case: ChangeCase) -> ChangeCase:
    return change_case


@pytest.fixture
def client(change_case: ChangeCase) -> Iterator[AirflowClient]:
    made = AirflowClient(change_case.endpoint())
    yield made
    made.close()


def of(looked: Looked, what: str) -> list[Trace]:
    return [one for one in looked.traces if one.source == f"staging/airflow {what}"]


def since(case: ChangeCase) -> datetime:
    """A little before now, by the server's clock."""
    answer = AirflowClient(case.endpoint()).session.get("/version")
    return (answer.at or datetime.now(UTC)) - timedelta(minutes=1)


def cleared(case: ChangeCase, client: AirflowClient) -> tuple[str, Sought]:
    """A run that an operation has cleared, and what to look for."""
    began = since(case)
    run_id, operation = case.failed(), str(uuid_utils.uuid7())
    changes = AirflowChanges(case.endpoint())
    changes.apply(call_of(run_id, client.clear_preview(run_id, None).tasks, operation))
    changes.close()
    return run_id, Sought(operation=operation, since=began)


def test_a_clear_is_found_in_the_event_log_and_the_notes(case: ChangeCase, client: AirflowClient) -> None:
    """Who asked for it and when, and which task instances carry the note; known by its run or by its id."""
    run_id, sought = cleared(case, client)
    dag_id, _, dag_run_id = run_id.partition("/")
    known = client.trace(
        Sought(operation=sought.operation, since=sought.since, plan="0123456789ab", runs=(run_id,))
    )
    assert known.limits == ()
    (asked,) = of(known, "event log")
    assert asked.said == (
        f'"{case.writer.user}" asked for post_clear_task_instances of {dag_id} / {dag_run_id} '
        f'with the note "fedesk {sought.operation}".'
    )
    (event,) = case.events(run_id)
    assert asked.reference == f"entry {event['event_log_id']}"
    assert asked.at == datetime.fromisoformat(event["when"])
    (notes,) = of(known, "task instances")
    assert notes.reference == f"staging/airflow:{run_id}"
    assert f"the note stands on 3 of {len(case.instances(run_id))} task instances: " in notes.said
    assert "validate_partner[2] " in notes.said
    by_id = client.trace(sought)
    assert by_id.limits == ()
    assert [(one.source, one.reference) for one in by_id.traces] == [
        (one.source, one.reference) for one in known.traces
    ]


def test_others_are_not_taken_for_it(case: ChangeCase, client: AirflowClient) -> None:
    """Another operation's clear, somebody's own, and an id that nobody has carried, leave no trace."""
    began = since(case)
    run_id = case.failed()
    case.mara_clears(run_id, note=f"fedesk {uuid_utils.uuid7()}")
    sought = Sought(operation=str(uuid_utils.uuid7()), since=began, runs=(run_id,))
    assert client.trace(sought) == Looked()
    assert client.trace(Sought(operation=sought.operation, since=began)) == Looked()


def test_a_note_that_was_overwritten_leaves_the_entry(case: ChangeCase, client: AirflowClient) -> None:
    """The event log remembers what no task instance carries any more."""
    run_id, sought = cleared(case, client)
    case.mara_clears(
        run_id, note="once more", only_failed=False, task_ids=["validate_partner", "load", "notify"]
    )
    found = client.trace(sought)
    assert [one.source for one in found.traces] == ["staging/airflow event log"]
    assert found.limits == ()


def test_a_run_that_was_made_is_found_by_its_conf_and_its_name(
    case: ChangeCase, client: AirflowClient
) -> None:
    """The conf carries the id for whoever does not know the plan, the run id the plan for whoever does."""
    began = since(case)
    operation, plan = str(uuid_utils.uuid7()), str(uuid_utils.uuid7()).replace("-", "")[-12:]
    with_conf = case.made(f"fedesk__{plan}__one", {"fedesk": {"operation": operation, "plan": plan}})
    by_name = case.made(f"fedesk__{plan}__two", {})
    (made,) = of(client.trace(Sought(operation=operation, since=began)), "run")
    assert made.reference == f"staging/airflow:{with_conf}"
    assert "it was made with the id in its conf; it is " in made.said
    both = of(client.trace(Sought(operation=operation, since=began, plan=plan)), "run")
    assert {one.reference for one in both} == {f"staging/airflow:{run}" for run in (with_conf, by_name)}
    assert any("under the plan's name" in one.said for one in both)
    other = Sought(operation=str(uuid_utils.uuid7()), since=began, plan="0" * 12)
    assert client.trace(other) == Looked()


def test_a_run_that_is_gone_is_a_limit(case: ChangeCase, client: AirflowClient) -> None:
    """What the store knows and Airflow does not have any more is said, and is no error."""
    sought = Sought(operation=str(uuid_utils.uuid7()), since=since(case), runs=("no_such_dag/no-such-run",))
    found = client.trace(sought)
    assert found.traces == ()
    (limit,) = found.limits
    assert limit.startswith("no_such_dag/no-such-run could not be looked at: staging/airflow ")


def test_a_look_changes_nothing(case: ChangeCase, client: AirflowClient) -> None:
    """However often an operation is followed, the run stands as it stood and nothing is asked for."""
    run_id = case.untouched()
    before = case.instances(run_id)
    for _ in range(3):
        client.trace(Sought(operation=str(uuid_utils.uuid7()), since=since(case), runs=(run_id,)))
    assert case.instances(run_id) == before
    assert case.events(run_id) == []


# What the emulator alone can be made to do


@pytest.fixture
def emulator(sandbox: Sandbox) -> ChangeCase:
    from airflow_change_cases import emulated

    return emulated(sandbox)


def test_without_the_event_log_notes_tell(emulator: ChangeCase, sandbox: Sandbox) -> None:
    """Where Audit Logs may not be read that is a limit; a run that is known is looked at all the same."""
    client = AirflowClient(emulator.endpoint())
    run_id, sought = cleared(emulator, client)
    sandbox.control.fault("airflow", "status", match="eventLogs", status=403)
    found = client.trace(Sought(operation=sought.operation, since=sought.since, runs=(run_id,)))
    assert [one.source for one in found.traces] == ["staging/airflow task instances"]
    (limit,) = found.limits
    assert limit.startswith("staging/airflow's event log may not be read: ")
    client.close()


def test_a_server_that_fails_is_an_error(emulator: ChangeCase, sandbox: Sandbox) -> None:
    """No part of an answer is taken for the whole of it."""
    client = AirflowClient(emulator.endpoint())
    run_id, sought = cleared(emulator, client)
    sandbox.control.fault("airflow", "status", match="taskInstances", status=500)
    with pytest.raises(ServerFaultError):
        client.trace(Sought(operation=sought.operation, since=sought.since, runs=(run_id,)))
    client.close()


def test_it_asks_little(emulator: ChangeCase, sandbox: Sandbox) -> None:
    """Of a known run: the event log, two lists of runs, the run and its task instances. GETs alone."""
    client = AirflowClient(emulator.endpoint())
    run_id, sought = cleared(emulator, client)
    sandbox.control.clear_requests()
    client.trace(Sought(operation=sought.operation, since=sought.since, plan="0123456789ab", runs=(run_id,)))
    requests = sandbox.control.requests("airflow")
    assert {one.method for one in requests} == {"GET"}
    assert [one.path.partition("/api/v2/")[2].rpartition("/")[2].partition("?")[0] for one in requests] == [
        "eventLogs",
        "dagRuns",
        "dagRuns",
        run_id.partition("/")[2].replace(":", "%3A").replace("+", "%2B"),
        "taskInstances",
    ]
    client.close()
