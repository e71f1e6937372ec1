"""Airflow 3.3's JSON for what stands in the world, field for field as the real server gives it."""

import base64
import codecs
import json
import uuid
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from fedesk.sandbox.deployments import ServedDag, Serving
from fedesk.sandbox.model import (
    ComponentHealth,
    Dag,
    DagRun,
    DagRunPlan,
    ImportFailure,
    RunState,
    TaskAttempt,
    TaskInstance,
    TaskSpec,
    TaskState,
)

Document = dict[str, object]
_IDS = uuid.UUID("6f1a6f0c-5f0e-4e58-8b8f-3c9a4a0d7e21")
_DAGS_ROOT = "/opt/airflow/dags/"
_RAW_BYTES = range(0xDC80, 0xDD00)


def _as_it_is(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    codes = map(ord, error.object[error.start : error.end])
    pieces = (bytes([code - 0xDC00]) if code in _RAW_BYTES else f"\\u{code:04x}".encode() for code in codes)
    return b"".join(pieces), error.end


codecs.register_error("fedesk-sandbox-log", _as_it_is)


def as_json(document: object) -> bytes:
    """Compact JSON of text that may hold whatever somebody has written.

    Bytes that are no UTF-8 (surrogate escapes) go out as they are, other lone surrogates as the escapes that
    JSON has for them.
    """
    written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return written.encode("utf-8", "fedesk-sandbox-log")


def answer_json(document: object, status: int = 200) -> Response:
    """The same as an answer."""
    return Response(as_json(document), status_code=status, media_type="application/json")


def text(moment: datetime | None) -> str | None:
    """RFC 3339 with Z, as pydantic writes it; a moment on a whole second has no fraction."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def identifier(*parts: object) -> str:
    """A UUID that follows from ``parts``."""
    return str(uuid.uuid5(_IDS, "\0".join(map(str, parts))))


def dag(served: ServedDag, now: datetime) -> Document:
    """DAGResponse."""
    of = served.dag
    table = of.timetable
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=1)
    passed = (now - midnight - table.offset) // table.period
    run_after = midnight + table.offset + (passed + 1) * table.period
    location = {"bundle_name": of.bundle_name, "relative_fileloc": of.fileloc.removeprefix(_DAGS_ROOT)}
    return {
        "dag_id": of.dag_id,
        "dag_display_name": of.dag_id,
        "is_paused": of.paused,
        "is_stale": False,
        "last_parsed_time": text(of.last_parsed_time),
        "last_parse_duration": 0.11,
        "last_expired": None,
        "bundle_name": of.bundle_name,
        "bundle_version": served.now.commit or None,
        "relative_fileloc": location["relative_fileloc"],
        "fileloc": of.fileloc,
        "description": of.description,
        "timetable_summary": table.cron,
        "timetable_description": f"cron {table.cron}",
        "timetable_partitioned": False,
        "timetable_periodic": True,
        "tags": [
            {"name": tag, "dag_id": of.dag_id, "dag_display_name": of.dag_id} for tag in sorted(of.tags)
        ],
        "max_active_tasks": 16,
        "max_active_runs": of.max_active_runs,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": False,
        "has_import_errors": bool(served.now.broken_by),
        "next_dagrun_logical_date": text(run_after - table.period),
        "next_dagrun_data_interval_start": text(run_after - table.period),
        "next_dagrun_data_interval_end": text(run_after),
        "next_dagrun_run_after": text(run_after),
        "allowed_run_types": None,
        "owners": list(of.owners),
        "is_backfillable": True,
        "file_token": base64.urlsafe_b64encode(json.dumps(location).encode()).decode().rstrip("="),
    }


def dag_version(of: Dag, serving: Serving) -> Document:
    """DagVersionResponse."""
    number = serving.number
    return {
        "id": identifier("version", of.environment, of.dag_id, *((number,) if number > 1 else ())),
        "version_number": number,
        "dag_id": of.dag_id,
        "bundle_name": of.bundle_name,
        "bundle_version": serving.number_commit or None,
        "created_at": text(serving.number_since),
        "dag_display_name": of.dag_id,
        "bundle_url": None,
    }


def conf(plan: DagRunPlan) -> Document:
    """The conf of a run; the keys that fedesk sets stand in an object of their own."""
    found: Document = {}
    ours: dict[str, str] = {}
    for key, value in plan.conf:
        if key.startswith("fedesk."):
            ours[key.removeprefix("fedesk.")] = value
        else:
            found[key] = value
    return found | ({"fedesk": ours} if ours else {})


def dag_run(of: DagRun, served: ServedDag) -> Document:
    """DAGRunResponse. A run keeps the commit that its bundle had when it was made."""
    plan = of.plan
    serving = served.of_run(plan)
    bundle = serving.number_commit if plan.dag_version else serving.commit
    return {
        "dag_run_id": plan.run_id,
        "dag_id": plan.dag_id,
        "logical_date": text(plan.logical_date),
        "queued_at": text(of.queued_at),
        "start_date": text(of.start_date),
        "end_date": text(of.end_date),
        "duration": _seconds(of.start_date, of.end_date),
        "data_interval_start": text(plan.data_interval_start),
        "data_interval_end": text(plan.data_interval_end),
        "run_after": text(plan.run_after),
        "last_scheduling_decision": None if of.state is RunState.QUEUED else text(of.updated_at),
        "run_type": plan.run_type,
        "state": of.state.value,
        "triggered_by": plan.triggered_by,
        "triggering_user_name": plan.triggering_user or None,
        "conf": conf(plan),
        "note": plan.note or None,
        "dag_versions": [dag_version(served.dag, serving)],
        "bundle_version": bundle or None,
        "dag_display_name": plan.dag_id,
        "partition_key": None,
        "partition_date": None,
    }


def task_instance(of: TaskInstance, its: ServedDag) -> Document:
    """TaskInstanceResponse."""
    plan = of.run
    common = _common(of, its, of.attempt, of.try_number, None if of.state is None else of.state.value)
    return {
        "id": identifier(
            "ti",
            plan.environment,
            plan.dag_id,
            plan.run_id,
            of.spec.task_id,
            of.plan.map_index,
            *((of.plan.cleared_at,) if of.plan.cleared_at is not None else ()),
        ),
        **common,
        "logical_date": text(plan.logical_date),
        "run_after": text(plan.run_after),
        "start_date": text(of.start_date),
        "end_date": text(of.end_date),
        "duration": _seconds(of.start_date, of.end_date),
        "queued_when": text(of.queued_when),
        "scheduled_when": text(of.scheduled_when),
        "note": of.plan.note or None,
        "rendered_map_index": str(of.plan.map_index) if of.plan.map_index >= 0 else None,
        "rendered_fields": {},
        "trigger": None,
        "triggerer_job": None,
    }


def _common(
    of: TaskInstance, its: ServedDag, attempt: TaskAttempt | None, try_number: int, state: str | None
) -> Document:
    began = attempt is not None and of.start_date is not None and state != TaskState.UPSTREAM_FAILED
    operator = of.spec.operator.rpartition(".")[2]
    return {
        "task_id": of.spec.task_id,
        "dag_id": its.dag.dag_id,
        "dag_run_id": of.run.run_id,
        "map_index": of.plan.map_index,
        "state": state,
        "try_number": try_number,
        "max_tries": of.plan.max_tries,
        "task_display_name": of.spec.task_id,
        "dag_display_name": its.dag.dag_id,
        "hostname": attempt.hostname if attempt is not None and began else "",
        "unixname": "airflow",
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "default",
        "priority_weight": 1,
        "operator": operator,
        "operator_name": operator,
        "pid": attempt.pid if attempt is not None and began else None,
        "executor": None,
        "executor_config": "{}",
        "dag_version": dag_version(its.dag, its.of_run(of.run)),
    }


def tries(of: TaskInstance, its: ServedDag, now: datetime) -> list[Document]:
    """TaskInstanceHistoryResponse of every try that has been scheduled; one up for a retry has failed.

    A cleared task instance that has not run again stands behind them with the number of its last try.
    """
    found = []
    for attempt in of.plan.attempts:
        if attempt.scheduled_at > now:
            break
        state = attempt.state(now)
        ended = attempt.ended_at if attempt.ended_at is not None and attempt.ended_at <= now else None
        started = attempt.started_at if attempt.started_at <= now else None
        found.append(
            {
                **_common(of, its, attempt, attempt.try_number, None if state is None else state.value),
                "start_date": text(started),
                "end_date": text(ended),
                "duration": _seconds(started, ended),
                "queued_when": text(attempt.queued_at if attempt.queued_at <= now else None),
                "scheduled_when": text(attempt.scheduled_at),
            }
        )
    if found and of.state is not None:
        return found
    whole = task_instance(of, its)
    return [*found, {key: value for key, value in whole.items() if key not in _ONLY_CURRENT}]


_ONLY_CURRENT = frozenset(
    {
        "id",
        "logical_date",
        "run_after",
        "note",
        "rendered_map_index",
        "rendered_fields",
        "trigger",
        "triggerer_job",
    }
)


def task(of: TaskSpec, its: Dag) -> Document:
    """TaskResponse."""
    module, _, operator = of.operator.rpartition(".")
    return {
        "task_id": of.task_id,
        "task_display_name": of.task_id,
        "owner": its.owners[0] if its.owners else "airflow",
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": None,
        "trigger_rule": "all_success",
        "depends_on_past": False,
        "wait_for_downstream": False,
        "retries": float(of.retries),
        "queue": "default",
        "pool": "default_pool",
        "pool_slots": 1.0,
        "execution_timeout": None,
        "retry_delay": {
            "__type": "TimeDelta",
            "days": of.retry_delay.days,
            "seconds": of.retry_delay.seconds,
            "microseconds": of.retry_delay.microseconds,
        },
        "retry_exponential_backoff": 0.0,
        "priority_weight": 1.0,
        "weight_rule": "downstream",
        "ui_color": "#ffefeb",
        "ui_fgcolor": "#000",
        "template_fields": [],
        "downstream_task_ids": [each.task_id for each in its.tasks if of.task_id in each.upstream],
        "doc_md": None,
        "operator_name": operator,
        "params": {},
        "class_ref": {"module_path": module, "class_name": operator},
        "is_mapped": of.mapped > 0,
        "extra_links": [],
    }


def import_error(of: ImportFailure) -> Document:
    """ImportErrorResponse."""
    return {
        "import_error_id": of.import_error_id,
        "timestamp": text(of.timestamp),
        "filename": of.filename,
        "bundle_name": of.bundle_name,
        "stack_trace": of.stack_trace,
    }


def health(components: tuple[ComponentHealth, ...]) -> Document:
    """HealthInfoResponse; heartbeats are written with an offset, unlike all other times."""
    found: Document = {}
    for component in components:
        line: dict[str, str | None] = {"status": component.status}
        if component.name != "metadatabase":
            beat = component.latest_heartbeat
            line[f"latest_{component.name}_heartbeat"] = None if beat is None else beat.isoformat()
        found[component.name] = line
    return found
