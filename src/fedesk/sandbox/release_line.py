"""A service's line of commits, one every five hours, and the releases that its CI in dev makes of them.

A place in the line is a number: 0 is the commit with which the history begins, 144 the one at the start of
the world. Everything about a commit or a release follows from seed, service and place; that a release exists
follows from a build that made it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from fedesk.sandbox import images
from fedesk.sandbox.clock import fractions, hexadecimal
from fedesk.sandbox.model_jenkins import BuildPlan, BuildResult, Commit, JobKind

if TYPE_CHECKING:
    from fedesk.sandbox.model_jenkins import JenkinsJob

REGISTRY = "registry.finedge.example"
COMMIT_EVERY = timedelta(hours=5)
LAG = {"dev": timedelta(0), "staging": timedelta(hours=6), "prod": timedelta(hours=20)}
"""How far behind the newest commit the builds by timetable of an environment are."""
PEOPLE = (
    ("mara", "Mara Lindqvist"),
    ("tomasz", "Tomasz Zając"),
    ("aisha", "Aisha Okafor"),
    ("jun", "Jun Watanabe"),
)
_WORK: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Read the amount as decimal, not float", ("models/{0}/{0}.sql",)),
    ("Retry the partner's API on 503", ("src/{0}/partner.py",)),
    ("Drop the unused staging model", ("models/staging/stg_{0}.sql",)),
    ("Load by partition instead of appending", ("models/{0}/{0}.sql", "models/{0}/{0}.yml")),
    ("Raise the memory limit of the transform", ("dags/{0}.py", "config/resources.yaml")),
    ("Test that the settlement currency is known", ("models/{0}/{0}.yml",)),
    ("Pin dbt to the version the others use", ("requirements.txt",)),
    ("Name the columns as the catalogue does", ("models/{0}/{0}.sql",)),
)
"""What commits are about, and the paths they change."""
FAMOUS = {("payments", 138): "c0ffee1"}
"""How the commit at a place begins; the one that deploy-payments #1841 brought to prod."""
_TICKETED = 0.5
"""The share of commits that name a ticket."""
MIGRATIONS: dict[str, tuple[tuple[int, str, bool], ...]] = {
    "cards": (
        (118, "add_settlement_batch", True),
        (133, "index_settled_at", True),
        (139, "add_scheme_fee", True),
        (141, "drop_settlement_currency", False),
    ),
    "ledger": ((129, "partition_by_client", True), (141, "add_correction_of", True)),
}
"""By service: place, name, and whether it can be undone. Staging has 141, prod has not."""
_REWRITES_ITS_DAG = frozenset({"regulatory"})
"""Each release of it is another DAG: it is generated from the list of reports."""
_BLEMISHED_FROM = 141
_BLEMISHES: dict[str, tuple[BuildResult, str, str]] = {
    "open_banking": (BuildResult.SUCCESS, "Container scan", "1 critical vulnerability: CVE-2026-31337"),
    "lending": (BuildResult.SUCCESS, "Unit tests", "2 unit tests of lending fail since the calendar changed"),
    "chargebacks": (
        BuildResult.UNSTABLE,
        "Data-quality tests",
        "2 data-quality tests of chargebacks gave warnings",
    ),
}
"""What goes wrong in the newest builds of a service, which publish all the same."""


@lru_cache(maxsize=50_000)
def commit(seed: int, service: str, position: int, epoch: datetime) -> Commit:
    """The commit at a place of a service's line."""
    which, who, jitter, ticket = fractions(seed, "commit", service, position)
    user_id, name = PEOPLE[int(who * len(PEOPLE))]
    message, paths = _WORK[int(which * len(_WORK))]
    found = [path.format(service) for path in paths]
    if service in _REWRITES_ITS_DAG and f"dags/{service}.py" not in found:
        found.append(f"dags/{service}.py")
    found += [f"migrations/{_migration_id(at, word)}.sql" for at, word, _ in _of(service) if at == position]
    return Commit(
        commit_id=FAMOUS.get((service, position), "")
        + hexadecimal(40, seed, service, position)[len(FAMOUS.get((service, position), "")) :],
        author=name,
        author_email=f"{user_id}@finedge.example",
        message=message,
        at=(epoch + (position + 0.5 * jitter) * COMMIT_EVERY).replace(microsecond=0),
        paths=tuple(found),
        ticket=f"FIN-{1000 + 7 * position + int(10 * ticket)}" if ticket < _TICKETED else "",
    )


@lru_cache(maxsize=50_000)
def release(seed: int, service: str, position: int) -> tuple[str, str]:
    """Version and image digest of the release made of a commit."""
    return f"1.{200 + position}.0", images.digest(seed, service, position)


def changes_dag(seed: int, service: str, after: int, until: int, epoch: datetime) -> bool:
    """Whether a DAG differs between two places of the line, whichever of them is the later one."""
    low, high = sorted((after, until))
    places = range(low + 1, high + 1)
    return any(path.startswith("dags/") for at in places for path in commit(seed, service, at, epoch).paths)


def blemish(job: "JenkinsJob", position: int) -> tuple[BuildResult, str, str]:
    """How a build of CI ends in which nothing else goes wrong: result, stage that is not green, and why."""
    spoiled = job.kind is JobKind.CI and position >= _BLEMISHED_FROM and job.pipeline
    return (
        _BLEMISHES.get(job.service, (BuildResult.SUCCESS, "", ""))
        if spoiled
        else (BuildResult.SUCCESS, "", "")
    )


def _of(service: str) -> tuple[tuple[int, str, bool], ...]:
    return MIGRATIONS.get(service, ())


def _migration_id(position: int, word: str) -> str:
    return f"V{position}__{word}"


def migrations(service: str, position: int) -> tuple[tuple[str, bool], ...]:
    """All migrations that a release carries, oldest first: id, and whether it can be undone."""
    return tuple((_migration_id(at, word), undone) for at, word, undone in _of(service) if at <= position)


class Builds(Protocol):
    """What a line asks of the builds of CI in dev."""

    def made(self, position: int, at: datetime) -> BuildPlan | None:
        """The first build of a place that had published by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRelease:
    """A release that exists."""

    service: str
    position: int
    version: str
    digest: str
    commit: str
    size_bytes: int
    build: BuildPlan | None
    """The build of CI that made it; None for one older than what Jenkins keeps."""

    @property
    def image(self) -> str:
        """Registry and repository."""
        return f"{REGISTRY}/{self.service}"

    @property
    def built_at(self) -> datetime | None:
        """When that build ended."""
        return None if self.build is None else self.build.ended_at


class ReleaseLine:
    """The releases of one service."""

    def __init__(self, seed: int, service: str, epoch: datetime, builds: Builds) -> None:
        self.service = service
        self.epoch = epoch
        self._seed = seed
        self._builds = builds
        self._positions: dict[str, int] = {}
        self._counted = -8

    def position_at(self, environment: str, at: datetime) -> int:
        """Which place the builds by timetable of an environment are at."""
        return (at - LAG[environment] - self.epoch) // COMMIT_EVERY

    def newest(self, position: int, at: datetime) -> int:
        """The newest place up to ``position`` of which there was a release by then."""
        while position > 0 and self._builds.made(position, at) is None:
            position -= 1
        return position

    def at(self, position: int, now: datetime) -> MadeRelease | None:
        """The release of a place, if it is made by now; older than the history all are."""
        build = self._builds.made(position, now)
        if build is None and position > 0:
            return None
        version, digest = release(self._seed, self.service, position)
        return MadeRelease(
            service=self.service,
            position=position,
            version=version,
            digest=digest,
            commit=commit(self._seed, self.service, position, self.epoch).commit_id,
            size_bytes=images.size(self._seed, self.service, position),
            build=build,
        )

    def position_of(self, digest: str, now: datetime) -> int | None:
        """The place of a digest on the line up to now; None for one that is not of this service."""
        newest = self.position_at("dev", now)
        while self._counted <= newest:
            self._positions[release(self._seed, self.service, self._counted)[1]] = self._counted
            self._counted += 1
        found = self._positions.get(digest)
        return found if found is not None and found <= newest else None

    def find(self, digest: str, now: datetime) -> MadeRelease | None:
        """The release with a digest, if it is made by now."""
        position = self.position_of(digest, now)
        return None if position is None else self.at(position, now)


def document(
    found: MadeRelease, *, root: str, environment: str, build: BuildPlan, deployed_at: datetime | None
) -> bytes:
    """release.json (formats.md). ``root`` is Jenkins' address, ``deployed_at`` None in a build of CI.

    ``migrations`` are all that the release carries, the newest last: what lies between two releases is what
    one has and the other has not.
    """
    chance = fractions(found.digest)
    maker = found.build if deployed_at is not None else build
    critical = int(_is_vulnerable(found))
    operation = next((one.value for one in build.parameters if one.name == "FEDESK_OPERATION"), "")
    written: dict[str, object] = {
        "schema": "fedesk-release/1",
        "service": found.service,
        "version": found.version,
        "commit": found.commit,
        "repository": build.repository,
        "image": found.image,
        "digest": found.digest,
        "build_url": "" if maker is None else _address(root, maker),
        "built_at": None if maker is None or maker.ended_at is None else maker.ended_at.isoformat(),
        "environment": environment,
        "deployed_at": None if deployed_at is None else deployed_at.isoformat(),
        "deployed_by": None if deployed_at is None else build.causes[0].user_id or "jenkins",
        "operation": operation,
        "sbom": f"sbom/{found.service}.cdx.json",
        "scan": {"critical": critical, "high": int(chance[0] * 4)},
        "tests": {"unit": 120 + int(chance[1] * 300), "data_quality": 20 + int(chance[2] * 60)},
        "migrations": [
            {"id": one, "reversible": undone} for one, undone in migrations(found.service, found.position)
        ],
        "size_bytes": found.size_bytes,
    }
    return json.dumps(written, indent=2).encode()


def _is_vulnerable(found: MadeRelease) -> bool:
    stage = _BLEMISHES.get(found.service, (None, "", ""))[1]
    return stage == "Container scan" and found.position >= _BLEMISHED_FROM


def _address(root: str, build: BuildPlan) -> str:
    return f"{root}job/{'/job/'.join(build.job.split('/'))}/{build.number}/"
