"""Airflow's half of the world: the DAGs of an environment and the plans of their runs."""

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fedesk.sandbox.clock import fractions
from fedesk.sandbox.model import (
    Activity,
    Dag,
    DagRunPlan,
    LogStory,
    Pipeline,
    RunState,
    TaskAttempt,
    TaskPlan,
    TaskSpec,
    TaskState,
)
from fedesk.sandbox.pipelines import FLAVOURS, dataset_of, timetable

HISTORY = timedelta(days=30)
_SCHEDULING = 0.4
_QUEUEING = 0.7
_LAUNCH = 1.9
_ORDINARY = LogStory(kind="ordinary")
_FAILED = LogStory(kind="failed")
_NOISE = ("flaky_api", "timeout", "resources", "race")
_FAILING = {"prod": 0.004, "staging": 0.02, "dev": 0.05}
_RETRYING = 0.03
_PAUSED = 0.1
"""The share of DAGs that are paused in dev."""
FLAKY_DAG = "kyc_refresh"
"""In prod it depends on an API that often answers 503: one strip of runs with mixed results."""
_FLAKY = 0.42
_ROWS = {"fx_rates": 168}
"""Rows of a day, where a story tells of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong with one task of a run."""

    task_id: str
    fails: int = 0
    """How many tries fail, from the first; with more than its retries the task fails for good."""
    seconds: float | None = None
    """How long a failing try takes; as usual where it is None."""
    extra: float = 0.0
    """Seconds that the last try takes beyond what is usual."""
    parks: bool = False
    """The failing try waits for something outside (deferred) until it gives up."""
    failing_log: LogStory = _FAILED
    log: LogStory = _ORDINARY
    map_index: int = -1
    """Which mapped instance it hits, for a mapped task."""
    persists: int = 0
    """How many times it fails again when it is cleared; after that the cause is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens in one particular run."""

    story: str
    troubles: tuple[Trouble, ...] = ()
    note: str = ""
    pin_task: str = ""
    pin_at: datetime | None = None
    """The last try of ``pin_task`` (or the run) ends then, by way of what ``absorb`` takes longer."""
    absorb: str = ""
    due_by: datetime | None = None
    """It falls on a run that was due by then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulated run comes to, in seconds after its start."""

    tasks: tuple[TaskPlan, ...]
    seconds: float
    state: RunState


def dag_of(seed: int, pipeline: Pipeline, environment: str, start: datetime) -> Dag:
    """The DAG of a pipeline in an environment."""
    chance, version, *_ = fractions(seed, "dag", environment, pipeline.name)
    return Dag(
        dag_id=pipeline.name,
        environment=environment,
        owners=(pipeline.owner.replace("client:", ""),),
        tags=(environment, f"tier-{pipeline.tier}", pipeline.service),
        timetable=timetable(pipeline, environment, start),
        description=pipeline.description,
        tasks=FLAVOURS[pipeline.flavour],
        paused=environment == "dev" and chance < _PAUSED,
        catchup=pipeline.tier == 1,
        fileloc=f"/opt/airflow/dags/{pipeline.service}/{pipeline.name}.py",
        last_parsed_time=start - timedelta(seconds=20 + 60 * version),
        pipeline=pipeline.name,
        writes=pipeline.dataset,
        reads=tuple(dataset_of(name) for name in pipeline.upstream),
    )


def _troubles_of(script: Script | None) -> Mapping[str, Trouble]:
    return {} if script is None else {trouble.task_id: trouble for trouble in script.troubles}


def seconds_of(dag: Dag, factor: float) -> float:
    """Seconds from start to end of a run in which nothing goes wrong."""
    ends: dict[str, float] = {}
    for task in dag.tasks:
        ready = max((ends[upstream] for upstream in task.upstream), default=0.0)
        ends[task.task_id] = ready + _SCHEDULING + _QUEUEING + _LAUNCH + task.seconds * factor
    return max(ends.values()) + _SCHEDULING


def simulate(dag: Dag, started_at: datetime, factor: float, script: Script | None, salt: str) -> Outcome:
    """Play a run through: every task instance with its tries, and how it ends."""
    troubles = _troubles_of(script)
    ends: dict[str, float] = {}
    bad: set[str] = set()
    plans: list[TaskPlan] = []
    for task in dag.tasks:
        ready = max((ends[upstream] for upstream in task.upstream), default=0.0)
        if any(upstream in bad for upstream in task.upstream):
            bad.add(task.task_id)
            ends[task.task_id] = ready + _SCHEDULING
            settled = started_at + timedelta(seconds=ends[task.task_id])
            plans.append(TaskPlan(task_id=task.task_id, max_tries=task.retries, settled_at=settled))
            continue
        last = ready
        for map_index in range(task.mapped) if task.mapped else (-1,):
            trouble = troubles.get(task.task_id)
            if trouble is not None and trouble.map_index not in (-1, map_index):
                trouble = None
            share = 1.0 if map_index < 0 else 0.6 + 0.4 * (map_index + 1) / task.mapped
            plan, end, failed = played(
                task, map_index, started_at, ready, task.seconds * factor * share, trouble, salt
            )
            plans.append(plan)
            last = max(last, end)
            if failed:
                bad.add(task.task_id)
        ends[task.task_id] = last
    state = RunState.FAILED if bad else RunState.SUCCESS
    return Outcome(tuple(plans), max(ends.values()) + _SCHEDULING, state)


def played(
    task: TaskSpec,
    map_index: int,
    started_at: datetime,
    ready: float,
    seconds: float,
    trouble: Trouble | None,
    salt: str,
    *,
    first: int = 1,
) -> tuple[TaskPlan, float, bool]:
    """The tries of one task instance from try ``first`` on, its end, and whether it failed for good.

    ``ready`` and the end are seconds after ``started_at``.
    """
    fails = 0 if trouble is None else min(trouble.fails, task.retries + 1)
    attempts: list[TaskAttempt] = []
    at = ready
    while True:
        tried = len(attempts) + 1
        number = first + len(attempts)
        failing = tried <= fails
        begin = at + _SCHEDULING + _QUEUEING + _LAUNCH
        length = seconds
        log = _ORDINARY
        if trouble is not None:
            final = tried == task.retries + 1 or not failing
            length = trouble.seconds if failing and trouble.seconds is not None else seconds
            length += trouble.extra if final else 0.0
            log = trouble.failing_log if failing else trouble.log
        parked = trouble is not None and trouble.parks and failing
        end = begin + length
        where = fractions(salt, task.task_id, map_index, number)
        attempts.append(
            TaskAttempt(
                try_number=number,
                scheduled_at=started_at + timedelta(seconds=at + _SCHEDULING),
                queued_at=started_at + timedelta(seconds=at + _SCHEDULING + _QUEUEING),
                started_at=started_at + timedelta(seconds=begin),
                ended_at=started_at + timedelta(seconds=end),
                outcome=TaskState.FAILED if failing else TaskState.SUCCESS,
                log=log,
                hostname=f"airflow-worker-{int(where[0] * 4)}",
                pid=100 + int(where[1] * 30000),
                parked_at=started_at + timedelta(seconds=begin + 3) if parked else None,
            )
        )
        if not failing or tried > task.retries:
            plan = TaskPlan(
                task_id=task.task_id,
                map_index=map_index,
                attempts=tuple(attempts),
                max_tries=first - 1 + task.retries,
                persists=0 if trouble is None else trouble.persists,
            )
            return plan, end, failing
        at = end + task.retry_delay.total_seconds()


class DagHistory:
    """The runs of one DAG: thirty days back, and on into the future as far as anyone looks."""

    def __init__(
        self,
        *,
        seed: int,
        dag: Dag,
        start: datetime,
        scripts: Mapping[int, Script],
        outage: tuple[datetime, datetime] | None = None,
    ) -> None:
        self.dag = dag
        self._seed = seed
        self._scripts = scripts
        self._outage = outage
        self._anchor = anchor(dag, start)
        self._paused_at = start - timedelta(days=3) if dag.paused else None
        self._next = 0
        self._plans: list[DagRunPlan] = []
        self._keys: list[datetime] = []
        self._longest = timedelta(0)
        self.is_changed = False
        """Whether a run was added or amended: what the seed says is no longer all."""

    def until(self, now: datetime, since: datetime | None = None) -> list[DagRunPlan]:
        """Plans queued by ``now``, oldest first; those that ended before ``since`` may be left out."""
        self._extend(now)
        last = bisect.bisect_right(self._keys, now)
        first = 0 if since is None else bisect.bisect_left(self._keys, since - self._longest)
        return self._plans[first:last]

    def add(self, plan: DagRunPlan) -> None:
        """Take in a run that no schedule made."""
        self.is_changed = True
        self._extend(plan.queued_at)
        position = bisect.bisect_right(self._keys, plan.queued_at)
        self._plans.insert(position, plan)
        self._keys.insert(position, plan.queued_at)
        self._measure(plan)

    def amend(self, plan: DagRunPlan) -> None:
        """Put a new plan in the place of the run with the same id; raises KeyError."""
        for position, known in enumerate(self._plans):
            if known.run_id == plan.run_id:
                self.is_changed = True
                self._plans[position] = plan
                self._measure(plan)
                return
        raise KeyError(plan.run_id)

    def _measure(self, plan: DagRunPlan) -> None:
        end = plan.activity[-1].ended_at
        span = timedelta(days=3650) if end is None else end - plan.queued_at
        self._longest = max(self._longest, span)

    def _extend(self, now: datetime) -> None:
        until = now if self._paused_at is None else min(now, self._paused_at)
        period = self.dag.timetable.period
        while (run_after := self._anchor + self._next * period) <= until:
            plan = self._scheduled(self._next, run_after)
            position = bisect.bisect_right(self._keys, plan.queued_at)
            self._plans.insert(position, plan)
            self._keys.insert(position, plan.queued_at)
            self._measure(plan)
            self._next += 1

    def _scheduled(self, index: int, run_after: datetime) -> DagRunPlan:
        dag = self.dag
        salt = f"{self._seed}/{dag.environment}/{dag.dag_id}/{index}"
        spread, luck, which, lag = fractions(salt)
        factor = 0.86 + 0.28 * spread
        script = self._scripts.get(index) or chance_script(dag, luck, which)
        queued_at = run_after + timedelta(seconds=1 + 2 * lag)
        if self._outage is not None and self._outage[0] <= run_after < self._outage[1]:
            queued_at = self._outage[1] + timedelta(seconds=5 + 40 * lag)
        started_at = queued_at + timedelta(seconds=1 + 3 * which)
        if script is None:
            tasks, seconds, state = None, seconds_of(dag, factor), RunState.SUCCESS
        else:
            script = pinned(dag, started_at, factor, script)
            outcome = simulate(dag, started_at, factor, script, salt)
            tasks, seconds, state = outcome.tasks, outcome.seconds, outcome.state
        ended_at = started_at + timedelta(seconds=seconds)
        return DagRunPlan(
            environment=dag.environment,
            dag_id=dag.dag_id,
            run_id=f"scheduled__{run_after.isoformat()}",
            run_type="scheduled",
            logical_date=run_after,
            data_interval_start=run_after,
            data_interval_end=run_after,
            run_after=run_after,
            activity=(
                Activity(queued_at=queued_at, started_at=started_at, ended_at=ended_at, outcome=state),
            ),
            note="" if script is None else script.note,
            factor=factor,
            story="" if script is None else script.story,
            tasks=tasks,
            rows=_rows(self._seed, dag, which),
        )


def _rows(seed: int, dag: Dag, which: float) -> int:
    """What a run loads: its share of a day's rows, of which a DAG has about as many each day."""
    day = _ROWS.get(dag.dag_id) or 1200 + 88_000 * fractions(seed, "rows", dag.environment, dag.dag_id)[0]
    share = min(dag.timetable.period / timedelta(days=1), 1.0)
    return max(1, round(day * share * (0.9 + 0.2 * which)))


def anchor(dag: Dag, start: datetime) -> datetime:
    """When its first run was due: the first moment of its schedule on the day the history begins."""
    midnight = (start - HISTORY).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + dag.timetable.offset


def chance_script(dag: Dag, luck: float, which: float) -> Script | None:
    """The misfortune of an ordinary run, from two numbers in [0, 1): mostly none."""
    failing = _FAILING[dag.environment]
    if (dag.environment, dag.dag_id) == ("prod", FLAKY_DAG) and luck < _FLAKY:
        fails = 3 if luck < _FLAKY / 3 else 1
        trouble = Trouble(
            task_id="fetch", fails=fails, failing_log=LogStory(kind="flaky_api", details=(("status", "503"),))
        )
        return Script(story="flaky API", troubles=(trouble,))
    if luck >= failing + _RETRYING:
        return None
    candidates = [task for task in dag.tasks if task.retries]
    task = candidates[int(which * len(candidates))]
    story = _NOISE[int(which * 997) % len(_NOISE)]
    trouble = Trouble(
        task_id=task.task_id,
        fails=task.retries + 1 if luck < failing else 1,
        seconds=task.seconds * (0.2 + which),
        failing_log=LogStory(kind=story, details=(("limit", "900"), ("status", "502"))),
    )
    return Script(story=story if luck < failing else "", troubles=(trouble,))


def tasks_of(seed: int, dag: Dag, plan: DagRunPlan) -> tuple[TaskPlan, ...]:
    """The tasks of a run that holds none of its own: an ordinary one."""
    if plan.tasks is not None:
        return plan.tasks
    salt = f"{seed}/{plan.environment}/{plan.dag_id}/{plan.run_id}"
    return simulate(dag, plan.activity[0].started_at, plan.factor, None, salt).tasks


def placed(dag: Dag, start: datetime, script: Script) -> int | None:
    """Which run of a DAG a script falls on: the newest that was due early enough for its event.

    None where the DAG has none such in its history.
    """
    period, first = dag.timetable.period, anchor(dag, start)
    moment = script.pin_at or start
    index = (min(moment, script.due_by or moment) - first) // period
    while index >= 0:
        started = first + index * period + timedelta(seconds=7)
        if moment >= _event(dag, started, 1.15, script):
            return index
        index -= 1
    return None


def _event(dag: Dag, started: datetime, factor: float, script: Script) -> datetime:
    """When what the script is about happens by itself: the end of its pinned task, or of the run."""
    outcome = simulate(dag, started, factor, script, "")
    ends = [
        attempt.ended_at
        for plan in outcome.tasks
        if plan.task_id == script.pin_task
        for attempt in plan.attempts
        if attempt.ended_at is not None
    ]
    return max(ends, default=started + timedelta(seconds=outcome.seconds))


def pinned(dag: Dag, started: datetime, factor: float, script: Script) -> Script:
    """The script with the time that is left over given to the task that absorbs it."""
    if script.pin_at is None or not script.absorb:
        return script
    spare = (script.pin_at - _event(dag, started, factor, script)).total_seconds()
    others = tuple(trouble for trouble in script.troubles if trouble.task_id != script.absorb)
    mine = _troubles_of(script).get(script.absorb) or Trouble(task_id=script.absorb)
    return replace(script, troubles=(*others, replace(mine, extra=mine.extra + spare)))
