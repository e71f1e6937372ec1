"""The emulator's answers hold against the OpenAPI document that a real Airflow serves."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from airflow_cases import Case, emulated
from airflow_dags import write_shapes
from airflow_server import AirflowServer, running

from fedesk.clients.airflow import AirflowClient
from fedesk.sandbox.server import Sandbox

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

Document = dict[str, Any]


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Document]:
    with running(tmp_path_factory.mktemp("airflow") / "home", write_shapes) as server:
        yield document_of(server)


def document_of(server: AirflowServer) -> Document:
    found = server.request("GET", "/openapi.json")
    assert isinstance(found, dict)
    return found


def addresses(case: Case) -> Iterator[tuple[str, str, str, object]]:
    """(method, path template, path, body) of every read that fedesk makes."""
    dag, _, run = case.failed[0].partition("/")
    mapped_dag, _, mapped_run = case.mapped[0].partition("/")
    task, mapped = case.failed[1], case.mapped[1]
    one_run = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}"
    yield "GET", "/api/v2/dags", "/api/v2/dags?limit=100", None
    yield "GET", "/api/v2/dags/{dag_id}/tasks", f"/api/v2/dags/{dag}/tasks", None
    for dag_id in ("~", dag):
        yield (
            "GET",
            "/api/v2/dags/{dag_id}/dagRuns",
            f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after",
            None,
        )
    yield "GET", one_run, f"/api/v2/dags/{dag}/dagRuns/{run}", None
    states = {"states": ["running", "queued", "failed"], "page_limit": 50}
    yield "POST", "/api/v2/dags/{dag_id}/dagRuns/list", "/api/v2/dags/~/dagRuns/list", states
    troubled = {"state": ["failed", "up_for_retry", "deferred"], "dag_ids": [dag], "page_limit": 50}
    tasks = f"{one_run}/taskInstances"
    here = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances"
    there = f"/api/v2/dags/{mapped_dag}/dagRuns/{mapped_run}/taskInstances"
    yield "POST", f"{tasks}/list", "/api/v2/dags/~/dagRuns/~/taskInstances/list", troubled
    yield "GET", tasks, here, None
    yield "GET", tasks, there, None
    yield "GET", f"{tasks}/{{task_id}}", f"{here}/{task}", None
    yield "GET", f"{tasks}/{{task_id}}", f"{here}/{case.blocked}", None
    yield "GET", f"{tasks}/{{task_id}}/{{map_index}}", f"{there}/{mapped}/0", None
    yield "GET", f"{tasks}/{{task_id}}/tries", f"{here}/{task}/tries", None
    yield "GET", f"{tasks}/{{task_id}}/tries", f"{here}/{case.blocked}/tries", None
    yield "GET", f"{tasks}/{{task_id}}/{{map_index}}/tries", f"{there}/{mapped}/0/tries", None
    yield "GET", f"{tasks}/{{task_id}}/logs/{{try_number}}", f"{here}/{task}/logs/1", None
    yield "GET", "/api/v2/importErrors", "/api/v2/importErrors", None
    yield "GET", "/api/v2/monitor/health", "/api/v2/monitor/health", None
    yield "GET", "/api/v2/version", "/api/v2/version", None


def schema_of(openapi: Document, method: str, template: str, status: int) -> Document:
    """The schema of an answer, with what it refers to beside it."""
    answers = openapi["paths"][template][method.lower()]["responses"]
    content = answers[str(status)]["content"]
    schema = content["application/json"]["schema"]
    return {**schema, "components": openapi["components"]}


def exact(schema: object) -> object:
    """The same schema, in which an object has no keys beyond those it declares."""
    if isinstance(schema, list):
        return [exact(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: exact(value) for key, value in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    return made


def test_every_read_holds_against_the_real_servers_schema(openapi: Document, sandbox: Sandbox) -> None:
    """Each answer of the emulator has all the fields of the real one, of the right type, and no others."""
    case = emulated(sandbox)
    checker = jsonschema.FormatChecker()
    with httpx.Client(trust_env=False, base_url=case.url) as direct:
        login = direct.post("/auth/token", json={"username": case.user, "password": case.password})
        direct.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        for method, template, path, body in addresses(case):
            answer = direct.request(method, path, json=body)
            assert answer.status_code == 200, (path, answer.text)
            schema = exact(schema_of(openapi, method, template, 200))
            assert isinstance(schema, dict)
            document = answer.json()
            rows = [value for value in document.values() if isinstance(value, list)]
            assert all(rows), f"{path} shows nothing"
            errors = [
                f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
                for error in jsonschema.Draft202012Validator(schema, format_checker=checker).iter_errors(
                    document
                )
            ]
            assert not errors, f"{method} {path}: {json.dumps(errors[:5])}"


def test_refusals_hold_against_the_real_servers_schema(openapi: Document, sandbox: Sandbox) -> None:
    """A refusal has the shape that the real server documents."""
    case = emulated(sandbox)
    with httpx.Client(trust_env=False, base_url=case.url) as direct:
        refused = direct.get("/api/v2/dags")
        login = direct.post("/auth/token", json={"username": case.user, "password": case.password})
        direct.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        missing = direct.get("/api/v2/dags/nope/dagRuns/nope")
        wrong = direct.get("/api/v2/dags?limit=x")
    for template, answer in (
        ("/api/v2/dags", refused),
        ("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", missing),
        ("/api/v2/dags", wrong),
    ):
        jsonschema.validate(answer.json(), schema_of(openapi, "GET", template, answer.status_code))


def test_every_parameter_that_fedesk_sends_is_documented(openapi: Document, sandbox: Sandbox) -> None:
    """A filter with a misspelt name is ignored by the server: each name sent stands in its document."""
    case = emulated(sandbox)
    client = AirflowClient(case.endpoint(), tags=(case.tag,))
    sandbox.control.clear_requests()
    seen = client.observe(None)
    for _ in range(12):
        seen = client.observe(seen)
    client.runs(case.good.split("/")[0], 3)
    client.run(case.failed[0])
    client.close()
    known = {
        parameter["name"]
        for path in openapi["paths"].values()
        for parameter in path.get("get", {}).get("parameters", ())
    }
    asked = [request.path.partition("?")[2] for request in sandbox.control.requests("airflow")]
    sent = {name for query in asked for name in httpx.QueryParams(query)}
    assert sent
    assert sent <= known
