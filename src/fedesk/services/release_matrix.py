"""What is deployed where, read from deploy jobs, and what the targets themselves say of it.

Every connection is asked side by side, once, through its bulkhead. One that is away leaves what was known of
its environment, marked, and all others as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from operator import itemgetter
from types import MappingProxyType

from fedesk.domain.catalogue import AirflowCheck, AirflowLook, Catalogue, Service, dag_of, in_environment
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure
from fedesk.domain.operations import Operation
from fedesk.domain.partitions import of_service
from fedesk.domain.release_matrix import (
    KnownReleases,
    Matrix,
    MatrixRow,
    ReleaseOperation,
    agrees,
    cell_of,
    number_of,
    release_operation,
    remembered,
)
from fedesk.domain.releases import Cell, Deployment, ReleaseStop, Sighting
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import StoreError
from fedesk.ports.releasing import DagServed, DeployJob, DeploySource, JobRead
from fedesk.ports.sources import Clock, Connection
from fedesk.services.failing import failure_of
from fedesk.services.hiding import hidden, hide_in_run
from fedesk.services.side_by_side import side_by_side

DEADLINE = 60.0
"""Seconds for one connection: its one request, and one for each service with a new release."""
DEPTH = 10
QUERY_TAG = '{"fedesk": "release matrix"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSources:
    """Where what is told of releases comes from."""

    catalogue: Catalogue
    connections: tuple[Connection, ...]
    """Of all environments."""
    environments: tuple[str, ...]
    """In the order in which releases go through them."""
    clock: Clock
    operations: Callable[[Sequence[str], int], Sequence[Operation]]
    """Promotions and rollbacks, newest first: so many of each reservation. Raises StoreError."""
    stops: Callable[[], Sequence[ReleaseStop]] = tuple
    """Stops in force, of all services and environments. Raises StoreError."""

    def of(self, environment: str) -> Iterator[Connection]:
        """The connections of one environment."""
        return (one for one in self.connections if one.name.environment == environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of what a matrix is wanted."""

    services: tuple[str, ...] = ()
    """All of the catalogue where none is named."""
    environments: tuple[str, ...] = ()
    """All where none is named."""
    depth: int = DEPTH
    """Builds of each deploy job that are read, and operations of each service where it is."""
    sightings: bool = True
    """Whether Airflow is asked what it serves."""
    schemas: bool = False
    """Whether Snowflake is asked: that wakes a warehouse."""
    stages: bool = False
    """Whether deploy jobs are asked how their own verification ended: a request more for each new release.

    Of one service it then tells of the newest builds, too.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRead:
    """A matrix, and what is worth keeping of how it was read."""

    matrix: Matrix
    known: KnownReleases
    """For the next time."""
    operations: tuple[ReleaseOperation, ...]
    """Promotions and rollbacks of the store, newest first."""
    stops: tuple[ReleaseStop, ...]
    failures: Mapping[ConnectionName, Failure]
    """Of connections that could not be read."""
    found: tuple[Deployment, ...] = ()
    """All builds that were read; of these ``known`` has the newest that have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What the store said."""

    operations: tuple[ReleaseOperation, ...] = ()
    stops: tuple[ReleaseStop, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one connection said."""

    reads: tuple[JobRead, ...] = ()
    served: Mapping[str, DagServed] = field(default_factory=lambda: MappingProxyType({}))
    schemas: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    """The answer of each service's query; None for NULL or no row."""
    kept: _Kept = _Kept()
    """Of the store alone."""
    failure: Failure | None = None
    at: datetime | None = None


def read_matrix(
    sources: ReleaseSources,
    known: KnownReleases,
    asked: Asked | None = None,
    tell: Callable[[ConnectionName], None] = lambda _: None,
) -> MatrixRead:
    """Ask every connection that has a part in it; as slow as the slowest, and raises nothing.

    Of a Jenkins one request, and one for each service whose newest release is not ``known``. ``tell`` hears
    of each connection that has answered, on a thread of its own.
    """
    asked = asked or Asked()
    services = _services(sources.catalogue, asked.services)
    environments = tuple(
        one for one in sources.environments if not asked.environments or one in asked.environments
    )
    questions: dict[ConnectionName, Callable[[], _Answer]] = {}
    for environment in environments:
        for connection in sources.of(environment):
            question = _question(connection, services, sources, known, asked)
            if question is not None:
                questions[connection.name] = partial(_told, question, connection.name, tell)
    held = [of_service(environment, one.name) for environment in environments for one in services]
    *answers, stored = side_by_side(
        [*questions.values(), lambda: _Answer(kept=_kept(sources, held, asked.depth))], "read releases"
    )
    by_name = dict(zip(questions, answers, strict=True))
    return _matrix(_Read(sources, services, environments, known, by_name, stored.kept))


def _services(catalogue: Catalogue, names: Sequence[str]) -> tuple[Service, ...]:
    return tuple(
        one
        for one in catalogue.services.values()
        if one.deploy is not None and (not names or one.name in names)
    )


def _told(
    question: Callable[[], _Answer], name: ConnectionName, tell: Callable[[ConnectionName], None]
) -> _Answer:
    answer = question()
    tell(name)
    return answer


def _kept(sources: ReleaseSources, held: Sequence[str], depth: int) -> _Kept:
    try:
        operations = sources.operations(held, depth)
        stops = tuple(sources.stops())
    except StoreError as error:
        return _Kept(trouble=f"It cannot be told what was verified or stopped: {error}")
    told = (release_operation(one) for one in operations)
    return _Kept(operations=tuple(one for one in told if one is not None), stops=stops)


# Asking


def _question(
    connection: Connection,
    services: Sequence[Service],
    sources: ReleaseSources,
    known: KnownReleases,
    asked: Asked,
) -> Callable[[], _Answer] | None:
    """What a connection is asked; None where it has no part in it."""
    environment = connection.name.environment
    ask: Callable[[], _Answer] | None = None
    if connection.deploys is not None and services:
        jobs = tuple(job for service in services if (job := job_of(service, environment)) is not None)
        ask = partial(_of_jenkins, connection, jobs, known, asked)
    elif connection.dags is not None and asked.sightings:
        dags = tuple(dict.fromkeys(dag for one in services for dag in _dags(sources, one, environment)))
        ask = partial(_of_airflow, connection, dags) if dags else None
    elif connection.queries is not None and asked.schemas:
        queries = {one.name: one.schema_version for one in services if one.schema_version}
        ask = partial(_of_snowflake, connection, queries) if queries else None
    return None if ask is None else partial(_asked, ask, connection, sources.clock)


def _asked(ask: Callable[[], _Answer], connection: Connection, clock: Clock) -> _Answer:
    """What a connection answers; what goes wrong there is its own failure."""
    try:
        return replace(ask(), at=clock.now())
    except Exception as error:  # noqa: BLE001 - a fault in one adapter must leave the others' answers
        return _Answer(failure=failure_of(error, f"reading releases in {connection.name}"))


def job_of(service: Service, environment: str) -> DeployJob | None:
    """A service's deploy job in an environment; None where it has none."""
    if service.deploy is None:
        return None
    job = in_environment(service.deploy.job, environment)
    return DeployJob(service=service.name, job=job, deploy=service.deploy)


def _dags(sources: ReleaseSources, service: Service, environment: str) -> Iterator[str]:
    for pipeline in sources.catalogue.pipelines.values():
        if pipeline.service == service.name and pipeline.dag:
            yield dag_of(pipeline, environment)
    yield from (check.dag for check in service.verify if isinstance(check, AirflowCheck) and check.dag)


def _of_jenkins(
    connection: Connection, jobs: tuple[DeployJob, ...], known: KnownReleases, asked: Asked
) -> _Answer:
    if connection.deploys is None:
        raise AssertionError("only who deploys is asked")

    def ask(source: DeploySource) -> tuple[JobRead, ...]:
        reads = source.deployments(jobs, known.deployments, depth=asked.depth)
        stages = {one.service: one.deploy.verification_stage for one in jobs}
        return tuple(
            _verified_by_itself(source, read, known, stages[read.service], asked)
            if stages[read.service]
            else read
            for read in reads
        )

    return _Answer(reads=tuple(_hidden(one) for one in connection.deploys.call(ask, deadline=DEADLINE)))


def _verified_by_itself(
    source: DeploySource, read: JobRead, known: KnownReleases, stage: str, asked: Asked
) -> JobRead:
    """The same with how the job's own verification ended: as it is known, else asked in one request.

    Of one service alone the newest builds are asked about, of several what runs.
    """
    good = [one for one in read.deployments if one.run.state is State.SUCCEEDED and not one.is_dry_run]
    before = (known.deployments.get(str(one.run.name)) for one in good)
    ends = {one.run.name.id: one.own_verification for one in before if one is not None}
    unknown = [run for one in good if ends.get(run := one.run.name.id) is None]
    told: dict[str, State | None] = {}
    if asked.stages and len(asked.services) == 1 and {one.run.name.id for one in good[:DEPTH]} & {*unknown}:
        told |= source.stage_ends(good[0].run.job, stage)
    elif asked.stages and good and good[0].run.name.id in unknown:
        told[good[0].run.name.id] = source.stage(good[0].run.name.id, stage)

    def of(one: Deployment) -> Deployment:
        run = one.run.name.id
        if one.own_verification is not None or one not in good:
            return one
        ended = ends.get(run) or told.get(run)
        return replace(one, own_verification=ended, has_unread_stage=ended is None and run not in told)

    return replace(read, deployments=tuple(map(of, read.deployments)))


def _hidden(read: JobRead) -> JobRead:
    return replace(
        read,
        trouble=hidden(read.trouble),
        deployments=tuple(
            replace(one, run=hide_in_run(one.run), unread=hidden(one.unread), by=hidden(one.by))
            for one in read.deployments
        ),
    )


def _of_airflow(connection: Connection, dags: tuple[str, ...]) -> _Answer:
    if connection.dags is None:
        raise AssertionError("only who serves DAGs is asked")
    return _Answer(served=connection.dags.call(lambda source: source.served(dags)))


def _of_snowflake(connection: Connection, queries: Mapping[str, str]) -> _Answer:
    if connection.queries is None:
        raise AssertionError("only who answers queries is asked")
    found: dict[str, str | None] = {}
    for service, query in queries.items():
        asked = in_environment(query, connection.name.environment)
        try:
            found[service] = connection.queries.call(
                lambda source, asked=asked: source.scalar(asked, {}, tag=QUERY_TAG)  # type: ignore[misc]  # a loop's variable, bound
            )
        except NotFoundError:
            found[service] = None
    return _Answer(schemas=found)


# Putting together


@dataclass(frozen=True)
class _Read:
    """All that was asked and answered."""

    sources: ReleaseSources
    services: tuple[Service, ...]
    environments: tuple[str, ...]
    known: KnownReleases
    answers: Mapping[ConnectionName, _Answer]
    kept: _Kept

    @cached_property
    def by_job(self) -> Mapping[tuple[ConnectionName | None, str, str], Sequence[Deployment]]:
        """What was known before, by connection, job and service."""
        found: dict[tuple[ConnectionName | None, str, str], list[Deployment]] = {}
        for one in self.known.deployments.values():
            found.setdefault((one.run.name.connection, one.run.job, one.service), []).append(one)
        return found


def _matrix(read: _Read) -> MatrixRead:
    rows = tuple(
        MatrixRow(
            service=service.name,
            owner=str(service.owner),
            cells=tuple(_cell(read, service, environment) for environment in read.environments),
            stops=tuple(one for one in read.kept.stops if one.service == service.name),
        )
        for service in read.services
    )
    failures = {name: answer.failure for name, answer in read.answers.items() if answer.failure is not None}
    troubles = [one.sentence for one in failures.values()]
    found = [
        deployment
        for answer in read.answers.values()
        for job in answer.reads
        for deployment in job.deployments
    ]
    read_at = {str(name): answer.at for name, answer in read.answers.items() if answer.at and answer.reads}
    return MatrixRead(
        matrix=Matrix(
            at=read.sources.clock.now(),
            environments=read.environments,
            rows=rows,
            troubles=(*troubles, *([read.kept.trouble] if read.kept.trouble else [])),
        ),
        known=remembered(read.known, found, read_at),
        operations=read.kept.operations,
        stops=read.kept.stops,
        failures=failures,
        found=tuple(found),
    )


def _cell(read: _Read, service: Service, environment: str) -> Cell:
    """The cell of the Jenkins that has the job, else of one that is away, else of one that lacks it."""
    job = job_of(service, environment)
    blank = Cell(service=service.name, environment=environment, connection=None)
    found: list[tuple[int, Cell]] = []
    for connection in read.sources.of(environment):
        answer = read.answers.get(connection.name)
        if connection.deploys is None or answer is None or job is None:
            continue
        cell = _of_job(read, replace(blank, connection=connection.name, job=job.job), answer)
        doubt = 0 if not cell.trouble else 1 if answer.failure is not None else 2
        found.append((doubt, cell))
    if not found:
        return blank
    best = min(found, key=itemgetter(0))[1]
    return replace(best, sightings=tuple(_sightings(read, service, best)))


def _of_job(read: _Read, blank: Cell, answer: _Answer) -> Cell:
    job = next((one for one in answer.reads if one.service == blank.service), None)
    trouble = answer.failure.sentence if answer.failure is not None else job.trouble if job else ""
    found = () if job is None else job.deployments
    # What was read before and is not listed any more was deployed all the same.
    oldest = min(map(number_of, found), default=None)
    older = [
        one
        for one in read.known.deployments.values()
        if (one.run.name.connection, one.run.job, one.service) == (blank.connection, blank.job, blank.service)
        and (oldest is None or number_of(one) < oldest)
    ]
    at = answer.at or read.known.read_at.get(str(blank.connection))
    return cell_of(
        replace(blank, trouble=trouble, observed_at=at),
        () if job is not None and job.trouble else (*found, *older),
        read.kept.operations,
        read.kept.stops,
    )


def _sightings(read: _Read, service: Service, cell: Cell) -> Iterator[Sighting]:
    """What Airflow and Snowflake say beside the deploy job."""
    if cell.current is None or cell.current.release is None:
        return
    release = cell.current.release
    told = {
        check.dag
        for check in service.verify
        if isinstance(check, AirflowCheck)
        and check.check is AirflowLook.DAG_VERSION
        and "{commit}" in check.expect
    }
    dags = tuple(dict.fromkeys(_dags(read.sources, service, cell.environment)))
    for name, answer in read.answers.items():
        if name.environment != cell.environment:
            continue
        for dag in dags:
            served = answer.served.get(dag)
            if served is not None and answer.at is not None:
                agree = agrees(release.commit, served.bundle_version, is_told=dag in told)
                yield _served(name, served, answer.at, agree=agree)
        if service.name in answer.schemas and answer.at is not None:
            said = answer.schemas[service.name]
            last = release.migrations[-1].id if release.migrations else ""
            yield Sighting(
                source=f"{name} schema version",
                said=hidden(said) if said is not None else "no row",
                agrees=None if not last or said is None else said == last,
                observed_at=answer.at,
            )


def _served(name: ConnectionName, served: DagServed, at: datetime, *, agree: bool | None) -> Sighting:
    bundle = f", {served.bundle} {served.bundle_version}".rstrip() if served.bundle else ""
    return Sighting(
        source=f"{name} DAG {served.dag_id}",
        said=f"version {served.version or 'unknown'}{bundle}",
        agrees=agree,
        observed_at=at,
        link=served.link,
    )
