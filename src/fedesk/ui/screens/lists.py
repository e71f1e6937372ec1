"""Lists that stand above the views: the runs of a pipeline, the environments."""

from textual.app import ComposeResult
from textual.content import Content

from fedesk.ui import present, rows
from fedesk.ui.actions import Place, bindings
from fedesk.ui.listed import ListState
from fedesk.ui.screens.base import ListScreen
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine


class RunsScreen(ListScreen):
    """The latest runs of a pipeline's jobs, newest first."""

    PLACE = Place.RUNS
    BINDINGS = bindings(Place.RUNS)

    def __init__(self, pipeline: str) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._rows = RowList(rows.RUN_COLUMNS)

    def compose(self) -> ComposeResult:
        """Status line, the runs, the keys."""
        yield StatusLine()
        self._rows.set_heading(f"Runs of {present.text(self._pipeline, 80)}")
        yield self._rows
        yield KeyLine(self.PLACE)

    @property
    def rows(self) -> RowList:
        """The runs."""
        return self._rows

    def on_mount(self) -> None:
        """Show what is known."""
        self._rows.focus()
        self.show_board()

    def show_board(self) -> None:
        """Draw the runs of the newest board."""
        app = self.desk_app
        if app.board is None:
            return
        found = next((one for one in app.board.pipelines if one.name == self._pipeline), None)
        name = present.text(self._pipeline, 80)
        why = f"{name} has not run as far back as the systems were read."
        state = rows.list_state(
            app.board.snapshots,
            app.now,
            app.zone,
            empty=why if found else f"{name} is in no catalogue, and no system knows a job of that name.",
            systems=rows.RUN_SYSTEMS,
        )
        stale = rows.stale_connections(app.board.snapshots)
        self._rows.show(rows.run_rows(found.jobs if found else (), app.now, app.zone, stale=stale), state)
        self.show_keys()

    def do_open(self) -> None:
        """Open the run."""
        if self.target.run is not None:
            self.desk_app.open_run(self.target.run)


class EnvironmentsScreen(ListScreen):
    """The environments; Enter looks at another one."""

    PLACE = Place.ENVIRONMENTS
    BINDINGS = bindings(Place.ENVIRONMENTS)

    def __init__(self) -> None:
        super().__init__()
        self._rows = RowList(rows.ENVIRONMENT_COLUMNS)

    def compose(self) -> ComposeResult:
        """Status line, the environments, the keys."""
        yield StatusLine()
        self._rows.set_heading("Environments")
        yield self._rows
        yield KeyLine(self.PLACE)

    @property
    def rows(self) -> RowList:
        """The environments."""
        return self._rows

    def on_mount(self) -> None:
        """Show what is configured."""
        self._rows.focus()
        self.show_board()

    def show_board(self) -> None:
        """Draw what is known of the configuration by now."""
        app = self.desk_app
        foot = None if app.desk else Content.styled("the configuration is being read", present.MUTED)
        known = rows.environment_rows(app.environments, app.facts.name)
        self._rows.show(known, ListState(foot=foot))
        self.show_keys()

    def do_open(self) -> None:
        """Look at this environment."""
        name = self.target.name
        self.dismiss(None)
        self.desk_app.select_environment(name)
