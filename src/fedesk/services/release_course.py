"""How promotions and rollbacks went: which one is meant, and everything that is recorded of it."""

from typing import Protocol

from fedesk.domain.operations import Operation
from fedesk.domain.release_history import ReleaseTimeline, release_timeline
from fedesk.domain.release_matrix import KINDS, release_operation
from fedesk.ports.operation_store import AuditReader, OperationReader

_RECORDS = 10_000
_NEWEST = 1_000
"""Operations of an environment among which the newest one of a service is looked for."""


class Recorded(OperationReader, AuditReader, Protocol):
    """What is recorded of operations."""


def newest(store: OperationReader, *, environment: str | None = None, service: str = "") -> Operation | None:
    """The promotion or rollback that goes on, else the newest of all; None where there is none.

    Of a service, where one is named. Raises StoreError.
    """
    last = store.operations(environment=environment, kinds=KINDS, limit=_NEWEST if service else 1)
    for one in (*store.open_operations(), *last):
        told = release_operation(one)
        if told is not None and environment in (None, told.environment) and service in ("", told.service):
            return one
    return None


def timeline_of(store: AuditReader, operation: Operation) -> ReleaseTimeline | None:
    """How one went; None for an operation of another kind. Raises StoreError."""
    return release_timeline(operation, store.tail(_RECORDS, operation=operation.plan.operation))
