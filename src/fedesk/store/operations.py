"""The desk's own state in one SQLite file: ``ports.operation_store.OperationStore``.

Importing this module costs SQLAlchemy (0.4 s): it is imported where a store is first made.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, update

from fedesk.domain.audit import AuditDraft, AuditRecord
from fedesk.domain.audit_chain import START, Mark
from fedesk.domain.incidents import named_in
from fedesk.domain.kept_text import kept_text
from fedesk.domain.operations import LET_GO, Decision, JournalEntry, Operation, Outcome, Owner
from fedesk.domain.plans import digest_of, secrets_in
from fedesk.ports.operation_store import (
    Lease,
    Spending,
    Standing,
    StoreError,
    Submission,
    Verification,
    Written,
)
from fedesk.store import approvals, audit_log, decisions, incidents, leases, queries, tables, verifying
from fedesk.store.agreeing import with_outcome
from fedesk.store.anchored import SqlAnchored
from fedesk.store.approvals import SqlApprovals
from fedesk.store.database import FileDatabase
from fedesk.store.incidents import SqlIncidents
from fedesk.store.leaders import SqlLeaders
from fedesk.store.marks import SqlMarks
from fedesk.store.outbox import SqlOutbox
from fedesk.store.reviews import SqlReviews
from fedesk.store.rows import submitted
from fedesk.store.stops import SqlStops
from fedesk.store.windows import SqlWindows

if TYPE_CHECKING:
    from fedesk.store.protocol import Database


class SqlStore(
    SqlIncidents,
    SqlApprovals,
    SqlMarks,
    SqlReviews,
    SqlWindows,
    SqlStops,
    SqlAnchored,
    SqlLeaders,
    SqlOutbox,
):
    """One file of state. Opens nothing until it is first used; may be used from any thread.

    While there is no file, reading finds nothing and makes none; the first write makes it.
    """

    _database: "Database"

    def __init__(self, path: Path, opened: set[Path] | None = None) -> None:
        """``opened``: files that this process has had open; one of these that is gone is away, not new."""
        self.path = path
        self._database = FileDatabase(path, opened)

    @property
    def database(self) -> "Database":
        """How works over its connections are done, for who looks after it."""
        return self._database

    def operation(self, operation: str) -> Operation | None:
        """One operation by its id, or by the beginning of it if that is of one alone."""
        return self._database.read(lambda connection: queries.by_prefix(connection, operation), None)

    def operations(
        self,
        *,
        environment: str | None = None,
        kinds: Sequence[str] = (),
        reserves: Sequence[str] = (),
        limit: int = 50,
    ) -> tuple[Operation, ...]:
        """The newest operations, newest first."""
        return self._database.read(
            lambda connection: queries.newest(connection, environment, kinds, limit, reserves), ()
        )

    def open_operations(self) -> tuple[Operation, ...]:
        """All that have not ended, or ended unknown; newest first."""
        return self._database.read(queries.unfinished, ())

    def holder(self, reserves: Sequence[str], *, besides: str = "") -> Operation | None:
        """The operation that holds one of these reservations, other than ``besides``."""
        return self._database.read(lambda connection: queries.holder(connection, reserves, besides), None)

    def decisions(self, operation: str) -> tuple[Decision, ...]:
        """What was decided of an operation's steps, in order of time."""
        return self._database.read(lambda connection: decisions.of_operation(connection, operation), ())

    def standing(self, reserves: Sequence[str], *, besides: str, spending: Spending | None) -> Standing:
        """Who holds one of these reservations, other than ``besides``, and how often it was run again."""
        return self._database.read(
            lambda connection: queries.standing(connection, reserves, besides, spending),
            Standing(holder=None, spent=0),
        )

    def now(self, here: datetime) -> datetime:
        """This machine alone has the file: its clock."""
        return here

    def only_proposes(self) -> bool:
        """Never: who has the file writes what they like."""
        return False

    def changes(self) -> int:
        """A number that moves when somebody has written."""
        return self._database.changes()

    def tail(
        self, limit: int, *, environment: str | None = None, operation: str | None = None
    ) -> tuple[AuditRecord, ...]:
        """The newest audit records, oldest first."""
        return self._database.read(
            lambda connection: audit_log.tail(connection, limit, environment, operation), ()
        )

    def record(self, seq: int) -> AuditRecord | None:
        """One audit record."""
        return self._database.read(lambda connection: audit_log.record(connection, seq), None)

    def stream(self) -> Iterator[AuditRecord]:
        """All audit records from the first on, unverified."""
        return audit_log.stream(self._database)

    def verify(self, *, deep: bool, since: Mark = START, marks: Sequence[int] = ()) -> Verification:
        """Check the chain over the stored bytes, all in one state of the file, from behind a place in it."""
        nothing = Verification(records=0, head=START.hash, flaw=None, deep=deep)
        return self._database.read_whole(
            lambda connection: verifying.verify(connection, deep=deep, since=since, marks=marks), nothing
        )

    def check(self) -> None:
        """Whether it can be written: writes a page and waits until it is on the disk. Raises StoreError."""
        touch = update(tables.schema).values(checks=tables.schema.c.checks + 1)
        self._database.write(lambda connection: connection.execute(touch).rowcount)

    def submit(self, submission: Submission) -> Operation:
        """Write plan, guards and confirmation as a confirmed operation. Raises StoreError."""
        names = self._checked(submission)

        def work(connection: Connection) -> None:
            incidents.check_not_closed(connection, named_in(submission.plan.reason))
            for draft in submission.records:
                audit_log.append(connection, draft)
            leases.submit(connection, submission, names)
            if submission.request is not None:
                approvals.keep(connection, submission.plan.operation, submission.request)

        self._database.write(work)
        return submitted(submission)

    @staticmethod
    def _checked(submission: Submission) -> tuple[str, ...]:
        """What a submission reserves. Raises StoreError where it is not of one piece, or tells a secret."""
        plan, confirmation = submission.plan, submission.confirmation
        digests = {submission.digest, confirmation.digest, digest_of(plan)}
        if len(digests) > 1 or confirmation.operation != plan.operation:
            raise StoreError(
                f"The confirmation of operation {plan.operation} is of another plan. Make the plan anew."
            )
        leaks = secrets_in(plan)
        if leaks:
            raise StoreError(
                f"Operation {plan.operation} would send what looks like a secret ({', '.join(leaks)}), and "
                "the store keeps none. Do this one in the system itself."
            )
        return plan.reserves

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
        return self._database.write(
            lambda connection: leases.claim(
                connection, operation, owner, at, lasts, dead=dead, reserve=reserve
            )
        )

    def renew(self, lease: Lease, at: datetime, lasts: timedelta) -> Lease:
        """Hold on to a lease; raises LeaseLostError."""
        return self._database.write(lambda connection: leases.extend(connection, lease, at + lasts))

    def let_go(self, lease: Lease) -> None:
        """Give a lease back; raises LeaseLostError."""
        self._database.write(lambda connection: leases.extend(connection, lease, LET_GO))

    def write(
        self, lease: Lease, entries: Sequence[JournalEntry], audit: AuditDraft | None = None
    ) -> Written:
        """Append to the journal, and one audit record with it; raises LeaseLostError."""

        def work(connection: Connection) -> Written:
            leases.check_held(connection, lease)
            leases.note(connection, lease.operation, entries)
            seq = None if audit is None else leases.record(connection, lease.operation, audit)
            return Written(audit_seq=seq)

        return self._database.write(work)

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
        draft = with_outcome(audit, outcome)

        def work(connection: Connection) -> Written:
            leases.check_held(connection, lease)
            leases.note(connection, lease.operation, entries)
            seq = leases.record(connection, lease.operation, draft)
            leases.end(connection, lease.operation, outcome, kept_text(said), at, seq)
            return Written(audit_seq=seq, operation=queries.by_id(connection, lease.operation))

        return self._database.write(work)

    def decide(self, decision: Decision, audit: AuditDraft) -> Written:
        """Write a decision and its audit record. Raises DecidedError, NotClaimableError."""

        def work(connection: Connection) -> Written:
            seq = audit_log.append(connection, audit)
            decisions.decide(connection, seq, decision)
            return Written(audit_seq=seq)

        return self._database.write(work)

    def append(self, audit: AuditDraft) -> Written:
        """One audit record that belongs to no journal."""
        return Written(audit_seq=self._database.write(lambda connection: audit_log.append(connection, audit)))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
