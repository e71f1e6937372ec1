"""Freezes, holds and maintenance as rows; plain statements, which hold on SQLite and PostgreSQL alike."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from fedesk.domain.audit import AuditDraft
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.windows import Window, WindowKind, removed_said, unknown_said
from fedesk.ports.operation_store import StoreError
from fedesk.ports.window_store import UnknownWindowError, WindowConflictError
from fedesk.store.recording import Recording
from fedesk.store.tables import windows

_ZONES_APART = timedelta(days=2)
"""What ended that long ago in UTC is over in every zone."""


def by_id(connection: Connection, window: str) -> Window | None:
    """One window."""
    row = connection.execute(select(windows).where(windows.c.window == window)).one_or_none()
    return None if row is None else _window(row)


def not_over(connection: Connection, at: datetime, environment: str | None) -> tuple[Window, ...]:
    """Those that nobody removed and that may be in force at a time or later, the oldest first."""
    still = or_(windows.c.recurs != "", windows.c.ends == "", windows.c.ends > _text(at - _ZONES_APART))
    query = select(windows).where(windows.c.closed_at.is_(None), still).order_by(windows.c.opened_record)
    if environment is not None:
        query = query.where(windows.c.environment == environment)
    return tuple(_window(row) for row in connection.execute(query))


def newest(
    connection: Connection, kind: WindowKind | None, environment: str | None, limit: int
) -> tuple[Window, ...]:
    """The newest, newest first."""
    query = select(windows).order_by(windows.c.opened_record.desc()).limit(limit)
    if kind is not None:
        query = query.where(windows.c.kind == kind.value)
    if environment is not None:
        query = query.where(windows.c.environment == environment)
    return tuple(_window(row) for row in connection.execute(query))


def open_new(connection: Connection, seq: int, window: Window) -> None:
    """Write a new one, whose record is ``seq``. Raises WindowConflictError."""
    if by_id(connection, window.id) is not None:
        raise WindowConflictError(f"There is a window {window.id} already; try again.")
    connection.execute(
        insert(windows).values(
            window=window.id,
            kind=window.kind.value,
            environment=kept_name(window.environment),
            pipeline=kept_name(window.pipeline),
            service=kept_name(window.service),
            starts=_text(window.starts),
            ends="" if window.ends is None else _text(window.ends),
            zone=window.zone,
            recurs=window.recurs,
            reason=kept_text(window.reason),
            opened_at=window.opened_at,
            opened_by=kept_name(window.opened_by),
            opened_record=seq,
            closed_by="",
            closed_why="",
        )
    )


def close(connection: Connection, seq: int, window: str, at: datetime, by: str, why: str) -> None:
    """Remove one, in the record ``seq``. Raises UnknownWindowError, WindowConflictError."""
    found = by_id(connection, window)
    if found is None:
        raise UnknownWindowError(unknown_said(window))
    if not found.is_open:
        raise WindowConflictError(removed_said(found))
    connection.execute(
        update(windows)
        .where(windows.c.window == window)
        .values(closed_at=at, closed_by=kept_name(by), closed_record=seq, closed_why=kept_text(why))
    )


def _text(wall: datetime) -> str:
    """A wall time, to the second: texts of these compare as times."""
    return wall.replace(tzinfo=None).isoformat(timespec="seconds")


def _window(row: Row[Any]) -> Window:
    """Raises StoreError where another hand wrote no times there: nobody knows then what it forbids."""
    try:
        starts, ends = (datetime.fromisoformat(text) if text else None for text in (row.starts, row.ends))
    except ValueError:
        starts = ends = None
    if starts is None:
        raise StoreError(f"The times of {row.kind} {row.window} cannot be read: remove it, and add it anew.")
    return Window(
        id=row.window,
        kind=WindowKind(row.kind),
        environment=row.environment,
        pipeline=row.pipeline,
        service=row.service,
        starts=starts,
        ends=ends,
        zone=row.zone,
        recurs=row.recurs,
        reason=row.reason,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        opened_record=row.opened_record,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        closed_record=row.closed_record,
        closed_why=row.closed_why,
    )


class SqlWindows(Recording):
    """``ports.window_store.WindowStore``, over a file or a server."""

    def open_windows(self, at: datetime, *, environment: str | None = None) -> tuple[Window, ...]:
        """Those that may be in force at a time or later, the oldest first."""
        return self._database.read(lambda connection: not_over(connection, at, environment), ())

    def window(self, window: str) -> Window | None:
        """One by its id."""
        return self._database.read(lambda connection: by_id(connection, window), None)

    def windows(
        self, *, kind: WindowKind | None = None, environment: str | None = None, limit: int = 50
    ) -> tuple[Window, ...]:
        """The newest, newest first."""
        return self._database.read(lambda connection: newest(connection, kind, environment, limit), ())

    def open_window(self, window: Window, audit: AuditDraft) -> None:
        """Write a new one; raises WindowConflictError."""
        self._recorded(audit, lambda connection, seq: open_new(connection, seq, window))

    def close_window(self, window: str, at: datetime, by: str, why: str, audit: AuditDraft) -> None:
        """Remove one; raises UnknownWindowError, WindowConflictError."""
        self._recorded(audit, lambda connection, seq: close(connection, seq, window, at, by, why))
