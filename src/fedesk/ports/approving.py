"""Signed statements on plans: who makes and checks signatures, and where statements are kept.

    StoreError
      BroughtError   a statement of that nonce is there already (exit 5)
      NotApprovedError   the plan waits for approvals, or was rejected: nothing was claimed (exit 4)

Each carries one sentence. Blocking.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fedesk.domain.audit import AuditDraft
from fedesk.ports.operation_store import OperationStore, SignedStatement, StoreError


class BroughtError(StoreError):
    """A statement of that nonce is there already."""


class NotApprovedError(StoreError):
    """The policy is not met: nothing was claimed, and nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What looking at a signature came to."""

    flaw: str = ""
    """Why it does not count, as a phrase; empty where it does."""
    key: str = ""
    """Fingerprint of the key that signed; empty where it does not count."""


class Signatures(Protocol):
    """Signatures of people, for the one purpose of statements on plans."""

    def sign(self, raw: bytes) -> str:
        """The signature of whoever is at the desk, armored. Raises SourceError."""

    def check(self, raw: bytes, signature: str, principal: str, at: datetime) -> Checked:
        """Whether it is a person's signature over the bytes, at a time. Raises SourceError."""

    def close(self) -> None:
        """Let go of what is held."""


class ApprovalReader(Protocol):
    """Statements, as everyone may read them."""

    def statements(self, operation: str) -> tuple[SignedStatement, ...]:
        """What was brought on an operation's plan, in order of time."""

    def used_for(self, nonces: Sequence[str]) -> Mapping[str, str]:
        """The operations that were begun by statements of these nonces, by nonce."""


class ApprovalStore(ApprovalReader, Protocol):
    """Statements, as they are brought."""

    def bring(self, operation: str, signed: SignedStatement, audit: AuditDraft) -> None:
        """Keep one, behind its audit record. Raises BroughtError where its nonce is there already."""


class ApprovingStore(OperationStore, ApprovalStore, Protocol):
    """Operations, and what was said of their plans."""
