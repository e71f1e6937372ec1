"""Incidents in the desk's own state.

    StoreError
      UnknownIncidentError    there is no incident of that id (exit 1)
      IncidentConflictError   it is there already, or closed already (exit 5)

Each carries one sentence. Every method that writes is one transaction, its audit record included. Blocking.
"""

from datetime import datetime
from typing import Protocol

from fedesk.domain.audit import AuditDraft
from fedesk.domain.incidents import Incident, IncidentHistory, IncidentNote
from fedesk.ports.approving import ApprovalStore
from fedesk.ports.mark_store import MarkReader, MarkStore
from fedesk.ports.operation_store import OperationReader, OperationStore, StoreError
from fedesk.ports.review_store import ReviewReader, ReviewStore
from fedesk.ports.stop_store import StopStore
from fedesk.ports.window_store import WindowReader, WindowStore


class UnknownIncidentError(StoreError):
    """There is no incident of that id."""


class IncidentConflictError(StoreError):
    """The incident does not stand as it would have to: it is there already, or closed."""


class IncidentReader(Protocol):
    """Incidents, as everyone may read them."""

    def incident(self, incident: str) -> Incident | None:
        """One incident by its id, as ``domain.incidents.id_of`` gives it."""

    def incidents(
        self, *, environment: str | None = None, only_open: bool = False, limit: int = 50
    ) -> tuple[Incident, ...]:
        """The newest incidents, newest first."""

    def history(self, incident: str) -> IncidentHistory | None:
        """One incident with all that belongs to it."""


class IncidentStore(IncidentReader, Protocol):
    """Incidents, as they are written. Numbers of notes and of audit records come with the write."""

    def open_incident(self, incident: Incident, notes: tuple[IncidentNote, ...], audit: AuditDraft) -> None:
        """Write a new one, with the failures that it is opened for. Raises IncidentConflictError."""

    def note_incident(self, incident: str, note: IncidentNote, audit: AuditDraft) -> None:
        """Write a note down. Raises UnknownIncidentError, and IncidentConflictError where it is closed."""

    def close_incident(self, incident: str, at: datetime, by: str, summary: str, audit: AuditDraft) -> None:
        """Say that it is over. Raises UnknownIncidentError, and IncidentConflictError where it is closed."""


class DeskReader(OperationReader, IncidentReader, MarkReader, ReviewReader, WindowReader, Protocol):
    """Operations, incidents, marks, reviews and windows, as everyone may read them."""


class DeskStore(
    OperationStore,
    IncidentStore,
    ApprovalStore,
    MarkStore,
    ReviewStore,
    WindowStore,
    StopStore,
    Protocol,
):
    """All that a desk keeps."""
