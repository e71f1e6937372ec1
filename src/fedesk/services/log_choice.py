"""Which log is meant: a name as a person writes it, resolved against the run it names."""

from collections.abc import Iterator
from typing import Protocol

from fedesk.domain.names import RunName, TaskName, split_task
from fedesk.domain.runs import LogRequest, RunDetail, Step
from fedesk.domain.states import State, System
from fedesk.ports.errors import NotFoundError


class Reader(Protocol):
    """The read of a run that a choice is made from."""

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps; raises NotFoundError."""


def find_run(reading: Reader, name: RunName) -> tuple[RunDetail, TaskName | None]:
    """The run of a name that may end in ``::TASK``, and that task. Raises SourceError.

    An id may hold ``::`` itself: a part counts as a task only where the run before it has such a task.
    """
    missing: NotFoundError | None = None
    for head in _heads(name.id):
        try:
            detail = reading.detail(RunName(name.connection, head))
        except NotFoundError as error:
            missing = missing or error
            continue
        if head == name.id:
            return detail, None
        names = {step.id for step in detail.steps} | {step.name for step in detail.steps}
        run_id, task = split_task(name.id, names)
        if run_id == head:
            return detail, task
    raise missing or NotFoundError(f"{name} names no task of that run; `fedesk runs` and the desk show them")


def _heads(run_id: str) -> Iterator[str]:
    """What may be the run in ``RUN::TASK``: up to the last ``::`` first, the whole at the end."""
    position = run_id.rfind("::")
    while position > 0:
        yield run_id[:position]
        position = run_id.rfind("::", 0, position)
    yield run_id


def choose_log(detail: RunDetail, system: System, task: TaskName | None) -> LogRequest:
    """Which log to read: of the task that is named, else of the whole build, else of the task that matters.

    Raises NotFoundError that lists the tasks where the named one is none of them.
    """
    if task is not None:
        return LogRequest(run=detail.run.name, task=_addressed(detail, task))
    if system is System.JENKINS:
        return LogRequest(run=detail.run.name)
    step = telling_step(detail.steps)
    if step is None:
        raise NotFoundError(f"{detail.run.name} has no task that ran: there is no log yet")
    return LogRequest(run=detail.run.name, task=step.task)


def _addressed(detail: RunDetail, task: TaskName) -> TaskName:
    """A task by its id, or a stage by its name, as the system addresses it."""
    ids = [step.id for step in detail.steps]
    if task.task in ids:
        return task
    named = next((step for step in detail.steps if step.name == task.task), None)
    if named is None:
        known = ", ".join(dict.fromkeys(step.name for step in detail.steps)) or "none"
        raise NotFoundError(f"{detail.run.name} has no task {task.task!r}; it has: {known}")
    return TaskName(named.id, task.map_index, task.try_number)


_TELLING = (State.FAILED, State.RUNNING, State.WAITING, State.UNSTABLE, State.SUCCEEDED)


def telling_step(steps: tuple[Step, ...]) -> Step | None:
    """The first step that failed, else the one that runs, else the last that ended."""
    for state in _TELLING:
        found = [step for step in steps if step.state is state and step.started_at is not None]
        if found and state is State.SUCCEEDED:
            return max(found, key=lambda step: step.ended_at.timestamp() if step.ended_at else 0.0)
        if found:
            return found[0]
    return None


def tries_of(detail: RunDetail, request: LogRequest) -> range:
    """The tries there have been of the task of a request, the first one first."""
    task = request.task
    newest = next(
        (
            step.try_number
            for step in detail.steps
            if task is not None and step.id == task.task and step.map_index == task.map_index
        ),
        None,
    )
    return range(1, max(newest or 1, 1) + 1)


def logs_of(detail: RunDetail, system: System) -> tuple[LogRequest, ...]:
    """Every log of a run: a build's whole one, the newest try of each task that ran."""
    run = detail.run.name
    if system is System.JENKINS:
        return (LogRequest(run=run),)
    ran = (step for step in detail.steps if step.started_at is not None and step.state not in _NEVER_RAN)
    return tuple(LogRequest(run=run, task=step.task) for step in ran)


_NEVER_RAN = frozenset({State.BLOCKED, State.SKIPPED, State.QUEUED})
"""What Airflow may give a start as well, though nothing of it ran."""
