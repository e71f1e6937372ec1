"""What is known of releases in environments: whether one was verified, for how long, and the last good one.

A release counts as verified in an environment where the newest operation that brought it there ended well, or
where the deploy job's own stage says so. What cannot be told is never green.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.domain.releases import Cell, Deployment, ReleaseStop, Verified
from fedesk.domain.states import State

PROMOTE = "release.promote"
ROLL_BACK = "release.rollback"
KINDS = (PROMOTE, ROLL_BACK)
"""Kinds of operations that bring a release into an environment."""
SERVICE_PIN = "service"
DIGEST_PIN = "digest"
"""Pins of such a plan's target that say which service and release it is about."""
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
    """Whether anything was sent: what was refused before has changed nothing."""


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
        service=pins.get(SERVICE_PIN, ""),
        environment=plan.environment,
        digest=pins.get(DIGEST_PIN, ""),
        by=operation.confirmation.by,
        confirmed_at=operation.confirmed_at,
        ended_at=operation.ended_at if operation.stage is Stage.ENDED else None,
        outcome=operation.outcome,
        said=operation.said,
        has_sent=any(one.step and one.state is StepState.INTENDED for one in operation.journal),
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
    found = [
        proof
        for proof in (
            *(
                _by_operation(one)
                for one in operations
                if (one.service, one.environment, one.digest) == (service, environment, digest)
            ),
            *(
                _by_its_job(one)
                for one in deployments
                if (one.service, one.environment, one.digest) == (service, environment, digest)
            ),
        )
        if proof is not None
    ]
    # At one moment the operation has the word: it looked at more than the job's own stage.
    return max(found, key=lambda one: (_moment(one.since), bool(one.operation)), default=UNPROVEN)


def _by_operation(one: ReleaseOperation) -> Proof | None:
    if one.outcome is None or one.ended_at is None or not one.has_sent:
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
