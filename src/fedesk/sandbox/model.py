"""What exists in the sandbox's world: DAGs, runs, jobs, builds, secrets, loads, and the plans they follow.

A plan is frozen and holds the whole timeline of one execution, its end included. What it looks like at a
moment is computed from plan and moment alone, so nothing ticks and any moment can be asked for again.
All times are aware UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.sandbox.model_jenkins import (
    ArtifactFile,
    BuildParameter,
    BuildPlan,
    BuildResult,
    Cause,
    Commit,
    Executor,
    JenkinsJob,
    JobKind,
    Node,
    ParameterDefinition,
    PendingInput,
    QueueItem,
    StagePlan,
    StageState,
)
from fedesk.sandbox.model_log import LogLine, LogStory

__all__ = [
    "ENVIRONMENTS",
    "Activity",
    "ArtifactFile",
    "BuildParameter",
    "BuildPlan",
    "BuildResult",
    "Cause",
    "Commit",
    "ComponentHealth",
    "Dag",
    "DagRun",
    "DagRunPlan",
    "Executor",
    "Identity",
    "ImportFailure",
    "JenkinsJob",
    "JobKind",
    "LoadRow",
    "LogLine",
    "LogStory",
    "Node",
    "ParameterDefinition",
    "PendingInput",
    "Pipeline",
    "QueueItem",
    "RunState",
    "Secret",
    "SecretVersion",
    "ServiceUser",
    "StagePlan",
    "StageState",
    "TaskAttempt",
    "TaskInstance",
    "TaskPlan",
    "TaskSpec",
    "TaskState",
    "Timetable",
]

ENVIRONMENTS = ("dev", "staging", "prod")


class TaskState(StrEnum):
    """Airflow's words for a task instance; no state at all is None."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    REMOVED = "removed"
    RESTARTING = "restarting"
    """Cleared while it ran: it is being stopped, and runs again."""


class RunState(StrEnum):
    """Airflow's words for a DAG run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


# --- pipelines, as the catalogue knows them -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A data job of the company: a DAG in each environment, released by its service's deploy job."""

    name: str
    service: str
    owner: str
    """``engineering``, ``qa`` or ``client:NAME``."""
    tier: int
    dataset: str
    """SCHEMA.TABLE that it loads, partitioned by LOAD_DATE."""
    description: str
    flavour: str
    """Which tasks it has: a key of ``pipelines.FLAVOURS``."""
    cadence: str
    """A key of ``pipelines.CADENCES``."""
    upstream: tuple[str, ...] = ()
    deadline: str = ""
    catalogued: bool = True


# --- Airflow --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """A regular schedule: every ``period``, ``offset`` after midnight UTC. ``cron`` says the same."""

    cron: str
    period: timedelta
    offset: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A task of a DAG."""

    task_id: str
    operator: str
    upstream: tuple[str, ...] = ()
    retries: int = 2
    retry_delay: timedelta = timedelta(minutes=5)
    seconds: float = 60.0
    """How long it usually takes."""
    mapped: int = 0
    """Number of mapped instances; 0 for a task that is not mapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dag:
    """A DAG of one environment's Airflow."""

    dag_id: str
    environment: str
    owners: tuple[str, ...]
    tags: tuple[str, ...]
    timetable: Timetable
    description: str
    tasks: tuple[TaskSpec, ...]
    paused: bool = False
    catchup: bool = False
    max_active_runs: int = 16
    fileloc: str = ""
    bundle_name: str = "finedge-dags"
    bundle_version: str = ""
    last_parsed_time: datetime | None = None
    pipeline: str = ""
    writes: str = ""
    """SCHEMA.TABLE that it declares as an outlet; empty for a DAG that declares none."""
    reads: tuple[str, ...] = ()
    """SCHEMA.TABLE of the inlets of its first task."""

    def task(self, task_id: str) -> TaskSpec:
        """The task of that id; raises KeyError."""
        for task in self.tasks:
            if task.task_id == task_id:
                return task
        raise KeyError(task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAttempt:
    """One try of a task instance. It runs from ``started_at`` until ``ended_at`` (None: without end)."""

    try_number: int
    scheduled_at: datetime
    queued_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: TaskState
    """SUCCESS, FAILED or SKIPPED; a failed one is retried where a next attempt is planned."""
    log: LogStory
    hostname: str = "airflow-worker-0"
    pid: int = 4242
    parked_at: datetime | None = None
    """From here to the end it waits for something outside, as ``parked_as`` says."""
    parked_as: TaskState = TaskState.DEFERRED

    def events(self) -> tuple[datetime, ...]:
        """All moments at which something of it changes, in order."""
        known = (self.scheduled_at, self.queued_at, self.started_at, self.parked_at, self.ended_at)
        return tuple(at for at in known if at is not None)

    def state(self, now: datetime) -> TaskState | None:
        """The state at a moment, retries left aside; None before it is scheduled."""
        if self.ended_at is not None and now >= self.ended_at:
            return self.outcome
        if self.parked_at is not None and now >= self.parked_at:
            return self.parked_as
        if now >= self.started_at:
            return TaskState.RUNNING
        if now >= self.queued_at:
            return TaskState.QUEUED
        return TaskState.SCHEDULED if now >= self.scheduled_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """The timeline of one task instance of a run."""

    task_id: str
    map_index: int = -1
    """-1 for a task that is not mapped, as Airflow writes it."""
    attempts: tuple[TaskAttempt, ...] = ()
    max_tries: int = 2
    """Airflow's word for retries after the first try: 2 means three tries in all."""
    settled_at: datetime | None = None
    """When it was given ``settled_as`` without running."""
    settled_as: TaskState = TaskState.UPSTREAM_FAILED
    cleared_at: datetime | None = None
    """When it lost its state for the last time: it has none until the next attempt is scheduled."""
    note: str = ""
    persists: int = 0
    """How many times it fails again when it is cleared."""
    exists_until: datetime | None = None
    """When a mapped task that was not expanded gave way to its instances."""
    exists_from: datetime | None = None

    def attempt(self, now: datetime) -> TaskAttempt | None:
        """The newest attempt that has been scheduled by then."""
        found = None
        for attempt in self.attempts:
            if attempt.scheduled_at > now:
                break
            found = attempt
        return found

    def exists(self, now: datetime) -> bool:
        """Whether there is such an instance at a moment."""
        if self.exists_from is not None and now < self.exists_from:
            return False
        return self.exists_until is None or now < self.exists_until

    def is_settled(self, now: datetime) -> bool:
        """Whether it stands as it was settled, at a moment."""
        if self.settled_at is None or now < self.settled_at:
            return False
        return self.cleared_at is None or now < self.cleared_at or self.cleared_at < self.settled_at

    def state(self, now: datetime) -> TaskState | None:
        """The state at a moment."""
        if self.is_settled(now):
            return self.settled_as
        attempt = self.attempt(now)
        if attempt is None:
            return None
        if self.cleared_at is not None and attempt.scheduled_at <= self.cleared_at <= now:
            return None
        state = attempt.state(now)
        if state is TaskState.FAILED and attempt is not self._last_of_its_life(now):
            return TaskState.UP_FOR_RETRY
        return state

    def _last_of_its_life(self, now: datetime) -> TaskAttempt:
        """The last attempt that is planned at a moment: what a later clear adds is not known yet."""
        if self.cleared_at is None or self.cleared_at <= now:
            return self.attempts[-1]
        known = [attempt for attempt in self.attempts if attempt.scheduled_at <= self.cleared_at]
        return (known or [self.attempts[-1]])[-1]

    def updated_at(self, now: datetime, created_at: datetime) -> datetime:
        """The newest event not after ``now``."""
        newest = created_at
        for attempt in self.attempts:
            for at in attempt.events():
                if newest < at <= now:
                    newest = at
        for moment in (self.settled_at, self.cleared_at):
            if moment is not None and newest < moment <= now:
                newest = moment
        return newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A span in which a DAG run is worked on. A cleared run gets another one after its first."""

    queued_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: RunState
    requeued_at: datetime | None = None
    """When tasks of it were cleared while it was at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRunPlan:
    """The timeline of one DAG run."""

    environment: str
    dag_id: str
    run_id: str
    run_type: str
    """``scheduled``, ``manual``, ``backfill`` or ``asset_triggered``."""
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    activity: tuple[Activity, ...]
    conf: tuple[tuple[str, str], ...] = ()
    note: str = ""
    triggered_by: str = "timetable"
    triggering_user: str = ""
    factor: float = 1.0
    """How long its tasks take against what is usual."""
    story: str = ""
    """Which failure mode it shows; empty for an ordinary run."""
    tasks: tuple[TaskPlan, ...] | None = None
    """None where the tasks follow from DAG, start and factor alone: ask ``World.task_plans``."""
    rows: int = 0
    """Rows it loads when it succeeds."""
    dag_version: int = 0
    """Number of the DAG's version that a clear moved it to; 0 where it keeps the one it was made with."""

    @property
    def queued_at(self) -> datetime:
        """When it came into being."""
        return self.activity[0].queued_at

    def current(self, now: datetime) -> Activity:
        """The newest activity that has begun to queue by then (the first one before that)."""
        found = self.activity[0]
        for activity in self.activity[1:]:
            if activity.queued_at <= now:
                found = activity
        return found

    def state(self, now: datetime) -> RunState:
        """The state at a moment at or after ``queued_at``."""
        activity = self.current(now)
        if activity.ended_at is not None and now >= activity.ended_at:
            return activity.outcome
        return RunState.RUNNING if now >= activity.started_at else RunState.QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """A DAG run as it stands at a moment."""

    plan: DagRunPlan
    state: RunState
    queued_at: datetime
    start_date: datetime | None
    end_date: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInstance:
    """A task instance as it stands at a moment."""

    run: DagRunPlan
    spec: TaskSpec
    plan: TaskPlan
    state: TaskState | None
    try_number: int
    """0 before the first try is scheduled."""
    attempt: TaskAttempt | None
    scheduled_when: datetime | None
    queued_when: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFailure:
    """A DAG file that Airflow could not import."""

    import_error_id: int
    timestamp: datetime
    filename: str
    stack_trace: str
    bundle_name: str = "finedge-dags"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """One line of Airflow's ``monitor/health``."""

    name: str
    """``metadatabase``, ``scheduler``, ``triggerer`` or ``dag_processor``."""
    status: str
    """``healthy`` or ``unhealthy``."""
    latest_heartbeat: datetime | None = None


# --- Vault and Snowflake --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersion:
    """One version of a KV v2 secret. The value itself is ``Secret.value(version)``: always a planted one."""

    version: int
    created_time: datetime
    deletion_time: datetime | None = None
    destroyed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret in the KV v2 mount ``mount`` at ``path`` (which starts with finedge/ENVIRONMENT/)."""

    environment: str
    path: str
    versions: tuple[SecretVersion, ...]
    custom_metadata: tuple[tuple[str, str], ...] = ()
    mount: str = "kv"
    max_versions: int = 0
    cas_required: bool = False

    @property
    def current_version(self) -> int:
        """The highest version, deleted or not, as Vault counts it."""
        return max(version.version for version in self.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUser:
    """A Snowflake user of type SERVICE with two slots for RSA keys."""

    name: str
    environment: str
    key_set_at: datetime
    second_key_set_at: datetime | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """A row of OPS.PIPELINE_RUNS."""

    run_id: str
    pipeline: str
    partition: str
    start_time: datetime
    end_time: datetime | None
    status: str
    """``running``, ``success`` or ``failed``."""
    rows_loaded: int | None
    operation_id: str = ""
    dataset: str = ""


# --- who may come in ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A planted identity. Its credential is worth nothing outside this process.

    ``credential``: Jenkins API token, Airflow password, Vault token, PEM of a Snowflake user's private key.
    """

    system: str
    user: str
    writer: bool
    credential: str = field(repr=False)
    password: str = field(default="", repr=False)
    """Jenkins only: the password, which unlike the token needs a crumb."""
    environment: str = ""
    """Where it is limited to one; empty for all."""
