"""What people say of findings, in the desk's own state. Blocking; every method raises StoreError."""

from datetime import datetime
from typing import Protocol

from fedesk.domain.audit import AuditDraft
from fedesk.domain.marks import Mark


class MarkReader(Protocol):
    """Marks, as everyone may read them."""

    def marks(self, since_when: datetime, *, environment: str | None = None) -> tuple[Mark, ...]:
        """What was said from a moment on, in the order of the audit log."""


class MarkStore(MarkReader, Protocol):
    """Marks, as they are written; numbers of audit records come with the write."""

    def mark(self, said: Mark, audit: AuditDraft) -> None:
        """Write down what was said, and its record, in one transaction."""
