"""Checkpoints of the audit log outside the store: who signs them, where they are put, and what is remembered.

What goes wrong is a ``ports.errors.SourceError`` with one sentence. Blocking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fedesk.domain.audit_chain import START, Mark
from fedesk.domain.checkpoints import Checkpoint, Signature
from fedesk.ports.operation_store import Verification


class Signer(Protocol):
    """Signs checkpoints, and tells whether one was signed by somebody who may."""

    def sign(self, raw: bytes) -> Signature:
        """The signature of a checkpoint's bytes. Raises SourceError."""

    def flaw(self, checkpoint: Checkpoint, signature: Signature) -> str:
        """Why a signature does not count, as a phrase; empty where it does. Raises SourceError."""

    def close(self) -> None:
        """Let go of sockets and sessions."""


class Anchor(Protocol):
    """A sink: where checkpoints are put, and out of reach of who can write the store."""

    def put(self, log: str, seq: int, line: bytes) -> None:
        """Give it one checkpoint, of a log and a record; it is kept when this returns. Raises SourceError.

        The same again does no harm.
        """

    def lines(self, log: str) -> tuple[bytes, ...]:
        """What it keeps, oldest first, other logs' perhaps among them. Raises SourceError."""

    def close(self) -> None:
        """Let go of sockets and sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a log stands that has a record."""

    mark: Mark
    first: str
    """Hash of record 1, hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The checkpoint that a sink was given last."""

    sink: str
    mark: Mark
    at: datetime


class AnchoredLog(Protocol):
    """The audit log, and what its sinks were given. Raises StoreError."""

    def verify(self, *, deep: bool, since: Mark = START, marks: Sequence[int] = ()) -> Verification:
        """Check the chain over the stored bytes (``ports.operation_store.AuditReader``).

        Records up to ``since`` are not read: its hash is where the chain goes on. ``marks`` are the numbers
        of records whose stored hashes are wanted.
        """

    def head(self) -> Head | None:
        """Where the log stands; None while it has no record."""

    def given(self) -> tuple[Given, ...]:
        """What each sink was given last."""

    def remember_given(self, sink: str, mark: Mark, at: datetime) -> None:
        """A sink has taken a checkpoint; what is older than what it has is not remembered."""
