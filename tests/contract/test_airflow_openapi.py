"""The emulator's answers hold against the OpenAPI document that a real Airflow serves."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from airflow_cases import Case, emulated
from airflow_change_cases import call_of
from airflow_change_cases import emulated as change_case
from airflow_server import AirflowServer

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_changes import AirflowChanges
from fedesk.domain.names import TaskName
from fedesk.domain.reruns import TaskPin
from fedesk.sandbox.server import Sandbox

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

Document = dict[str, Any]


@pytest.fixture(scope="module")
def openapi(live_airflow: AirflowServer) -> Document:
    found = live_airflow.request("GET", "/openapi.json")
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
    yield "GET", "/api/v2/assets", "/api/v2/assets?order_by=id", None
    yield "GET", "/api/v2/eventLogs", "/api/v2/eventLogs?order_by=event_log_id", None
    versions = f"/api/v2/dags/{dag}/dagVersions?order_by=-version_number"
    yield "GET", "/api/v2/dags/{dag_id}/dagVersions", versions, None
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


def test_a_clear_holds_against_the_real_servers_schema(openapi: Document, sandbox: Sandbox) -> None:
    """Every field of a clear, dry and not, is one that the real server documents; so is its answer."""
    case = change_case(sandbox)
    run_id = case.failed()
    template = "/api/v2/dags/{dag_id}/clearTaskInstances"
    content = openapi["paths"][template]["post"]["requestBody"]["content"]
    body = {**content["application/json"]["schema"], "components": openapi["components"]}
    client, changes = AirflowClient(case.endpoint()), AirflowChanges(case.endpoint())
    preview = client.clear_preview(run_id, TaskName("validate_partner", 2))
    changes.apply(call_of(run_id, preview.tasks))
    client.close()
    changes.close()
    sent = json.loads(case.events(run_id)[-1]["extra"])
    documented = exact(body)
    assert isinstance(documented, dict)
    jsonschema.validate({key: value for key, value in sent.items() if key != "method"}, documented)
    status, answer = case.clear(run_id, only_failed=False)
    assert (status, bool(answer["task_instances"])) == (200, True)
    schema = exact(schema_of(openapi, "POST", template, 200))
    assert isinstance(schema, dict)
    jsonschema.validate(answer, schema)


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
    client.survey()
    client.clear_preview(case.failed[0], None)
    client.close()
    changes = AirflowChanges(case.endpoint())
    changes.settle(call_of(case.failed[0], (TaskPin(task_id="x", map_index=None, try_number=1, state=""),)))
    changes.close()
    known = {
        parameter["name"]
        for path in openapi["paths"].values()
        for parameter in path.get("get", {}).get("parameters", ())
    }
    asked = [request.path.partition("?")[2] for request in sandbox.control.requests("airflow")]
    sent = {name for query in asked for name in httpx.QueryParams(query)}
    assert sent
    assert sent <= known
