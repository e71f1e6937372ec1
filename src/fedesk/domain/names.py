"""Names of connections, runs and tasks, and how they are read and written.

A run is ``ENVIRONMENT/CONNECTION:ID``; everything after the first ``:`` is the system's own name, unescaped:
``DAG/RUN_ID`` in Airflow, ``FOLDER/JOB#NUMBER`` in Jenkins. A task follows as ``::TASK[MAP_INDEX]@TRY``.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

_CONNECTION = re.compile(r"(?P<environment>[A-Za-z0-9][A-Za-z0-9_.-]*)/(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]*)")
_TASK = re.compile(r"(?P<task>.+?)(?:\[(?P<map_index>\d+)\])?(?:@(?P<try_number>\d+))?", re.DOTALL)
_JENKINS_BUILD = re.compile(r"(?P<job>.+)#(?P<number>[0-9]+)", re.DOTALL)
_AIRFLOW_RUN = re.compile(r"(?P<dag_id>[^/]+)/(?P<run_id>.+)", re.DOTALL)


class NameNotUnderstoodError(ValueError):
    """The text is no name of a connection, run or task; the message says what was expected."""


@dataclass(frozen=True, slots=True, order=True)
class ConnectionName:
    """One configured system of an environment, written ``prod/jenkins``."""

    environment: str
    name: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.name}"

    @property
    def login(self) -> str:
        """The command line that gives fedesk a credential for it, as sentences quote it."""
        return f"fedesk login {self.environment}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> "ConnectionName":
        """Read ``ENVIRONMENT/CONNECTION``; raises NameNotUnderstoodError."""
        match = _CONNECTION.fullmatch(text)
        if match is None:
            raise NameNotUnderstoodError(f"{text!r} is no connection; expected ENVIRONMENT/CONNECTION")
        return cls(match["environment"], match["name"])


@dataclass(frozen=True, slots=True, order=True)
class TaskName:
    """A task instance of a run, or a stage of a build: ``dbt_test[3]@2`` (map index, try)."""

    task: str
    map_index: int | None = None
    try_number: int | None = None

    def __str__(self) -> str:
        mapped = "" if self.map_index is None else f"[{self.map_index}]"
        tried = "" if self.try_number is None else f"@{self.try_number}"
        return f"{self.task}{mapped}{tried}"

    @classmethod
    def parse(cls, text: str) -> "TaskName":
        """Read ``TASK[MAP_INDEX]@TRY``, bracket and try optional; raises NameNotUnderstoodError."""
        match = _TASK.fullmatch(text)
        if match is None:
            raise NameNotUnderstoodError(f"{text!r} is no task; expected TASK, TASK[MAP_INDEX] or TASK@TRY")
        return cls(
            match["task"],
            None if match["map_index"] is None else int(match["map_index"]),
            None if match["try_number"] is None else int(match["try_number"]),
        )


@dataclass(frozen=True, slots=True, order=True)
class RunName:
    """One run in one connection. ``id`` is the system's own name, unescaped."""

    connection: ConnectionName
    id: str

    def __str__(self) -> str:
        return f"{self.connection}:{self.id}"

    @classmethod
    def parse(cls, text: str, environment: str | None = None) -> "RunName":
        """Read ``ENVIRONMENT/CONNECTION:ID``, or ``CONNECTION:ID`` where an environment is given.

        Raises NameNotUnderstoodError.
        """
        head, colon, run_id = text.partition(":")
        if not colon or not run_id:
            raise NameNotUnderstoodError(
                f"{text!r} is no run; expected ENVIRONMENT/CONNECTION:ID, like prod/airflow:DAG/RUN_ID"
            )
        if "/" not in head and environment is not None:
            head = f"{environment}/{head}"
        return cls(ConnectionName.parse(head), run_id)


def split_task(run_id: str, tasks: Container[str]) -> tuple[str, TaskName | None]:
    """Split ``ID::TASK`` at the last ``::`` that is followed by a task of that run.

    ``tasks`` holds the ids of the run's tasks; run ids may hold ``::`` themselves.
    """
    position = run_id.rfind("::")
    while position > 0:
        candidate = run_id[position + 2 :]
        if candidate:
            if candidate in tasks:
                return run_id[:position], TaskName(candidate)
            task = TaskName.parse(candidate)
            if task.task in tasks:
                return run_id[:position], task
        position = run_id.rfind("::", 0, position)
    return run_id, None


def split_build(run_id: str) -> tuple[str, int]:
    """``FOLDER/JOB#NUMBER`` as (job, number), split at the last ``#``; raises NameNotUnderstoodError."""
    match = _JENKINS_BUILD.fullmatch(run_id)
    if match is None:
        raise NameNotUnderstoodError(f"{run_id!r} is no Jenkins build; expected FOLDER/JOB#NUMBER")
    return match["job"], int(match["number"])


def split_dag_run(run_id: str) -> tuple[str, str]:
    """``DAG/RUN_ID`` as (dag id, run id), split at the first ``/``; raises NameNotUnderstoodError."""
    match = _AIRFLOW_RUN.fullmatch(run_id)
    if match is None:
        raise NameNotUnderstoodError(f"{run_id!r} is no Airflow run; expected DAG/RUN_ID")
    return match["dag_id"], match["run_id"]
