"""What becomes of a DAG run when tasks of it are cleared: they lose their state and run again.

Pure: a plan in, another plan out. As Airflow does it, whatever has no state when the run goes on is scheduled
once everything before it has succeeded, and gets ``upstream_failed`` where something before it has failed.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fedesk.sandbox.clock import fractions
from fedesk.sandbox.dags import Trouble, played
from fedesk.sandbox.model import (
    Activity,
    Dag,
    DagRunPlan,
    RunState,
    TaskAttempt,
    TaskPlan,
    TaskSpec,
    TaskState,
)

Instance = tuple[str, int]
"""Task id and map index, -1 where it is not mapped."""

NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""When a run of a paused DAG starts."""
_SCHEDULING = timedelta(seconds=0.4)
_TURN = timedelta(seconds=1)
"""The scheduler's next look at a run that is at work."""
_STOPPING = timedelta(seconds=4)
"""From clearing a running task to its end."""
_BAD = (TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.REMOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """What is cleared, how."""

    instances: Collection[Instance]
    at: datetime
    note: str | None = None
    """None or empty leaves the notes there are [seen on 3.3.2: an empty one as well]."""
    reset_dag_runs: bool = True
    version: int = 0
    """Number of the DAG's version to go on with; 0 keeps the run's."""


def cleared(seed: int, dag: Dag, plan: DagRunPlan, tasks: tuple[TaskPlan, ...], clear: Clear) -> DagRunPlan:
    """The plan of a run with these tasks, after a clear."""
    tasks = tuple(
        replace(task, exists_until=None) if task.exists_until and task.exists_until > clear.at else task
        for task in tasks
        if task.exists_from is None or task.exists_from <= clear.at
    )
    current = plan.current(clear.at)
    is_at_work = plan.state(clear.at) in (RunState.QUEUED, RunState.RUNNING)
    stripped = tuple(
        _stripped(dag.task(task.task_id), task, clear)
        if (task.task_id, task.map_index) in clear.instances
        else task
        for task in tasks
    )
    if not clear.reset_dag_runs and not is_at_work:
        return replace(plan, tasks=stripped)
    number = sum(activity.requeued_at is not None for activity in plan.activity) + len(plan.activity)
    salt = f"{seed}/{plan.environment}/{plan.dag_id}/{plan.run_id}/{number}"
    if is_at_work:
        began = max(current.started_at, clear.at + _TURN)
        activity = replace(current, requeued_at=clear.at if clear.reset_dag_runs else current.requeued_at)
        others = tuple(each for each in plan.activity if each.queued_at < current.queued_at)
    else:
        began = NEVER if dag.paused else clear.at + timedelta(seconds=1 + 3 * fractions(salt)[0])
        activity = Activity(queued_at=clear.at, started_at=began, ended_at=None, outcome=RunState.SUCCESS)
        others = tuple(each for each in plan.activity if each.queued_at < clear.at)
    plan = replace(plan, dag_version=clear.version or plan.dag_version)
    if began >= NEVER:
        return replace(plan, tasks=stripped, activity=(*others, activity))
    again, ended_at, state = _resumed(dag, plan, stripped, clear.at, began, salt)
    return replace(
        plan,
        tasks=again,
        activity=(*others, replace(activity, ended_at=ended_at, outcome=state)),
    )


def _stripped(spec: TaskSpec, task: TaskPlan, clear: Clear) -> TaskPlan:
    """A task instance without state and without a future."""
    known = [attempt for attempt in task.attempts if attempt.scheduled_at <= clear.at]
    note = clear.note or task.note
    if not known:
        return replace(task, attempts=(), cleared_at=clear.at, max_tries=spec.retries, note=note)
    last = known[-1]
    cleared_at = clear.at
    max_tries = last.try_number + spec.retries
    is_over = last.ended_at is not None and last.ended_at <= clear.at
    if not is_over and last.started_at <= clear.at:
        cleared_at = clear.at + _STOPPING
        max_tries = task.max_tries
        known[-1] = replace(
            last,
            ended_at=cleared_at,
            outcome=TaskState.FAILED,
            parked_at=clear.at,
            parked_as=TaskState.RESTARTING,
        )
    elif not is_over:
        known[-1] = replace(last, started_at=NEVER, ended_at=clear.at, outcome=TaskState.FAILED)
    return replace(task, attempts=tuple(known), cleared_at=cleared_at, max_tries=max_tries, note=note)


def _resumed(
    dag: Dag, plan: DagRunPlan, tasks: tuple[TaskPlan, ...], now: datetime, began: datetime, salt: str
) -> tuple[tuple[TaskPlan, ...], datetime | None, RunState]:
    """Play a run on from ``began``: every task instance, when it ends (None: never), and how."""
    ends: dict[str, datetime] = {}
    bad: set[str] = set()
    found: list[TaskPlan] = []
    for spec in dag.tasks:
        mine = [task for task in tasks if task.task_id == spec.task_id]
        ready = max([began, *(ends[name] for name in spec.upstream)])
        is_blocked = any(name in bad for name in spec.upstream)
        turn = _Turn(spec=spec, began=began, ready=ready, factor=plan.factor, salt=salt)
        last = ready
        for task in _expanded(spec, mine, now, ready, is_blocked=is_blocked):
            if not _runs_again(task, now):
                end, state = _end(task)
                found.append(task)
            elif task.exists_until is not None:
                found.append(task)
                continue
            elif is_blocked:
                end, state = ready + _SCHEDULING, TaskState.UPSTREAM_FAILED
                found.append(replace(task, settled_at=end, settled_as=state, attempts=_past(task, now)))
            else:
                again, end, failed = turn.again(task, now)
                found.append(again)
                state = TaskState.FAILED if failed else TaskState.SUCCESS
            last = max(last, end)
            if state in _BAD:
                bad.add(spec.task_id)
        ends[spec.task_id] = last
    ended_at = max(ends.values()) + _SCHEDULING
    return (
        tuple(found),
        None if ended_at >= NEVER else ended_at,
        RunState.FAILED if bad else RunState.SUCCESS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One task's turn in a run that goes on."""

    spec: TaskSpec
    began: datetime
    ready: datetime
    factor: float
    salt: str

    def again(self, task: TaskPlan, now: datetime) -> tuple[TaskPlan, datetime, bool]:
        """The task instance with its new tries, their end, and whether they failed for good."""
        past = _past(task, now)
        ready = max(self.ready, task.cleared_at or self.ready, task.exists_from or self.ready)
        share = 1.0 if task.map_index < 0 else 0.6 + 0.4 * (task.map_index + 1) / max(self.spec.mapped, 1)
        plan, end, failed = played(
            self.spec,
            task.map_index,
            self.began,
            (ready - self.began).total_seconds(),
            self.spec.seconds * self.factor * share,
            self._trouble(task, past),
            self.salt,
            first=past[-1].try_number + 1 if past else 1,
        )
        again = replace(
            task,
            attempts=(*past, *plan.attempts),
            max_tries=plan.max_tries,
            persists=max(task.persists - 1, 0),
        )
        return again, self.began + timedelta(seconds=end), failed

    def _trouble(self, task: TaskPlan, past: tuple[TaskAttempt, ...]) -> Trouble | None:
        """The cause, where it is not gone: it fails as it failed before."""
        if not task.persists or not past:
            return None
        last = past[-1]
        seconds = None if last.ended_at is None else (last.ended_at - last.started_at).total_seconds()
        return Trouble(
            task_id=task.task_id,
            fails=self.spec.retries + 1,
            seconds=seconds,
            failing_log=last.log,
            parks=last.parked_at is not None,
        )


def _past(task: TaskPlan, now: datetime) -> tuple[TaskAttempt, ...]:
    return tuple(attempt for attempt in task.attempts if attempt.scheduled_at <= now)


def _runs_again(task: TaskPlan, now: datetime) -> bool:
    """Whether it has no state, or is being stopped to run again."""
    if task.cleared_at is not None and task.cleared_at >= now:
        return True
    return task.state(now) is None


def _end(task: TaskPlan) -> tuple[datetime, TaskState]:
    """When a task instance that goes on by itself is through, and how."""
    last = task.attempts[-1] if task.attempts else None
    moments = [task.settled_at] if last is None else [last.ended_at, task.settled_at]
    end = max((moment for moment in moments if moment is not None), default=NEVER)
    if last is not None and last.ended_at is None:
        return NEVER, last.outcome
    return end, task.settled_as if task.is_settled(end) else last.outcome if last else task.settled_as


def _expanded(
    spec: TaskSpec, mine: list[TaskPlan], now: datetime, ready: datetime, *, is_blocked: bool
) -> list[TaskPlan]:
    """The instances of a task; one that was never expanded gives way to them when its turn comes."""
    whole = [task for task in mine if task.map_index < 0 and spec.mapped and task.exists_until is None]
    if not whole or is_blocked or not _runs_again(whole[0], now):
        return mine
    old = whole[0]
    gone = replace(old, exists_until=ready)
    others = [task for task in mine if task is not old]
    return [
        *others,
        gone,
        *(
            replace(old, map_index=index, exists_from=ready, note=old.note if index == 0 else "")
            for index in range(spec.mapped)
        ),
    ]
