"""The main screen: status line, the views, the view that is seen, the keys."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from fedesk.domain.states import Verdict
from fedesk.ui.actions import VIEWS, Place, Target, bindings
from fedesk.ui.screens.base import ListScreen
from fedesk.ui.views import PipelinesView, SecretsView, Side, TriageView, View
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine, Tab, TabLine

if TYPE_CHECKING:
    from fedesk.ui.marking import MarkWritten
    from fedesk.ui.stopping import StopWritten


def _audit() -> View:
    from fedesk.ui.audit_view import AuditView

    return AuditView()


def _releases() -> View:
    from fedesk.ui.releases_view import ReleasesView

    return ReleasesView()


_MADE_OF: dict[Place, Callable[[], View]] = {
    Place.TRIAGE: TriageView,
    Place.PIPELINES: PipelinesView,
    Place.SECRETS: SecretsView,
    Place.AUDIT: _audit,
    Place.RELEASES: _releases,
}


class MainScreen(ListScreen):
    """Views, one of which is seen; the others are not composed until they are."""

    BINDINGS = bindings(*VIEWS)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-tall")]  # noqa: RUF012 - Textual declares it without ClassVar

    def __init__(self) -> None:
        super().__init__()
        self._views: dict[Place, View] = {Place.TRIAGE: TriageView()}
        self._active = Place.TRIAGE

    def compose(self) -> ComposeResult:
        """The first view alone, laid out for the size there is: a second one would cost the first frame."""
        for size, breakpoints in (
            (self.app.size.width, self.HORIZONTAL_BREAKPOINTS),
            (self.app.size.height, self.VERTICAL_BREAKPOINTS),
        ):
            self.add_class(max((least, name) for least, name in breakpoints if size >= least)[1])
        yield StatusLine()
        yield TabLine()
        yield Container(self._views[Place.TRIAGE], id="views")
        yield KeyLine(Place.TRIAGE)

    def on_mount(self) -> None:
        """Draw what is known before anything has been read."""
        self.recall(self.rows)
        self.rows.focus()
        self.show_board()

    # Where one is

    @property
    def place(self) -> Place:
        """The view that is seen."""
        return self._active

    @property
    def view(self) -> View:
        """The view that is seen."""
        return self._views[self._active]

    @property
    def rows(self) -> RowList:
        """Its list."""
        return self.view.row_list

    @property
    def target(self) -> Target:
        """The row under its cursor."""
        return self.view.target

    # Drawing

    def show_board(self) -> None:
        """Draw the view that is seen, and the counts of all."""
        if self.view.is_mounted:
            self.view.show_board()
        self._show_tabs()
        self.show_keys()

    def tick(self) -> None:
        """Ages and countdowns move on."""
        if self.view.is_mounted:
            self.view.show_board()

    def _show_tabs(self) -> None:
        app = self.desk_app
        counts = dict(app.front.counts or {})
        overdue = 0
        if app.board is not None:
            overdue = sum(age.verdict is Verdict.OVERDUE for age in app.board.secrets)
            states = app.following.states(app.board.findings)
            quiet = sum(state.quiet is not None for state in states.values())
            counts = {
                Place.TRIAGE: len(app.board.findings) - quiet,
                Place.PIPELINES: len(app.board.pipelines),
                Place.SECRETS: overdue or len(app.board.secrets),
            }
        tabs = [
            Tab(
                title=place.value.capitalize(),
                count=counts.get(place.value),
                alarm=place is Place.SECRETS and overdue > 0,
            )
            for place in VIEWS
        ]
        self.query_one(TabLine).show(tabs, VIEWS.index(self._active))

    def on_click(self, event: events.Click) -> None:
        """A click on a view's name shows it."""
        if isinstance(event.widget, TabLine):
            index = event.widget.tab_at(event.x)
            if index is not None:
                self._switch(VIEWS[index])

    def on_descendant_focus(self) -> None:
        """Other keys serve beside the list."""
        self.show_keys()

    # Keys

    def _switch(self, place: Place) -> None:
        if place is self._active:
            return
        self.view.leave_side()
        self.view.display = False
        self._active = place
        if place in self._views:
            self.view.display = True
            self._settle()
        else:
            self._make(place)

    def _make(self, place: Place) -> None:
        self._views[place] = _MADE_OF[place]()
        self.recall(self.rows)
        self.call_later(self._mount, self.view)

    async def _mount(self, view: View) -> None:
        """Put a view into its place and draw it, which it cannot be before it is there."""
        await self.query_one("#views").mount(view)
        if view is self.view:
            self._settle()

    def leave_environment(self) -> None:
        """Remember where the cursor is in each list."""
        app = self.desk_app
        for place, view in self._views.items():
            app.memory.keep(app.facts.name, place.value, view.row_list.arrangement)

    def enter_environment(self) -> None:
        """Another environment: the same view of it, with nothing of the one that was left."""
        for view in self._views.values():
            # Removing takes a moment; nothing of it is painted in that moment.
            view.display = False
        self._views = {}
        self.query_one("#views").remove_children()
        self._make(self._active)
        self._show_tabs()

    def _settle(self) -> None:
        self.rows.focus()
        self.show_board()

    def do_view_triage(self) -> None:
        """What is wrong."""
        self._switch(Place.TRIAGE)

    def do_view_pipelines(self) -> None:
        """Every pipeline."""
        self._switch(Place.PIPELINES)

    def do_view_secrets(self) -> None:
        """Every secret."""
        self._switch(Place.SECRETS)

    def do_view_audit(self) -> None:
        """Who has changed what."""
        self._switch(Place.AUDIT)

    def do_view_releases(self) -> None:
        """What is deployed where."""
        self._switch(Place.RELEASES)

    def do_promote(self) -> None:
        """Plan to promote the services that are marked, else the one under the cursor."""
        from fedesk.domain.release_matrix import PROMOTE

        self._plan_releases(PROMOTE)

    def do_roll_back(self) -> None:
        """Plan to go back to its last verified release."""
        from fedesk.domain.release_stops import ROLLBACK

        self._plan_releases(ROLLBACK)

    def do_quarantine(self) -> None:
        """Put the release that runs here into quarantine."""
        self.desk_app.stopper.quarantine(self, self.target)

    def do_lift(self) -> None:
        """Lift what stands against a release of the service under the cursor."""
        from fedesk.ui.release_rows import stops_here
        from fedesk.ui.releases_view import ReleasesView

        if isinstance(self.view, ReleasesView) and self.view.row is not None:
            stops = stops_here(self.view.row.stops, self.desk_app.facts.name)
            self.desk_app.stopper.lift(self, stops)

    def on_stop_written(self, message: "StopWritten") -> None:
        """A release was stopped or let go: the matrix says so."""
        self.desk_app.stopper.took(self, message)
        self.view.look_again()

    def _open_service(self) -> None:
        from fedesk.ui.releases_view import ReleasesView
        from fedesk.ui.screens.release import ReleaseScreen

        desk, view, target = self.desk_app.desk, self.view, self.target
        if desk is not None and isinstance(view, ReleasesView):
            asks = partial(view.request_of, target.service)
            self.app.push_screen(ReleaseScreen(desk, target, view.origin, asks))

    def _plan_releases(self, kind: str) -> None:
        from fedesk.ui.batch import open_releases
        from fedesk.ui.releases_view import ReleasesView

        view = self.view
        if isinstance(view, ReleasesView):
            found = [view.request_of(row.key, kind) for row in self.rows.meant]
            open_releases(self.desk_app, [one for one in found if one is not None])

    def show_view(self, place: Place) -> None:
        """The view that a command names."""
        self._switch(place)

    def do_open(self) -> None:
        """The record, operation or run; for a finding without one the side that says why."""
        if self._active is Place.AUDIT:
            from fedesk.ui.screens.record import RecordScreen

            self.app.push_screen(RecordScreen(int(self.target.id)))
        elif self.target.service:
            self._open_service()
        elif self.target.operation:
            self.desk_app.watch_operation(self.target.operation)
        elif self.target.run is not None:
            self.desk_app.open_run(self.target.run)
        else:
            self.do_why()

    def do_why(self) -> None:
        """To the side and back."""
        if isinstance(self.view, TriageView):
            self.view.toggle_side()

    def do_acknowledge(self) -> None:
        """Take what is marked, else what the cursor is on, or give it back."""
        if isinstance(self.view, TriageView):
            self.desk_app.marker.acknowledge(self, self.view.meant)

    def do_mark_menu(self) -> None:
        """Assign, snooze, silence, note or lift it."""
        if isinstance(self.view, TriageView):
            self.desk_app.marker.ask(self, self.view.meant)

    def on_mark_written(self, message: "MarkWritten") -> None:
        """Something was said of findings."""
        self.desk_app.marker.took(self, message)

    def do_quiet(self) -> None:
        """Show what is quiet, or leave it out."""
        if isinstance(self.view, TriageView):
            self.view.toggle_quiet()

    def do_history(self) -> None:
        """The runs of the pipeline."""
        from fedesk.ui.screens.lists import RunsScreen

        self.app.push_screen(RunsScreen(self.target.pipeline))

    def do_refresh(self) -> None:
        """Look now, and let new rows in."""
        self.rows.let_in()
        self.view.look_again()
        self.desk_app.refresh_systems()

    def do_environments(self) -> None:
        """Look at another environment."""
        from fedesk.ui.screens.lists import EnvironmentsScreen

        self.app.push_screen(EnvironmentsScreen())

    def do_clear(self) -> None:
        """Leave the side, else clear the filter, else the marks; never the desk."""
        if not self.view.leave_side() and not self.rows.clear_filter() and self.rows.clear_marks():
            self.show_keys()

    # Beside the list the same keys scroll

    @property
    def _side(self) -> Side | None:
        view = self.view
        return view.side if isinstance(view, TriageView) and view.side.has_focus else None

    def do_down(self) -> None:
        """One row or line down."""
        if (side := self._side) is not None:
            side.scroll_down(animate=False)
        else:
            super().do_down()

    def do_up(self) -> None:
        """One row or line up."""
        if (side := self._side) is not None:
            side.scroll_up(animate=False)
        else:
            super().do_up()

    def do_page_down(self) -> None:
        """One page down."""
        if (side := self._side) is not None:
            side.scroll_page_down(animate=False)
        else:
            super().do_page_down()

    def do_page_up(self) -> None:
        """One page up."""
        if (side := self._side) is not None:
            side.scroll_page_up(animate=False)
        else:
            super().do_page_up()

    def do_first(self) -> None:
        """To the first row or line."""
        if (side := self._side) is not None:
            side.scroll_home(animate=False)
        else:
            super().do_first()

    def do_last(self) -> None:
        """To the last row or line."""
        if (side := self._side) is not None:
            side.scroll_end(animate=False)
        else:
            super().do_last()
