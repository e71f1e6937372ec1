"""Operations put into the real store the way a runner does it: submitted, claimed, written, ended."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from operation_values import NOW, draft_of, minutes

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.operations import Operation, Stage
from fedesk.domain.plans import digest_of
from fedesk.ports.operation_store import Submission
from fedesk.store.operations import SqlStore


def draft(operation: Operation, phase: Phase, result: str = "") -> AuditDraft:
    """A record of an operation."""
    plan = operation.plan
    return draft_of(
        phase,
        at=operation.confirmed_at if phase is Phase.INTENT else operation.ended_at or NOW,
        environment=plan.environment,
        target=plan.targets[0].name,
        operation=plan.operation,
        plan_digest=digest_of(plan),
        reason=plan.reason,
        result=result,
    )


def put(store: SqlStore, operation: Operation) -> None:
    """Write one operation as far as it has come."""
    plan = operation.plan
    store.submit(
        Submission(
            plan=plan,
            digest=digest_of(plan),
            guards=operation.guards,
            confirmation=replace(operation.confirmation, digest=digest_of(plan)),
        )
    )
    if operation.stage is Stage.CONFIRMED:
        return
    assert operation.owner is not None
    at = operation.confirmed_at
    lasts = (operation.lease_until or NOW + timedelta(minutes=1)) - at
    lease = store.claim(plan.operation, operation.owner, at, lasts, dead=None)
    # The store numbers them: the claim has an entry of its own.
    first, *others = (replace(entry, number=0) for entry in operation.journal)
    store.write(lease, [first], draft(operation, Phase.INTENT))
    if operation.outcome is None:
        store.write(lease, others)
        return
    at = operation.ended_at or NOW - minutes(1)
    store.end(
        lease,
        operation.outcome,
        operation.said,
        at,
        others,
        draft(operation, Phase.OUTCOME, operation.said),
    )


def store_with(folder: Path, *operations: Operation) -> SqlStore:
    """A store in a file, with these operations, the first the newest."""
    store = SqlStore(folder / "fedesk.db")
    for one in reversed(operations):
        put(store, one)
    return store
