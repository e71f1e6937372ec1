"""How an environment stands, as ``fedesk status`` tells it: small enough to be kept and read back at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fedesk.domain.front import EnvironmentFacts

if TYPE_CHECKING:
    from fedesk.domain.board import Board

_RUNS_OF_A_JOB = 5
_RUNS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatus:
    """One connection, in the words of the document."""

    name: str
    system: str
    state: str
    latency_ms: int | None
    as_of: datetime | None
    error: str | None
    error_kind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStatus:
    """One pipeline, in the words of the document."""

    name: str
    owner: str | None
    tier: int
    state: str
    last_run: str | None
    """The run's whole name."""
    last_run_at: datetime | None
    next_run: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An environment at one moment, and the names by which its runs can be asked for."""

    environment: EnvironmentFacts
    at: datetime
    connections: tuple[ConnectionStatus, ...]
    pipelines: tuple[PipelineStatus, ...]
    jobs: tuple[str, ...] = ()
    """Pipelines, services, DAGs and Jenkins jobs, by name."""
    runs: tuple[str, ...] = ()
    """Whole names of the newest runs of each job, newest first."""
    services: tuple[str, ...] = ()
    """Services that have a deploy job."""


def status_of(board: "Board") -> Status:
    """The board's connections and pipelines as rows, and its names."""
    # Who reads a status that was kept makes no board.
    from fedesk.domain.board import Role

    pipelines = tuple(
        PipelineStatus(
            name=row.name,
            owner=row.owner or None,
            tier=int(row.tier),
            state=row.state.value,
            last_run=str(row.last_run.name) if row.last_run else None,
            last_run_at=row.last_run.at if row.last_run else None,
            next_run=row.next_run_at,
        )
        for row in board.pipelines
    )
    jobs = {row.name for row in board.pipelines}
    jobs.update(name for one in board.histories for name in (one.subject.name, one.key[1]))
    newest = [run for one in board.histories for run in one.runs[:_RUNS_OF_A_JOB]]
    newest.sort(key=lambda run: run.at.timestamp() if run.at else 0.0, reverse=True)
    return Status(
        environment=board.environment,
        at=board.at,
        connections=tuple(
            ConnectionStatus(
                name=str(one.connection),
                system=one.system.value,
                state=one.standing.value,
                latency_ms=None if one.latency is None else round(one.latency * 1000),
                as_of=one.observed_at,
                error=one.failure.sentence if one.failure else None,
                error_kind=one.failure.kind.value if one.failure else None,
            )
            for one in board.snapshots
        ),
        pipelines=pipelines,
        jobs=tuple(sorted(jobs)),
        runs=tuple(str(run.name) for run in newest[:_RUNS]),
        services=tuple(
            sorted({one.subject.name for one in board.histories if one.subject.role is Role.DEPLOY})
        ),
    )
