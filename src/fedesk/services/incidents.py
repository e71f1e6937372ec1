"""Incidents opened, noted and closed: each is on the record, in the same transaction as what it writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.incidents import (
    ACTION,
    Incident,
    IncidentHistory,
    IncidentNote,
    NoteKind,
    closed_said,
    id_of,
    minted,
    named_in,
    reason_for,
    unknown_said,
    wording_of,
)
from fedesk.domain.names import RunName
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.domain.runs import RunDetail
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.incident_store import DeskStore, IncidentConflictError, UnknownIncidentError
from fedesk.ports.sources import Clock
from fedesk.services.hiding import hidden
from fedesk.services.permitting import permit

_MINTED_AT_MOST = 3
"""Ids that are tried, where the one before was taken."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """Reads and writes the desk's incidents; changes no system. Blocking; each method raises StoreError.

    What writes raises RefusedError, which is in the audit log by then, where the person has no role for it.
    """

    store: DeskStore
    detail_of: Callable[[RunName], RunDetail]
    """Reads a run; raises SourceError."""
    actor: Actor
    clock: Clock
    new_id: Callable[[], str]
    """Mints UUIDv7s."""
    rights: Rights = EVERY_RIGHT

    def open(
        self, environment: str, title: str, *, given: str = "", runs: Sequence[RunName] = ()
    ) -> Incident:
        """Open one, with a person's own id or one that is minted; each run is noted as it stands now.

        Raises WordingError, IncidentConflictError where the id is taken, NotFoundError where a run is not
        there. A run whose system cannot be read is noted without its state: an outage is an incident too.
        """
        title = hidden(wording_of(title, "title"))
        wanted = id_of(given) if given else ""
        self._check_role(environment, wanted, title)
        notes = tuple(self._failure(run) for run in dict.fromkeys(runs))
        for attempt in range(1, _MINTED_AT_MOST + 1):
            incident = Incident(
                id=wanted or self._minted(),
                environment=environment,
                title=title,
                opened_at=self.clock.now(),
                opened_by=self.actor.person,
                opened_record=0,
            )
            about = ", ".join(note.run for note in notes)
            draft = self._draft(incident, Phase.START, f"opened for {about}" if about else "opened")
            try:
                self.store.open_incident(incident, notes, draft)
                break
            except IncidentConflictError:
                if wanted or attempt == _MINTED_AT_MOST:
                    raise
        return self._known(incident.id)

    def note(self, given: str, said: str, *, acknowledges: bool = False) -> Incident:
        """Write it down. Raises WordingError, UnknownIncidentError, IncidentConflictError if it is closed."""
        said, incident = wording_of(said, "note"), self._known(id_of(given))
        self._check_role(incident.environment, incident.id, incident.reason)
        kind = NoteKind.ACKNOWLEDGEMENT if acknowledges else NoteKind.NOTE
        note = IncidentNote(number=0, at=self.clock.now(), by=self.actor.person, kind=kind, said=said)
        self.store.note_incident(incident.id, note, self._draft(incident, Phase.REVIEW, f"{kind}: {said}"))
        return incident

    def close(self, given: str, summary: str = "") -> Incident:
        """Say that it is over. Raises WordingError, UnknownIncidentError, IncidentConflictError if closed."""
        incident, summary = self._known(id_of(given)), summary.strip()
        self._check_role(incident.environment, incident.id, incident.reason)
        draft = self._draft(incident, Phase.STOP, f"closed: {summary}" if summary else "closed")
        self.store.close_incident(incident.id, self.clock.now(), self.actor.person, summary, draft)
        return self._known(incident.id)

    def history(self, given: str) -> IncidentHistory:
        """Everything that belongs to one. Raises WordingError, UnknownIncidentError."""
        wanted = id_of(given)
        found = self.store.history(wanted)
        if found is None:
            raise UnknownIncidentError(unknown_said(wanted))
        return found

    def reason(self, given: str, said: str) -> str:
        """The reason of what is done for an open one: its own, or what was said, behind its id.

        Raises WordingError, UnknownIncidentError, IncidentConflictError where it is closed.
        """
        incident = self._known(id_of(given))
        if not incident.is_open:
            raise IncidentConflictError(closed_said(incident))
        return reason_for(incident, said)

    def whole_reason(self, said: str) -> str:
        """A reason; one that is no more than an incident's id becomes the incident's own."""
        named = named_in(said)
        found = self.store.incident(named) if named and len(said.split()) == 1 else None
        return said if found is None else reason_for(found, said)

    def _check_role(self, environment: str, target: str, reason: str) -> None:
        permit(
            ACTION,
            environment,
            target,
            rights=self.rights,
            store=self.store,
            actor=self.actor,
            clock=self.clock,
            reason=reason,
        )

    def _known(self, wanted: str) -> Incident:
        found = self.store.incident(wanted)
        if found is None:
            raise UnknownIncidentError(unknown_said(wanted))
        return found

    def _minted(self) -> str:
        return minted(self.clock.now(), int(self.new_id().replace("-", "")[-8:], 16))

    def _failure(self, run: RunName) -> IncidentNote:
        """How a run stands now."""
        now = self.clock.now()
        at, link = now, ""
        try:
            found = self.detail_of(run).run
        except NotFoundError:
            raise
        except SourceError as error:
            said = f"unknown: {error}"
        else:
            why = found.reason or found.original_state
            said = "; ".join(part for part in (f"{found.state}: {why}", found.cause) if part)
            at, link = found.ended_at or found.started_at or found.at or now, found.link
        return IncidentNote(
            number=0,
            at=at,
            by=self.actor.person,
            kind=NoteKind.FAILURE,
            said=said,
            run=str(run),
            link=link,
        )

    def _draft(self, incident: Incident, phase: Phase, result: str) -> AuditDraft:
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=incident.environment,
            action=ACTION,
            target=incident.id,
            phase=phase,
            reason=incident.reason,
            result=result,
        )
