"""``POST dags/{id}/clearTaskInstances`` as Airflow 3.3 answers it [seen on 3.3.2], and the clear itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox import airflow_documents as documents
from fedesk.sandbox.airflow_body import ClearBody
from fedesk.sandbox.airflow_documents import Document, answer_json
from fedesk.sandbox.airflow_login import RefusedError
from fedesk.sandbox.model import Dag, DagRunPlan, TaskInstance, TaskState
from fedesk.sandbox.reruns import Clear, Instance, cleared
from fedesk.sandbox.world import World

_RUNNING = (
    "AirflowClearRunningTaskException: Disable 'prevent_running_task' to proceed, or wait until the task is "
    "not running, queued, or scheduled state."
)
_NO_DATE = "Cannot use include_past or include_future with no logical_date(e.g. manually or asset-triggered)."
_FAILED = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clear has touched, or would touch."""

    instances: tuple[TaskInstance, ...]
    """As they stand after it."""
    had_note: frozenset[tuple[str, Instance]]
    """Run id and instance of those that had a note before it."""


def answer(
    world: World, environment: str, request: Request, raw: bytes, user: str, *, writer: bool
) -> Response:
    """Answer one request of somebody who has logged in; raises RefusedError."""
    dag_id = str(request.path_params["dag_id"])
    try:
        document = json.loads(raw) if raw else None
    except ValueError as error:
        raise RefusedError(422, [_broken(error)]) from None
    body = document if isinstance(document, dict) else {}
    if not isinstance(document, dict) or body.get("dry_run", True) is False:
        world.airflow.note(environment, when=world.now(), owner=user, dag_id=dag_id, body=body)
    if not writer:
        raise RefusedError(403, "Forbidden")
    wanted = ClearBody.of(document)
    done = clear(world, environment, dag_id, wanted)
    rows: list[Document] = []
    for each in done.instances:
        row = documents.task_instance(each, world.served(environment, dag_id))
        if not wanted.dry_run and wanted.note and _key(each) not in done.had_note:
            row["note"] = None  # what 3.3.2 answers: a first note is not in the answer that sets it
        rows.append(row)
    more = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
    return answer_json({"task_instances": rows, "total_entries": len(rows), **more})


def clear_as(world: World, environment: str, dag_id: str, user: str, body: Mapping[str, object]) -> Cleared:
    """What a person does in Airflow's own pages: the same as a request, noted in the event log.

    Raises RefusedError.
    """
    wanted = ClearBody.of(body)
    if not wanted.dry_run:
        world.airflow.note(environment, when=world.now(), owner=user, dag_id=dag_id, body=body)
    return clear(world, environment, dag_id, wanted)


def clear(world: World, environment: str, dag_id: str, wanted: ClearBody) -> Cleared:
    """Clear, or say what would be cleared; raises RefusedError."""
    try:
        dag = world.dag(environment, dag_id)
    except KeyError:
        raise RefusedError(404, f"The Dag with ID: `{dag_id}` was not found") from None
    with world.lock:
        now = world.now()
        found = {
            plan: [each for each in world.as_task_instances(plan, now) if _is_chosen(each, dag, wanted)]
            for plan in _runs(world, dag, wanted)
        }
        chosen = [each for instances in found.values() for each in instances]
        if wanted.dry_run:
            return Cleared(tuple(chosen), frozenset())
        if wanted.prevent_running_task and any(each.state is TaskState.RUNNING for each in chosen):
            raise RefusedError(409, _RUNNING)
        had_note = frozenset(_key(each) for each in chosen if each.plan.note)
        after = [
            each
            for plan, instances in found.items()
            if instances
            for each in _carried_out(world, dag, plan, [_instance(one) for one in instances], wanted)
        ]
        return Cleared(tuple(after), had_note)


def _carried_out(
    world: World, dag: Dag, plan: DagRunPlan, instances: list[Instance], wanted: ClearBody
) -> list[TaskInstance]:
    now = world.now()
    served = world.served(dag.environment, dag.dag_id)
    again = cleared(
        world.seed,
        dag,
        plan,
        world.task_plans(plan),
        Clear(
            instances=instances,
            at=now,
            note=wanted.note,
            reset_dag_runs=wanted.reset_dag_runs,
            version=served.newest_version if wanted.run_on_latest_version else 0,
        ),
    )
    world.dag_history(dag.environment, dag.dag_id).amend(again)
    return [each for each in world.as_task_instances(again, now) if _instance(each) in instances]


def _runs(world: World, dag: Dag, wanted: ClearBody) -> list[DagRunPlan]:
    plans = world.dag_run_plans(dag.environment, dag.dag_id)
    if wanted.dag_run_id is None:
        return [plan for plan in plans if _is_between(plan, wanted.start_date, wanted.end_date)]
    for plan in plans:
        if plan.run_id != wanted.dag_run_id:
            continue
        if not (wanted.include_past or wanted.include_future):
            return [plan]
        if plan.logical_date is None:
            raise RefusedError(400, _NO_DATE)
        start = None if wanted.include_past else plan.logical_date
        end = None if wanted.include_future else plan.logical_date
        return [each for each in plans if _is_between(each, start, end)]
    raise RefusedError(404, f"Dag Run id {wanted.dag_run_id} not found in dag {dag.dag_id}")


def _is_between(plan: DagRunPlan, start: datetime | None, end: datetime | None) -> bool:
    if plan.logical_date is None:
        return start is None and end is None
    return (start is None or plan.logical_date >= start) and (end is None or plan.logical_date <= end)


def _is_chosen(each: TaskInstance, dag: Dag, wanted: ClearBody) -> bool:
    if wanted.only_failed and each.state not in _FAILED:
        return False
    if wanted.only_running and each.state is not TaskState.RUNNING:
        return False
    if wanted.task_ids is None:
        return True
    task_id, map_index = _instance(each)
    if task_id in wanted.task_ids or (task_id, map_index) in wanted.task_ids:
        return True
    named = {name if isinstance(name, str) else name[0] for name in wanted.task_ids}
    near = set[str]()
    if wanted.include_upstream:
        near |= _before(dag, named)
    if wanted.include_downstream:
        near |= {task.task_id for task in dag.tasks if _before(dag, {task.task_id}) & named}
    return task_id in near - named


def _before(dag: Dag, names: set[str]) -> set[str]:
    """Everything that comes before these tasks."""
    found: set[str] = set()
    open_ = [name for task in dag.tasks if task.task_id in names for name in task.upstream]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_.extend(dag.task(name).upstream)
    return found


def _instance(of: TaskInstance) -> Instance:
    return of.spec.task_id, of.plan.map_index


def _key(of: TaskInstance) -> tuple[str, Instance]:
    return of.run.run_id, _instance(of)


def _broken(error: ValueError) -> Document:
    return {
        "type": "json_invalid",
        "loc": ["body", getattr(error, "pos", 0)],
        "msg": "JSON decode error",
        "input": {},
        "ctx": {"error": getattr(error, "msg", str(error))},
    }
