"""Clears whose answer is lost, late, broken or wrong: what was done is told, and nothing is sent twice."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from airflow_change_cases import FAILED, NAME, ChangeCase, call_of, emulated
from airflow_server import wait_until

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_changes import AirflowChanges
from fedesk.domain.operations import Call, Settled
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotSentError,
    ProtocolError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.sandbox.airflow_events import EventLog
from fedesk.sandbox.server import Sandbox

CLEAR = "clearTaskInstances"


@pytest.fixture
def case(sandbox: Sandbox) -> ChangeCase:
    return emulated(sandbox)


@pytest.fixture
def changes(case: ChangeCase) -> Iterator[AirflowChanges]:
    made = AirflowChanges(case.endpoint(connect_timeout=2.0, read_timeout=0.8, deadline=1.0))
    yield made
    made.close()


@pytest.fixture
def call(case: ChangeCase) -> Call:
    """A plan for a run that failed, as it is sent."""
    client = AirflowClient(case.endpoint())
    run_id = case.failed()
    preview = client.clear_preview(run_id, None)
    client.close()
    return call_of(run_id, preview.tasks)


def clears(sandbox: Sandbox) -> int:
    """How many clears the server has received since the log was emptied, dry runs included."""
    return sum(CLEAR in request.path for request in sandbox.control.requests("airflow"))


def is_done(case: ChangeCase, call: Call) -> bool:
    tasks = case.instances(f"{call.args['dag_id']}/{call.args['run_id']}")
    return all(tasks[name]["note"] == call.args["note"] for name in FAILED)


def failure(changes: AirflowChanges, call: Call) -> SourceError:
    with pytest.raises(SourceError) as caught:
        changes.apply(call)
    assert str(caught.value).startswith(str(NAME))
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize(
    ("kind", "more", "error", "done"),
    [
        ("drop_after_commit", {}, UnreachableError, True),
        ("truncate", {}, UnreachableError, True),
        ("drip", {"seconds": 0.3}, DeadlineError, True),
        ("status_after_commit", {"status": 500}, ServerFaultError, True),
        ("status_after_commit", {"status": 504}, ServerFaultError, True),
        ("close", {}, UnreachableError, False),
        ("reset", {}, UnreachableError, False),
        ("hang", {}, DeadlineError, False),
        ("status", {"status": 500}, ServerFaultError, False),
        ("status", {"status": 503}, ServerFaultError, False),
        ("status", {"status": 422}, ProtocolError, False),
        ("status", {"status": 403}, ForbiddenError, False),
    ],
)
def test_an_answer_that_is_lost_is_settled_to_the_truth(
    sandbox: Sandbox,
    case: ChangeCase,
    changes: AirflowChanges,
    call: Call,
    kind: str,
    more: dict[str, float],
    error: type[SourceError],
    *,
    done: bool,
) -> None:
    """One request leaves, whatever becomes of its answer; looking it up says whether it was done."""
    sandbox.control.clear_requests()
    sandbox.control.fault("airflow", kind, match=CLEAR, times=1, **more)  # type: ignore[arg-type]  # by name
    caught = failure(changes, call)
    assert isinstance(caught, error)
    assert not isinstance(caught, NotSentError)
    assert clears(sandbox) == 1
    found = changes.settle(call)
    assert found.state is (Settled.DONE if done else Settled.NOT_DONE)
    login, clear, *looks = sandbox.control.requests("airflow")
    assert ("auth/token" in login.path, CLEAR in clear.path) == (True, True)
    assert looks
    assert {request.method for request in looks} == {"GET"}
    assert is_done(case, call) is done


def test_a_request_that_is_done_late(
    sandbox: Sandbox, case: ChangeCase, changes: AirflowChanges, call: Call
) -> None:
    """What a slow server does after the deadline is seen by a later look: the first cannot know it yet."""
    sandbox.control.fault("airflow", "slow", match=CLEAR, times=1, seconds=2.0)
    assert isinstance(failure(changes, call), DeadlineError)
    assert changes.settle(call).state is Settled.NOT_DONE
    wait_until(lambda: is_done(case, call), 10, "the slow clear never came")
    assert changes.settle(call).state is Settled.DONE


def test_a_refused_token_is_renewed_and_the_clear_sent_again(
    sandbox: Sandbox, case: ChangeCase, changes: AirflowChanges, call: Call
) -> None:
    """A token that is not taken any more has done nothing: the clear goes out with a new one, once."""
    changes.settle(call)  # logs in
    sandbox.control.clear_requests()
    sandbox.control.fault("airflow", "status", match=CLEAR, times=1, status=401)
    assert changes.apply(call).said.startswith("3 task instances cleared")
    assert [item.status for item in sandbox.control.requests("airflow")] == [401, 201, 200]
    assert is_done(case, call)


def test_a_token_that_stays_refused(sandbox: Sandbox, changes: AirflowChanges, call: Call) -> None:
    """It is renewed once; then the refusal is told."""
    sandbox.control.clear_requests()
    sandbox.control.fault("airflow", "status", match=CLEAR, status=401)
    assert isinstance(failure(changes, call), UnauthenticatedError)
    assert clears(sandbox) == 2
    assert changes.settle(call).state is Settled.NOT_DONE


@pytest.mark.parametrize(
    ("kind", "status"), [("reset", 500), ("hang", 500), ("status", 503), ("truncate", 500)]
)
def test_a_login_that_fails_is_nothing_sent(
    sandbox: Sandbox, changes: AirflowChanges, call: Call, kind: str, status: int
) -> None:
    """Where the login breaks, no byte of the clear has left."""
    sandbox.control.clear_requests()
    sandbox.control.fault("airflow", kind, match="auth/token", status=status)
    assert isinstance(failure(changes, call), NotSentError)
    assert clears(sandbox) == 0


def test_a_login_that_is_refused(sandbox: Sandbox, case: ChangeCase, call: Call) -> None:
    """A wrong password or no credential is told as what it is, and nothing is cleared."""
    sandbox.control.clear_requests()
    wrong = AirflowChanges(case.endpoint(credential=lambda: SecretText("wrong")))
    assert isinstance(failure(wrong, call), UnauthenticatedError)
    none = AirflowChanges(case.endpoint(credential=None))
    assert isinstance(failure(none, call), CredentialError)
    assert clears(sandbox) == 0


def test_a_renewal_that_breaks_is_nothing_sent(sandbox: Sandbox, changes: AirflowChanges, call: Call) -> None:
    """The clear was refused for its token, and then the login broke: nothing was done, and it says so."""
    changes.settle(call)  # logs in
    sandbox.control.fault("airflow", "status", match=CLEAR, times=1, status=401)
    sandbox.control.fault("airflow", "reset", match="auth/token")
    assert isinstance(failure(changes, call), NotSentError)


def test_nobody_there_is_nothing_sent(call: Call) -> None:
    """Where nobody listens, no byte has left."""
    nowhere = Endpoint(
        name=NAME, url="http://127.0.0.1:9", user="x", credential=lambda: SecretText("a.bearer.token")
    )
    changes = AirflowChanges(nowhere, auth="token")
    assert isinstance(failure(changes, call), NotSentError)
    changes.close()


def test_without_the_event_log_notes_tell(
    sandbox: Sandbox, case: ChangeCase, changes: AirflowChanges, call: Call
) -> None:
    """Where the log may not be read: our note says done, nothing moved says not done, else it is unknown."""
    run_id = f"{call.args['dag_id']}/{call.args['run_id']}"
    sandbox.control.fault("airflow", "status", match="eventLogs", status=403)
    assert changes.settle(call).state is Settled.NOT_DONE
    sandbox.control.fault("airflow", "drop_after_commit", match=CLEAR, times=1)
    failure(changes, call)
    found = changes.settle(call)
    assert found.state is Settled.DONE
    assert any(each.said == "may not be read" for each in found.evidence)
    case.mara_clears(run_id, note="mine", only_failed=False)
    found = changes.settle(call)
    assert found.state is Settled.UNKNOWN
    assert "the event log may not be read" in found.said


def test_a_log_that_was_emptied_proves_nothing(
    sandbox: Sandbox, case: ChangeCase, changes: AirflowChanges, call: Call
) -> None:
    """A log that begins after the operation says nothing of it: what moved is unknown, with the evidence."""
    changes.apply(call)
    case.mara_clears(f"{call.args['dag_id']}/{call.args['run_id']}", note="mine", only_failed=False)
    sandbox.world.airflow = EventLog(sandbox.world.now() + timedelta(days=3651))
    found = changes.settle(call)
    assert found.state is Settled.UNKNOWN
    assert "does not go back far enough" in found.said
    assert any('note "mine"' in each.said for each in found.evidence)


def test_two_others_before_and_after(
    sandbox: Sandbox, case: ChangeCase, changes: AirflowChanges, call: Call
) -> None:
    """Somebody cleared before our request came, and somebody after it: whose the effect is cannot be told."""
    run_id = f"{call.args['dag_id']}/{call.args['run_id']}"
    sandbox.control.clock.advance(timedelta(seconds=5))
    case.mara_clears(run_id, note="first")
    failure(changes, call)
    case.mara_clears(
        run_id, note="second", only_failed=False, task_ids=[each.partition("[")[0] for each in FAILED]
    )
    found = changes.settle(call)
    assert found.state is Settled.UNKNOWN
    assert found.said.count('"mara"') == 2


def test_the_preview_cannot_change_anything(sandbox: Sandbox, case: ChangeCase) -> None:
    """A dry run is dry whatever it is asked; a preview leaves everything as it stood, and no note of it."""
    run_id = case.failed()
    before = case.instances(run_id)
    client = AirflowClient(case.endpoint())
    sandbox.control.clear_requests()
    client.clear_preview(run_id, None)
    assert [item.path for item in sandbox.control.requests("airflow") if item.method == "POST"] == [
        "/staging/auth/token",
        f"/staging/api/v2/dags/{run_id.partition('/')[0]}/{CLEAR}",
    ]
    client.session.dry_run(
        f"/dags/{run_id.partition('/')[0]}/{CLEAR}",
        {"dag_run_id": run_id.partition("/")[2], "dry_run": False, "note": "no"},
    )
    client.close()
    assert case.instances(run_id) == before
    assert case.events(run_id) == []
