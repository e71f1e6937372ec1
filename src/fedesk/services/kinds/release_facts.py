"""What the gates of a release are judged by, read from the systems: each once, and what failed beside it.

A promotion's plan asks each connection at most five times (``tests/contract/test_releasing.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote, urlsplit

from fedesk.domain.catalogue import (
    Catalogue,
    Deploy,
    Pipeline,
    ReleaseSource,
    Service,
    dag_of,
    in_environment,
    secrets_of,
)
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.operations import Evidence
from fedesk.domain.release_gates import BuildSeen, RegistrySeen, UpstreamSeen
from fedesk.domain.release_matrix import KINDS, ReleaseOperation, cell_of, release_operation
from fedesk.domain.releases import Cell, Deployment, Release, ReleaseRequest, ReleaseStop
from fedesk.domain.runs import Run
from fedesk.domain.secrets import SecretAge, SecretMetadata, judge
from fedesk.domain.states import State, System
from fedesk.ports.errors import ConflictError, NotFoundError, SourceError
from fedesk.ports.releasing import DECLARED, DeployJob, DeployPreview
from fedesk.ports.sources import Connection
from fedesk.services.boards import MAX_AGE, WARN_BEFORE
from fedesk.services.operation_kinds import Around

_OPERATIONS = 200
"""Newest promotions and rollbacks of an environment among which a service's are looked for."""
_RELEASE_FILE = "release.json"
_BUILD_ADDRESS = 2
"""Parts of a build's address that are no job: ``job`` before each name, the number behind."""


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


def preview_of(what: Deployable, request: ReleaseRequest) -> DeployPreview:
    """What triggering its job would meet; raises NotFoundError for a job that is missing, SourceError.

    An executor that may read more of the job than whoever made the plan pins what the plan has pinned.
    """
    deploys = what.connection.deploys
    if deploys is None:
        raise NotFoundError(f"{what.connection.name} is not configured as a Jenkins whose jobs deploy.")
    found = deploys.call(lambda source: source.deploy_preview(what.job, {}))
    if not request.declared_alone:
        return found
    return replace(found, definition=found.declared, definition_source=DECLARED)


def origin_of(request: ReleaseRequest, environments: Mapping[str, EnvironmentFacts]) -> str:
    """The environment that is promoted from: the one named, else the one configured; empty where none is."""
    configured = environments.get(request.environment)
    return request.origin or (configured.promote_from if configured is not None else "")


def operations_of(around: Around, environment: str) -> tuple[ReleaseOperation, ...]:
    """What fedesk has released in an environment, the newest first."""
    found = around.store.operations(environment=environment, kinds=KINDS, limit=_OPERATIONS)
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


def deployments_of(what: Deployable) -> tuple[Deployment, ...]:
    """The builds of a deploy job, its newest release read: two requests. Raises SourceError."""
    deploys = what.connection.deploys
    if deploys is None:
        raise NotFoundError(f"{what.connection.name} is not configured as a Jenkins whose jobs deploy.")
    (read,) = deploys.call(lambda source: source.deployments((what.job,), {}))
    if read.trouble:
        raise NotFoundError(read.trouble)
    return read.deployments


def chosen(digest: str, deployments: Sequence[Deployment], where: str) -> Deployment:
    """The deployment of the release that is asked for; the newest that succeeded where none is named.

    Raises ConflictError for a name that may mean another image tomorrow, NotFoundError for one of which
    nothing is known.
    """
    good = [one for one in deployments if one.run.state is State.SUCCEEDED and not one.is_dry_run]
    if not digest:
        if not good:
            raise NotFoundError(f"Nothing was deployed in {where} that could be promoted.")
        return good[0]
    wanted = digest.rpartition("@")[2]
    if not wanted.startswith("sha256:"):
        found = [one for one in good if one.release is not None and one.release.version == wanted]
        if len({one.digest for one in found if one.digest}) == 1:
            return found[0]
        raise ConflictError(
            f"{digest} may mean another image tomorrow; name the release by its digest, sha256:…"
        )
    match = next((one for one in good if one.digest and one.digest.startswith(wanted)), None)
    if match is None:
        raise NotFoundError(f"No build that is known in {where} has deployed {wanted}.")
    return match


def whole(found: Deployment, what: Deployable) -> Deployment:
    """The same with all that its build says, where it was not read: one request."""
    deploys = what.connection.deploys
    release = found.release
    if found.is_settled or deploys is None or (release is not None and release.build_url):
        return found
    number = int(found.run.name.id.rpartition("#")[2])
    try:
        return deploys.call(lambda source: source.deployment(what.job, number))
    except NotFoundError:
        return found


def with_own_verification(found: Deployment, what: Deployable) -> Deployment:
    """The same with how the job's own verification stage ended, where one is named: one request."""
    deploys, stage = what.connection.deploys, what.deploy.verification_stage
    if found.own_verification is not None or deploys is None or not stage:
        return found
    run = found.run.name.id
    return replace(found, own_verification=deploys.call(lambda source: source.stage(run, stage)))


def building(what: Deployable, catalogue: Catalogue) -> Deployable:
    """The job that builds a service's releases, read as if it deployed them. Raises NotFoundError."""
    service, environment = what.service, what.connection.name.environment
    ci = (job for one in carried_by(service.name, catalogue) for role, job in one.jobs if role == "ci")
    job = service.promotion.build or next(ci, "")
    if not job:
        raise NotFoundError(
            f"No environment stands before {environment}, and the catalogue names no job that builds "
            f"{service.name} (promotion.build)."
        )
    deploy = Deploy(job=job, release_from=ReleaseSource.ARTIFACT, release_detail=_RELEASE_FILE)
    read = DeployJob(service=service.name, job=in_environment(job, environment), deploy=deploy)
    return Deployable(service=service, deploy=deploy, connection=what.connection, job=read)


def evidence_of(deployment: Deployment, at: datetime) -> tuple[Evidence, ...]:
    """Where it was seen that a release is deployed."""
    run = deployment.run
    said = f"{run.name.id} {run.original_state}"
    return (Evidence(source=str(run.name.connection), said=said, at=at, link=run.link),)


def build_seen(release: Release, around: Around) -> BuildSeen:
    """The build that made a release: three requests to its controller."""
    at = around.clock.now()
    place = _build_of(release.build_url)
    if place is None:
        return BuildSeen(trouble="the release does not say which build made it", observed_at=at)
    job, number, address = place
    connection = next(
        (
            one
            for name in around.environments
            for one in around.systems.of(name)
            if one.system is System.JENKINS and _serves(one, address, job)
        ),
        None,
    )
    if connection is None or connection.runs is None or connection.deploys is None:
        return BuildSeen(trouble=f"no configured Jenkins has {job}#{number}", observed_at=at)
    run = f"{job}#{number}"
    source = f"{connection.name} {run}"
    try:
        detail = connection.runs.call(lambda reader: reader.run(run))
    except SourceError as error:
        return BuildSeen(trouble=str(error), source=source, observed_at=at)
    return BuildSeen(build=detail, release=_made(connection, run, release), source=source, observed_at=at)


def _made(connection: Connection, run: str, release: Release) -> Release | None:
    """What the build itself says that it made; None where it keeps no such file any more."""
    deploys = connection.deploys
    try:
        return (
            None
            if deploys is None
            else deploys.call(lambda reader: reader.made(run, release.service, _RELEASE_FILE))
        )
    except SourceError:
        return None


def _build_of(address: str) -> tuple[str, int, str] | None:
    """Job, number, and the address of the controller, of a build's address in Jenkins' own pages."""
    parts = urlsplit(address)
    path = [unquote(part) for part in parts.path.split("/") if part]
    if "job" not in path or not path[-1].isdecimal():
        return None
    first = path.index("job")
    names, words = path[first + 1 : -1 : _BUILD_ADDRESS], path[first:-1:_BUILD_ADDRESS]
    if not names or set(words) != {"job"}:
        return None
    prefix = "/".join(path[:first])
    return "/".join(names), int(path[-1]), f"{parts.scheme}://{parts.netloc}/{prefix}".rstrip("/")


def _serves(connection: Connection, address: str, job: str) -> bool:
    """Whether a connection's controller has that address, and its folders the job."""
    folders = tuple(f"{folder.strip('/')}/" for folder in connection.scope)
    return connection.address.rstrip("/") == address and (not folders or job.startswith(folders))


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
    """The newest run of each pipeline that those of the service wait for: one look at each Airflow."""
    mine = carried_by(service, around.catalogue)
    names = dict.fromkeys(name for one in mine for name in one.upstream)
    own = {one.name for one in mine}
    before = [around.catalogue.pipelines[name] for name in names if name not in own]
    if not before:
        return ()
    at = around.clock.now()
    runs: list[Run] = []
    trouble, source = "", f"{environment}/airflow"
    for connection in around.systems.of(environment):
        if connection.system is not System.AIRFLOW:
            continue
        source = str(connection.name)
        try:
            runs += connection.source.call(lambda reader: reader.observe(None)).runs
        except SourceError as error:
            trouble = str(error)
    return tuple(
        UpstreamSeen(
            pipeline=one.name,
            run=_newest(runs, dag_of(one, environment)),
            trouble=trouble,
            source=source,
            observed_at=at,
        )
        for one in before
    )


def _newest(runs: Sequence[Run], dag: str) -> Run | None:
    """The first, since the newest stand first; a run that was queued tells nothing yet."""
    return next((one for one in runs if one.job == dag), None)


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


def _secrets_of(connection: Connection, names: Sequence[str]) -> Sequence[SecretMetadata]:
    """Those that one system keeps: Vault is asked for each, Snowflake once for its users."""
    if connection.secrets is not None:
        wanted = tuple(name for name in names if name.startswith("kv:"))
        return connection.secrets.call(lambda reader: reader.ages(wanted)) if wanted else ()
    if connection.system is System.SNOWFLAKE and any(name.startswith("snowflake:") for name in names):
        return connection.source.call(lambda reader: reader.observe(None)).secrets
    return ()
