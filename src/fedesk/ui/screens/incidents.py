"""The incidents, those that go on first; and one with its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from fedesk.ui import incident_text, present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.base import ListScreen
from fedesk.ui.screens.texts import ReadingScreen
from fedesk.ui.store_read import StoreRead
from fedesk.ui.widgets.foot_line import Choice
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from fedesk.domain.incidents import Incident, IncidentHistory
    from fedesk.ui.desk import Records
    from fedesk.ui.reader import Answer

NEWEST = 100


def _from_store(store: Records) -> tuple[Incident, ...]:
    """All that go on, and the newest of the others."""
    opened = store.incidents(only_open=True, limit=NEWEST)
    known = {one.id for one in opened}
    return (*opened, *(one for one in store.incidents(limit=NEWEST) if one.id not in known))


class IncidentsScreen(ListScreen):
    """Incidents of every environment."""

    PLACE = Place.INCIDENTS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.INCIDENTS)]

    def __init__(self) -> None:
        super().__init__()
        self._rows = RowList(incident_text.INCIDENT_COLUMNS)
        self._read = StoreRead[tuple["Incident", ...]](self, _from_store)

    def compose(self) -> ComposeResult:
        """Status line, the incidents, the keys."""
        yield StatusLine()
        self._rows.set_heading("Incidents")
        yield self._rows
        yield KeyLine(self.PLACE)

    @property
    def rows(self) -> RowList:
        """The incidents."""
        return self._rows

    def on_mount(self) -> None:
        """Read them."""
        self._rows.focus()
        self._read.look(self.desk_app, at_once=True)
        self._draw()

    def show_board(self) -> None:
        """The store may have moved."""
        self._read.look(self.desk_app)
        self._draw()

    def tick(self) -> None:
        """Ages move on; a read that failed is tried again."""
        self.show_board()

    def on_answer(self, answer: Answer) -> None:
        """The incidents, or why they could not be read."""
        self._read.take(answer, self.desk_app)
        self._draw()

    def _draw(self) -> None:
        app = self.desk_app
        state = self._read.list_state(
            app, 'No incident yet: `:incident open "payments late" --run RUN` opens one.'
        )
        away = self._read.away(app) is not None
        self._rows.show(incident_text.incident_rows(self._read.value or (), app.now, dim=away), state)
        self.show_keys()

    def do_open(self) -> None:
        """What happened in it."""
        self.desk_app.show_incident(self.target.id)

    def do_reread(self) -> None:
        """Read again, and let new rows in."""
        self._rows.let_in()
        self._read.look(self.desk_app, at_once=True)

    def do_copy(self) -> None:
        """The id, or the command line that shows the same."""
        target = self.target
        line = Choice(key="c", label="command line", text=f"fedesk incident show {target.id}")
        self.choose_copy([Choice(key="y", label="id", text=target.id), line])


class IncidentScreen(ReadingScreen):
    """What happened in an incident, in order; read again when the store moves."""

    PLACE = Place.INCIDENT
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.INCIDENT)]

    def __init__(self, incident: str) -> None:
        super().__init__(f"Incident {present.text(incident, 60)}")
        self._incident = incident
        self._read = StoreRead["IncidentHistory | str"](self, self._from_store)

    def _from_store(self, store: Records) -> IncidentHistory | str:
        from fedesk.domain.incidents import WordingError, id_of, unknown_said

        try:
            wanted = id_of(self._incident)
        except WordingError as error:
            return str(error)
        return store.history(wanted) or unknown_said(wanted)

    def on_mount(self) -> None:
        """Read it."""
        self._read.look(self.desk_app, at_once=True)
        self.show_keys()

    def show_board(self) -> None:
        """The store may have moved."""
        self._read.look(self.desk_app)

    def tick(self) -> None:
        """A read that failed is tried again."""
        self._read.look(self.desk_app)
        self._draw()

    def on_answer(self, answer: Answer) -> None:
        """What happened, or why it could not be read."""
        self._read.take(answer, self.desk_app)
        self._draw()
        self.show_keys()

    @property
    def _history(self) -> IncidentHistory | None:
        return None if isinstance(self._read.value, str) else self._read.value

    @property
    def target(self) -> Target:
        """The incident, and the run that it was opened for first."""
        history = self._history
        if history is None:
            return Target()
        one = history.incident
        return Target(name=f"incident {one.id}", id=one.id, run=incident_text.run_of(history))

    def _moment(self, history: IncidentHistory) -> Moment:
        """Now, on the clocks of the incident's own environment."""
        app = self.desk_app
        known = app.desk.environments if app.desk is not None else (app.facts,)
        facts = next((one for one in known if one.name == history.incident.environment), None)
        return Moment(now=app.now, zone=present.zone(facts.timezone if facts is not None else ""))

    def text(self, width: int) -> Content:
        """The timeline, or what there is to say instead."""
        lines: list[Content] = []
        away = self._read.away(self.desk_app)
        if away is not None:
            said = f"{present.DOWN.glyph} The store cannot be read: {present.text(away.sentence, 400)}"
            lines += [*Content.styled(said, "$text-warning").wrap(width), Content()]
        history = self._history
        if history is not None:
            lines += incident_text.incident_lines(history, self._moment(history), width)
        elif isinstance(self._read.value, str):
            lines += Content(present.text(self._read.value, 400)).wrap(width)
        elif not lines:
            lines.append(Content.styled("Reading the incident …", present.MUTED))
        return Content("\n").join(lines)

    def do_open_run(self) -> None:
        """Open the run that it was opened for."""
        if self.target.run is not None:
            self.desk_app.open_run(self.target.run)

    def do_copy(self) -> None:
        """The timeline for a ticket, the id, or the command line that shows the same."""
        from fedesk.domain.incident_text import markdown

        history = self._history
        if history is None:
            return
        one, zone = history.incident, self._moment(history).zone
        written = markdown(history, zone, str(zone))
        self.choose_copy(
            [
                Choice(key="y", label="Markdown", text=written, called=f"the timeline of {one.id}"),
                Choice(key="i", label="id", text=one.id),
                Choice(key="c", label="command line", text=f"fedesk incident show {one.id}"),
            ]
        )
