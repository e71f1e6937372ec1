"""Reading: what a service may ask of a system, and how it is reached without being held up by it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from fedesk.domain.identity import Identity
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Observation
from fedesk.domain.runs import LogChunk, LogEnd, LogRequest, Run, RunDetail
from fedesk.domain.states import System

if TYPE_CHECKING:
    from fedesk.ports.changing import ClearSource, QueueSource, RebuildSource
    from fedesk.ports.examining import ExaminedSource
    from fedesk.ports.releasing import (
        DagSource,
        DeploySource,
        FollowsBuilds,
        HealthSource,
        QuerySource,
        RegistrySource,
        SecretSource,
    )
    from fedesk.ports.surveying import SurveySource
    from fedesk.ports.tracing import TraceSource
    from fedesk.ports.trying import PartSource

Result = TypeVar("Result")
AdapterT_co = TypeVar("AdapterT_co", covariant=True)


class Source(Protocol):
    """A system as the board reads it. Raises SourceError; blocking, called on the bulkhead's threads only."""

    def observe(self, previous: Observation | None) -> Observation:
        """Look once. What ``previous`` already holds finished is not fetched again."""

    def close(self) -> None:
        """Let go of sockets and sessions; never waits for the network."""


class IdentitySource(Source, Protocol):
    """A system that says whom it takes one for."""

    def whoami(self) -> Identity:
        """Log in, ask as whom, and change nothing; raises SourceError.

        UnauthenticatedError where the credential is wrong, expired or revoked. One that is right and may do
        nothing is an identity all the same.
        """


class RunSource(Source, Protocol):
    """A system that has runs: Jenkins and Airflow."""

    def run(self, run_id: str) -> RunDetail:
        """One run by the system's own name, with its steps; raises NotFoundError."""

    def runs(self, job: str, limit: int) -> tuple[Run, ...]:
        """The newest runs of a job or DAG, newest first."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log that follows ``cursor``; ``""`` begins at the start."""

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """The last lines of a long log, ahead of the rest; None where it is short, or cannot be had so."""


class Bulkhead(Protocol[AdapterT_co]):
    """The one way to an adapter: bounded in concurrency and in total time."""

    def call(self, use: Callable[[AdapterT_co], Result], *, deadline: float | None = None) -> Result:
        """Run ``use`` on a thread of this connection's own and wait at most ``deadline`` seconds for it.

        Raises DeadlineError when time is up (the thread is left to itself), and what ``use`` raises.
        """

    def close(self) -> None:
        """Take no more calls; returns at once, hung threads or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One configured system, ready to be read. Making one opens nothing and imports no client."""

    name: ConnectionName
    system: System
    address: str
    scope: tuple[str, ...] = ()
    """Folders or tags it is limited to; everything when empty."""
    period: float
    """Seconds between two looks of the board."""
    sparing: bool = False
    """A look costs money: one that is younger than the period is good enough."""
    source: Bulkhead[Source]
    patience: float = 40.0
    """Seconds after which a request that was sent may be taken for over, answered or not."""
    runs: Bulkhead[RunSource] | None = None
    """The same bulkhead, for a system that has runs."""
    clears: "Bulkhead[ClearSource] | None" = None
    """The same bulkhead, for an Airflow whose tasks may be cleared."""
    rebuilds: "Bulkhead[RebuildSource] | None" = None
    """The same bulkhead, for a Jenkins whose builds may be repeated."""
    queues: "Bulkhead[QueueSource] | None" = None
    """The same bulkhead, for a Jenkins whose queue items are followed to their builds."""
    identity: Bulkhead[IdentitySource] | None = None
    """The same bulkhead, for a system that says who one is."""
    parts: "Bulkhead[PartSource] | None" = None
    """The same bulkhead, for a system whose parts are not told by what a look finds."""
    traces: "Bulkhead[TraceSource] | None" = None
    """The same bulkhead, for a system that carries the ids of operations."""
    examined: "Bulkhead[ExaminedSource] | None" = None
    """The same bulkhead, for a system that can be examined."""
    surveys: "Bulkhead[SurveySource] | None" = None
    """The same bulkhead, for a system that describes its jobs."""
    deploys: "Bulkhead[DeploySource] | None" = None
    """The same bulkhead, for a Jenkins whose jobs deploy."""
    builds: "Bulkhead[FollowsBuilds] | None" = None
    """The same bulkhead, for a Jenkins whose builds are followed to their ends."""
    dags: "Bulkhead[DagSource] | None" = None
    """The same bulkhead, for an Airflow whose DAGs releases change."""
    queries: "Bulkhead[QuerySource] | None" = None
    """The same bulkhead, for a Snowflake that is asked what a release has come to."""
    secrets: "Bulkhead[SecretSource] | None" = None
    """The same bulkhead, for a Vault or a Snowflake that tells how old some secrets are."""
    registry: "Bulkhead[RegistrySource] | None" = None
    """Of a Jenkins: the registry of its environment, from which its deploy jobs take images."""
    health: "Bulkhead[HealthSource] | None" = None
    """Of a Jenkins: how addresses of what it deploys are looked at."""

    def close(self) -> None:
        """Take no more calls, of the system and of what belongs to it; waits for none."""
        for bulkhead in (self.source, self.registry, self.health):
            if bulkhead is not None:
                bulkhead.close()


class Clock(Protocol):
    """The time, injected so that tests can hold it still."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
