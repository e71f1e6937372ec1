"""The desk's own state in a team's PostgreSQL: ``ports.operation_store.OperationStore``.

It reads as the file does. What is written is one call of a function each (``sql/functions.sql``): one
transaction, one round trip, under the database's clock and locks. It costs SQLAlchemy and psycopg to import.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Connection, LargeBinary, Row, Table, TextClause, text

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.audit_chain import record_bytes, time_text
from fedesk.domain.incidents import named_in
from fedesk.domain.kept_text import kept_text
from fedesk.domain.operations import LET_GO, JournalEntry, Operation, Outcome, Owner
from fedesk.ports.operation_store import (
    Lease,
    LeaseLostError,
    NotClaimableError,
    Submission,
    Written,
)
from fedesk.store import approvals, audit_log, incidents, leases, tables
from fedesk.store.agreeing import with_outcome
from fedesk.store.operations import SqlStore
from fedesk.store.postgres import Password, PostgresDatabase
from fedesk.store.postgres_wording import JOURNAL_MOVED, LEASE_LOST, RESERVED, ConditionError
from fedesk.store.rows import claim_entry, journal_row, operation_of, operation_row, submitted

_SUBMIT = text(
    "WITH made AS (INSERT INTO operations"
    " (operation, kind, environment, digest, plan, guards, confirmation, confirmed_at)"
    " SELECT :operation, :kind, :environment, :digest, :plan, :guards, :confirmation, :confirmed_at"
    " WHERE NOT EXISTS (SELECT FROM incidents WHERE incident = :incident AND closed_at IS NOT NULL)"
    " RETURNING operation), asked AS (INSERT INTO approvals"
    " (nonce, operation, action, principal, statement, signature, at, brought_by)"
    " SELECT request ->> 'nonce', operation, request ->> 'action', request ->> 'principal',"
    " CAST(:statement AS bytea), request ->> 'signature', request ->> 'at', request ->> 'brought_by'"
    " FROM made, CAST(:request AS json) AS request WHERE request IS NOT NULL)"
    " INSERT INTO operation_reserves (operation, reserve)"
    " SELECT operation, unnest(CAST(:names AS text[])) FROM made"
)
CLAIM = text(
    "SELECT claim(:operation, CAST(:owner AS json), CAST(:dead AS json), :lasts, :reserve,"
    " CAST(:entries AS json))"
)
_RENEW = text(
    "UPDATE operations SET lease_until = moment(clock_timestamp() + :lasts)"
    " WHERE operation = :operation AND fence = :fence AND lease_until IS NOT NULL RETURNING lease_until"
)
_LET_GO = text(
    "UPDATE operations SET lease_until = :until"
    " WHERE operation = :operation AND fence = :fence AND lease_until IS NOT NULL RETURNING lease_until"
)
WRITE = text("SELECT write(:operation, :fence, CAST(:entries AS json), CAST(:draft AS json))")
FINISH = text(
    "SELECT finish(:operation, :fence, CAST(:entries AS json), CAST(:draft AS json), :how, :words, :at)"
)
_NOW = text("SELECT moment(clock_timestamp())")
_ONLY_PROPOSES = text(
    "SELECT profile = 'enforced'"
    " AND NOT has_column_privilege(session_user, 'operations', 'lease_until', 'UPDATE') FROM fedesk_schema"
)
_CHECK = text("UPDATE fedesk_schema SET checks = checks + 1")


class PostgresStore(SqlStore):
    """One database, shared by a team. Connects when it is first used; may be used from any thread."""

    def __init__(self, url: str, password: Password | None = None) -> None:
        self._team = PostgresDatabase(url, password)
        self._database = self._team

    @property
    def where(self) -> str:
        """What it is called in sentences."""
        return self._team.where

    def now(self, here: datetime) -> datetime:
        """The database's clock."""
        del here
        return datetime.fromisoformat(self._team.read(lambda connection: connection.scalar(_NOW), ""))

    def only_proposes(self) -> bool:
        """Whether the profile is `enforced`, and the session's role is not the executor's."""
        return bool(self._team.read(lambda connection: connection.scalar(_ONLY_PROPOSES), None))

    def check(self) -> None:
        """Whether it can be written, and is of this version. Raises StoreError."""
        self._team.once(lambda connection: connection.execute(_CHECK).rowcount)

    def submit(self, submission: Submission) -> Operation:
        """Write plan, guards and confirmation as a confirmed operation. Raises StoreError."""
        names = list(self._checked(submission))
        row = operation_row(submission)
        row["confirmed_at"] = time_text(row["confirmed_at"])
        incident = named_in(submission.plan.reason)
        values = {"names": names, "incident": incident} | {name: row[name] for name in _SUBMITTED}
        values |= _request(submission)

        def work(connection: Connection) -> None:
            for draft in submission.records:
                audit_log.append(connection, draft)
            if not connection.execute(_SUBMIT, values).rowcount:
                # Nothing is reserved, or the incident that it would be done for is closed.
                incidents.check_not_closed(connection, incident)

        # One statement is a transaction by itself, and one round trip.
        write = self._team.write if submission.records else self._team.once
        try:
            write(work)
        except ConditionError:
            raise leases.confirmed_already(submission.plan.operation) from None
        return submitted(submission)

    def claim(
        self,
        operation: str,
        owner: Owner,
        at: datetime,
        lasts: timedelta,
        *,
        dead: Owner | None,
        reserve: bool = True,
    ) -> Lease:
        """Take the lease and the reservations of an operation. Raises NotClaimableError, ReservedError."""
        values = {
            "operation": operation,
            "owner": json.dumps(asdict(owner)),
            "dead": None if dead is None else json.dumps(asdict(dead)),
            "lasts": lasts,
            "reserve": reserve,
            "entries": entries_json((claim_entry(owner, at),)),
        }
        try:
            whole = self._team.once(lambda connection: connection.scalar(CLAIM, values))
        except ConditionError as error:
            self._tell_not_claimed(operation, dead, error)
            raise
        found = _operation(whole)
        row = whole["operation"]
        assert found.lease_until is not None  # noqa: S101 - the claim has just set it
        return Lease(
            operation=operation, owner=owner, fence=row["fence"], until=found.lease_until, found=found
        )

    def renew(self, lease: Lease, at: datetime, lasts: timedelta) -> Lease:
        """Hold on to a lease; raises LeaseLostError."""
        del at
        return self._extended(lease, _RENEW, {"lasts": lasts})

    def let_go(self, lease: Lease) -> None:
        """Give a lease back; raises LeaseLostError."""
        self._extended(lease, _LET_GO, {"until": time_text(LET_GO)})

    def write(
        self, lease: Lease, entries: Sequence[JournalEntry], audit: AuditDraft | None = None
    ) -> Written:
        """Append to the journal, and one audit record with it; raises LeaseLostError."""
        values = {"entries": entries_json(entries), "draft": audit and draft_json(audit)}
        return Written(audit_seq=self._under_lease(lease, audit, WRITE, values))

    def end(
        self,
        lease: Lease,
        outcome: Outcome,
        said: str,
        at: datetime,
        entries: Sequence[JournalEntry],
        audit: AuditDraft,
    ) -> Written:
        """The same, and the operation has ended; an unknown one keeps its reservations."""
        values = {
            "entries": entries_json(entries),
            "draft": draft_json(with_outcome(audit, outcome)),
            "how": outcome.value,
            "words": kept_text(said),
            "at": time_text(at),
        }
        found = _operation(self._under_lease(lease, audit, FINISH, values))
        return Written(audit_seq=found.audit_outcome, operation=found)

    def append(self, audit: AuditDraft) -> Written:
        """One audit record that belongs to no journal."""
        return Written(audit_seq=self._team.once(lambda connection: audit_log.append(connection, audit)))

    def _extended(self, lease: Lease, statement: TextClause, values: Mapping[str, object]) -> Lease:
        values = {**values, "operation": lease.operation, "fence": lease.fence}
        until = self._team.once(lambda connection: connection.scalar(statement, values))
        if until is None:
            self._tell_lost(lease)
            raise LeaseLostError(
                f"Operation {lease.operation} was taken over for a moment. Look at it again."
            )
        return replace(lease, until=datetime.fromisoformat(until))

    def _under_lease(
        self, lease: Lease, audit: AuditDraft | None, statement: TextClause, values: Mapping[str, object]
    ) -> Any:
        values = {**values, "operation": lease.operation, "fence": lease.fence}
        try:
            return self._team.once(lambda connection: connection.scalar(statement, values))
        except ConditionError as error:
            if error.state == LEASE_LOST:
                self._tell_lost(lease)
            elif error.state == JOURNAL_MOVED:
                raise leases.journal_moved(lease.operation) from None
            elif audit is not None and audit.phase is Phase.INTENT:
                raise leases.intended_already(lease.operation) from None
            raise

    def _tell_lost(self, lease: Lease) -> None:
        self._team.read(lambda connection: leases.check_held(connection, lease), None)

    def _tell_not_claimed(self, operation: str, dead: Owner | None, error: ConditionError) -> None:
        """Say who was faster, as it is now: a moment later."""
        if error.state == RESERVED:
            other = self._team.read(lambda connection: leases.holder_of(connection, operation), None)
            if other is not None:
                raise leases.reserved_by(other)
        else:
            self._team.read(lambda connection: leases.check_claimable(connection, operation, dead), None)
        raise NotClaimableError(f"Operation {operation} was claimed for a moment. Try again.")


_SUBMITTED = ("operation", "kind", "environment", "digest", "plan", "guards", "confirmation", "confirmed_at")
"""The columns of a submission; the others have their defaults, and nobody needs leave to set them."""


def _request(submission: Submission) -> dict[str, object]:
    """The requester's statement: as JSON, and the bytes that are signed; of neither where there is none."""
    if submission.request is None:
        return {"request": None, "statement": None}
    row = approvals.row_of(submission.plan.operation, submission.request)
    statement = row.pop("statement")
    return {"request": json.dumps(row | {"at": time_text(row["at"])}), "statement": statement}


def draft_json(audit: AuditDraft) -> str:
    """The record as the database is given it; it puts in its own number and author."""
    return record_bytes(audit, 0).decode()


def entries_json(entries: Iterable[JournalEntry]) -> str:
    """Entries of a journal as the database is given them."""
    rows = (journal_row("", entry.number, entry) for entry in entries)
    return json.dumps(
        [row | {"at": time_text(row["at"]), "evidence": row["evidence"].decode()} for row in rows]
    )


def _operation(whole: Mapping[str, Any]) -> Operation:
    """The operation of a document that ``whole`` has made."""
    return operation_of(
        _row(tables.operations, whole["operation"]), [_row(tables.journal, one) for one in whole["journal"]]
    )


def _row(table: Table, document: Mapping[str, Any]) -> Row[*tuple[Any, ...]]:
    """A JSON document as a row of a table: bytes are hexadecimal there, and times text."""
    found = SimpleNamespace()
    for column in table.c:
        value = document[column.name]
        if value is not None and isinstance(column.type, LargeBinary):
            value = bytes.fromhex(value.removeprefix("\\x"))
        elif value is not None and isinstance(column.type, tables.Moment):
            value = datetime.fromisoformat(value)
        setattr(found, column.name, value)
    return cast("Row[*tuple[Any, ...]]", found)
