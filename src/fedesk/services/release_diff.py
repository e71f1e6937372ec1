"""What lies between two releases of a service, as Jenkins' change sets say."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from fedesk.domain.catalogue import Service
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure
from fedesk.domain.release_diff import ReleaseDiff, Side, TicketPattern, between
from fedesk.domain.release_matrix import KnownReleases, number_of
from fedesk.domain.releases import Deployment, Release, is_older
from fedesk.domain.runs import Change
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.releasing import BuildChanges, DeploySource
from fedesk.ports.sources import Connection
from fedesk.services.failing import failure_of
from fedesk.services.hiding import hidden
from fedesk.services.release_matrix import Asked, MatrixRead, ReleaseSources, job_of, read_matrix

_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{6,64}")
DEPTH = 30
"""Builds of the deploy jobs among which a digest is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRead:
    """A difference, and what is worth keeping of how it was read."""

    diff: ReleaseDiff
    known: KnownReleases
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Builds ``after`` < number ≤ ``until`` of a job hold what lies between."""

    connection: Connection
    job: str
    after: int
    until: int


def read_diff(
    sources: ReleaseSources,
    known: KnownReleases,
    service: str,
    names: tuple[str, str],
    tickets: Sequence[TicketPattern] = (),
    tell: Callable[[ConnectionName], None] = lambda _: None,
) -> DiffRead:
    """What the second has that the first has not; each is an environment, or the beginning of a digest.

    One request a Jenkins, two where a release is one of before, and one for the commits. Raises NotFoundError
    where there is no such service or release, and SourceError where its system is away.
    """
    entry = sources.catalogue.services.get(service)
    if entry is None or entry.deploy is None:
        raise NotFoundError(f"The catalogue has no service {service} with a deploy job.")
    wanted = Asked(services=(service,), sightings=False, depth=DEPTH)
    read = read_matrix(sources, known, wanted, tell)
    origin, target = (_side(sources, read, entry, name) for name in names)
    changes, untold = _changes(sources, read, origin, target)
    diff = between(
        origin,
        target,
        changes,
        passed=_passed(read, service, origin.release, target.release),
        repository=entry.repository,
        tickets=tickets,
        untold=untold,
    )
    return DiffRead(diff=diff, known=read.known, failures=tuple(read.failures.values()))


def _side(sources: ReleaseSources, read: MatrixRead, service: Service, name: str) -> Side:
    """The release that runs in an environment, or the one of a digest."""
    if name in sources.environments:
        cell = read.matrix.cell(service.name, name)
        if cell is None or cell.current is None:
            failure = next((one for where, one in read.failures.items() if where.environment == name), None)
            why = failure.sentence if failure else cell.trouble if cell and cell.trouble else "no build says"
            raise NotFoundError(f"It is not known what of {service.name} runs in {name}: {why}")
        return _told(sources, service, name, cell.current)
    found = _of_digest(read, service.name, name)
    return _told(sources, service, name, found)


def _of_digest(read: MatrixRead, service: str, text: str) -> Deployment:
    """The newest deployment of the digest that begins so. Raises NotFoundError."""
    wanted = text.lower()
    if _DIGEST.fullmatch(wanted) is None:
        raise NotFoundError(f"{text!r} is neither an environment nor a digest of six or more characters.")
    wanted = wanted.removeprefix("sha256:")
    found = [
        one
        for one in read.known.deployments.values()
        if one.service == service and one.digest.removeprefix("sha256:").startswith(wanted) and one.digest
    ]
    if len({one.digest for one in found}) > 1:
        raise NotFoundError(f"{text} begins several digests of {service}; give more of it.")
    if not found:
        raise NotFoundError(f"No deployment of {service} that is known has a digest that begins {text}.")
    good = [one for one in found if one.run.state is State.SUCCEEDED and not one.is_dry_run]
    # One that was read whole before one of which the parameters alone are known.
    return max(good or found, key=lambda one: (bool(one.release and one.release.commit), one.run.name))


def _told(sources: ReleaseSources, service: Service, name: str, found: Deployment) -> Side:
    """A deployment as a side; what its file says beside the digest is read where it was not yet."""
    connection = _connection(sources, found.run.name.connection)
    job = job_of(service, found.environment)
    if not found.is_settled and connection is not None and connection.deploys is not None and job is not None:
        number = number_of(found)
        # Where it cannot be read the digest is known all the same; what else it says stays untold.
        with suppress(SourceError):
            found = connection.deploys.call(lambda source: source.deployment(job, number))
    if found.release is None:
        raise NotFoundError(
            f"What {found.run.name} deployed is not known: {hidden(found.unread) or 'it does not say'}."
        )
    return Side(name=name, release=found.release, said=f"{found.environment}, by {found.run.name.id}")


def _connection(sources: ReleaseSources, name: ConnectionName) -> Connection | None:
    return next((one for one in sources.connections if one.name == name), None)


def _passed(read: MatrixRead, service: str, one: Release, other: Release) -> tuple[Release, ...]:
    """Releases that were built between two, the oldest first, as far as any environment had them."""
    older, newer = (other, one) if is_older(other, one) else (one, other)
    every = {
        found.digest: found.release
        for found in read.known.deployments.values()
        if found.service == service and found.release is not None and found.digest
    }
    passed = [release for release in every.values() if is_older(older, release) and is_older(release, newer)]
    return tuple(sorted(passed, key=_built))


def _built(release: Release) -> tuple[int, float]:
    at = release.built_at.timestamp() if release.built_at is not None else 0.0
    return (release.built_by[1] if release.built_by is not None else 0), at


# Commits


def _changes(
    sources: ReleaseSources, read: MatrixRead, origin: Side, target: Side
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Commits between two releases, newest first, and what cannot be told of them."""
    if origin.release.digest and origin.release.digest == target.release.digest:
        return (), ()
    older, newer = origin.release, target.release
    if is_older(newer, older):
        older, newer = newer, older
    wanted = _by_its_build(sources, older, newer) or _by_deployments(sources, read, older, newer)
    if wanted is None:
        said = "Which commits lie between is not known: no job that is known has built or deployed both."
        return (), (said,)
    found, why = _asked(wanted)
    where = f"builds {wanted.after + 1} to {wanted.until} of {wanted.job}"
    if why:
        return (), (f"Which commits lie between is not known, of {where}: {why}",)
    untold = []
    if found.missing:
        untold.append(
            f"{found.missing} of {where} are not there any more (retention): their commits are missing here."
        )
    if not found.changes and older.commit != newer.commit:
        untold.append(f"Jenkins lists no commits for {where}, though the releases are of two.")
    return tuple(replace(one, message=hidden(one.message), text=hidden(one.text)) for one in found.changes), (
        *untold,
    )


def _by_its_build(sources: ReleaseSources, older: Release, newer: Release) -> _Range | None:
    """The builds that made the releases, where they are of one job that some connection reaches."""
    first, last = older.built_by, newer.built_by
    if first is None or last is None or first[0] != last[0] or first[1] >= last[1]:
        return None
    job = first[0]
    reaches = [
        one
        for one in sources.connections
        if one.deploys is not None and newer.build_url.startswith((one.address, "/"))
    ]
    inside = [one for one in reaches if _holds(one.scope, job)]
    return _Range(connection=inside[0], job=job, after=first[1], until=last[1]) if inside else None


def _holds(folders: Sequence[str], job: str) -> bool:
    return not folders or any(job.startswith(f"{folder.strip('/')}/") for folder in folders)


def _by_deployments(
    sources: ReleaseSources, read: MatrixRead, older: Release, newer: Release
) -> _Range | None:
    """The builds of a deploy job that deployed both, the older one first."""
    jobs: dict[tuple[ConnectionName, str], list[Deployment]] = {}
    for one in read.known.deployments.values():
        if one.service == newer.service and one.run.state is State.SUCCEEDED and not one.is_dry_run:
            jobs.setdefault((one.run.name.connection, one.run.job), []).append(one)
    for (name, job), deployments in jobs.items():
        before = _numbers(deployments, older.digest)
        after = [number for number in _numbers(deployments, newer.digest) if not before or number > before[0]]
        connection = _connection(sources, name)
        if before and after and connection is not None and connection.deploys is not None:
            return _Range(connection=connection, job=job, after=before[0], until=after[0])
    return None


def _numbers(deployments: Iterable[Deployment], digest: str) -> list[int]:
    return sorted(number_of(one) for one in deployments if digest and one.digest == digest)


def _asked(wanted: _Range) -> tuple[BuildChanges, str]:
    """What the system says of a range of builds; why it does not."""

    def ask(source: DeploySource) -> BuildChanges:
        return source.changes_between(wanted.job, wanted.after, wanted.until)

    try:
        if wanted.connection.deploys is None:
            raise AssertionError("only who deploys is asked")
        return wanted.connection.deploys.call(ask), ""
    except SourceError as error:
        return BuildChanges(changes=()), failure_of(error, "reading commits").sentence
