"""Incidents as rows, and what belongs to them; plain statements, which hold on SQLite and PostgreSQL alike.

What is written is written behind its audit record, in the same transaction: appending takes the head of the
log, so two desks that write to one incident take turns, and the second one reads what the first one wrote.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, update

from fedesk.domain.audit import AuditDraft, AuditRecord, Phase
from fedesk.domain.incidents import (
    WINDOW_ACTION,
    Incident,
    IncidentHistory,
    IncidentNote,
    NoteKind,
    belongs,
    closed_said,
    is_about,
    named_in,
    unknown_said,
)
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.operations import Operation
from fedesk.ports.incident_store import IncidentConflictError, UnknownIncidentError
from fedesk.store import audit_log, queries
from fedesk.store.recording import Recording
from fedesk.store.tables import audit, incident_notes, incidents

_NEWEST_FIRST = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.incident.desc())
_AFTER_CLOSING = 1_000
"""Records behind that of the closing among which an operation may still say that it belongs to the incident:
it was confirmed before, and its process was slower."""


def by_id(connection: Connection, incident: str) -> Incident | None:
    """One incident."""
    row = connection.execute(select(incidents).where(incidents.c.incident == incident)).one_or_none()
    return None if row is None else _incident(row)


def newest(
    connection: Connection, environment: str | None, limit: int, *, only_open: bool
) -> tuple[Incident, ...]:
    """The newest incidents, newest first."""
    query = _NEWEST_FIRST.limit(limit)
    if environment is not None:
        query = query.where(incidents.c.environment == environment)
    if only_open:
        query = query.where(incidents.c.closed_at.is_(None))
    return tuple(_incident(row) for row in connection.execute(query))


def history(connection: Connection, incident: str) -> IncidentHistory | None:
    """One incident with notes, operations and records."""
    found = by_id(connection, incident)
    if found is None:
        return None
    rows = connection.execute(
        select(incident_notes).where(incident_notes.c.incident == incident).order_by(incident_notes.c.number)
    )
    notes = tuple(_note(row) for row in rows)
    runs = tuple(note.run for note in notes if note.run)
    meanwhile = [one for one in _meanwhile(connection, found, runs) if belongs(one, found, runs)]
    names = {one.draft.operation for one in meanwhile if one.draft.operation}
    begun = queries.by_ids(connection, sorted(names))
    operations = [*begun, *_not_begun(connection, found, runs, names)]
    known = {one.seq: one for one in (*meanwhile, *audit_log.of_operations(connection, sorted(names)))}
    return IncidentHistory(
        incident=found,
        notes=notes,
        operations=tuple(sorted(operations, key=lambda one: (one.confirmed_at, one.plan.operation))),
        records=tuple(known[seq] for seq in sorted(known)),
    )


def _meanwhile(connection: Connection, incident: Incident, runs: Sequence[str]) -> tuple[AuditRecord, ...]:
    """Records from the opening on that may belong to it; the database narrows, ``belongs`` decides."""
    about: list[ColumnElement[bool]] = [
        audit.c.phase.in_((Phase.INTENT.value, Phase.REFUSAL.value)),
        audit.c.action == WINDOW_ACTION,
    ]
    for run in runs:
        about += [audit.c.target == run, audit.c.target.startswith(f"{run}::", autoescape=True)]
    where = [audit.c.seq > incident.opened_record, or_(*about)]
    if incident.closed_record is not None:
        where.append(audit.c.seq <= incident.closed_record + _AFTER_CLOSING)
    return audit_log.matching(connection, *where)


def _not_begun(
    connection: Connection, incident: Incident, runs: Sequence[str], known: set[str]
) -> tuple[Operation, ...]:
    """Confirmed, and nothing of it on the audit log yet."""
    return tuple(
        one
        for one in queries.unfinished(connection)
        if one.plan.operation not in known
        and one.audit_intent is None
        and (
            named_in(one.plan.reason) == incident.id
            or (incident.is_open and any(is_about(target.name, runs) for target in one.plan.targets))
        )
    )


def open_new(connection: Connection, seq: int, incident: Incident, notes: Sequence[IncidentNote]) -> None:
    """Write a new incident, whose record is ``seq``. Raises IncidentConflictError."""
    there = by_id(connection, incident.id)
    if there is not None:
        raise IncidentConflictError(
            f"Incident {there.id} was opened already, by {there.opened_by} at "
            f"{there.opened_at:%Y-%m-%d %H:%M:%S} UTC: `fedesk incident show {there.id}` has it."
        )
    connection.execute(
        insert(incidents).values(
            incident=incident.id,
            environment=kept_name(incident.environment),
            title=kept_text(incident.title),
            opened_at=incident.opened_at,
            opened_by=kept_name(incident.opened_by),
            opened_record=seq,
            closed_by="",
            summary="",
        )
    )
    rows = [_note_row(incident.id, number, note) for number, note in enumerate(notes, start=1)]
    if rows:
        connection.execute(insert(incident_notes), rows)


def note_down(connection: Connection, incident: str, note: IncidentNote) -> None:
    """Write a note down. Raises UnknownIncidentError, IncidentConflictError."""
    _check_open(connection, incident)
    last = connection.execute(
        select(func.coalesce(func.max(incident_notes.c.number), 0)).where(
            incident_notes.c.incident == incident
        )
    ).scalar_one()
    connection.execute(insert(incident_notes).values(**_note_row(incident, last + 1, note)))


def close(connection: Connection, seq: int, incident: str, at: datetime, by: str, summary: str) -> None:
    """Say that it is over, in the record ``seq``. Raises UnknownIncidentError, IncidentConflictError."""
    _check_open(connection, incident)
    connection.execute(
        update(incidents)
        .where(incidents.c.incident == incident)
        .values(closed_at=at, closed_by=kept_name(by), closed_record=seq, summary=kept_text(summary))
    )


def check_not_closed(connection: Connection, incident: str) -> None:
    """Whether something may be done for what a reason names, be it an incident or not.

    Raises IncidentConflictError.
    """
    found = by_id(connection, incident) if incident else None
    if found is not None and not found.is_open:
        raise IncidentConflictError(closed_said(found))


def _check_open(connection: Connection, incident: str) -> None:
    found = by_id(connection, incident)
    if found is None:
        raise UnknownIncidentError(unknown_said(incident))
    if not found.is_open:
        raise IncidentConflictError(closed_said(found))


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        id=row.incident,
        environment=row.environment,
        title=row.title,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        opened_record=row.opened_record,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        closed_record=row.closed_record,
        summary=row.summary,
    )


def _note(row: Row[Any]) -> IncidentNote:
    return IncidentNote(
        number=row.number,
        at=row.at,
        by=row.by,
        kind=NoteKind(row.kind),
        said=row.said,
        run=row.run,
        link=row.link,
    )


def _note_row(incident: str, number: int, written: IncidentNote) -> dict[str, Any]:
    return {
        "incident": incident,
        "number": number,
        "at": written.at,
        "by": kept_name(written.by),
        "kind": written.kind.value,
        "said": kept_text(written.said),
        "run": kept_name(written.run),
        "link": kept_text(written.link),
    }


class SqlIncidents(Recording):
    """``ports.incident_store.IncidentStore``, over a file or a server."""

    def incident(self, incident: str) -> Incident | None:
        """One incident by its id."""
        return self._database.read(lambda connection: by_id(connection, incident), None)

    def incidents(
        self, *, environment: str | None = None, only_open: bool = False, limit: int = 50
    ) -> tuple[Incident, ...]:
        """The newest incidents, newest first."""
        return self._database.read(
            lambda connection: newest(connection, environment, limit, only_open=only_open), ()
        )

    def history(self, incident: str) -> IncidentHistory | None:
        """One incident with all that belongs to it."""
        return self._database.read(lambda connection: history(connection, incident), None)

    def open_incident(self, incident: Incident, notes: tuple[IncidentNote, ...], audit: AuditDraft) -> None:
        """Write a new one; raises IncidentConflictError."""
        self._recorded(audit, lambda connection, seq: open_new(connection, seq, incident, notes))

    def note_incident(self, incident: str, note: IncidentNote, audit: AuditDraft) -> None:
        """Write a note down; raises UnknownIncidentError, IncidentConflictError."""
        self._recorded(audit, lambda connection, _seq: note_down(connection, incident, note))

    def close_incident(self, incident: str, at: datetime, by: str, summary: str, audit: AuditDraft) -> None:
        """Say that it is over; raises UnknownIncidentError, IncidentConflictError."""
        self._recorded(audit, lambda connection, seq: close(connection, seq, incident, at, by, summary))
