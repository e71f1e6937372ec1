"""What an Airflow serves, and the runs that test it: on the emulator and on a real server."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import uuid_utils
from airflow_cases import Case
from airflow_change_cases import ChangeCase
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_changes import AirflowChanges
from fedesk.domain.operations import Call, Json, Settled
from fedesk.domain.states import State, System
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
)

if TYPE_CHECKING:
    from asgi_server import AsgiServer

OPERATION = "01997c6e-1111-7000-8000-000000000001"
RUN = "fedesk__0123456789ab__smoke"


@pytest.fixture
def case(airflow_case: Case) -> Case:
    return airflow_case


@pytest.fixture
def client(case: Case) -> Iterator[AirflowClient]:
    opened = AirflowClient(case.endpoint())
    yield opened
    opened.close()


def test_served_versions_are_two_requests_for_one_dag_and_three_for_many(
    client: AirflowClient, case: Case
) -> None:
    """Number, age and bundle of each; what Airflow does not know is left out."""
    dag = case.good.partition("/")[0]
    client.whoami()
    before = client.session.requests
    (one,) = client.served((dag,)).values()
    assert client.session.requests - before == 2
    assert (one.dag_id, one.version.isdecimal(), one.is_paused) == (dag, True, False)
    assert one.since is not None
    assert one.bundle
    assert one.link == f"{case.url}/dags/{dag}"
    assert client.served(("no_such_dag",)) == {}
    ids = tuple(job.name for job in client.observe(None).jobs)
    assert len(ids) > 3
    before = client.session.requests
    found = client.served((*ids, "no_such_dag"))
    assert client.session.requests - before <= 3
    assert set(found) == set(ids)
    assert found[dag].version == one.version
    assert found[dag].bundle_version == one.bundle_version


def test_import_errors_of_a_dag_are_those_of_its_file(client: AirflowClient, case: Case) -> None:
    """A file that does not import is said for all, and not for a DAG of another file."""
    everywhere = client.import_errors("")
    assert any(case.import_file in said and "does not import: " in said for said in everywhere)
    assert client.import_errors(case.good.partition("/")[0]) == ()
    with pytest.raises(NotFoundError):
        client.import_errors("no_such_dag")


def test_a_run_is_looked_at_with_its_reason(client: AirflowClient, case: Case) -> None:
    """One request while all is well; where it failed, which task did it."""
    dag, _, run_id = case.good.partition("/")
    before = client.session.requests
    assert client.smoke_run(dag, run_id).state is State.SUCCEEDED
    assert client.session.requests - before <= 2
    dag, _, run_id = case.failed[0].partition("/")
    failed = client.smoke_run(dag, run_id)
    assert (failed.state, bool(failed.reason)) == (State.FAILED, True)
    with pytest.raises(NotFoundError):
        client.smoke_run(dag, "no_such_run")


class Told:
    """An Airflow of one DAG that keeps the runs it is given, or refuses them."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.refusal: tuple[int, str] | None = None
        self.loses_answers = False
        self.has_dag = True

    def application(self) -> Starlette:
        async def runs(request: Request) -> Response:
            body = await request.json()
            self.bodies.append(body)
            if self.refusal is not None:
                return JSONResponse({"detail": self.refusal[1]}, self.refusal[0])
            if body["dag_run_id"] in self.runs:
                return JSONResponse({"detail": "Unique constraint violation"}, 409)
            run = {**body, "dag_id": "smoke", "state": "queued", "run_type": "manual"}
            self.runs[body["dag_run_id"]] = run
            return JSONResponse({"detail": "Bad gateway"}, 502) if self.loses_answers else JSONResponse(run)

        async def run(request: Request) -> Response:
            found = self.runs.get(request.path_params["run_id"])
            return JSONResponse({"detail": "no such run"}, 404) if found is None else JSONResponse(found)

        async def dag(_: Request) -> Response:
            missing = JSONResponse({"detail": "no such DAG"}, 404)
            return JSONResponse({"dag_id": "smoke"}) if self.has_dag else missing

        base = "/api/v2/dags/smoke"
        return Starlette(
            routes=[
                Route(f"{base}/dagRuns", runs, methods=["POST"]),
                Route(f"{base}/dagRuns/{{run_id}}", run),
                Route(base, dag),
            ]
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def changing(told: Told, case: Case, asgi_server: "AsgiServer") -> Iterator[AirflowChanges]:
    served = asgi_server(told.application())
    endpoint: Endpoint = case.endpoint(url=served.url, credential=lambda: SecretText("a-bearer"))
    opened = AirflowChanges(endpoint, auth="token")
    yield opened
    opened.close()


def call(operation: str = OPERATION) -> Call:
    conf: Json = {"fedesk": {"operation": operation, "plan": "0123456789ab"}}
    args: dict[str, Json] = {"dag_id": "smoke", "run_id": RUN, "conf": conf}
    return Call(system=System.AIRFLOW, verb="trigger-dag-run", args=args, key=operation)


emulated = pytest.mark.parametrize("airflow_case", ["emulator"], indirect=True)


@emulated
def test_a_run_is_made_once_and_found_by_its_id(changing: AirflowChanges, told: Told) -> None:
    """No logical date; a second request of the same call finds the first one's run."""
    assert changing.settle(call()).state is Settled.NOT_DONE
    receipt = changing.apply(call())
    assert told.bodies == [
        {
            "dag_run_id": RUN,
            "logical_date": None,
            "conf": {"fedesk": {"operation": OPERATION, "plan": "0123456789ab"}},
        }
    ]
    assert receipt.reference == f"run:{RUN}"
    settled = changing.settle(call())
    assert (settled.state, settled.reference) == (Settled.DONE, f"run:{RUN}")
    assert changing.apply(call()).reference == f"run:{RUN}"
    assert len(told.runs) == 1


@emulated
def test_a_run_of_somebody_else_is_not_ours(changing: AirflowChanges, told: Told) -> None:
    """The id is taken: refused, and settled as not done; whose it is may be hidden, and is unknown then."""
    changing.apply(call("another"))
    with pytest.raises(ConflictError):
        changing.apply(call())
    assert changing.settle(call()).state is Settled.NOT_DONE
    told.runs[RUN]["conf"] = None
    assert changing.settle(call()).state is Settled.UNKNOWN
    told.runs.clear()
    told.has_dag = False
    assert changing.settle(call()).state is Settled.UNKNOWN


@emulated
def test_an_answer_that_is_lost_is_settled(changing: AirflowChanges, told: Told) -> None:
    """The run is there although a proxy answered 502."""
    told.loses_answers = True
    with pytest.raises(ServerFaultError):
        changing.apply(call())
    assert changing.settle(call()).state is Settled.DONE
    assert len(told.bodies) == 1


@emulated
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProtocolError),
        (401, UnauthenticatedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (429, RateLimitedError),
        (500, ServerFaultError),
        (503, ServerFaultError),
    ],
)
def test_what_airflow_refuses_is_said_in_its_words(
    changing: AirflowChanges, told: Told, status: int, error: type[SourceError]
) -> None:
    """Sent once, whatever the status; and it is settled as not done."""
    told.refusal = (status, "Dag with dag_id: 'smoke' has import errors and cannot be triggered")
    with pytest.raises(error, match="import errors"):
        changing.apply(call())
    assert len(told.bodies) == 1
    assert changing.settle(call()).state is Settled.NOT_DONE


def test_a_run_is_made_as_airflow_has_it(change_case: ChangeCase) -> None:
    """On the emulator and the real server: made, found by its id, followed to its end; and not made twice."""
    case = change_case
    operation = str(uuid_utils.uuid7())
    dag_id, run_id = case.untouched().partition("/")[0], f"fedesk__{operation[-12:]}__smoke"
    ours: Json = {"operation": operation, "plan": operation[-12:]}
    args: dict[str, Json] = {"dag_id": dag_id, "run_id": run_id, "conf": {"fedesk": ours, "fails": 0}}
    asked = Call(system=System.AIRFLOW, verb="trigger-dag-run", args=args, key=operation)
    changing, client = AirflowChanges(case.endpoint()), AirflowClient(case.endpoint())
    assert changing.settle(asked).state is Settled.NOT_DONE
    assert changing.apply(asked).reference == f"run:{run_id}"
    assert changing.settle(asked).state is Settled.DONE
    assert client.smoke_run(dag_id, run_id).operation_id == operation
    assert changing.apply(asked).reference == f"run:{run_id}"
    assert case.finish(f"{dag_id}/{run_id}") == "success"
    assert client.smoke_run(dag_id, run_id).state is State.SUCCEEDED
    other = replace(asked, key="x", args={**args, "conf": {"fedesk": {"operation": "x", "plan": "y"}}})
    with pytest.raises(ConflictError):
        changing.apply(other)
    assert changing.settle(other).state is Settled.NOT_DONE
    with pytest.raises(NotFoundError):
        changing.apply(replace(asked, args={**args, "dag_id": "no_such_dag"}))
    with pytest.raises(ForbiddenError):
        AirflowChanges(case.endpoint(case.reader)).apply(replace(asked, args={**args, "run_id": "another"}))
    changing.close()
    client.close()
