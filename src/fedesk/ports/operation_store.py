"""The desk's own state: operations, their journal, and the audit log.

    StoreError
      StoreUnavailableError   cannot be read or written: disk full, read-only, gone, corrupt (exit 6)
      SchemaError             made by another fedesk than this one (exit 6)
      UnderWayError           not while an operation is under way (exit 5)
      FlawedError             the audit log is not as it was written (exit 1)
      ReservedError           another operation holds the target (exit 5)
      NotClaimableError       it is not waiting to be executed: claimed by another, ended, not there (exit 5)
      DecidedError            somebody has decided before (exit 5)
      NotOneselfError         it is another person's to do (exit 3)
      LeaseLostError          somebody else has taken the operation over
        GoneError             it is not in the store any more, as where a backup was put in its place
      JournalError            its journal is not as this process left it
      UnrecordedError         something was sent, and what came of it could not be written down (exit 7)

Each carries one sentence that says what, where and what to do. Every method that writes is one transaction;
journal entries, audit record and lease of one moment are in the same one. Blocking.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from fedesk.domain.audit import AuditDraft, AuditRecord
from fedesk.domain.audit_chain import Mark
from fedesk.domain.operations import (
    Confirmation,
    Decision,
    GuardResult,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Plan,
)
from fedesk.domain.releases import ReleaseStop
from fedesk.domain.windows import Window


class StoreError(Exception):
    """The desk's own state does not allow what was asked."""


class StoreUnavailableError(StoreError):
    """The store cannot be read or written."""


class SchemaError(StoreError):
    """The store was made by another version of fedesk."""


class UnderWayError(StoreError):
    """An operation is under way, and the store is not migrated or moved under its process."""


class FlawedError(StoreError):
    """The audit log is not as it was written, and is not carried elsewhere as if it were."""


class ReservedError(StoreError):
    """Another operation holds one of the plan's reservations."""

    def __init__(self, sentence: str, holder: Operation) -> None:
        super().__init__(sentence)
        self.holder = holder


class NotClaimableError(StoreError):
    """The operation is not waiting to be executed."""


class DecidedError(StoreError):
    """Somebody has decided of the same step before."""


class NotOneselfError(StoreError):
    """Who asks is not who may: it is another person's to do."""


class LeaseLostError(StoreError):
    """Another process has taken the operation over: nothing more may be sent or written by this one."""


class GoneError(LeaseLostError):
    """The operation is not in the store any more."""


class JournalError(StoreError):
    """The journal of an operation is not as its owner left it; nothing was written.

    A write whose answer was lost has come about after all, or a backup was put in the place of the store.
    """


class UnrecordedError(StoreError):
    """Something was sent, and what came of it could not be written down. A recheck settles it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatement:
    """What somebody said of a plan and signed, as it was brought (``domain.approving``)."""

    nonce: str
    action: str
    principal: str
    raw: bytes
    """What is signed."""
    signature: str
    """Armored, as ``ssh-keygen -Y sign`` gives it."""
    at: datetime
    brought_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What becomes durable when somebody confirms: plan, guards as they were judged, confirmation."""

    plan: Plan
    digest: str
    guards: tuple[GuardResult, ...]
    confirmation: Confirmation
    request: SignedStatement | None = None
    """The requester's own statement, where the plan waits for others."""
    records: tuple[AuditDraft, ...] = ()
    """What is on the record with it: that the glass is broken, a freeze overridden, a review wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to act for an operation."""

    operation: str
    owner: Owner
    fence: int
    """Grows with each claim; who holds an older one has lost it."""
    until: datetime
    """By the store's clock (``OperationReader.now``)."""
    found: Operation
    """The operation as it stood right after the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write has made."""

    audit_seq: int | None
    """Sequence number of the audit record that went with it."""
    operation: Operation | None = None
    """As it stands after its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Re-runs to be counted: operations of a kind that reserved something, confirmed since a moment."""

    kind: str
    reserve: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the store says of the target of a plan, in one reading."""

    holder: Operation | None
    """The operation that holds one of its reservations."""
    spent: int
    """Re-runs that were sent; those that were refused or aborted do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """The first thing in the audit log that is not as it should be."""

    seq: int
    """The first bad record; 0 where the records are good, and what is told beside them is not."""
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What checking the chain found."""

    records: int
    """Records that are good, from the start."""
    head: str
    """Hash of the last good record, hexadecimal; the genesis of 64 zeros where there is none."""
    flaw: Flaw | None
    deep: bool
    marks: tuple[Mark, ...] = ()
    """Those that were asked for and are there, with their stored hashes."""


class OperationReader(Protocol):
    """Operations, as everyone may read them."""

    def operation(self, operation: str) -> Operation | None:
        """One operation by its id, or by the first characters of it if they are those of one alone."""

    def operations(
        self,
        *,
        environment: str | None = None,
        kinds: Sequence[str] = (),
        reserves: Sequence[str] = (),
        limit: int = 50,
    ) -> tuple[Operation, ...]:
        """The newest operations, newest first; of every kind where none is named.

        With ``reserves`` the newest of each: those alone that hold it while they are under way, or have
        held it.
        """

    def stops(self, *, service: str | None = None) -> tuple[ReleaseStop, ...]:
        """Stops of releases that are written down, the oldest first, those that were lifted among them.

        Rollbacks hold beside them (``domain.release_stops.in_force``).
        """

    def open_operations(self) -> tuple[Operation, ...]:
        """All that have not ended, or ended unknown, of every environment; newest first."""

    def holder(self, reserves: Sequence[str], *, besides: str = "") -> Operation | None:
        """The operation that holds one of these reservations, other than ``besides``."""

    def decisions(self, operation: str) -> tuple[Decision, ...]:
        """What was decided of an operation's steps, in order of time."""

    def standing(self, reserves: Sequence[str], *, besides: str, spending: Spending | None) -> Standing:
        """Who holds one of these reservations, other than ``besides``, and how often it was run again."""

    def open_windows(self, at: datetime, *, environment: str | None = None) -> tuple[Window, ...]:
        """Freezes, holds and maintenance that may be in force at a time or later, the oldest first.

        Those that were removed, or over days before, are left out; ``services.calendar`` tells the rest.
        """

    def now(self, here: datetime) -> datetime:
        """The time by the clock that leases are told by: the database's, where several machines share it.

        ``here`` is the time on this machine, and the answer for a store that this machine alone has.
        """

    def only_proposes(self) -> bool:
        """Whether who is here may propose changes and not carry them out: the store itself sees to it."""

    def changes(self) -> int:
        """A number that moves when another process has written (``PRAGMA data_version``); cheap to ask."""


class AuditReader(Protocol):
    """The audit log, as everyone may read it."""

    def tail(
        self, limit: int, *, environment: str | None = None, operation: str | None = None
    ) -> tuple[AuditRecord, ...]:
        """The newest records, oldest first."""

    def record(self, seq: int) -> AuditRecord | None:
        """One record."""

    def stream(self) -> Iterator[AuditRecord]:
        """All records from the first on, as they are in the file, unverified."""

    def verify(self, *, deep: bool) -> Verification:
        """Check the chain over the stored bytes; ``deep`` also compares each record with what it tells of."""


class OperationStore(OperationReader, AuditReader, Protocol):
    """All of it."""

    def check(self) -> None:
        """Whether it can be written now, and is of this version; raises StoreError."""

    def submit(self, submission: Submission) -> Operation:
        """Write plan, guards and confirmation as a confirmed operation, and return it as it stands then.

        Nothing is written where the reason begins with the id of an incident that is closed
        (``ports.incident_store.IncidentConflictError``).
        """

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
        """Take the lease of a confirmed operation and its reservations, and say so in the journal.

        ``at`` is the time on this machine; the lease lasts so long from now on by the store's clock.

        ``dead`` is the owner that was found dead, where an operation that had begun, or ended unknown, is
        taken over. ``reserve`` is false where the operation is only going to be ended without anything being
        sent: refused because another holds its target, or expired; it then takes no reservation. Raises
        NotClaimableError, ReservedError.
        """

    def renew(self, lease: Lease, at: datetime, lasts: timedelta) -> Lease:
        """Hold on to it; raises LeaseLostError. Called right before each send as well."""

    def let_go(self, lease: Lease) -> None:
        """Give the lease back without an end: whoever looks next may go on. Raises LeaseLostError."""

    def write(
        self, lease: Lease, entries: Sequence[JournalEntry], audit: AuditDraft | None = None
    ) -> Written:
        """Append to the journal, and one audit record with it; raises LeaseLostError.

        An entry that has a number is written as that one or not at all: JournalError where another is next.
        """

    def end(
        self,
        lease: Lease,
        outcome: Outcome,
        said: str,
        at: datetime,
        entries: Sequence[JournalEntry],
        audit: AuditDraft,
    ) -> Written:
        """The same, and the operation has ended. Reservations are let go, unless the outcome is unknown.

        Settling an unknown operation ends it a second time, and that one is final.
        """

    def decide(self, decision: Decision, audit: AuditDraft) -> Written:
        """Write a decision and its audit record; whoever holds the operation's lease reads it.

        Raises DecidedError, which says who was first, and NotClaimableError where the operation has ended.
        """

    def append(self, audit: AuditDraft) -> Written:
        """One audit record that belongs to no journal: a refusal, a write window, an export."""

    def close(self) -> None:
        """Let go of the file."""
