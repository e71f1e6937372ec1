"""``POST dags/{id}/dagRuns`` as Airflow 3.3 answers it, and the run that it makes.

Read in ``trigger_dag_run`` and ``TriggerDAGRunPostBody`` (apache/airflow, api_fastapi/core_api). A run that
is made without a logical date loads nothing of a day's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox import airflow_documents as documents
from fedesk.sandbox.airflow_documents import Document, answer_json
from fedesk.sandbox.airflow_login import RefusedError
from fedesk.sandbox.clock import fractions
from fedesk.sandbox.dags import Script, Trouble, seconds_of, simulate
from fedesk.sandbox.model import Activity, Dag, DagRunPlan, LogStory, RunState
from fedesk.sandbox.reruns import NEVER
from fedesk.sandbox.world import World

_KNOWN = (
    "dag_run_id",
    "data_interval_start",
    "data_interval_end",
    "logical_date",
    "run_after",
    "conf",
    "note",
    "partition_key",
)
_DUPLICATE: Document = {
    "reason": "Unique constraint violation",
    "statement": "hidden",
    "orig_error": "hidden",
    "message": "Serious error when handling your request. Check logs for more details",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    run_id: str
    logical_date: datetime | None
    conf: tuple[tuple[str, str], ...]
    note: str


def answer(
    world: World, environment: str, request: Request, raw: bytes, user: str, *, writer: bool
) -> Response:
    """Answer one request of somebody who has logged in; raises RefusedError."""
    dag_id = str(request.path_params["dag_id"])
    document = _document(raw)
    if not writer:
        raise RefusedError(403, "Forbidden")
    body = _body(document, world.now())
    try:
        dag = world.dag(environment, dag_id)
    except KeyError:
        raise RefusedError(404, f"Dag with dag_id: '{dag_id}' not found") from None
    served = world.served(environment, dag_id)
    if served.now.broken_by:
        raise RefusedError(400, f"Dag with dag_id: '{dag_id}' has import errors and cannot be triggered")
    with world.lock:
        for known in world.dag_run_plans(environment, dag_id):
            same_date = body.logical_date is not None and known.logical_date == body.logical_date
            if known.run_id == body.run_id or same_date:
                raise RefusedError(409, _DUPLICATE)
        plan = _plan(world, dag, body, user)
        world.dag_history(environment, dag_id).add(plan)
    return answer_json(documents.dag_run(world.as_dag_run(plan, world.now()), served))


def _plan(world: World, dag: Dag, body: _Body, user: str) -> DagRunPlan:
    """A run that starts in a few seconds; never while its DAG is paused."""
    now = world.now()
    salt = f"{world.seed}/{dag.environment}/{dag.dag_id}/{body.run_id}"
    lag, spread, *_ = fractions(salt)
    factor = 0.86 + 0.28 * spread
    started_at = NEVER if dag.paused else now + timedelta(seconds=1 + 3 * lag)
    tasks, state, seconds = None, RunState.SUCCESS, seconds_of(dag, factor)
    pipeline = world.pipeline(dag.pipeline)
    if pipeline is not None and world.deployments.breaks(dag.environment, pipeline.service, "run"):
        last = dag.tasks[-1].task_id
        trouble = Trouble(task_id=last, fails=dag.tasks[-1].retries + 1, failing_log=LogStory(kind="failed"))
        outcome = simulate(dag, started_at, factor, Script(story="bad release", troubles=(trouble,)), salt)
        tasks, state, seconds = outcome.tasks, outcome.state, outcome.seconds
    ended_at = None if dag.paused else started_at + timedelta(seconds=seconds)
    return DagRunPlan(
        environment=dag.environment,
        dag_id=dag.dag_id,
        run_id=body.run_id,
        run_type="manual",
        logical_date=body.logical_date,
        data_interval_start=body.logical_date,
        data_interval_end=body.logical_date,
        run_after=body.logical_date or now,
        activity=(Activity(queued_at=now, started_at=started_at, ended_at=ended_at, outcome=state),),
        conf=body.conf,
        note=body.note,
        triggered_by="rest_api",
        triggering_user=user,
        factor=factor,
        tasks=tasks,
    )


def _document(raw: bytes) -> object:
    try:
        return json.loads(raw) if raw else None
    except ValueError as error:
        problem = {
            "type": "json_invalid",
            "loc": ["body", getattr(error, "pos", 0)],
            "msg": "JSON decode error",
        }
        raise RefusedError(422, [problem]) from None


def _body(document: object, now: datetime) -> _Body:
    """Raises RefusedError with pydantic's findings."""
    if not isinstance(document, dict):
        raise RefusedError(422, [_finding("missing", ["body"], "Field required", document)])
    findings = [
        _finding("extra_forbidden", ["body", name], "Extra inputs are not permitted", document[name])
        for name in document
        if name not in _KNOWN
    ]
    if "logical_date" not in document:
        findings.append(_finding("missing", ["body", "logical_date"], "Field required", document))
    given = document.get("logical_date")
    try:
        date = None if given is None else datetime.fromisoformat(str(given))
    except ValueError:
        date = None
        findings.append(
            _finding(
                "datetime_from_date_parsing",
                ["body", "logical_date"],
                "Input should be a valid datetime",
                given,
            )
        )
    conf = document.get("conf") or {}
    if not isinstance(conf, dict):
        findings.append(_finding("dict_type", ["body", "conf"], "Input should be a valid dictionary", conf))
    if findings:
        raise RefusedError(422, findings)
    run_id = str(document.get("dag_run_id") or f"manual__{(date or now).isoformat()}")
    return _Body(
        run_id=run_id, logical_date=date, conf=tuple(_flat(conf)), note=str(document.get("note") or "")
    )


def _flat(conf: Mapping[str, object]) -> list[tuple[str, str]]:
    """As plans keep a conf: what stands under ``fedesk`` with its dot, the rest as text."""
    ours = conf.get("fedesk")
    found = [
        (key, value if isinstance(value, str) else json.dumps(value))
        for key, value in conf.items()
        if key != "fedesk"
    ]
    if isinstance(ours, Mapping):
        found += [(f"fedesk.{key}", str(value)) for key, value in ours.items()]
    return found


def _finding(kind: str, place: list[str], words: str, given: object) -> Document:
    return {"type": kind, "loc": place, "msg": words, "input": given}
