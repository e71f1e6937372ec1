"""Signed statements on plans as rows; plain statements, which hold on SQLite and PostgreSQL alike.

What is brought is written behind its audit record, in the same transaction: appending takes the head of the
log, so of two who bring the same one the second reads that it is there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from fedesk.domain.audit import AuditDraft
from fedesk.domain.kept_text import kept_name
from fedesk.ports.approving import BroughtError
from fedesk.ports.operation_store import SignedStatement
from fedesk.store import audit_log
from fedesk.store.protocol import Database
from fedesk.store.tables import approvals, used_nonces


def of_operation(connection: Connection, operation: str) -> tuple[SignedStatement, ...]:
    """What was brought on an operation's plan, in order of time."""
    query = (
        select(approvals)
        .where(approvals.c.operation == operation)
        .order_by(approvals.c.at, approvals.c.nonce)
    )
    return tuple(_signed(row) for row in connection.execute(query))


def keep(connection: Connection, operation: str, signed: SignedStatement) -> None:
    """Write a statement down. Raises BroughtError."""
    there = connection.execute(select(approvals).where(approvals.c.nonce == signed.nonce)).one_or_none()
    if there is not None:
        raise BroughtError(
            f"A statement of that nonce was brought before, on operation {there.operation} by "
            f"{there.principal} at {there.at:%Y-%m-%d %H:%M:%S} UTC. Each one is used once: sign a new one."
        )
    connection.execute(insert(approvals).values(row_of(operation, signed)))


def row_of(operation: str, signed: SignedStatement) -> dict[str, Any]:
    """A statement as it is kept."""
    return {
        "nonce": signed.nonce,
        "operation": operation,
        "action": signed.action,
        "principal": kept_name(signed.principal),
        "statement": signed.raw,
        "signature": signed.signature,
        "at": signed.at,
        "brought_by": kept_name(signed.brought_by),
    }


def _signed(row: Row[Any]) -> SignedStatement:
    return SignedStatement(
        nonce=row.nonce,
        action=row.action,
        principal=row.principal,
        raw=row.statement,
        signature=row.signature,
        at=row.at,
        brought_by=row.brought_by,
    )


def _used_for(connection: Connection, nonces: Sequence[str]) -> Mapping[str, str]:
    rows = connection.execute(select(used_nonces).where(used_nonces.c.nonce.in_(nonces)))
    return {row.nonce: row.operation for row in rows}


class SqlApprovals:
    """``ports.approving.ApprovalStore``, over a file or a server."""

    _database: Database

    def statements(self, operation: str) -> tuple[SignedStatement, ...]:
        """What was brought on an operation's plan, in order of time."""
        return self._database.read(lambda connection: of_operation(connection, operation), ())

    def used_for(self, nonces: Sequence[str]) -> Mapping[str, str]:
        """The operations that were begun by statements of these nonces, by nonce."""
        nothing: Mapping[str, str] = {}
        return self._database.read(lambda connection: _used_for(connection, nonces), nothing)

    def bring(self, operation: str, signed: SignedStatement, audit: AuditDraft) -> None:
        """Keep a statement, behind its audit record. Raises BroughtError."""

        def work(connection: Connection) -> None:
            audit_log.append(connection, audit)
            keep(connection, operation, signed)

        self._database.write(work)
