"""What is known of releases in environments: what runs where, whether it was verified, and the last good one.

A release counts as verified in an environment where the newest operation that brought it there ended well, or
where the deploy job's own stage says so. What cannot be told is never green.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

from fedesk.domain.names import ConnectionName, split_build
from fedesk.domain.operations import Operation, Outcome, Ruling, Stage, StepState
from fedesk.domain.policy import GATE
from fedesk.domain.release_stops import ROLLBACK, SERVICE
from fedesk.domain.releases import (
    MIGRATIONS,
    Cell,
    Deployment,
    ReleaseStop,
    Verified,
    builds_between,
    is_older,
)
from fedesk.domain.states import State

PROMOTE = "release.promote"
KINDS = (PROMOTE, ROLLBACK)
"""Kinds of operations that bring a release into an environment."""
DIGEST_PIN = "digest"
"""Name of the pin of such a plan's target that says which release it brings."""
DRY_RUN, VERIFY = "dry run: ", "verify "
"""How the names begin of the steps that try it first, and of those that look at what it came to."""
GREEN = frozenset({Verified.VERIFIED, Verified.BY_ITS_JOB})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOperation:
    """What an operation brought where, and how that ended."""

    operation: str
    kind: str
    service: str
    environment: str
    digest: str
    by: str
    confirmed_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    said: str
    has_sent: bool
    """Whether it may have been deployed: what was refused, or only tried, has changed nothing."""
    has_failed_check: bool = False
    """Whether a look at what it came to has failed, and not the deployment itself."""
    can_be_undone: bool = False
    """Whether its gate of migrations let it pass when it was agreed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is known of the verification of one release in one environment, and by what."""

    verified: Verified
    since: datetime | None = None
    """When that was found; None where nothing was."""
    operation: str = ""
    said: str = ""
    """In one sentence, for a gate."""

    @property
    def is_green(self) -> bool:
        """Whether it may be built on."""
        return self.verified in GREEN


UNPROVEN = Proof(verified=Verified.NOT_VERIFIED, said="nothing has verified it there")

_BY_OUTCOME = {
    Outcome.SUCCEEDED: Verified.VERIFIED,
    Outcome.FAILED: Verified.FAILED,
    Outcome.UNKNOWN: Verified.INCONCLUSIVE,
    Outcome.ABORTED: Verified.INCONCLUSIVE,
}


def release_operation(operation: Operation) -> ReleaseOperation | None:
    """What an operation says of a release; None for one of another kind."""
    plan = operation.plan
    if plan.kind not in KINDS or not plan.targets:
        return None
    pins = plan.targets[0].pins
    return ReleaseOperation(
        operation=plan.operation,
        kind=plan.kind,
        service=pins.get(SERVICE, ""),
        environment=plan.environment,
        digest=pins.get(DIGEST_PIN, ""),
        by=operation.confirmation.by,
        confirmed_at=operation.confirmed_at,
        ended_at=operation.ended_at if operation.stage is Stage.ENDED else None,
        outcome=operation.outcome,
        said=operation.said,
        has_sent=any(
            one.step and not one.step.startswith(DRY_RUN) and one.state is StepState.INTENDED
            for one in operation.journal
        ),
        has_failed_check=any(
            one.step.startswith(VERIFY) and one.state is StepState.FAILED for one in operation.journal
        ),
        can_be_undone=any(
            one.guard == f"{GATE}{MIGRATIONS}" and one.ruling is Ruling.ALLOW for one in operation.guards
        ),
    )


def proof_of(
    service: str,
    environment: str,
    digest: str,
    operations: Iterable[ReleaseOperation],
    deployments: Iterable[Deployment],
) -> Proof:
    """Whether a release is verified there, and since when.

    The newest ended operation that brought it there decides, unless the deploy job has verified it by itself
    later. ``operations`` and ``deployments`` may be of anything, in any order.
    """
    if not digest:
        return Proof(verified=Verified.NOT_VERIFIED, said="which release it is cannot be told")
    wanted = (service, environment, digest)
    ours = [one for one in operations if (one.service, one.environment, one.digest) == wanted]
    # Of its own build an operation has the word, whatever clocks say: it has looked at more.
    told = {one.operation for one in ours}
    builds = [
        one
        for one in deployments
        if (one.service, one.environment, one.digest) == wanted and one.operation not in told
    ]
    found = [*map(_by_operation, ours), *map(_by_its_job, builds)]
    known = [one for one in found if one is not None]
    unread = next((one.run.name.id for one in builds if one.has_unread_stage), "")
    said = f"how the verification stage of {unread} ended was not read"
    nothing = Proof(verified=Verified.NOT_READ, said=said) if unread else UNPROVEN
    return max(known, key=lambda one: (_moment(one.since), bool(one.operation)), default=nothing)


def _by_operation(one: ReleaseOperation) -> Proof | None:
    if one.outcome is None or one.ended_at is None or not one.has_sent:
        return None
    if one.outcome is Outcome.FAILED and not one.has_failed_check:
        # A build that failed says nothing of the release: it stays one to go back to.
        return None
    verified = _BY_OUTCOME.get(one.outcome)
    if verified is None:
        return None
    said = f"operation {one.operation} ended {one.outcome}"
    return Proof(verified=verified, since=one.ended_at, operation=one.operation, said=said)


def _by_its_job(one: Deployment) -> Proof | None:
    if one.own_verification is None or one.is_dry_run or not one.run.state.is_final:
        return None
    passed = one.own_verification is State.SUCCEEDED and one.run.state is State.SUCCEEDED
    word = "passed" if passed else f"is {one.own_verification}"
    return Proof(
        verified=Verified.BY_ITS_JOB if passed else Verified.FAILED,
        since=one.at,
        said=f"the verification stage of {one.run.name.id} {word}",
    )


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at is not None else float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """For how long a release has run, verified, in an environment."""

    proof: Proof
    ran: timedelta | None
    """None where it is not verified, or it cannot be told when it ran."""
    runs_now: bool


def soak_of(cell: Cell, digest: str, operations: Sequence[ReleaseOperation], now: datetime) -> Soak:
    """How long a release has run verified in the cell's environment, the last time that it ran there.

    It counts from its deployment or its verification, whichever was later, until another release took its
    place. The same release deployed again goes on counting.
    """
    newest_first = deployed(cell)
    proof = proof_of(cell.service, cell.environment, digest, operations, newest_first)
    runs_now = bool(newest_first) and newest_first[0].digest == digest
    until: datetime | None = now
    began: datetime | None = None
    for one in newest_first:
        if one.digest == digest:
            began = one.at
        elif began is not None:
            break
        else:
            until = one.at
    if not proof.is_green or proof.since is None or began is None or until is None:
        return Soak(proof=proof, ran=None, runs_now=runs_now)
    ran = until - max(began, proof.since)
    return Soak(proof=proof, ran=max(ran, timedelta()), runs_now=runs_now)


def deployed(cell: Cell) -> tuple[Deployment, ...]:
    """What was deployed in an environment, the newest first, what runs there among it."""
    return cell.before if cell.current is None else (cell.current, *cell.before)


def last_verified(
    cell: Cell, operations: Sequence[ReleaseOperation], stops: Iterable[ReleaseStop] = ()
) -> Deployment | None:
    """The newest release to go back to: verified there, known by its digest, and nothing stands against it.

    What runs now is left out, unless a newer build has failed: then nobody knows what that one has left, and
    what was there before is the cure.
    """
    against = tuple(stops)
    everything = deployed(cell)
    leaving = everything[0].digest if everything and cell.last_failed is None else ""
    for one in everything:
        if one.release is None or not one.release.is_immutable or one.digest == leaving:
            continue
        if any(stop.stops(one.digest, cell.environment) for stop in against):
            continue
        if proof_of(cell.service, cell.environment, one.digest, operations, everything).is_green:
            return one
    return None


# The matrix


class DriftKind(StrEnum):
    """How what runs in one environment stands to what runs in the one before it."""

    SAME = "same"
    BEHIND = "behind"
    """As a rule: what comes later has not been promoted yet."""
    AHEAD = "ahead"
    """Something was deployed past the environment before, or that one was rolled back."""
    DIFFERENT = "different"
    """Two releases of which it cannot be told which is newer."""
    UNKNOWN = "unknown"


_DRIFTS = {
    DriftKind.SAME: "same as",
    DriftKind.BEHIND: "behind",
    DriftKind.AHEAD: "ahead of",
    DriftKind.DIFFERENT: "different from",
    DriftKind.UNKNOWN: "not to be compared with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One service between two environments that follow one another."""

    origin: str
    environment: str
    kind: DriftKind
    builds: int | None = None
    """How many builds of the same job lie between both; None where they are not of one job."""

    @property
    def said(self) -> str:
        """``3 builds behind staging``."""
        count = "" if not self.builds else f"{self.builds} build{'s' if self.builds > 1 else ''} "
        return f"{count}{_DRIFTS[self.kind]} {self.origin}"

    @property
    def short(self) -> str:
        """``3 behind staging``: for a column that is called so."""
        return f"{self.builds or ''} {_DRIFTS[self.kind]} {self.origin}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """A service in every environment, in the order in which releases go through them."""

    service: str
    owner: str
    cells: tuple[Cell, ...]
    stops: tuple[ReleaseStop, ...] = ()
    """All that stand against releases of it, whether they run or not."""

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """Between each environment and the one before it, in which the service is deployed at all."""
        found = [cell for cell in self.cells if cell.connection is not None]
        return tuple(drift(origin, cell) for origin, cell in pairwise(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What is deployed where."""

    at: datetime
    environments: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    """In the catalogue's order."""
    troubles: tuple[str, ...] = ()
    """What could not be read, a sentence each."""

    def cell(self, service: str, environment: str) -> Cell | None:
        """One field; None for a service or an environment that was not looked at."""
        row = next((one for one in self.rows if one.service == service), None)
        cells = () if row is None else row.cells
        return next((one for one in cells if one.environment == environment), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownReleases:
    """What was read before, so that it is not asked for again. It may be lost."""

    deployments: Mapping[str, Deployment] = field(default_factory=lambda: MappingProxyType({}))
    """Builds of deploy jobs that have ended, by the name of their run."""
    read_at: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """When each connection was read last, by its name."""


USUAL_ORDER = ("dev", "staging", "prod")
"""The order in which releases go through environments where the configuration does not say."""
KEPT = 30
"""Deployments of one job that are remembered."""


def in_order(environments: Iterable[str], before: Mapping[str, str]) -> tuple[str, ...]:
    """Environments in the order of promotion; ``before`` has the one that each is promoted from.

    What no promotion reaches stands in the usual order, and then as it was given.
    """
    names = list(environments)
    usual = {name: place for place, name in enumerate(USUAL_ORDER)}
    names.sort(key=lambda name: usual.get(name, len(usual)))
    placed: dict[str, None] = {}

    def place(name: str, waiting: frozenset[str]) -> None:
        origin = before.get(name, "")
        if origin in names and origin not in waiting:
            place(origin, waiting | {name})
        placed.setdefault(name)

    for name in names:
        place(name, frozenset({name}))
    return tuple(placed)


def cell_of(
    blank: Cell,
    deployments: Iterable[Deployment],
    operations: Sequence[ReleaseOperation],
    stops: Iterable[ReleaseStop] = (),
) -> Cell:
    """The cell of a deploy job's builds; ``blank`` says whose it is. Dry runs deploy nothing."""
    named = attributed(deployments, operations)
    real = sorted((one for one in named if not one.is_dry_run), key=number_of, reverse=True)
    good = tuple(one for one in real if one.run.state is State.SUCCEEDED)
    current = good[0] if good else None
    newer = [one for one in real if current is None or number_of(one) > number_of(current)]
    ended = [one for one in newer if one.run.state.is_final or one.run.state is State.UNKNOWN]
    going = [one for one in newer if one not in ended]
    digest = current.digest if current is not None else ""
    proof = proof_of(blank.service, blank.environment, digest, operations, good) if current else UNPROVEN
    return replace(
        blank,
        current=current,
        before=good[1:],
        in_flight=going[0].run if going else None,
        last_failed=ended[0].run if ended else None,
        verified=proof.verified,
        verified_at=proof.since,
        verified_said=proof.said,
        stops=tuple(one for one in stops if one.stops(digest, blank.environment)) if digest else (),
    )


def attributed(
    deployments: Iterable[Deployment], operations: Iterable[ReleaseOperation]
) -> Iterator[Deployment]:
    """The same, each that an operation has triggered as the person's who confirmed it.

    Jenkins knows the user that fedesk speaks to it with. Who triggers a build by hand may give it another's
    id: the operation counts where service, environment and release are its own.
    """
    told = {(one.operation, one.service, one.environment): one for one in operations}
    for one in deployments:
        ours = told.get((one.operation, one.service, one.environment))
        yield one if ours is None or one.digest not in ("", ours.digest) else replace(one, by=ours.by)


def number_of(deployment: Deployment) -> int:
    """The number of its build."""
    return split_build(deployment.run.name.id)[1]


def drift(origin: Cell, cell: Cell) -> Drift:
    """How a cell stands to the one of the environment before it."""
    here = cell.current.release if cell.current else None
    there = origin.current.release if origin.current else None
    compare = Drift(origin=origin.environment, environment=cell.environment, kind=DriftKind.UNKNOWN)
    if here is None or there is None or not (here.digest and there.digest):
        return compare
    if here.digest == there.digest:
        return replace(compare, kind=DriftKind.SAME)
    is_behind = is_older(here, there)
    if is_behind is None:
        return replace(compare, kind=DriftKind.DIFFERENT)
    kind = DriftKind.BEHIND if is_behind else DriftKind.AHEAD
    return replace(compare, kind=kind, builds=abs(builds_between(here, there) or 0) or None)


def agrees(commit: str, served: str, *, is_told: bool) -> bool | None:
    """Whether a target serves what was released, by commits of which one may be shortened.

    A different commit is a disagreement only where the catalogue says that both are of one repository
    (``is_told``); else it cannot be told.
    """
    shorter = min(len(commit), len(served))
    if shorter < _SHORTEST_COMMIT:
        return None
    if commit[:shorter].lower() == served[:shorter].lower():
        return True
    return False if is_told else None


_SHORTEST_COMMIT = 7


def remembered(
    known: KnownReleases, found: Iterable[Deployment], read_at: Mapping[str, datetime]
) -> KnownReleases:
    """What is known with what was found; of each job the newest, and none that still goes on."""
    every = dict(known.deployments)
    for one in found:
        if one.run.state.is_final:
            every[str(one.run.name)] = one
    by_job: dict[tuple[ConnectionName, str], list[Deployment]] = {}
    for one in every.values():
        by_job.setdefault((one.run.name.connection, one.run.job), []).append(one)
    kept = {
        str(one.run.name): one
        for theirs in by_job.values()
        for one in sorted(theirs, key=number_of, reverse=True)[:KEPT]
    }
    return KnownReleases(deployments=kept, read_at={**known.read_at, **read_at})
