"""What is released, what is deployed where, and what stands against it.

A release is one immutable build of a service. A deployment is one build of a deploy job, in one environment.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import unquote

from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Evidence
from fedesk.domain.runs import Run
from fedesk.domain.states import State

_BUILD_ADDRESS = re.compile(r"(?P<job>(?:/job/[^/?#]+)+)/(?P<number>[0-9]{1,9})/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change of a schema that a release brings."""

    id: str
    reversible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One immutable build of a service, as its ``release.json`` says; what it leaves out is empty."""

    service: str
    digest: str
    """``sha256:`` and 64 hexadecimal digits; empty where only a mutable name is known."""
    version: str = ""
    commit: str = ""
    image: str = ""
    """Registry and repository, without tag and digest: ``registry.finedge.example/payments``."""
    repository: str = ""
    """Address of the source's repository."""
    build_url: str = ""
    """The build that made it, in Jenkins' own pages."""
    built_at: datetime | None = None
    size_bytes: int | None = None
    critical: int | None = None
    """Findings of the security scan; None where none was made."""
    high: int | None = None
    tests: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """How many of each kind passed: ``unit``, ``data_quality``."""
    migrations: tuple[Migration, ...] = ()

    @property
    def is_immutable(self) -> bool:
        """Whether it is named by its digest."""
        return self.digest.startswith("sha256:")

    @property
    def built_by(self) -> tuple[str, int] | None:
        """Full name of the Jenkins job that made it, and the build's number; None where that is not said."""
        found = _BUILD_ADDRESS.search(self.build_url)
        if found is None or found.end() != len(self.build_url):
            return None
        names = found["job"].split("/job/")[1:]
        return "/".join(unquote(name) for name in names), int(found["number"])


def builds_between(release: Release, other: Release) -> int | None:
    """How many builds later the other one was made; None where they are not of one job."""
    ours, theirs = release.built_by, other.built_by
    return theirs[1] - ours[1] if ours and theirs and ours[0] == theirs[0] else None


def is_older(release: Release, other: Release) -> bool | None:
    """Whether one was built before the other; None where that cannot be told."""
    builds = builds_between(release, other)
    if builds:
        return builds > 0
    if release.built_at is None or other.built_at is None or release.built_at == other.built_at:
        return None
    return release.built_at < other.built_at


class Verified(StrEnum):
    """What is known of a deployment's verification."""

    VERIFIED = "verified"
    """By fedesk: promotion or rollback ended Successful."""
    BY_ITS_JOB = "by its job"
    """The deploy job's own verification stage passed, as the catalogue names it."""
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Not told in time, or not to be told: never green."""
    NOT_READ = "not read"
    """The deploy job has a verification stage, and how that ended was not asked."""
    NOT_VERIFIED = "not verified"


VERIFIED_SAID: Mapping[Verified, str] = {
    Verified.VERIFIED: "verified",
    Verified.BY_ITS_JOB: "verified by its job",
    Verified.FAILED: "verification failed",
    Verified.INCONCLUSIVE: "verification inconclusive",
    Verified.NOT_READ: "its job not asked",
    Verified.NOT_VERIFIED: "not verified",
}
"""The same for people, on the screen and on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One build of a deploy job."""

    service: str
    environment: str
    run: Run
    """The build; it deployed something where it succeeded."""
    release: Release | None
    """None where the build does not say, or has not got so far."""
    unread: str = ""
    """Why the release is not known: ``release.json is not there any more (retention)``."""
    is_settled: bool = False
    """Whether it has ended and all that it says was read, so that another look tells no more."""
    by: str = ""
    """Who had it deployed, as the system says; who confirmed it, once it is known to be an operation's."""
    operation: str = ""
    """The fedesk operation that triggered it."""
    is_dry_run: bool = False
    own_verification: State | None = None
    """How the job's own verification stage ended; None where the catalogue names none, or it was not read."""
    has_unread_stage: bool = False
    """Whether there is such a stage, of which it was not asked how it ended."""

    @property
    def digest(self) -> str:
        """Of what it deployed; empty where that is not known."""
        return self.release.digest if self.release is not None else ""

    @property
    def at(self) -> datetime | None:
        """Since when what it deployed is there: its end, else its start."""
        return self.run.ended_at or self.run.started_at or self.run.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a target itself says it runs, beside what its deploy job says."""

    source: str
    """``prod/airflow DAG payments_daily``."""
    said: str
    """In its own words: ``version 14, bundle 984c37b4``."""
    agrees: bool | None
    """None where it cannot be told."""
    observed_at: datetime
    link: str = ""


class StopKind(StrEnum):
    """What stands against a release."""

    QUARANTINE = "quarantine"
    """Never promoted and never a rollback's target, anywhere."""
    HOLD = "hold"
    """Not promoted into one environment: it was rolled back there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStop:
    """A release that somebody, or a rollback, has stopped. In force until it is lifted."""

    id: str
    kind: StopKind
    service: str
    digest: str
    environment: str = ""
    """Of a hold; empty for a quarantine, which holds everywhere."""
    reason: str
    by: str
    at: datetime
    operation: str = ""
    """The rollback that set it."""
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lifted_reason: str = ""

    def stops(self, digest: str, environment: str) -> bool:
        """Whether it stands against promoting this digest there."""
        in_force = self.lifted_at is None and self.digest == digest
        return in_force and self.environment in ("", environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One service in one environment: a field of the matrix."""

    service: str
    environment: str
    connection: ConnectionName | None
    """Whose deploy job it is; None where the service is not deployed there."""
    job: str = ""
    current: Deployment | None = None
    """The newest deployment that succeeded."""
    before: tuple[Deployment, ...] = ()
    """Older ones that succeeded, newest first, as far as they were read."""
    in_flight: Run | None = None
    last_failed: Run | None = None
    """A newer build than the current one that did not succeed."""
    verified: Verified = Verified.NOT_VERIFIED
    verified_at: datetime | None = None
    """When that was found; None where nothing was."""
    verified_said: str = ""
    """By what, in one sentence."""
    sightings: tuple[Sighting, ...] = ()
    stops: tuple[ReleaseStop, ...] = ()
    """Against the release that runs here."""
    trouble: str = ""
    """Why it could not be looked at, in the system's words; what else is told is of before."""
    observed_at: datetime | None = None
    """When the deploy job was read; None where it never was."""

    @property
    def disagrees(self) -> bool:
        """Whether a target says that something else runs than its deploy job says."""
        return any(one.agrees is False for one in self.sightings)


MIGRATIONS = "migrations"
"""Name of the gate of what a change does to schemas."""


class GateState(StrEnum):
    """What a gate says. UNKNOWN blocks like FAIL."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_CONFIGURED = "not configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition of a promotion or a rollback, with its evidence."""

    name: str
    """``built from commit``, ``soaked``, ``digest`` …: the names in ``domain.release_gates``."""
    state: GateState
    said: str
    """One sentence."""
    evidence: tuple[Evidence, ...] = ()
    waivable: bool = True
    """Whether the role that may (``waive-gate``) can waive it, with a reason."""
    only_warns: bool = False
    """Whether it does not stand in the way: all but the few gates of a rollback."""


class CheckState(StrEnum):
    """How a verification ended. INCONCLUSIVE is never green."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    WAITING = "waiting"
    """Not yet: it is looked at again until its time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """That somebody asks for a promotion or a rollback."""

    kind: str
    """Name in the table of operation kinds: ``release.promote``, ``release.rollback``."""
    service: str
    environment: str
    """Where it is to be."""
    connection: ConnectionName
    """The Jenkins whose deploy job it is."""
    digest: str = ""
    """Which release; empty for what the environment before it runs, or the last verified one."""
    origin: str = ""
    """The environment it is promoted from; empty for the one before, as configured."""
    before: str = ""
    """For an automatic rollback: the operation whose verification failed."""
    declared_alone: bool = False
    """Whether of the job nothing but its parameters is pinned: its planner could read no more."""

    @property
    def name(self) -> str:
        """As it stands in refusals: ``prod/jenkins:payments``."""
        return f"{self.connection}:{self.service}"


AWAITS_ANSWER = "waits for an answer"
"""What is said of a build that a person has to answer, in a journal too."""
ANSWERS: Mapping[str, str] = MappingProxyType(
    {"proceed": "the build goes on", "abort": "the build ends, and is aborted"}
)
"""What a build may be answered, and what that comes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """That somebody answers the question at which a build waits."""

    run: RunName
    choice: str
    """One of ``ANSWERS``."""

    @property
    def connection(self) -> ConnectionName:
        """The Jenkins whose build it is."""
        return self.run.connection

    @property
    def environment(self) -> str:
        """That of the build."""
        return self.run.connection.environment

    @property
    def name(self) -> str:
        """As it stands in refusals: the build."""
        return str(self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBudget:
    """Beyond which a release is a finding (mission: CI 10 min, deployment 15 min, image 300 MB)."""

    build: timedelta = timedelta(minutes=10)
    deployment: timedelta = timedelta(minutes=15)
    size_bytes: int = 300_000_000
