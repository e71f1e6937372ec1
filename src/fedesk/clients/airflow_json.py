"""What Airflow's REST API v2 answers, as domain values. Pure: bytes in, values out.

Only the fields that are used are declared; what a newer server adds is not looked at.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from fedesk.clients.airflow_session import quoted_path
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Problem
from fedesk.domain.runs import Job, Parameter, Run, Step
from fedesk.domain.states import State
from fedesk.ports.errors import ProtocolError

STATES: dict[str | None, State] = {
    None: State.QUEUED,
    "scheduled": State.QUEUED,
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "restarting": State.RUNNING,
    "up_for_retry": State.WAITING,
    "up_for_reschedule": State.WAITING,
    "deferred": State.WAITING,
    "awaiting_input": State.WAITING,
    "success": State.SUCCEEDED,
    "failed": State.FAILED,
    "upstream_failed": State.BLOCKED,
    "skipped": State.SKIPPED,
    "removed": State.SKIPPED,
}
"""Airflow's words for runs and task instances (they share those that both have); others are unknown."""

TROUBLE = {
    "failed": "failed",
    "up_for_retry": "waits for a retry",
    "awaiting_input": "awaits input",
    "up_for_reschedule": "waits (up_for_reschedule)",
    "deferred": "waits (deferred)",
}
"""The states of task instances that tell why a run is not green or not done, the gravest first."""
NO_FAILED_TASK = "the run failed, none of its tasks did"


class TagJson(msgspec.Struct):
    """A DAG's tag."""

    name: str


class DagJson(msgspec.Struct):
    """DAGResponse."""

    dag_id: str
    is_paused: bool = False
    timetable_summary: str | None = None
    timetable_periodic: bool = False
    timetable_partitioned: bool = False
    tags: list[TagJson] = []
    owners: list[str] = []
    next_dagrun_run_after: datetime | None = None
    is_stale: bool = False
    bundle_name: str | None = None
    bundle_version: str | None = None
    fileloc: str | None = None
    relative_fileloc: str | None = None


class DagVersionJson(msgspec.Struct):
    """DagVersionResponse."""

    version_number: int
    dag_id: str = ""
    created_at: datetime | None = None


class DagRunJson(msgspec.Struct):
    """DAGRunResponse."""

    dag_run_id: str
    dag_id: str
    state: str | None = None
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    run_after: datetime | None = None
    data_interval_start: str | None = None
    run_type: str = ""
    triggering_user_name: str | None = None
    conf: Any = None
    note: str | None = None
    logical_date: datetime | None = None
    partition_key: str | None = None
    bundle_version: str | None = None
    dag_versions: list[DagVersionJson] = []


class TaskInstanceJson(msgspec.Struct):
    """TaskInstanceResponse."""

    task_id: str
    dag_id: str
    dag_run_id: str
    map_index: int = -1
    state: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    try_number: int = 0
    max_tries: int = 0
    task_display_name: str | None = None
    rendered_map_index: str | None = None
    operator: str | None = None
    operator_name: str | None = None
    note: str | None = None


class TaskJson(msgspec.Struct):
    """TaskResponse: a task of a DAG, without a state."""

    task_id: str | None = None
    downstream_task_ids: list[str] | None = None


class ImportErrorJson(msgspec.Struct):
    """ImportErrorResponse."""

    filename: str | None = None
    timestamp: datetime | None = None
    stack_trace: str | None = None
    bundle_name: str | None = None


class ComponentJson(msgspec.Struct):
    """One line of monitor/health; a component that never ran has no status."""

    status: str | None = None
    latest_scheduler_heartbeat: datetime | None = None
    latest_triggerer_heartbeat: datetime | None = None
    latest_dag_processor_heartbeat: datetime | None = None


class DagPage(msgspec.Struct):
    """DAGCollectionResponse."""

    dags: list[DagJson]
    total_entries: int


class DagRunPage(msgspec.Struct):
    """DAGRunCollectionResponse."""

    dag_runs: list[DagRunJson]
    total_entries: int | None = None


class TaskInstancePage(msgspec.Struct):
    """TaskInstanceCollectionResponse."""

    task_instances: list[TaskInstanceJson]
    total_entries: int | None = None


class DagVersionPage(msgspec.Struct):
    """DAGVersionCollectionResponse."""

    dag_versions: list[DagVersionJson]


class EventLogJson(msgspec.Struct):
    """EventLogResponse."""

    event_log_id: int
    when: datetime
    event: str
    owner: str | None = None
    extra: str | None = None
    dag_id: str | None = None
    run_id: str | None = None


class EventLogPage(msgspec.Struct):
    """EventLogCollectionResponse."""

    event_logs: list[EventLogJson]
    total_entries: int


class TaskPage(msgspec.Struct):
    """TaskCollectionResponse."""

    tasks: list[TaskJson]


class ImportErrorPage(msgspec.Struct):
    """ImportErrorCollectionResponse."""

    import_errors: list[ImportErrorJson]


class VersionJson(msgspec.Struct):
    """VersionInfo."""

    version: str


class LogPage(msgspec.Struct):
    """TaskInstancesLogResponse; before structured logging an event was a plain text."""

    content: list[dict[str, Any] | str] | str
    continuation_token: str | None = None


Document = TypeVar("Document")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def decode(body: bytes, kind: type[Document], where: object) -> Document:
    """Read an answer; bytes that are no UTF-8 and lone surrogates become U+FFFD.

    ``where`` names the connection in the sentence of the ProtocolError that other text raises.
    """
    text = body.decode("utf-8", "replace")
    try:
        if _SURROGATE.search(body):
            text = _paired(json.loads(text))
        return msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            f"{where} does not answer as Airflow 3 documents: {error}; see whether its `url` is right"
        ) from None


def _paired(document: object) -> str:
    """The same as JSON text, with every surrogate that has no partner replaced."""
    text = json.dumps(document, ensure_ascii=False)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def state_of(word: str | None) -> State:
    """The normalised state of Airflow's word."""
    return STATES.get(word, State.UNKNOWN)


def job(dag: DagJson, connection: ConnectionName, url: str) -> Job:
    """A DAG as a job."""
    return Job(
        connection=connection,
        name=dag.dag_id,
        link=f"{url}{quoted_path('dags', dag.dag_id)}",
        enabled=not dag.is_paused,
        schedule=dag.timetable_summary or "",
        next_run_at=dag.next_dagrun_run_after,
        owners=tuple(dag.owners),
        tags=tuple(tag.name for tag in dag.tags),
    )


def run(dag_run: DagRunJson, connection: ConnectionName, url: str) -> Run:
    """A DAG run, its reason left empty."""
    started_by = f" by {dag_run.triggering_user_name}" if dag_run.triggering_user_name else ""
    return Run(
        name=RunName(connection, f"{dag_run.dag_id}/{dag_run.dag_run_id}"),
        job=dag_run.dag_id,
        state=state_of(dag_run.state),
        original_state=dag_run.state or "",
        link=run_link(url, dag_run.dag_id, dag_run.dag_run_id),
        queued_at=dag_run.queued_at,
        started_at=dag_run.start_date,
        ended_at=dag_run.end_date,
        run_after=dag_run.run_after,
        partition=dag_run.data_interval_start or "",
        cause=f"{dag_run.run_type}{started_by}",
        operation_id=_operation_id(dag_run),
    )


def _operation_id(dag_run: DagRunJson) -> str:
    """The conf key ``fedesk`` of a run that fedesk made, or the note on one that it cleared."""
    made = made_by(dag_run)
    if made:
        return made
    first = (dag_run.note or "").split("\n", 1)[0].split()
    return first[1] if len(first) > 1 and first[0] == "fedesk" else ""


def made_by(dag_run: DagRunJson) -> str:
    """The operation that made a run, by the key ``fedesk`` of its conf; empty for any other."""
    ours = dag_run.conf.get("fedesk") if isinstance(dag_run.conf, dict) else None
    named = ours.get("operation") if isinstance(ours, dict) else None
    return named if isinstance(named, str) else ""


def parameters(dag_run: DagRunJson) -> tuple[Parameter, ...]:
    """The keys of a run's conf; what is no text is shown as JSON."""
    if not isinstance(dag_run.conf, dict):
        return ()
    return tuple(
        Parameter(name=name, value=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in dag_run.conf.items()
    )


def step(task: TaskInstanceJson, url: str) -> Step:
    """A task instance. A try of 0 (it never ran) is None."""
    name = task.task_display_name or task.task_id
    label = task.rendered_map_index or (str(task.map_index) if task.map_index >= 0 else "")
    mapped = ("mapped", task.map_index) if task.map_index >= 0 else ()
    return Step(
        id=task.task_id,
        name=f"{name}[{label}]" if label else name,
        state=state_of(task.state),
        original_state=task.state or "",
        started_at=task.start_date,
        ended_at=task.end_date,
        map_index=task.map_index if task.map_index >= 0 else None,
        try_number=task.try_number or None,
        max_tries=task.max_tries + 1,
        operator=task.operator_name or task.operator or "",
        link=f"{run_link(url, task.dag_id, task.dag_run_id)}{quoted_path('tasks', task.task_id, *mapped)}",
    )


def in_order(tasks: Iterable[TaskInstanceJson], graph: Iterable[TaskJson]) -> list[TaskInstanceJson]:
    """Task instances as they ran; those that have not started after them, upstream before downstream."""
    depth: dict[str, int] = {}
    downstream = {each.task_id: each.downstream_task_ids or [] for each in graph if each.task_id}
    fed = {name for names in downstream.values() for name in names}
    layer = [name for name in downstream if name not in fed]
    # A DAG has at most as many layers as tasks; the bound ends what a broken answer could make endless.
    for level in range(len(downstream)):
        for name in layer:
            depth[name] = level
        layer = list(dict.fromkeys(below for name in layer for below in downstream.get(name, ())))

    def place(task: TaskInstanceJson) -> tuple[bool, float, int, str, int]:
        ran = task.start_date is not None and task.state != "upstream_failed"
        moment = task.start_date.timestamp() if ran and task.start_date else 0.0
        return not ran, moment, depth.get(task.task_id, 0), task.task_id, task.map_index

    return sorted(tasks, key=place)


def reason(tasks: Iterable[TaskInstanceJson]) -> str:
    """Why a run is not green, from its task instances in trouble: ``dbt_test failed, try 3 of 3``.

    The gravest is named, of equals the one that ended first; the others of its kind are counted. Empty where
    there is no trouble.
    """
    troubled = [task for task in tasks if task.state in TROUBLE]
    if not troubled:
        return ""
    kinds = list(TROUBLE)
    worst = min(kinds.index(task.state or "") for task in troubled)
    alike = [task for task in troubled if task.state == kinds[worst]]
    first = min(
        alike,
        key=lambda task: (
            task.end_date.timestamp() if task.end_date else float("inf"),
            task.task_id,
            task.map_index,
        ),
    )
    name = first.task_id if first.map_index < 0 else f"{first.task_id}[{first.map_index}]"
    tries = f"try {first.try_number} of {first.max_tries + 1}"
    more = f", and {len(alike) - 1} more" if len(alike) > 1 else ""
    return f"{name} {TROUBLE[kinds[worst]]}, {tries}{more}"


def import_problem(error: ImportErrorJson, url: str) -> Problem:
    """A DAG file that cannot be imported: its last line says why."""
    lines = [line for line in (error.stack_trace or "").splitlines() if line.strip()]
    return Problem(
        kind="import error",
        where=error.filename or "",
        text=lines[-1].strip() if lines else "no stack trace",
        since=error.timestamp,
        link=f"{url}/dags",
    )


def health_problems(components: dict[str, ComponentJson], url: str) -> tuple[Problem, ...]:
    """The components that call themselves unhealthy."""
    return tuple(
        Problem(
            kind=name.replace("_", " "),
            where=name.replace("_", " "),
            text=f"Airflow says {component.status}",
            since=component.latest_scheduler_heartbeat
            or component.latest_triggerer_heartbeat
            or component.latest_dag_processor_heartbeat,
            link=url,
        )
        for name, component in components.items()
        if component.status not in (None, "healthy")
    )


def run_link(url: str, dag_id: str, run_id: str) -> str:
    """Address of a run in Airflow 3's own pages."""
    return f"{url}{quoted_path('dags', dag_id, 'runs', run_id)}"
