"""Telling people: who is told, what is still to be sent, and which of several watchers does it.

    StoreError
      LeadLostError           another watcher leads: nothing more is written by this one

Blocking. A receiver's failure is a ``ports.errors.SourceError`` with one sentence.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from fedesk.domain.audit import AuditDraft, AuditRecord, Phase
from fedesk.domain.marks import Mark
from fedesk.domain.notices import Notice
from fedesk.domain.operations import Owner
from fedesk.domain.windows import Window
from fedesk.ports.anchoring import Head
from fedesk.ports.operation_store import LeaseLostError


class LeadLostError(LeaseLostError):
    """Another process does by now what only one may do."""


class Receiver(Protocol):
    """Somebody, or something, that takes notices."""

    def send(self, notice: Notice) -> None:
        """Give it one; it has it when this returns. Raises SourceError.

        The same again does no harm beyond its being read twice: a receiver that knows ``Notice.key`` makes
        one of both.
        """

    def close(self) -> None:
        """Let go of sockets and sessions."""


class Heart(Protocol):
    """Something that notices when it hears nothing any more."""

    def beat(self) -> None:
        """Say that the watcher lives. Raises SourceError."""

    def close(self) -> None:
        """Let go of sockets and sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Who does what only one may do."""

    name: str
    owner: Owner
    fence: int
    """Grows whenever another takes it; who holds an older one has lost it."""
    until: datetime
    """By the store's clock."""
    is_mine: bool
    died: Owner | None = None
    """Whose lease had ended, and was not given back, where it was taken from somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice on its way to one receiver."""

    id: str
    receiver: str
    notice: Notice
    tries: int = 0
    next_at: datetime | None = None
    """When it is due, by the store's clock; None once it was sent, or given up."""
    sent_at: datetime | None = None


class Leaders(Protocol):
    """The lease on what only one process does. Its times are the store's."""

    def leader(self, name: str) -> Lead | None:
        """Who has it, or had it last; never mine."""

    def lead(
        self,
        name: str,
        me: Owner,
        at: datetime,
        lasts: timedelta,
        *,
        dead: Owner | None,
        audit: AuditDraft | None,
    ) -> Lead:
        """Take it where it is free: nobody's, given back, past its end, or ``dead``'s; else who has it.

        ``at`` is the time on this machine. ``audit`` is written where it was taken, in the same transaction.
        """

    def keep(self, lead: Lead, at: datetime, lasts: timedelta) -> Lead:
        """Hold on to it. Raises LeadLostError."""

    def give_back(self, lead: Lead, audit: AuditDraft | None) -> None:
        """Let the next one have it at once. Raises LeadLostError."""


class Outbox(Protocol):
    """What is to be sent, kept until it was. Who writes holds the lead; raises LeadLostError if not."""

    def put(self, lead: Lead, letters: Sequence[Letter], at: datetime) -> tuple[Letter, ...]:
        """Write those that are not there yet, by the notice's key and the receiver; gives these."""

    def due(self, receiver: str, now: datetime, limit: int = 100) -> tuple[Letter, ...]:
        """What a receiver is to be given by now: what has waited longest first."""

    def next_at(self, receiver: str) -> datetime | None:
        """When something is due for a receiver next; None where nothing is to be sent."""

    def lasting(self) -> tuple[Letter, ...]:
        """Letters on what goes on (``domain.notices.LASTING``) as far as nobody has said that it is over."""

    def take_back(self, lead: Lead, letters: Sequence[tuple[Letter, Letter | None]], at: datetime) -> None:
        """What a letter tells of is over: its key is free again. The second one tells that, if any."""

    def sent(self, lead: Lead, letter: Letter, at: datetime) -> None:
        """The receiver has it."""

    def put_off(self, lead: Lead, letter: Letter, until: datetime | None, said: str) -> None:
        """It was not taken: when it is tried again, and why; never again where ``until`` is None."""

    def forget(self, lead: Lead, before: datetime) -> None:
        """Drop what was made before, but for what was told and goes on."""

    def recorded(self, phases: Collection[Phase], after: int) -> tuple[AuditRecord, ...]:
        """Records of the audit log of some phases, behind a number, oldest first."""


class WatchStore(Leaders, Outbox, Protocol):
    """All that a watcher keeps and reads."""

    def now(self, here: datetime) -> datetime:
        """The time by the store's clock (``ports.operation_store.OperationReader.now``)."""

    def marks(self, since_when: datetime, *, environment: str | None = None) -> tuple[Mark, ...]:
        """What people said of findings (``ports.mark_store.MarkStore``)."""

    def open_windows(self, at: datetime, *, environment: str | None = None) -> tuple[Window, ...]:
        """Windows that may be in force (``ports.operation_store.OperationReader.open_windows``)."""

    def head(self) -> Head | None:
        """Where the audit log stands."""
