"""What exists in the sandbox's world: DAGs, runs, jobs, builds, secrets, loads, and the plans they follow.

A plan is frozen and holds the whole timeline of one execution, its end included. What it looks like at a
moment is computed from plan and moment alone, so nothing ticks and any moment can be asked for again.
All times are aware UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

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


class RunState(StrEnum):
    """Airflow's words for a DAG run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class BuildResult(StrEnum):
    """Jenkins' words for how a build ended."""

    SUCCESS = "SUCCESS"
    UNSTABLE = "UNSTABLE"
    FAILURE = "FAILURE"
    NOT_BUILT = "NOT_BUILT"
    ABORTED = "ABORTED"


class StageState(StrEnum):
    """The stage view's words (pipeline-rest-api's StatusExt)."""

    NOT_EXECUTED = "NOT_EXECUTED"
    ABORTED = "ABORTED"
    SUCCESS = "SUCCESS"
    IN_PROGRESS = "IN_PROGRESS"
    PAUSED_PENDING_INPUT = "PAUSED_PENDING_INPUT"
    FAILED = "FAILED"
    UNSTABLE = "UNSTABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStory:
    """What a log tells: the name of a template in ``log_text`` and the words that fill it."""

    kind: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a log, written at ``at``.

    ``text`` may hold anything a task can print. Bytes that are no UTF-8 stand as surrogate escapes
    (``encode("utf-8", "surrogateescape")`` gives them back); other lone surrogates only in hostile worlds.
    """

    at: datetime
    level: str
    text: str
    logger: str = ""
    stage: str = ""
    """Node id of the stage it was written in; Jenkins only."""


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
    """When it was given ``settled_as`` without ever running."""
    settled_as: TaskState = TaskState.UPSTREAM_FAILED

    def attempt(self, now: datetime) -> TaskAttempt | None:
        """The newest attempt that has been scheduled by then."""
        found = None
        for attempt in self.attempts:
            if attempt.scheduled_at > now:
                break
            found = attempt
        return found

    def state(self, now: datetime) -> TaskState | None:
        """The state at a moment."""
        if self.settled_at is not None and now >= self.settled_at:
            return self.settled_as
        attempt = self.attempt(now)
        if attempt is None:
            return None
        state = attempt.state(now)
        if state is TaskState.FAILED and attempt is not self.attempts[-1]:
            return TaskState.UP_FOR_RETRY
        return state

    def updated_at(self, now: datetime, created_at: datetime) -> datetime:
        """The newest event not after ``now``."""
        newest = created_at
        for attempt in self.attempts:
            for at in attempt.events():
                if newest < at <= now:
                    newest = at
        if self.settled_at is not None and newest < self.settled_at <= now:
            newest = self.settled_at
        return newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A span in which a DAG run is worked on. A cleared run gets another one after its first."""

    queued_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: RunState


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


# --- Jenkins --------------------------------------------------------------------------------------------


class JobKind(StrEnum):
    """What a job is for."""

    DEPLOY = "deploy"
    CI = "ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDefinition:
    """A parameter that a job declares. ``kind``: string, boolean, choice or password."""

    name: str
    kind: str = "string"
    default: str = ""
    description: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JenkinsJob:
    """A job on the controller."""

    full_name: str
    environment: str
    kind: JobKind
    service: str
    pipeline: bool = True
    """A Pipeline job (WorkflowJob); False for a freestyle one, which has no stages."""
    description: str = ""
    parameters: tuple[ParameterDefinition, ...] = ()
    disabled: bool = False
    stages: tuple[tuple[str, float], ...] = ()
    """Names and usual seconds of its stages."""
    period: timedelta = timedelta(hours=6)
    """How far apart its builds are, about."""
    first_number: int = 1

    @property
    def name(self) -> str:
        """The last segment of its full name."""
        return self.full_name.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The full name of the folder it lies in."""
        return self.full_name.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildParameter:
    """A value a build was started with; hidden ones are passwords, which Jenkins does not show."""

    name: str
    value: str
    kind: str = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a build was started. ``kind``: user, timer, upstream or scm."""

    kind: str
    description: str
    user_id: str = ""
    user_name: str = ""
    upstream_project: str = ""
    upstream_build: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that came in with a build."""

    commit_id: str
    author: str
    author_email: str
    message: str
    at: datetime
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """A file that a build left when it ended: ask ``World.artifacts``."""

    path: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingInput:
    """An ``input`` step that waits for someone."""

    input_id: str
    message: str
    since: datetime
    submitter: str = ""
    ok: str = "Proceed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """The timeline of one stage. ``node_id`` is the flow node's id, as the stage view gives it."""

    node_id: str
    name: str
    started_at: datetime
    ended_at: datetime | None
    outcome: StageState
    error: str = ""

    def state(self, now: datetime) -> StageState:
        """The state at a moment; pauses for input are the build's to tell."""
        if now < self.started_at:
            return StageState.NOT_EXECUTED
        return self.outcome if self.ended_at is not None and now >= self.ended_at else StageState.IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """The timeline of one build, from the queue to its end."""

    job: str
    """Full name of its job."""
    environment: str
    number: int
    queue_id: int
    queued_at: datetime
    started_at: datetime | None
    """None: it never leaves the queue."""
    ended_at: datetime | None
    """None: it never ends by itself."""
    result: BuildResult
    stages: tuple[StagePlan, ...] = ()
    node: str = "agent-1"
    causes: tuple[Cause, ...] = ()
    parameters: tuple[BuildParameter, ...] = ()
    changes: tuple[Commit, ...] = ()
    commit: str = ""
    version: str = ""
    digest: str = ""
    """Of the image that it builds or deploys: ``sha256:…``."""
    branch: str = "main"
    repository: str = ""
    log: LogStory = field(default_factory=lambda: LogStory(kind="build"))
    estimated: timedelta = timedelta(minutes=5)
    pending_input: PendingInput | None = None
    why: str = ""
    """Why it waits in the queue beyond the quiet period; empty for the usual lack of an executor."""
    story: str = ""

    def is_queued(self, now: datetime) -> bool:
        """Whether it stands in the queue at that moment."""
        return self.queued_at <= now and (self.started_at is None or now < self.started_at)

    def is_building(self, now: datetime) -> bool:
        """Whether it runs at that moment."""
        if self.started_at is None or now < self.started_at:
            return False
        return self.ended_at is None or now < self.ended_at

    def has_started(self, now: datetime) -> bool:
        """Whether there is a build of that number by then."""
        return self.started_at is not None and now >= self.started_at

    def result_at(self, now: datetime) -> BuildResult | None:
        """How it ended, or None while it has not."""
        return self.result if self.ended_at is not None and now >= self.ended_at else None

    def input_at(self, now: datetime) -> PendingInput | None:
        """The input step it waits at, if it does."""
        pending = self.pending_input
        return pending if pending is not None and pending.since <= now and self.is_building(now) else None

    def stage_state(self, stage: StagePlan, now: datetime) -> StageState:
        """A stage's state at a moment, pauses for input included."""
        state = stage.state(now)
        if state is StageState.IN_PROGRESS and self.input_at(now) is not None:
            return StageState.PAUSED_PENDING_INPUT
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """An item of Jenkins' queue as it stands at a moment."""

    build: BuildPlan
    why: str
    stuck: bool
    quiet_until: datetime | None
    """Set while it is in its quiet period (a WaitingItem); then it is buildable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Jenkins agent, or the built-in node."""

    name: str
    executors: int
    labels: tuple[str, ...] = ()
    offline_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One slot of a node; what runs in it at a moment."""

    node: Node
    number: int
    build: BuildPlan | None


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
