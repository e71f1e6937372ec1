"""Runs, their steps, what triggers them and what they leave, in the same words for Jenkins and Airflow."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.states import State

PAUSED_FOR_INPUT = "paused for input"
"""The original state of a Jenkins build that waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution: a Jenkins build or an Airflow DAG run."""

    name: RunName
    job: str
    """What it is an execution of: the full name of a Jenkins job, or a DAG id."""
    state: State
    original_state: str
    """The system's own word for the state."""
    link: str = ""
    """Address of the run in the system's own web pages."""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_after: datetime | None = None
    """When it was due (Airflow's run_after, Jenkins' time of scheduling): runs are sorted by it."""
    partition: str = ""
    """What it loads: the start of the data interval in Airflow (RFC 3339), empty where there is none."""
    cause: str = ""
    """Who or what started it, in the system's words: ``scheduled``, ``Started by user mara``."""
    reason: str = ""
    """Why it is not green, in one line, as far as the poll could see it: ``dbt_test failed, try 3 of 3``."""
    commit: str = ""
    operation_id: str = ""
    """The id of the fedesk operation that made it, where the system carries one."""

    def duration(self, now: datetime) -> timedelta | None:
        """Time from start to end, or to ``now`` while it runs; None before it started."""
        if self.started_at is None:
            return None
        return max((self.ended_at or now) - self.started_at, timedelta(0))

    @property
    def at(self) -> datetime | None:
        """The moment a run is listed by: due, else queued, else started."""
        return self.run_after or self.queued_at or self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stage of a Jenkins build or a task instance of a DAG run."""

    id: str
    """Task id in Airflow (with map index and try it addresses a log), node id of a stage in Jenkins."""
    name: str
    state: State
    original_state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    map_index: int | None = None
    try_number: int | None = None
    max_tries: int | None = None
    """How many tries there may be in all, the first included."""
    operator: str = ""
    error: str = ""
    """The system's own sentence on the failure, where it gives one."""
    link: str = ""

    @property
    def task(self) -> TaskName:
        """The name this step has behind the ``::`` of a run's name."""
        return TaskName(self.id, self.map_index, self.try_number)

    def duration(self, now: datetime) -> timedelta | None:
        """Time from start to end, or to ``now`` while it runs; None before it started."""
        if self.started_at is None:
            return None
        return max((self.ended_at or now) - self.started_at, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A build parameter or a key of a DAG run's conf; ``value`` is None where the system hides it."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A commit that came in with a build."""

    commit: str
    author: str
    message: str
    """Its title."""
    at: datetime | None = None
    text: str = ""
    """The whole message, where it was asked for."""
    paths: tuple[str, ...] = ()
    """Files that it touched, of very many the first; where they were asked for, and source control tells."""
    build: int | None = None
    """Number of the build that it came in with, where several were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that a build left."""

    path: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """Everything one looks at when a run is opened."""

    run: Run
    steps: tuple[Step, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    causes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    expected_duration: timedelta | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Which log: of a whole build, or of one step and try. A try of None is the newest."""

    run: RunName
    task: TaskName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """A piece of a log, in order and without a gap to the piece before."""

    text: str
    """Whole lines, except at the very end of a finished log; broken bytes replaced, LF only."""
    cursor: str
    """Opaque: pass it to read on from here."""
    complete: bool
    """Whether the log has ended; otherwise ask again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEnd:
    """The last lines of a long log, had without the lines ahead of them."""

    text: str
    """Whole lines; broken bytes replaced, LF only."""
    size: int
    """Bytes of the whole log."""
    complete: bool
    """Whether the log has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What runs are executions of: a Jenkins job or a DAG."""

    connection: ConnectionName
    name: str
    link: str = ""
    enabled: bool = True
    """False for a disabled job or a paused DAG."""
    schedule: str = ""
    next_run_at: datetime | None = None
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    expected_duration: timedelta | None = None
    """The system's own estimate, where it makes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """Something that waits for an executor in Jenkins."""

    connection: ConnectionName
    id: str
    job: str
    why: str
    since: datetime
    stuck: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Executors of a Jenkins controller: busy ones, and all that are online."""

    busy: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A row of ``pipeline_runs`` in Snowflake."""

    run_id: str
    pipeline: str
    partition: str
    status: str
    rows_loaded: int | None
    started_at: datetime | None
    ended_at: datetime | None
    operation_id: str = ""
