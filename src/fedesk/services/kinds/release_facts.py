"""What the gates of a release are judged by, read from the systems: each once, and what failed beside it.

A plan asks each connection at most five times (``tests/contract/test_release_requests.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fedesk.domain.catalogue import (
    Catalogue,
    Deploy,
    Pipeline,
    Service,
    dag_of,
    in_environment,
    secrets_of,
)
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.operations import Evidence
from fedesk.domain.partitions import of_service
from fedesk.domain.release_gates import RegistrySeen, UpstreamSeen
from fedesk.domain.release_matrix import KINDS, ReleaseOperation, cell_of, release_operation
from fedesk.domain.releases import Cell, Deployment, Release, ReleaseRequest, ReleaseStop
from fedesk.domain.secrets import SecretAge, SecretMetadata, judge
from fedesk.domain.states import State, System
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.releasing import DeployJob, DeployPreview, DeploySource, JobRead
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.services.boards import MAX_AGE, WARN_BEFORE
from fedesk.services.operation_kinds import Around

_OPERATIONS = 200
"""Newest promotions and rollbacks of a service in an environment that are looked at."""
MOST_REQUESTS = 5
"""Requests that the plan of a promotion or a rollback may ask of one connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployable:
    """A service that has a deploy job, and where."""

    service: Service
    deploy: Deploy
    connection: Connection
    job: DeployJob


def deployable(service: str, environment: str, connection: Connection, catalogue: Catalogue) -> Deployable:
    """The service with its job; raises NotFoundError where the catalogue or the connection has none."""
    found = catalogue.services.get(service)
    if found is None or found.deploy is None:
        what = "describes no service" if found is None else "names no deploy job of"
        raise NotFoundError(
            f"The catalogue {what} {service}; services.{service}.deploy.job says which it is."
        )
    if connection.deploys is None:
        raise NotFoundError(f"{connection.name} is not configured as a Jenkins whose jobs deploy.")
    job = in_environment(found.deploy.job, environment)
    return Deployable(
        service=found,
        deploy=found.deploy,
        connection=connection,
        job=DeployJob(service=service, job=job, deploy=found.deploy),
    )


def preview_of(
    what: Deployable,
    request: ReleaseRequest,
    beside: DeployJob | None = None,
    *,
    depth: int = 20,
    declared_alone: bool = False,
) -> DeployPreview:
    """What triggering its job would meet: three requests, with a job of its folder listed beside it or not.

    With ``declared_alone`` it is two. An executor that may read more of the job than whoever made the plan
    pins what the plan has pinned. Raises NotFoundError for a job that is missing, SourceError.
    """
    is_alone = declared_alone or request.declared_alone
    return _deploys(what).call(
        lambda source: source.deploy_preview(what.job, beside, depth=depth, declared_alone=is_alone)
    )


def quieting_down(what: Deployable) -> bool:
    """Whether its Jenkins starts nothing new: one request. Raises SourceError."""
    return _deploys(what).call(lambda source: source.quieting_down())


def _deploys(what: Deployable) -> Bulkhead[DeploySource]:
    if what.connection.deploys is None:
        raise NotFoundError(f"{what.connection.name} is not configured as a Jenkins whose jobs deploy.")
    return what.connection.deploys


def origin_of(request: ReleaseRequest, environments: Mapping[str, EnvironmentFacts]) -> str:
    """The environment that is promoted from: the one named, else the one configured; empty where none is."""
    configured = environments.get(request.environment)
    return request.origin or (configured.promote_from if configured is not None else "")


def operations_of(around: Around, environment: str, service: str) -> tuple[ReleaseOperation, ...]:
    """What fedesk has released of a service in an environment, the newest first."""
    mine = of_service(environment, service)
    found = around.store.operations(environment=environment, kinds=KINDS, reserves=(mine,), limit=_OPERATIONS)
    return tuple(one for each in found if (one := release_operation(each)) is not None)


def cell(
    what: Deployable,
    environment: str,
    deployments: Sequence[Deployment],
    operations: Sequence[ReleaseOperation],
    stops: Iterable[ReleaseStop] = (),
) -> Cell:
    """What runs where, of a job's builds."""
    blank = Cell(
        service=what.service.name,
        environment=environment,
        connection=what.connection.name,
        job=what.job.job,
    )
    return cell_of(blank, deployments, operations, stops)


def listed(what: Deployable, jobs: tuple[DeployJob, ...]) -> list[tuple[Deployment, ...]]:
    """The newest builds of jobs on its connection, its own first: one request. Raises SourceError.

    Raises NotFoundError where its own job is not there; of another one the builds are then empty.
    """
    first, *others = _deploys(what).call(lambda source: source.listed(jobs))
    return [builds_of(first), *(one.deployments for one in others)]


def builds_of(read: JobRead) -> tuple[Deployment, ...]:
    """The builds of a job that was read; raises NotFoundError where it could not be."""
    if read.trouble:
        raise NotFoundError(read.trouble)
    return read.deployments


def is_whole(found: Deployment) -> bool:
    """Whether all that its build says was read."""
    return found.is_settled or (found.release is not None and bool(found.release.build_url))


def whole(found: Deployment, what: Deployable) -> Deployment:
    """The same with all that its build says, where it was not read: one request."""
    if is_whole(found):
        return found
    return _deploys(what).call(lambda source: source.with_release(what.job, found))


def with_own_verification(found: Deployment, what: Deployable) -> Deployment:
    """The same with how the job's own verification stage ended, where one is named: one request."""
    deploys, stage = what.connection.deploys, what.deploy.verification_stage
    if found.own_verification is not None or deploys is None or not stage:
        return found
    run = found.run.name.id
    return replace(found, own_verification=deploys.call(lambda source: source.stage(run, stage)))


def stage_ends(what: Deployable) -> Mapping[str, State | None]:
    """How the job's own verification ended in its newest builds: one request where a stage is named."""
    stage = what.deploy.verification_stage
    if not stage:
        return {}
    return _deploys(what).call(lambda source: source.stage_ends(what.job.job, stage))


def evidence_of(deployment: Deployment, at: datetime) -> tuple[Evidence, ...]:
    """Where it was seen that a release is deployed."""
    run = deployment.run
    said = f"{run.name.id} {run.original_state}"
    return (Evidence(source=str(run.name.connection), said=said, at=at, link=run.link),)


def registry_seen(release: Release, connection: Connection, at: datetime) -> RegistrySeen:
    """What the registry of the target's environment says of the digest: one request."""
    if connection.registry is None:
        return RegistrySeen(source="", observed_at=at)
    host = release.image.partition("/")[0] or "the registry"
    source = f"{connection.name.environment} registry {host}"
    try:
        found = connection.registry.call(lambda reader: reader.manifest(release.image, release.digest))
    except SourceError as error:
        return RegistrySeen(source=source, trouble=str(error), observed_at=at)
    if found is None:
        return RegistrySeen(source=source, observed_at=at)
    return RegistrySeen(source=source, digest=found.digest, link=found.link, observed_at=found.observed_at)


def carried_by(service: str, catalogue: Catalogue) -> tuple[Pipeline, ...]:
    """The pipelines that a service carries."""
    return tuple(one for one in catalogue.pipelines.values() if one.service == service)


def upstream_seen(service: str, environment: str, around: Around) -> tuple[UpstreamSeen, ...]:
    """The newest run of each pipeline that those of the service wait for: a request for each.

    A look at the whole Airflow would be a page of DAGs for each hundred, and tell no more of these.
    """
    mine = carried_by(service, around.catalogue)
    names = dict.fromkeys(name for one in mine for name in one.upstream)
    own = {one.name for one in mine}
    before = [around.catalogue.pipelines[name] for name in names if name not in own]
    if not before:
        return ()
    airflows = [one for one in around.systems.of(environment) if one.system is System.AIRFLOW]
    return tuple(_upstream_of(one, environment, airflows, around.clock.now()) for one in before)


def _upstream_of(
    pipeline: Pipeline, environment: str, airflows: Sequence[Connection], at: datetime
) -> UpstreamSeen:
    """The newest run of a pipeline, of the first Airflow that has one."""
    trouble, source = "", f"{environment}/airflow"
    dag = dag_of(pipeline, environment)
    for connection in airflows:
        if connection.runs is None:
            continue
        source = str(connection.name)
        try:
            runs = connection.runs.call(lambda reader: reader.runs(dag, 1))
        except NotFoundError:
            continue
        except SourceError as error:
            trouble = str(error)
            continue
        if runs:
            return UpstreamSeen(pipeline=pipeline.name, run=runs[0], source=source, observed_at=at)
    return UpstreamSeen(pipeline=pipeline.name, trouble=trouble, source=source, observed_at=at)


def secrets_seen(
    service: str, environment: str, around: Around
) -> tuple[tuple[str, ...], tuple[SecretAge, ...], str]:
    """Names of the secrets of a service's pipelines, those judged, and why others could not be."""
    mine = carried_by(service, around.catalogue)
    names = tuple(dict.fromkeys(name for one in mine for name in secrets_of(one, environment)))
    found: list[SecretMetadata] = []
    trouble = ""
    for connection in around.systems.of(environment) if names else ():
        try:
            found += _secrets_of(connection, names)
        except SourceError as error:
            trouble = str(error)
    now = around.clock.now()
    seen = {one.name: one for one in found}
    ages = tuple(judge(seen[name], now, MAX_AGE, WARN_BEFORE) for name in names if name in seen)
    trouble = trouble or next(
        (one.problem for one in seen.values() if one.age_from is None and one.problem), ""
    )
    return names, ages, trouble


_KEPT_BY = {System.VAULT: "kv:", System.SNOWFLAKE: "snowflake:"}
"""How the names of the secrets begin that a system keeps."""


def _secrets_of(connection: Connection, names: Sequence[str]) -> Sequence[SecretMetadata]:
    """Those that one system keeps: it is asked for each, and nothing else of it is looked at."""
    kept = _KEPT_BY.get(connection.system)
    if connection.secrets is None or kept is None:
        return ()
    wanted = tuple(name for name in names if name.startswith(kept))
    return connection.secrets.call(lambda reader: reader.ages(wanted)) if wanted else ()
