"""Releases that are stopped, as rows; plain statements, which hold on SQLite and PostgreSQL alike."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fedesk.domain.audit import AuditDraft
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.release_stops import lifted_said, unknown_stop_said
from fedesk.domain.releases import ReleaseStop, StopKind
from fedesk.ports.stop_store import StopConflictError, UnknownStopError
from fedesk.store.recording import Recording
from fedesk.store.tables import release_stops


def of_service(connection: Connection, service: str | None) -> tuple[ReleaseStop, ...]:
    """All that are written down, the oldest first, those that were lifted among them."""
    query = select(release_stops).order_by(release_stops.c.record)
    if service is not None:
        query = query.where(release_stops.c.service == kept_name(service))
    return tuple(_stop(row) for row in connection.execute(query))


def by_id(connection: Connection, stop: str) -> ReleaseStop | None:
    """One of them."""
    row = connection.execute(select(release_stops).where(release_stops.c.stop == stop)).one_or_none()
    return None if row is None else _stop(row)


def put_up(connection: Connection, seq: int, stop: ReleaseStop) -> None:
    """Write one, whose record is ``seq``. Raises StopConflictError."""
    in_force = [one for one in of_service(connection, stop.service) if one.lifted_at is None]
    if by_id(connection, stop.id) is not None:
        raise StopConflictError(f"{stop.id} is written down already; look with `fedesk release quarantine`.")
    same = next((one for one in in_force if one.kind is stop.kind and one.digest == stop.digest), None)
    if same is not None:
        raise StopConflictError(f"{same.digest[:19]} of {same.service} is in quarantine already: {same.id}.")
    values = {
        "stop": stop.id,
        "kind": stop.kind.value,
        "service": kept_name(stop.service),
        "digest": kept_name(stop.digest),
        "environment": kept_name(stop.environment),
        "reason": kept_text(stop.reason),
        "at": stop.at,
        "by": kept_name(stop.by),
        "record": seq,
        "operation": stop.operation,
    }
    if stop.lifted_at is not None:
        values |= {
            "closed_at": stop.lifted_at,
            "closed_by": kept_name(stop.lifted_by),
            "closed_record": seq,
            "closed_why": kept_text(stop.lifted_reason),
        }
    connection.execute(insert(release_stops).values(values))


def lift(connection: Connection, seq: int, stop: str, at: datetime, by: str, why: str) -> None:
    """Lift one, in the record ``seq``. Raises UnknownStopError, StopConflictError."""
    found = by_id(connection, stop)
    if found is None:
        raise UnknownStopError(unknown_stop_said(stop))
    if found.lifted_at is not None:
        raise StopConflictError(lifted_said(found))
    connection.execute(
        update(release_stops)
        .where(release_stops.c.stop == stop)
        .values(closed_at=at, closed_by=kept_name(by), closed_record=seq, closed_why=kept_text(why))
    )


def _stop(row: Row[Any]) -> ReleaseStop:
    return ReleaseStop(
        id=row.stop,
        kind=StopKind(row.kind),
        service=row.service,
        digest=row.digest,
        environment=row.environment,
        reason=row.reason,
        by=row.by,
        at=row.at,
        operation=row.operation,
        lifted_at=row.closed_at,
        lifted_by=row.closed_by,
        lifted_reason=row.closed_why,
    )


class SqlStops(Recording):
    """``ports.stop_store.StopStore``, over a file or a server."""

    def stops(self, *, service: str | None = None) -> tuple[ReleaseStop, ...]:
        """All that are written down, the oldest first."""
        return self._database.read(lambda connection: of_service(connection, service), ())

    def stop(self, stop: ReleaseStop, audit: AuditDraft) -> None:
        """Write one; raises StopConflictError."""
        self._recorded(audit, lambda connection, seq: put_up(connection, seq, stop))

    def lift_stop(self, stop: str, at: datetime, by: str, why: str, audit: AuditDraft) -> None:
        """Lift one; raises UnknownStopError, StopConflictError."""
        self._recorded(audit, lambda connection, seq: lift(connection, seq, stop, at, by, why))
