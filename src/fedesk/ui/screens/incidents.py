"""The incidents, those that go on first; and one with its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fedesk.ui import incident_text, present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.screens.stored import StoredListScreen, StoredTextScreen
from fedesk.ui.widgets.foot_line import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.content import Content

    from fedesk.domain.incidents import Incident, IncidentHistory
    from fedesk.ui.desk import Records

NEWEST = 100


def _from_store(store: Records) -> tuple[Incident, ...]:
    """All that go on, and the newest of the others."""
    opened = store.incidents(only_open=True, limit=NEWEST)
    known = {one.id for one in opened}
    return (*opened, *(one for one in store.incidents(limit=NEWEST) if one.id not in known))


class IncidentsScreen(StoredListScreen["Incident"]):
    """Incidents of every environment."""

    PLACE = Place.INCIDENTS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.INCIDENTS)]

    HEADING = "Incidents"

    def __init__(self) -> None:
        super().__init__(incident_text.INCIDENT_COLUMNS, _from_store)

    def show_rows(self) -> None:
        """The incidents."""
        app = self.desk_app
        state = self._read.list_state(
            app, 'No incident yet: `:incident open "payments late" --run RUN` opens one.'
        )
        self._rows.show(incident_text.incident_rows(self.values, app.now, dim=self.is_away), state)

    def do_open(self) -> None:
        """What happened in it."""
        self.desk_app.show_incident(self.target.id)


class IncidentScreen(StoredTextScreen["IncidentHistory"]):
    """What happened in an incident, in order; read again when the store moves."""

    PLACE = Place.INCIDENT
    WHAT = "incident"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.INCIDENT)]

    def __init__(self, incident: str) -> None:
        super().__init__(f"Incident {present.text(incident, 60)}", self._from_store)
        self._incident = incident

    def _from_store(self, store: Records) -> IncidentHistory | str:
        from fedesk.domain.incidents import WordingError, id_of, unknown_said

        try:
            wanted = id_of(self._incident)
        except WordingError as error:
            return str(error)
        return store.history(wanted) or unknown_said(wanted)

    @property
    def target(self) -> Target:
        """The incident, and the run that it was opened for first."""
        history = self.value
        if history is None:
            return Target()
        one = history.incident
        return Target(name=f"incident {one.id}", id=one.id, run=incident_text.run_of(history))

    def lines(self, value: IncidentHistory, width: int) -> Sequence[Content]:
        """The timeline."""
        return incident_text.incident_lines(value, self.moment_in(value.incident.environment), width)

    def do_open_run(self) -> None:
        """Open the run that it was opened for."""
        if self.target.run is not None:
            self.desk_app.open_run(self.target.run)

    def copy_choices(self) -> list[Choice]:
        """The timeline for a ticket beside what there always is."""
        from fedesk.domain.incident_text import markdown

        history = self.value
        if history is None:
            return super().copy_choices()
        zone = self.moment_in(history.incident.environment).zone
        called = f"the timeline of {history.incident.id}"
        written = Choice(key="m", label="Markdown", text=markdown(history, zone, str(zone)), called=called)
        return [*super().copy_choices(), written]
