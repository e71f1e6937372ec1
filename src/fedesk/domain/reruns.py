"""What a re-run would meet, as the systems say before anything is changed."""

from dataclasses import dataclass
from datetime import datetime

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunRequest:
    """What somebody asks for."""

    run: RunName
    task: TaskName | None = None
    """One task of an Airflow run alone; all that failed where it is None."""
    environment: str | None = None
    """The environment that was named with it; None where none was."""

    @property
    def connection(self) -> ConnectionName:
        """The system that is asked."""
        return self.run.connection

    @property
    def name(self) -> str:
        """As it stands in refusals: the run."""
        return str(self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPin:
    """A task instance as it was seen."""

    task_id: str
    map_index: int | None
    """None for a task that is not mapped."""
    try_number: int
    state: str
    """Airflow's own word; ``none`` where it has no state."""

    @property
    def name(self) -> str:
        """``dbt_test`` or ``dbt_test[3]``."""
        return self.task_id if self.map_index is None else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearPreview:
    """What clearing the failed tasks of a DAG run would touch. Read, or answered by a dry run."""

    run: Run
    tasks: tuple[TaskPin, ...]
    """Exactly the task instances that would be cleared."""
    left: tuple[TaskPin, ...] = ()
    """Failed or blocked task instances of the run that would not be cleared: only one task was asked for."""
    active: tuple[TaskPin, ...]
    """Task instances of the run that run, are queued or are scheduled: somebody or something is at it."""
    dag_version: str
    """The version the run was made with, and that the clear runs again; empty where Airflow names none."""
    latest_version: str
    keeps_version: bool = True
    """False where the DAG's bundle keeps no versions: what is cleared then runs the newest code, whatever is
    asked, and tasks that the newest DAG has beside are added to the run."""
    paused: bool
    is_dry_run: bool
    """False where the dry run was forbidden, and the plan is made from reads alone."""
    note: str = ""
    """The run's newest note, which a clear overwrites on its task instances."""
    logical_date: str = ""
    """RFC 3339; empty where the run has none. Some pipelines name their partition by it."""
    partition_key: str = ""
    tags: tuple[str, ...] | None = None
    """Of the DAG, by which a connection is limited to its environment; None where they were not read."""
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildParameter:
    """A parameter of a build, with its definition's kind."""

    name: str
    value: str | None
    """None where Jenkins does not give it back: a password, a file, credentials."""
    kind: str
    """Class of its definition: ``StringParameterDefinition``; empty where the job no longer declares it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildPreview:
    """What building again with the same parameters would meet."""

    run: Run
    """The build that is repeated."""
    buildable: bool
    """False for a disabled job."""
    parameters: tuple[RebuildParameter, ...]
    """As the build had them, those the job no longer declares included."""
    declared: tuple[str, ...]
    """Names that the job declares today."""
    new_defaults: tuple[str, ...]
    """Names that are declared today and that the build did not have: they take their default."""
    declares_operation: bool
    """Whether the job has FEDESK_OPERATION, by which a build of ours is known."""
    definition: str
    """SHA-256 of the job's definition, as far as it can be read."""
    definition_source: str
    """``config.xml``, or ``parameter definitions`` where the right to read the former is missing."""
    running: tuple[int, ...]
    """Numbers of builds of the job that run now."""
    queued: tuple[int, ...]
    """Queue items of the job."""
    highest_queue_id: int
    """The highest queue id seen: what is ours comes after it."""
    quieting_down: bool
    """The controller is about to shut down: what is triggered waits."""
    observed_at: datetime
    user: str = ""
    """Whom the controller takes us for: the call's ``user``, by whom a build of ours is known."""
