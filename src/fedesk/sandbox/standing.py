"""What the plan of a DAG run, and those of its tasks, look like at a moment."""

from collections.abc import Callable, Iterator
from datetime import datetime

from fedesk.sandbox.model import Dag, DagRun, DagRunPlan, RunState, TaskInstance, TaskPlan


def dag_run(
    plan: DagRunPlan, now: datetime, tasks_of: Callable[[DagRunPlan], tuple[TaskPlan, ...]]
) -> DagRun:
    """A run; its tasks are asked for only while it runs."""
    activity = plan.current(now)
    state = plan.state(now)
    started = activity.started_at if now >= activity.started_at else None
    ended = activity.ended_at
    if state in (RunState.QUEUED, RunState.RUNNING):
        ended = None
    queued = activity.queued_at
    if activity.requeued_at is not None and activity.requeued_at <= now:
        queued = activity.requeued_at
    updated = ended or started or queued
    if state is RunState.RUNNING:
        updated = max(task.updated_at(now, updated) for task in tasks_of(plan))
    return DagRun(
        plan=plan,
        state=state,
        queued_at=queued,
        start_date=started,
        end_date=ended,
        updated_at=max(updated, queued),
    )


def task_instances(
    dag: Dag, plan: DagRunPlan, tasks: tuple[TaskPlan, ...], now: datetime
) -> Iterator[TaskInstance]:
    """Those of a run that exist by then."""
    for task in tasks:
        if not task.exists(now):
            continue
        attempt = task.attempt(now)
        started = None if attempt is None or now < attempt.started_at else attempt.started_at
        ended = None if attempt is None or attempt.ended_at is None else attempt.ended_at
        if ended is not None and now < ended:
            ended = None
        if (
            task.settled_at is not None
            and task.settled_at <= now
            and (attempt is None or task.is_settled(now))
        ):
            started, ended = task.settled_at, task.settled_at
        yield TaskInstance(
            run=plan,
            spec=dag.task(task.task_id),
            plan=task,
            state=task.state(now),
            try_number=0 if attempt is None else attempt.try_number,
            attempt=attempt,
            scheduled_when=None if attempt is None else attempt.scheduled_at,
            queued_when=None if attempt is None or now < attempt.queued_at else attempt.queued_at,
            start_date=started,
            end_date=ended,
            updated_at=task.updated_at(now, plan.current(now).queued_at),
        )
