"""What stands against a release: quarantines that people put up, and rollbacks, which hold what they removed.

A rollback that succeeded is the hold of the release that it removed, there and then: nothing more has to be
written for it to be in force. It is lifted by a row that names the rollback.
"""

import re
from collections.abc import Iterable

from fedesk.domain.operations import Operation, Outcome
from fedesk.domain.releases import ReleaseStop, StopKind

ROLLBACK = "release.rollback"
"""The kind of operation that holds what it removes."""
SERVICE, REMOVED = "service", "rolled back"
"""Names of pins of a rollback's target: the service, and the digest that ran before it."""
_BEGINNING = re.compile(r"(?:sha256:)?[0-9a-f]{12,63}")


def in_force(
    written: Iterable[ReleaseStop], operations: Iterable[Operation], environment: str = ""
) -> tuple[ReleaseStop, ...]:
    """Stops that stand against releases in an environment, in all where none is named; the oldest first.

    ``operations`` are those of the services concerned; whatever is no rollback among them holds nothing.
    """
    rows = tuple(written)
    lifted = {one.operation for one in rows if one.kind is StopKind.HOLD and one.lifted_at is not None}
    stops = [one for one in rows if one.kind is StopKind.QUARANTINE and one.lifted_at is None]
    stops += [hold for one in operations if (hold := _hold(one)) is not None and hold.operation not in lifted]
    wanted = (one for one in stops if not environment or one.environment in ("", environment))
    return tuple(sorted(wanted, key=lambda one: (one.at, one.id)))


def _hold(operation: Operation) -> ReleaseStop | None:
    """The hold that a rollback is; None for what is none, or has not succeeded."""
    plan = operation.plan
    if plan.kind != ROLLBACK or operation.outcome is not Outcome.SUCCEEDED:
        return None
    pins = plan.targets[0].pins
    digest = pins.get(REMOVED, "")
    if not digest or operation.ended_at is None:
        return None
    return ReleaseStop(
        id=operation.plan.operation,
        kind=StopKind.HOLD,
        service=pins.get(SERVICE, ""),
        digest=digest,
        environment=plan.environment,
        reason=plan.reason or "rolled back",
        by=plan.requester,
        at=operation.ended_at,
        operation=plan.operation,
    )


def lifted_said(stop: ReleaseStop) -> str:
    """That it stands no more."""
    return f"{stop.id} was lifted by {stop.lifted_by}: {stop.lifted_reason}"


def unknown_stop_said(stop: str) -> str:
    """That there is none of that id."""
    return f"There is no quarantine or hold {stop}; `fedesk release quarantine` lists those in force."


def described(stop: ReleaseStop) -> str:
    """In a word and a reason: ``in quarantine since …`` is left to who knows the time."""
    what = "in quarantine" if stop.kind is StopKind.QUARANTINE else f"rolled back in {stop.environment}"
    return f"{stop.digest[:19]} of {stop.service} is {what}: {stop.reason.rstrip('.')} ({stop.by})"


def is_beginning(text: str) -> bool:
    """Whether it is the beginning of a digest, and long enough for one to be meant."""
    return _BEGINNING.fullmatch(text) is not None
