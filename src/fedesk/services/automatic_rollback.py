"""A promotion whose verification has failed is rolled back by itself, where the catalogue says so.

The rollback is an operation of its own, with its own plan, guards and record, by whoever carried the
promotion out; its reason names the promotion. A rollback is never rolled back by itself.
"""

from collections.abc import Callable
from datetime import timedelta

from fedesk.domain.catalogue import Catalogue
from fedesk.domain.operations import Operation, Outcome, StepState, WriteWindow
from fedesk.domain.release_matrix import PROMOTE, VERIFY
from fedesk.domain.release_stops import ROLLBACK, SERVICE
from fedesk.domain.releases import ReleaseRequest
from fedesk.ports.errors import SourceError
from fedesk.services.changes import Changes
from fedesk.services.proposals import Answer, RefusedError

HOW = "automatic"
"""How it was confirmed: by the promotion's own yes, of which it is part."""
_OPEN = timedelta(hours=1)


def wanted(ended: Operation, catalogue: Catalogue) -> ReleaseRequest | None:
    """The rollback that follows an operation; None where none does."""
    plan = ended.plan
    service = catalogue.services.get(plan.targets[0].pins.get(SERVICE, "")) if plan.targets else None
    if plan.kind != PROMOTE or ended.outcome is not Outcome.FAILED or service is None:
        return None
    if not service.rollback_automatic or not failed_verification(ended):
        return None
    return ReleaseRequest(
        kind=ROLLBACK,
        service=service.name,
        environment=plan.environment,
        connection=plan.connection,
        before=plan.operation,
    )


def failed_verification(ended: Operation) -> bool:
    """Whether it was a check that failed: what was never deployed needs no rollback."""
    last = next((entry for entry in reversed(ended.journal) if entry.step), None)
    return last is not None and last.state is StepState.FAILED and last.step.startswith(VERIFY)


def roll_back(
    ended: Operation,
    request: ReleaseRequest,
    changes: Changes,
    execute: Callable[[str], Operation],
    tell: Callable[[str], None],
) -> Operation | None:
    """Plan, confirm and carry out the rollback; what stands against it is told, and on the record.

    An executor signs what it asks for like anybody, with a key of its own.

    Raises StoreError. None where it was refused, cannot be drafted, or waits for others.
    """
    promotion, environment = ended.plan.operation, request.environment
    now = changes.clock.now()
    reason = f"{ended.plan.reason.rstrip('.') or 'automatic'}: verification of promotion {promotion} failed"
    window = WriteWindow(
        environment=environment,
        opened_at=now,
        until=now + _OPEN,
        reason=reason,
        opened_by=changes.actor.person,
    )
    try:
        proposal = changes.propose(request)
        answer = Answer(how=HOW, named=environment, reason=reason, window=window)
        operation = changes.confirm(proposal, answer)
        waits = changes.waits(operation)
    except (RefusedError, SourceError) as error:
        if isinstance(error, SourceError):
            # Nobody may be there to be told: by the record people know that it is theirs to do.
            changes.record_undone(request, f"not rolled back by itself: {error}", reason=reason)
        tell(f"The verification of {promotion} failed, and it is not rolled back by itself: {error}")
        return None
    if waits:
        tell(f"The rollback after {promotion} waits: {waits}")
        return None
    tell(f"The verification of {promotion} failed: it is rolled back by {operation.plan.operation}.")
    return execute(operation.plan.operation)
