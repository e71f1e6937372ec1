"""Releases that are stopped, in the desk's own state.

    StoreError
      UnknownStopError    there is none of that id (exit 1)
      StopConflictError   it is there already, or lifted already (exit 5)

Each carries one sentence. Every method that writes is one transaction, its audit record included. Blocking.
"""

from datetime import datetime
from typing import Protocol

from fedesk.domain.audit import AuditDraft
from fedesk.domain.releases import ReleaseStop
from fedesk.ports.operation_store import StoreError


class UnknownStopError(StoreError):
    """There is no stop of that id."""


class StopConflictError(StoreError):
    """The stop does not stand as it would have to: it is there already, or lifted."""


class StopStore(Protocol):
    """Stops, as they are written. What is in force is read with operations (``OperationReader.stops``)."""

    def stop(self, stop: ReleaseStop, audit: AuditDraft) -> None:
        """Write one. Raises StopConflictError where its id is taken, or the digest is stopped already."""

    def lift_stop(self, stop: str, at: datetime, by: str, why: str, audit: AuditDraft) -> None:
        """Lift one that is in force. Raises UnknownStopError, StopConflictError."""
