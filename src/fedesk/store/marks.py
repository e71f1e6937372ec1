"""What was said of findings, as rows; plain statements, which hold on SQLite and PostgreSQL alike."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from fedesk.domain.audit import AuditDraft
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.marks import Mark, MarkKind
from fedesk.store.recording import Recording
from fedesk.store.tables import marks

NEWEST = 5_000
"""Marks that are read at most: a team that says more in a month is heard with its last words."""


def since(connection: Connection, at: datetime, environment: str | None) -> tuple[Mark, ...]:
    """What was said from a moment on, the newest NEWEST of it, in the order of the audit log."""
    query = select(marks).where(marks.c.at >= at).order_by(marks.c.record.desc()).limit(NEWEST)
    if environment is not None:
        query = query.where(marks.c.environment == environment)
    return tuple(reversed([_mark(row) for row in connection.execute(query)]))


def put_down(connection: Connection, seq: int, said: Mark) -> None:
    """Write what was said, whose record is ``seq``."""
    is_same = (marks.c.environment == kept_name(said.environment)) & (marks.c.finding == said.finding)
    last = connection.execute(select(func.coalesce(func.max(marks.c.number), 0)).where(is_same)).scalar_one()
    connection.execute(
        insert(marks).values(
            environment=kept_name(said.environment),
            finding=said.finding,
            number=last + 1,
            kind=said.kind.value,
            at=said.at,
            by=kept_name(said.by),
            whom=kept_name(said.whom),
            until=said.until,
            said=kept_text(said.said),
            record=seq,
        )
    )


def _mark(row: Row[Any]) -> Mark:
    return Mark(
        environment=row.environment,
        finding=row.finding,
        kind=MarkKind(row.kind),
        at=row.at,
        by=row.by,
        whom=row.whom,
        until=row.until,
        said=row.said,
        record=row.record,
    )


class SqlMarks(Recording):
    """``ports.mark_store.MarkStore``, over a file or a server."""

    def marks(self, since_when: datetime, *, environment: str | None = None) -> tuple[Mark, ...]:
        """What was said from a moment on, in order."""
        return self._database.read(lambda connection: since(connection, since_when, environment), ())

    def mark(self, said: Mark, audit: AuditDraft) -> None:
        """Write it down behind its record."""
        self._recorded(audit, lambda connection, seq: put_down(connection, seq, said))
