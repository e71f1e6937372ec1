"""What clearing the failed tasks of an Airflow DAG run would touch, and how task instances stand.

Nothing here can change anything: there are reads, and dry runs that are dry whatever they are asked.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from fedesk.clients import airflow_json
from fedesk.clients.airflow_board import PAGE, run_path
from fedesk.clients.airflow_json import (
    DagJson,
    DagRunJson,
    DagVersionPage,
    TaskInstanceJson,
    TaskInstancePage,
    TaskJson,
    TaskPage,
    decode,
)
from fedesk.clients.airflow_session import AirflowSession, quoted_path
from fedesk.domain.names import NameNotUnderstoodError, TaskName, split_dag_run
from fedesk.domain.reruns import ClearPreview, TaskPin
from fedesk.domain.states import State
from fedesk.ports.errors import ForbiddenError, NotFoundError

FAILED = ("failed", "upstream_failed")
"""What ``only_failed`` means to Airflow."""
_ACTIVE = (
    "running",
    "queued",
    "scheduled",
    "restarting",
    "deferred",
    "awaiting_input",
    "up_for_retry",
    "up_for_reschedule",
)
_MOST = 20_000
"""Task instances of one run that are read; Airflow's own limit of a mapped task is 1,024."""


def clear_preview(session: AirflowSession, run_id: str, task: TaskName | None) -> ClearPreview:
    """As ``ports.changing.ClearSource`` says. Six requests, one more for each further 100 instances."""
    name, url = session.endpoint.name, session.endpoint.url
    dag_id, dag_run_id = split_run(session, run_id)
    path = run_path(run_id)
    dag_run = decode(session.get(path).body, DagRunJson, name)
    dag = _dag(session, dag_id)
    latest = _latest_version(session, dag_id)
    instances = task_instances(session, path)
    try:
        chosen = _dry_run(session, dag_id, dag_run_id, task)
        is_dry_run = True
    except ForbiddenError:
        chosen = [each for each in instances if each.state in FAILED and _is_named(each, task)]
        is_dry_run = False
    run = airflow_json.run(dag_run, name, url)
    active = [each for each in instances if _is_active(each, run.state)]
    cleared = {(each.task_id, each.map_index) for each in chosen}
    left = [
        each for each in instances if each.state in FAILED and (each.task_id, each.map_index) not in cleared
    ]
    order = graph(session, dag_id)
    return ClearPreview(
        run=run,
        tasks=tuple(pin(each) for each in airflow_json.in_order(chosen, order)),
        left=tuple(pin(each) for each in airflow_json.in_order(left, order)),
        active=tuple(pin(each) for each in active),
        dag_version=str(max((each.version_number for each in dag_run.dag_versions), default="")),
        latest_version=latest,
        keeps_version=bool(dag_run.bundle_version),
        paused=dag is not None and dag.is_paused,
        is_dry_run=is_dry_run,
        note=_note([*active, *chosen], dag_run),
        logical_date="" if dag_run.logical_date is None else dag_run.logical_date.isoformat(),
        partition_key=dag_run.partition_key or "",
        tags=None if dag is None else tuple(tag.name for tag in dag.tags),
        observed_at=datetime.now(UTC),
    )


def clear_state(session: AirflowSession, run_id: str, tasks: tuple[TaskPin, ...]) -> tuple[TaskPin, ...]:
    """As ``ports.changing.ClearSource`` says.

    A mapped task that had not been expanded lives on as its first instance, under the name asked for.
    """
    split_run(session, run_id)
    found = {(each.task_id, each.map_index): each for each in task_instances(session, run_path(run_id))}
    now: list[TaskPin] = []
    for asked in tasks:
        each = standing(found, asked.task_id, -1 if asked.map_index is None else asked.map_index)
        if each is not None:
            now.append(
                TaskPin(
                    task_id=asked.task_id,
                    map_index=asked.map_index,
                    try_number=each.try_number,
                    state=each.state or "none",
                )
            )
    return tuple(now)


def standing(
    found: dict[tuple[str, int], TaskInstanceJson], task_id: str, map_index: int
) -> TaskInstanceJson | None:
    """The task instance; of a mapped task that has been expanded since, its first instance."""
    exact = found.get((task_id, map_index))
    return found.get((task_id, 0)) if exact is None and map_index < 0 else exact


def task_instances(session: AirflowSession, path: str) -> list[TaskInstanceJson]:
    """All task instances of the run at ``path``, page by page."""
    found: list[TaskInstanceJson] = []
    while len(found) < _MOST:
        query: list[tuple[str, str | int]] = [("limit", PAGE), ("offset", len(found)), ("order_by", "id")]
        page = decode(
            session.get(f"{path}/taskInstances", query).body, TaskInstancePage, session.endpoint.name
        )
        found += page.task_instances
        if not page.task_instances or len(found) >= (page.total_entries or 0):
            break
    return found


def pin(task: TaskInstanceJson) -> TaskPin:
    """A task instance as it stands."""
    return TaskPin(
        task_id=task.task_id,
        map_index=task.map_index if task.map_index >= 0 else None,
        try_number=task.try_number,
        state=task.state or "none",
    )


def split_run(session: AirflowSession, run_id: str) -> tuple[str, str]:
    """``DAG/RUN_ID`` as two; raises NotFoundError for what is no such name."""
    try:
        return split_dag_run(run_id)
    except NameNotUnderstoodError as error:
        raise NotFoundError(f"{session.endpoint.name} has no such run: {error}") from None


def graph(session: AirflowSession, dag_id: str) -> list[TaskJson]:
    """The DAG's tasks with what comes after each; empty where the DAG is gone or hidden."""
    try:
        answer = session.get(quoted_path("dags", dag_id, "tasks"))
    except (NotFoundError, ForbiddenError):
        return []
    return decode(answer.body, TaskPage, session.endpoint.name).tasks


def _dry_run(
    session: AirflowSession, dag_id: str, dag_run_id: str, task: TaskName | None
) -> list[TaskInstanceJson]:
    """What Airflow itself says it would clear: failed and upstream_failed, of the run or of one task."""
    body: dict[str, object] = {"dag_run_id": dag_run_id, "only_failed": True, "reset_dag_runs": True}
    if task is not None:
        body["task_ids"] = [task.task if task.map_index is None else [task.task, task.map_index]]
    answer = session.dry_run(quoted_path("dags", dag_id, "clearTaskInstances"), body)
    page = decode(answer.body, TaskInstancePage, session.endpoint.name)
    return [each for each in page.task_instances if each.dag_run_id == dag_run_id]


def _is_named(each: TaskInstanceJson, task: TaskName | None) -> bool:
    if task is None:
        return True
    return each.task_id == task.task and task.map_index in (None, each.map_index)


def _is_active(each: TaskInstanceJson, run: State) -> bool:
    """Whether somebody or something is at it; what was cleared and waits for the scheduler included."""
    if each.state in _ACTIVE:
        return True
    has_run = each.try_number > 0 or each.start_date is not None
    return each.state is None and has_run and run in (State.QUEUED, State.RUNNING)


def _dag(session: AirflowSession, dag_id: str) -> DagJson | None:
    """The DAG; None where it is gone or hidden, while its runs are there."""
    try:
        answer = session.get(quoted_path("dags", dag_id))
    except (NotFoundError, ForbiddenError):
        return None
    return decode(answer.body, DagJson, session.endpoint.name)


def _latest_version(session: AirflowSession, dag_id: str) -> str:
    """Number of the newest version; empty where Airflow does not tell."""
    query: list[tuple[str, str | int]] = [("order_by", "-version_number"), ("limit", 1)]
    try:
        answer = session.get(quoted_path("dags", dag_id, "dagVersions"), query)
    except (NotFoundError, ForbiddenError):
        return ""
    versions = decode(answer.body, DagVersionPage, session.endpoint.name).dag_versions
    return str(versions[0].version_number) if versions else ""


def _note(tasks: Iterable[TaskInstanceJson], dag_run: DagRunJson) -> str:
    """The note of the first task instance that has one, else the run's."""
    return next((task.note for task in tasks if task.note), dag_run.note or "")
