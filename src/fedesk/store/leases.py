"""Who may act for an operation: claims, reservations and what is written under a lease.

All of it happens within one writing transaction that somebody else has begun.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.operations import JournalEntry, Operation, Outcome, Owner, Stage
from fedesk.ports.operation_store import (
    GoneError,
    JournalError,
    Lease,
    LeaseLostError,
    NotClaimableError,
    ReservedError,
    StoreError,
    Submission,
)
from fedesk.store import audit_log, queries
from fedesk.store.rows import claim_entry, journal_row, operation_row, owner_of
from fedesk.store.tables import approvals, journal, operations, reservations, reserves, used_nonces

_LEASE = select(
    operations.c.stage,
    operations.c.outcome,
    operations.c.fence,
    operations.c.lease_until,
    operations.c.owner_host,
    operations.c.owner_boot,
    operations.c.owner_pid,
    operations.c.owner_started,
).where(operations.c.operation == bindparam("id"))
_LAST_ENTRY = select(func.coalesce(func.max(journal.c.number), 0)).where(
    journal.c.operation == bindparam("id")
)


def submit(connection: Connection, submission: Submission, names: Sequence[str]) -> None:
    """Write a confirmed operation and what it will reserve. Raises StoreError where it is there already."""
    id_ = submission.plan.operation
    if connection.execute(_LEASE, {"id": id_}).one_or_none() is not None:
        raise confirmed_already(id_)
    connection.execute(insert(operations), operation_row(submission))
    if names:
        connection.execute(insert(reserves), [{"operation": id_, "reserve": name} for name in names])


def confirmed_already(operation: str) -> StoreError:
    """A plan is confirmed once."""
    return StoreError(
        f"Operation {operation} was confirmed already. Look at it with `fedesk operations show`."
    )


def claim(
    connection: Connection,
    operation: str,
    owner: Owner,
    at: datetime,
    lasts: timedelta,
    *,
    dead: Owner | None,
    reserve: bool,
) -> Lease:
    """Take the lease, and the reservations. Raises NotClaimableError, ReservedError."""
    row = check_claimable(connection, operation, dead)
    if reserve:
        _reserve(connection, operation)
    _use_statements(connection, operation)
    fence, until = row.fence + 1, at + lasts
    assign(
        connection,
        operation,
        # One that ended unknown stays so until it is settled.
        stage=Stage.RUNNING.value if row.stage == Stage.CONFIRMED.value else row.stage,
        owner_host=owner.host,
        owner_boot=owner.boot,
        owner_pid=owner.pid,
        owner_started=owner.started,
        lease_until=until,
        fence=fence,
    )
    note(connection, operation, (claim_entry(owner, at),))
    return Lease(
        operation=operation,
        owner=owner,
        fence=fence,
        until=until,
        found=queries.by_id(connection, operation),
    )


def _use_statements(connection: Connection, operation: str) -> None:
    """A statement is used once: by which an operation was begun, no other one ever is."""
    used = select(used_nonces.c.nonce).where(used_nonces.c.operation == operation)
    brought = select(approvals.c.nonce, approvals.c.operation).where(
        approvals.c.operation == operation, approvals.c.nonce.not_in(used)
    )
    connection.execute(insert(used_nonces).from_select(["nonce", "operation"], brought))


def check_claimable(connection: Connection, operation: str, dead: Owner | None) -> Row[*tuple[Any, ...]]:
    """Who holds the operation, which may be claimed. Raises NotClaimableError."""
    row = connection.execute(_LEASE, {"id": operation}).one_or_none()
    if row is None:
        raise NotClaimableError(f"There is no operation {operation} in this store.")
    if row.stage == Stage.ENDED.value and row.outcome != Outcome.UNKNOWN.value:
        raise NotClaimableError(f"Operation {operation} has ended: {row.outcome}.")
    owner = owner_of(row)
    is_free = row.lease_until is None and dead is None
    if not is_free and owner != dead:
        by = f"process {owner.pid} on {owner.host}" if owner else "nobody yet"
        raise NotClaimableError(f"Operation {operation} was claimed by {by}. Look at it again.")
    return row


def reserves_of(connection: Connection, operation: str) -> Sequence[str]:
    """What an operation reserves while it is under way."""
    return connection.scalars(select(reserves.c.reserve).where(reserves.c.operation == operation)).all()


def holder_of(connection: Connection, operation: str) -> Operation | None:
    """The other operation that holds what this one reserves."""
    return queries.holder(connection, reserves_of(connection, operation), operation)


def _reserve(connection: Connection, operation: str) -> None:
    """Take what is not held by the operation already; the primary key says whether somebody else has it."""
    held = select(reservations.c.reserve).where(reservations.c.operation == operation)
    names = reserves_of(connection, operation)
    missing = set(names) - set(connection.scalars(held))
    if not missing:
        return
    try:
        with connection.begin_nested():
            rows = [{"reserve": name, "operation": operation} for name in sorted(missing)]
            connection.execute(insert(reservations), rows)
    except IntegrityError:
        other = queries.holder(connection, names, operation)
        if other is None:
            raise
        raise reserved_by(other) from None


def reserved_by(other: Operation) -> ReservedError:
    """Who holds the target, and since when."""
    since = f"confirmed {other.confirmed_at:%Y-%m-%d %H:%M:%S} UTC"
    target = ", ".join(one.name for one in other.plan.targets)
    return ReservedError(
        f"Operation {other.plan.operation} ({other.plan.kind}, {other.plan.requester}, {since}) "
        f"holds {target}. Wait until it has ended, or look at it with `fedesk operations show`.",
        other,
    )


def extend(connection: Connection, lease: Lease, until: datetime) -> Lease:
    """The same lease, until another moment; raises LeaseLostError."""
    check_held(connection, lease)
    assign(connection, lease.operation, lease_until=until)
    return replace(lease, until=until)


def check_held(connection: Connection, lease: Lease) -> None:
    """Whether the lease is still the newest one; raises LeaseLostError."""
    row = connection.execute(_LEASE, {"id": lease.operation}).one_or_none()
    if row is not None and row.fence == lease.fence and row.lease_until is not None:
        return
    if row is None:
        raise GoneError(f"Operation {lease.operation} is gone from the store: nothing more is sent for it.")
    if row.fence == lease.fence:
        what = f"has ended: {row.outcome}"
    else:
        what = f"was taken over by process {row.owner_pid} on {row.owner_host}"
    raise LeaseLostError(
        f"Operation {lease.operation} {what}. This process sends and writes nothing more for it."
    )


def note(connection: Connection, operation: str, entries: Sequence[JournalEntry]) -> None:
    """Append to the journal of an operation. Raises JournalError."""
    if not entries:
        return
    last = connection.execute(_LAST_ENTRY, {"id": operation}).scalar_one()
    if any(entry.number not in (0, last + place) for place, entry in enumerate(entries, 1)):
        raise journal_moved(operation)
    rows = [journal_row(operation, last + place, entry) for place, entry in enumerate(entries, 1)]
    connection.execute(insert(journal), rows)


def journal_moved(operation: str) -> JournalError:
    """What is to be written does not follow on what is there."""
    return JournalError(
        f"The journal of operation {operation} is not as its process left it, as where a backup was put in "
        f"the place of the store. Look at it with `fedesk operations show {operation}`."
    )


def record(connection: Connection, operation: str, draft: AuditDraft) -> int:
    """One audit record of an operation; its intent is its only one."""
    try:
        seq = audit_log.append(connection, draft)
    except sqlite3.IntegrityError:
        if draft.phase is Phase.INTENT:
            raise intended_already(operation) from None
        raise
    if draft.phase is Phase.INTENT:
        assign(connection, operation, audit_intent=seq)
    return seq


def intended_already(operation: str) -> StoreError:
    """An operation has one intent."""
    return StoreError(f"Operation {operation} has its intent in the audit log already.")


def end(
    connection: Connection, operation: str, outcome: Outcome, said: str, at: datetime, audit_outcome: int
) -> None:
    """The operation has ended and nobody holds it; an unknown one keeps its reservations."""
    assign(
        connection,
        operation,
        stage=Stage.ENDED.value,
        outcome=outcome.value,
        said=said,
        ended_at=at,
        lease_until=None,
        audit_outcome=audit_outcome,
    )
    if outcome is not Outcome.UNKNOWN:
        connection.execute(delete(reservations).where(reservations.c.operation == operation))


def assign(connection: Connection, operation: str, **values: object) -> None:
    """Set columns of an operation."""
    connection.execute(update(operations).where(operations.c.operation == operation).values(values))
