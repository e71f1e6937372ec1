"""Where the release of a promotion comes from: the environment before, or the job that builds releases.

The job that builds is listed beside the deploy job in one request where both lie in one folder: of a build
that is among its newest, state and commit are then known without another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from fedesk.domain.catalogue import Catalogue, Deploy, ReleaseSource, Service, in_environment
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.release_gates import BuildSeen
from fedesk.domain.release_matrix import UNPROVEN, Soak, proof_of, soak_of
from fedesk.domain.releases import Deployment, Release, ReleaseRequest
from fedesk.domain.runs import RunDetail
from fedesk.domain.states import State, System
from fedesk.ports.errors import ConflictError, NotFoundError, SourceError
from fedesk.ports.releasing import DeployJob, DeployPreview, DeploySource
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.services.kinds import release_facts as facts
from fedesk.services.operation_kinds import Around

_RELEASE_FILE = "release.json"
_PREVIEW = 3
"""Requests of what triggering the deploy job would meet."""
_BUILD_ADDRESS = 2
"""Parts of a build's address that are no job: ``job`` before each name, the number behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a release comes from."""

    environment: str
    """Empty where no environment stands before: then it comes from the job that builds releases."""
    found: Deployment
    soak: Soak
    builds: tuple[Deployment, ...] = ()
    """Newest builds of the job that builds releases, where they were listed."""
    asked: Mapping[ConnectionName, int]
    """Requests that were made so far, by connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The build that made a release, and what it took to read it."""

    seen: BuildSeen
    asked: Mapping[ConnectionName, int]
    """All requests that were made so far, by connection."""

    def has_room(self, connection: ConnectionName) -> bool:
        """Whether a connection may be asked once more."""
        return self.asked.get(connection, 0) < facts.MOST_REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a build is."""

    connection: Connection
    job: str
    run: str


def deployed_before(what: facts.Deployable, environment: str, digest: str, around: Around) -> Origin:
    """What another environment runs, or a release that it has run: up to three requests to its controller.

    Raises NotFoundError, ConflictError, SourceError.
    """
    service = what.service.name
    there = facts.deployable(
        service, environment, _jenkins(what.connection, environment, around), around.catalogue
    )
    builder = _builder(what.service, environment, around.catalogue)
    jobs = [there.job, builder] if builder is not None and _side_by_side(there.job, builder) else [there.job]
    deployments, *beside = facts.listed(there, tuple(jobs))
    found, deployments, files = _chosen_whole(digest, deployments, there, environment)
    asked = 1 + files
    operations = facts.operations_of(around, environment, service)
    if not proof_of(service, environment, found.digest, operations, deployments).is_green:
        told = facts.with_own_verification(found, there)
        deployments = tuple(told if one is found else one for one in deployments)
        asked += 1
    cell = facts.cell(there, environment, deployments, operations)
    soak = soak_of(cell, found.digest, operations, around.clock.now())
    builds = beside[0] if beside else ()
    spent = {there.connection.name: asked}
    return Origin(environment=environment, found=found, soak=soak, builds=builds, asked=spent)


def previewed(
    what: facts.Deployable, request: ReleaseRequest, origin: Origin, around: Around
) -> tuple[Origin, DeployPreview]:
    """What triggering the deploy job would meet: three requests to its controller.

    Where the build of the release is of a job of that very folder, its newest builds are listed with it.
    """
    place = _place_of(origin.found.release, around)
    beside: DeployJob | None = None
    if place is not None and place.connection.name == what.connection.name:
        deploy = Deploy(job=place.job, release_from=ReleaseSource.ARTIFACT, release_detail=_RELEASE_FILE)
        built = DeployJob(service=what.service.name, job=place.job, deploy=deploy)
        beside = built if _side_by_side(what.job, built) else None
    preview = facts.preview_of(what, request, beside)
    if preview.beside is not None:
        origin = replace(origin, builds=preview.beside.deployments)
    name = what.connection.name
    return replace(origin, asked={**origin.asked, name: origin.asked.get(name, 0) + _PREVIEW}), preview


def built_here(
    what: facts.Deployable, request: ReleaseRequest, catalogue: Catalogue
) -> tuple[Origin, DeployPreview]:
    """What the job builds that builds releases, and what triggering the deploy job would meet.

    Four requests to the controller of both, and one for the stages of its build. Where the two jobs are not
    listed together, of the deploy job nothing but its parameters is pinned: a plan asks five times at most.

    Raises NotFoundError, ConflictError, SourceError.
    """
    service, environment = what.service, what.connection.name.environment
    job = _builder(service, environment, catalogue)
    if job is None:
        raise NotFoundError(
            f"No environment stands before {environment}, and the catalogue names no job that builds "
            f"{service.name} (promotion.build)."
        )
    builds = facts.Deployable(service=service, deploy=job.deploy, connection=what.connection, job=job)
    apart = not _side_by_side(what.job, job)
    is_short = apart and bool(service.promotion.stages)
    preview = facts.preview_of(what, request, None if apart else job, declared_alone=is_short)
    asked = _PREVIEW - is_short
    if preview.beside is None:
        (listed,) = facts.listed(builds, (job,))
        asked += 1
    else:
        listed = facts.builds_of(preview.beside)
    found, listed, files = _chosen_whole(request.digest, listed, builds, job.job)
    soak = Soak(proof=UNPROVEN, ran=None, runs_now=False)
    spent = {what.connection.name: asked + files}
    return Origin(environment="", found=found, soak=soak, builds=listed, asked=spent), preview


def _builder(service: Service, environment: str, catalogue: Catalogue) -> DeployJob | None:
    """The job that builds a service's releases, read as if it deployed them; None where none is named."""
    ci = (job for one in facts.carried_by(service.name, catalogue) for role, job in one.jobs if role == "ci")
    job = service.promotion.build or next(ci, "")
    if not job:
        return None
    deploy = Deploy(job=job, release_from=ReleaseSource.ARTIFACT, release_detail=_RELEASE_FILE)
    return DeployJob(service=service.name, job=in_environment(job, environment), deploy=deploy)


def _side_by_side(job: DeployJob, other: DeployJob) -> bool:
    """Whether both lie in one folder: what holds two that are apart may be half of the controller."""
    return job.job.rpartition("/")[0] == other.job.rpartition("/")[0]


def _jenkins(connection: Connection, environment: str, around: Around) -> Connection:
    """The Jenkins of another environment: the one of the same name, else its first that deploys."""
    those = [
        one
        for one in around.systems.of(environment)
        if one.system is System.JENKINS and one.deploys is not None
    ]
    same = [one for one in those if one.name.name == connection.name.name]
    found = next(iter([*same, *those]), None)
    if found is None:
        raise NotFoundError(f"{environment} has no Jenkins whose jobs deploy.")
    return found


def _chosen_whole(
    digest: str, deployments: tuple[Deployment, ...], what: facts.Deployable, where: str
) -> tuple[Deployment, tuple[Deployment, ...], int]:
    """The deployment that is asked for, with all that its build says, all with it among them, and requests.

    The file of the newest is read first where nobody else can tell what is meant.
    """
    wanted = digest.rpartition("@")[2]
    newest = next(iter(_good(deployments)), None)
    asked = 0
    if digest and newest is not None and not any(_is(one, wanted) for one in _good(deployments)):
        asked += not facts.is_whole(newest)
        deployments = _with(deployments, newest, facts.whole(newest, what))
    found = chosen(digest, deployments, where)
    asked += not facts.is_whole(found)
    told = facts.whole(found, what)
    return told, _with(deployments, found, told), asked


def _is(one: Deployment, wanted: str) -> bool:
    """Whether it is known to have deployed a release, by its digest or its version."""
    return one.digest.startswith(wanted) or (one.release is not None and one.release.version == wanted)


def _with(deployments: tuple[Deployment, ...], before: Deployment, now: Deployment) -> tuple[Deployment, ...]:
    return tuple(now if one is before else one for one in deployments)


def _good(deployments: Iterable[Deployment]) -> list[Deployment]:
    return [one for one in deployments if one.run.state is State.SUCCEEDED and not one.is_dry_run]


def chosen(digest: str, deployments: Sequence[Deployment], where: str) -> Deployment:
    """The deployment of the release that is asked for; the newest that succeeded where none is named.

    Raises ConflictError for a name that may mean another image tomorrow, NotFoundError for one of which
    nothing is known.
    """
    good = _good(deployments)
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
        raise NotFoundError(
            f"No build that is known in {where} has deployed {wanted}; the newest {len(good)} were looked at."
        )
    return match


def build_seen(release: Release, origin: Origin, service: Service, around: Around) -> Built:
    """The build that made a release: up to three requests to its controller, fewer of one that was listed.

    Stages are read where the catalogue names one for a gate. The build's file comes last, where it is not the
    release itself and its controller may be asked once more.
    """
    at = around.clock.now()
    named, place = _build_of(release.build_url), _place_of(release, around)
    if named is None or place is None or place.connection.deploys is None:
        said = "the release does not say which build made it"
        trouble = said if named is None else f"no configured Jenkins has {named[0]}#{named[1]}"
        return Built(seen=BuildSeen(trouble=trouble, observed_at=at), asked=origin.asked)
    deploys, run = place.connection.deploys, place.run
    source, name = f"{place.connection.name} {run}", RunName(place.connection.name, run)
    listed = next((one.run for one in origin.builds if one.run.name == name), None)
    has_stages = bool(service.promotion.stages)
    asked = origin.asked.get(place.connection.name, 0) + (listed is None) + has_stages
    is_release = origin.found.run.name == name
    has_room = asked < facts.MOST_REQUESTS
    try:
        found = deploys.call(lambda reader: reader.build(run)) if listed is None else listed
        steps = deploys.call(lambda reader: reader.stages(run)) if has_stages else ()
        made = release if is_release else _made(deploys, run, release) if has_room else None
        seen = BuildSeen(
            build=RunDetail(run=found, steps=steps),
            release=made,
            has_unread_file=not is_release and not has_room,
            source=source,
            observed_at=at,
        )
    except SourceError as error:
        seen = BuildSeen(trouble=str(error), source=source, observed_at=at)
    asked += not is_release and has_room
    return Built(seen=seen, asked={**origin.asked, place.connection.name: asked})


def _place_of(release: Release | None, around: Around) -> _Place | None:
    """Where the build is that made a release; None where it does not say, or no connection has it."""
    named = _build_of(release.build_url) if release is not None else None
    if named is None:
        return None
    job, number, address = named
    connections = (
        one
        for name in around.environments
        for one in around.systems.of(name)
        if one.system is System.JENKINS and _serves(one, address, job)
    )
    found = next(connections, None)
    return None if found is None else _Place(connection=found, job=job, run=f"{job}#{number}")


def _made(deploys: Bulkhead[DeploySource], run: str, release: Release) -> Release | None:
    """What the build itself says that it made; None where it keeps no such file any more."""
    try:
        return deploys.call(lambda reader: reader.made(run, release.service, _RELEASE_FILE))
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
