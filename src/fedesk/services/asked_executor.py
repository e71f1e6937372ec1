"""Changes that are made by an executor elsewhere, a job of Jenkins, which the desk asks and follows.

Asking sends a plan's id and nothing else. Whether it may be done is judged by the executor, from its own
configuration; the desk hears of it through the store like everybody.
"""

import threading
from collections.abc import Callable

from fedesk.domain.names import RunName
from fedesk.domain.operations import StepState
from fedesk.ports.changing import ExecutorSource, StillWaitsError
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import SourceError
from fedesk.ports.sources import Bulkhead, Connection

LOOK_EVERY = 2.0
"""Seconds between two looks at the queue item and its build."""


class ExecutorLauncher:
    """``ports.changing.Launcher``: there is nothing to load, and no credential leaves this machine."""

    def __init__(
        self, executor: Bulkhead[ExecutorSource], jenkins: Connection, *, job: str, begins_within: float
    ) -> None:
        """``jenkins`` is the controller as it is read, on which the job's builds are looked at."""
        self._executor = executor
        self._jenkins = jenkins
        self._job = job
        self._begins_within = begins_within

    def warm(self, _credentials: Callable[[], dict[str, SecretText]]) -> "AskedExecutor":
        """One that can be asked; returns at once."""
        return AskedExecutor(self._executor, self._jenkins, self._job, self._begins_within)


class AskedExecutor:
    """``ports.changing.Runner`` by a build of the executor's job for each operation."""

    def __init__(
        self, executor: Bulkhead[ExecutorSource], jenkins: Connection, job: str, begins_within: float
    ) -> None:
        self._executor = executor
        self._jenkins = jenkins
        self._job = job
        self._begins_within = begins_within
        self.where = f"{jenkins.name}:{job}"
        self._said = ""
        self._has_given_up = False
        self._left = threading.Event()
        self.followed: threading.Thread | None = None
        """Looks at queue item and build, until that has ended."""

    def go(self, operation: str) -> None:
        """Ask for it; raises StillWaitsError."""
        name = self._jenkins.name
        try:
            item = self._executor.call(lambda system: system.ask(operation))
        except SourceError as error:
            raise StillWaitsError(
                f"The executor could not be asked: {error}. The plan waits; "
                f"`fedesk execute {operation}` asks again."
            ) from None
        self._said = f"{name} was asked: {self._job} is in its queue as item {item}"
        self.followed = threading.Thread(
            target=self._follow, args=(operation, item), name="follow the executor", daemon=True
        )
        self.followed.start()

    def trouble(self) -> str:
        """Where the job has got to."""
        return self._said

    def delay(self) -> float:
        """As long as Jenkins may take to begin; nothing once the job has ended."""
        return 0.0 if self._has_given_up else self._begins_within

    def cancel(self) -> None:
        """Look no more; what was asked for goes on."""
        self._left.set()

    def _follow(self, operation: str, item: int) -> None:
        build = ""
        while not self._left.wait(LOOK_EVERY):
            try:
                build = build or self._begun(operation, item)
                if build and self._has_ended(build):
                    return
            except SourceError as error:
                self._said = f"{self._job} cannot be looked at: {error}"

    def _begun(self, operation: str, item: int) -> str:
        """The build's reference, once there is one."""
        if self._jenkins.queues is None:
            return ""
        found = self._jenkins.queues.call(lambda system: system.follow_queue(item, self._job, operation))
        self._said = found.said
        if found.state in (StepState.FAILED, StepState.UNKNOWN):
            self._has_given_up = True
        return found.reference.removeprefix("build:") if found.state is StepState.DONE else ""

    def _has_ended(self, build: str) -> bool:
        if self._jenkins.runs is None:
            return True
        name = RunName(self._jenkins.name, f"{self._job}#{build}")
        run = self._jenkins.runs.call(lambda system: system.run(name.id)).run
        if run.state.is_final:
            self._said = f"{name} has ended {run.state.value}; `fedesk log {name}` has its words"
            self._has_given_up = True
        return run.state.is_final


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
