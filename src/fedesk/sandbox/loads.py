"""What runs leave in Snowflake: a row of OPS.PIPELINE_RUNS each, and the queries of their tasks.

Whoever makes a run or clears its tasks passes an operation's id on: by the conf key ``fedesk``, or by a note
``fedesk OPERATION``. FinEdge's DAGs write it into their row, and into the tag of each of their queries.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fedesk.sandbox.model import DagRun, DagRunPlan, LoadRow, RunState, TaskAttempt, TaskPlan, TaskState

if TYPE_CHECKING:
    from fedesk.sandbox.world import World

_NOTE = "fedesk "
_IDS = uuid.UUID("0b2f4c1e-6f0f-4a43-9d0e-3f0d2c7a9b55")
_QUERIES = {"SQLExecuteQueryOperator": "INSERT", "dbt_run": "CREATE_TABLE_AS_SELECT", "dbt_test": "SELECT"}
"""What kind of query a task runs, by its operator or its own name; others run none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedQuery:
    """A query that a try of a task has run."""

    query_id: str
    kind: str
    text: str
    tag: str
    """JSON: the operation's id and the run's name."""
    user: str
    started_at: datetime
    ended_at: datetime | None
    """None while it runs."""
    failed: bool


def loads_of(world: "World", environment: str, dag_id: str, since: datetime | None) -> list[LoadRow]:
    """Rows by now, oldest first; of one DAG or of all, of runs that moved since a moment or of all."""
    rows = [
        _row(world, run)
        for run in world.dag_runs(environment, dag_id or None, updated_since=since)
        if run.start_date is not None
    ]
    return sorted(rows, key=lambda row: row.start_time)


def queries_of(world: "World", environment: str, since: datetime) -> list[TaggedQuery]:
    """Queries by now of runs that carry an operation's id, oldest first; of runs that moved since then."""
    found = [
        query
        for dag_id in world.changed_dags(environment)
        for run in world.dag_runs(environment, dag_id, updated_since=since)
        for query in _queries(world, run.plan, world.now())
    ]
    return sorted(found, key=lambda query: query.started_at)


def _row(world: "World", run: DagRun) -> LoadRow:
    plan = run.plan
    pipeline = world.pipeline(plan.dag_id)
    at = plan.data_interval_start or plan.run_after
    daily = world.dag(plan.environment, plan.dag_id).timetable.period >= timedelta(days=1)
    return LoadRow(
        run_id=plan.run_id,
        pipeline=plan.dag_id,
        partition=at.date().isoformat() if daily else at.strftime("%Y-%m-%dT%H:%M"),
        start_time=run.start_date or run.queued_at,
        end_time=run.end_date,
        status=run.state.value,
        rows_loaded=plan.rows if run.state is RunState.SUCCESS else None,
        operation_id=_operation(plan, world.now()),
        dataset="" if pipeline is None else pipeline.dataset,
    )


def _operation(plan: DagRunPlan, now: datetime) -> str:
    """The operation that a run was made by, or that cleared it last."""
    cleared = [task for task in plan.tasks or () if task.cleared_at is not None and task.cleared_at <= now]
    if cleared:
        last = max(task.cleared_at for task in cleared if task.cleared_at is not None)
        notes = [task.note for task in cleared if task.cleared_at == last]
        return next((_named(note) for note in notes if _named(note)), "")
    return dict(plan.conf).get("fedesk.operation", "") or _named(plan.note)


def _named(note: str) -> str:
    return note.removeprefix(_NOTE).strip() if note.startswith(_NOTE) else ""


def _queries(world: "World", plan: DagRunPlan, now: datetime) -> Iterator[TaggedQuery]:
    operation = _operation(plan, now)
    if not operation:
        return
    dag = world.dag(plan.environment, plan.dag_id)
    for task in world.task_plans(plan):
        spec = dag.task(task.task_id)
        kind = _QUERIES.get(spec.task_id) or _QUERIES.get(spec.operator.rpartition(".")[2])
        for attempt in task.attempts if kind else ():
            is_of_it = task.cleared_at is None or attempt.scheduled_at >= task.cleared_at
            if kind and is_of_it and attempt.started_at <= now and _carries(task, plan, operation):
                yield _query(world, plan, operation, task, attempt, kind)


def _carries(task: TaskPlan, plan: DagRunPlan, operation: str) -> bool:
    """Whether a task knows of the operation: it was cleared by it, or the whole run is of it."""
    made = dict(plan.conf).get("fedesk.operation", "") or _named(plan.note)
    return operation in (_named(task.note), made)


def _query(
    world: "World", plan: DagRunPlan, operation: str, task: TaskPlan, attempt: TaskAttempt, kind: str
) -> TaggedQuery:
    ended = attempt.ended_at if attempt.ended_at is not None and attempt.ended_at <= world.now() else None
    pipeline = world.pipeline(plan.dag_id)
    dataset, service = (plan.dag_id,) * 2 if pipeline is None else (pipeline.dataset, pipeline.service)
    place = "" if plan.environment == "prod" else f"_{plan.environment.upper()}"
    key = f"{plan.environment}/{plan.dag_id}/{plan.run_id}/{task.task_id}/{task.map_index}"
    return TaggedQuery(
        query_id=str(uuid.uuid5(_IDS, f"{key}/{attempt.try_number}")),
        kind=kind,
        text=f"/* {task.task_id} */ {kind.lower().replace('_', ' ')} {dataset}",
        tag=json.dumps({"fedesk_operation": operation, "run": f"{plan.dag_id}/{plan.run_id}"}),
        user=f"SVC_{service.upper()}{place}",
        started_at=attempt.started_at,
        ended_at=ended,
        failed=ended is not None and attempt.outcome is TaskState.FAILED,
    )
