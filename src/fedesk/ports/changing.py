"""What services need around a change: previews that cannot change anything, looking up effects, the launcher.

The Protocol with ``apply`` is not here: ``services.operation_runner`` alone holds it.
"""

from collections.abc import Callable
from typing import Protocol

from fedesk.domain.names import ConnectionName, TaskName
from fedesk.domain.operations import Call, Owner, Progress, Settlement
from fedesk.domain.reruns import ClearPreview, RebuildPreview, TaskPin
from fedesk.ports.endpoint import SecretText
from fedesk.ports.sources import Connection


class ClearSource(Protocol):
    """Airflow, as plans of clears are made from it. Raises SourceError; changes nothing."""

    def clear_preview(self, run_id: str, task: TaskName | None) -> ClearPreview:
        """What clearing the failed tasks of ``DAG/RUN_ID`` touches, by the dry run; of one task where named.

        Where the dry run is forbidden, the same by reads alone.
        """

    def clear_state(self, run_id: str, tasks: tuple[TaskPin, ...]) -> tuple[TaskPin, ...]:
        """How the same task instances of ``DAG/RUN_ID`` stand now, in the order asked for.

        One that is gone is left out. A cleared one has the state ``none`` and its old try number until it is
        scheduled again; from then on the try number is higher.
        """


class RebuildSource(Protocol):
    """Jenkins, as plans of builds are made from it. Raises SourceError; changes nothing."""

    def rebuild_preview(self, build_id: str) -> RebuildPreview:
        """What building ``FOLDER/JOB#NUMBER`` again with its parameters would meet."""


class QueueSource(Protocol):
    """Jenkins, as a queue item is followed to its build. Raises SourceError; changes nothing."""

    def follow_queue(self, item: int, job: str, operation: str) -> Progress:
        """Where a queue item of a job has got to; ``operation`` is its FEDESK_OPERATION, or empty.

        WAITING with Jenkins' own why, DONE with reference ``build:N`` and the build's link, FAILED where it
        was cancelled or left without a build, UNKNOWN where Jenkins has forgotten it and no build is found.
        """


class Settles(Protocol):
    """A system in which effects are looked up."""

    def settle(self, call: Call) -> Settlement:
        """Whether the effect of a (filled) call is there. Looks, and never sends. Raises SourceError."""

    def close(self) -> None:
        """Let go of sockets and sessions; never waits for the network."""


class Systems(Protocol):
    """The configured systems, by connection."""

    def reading(self, name: ConnectionName) -> Connection:
        """How a connection is read; raises NotFoundError where it is not configured."""

    def of(self, environment: str) -> tuple[Connection, ...]:
        """Every configured system of an environment, in the order of the configuration."""

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        """Look an effect up through the connection's bulkhead. Raises SourceError."""


class Processes(Protocol):
    """Processes of this machine and of others."""

    def me(self) -> Owner:
        """This process."""

    def is_alive(self, owner: Owner) -> bool | None:
        """Whether an owner still lives; None where that cannot be told, on another host.

        On the same host an owner of another boot is dead.
        """


class Runner(Protocol):
    """A process that executes operations, loaded and waiting; or an executor elsewhere that is asked to."""

    where: str
    """The executor: ``prod/jenkins:fedesk/execute``; empty for a process of this machine."""

    def go(self, operation: str) -> None:
        """Execute a confirmed operation, in a process of its own. Returns at once; raises LaunchError."""

    def trouble(self) -> str:
        """What the process wrote to stderr, cleaned; empty where it wrote nothing."""

    def delay(self) -> float:
        """Seconds that beginning may take longer than it takes a process that is warm, as it looks now."""

    def cancel(self) -> None:
        """End the waiting process; operations that go on are left alone."""


class ExecutorSource(Protocol):
    """A job of Jenkins that executes operations. Raises SourceError."""

    def ask(self, operation: str) -> int:
        """Have it take an operation up; the number of its queue item."""

    def ask_for_draft(self, run: str, request: str) -> int:
        """Have it draft a re-run and change nothing; ``request`` is the id by which its build is known.

        The number of its queue item.
        """

    def close(self) -> None:
        """Let go of sockets and sessions; never waits for the network."""


class Launcher(Protocol):
    """Starts runners."""

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> Runner:
        """Start a runner now, so that it has loaded when it is needed; returns at once.

        Credentials are looked up here, where a keyring's prompt can be answered, and go through a pipe.
        """


class LaunchError(Exception):
    """The runner could not be started, or has ended: one sentence with its own words."""


class StillWaitsError(LaunchError):
    """What was confirmed waits: an executor carries it out, and nobody has reached it."""
