"""Freezes, holds and maintenance in the desk's own state.

    StoreError
      UnknownWindowError    there is no window of that id (exit 1)
      WindowConflictError   it is there already, or removed already (exit 5)

Each carries one sentence. Every method that writes is one transaction, its audit record included. Blocking.
"""

from datetime import datetime
from typing import Protocol

from fedesk.domain.audit import AuditDraft
from fedesk.domain.windows import Window, WindowKind
from fedesk.ports.operation_store import StoreError


class UnknownWindowError(StoreError):
    """There is no window of that id."""


class WindowConflictError(StoreError):
    """The window does not stand as it would have to: it is there already, or removed."""


class WindowReader(Protocol):
    """Windows, as everyone may read them. What may be in force is read with operations."""

    def window(self, window: str) -> Window | None:
        """One by its id."""

    def windows(
        self, *, kind: WindowKind | None = None, environment: str | None = None, limit: int = 50
    ) -> tuple[Window, ...]:
        """The newest, newest first, those that are over or removed among them."""


class WindowStore(WindowReader, Protocol):
    """Windows, as they are written. Numbers of audit records come with the write."""

    def open_window(self, window: Window, audit: AuditDraft) -> None:
        """Write a new one. Raises WindowConflictError where its id is taken."""

    def close_window(self, window: str, at: datetime, by: str, why: str, audit: AuditDraft) -> None:
        """Remove one: it is in force no more. Raises UnknownWindowError, WindowConflictError."""
