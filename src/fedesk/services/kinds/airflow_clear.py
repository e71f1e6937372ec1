"""Airflow: clear the failed tasks of a run, so that its scheduler runs them again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import cast

from fedesk.domain import rerun_guards
from fedesk.domain.catalogue import Catalogue, Pipeline, dag_of
from fedesk.domain.names import TaskName, split_dag_run
from fedesk.domain.operations import (
    Call,
    Effect,
    Evidence,
    Fact,
    JournalEntry,
    Json,
    Plan,
    Progress,
    StepKind,
    StepState,
    Target,
)
from fedesk.domain.partitions import partition_of, reservation
from fedesk.domain.reruns import ClearPreview, RerunRequest, TaskPin
from fedesk.domain.states import State, System
from fedesk.ports.changing import Systems
from fedesk.ports.errors import NotFoundError
from fedesk.ports.sources import Clock, Connection
from fedesk.services.operation_kinds import Draft, OperationKind, Step, for_reruns
from fedesk.services.rerun_requests import request_of

NAME = "airflow.clear-failed"
VERB = "clear-task-instances"
_MAY_BE_CLEARED = frozenset({State.FAILED, State.QUEUED, State.RUNNING, State.WAITING})
"""States that end in a plan: of those that are under way it says so, and who is at it."""
_BLOCKED = "upstream_failed"
_TASK = "task "
"""Begins the names of pins of task instances."""


def draft(request: RerunRequest, systems: Systems, catalogue: Catalogue) -> Draft:
    """What clearing the failed tasks of a run, or one of them, would do. One look at Airflow.

    Raises NotFoundError where there is nothing to clear, SourceError.
    """
    connection = systems.reading(request.run.connection)
    if connection.clears is None:
        raise NotFoundError(f"{connection.name} is not configured as an Airflow whose tasks may be cleared.")
    preview = connection.clears.call(lambda source: source.clear_preview(request.run.id, request.task))
    return drafted(request, preview, connection, catalogue)


def drafted(
    request: RerunRequest, preview: ClearPreview, connection: Connection, catalogue: Catalogue
) -> Draft:
    """The same, of a preview; raises NotFoundError where there is nothing to clear."""
    run = preview.run
    at_work = rerun_guards.tasks_at_work(preview)
    if not at_work.blocks:
        if run.state not in _MAY_BE_CLEARED:
            raise NotFoundError(f"{request.run} is {run.original_state}, not failed: nothing to clear.")
        if not preview.tasks:
            what = "no failed task" if request.task is None else f"no failed task {request.task}"
            raise NotFoundError(f"{request.run} has {what}: there is nothing to clear.")
    dag_id, run_id = split_dag_run(request.run.id)
    pipelines = _pipelines(catalogue, connection, dag_id)
    partition = partition_of(
        pipelines[0].partition if pipelines else None,
        interval_start=run.partition,
        logical_date=preview.logical_date,
        partition_key=preview.partition_key,
    )
    names = tuple(pipeline.name for pipeline in pipelines) or (dag_id,)
    environment = connection.name.environment
    alone = "" if request.task is None else f"::{TaskName(request.task.task, request.task.map_index)}"
    target = Target(
        name=f"{request.run}{alone}",
        pipeline=names[0],
        partition=partition,
        pins=MappingProxyType(_pins(preview, connection)),
        reserves=(str(request.run), *(reservation(environment, name, partition) for name in names)),
        link=run.link,
    )
    return Draft(
        target=target,
        effects=(_effect(connection, dag_id, run_id, f"{dag_id} / {partition or run_id}", preview.tasks),),
        guards=(
            rerun_guards.tag_scope(connection.name, connection.scope, dag_id, preview.tags),
            at_work,
            *(() if request.task is None else (rerun_guards.left_failed(preview),)),
            rerun_guards.paused(preview),
        ),
        facts=_facts(preview, connection),
        notes=_notes(preview),
        personal="" if preview.is_dry_run else "Airflow does not let us ask for a dry run",
    )


def _pipelines(catalogue: Catalogue, connection: Connection, dag_id: str) -> tuple[Pipeline, ...]:
    environment = connection.name.environment
    return tuple(
        pipeline for pipeline in catalogue.pipelines.values() if dag_of(pipeline, environment) == dag_id
    )


def _pins(preview: ClearPreview, connection: Connection) -> dict[str, str]:
    pins = {"server": connection.address, "run": preview.run.original_state}
    if preview.dag_version:
        pins["DAG version"] = preview.dag_version
    if preview.latest_version and not preview.keeps_version:
        pins["newest DAG version"] = preview.latest_version
    return pins | {f"{_TASK}{pin.name}": f"try {pin.try_number}, {pin.state}" for pin in preview.tasks}


def _effect(
    connection: Connection, dag_id: str, run_id: str, label: str, tasks: tuple[TaskPin, ...]
) -> Effect:
    count = len(tasks)
    listed: list[Json] = [
        [pin.task_id, -1 if pin.map_index is None else pin.map_index, pin.try_number] for pin in tasks
    ]
    args: dict[str, Json] = {
        "dag_id": dag_id,
        "run_id": run_id,
        "tasks": listed,
        "note": "fedesk {operation}",
        # Left out, a clear runs the version the run was made with, and a backfill the newest.
        "run_on_latest_version": False,
    }
    return Effect(
        connection=connection.name,
        call=Call(system=System.AIRFLOW, verb=VERB, args=MappingProxyType(args), key="{operation}"),
        sentence=f"clear {count} task instance{'s' * (count != 1)} of {label}: {_named(tasks)}"
        if tasks
        else f"clear nothing of {label}: no task instance is failed now",
    )


def _named(tasks: Iterable[TaskPin]) -> str:
    """Every task instance, those of a mapped task together: ``validate_partner[0, 2, 5], load``."""
    indices: dict[str, list[str]] = {}
    for pin in tasks:
        found = indices.setdefault(pin.task_id, [])
        if pin.map_index is not None:
            found.append(str(pin.map_index))
    return ", ".join(f"{task}[{', '.join(found)}]" if found else task for task, found in indices.items())


def _facts(preview: ClearPreview, connection: Connection) -> tuple[Fact, ...]:
    source = f"{connection.name} {'dry run' if preview.is_dry_run else 'reads'}"
    said = {
        "run": preview.run.original_state,
        "tasks": str(len(preview.tasks)),
        "active tasks": str(len(preview.active)),
        "DAG version": preview.dag_version or "not named",
        "DAG": "paused" if preview.paused else "not paused",
    }
    return tuple(
        Fact(name=name, value=value, source=source, observed_at=preview.observed_at)
        for name, value in said.items()
    )


def _notes(preview: ClearPreview) -> tuple[str, ...]:
    notes = ["A clear cannot be undone: what the tasks do again is done."]
    made, newest = preview.dag_version, preview.latest_version
    if not preview.keeps_version:
        versions = f", version {newest}" if newest else ""
        versions += f" (the run was made with {made})" if made and made != newest else ""
        notes.append(f"Airflow keeps no older code of this DAG: the tasks run with the newest{versions}.")
        notes.append("Tasks that are new in it are added to the run.")
    elif made:
        later = f"; the newest is {newest}" if newest and newest != made else ""
        notes.append(f"The tasks run with DAG version {made}, as the run was made{later}.")
    if not preview.is_dry_run:
        notes.append("Made from reads alone: Airflow does not let us ask for a dry run.")
    return tuple(notes)


def read_back(plan: Plan, _: tuple[JournalEntry, ...], systems: Systems, clock: Clock) -> Progress:
    """Whether the plan's task instances are cleared, or have run again since. Raises SourceError."""
    connection = systems.reading(plan.connection)
    if connection.clears is None:
        raise NotFoundError(f"{connection.name} is not configured as an Airflow whose tasks may be cleared.")
    planned, run_id = _planned(plan)
    now = {
        pin.name: pin for pin in connection.clears.call(lambda source: source.clear_state(run_id, planned))
    }
    # What waits for a task that failed again is blocked again, and its try number never moved.
    ran_again = any(pin.name in now and now[pin.name].try_number > pin.try_number for pin in planned)
    left = [
        pin.name
        for pin in planned
        if pin.name not in now or not (_moved(pin, now[pin.name]) or (pin.state == _BLOCKED and ran_again))
    ]
    states = ", ".join(f"{pin.name} {pin.state} (try {pin.try_number})" for pin in now.values())
    done = len(planned) - len(left)
    said = f"{done} of {len(planned)} task instances are cleared" + (
        f"; not {', '.join(left)}" if left else ""
    )
    return Progress(
        state=StepState.WAITING if left else StepState.DONE,
        said=f"{said}.",
        evidence=(
            Evidence(
                source=f"{connection.name} task instances",
                said=states or "none of them is there",
                at=clock.now(),
                link=plan.targets[0].link,
            ),
        ),
    )


def _moved(planned: TaskPin, now: TaskPin) -> bool:
    return now.try_number > planned.try_number or now.state != planned.state


def _planned(plan: Plan) -> tuple[tuple[TaskPin, ...], str]:
    """The task instances of a plan as they were seen, and ``DAG/RUN_ID``."""
    args, pins = plan.effects[0].call.args, plan.targets[0].pins
    found: list[TaskPin] = []
    for task_id, index, try_number in cast("Sequence[tuple[str, int, int]]", args["tasks"]):
        name = TaskPin(
            task_id=task_id, map_index=None if index < 0 else index, try_number=try_number, state=""
        )
        found.append(replace(name, state=pins.get(f"{_TASK}{name.name}", "").partition(", ")[2]))
    return tuple(found), f"{args['dag_id']}/{args['run_id']}"


KIND = OperationKind(
    name=NAME,
    action="rerun",
    system=System.AIRFLOW,
    draft=for_reruns(draft),
    asked=request_of,
    steps=(
        Step(name="clear", kind=StepKind.EFFECT, sentence="clear the failed task instances"),
        Step(
            name="read back",
            kind=StepKind.VERIFY,
            sentence="read back that they are cleared",
            look=read_back,
            within=30.0,
        ),
    ),
)
