"""Changes that are made by an executor elsewhere, a job of Jenkins, which the desk asks and follows.

Asking sends a plan's id and nothing else. Whether it may be done is judged by the executor, from its own
configuration; the desk hears of it through the store like everybody.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from fedesk.domain.names import RunName
from fedesk.domain.operations import Progress, StepState
from fedesk.domain.runs import Run
from fedesk.ports.changing import ExecutorSource, StillWaitsError
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.sources import Bulkhead, Connection

LOOK_EVERY = 2.0
"""Seconds between two looks at the queue item and its build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorJob:
    """The job of Jenkins that executes plans: how it is asked, and how its builds are looked at."""

    name: str
    """``fedesk/execute``"""
    executor: Bulkhead[ExecutorSource]
    jenkins: Connection
    """The controller as it is read."""
    begins_within: float
    """Seconds that a build may take to begin."""

    @property
    def where(self) -> str:
        """Controller and job: ``prod/jenkins:fedesk/execute``."""
        return f"{self.jenkins.name}:{self.name}"

    def follow(self, item: int, request: str) -> Progress:
        """Where a queue item has got to (``ports.changing.QueueSource``). Raises SourceError."""
        if self.jenkins.queues is None:
            raise NotFoundError(f"{self.jenkins.name} is no Jenkins whose queue is read.")
        return self.jenkins.queues.call(lambda system: system.follow_queue(item, self.name, request))

    def build(self, found: Progress) -> RunName | None:
        """The build that a queue item has become; None where it has not, yet."""
        if found.state is not StepState.DONE:
            return None
        return RunName(self.jenkins.name, f"{self.name}#{found.reference.removeprefix('build:')}")

    def run(self, build: RunName) -> Run:
        """How a build stands. Raises SourceError."""
        if self.jenkins.runs is None:
            raise NotFoundError(f"{self.jenkins.name} is no Jenkins whose builds are read.")
        return self.jenkins.runs.call(lambda system: system.run(build.id)).run


class ExecutorLauncher:
    """``ports.changing.Launcher``: there is nothing to load, and no credential leaves this machine."""

    def __init__(self, job: ExecutorJob) -> None:
        self._job = job

    def warm(self, _credentials: Callable[[], dict[str, SecretText]]) -> "AskedExecutor":
        """One that can be asked; returns at once."""
        return AskedExecutor(self._job)


class AskedExecutor:
    """``ports.changing.Runner`` by a build of the executor's job for each operation."""

    def __init__(self, job: ExecutorJob) -> None:
        self._job = job
        self.where = job.where
        self._said = ""
        self._has_given_up = False
        self._left = threading.Event()
        self.followed: threading.Thread | None = None
        """Looks at queue item and build, until that has ended."""

    def go(self, operation: str) -> None:
        """Ask for it; raises StillWaitsError."""
        try:
            item = self._job.executor.call(lambda system: system.ask(operation))
        except SourceError as error:
            raise StillWaitsError(
                f"The executor could not be asked: {error}. The plan waits; "
                f"`fedesk execute {operation}` asks again."
            ) from None
        self._said = f"{self._job.jenkins.name} was asked: {self._job.name} is in its queue as item {item}"
        self.followed = threading.Thread(
            target=self._follow, args=(operation, item), name="follow the executor", daemon=True
        )
        self.followed.start()

    def trouble(self) -> str:
        """Where the job has got to."""
        return self._said

    def delay(self) -> float:
        """As long as Jenkins may take to begin; nothing once the job has ended."""
        return 0.0 if self._has_given_up else self._job.begins_within

    def cancel(self) -> None:
        """Look no more; what was asked for goes on."""
        self._left.set()

    def _follow(self, operation: str, item: int) -> None:
        build: RunName | None = None
        while not self._left.wait(LOOK_EVERY):
            try:
                build = build or self._begun(operation, item)
                if build and self._has_ended(build):
                    return
            except SourceError as error:
                self._said = f"{self._job.name} cannot be looked at: {error}"

    def _begun(self, operation: str, item: int) -> RunName | None:
        """The build, once there is one."""
        found = self._job.follow(item, operation)
        self._said = found.said
        if found.state in (StepState.FAILED, StepState.UNKNOWN):
            self._has_given_up = True
        return self._job.build(found)

    def _has_ended(self, build: RunName) -> bool:
        state = self._job.run(build).state
        if state.is_final:
            self._said = f"{build} has ended {state.value}; `fedesk log {build}` has its words"
            self._has_given_up = True
        return state.is_final


class Proposing:
    """Launcher and runner of a desk that only proposes, and does not know how the executor is asked."""

    where = "the executor"

    def warm(self, _credentials: Callable[[], dict[str, SecretText]]) -> "Proposing":
        """There is nothing to start: a role that only proposes would be refused with the first word."""
        return self

    def go(self, operation: str) -> None:
        """Raises StillWaitsError: the plan is where the executor finds it."""
        raise StillWaitsError(
            "Your role in the store proposes changes and carries none out. The plan waits: "
            f"`fedesk execute {operation}` where the executor is; environments.NAME.executor has it asked."
        )

    def trouble(self) -> str:
        """Nothing was started."""
        return ""

    def delay(self) -> float:
        """Nobody was asked."""
        return 0.0

    def cancel(self) -> None:
        """There is nothing to end."""
