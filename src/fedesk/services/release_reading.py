"""Releases as they are looked at: what is where, what lies between, what was deployed before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fedesk.domain.dora import Dora, dora_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure
from fedesk.domain.operations import Operation
from fedesk.domain.release_batch import in_order
from fedesk.domain.release_diff import TicketPattern
from fedesk.domain.release_history import HistoryRow, history_of
from fedesk.domain.release_matrix import KnownReleases, number_of
from fedesk.domain.releases import Cell, Deployment, ReleaseRequest
from fedesk.domain.runs import Change
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.services.hiding import hidden
from fedesk.services.release_diff import DiffRead, read_diff
from fedesk.services.release_matrix import Asked, MatrixRead, ReleaseSources, read_matrix

DORA_DEPTH = 200
"""Builds of a deploy job that are looked at for DORA's metrics."""
Tell = Callable[[ConnectionName], None]
"""Hears of each connection that has answered, on a thread of its own."""


def _nobody(name: ConnectionName) -> None:
    del name


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRead:
    """What was deployed of a service in an environment."""

    cell: Cell
    rows: tuple[HistoryRow, ...]
    """Newest first."""
    failures: Mapping[ConnectionName, Failure]
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReading:
    """Reads releases and changes nothing; what was read before is not asked for again. Blocking."""

    sources: ReleaseSources
    load: Callable[[], KnownReleases]
    """What was read before."""
    keep: Callable[[KnownReleases], None]
    """Takes what is worth keeping; raises nothing."""
    tickets: tuple[TicketPattern, ...] = ()
    """What a ticket looks like in a commit's message."""

    def request(
        self, kind: str, service: str, environment: str, digest: str = "", origin: str = ""
    ) -> ReleaseRequest:
        """What is asked for, at the Jenkins of its environment."""
        deploying = (one.name for one in self.sources.connections if one.deploys is not None)
        there = (name for name in deploying if name.environment == environment)
        return ReleaseRequest(
            kind=kind,
            service=service,
            environment=environment,
            connection=next(there, ConnectionName(environment, "jenkins")),
            digest=digest,
            origin=origin,
        )

    def ordered(self, services: Sequence[str]) -> tuple[str, ...]:
        """Services of a batch, what others depend on first. Raises CircleError."""
        return in_order(self.sources.catalogue, services)

    def is_put_back(self, ended: Operation) -> bool:
        """Whether a rollback follows an operation by itself, as the catalogue says."""
        from fedesk.services.automatic_rollback import wanted

        return wanted(ended, self.sources.catalogue) is not None

    def matrix(self, asked: Asked | None = None, tell: Tell = _nobody) -> MatrixRead:
        """What is deployed where; raises nothing, see ``services.release_matrix``."""
        read = read_matrix(self.sources, self.load(), asked, tell)
        self.keep(read.known)
        return read

    def digests(self, service: str, beginning: str) -> tuple[str, ...]:
        """Digests of a service's known releases that begin so; raises nothing.

        Deploy jobs are asked where what was read before does not know exactly one.
        """
        found = _digests(self.load(), service, beginning)
        if len(found) == 1:
            return found
        return _digests(self.matrix(Asked(services=(service,), sightings=False)).known, service, beginning)

    def diff(self, service: str, names: tuple[str, str], tell: Tell = _nobody) -> DiffRead:
        """What the second has that the first has not. Raises SourceError, see ``services.release_diff``."""
        read = read_diff(self.sources, self.load(), service, names, self.tickets, tell)
        self.keep(read.known)
        return read

    def history(self, service: str, environment: str, depth: int = 30, tell: Tell = _nobody) -> HistoryRead:
        """The builds of a service's deploy job there; raises NotFoundError where it has none."""
        wanted = Asked(
            services=(service,), environments=(environment,), depth=depth, sightings=False, stages=True
        )
        read = self.matrix(wanted, tell)
        cell = read.matrix.cell(service, environment)
        if cell is None or cell.connection is None:
            raise NotFoundError(f"{service} has no deploy job in {environment}, as the catalogue says.")
        return HistoryRead(
            cell=cell,
            rows=history_of(_of_cell(read, cell), read.operations)[:depth],
            failures=read.failures,
            troubles=read.matrix.troubles,
        )

    def dora(self, service: str, environment: str, length: timedelta, tell: Tell = _nobody) -> Dora:
        """DORA's four of a service in an environment; two requests. Raises NotFoundError."""
        until = self.sources.clock.now()
        read = self.history(service, environment, DORA_DEPTH, tell)
        numbers = [number_of(row.deployment) for row in read.rows]
        changes, untold = commits_of(self.sources, read.cell, numbers)
        return dora_of(
            read.rows,
            changes,
            service=service,
            environment=environment,
            since=until - length,
            until=until,
            is_whole=bool(numbers) and len(numbers) < DORA_DEPTH and min(numbers) <= 1,
            untold=(*read.troubles, *untold),
        )


def commits_of(
    sources: ReleaseSources, cell: Cell, numbers: Sequence[int]
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Commits that came in with builds of a cell's deploy job, and what cannot be told of them."""
    connection = next((one for one in sources.connections if one.name == cell.connection), None)
    if not numbers or connection is None or connection.deploys is None:
        return (), ()
    after, until = min(numbers) - 1, max(numbers)
    try:
        found = connection.deploys.call(lambda source: source.changes_between(cell.job, after, until))
    except SourceError as error:
        return (), (f"Which commits came in is not known: {hidden(str(error))}",)
    return found.changes, ()


def _digests(known: KnownReleases, service: str, beginning: str) -> tuple[str, ...]:
    whole = f"sha256:{beginning.removeprefix('sha256:')}"
    releases = (one.digest for one in known.deployments.values() if one.service == service)
    return tuple(sorted({one for one in releases if one.startswith(whole)}))


def _of_cell(read: MatrixRead, cell: Cell) -> tuple[Deployment, ...]:
    """All that is known of a cell's job: what was read now, and before."""
    every = {**read.known.deployments, **{str(one.run.name): one for one in read.found}}
    return tuple(
        one
        for one in every.values()
        if (one.run.name.connection, one.run.job, one.service) == (cell.connection, cell.job, cell.service)
    )
