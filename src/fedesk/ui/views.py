"""The views of the main screen; each is made when it is first seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.containers import Container, VerticalScroll
from textual.content import Content

from fedesk.domain.states import System
from fedesk.ui import present, rows, why
from fedesk.ui.actions import Place, Target
from fedesk.ui.finding_rows import COLUMNS, finding_rows
from fedesk.ui.listed import ListState
from fedesk.ui.reader import Answer, Reader
from fedesk.ui.widgets.row_list import SKELETON_AFTER, RowList
from fedesk.ui.widgets.still import Still

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize
    from textual.timer import Timer

    from fedesk.domain.board import Board
    from fedesk.domain.front import Finding
    from fedesk.domain.names import RunName
    from fedesk.services.diagnosis import Diagnosis
    from fedesk.ui.app import DeskApp
    from fedesk.ui.listed import Row

DEBOUNCE = 0.15
"""Seconds that the cursor stands still before the run under it is read."""
_DIAGNOSES_KEPT = 64


class View(Container):
    """A list, and what belongs to it."""

    PLACE = Place.TRIAGE

    def __init__(self, row_list: RowList) -> None:
        super().__init__()
        self.row_list = row_list

    def compose(self) -> ComposeResult:
        """The list alone."""
        yield self.row_list

    @property
    def desk_app(self) -> DeskApp:
        """The app."""
        return cast("DeskApp", self.app)

    @property
    def target(self) -> Target:
        """The row under the cursor."""
        return self.row_list.target

    def on_mount(self) -> None:
        """What is known stands in its first frame."""
        self.show_board()

    def show_board(self) -> None:
        """Draw what the app knows by now."""

    def look_again(self) -> None:
        """Read at once what the view reads by itself, beside the board."""

    def leave_side(self) -> bool:
        """Leave what stands beside the list; says whether there was anything to leave."""
        return False


class PipelinesView(View):
    """Every pipeline: its last runs, its state in each environment, how long it took."""

    PLACE = Place.PIPELINES

    def __init__(self) -> None:
        super().__init__(RowList(rows.pipeline_columns(())))

    def show_board(self) -> None:
        """Draw the pipelines of the newest board."""
        app = self.desk_app
        if app.board is None:
            return
        names = [facts.name for facts in app.environments]
        state = rows.list_state(
            app.board.snapshots,
            app.now,
            app.zone,
            empty="No pipeline: the catalogue has none, and the systems know no job. "
            "`fedesk config show` says which folders and tags are read.",
            systems=rows.RUN_SYSTEMS,
        )
        self.row_list.set_columns(rows.pipeline_columns(names))
        self.row_list.show(rows.pipeline_rows(app.board, names), state)


class SecretsView(View):
    """Every secret by the time it has left."""

    PLACE = Place.SECRETS

    def __init__(self) -> None:
        super().__init__(RowList(rows.SECRET_COLUMNS))

    def show_board(self) -> None:
        """Draw the secrets of the newest board."""
        app = self.desk_app
        if app.board is None:
            return
        state = rows.list_state(
            app.board.snapshots,
            app.now,
            app.zone,
            empty="No secret was found under the configured mounts and prefixes.",
            systems=rows.SECRET_SYSTEMS,
        )
        stale = rows.stale_connections(app.board.snapshots)
        vaults = [one for one in app.board.snapshots if one.system in rows.SECRET_SYSTEMS]
        self.row_list.set_columns(rows.secret_columns(rows.further_connections(vaults)))
        self.row_list.show(rows.secret_rows(app.board.secrets, stale), state)
        self._say_why()

    def on_row_list_selected(self) -> None:
        """Say why an age is unknown, where there is no column for it."""
        self._say_why()

    def _say_why(self) -> None:
        board, row = self.desk_app.board, self.row_list.row
        if board is None or row is None:
            return
        problem = next((age.secret.problem for age in board.secrets if rows.secret_key(age) == row.key), "")
        self.row_list.say(Content.styled(present.text(problem), "$state-violet") if problem else None)


class Side(VerticalScroll, can_focus=True):
    """What stands beside the list: why the selected finding is red."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Still()

    def compose(self) -> ComposeResult:
        """One text, drawn anew for each width."""
        yield self._text

    def say(self, content: Content) -> None:
        """Show this text; nothing is painted where it is the same."""
        if self.is_mounted:
            self._text.say(content)


class TriageView(View):
    """What is wrong, and beside it why."""

    PLACE = Place.TRIAGE

    def __init__(self) -> None:
        super().__init__(RowList(COLUMNS, titled=False))
        self._side = Side()
        self._reader = Reader(self)
        self._timer: Timer | None = None
        self._wanted: RunName | None = None
        self._reading: RunName | None = None
        self._slow: RunName | None = None
        """The run whose reading takes longer than a moment."""
        self._waited = False
        self._diagnoses: dict[RunName, Diagnosis] = {}
        self._problems: dict[RunName, str] = {}
        self._findings: dict[str, Finding] = {}
        self._shown: Board | None = None
        self._said: tuple[object, ...] = ()
        """What the side was drawn of."""
        self._rows: list[Row] = []
        self._rows_of: tuple[object, ...] = ()
        """What the rows were made of."""
        self._quiet: frozenset[str] = frozenset()
        self.shows_quiet = False
        """Whether what is snoozed or silenced stands among the rest."""

    def compose(self) -> ComposeResult:
        """List and side."""
        yield self.row_list
        yield self._side

    # The list

    def show_board(self) -> None:
        """Draw the findings of the newest board, or the last known ones."""
        app = self.desk_app
        board = app.board
        if board is None:
            found = app.front.findings
            self._keep(found)
            self.row_list.show(finding_rows(found, app.now, dim_all=True), self._before_first_look())
            self._draw_side()
            return
        self._keep(board.findings)
        states = app.following.states(board.findings)
        quiet = frozenset(name for name, state in states.items() if state.quiet is not None)
        shown = tuple(one for one in board.findings if self.shows_quiet or one.id not in quiet)
        nothing = _nothing_wrong(len(quiet))
        stale = rows.stale_connections(board.snapshots)
        pipelines = frozenset(pipeline.name for pipeline in board.pipelines)
        jobs = len(board.histories)
        state = rows.list_state(
            board.snapshots,
            app.now,
            app.zone,
            empty=f"{nothing}: {len(board.pipelines)} pipelines and {jobs} jobs are watched.",
            systems=frozenset(System),
        )
        if quiet != self._quiet:
            if not self.shows_quiet:
                # What was made quiet here leaves; what somebody else did is struck, and nothing jumps.
                self.row_list.drop(app.marker.hushed & (quiet - self._quiet))
            self._quiet = quiet
        self.row_list.set_heading(_quiet_said(len(quiet), shown=self.shows_quiet), present.MUTED)
        further = rows.further_connections(board.snapshots)
        ages = [present.age(one.since, app.now) for one in shown]
        ages += [present.length_of(one.quiet.until - app.now) for one in states.values() if one.quiet]
        drawn_of = (shown, ages, stale, further, pipelines, states)
        if drawn_of != self._rows_of:
            # Made each second they cost a tenth of what the desk does while nobody touches it.
            self._rows_of = drawn_of
            self._rows = finding_rows(
                shown, app.now, stale=stale, further=further, pipelines=pipelines, states=states
            )
        self.row_list.show(self._rows, state)
        self._draw_side()
        if board is not self._shown:
            # What could not be read is tried again.
            self._shown = board
            self._read_soon()

    @property
    def meant(self) -> tuple[Finding, ...]:
        """The findings that are marked, else the one under the cursor."""
        meant = self.row_list.meant
        return tuple(self._findings[row.key] for row in meant if row.key in self._findings)

    def toggle_quiet(self) -> None:
        """Show what is snoozed or silenced, or leave it out; says where nothing is."""
        if not self._quiet and not self.shows_quiet:
            self.desk_app.say("Nothing is snoozed or silenced.")
            return
        self.shows_quiet = not self.shows_quiet
        self.show_board()
        self.row_list.let_in()

    def _keep(self, findings: tuple[Finding, ...]) -> None:
        # Those that went stay known for as long as their rows keep their place.
        self._findings = (self._findings if len(self._findings) < _FINDINGS_KEPT else {}) | {
            finding.id: finding for finding in findings
        }

    def _before_first_look(self) -> ListState:
        app = self.desk_app
        if app.front.at is None:
            return ListState(loading=True, why_empty=(Content(app.opening),) if app.opening else ())
        as_of = present.clock_time(app.front.at, app.now, app.zone)
        return ListState(foot=Content.styled(f"as of {as_of}, connecting", "$foreground-muted"))

    # The side

    def on_row_list_selected(self) -> None:
        """Draw what is known at once, and read the run when the cursor stands still."""
        finding = self._finding
        self._wanted = finding.run if finding else None
        self._draw_side(from_top=True)
        self._read_soon()

    def _read_soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        if self._wanted is not None and self._wanted not in self._diagnoses:
            self._timer = self.set_timer(DEBOUNCE, self._read)

    @property
    def _finding(self) -> Finding | None:
        row = self.row_list.row
        return self._findings.get(row.key) if row else None

    def _read(self) -> None:
        name, desk = self._wanted, self.desk_app.desk
        if name is None or desk is None:
            return
        self._reading = name
        self._problems.pop(name, None)
        self.set_timer(SKELETON_AFTER, self._say_reading)
        reading = desk.reading
        self._reader.read(name, lambda: reading.diagnose(name))

    def _say_reading(self) -> None:
        self._slow = self._reading
        self._draw_side()

    def on_answer(self, answer: Answer) -> None:
        """Keep what was read; what is not selected any more is not drawn."""
        answer.stop()
        name = cast("RunName", answer.key)
        if name == self._reading:
            self._reading = self._slow = None
        if answer.problem:
            self._problems[name] = answer.problem
        else:
            found = cast("Diagnosis", answer.value)
            self.desk_app.note_tasks(found.detail)
            if found.detail.run.state.is_final:
                while len(self._diagnoses) >= _DIAGNOSES_KEPT:
                    del self._diagnoses[next(iter(self._diagnoses))]
            self._diagnoses[name] = found
        if name == self._wanted:
            self._draw_side()

    def on_resize(self, _event: Resize) -> None:
        """Wrap anew."""
        self.call_after_refresh(self._draw_side)

    def _draw_side(self, *, from_top: bool = False) -> None:
        finding = self._finding
        width = max(self._side.scrollable_content_region.width, 20)
        if finding is None:
            self._said = ()
            self._side.say(Content("\n").join(self._nothing_selected(width)))
            return
        app = self.desk_app
        now, target = app.now, app.with_rights(self.target)
        diagnosis = self._diagnoses.get(finding.run) if finding.run else None
        reading = self._slow is not None and self._slow == finding.run
        problem = self._problems.get(finding.run, "") if finding.run else ""
        state = app.following.states((finding,)).get(finding.id)
        moment = why.moment(finding, now)
        said = finding, app.board, diagnosis, reading, problem, state, target, width, moment
        if self._side.is_mounted and said != self._said:
            self._said = said
            run, history = why.locate(app.board, finding)
            known = why.Known(
                now=now,
                zone=app.zone,
                board=app.board,
                run=run,
                history=history,
                diagnosis=diagnosis,
                reading=reading,
                problem=problem,
                state=state,
            )
            self._side.say(Content("\n").join(why.lines(finding, known, target, width)))
        if from_top:
            self._side.scroll_home(animate=False)

    def _nothing_selected(self, width: int) -> list[Content]:
        """Bars while the list has them too; else what would be said here."""
        if self.row_list.is_loading:
            return [Content(), *present.skeleton(width)] if self._waited else []
        said = "What the cursor is on is explained here: why it is red, since when, and what to do."
        return [Content(), *Content.styled(said, present.MUTED).wrap(width)]

    def on_mount(self) -> None:
        """Wait a moment, as the list does, before there are bars."""
        self.set_timer(SKELETON_AFTER, self._wait_over)

    def _wait_over(self) -> None:
        self._waited = True
        self._draw_side()

    # Going to the side and back

    def toggle_side(self) -> None:
        """To the side, or back from it; where there is no room for both it takes the list's place."""
        if self._side.has_focus:
            self.leave_side()
            return
        self.add_class("-side")
        self._side.focus()
        self.row_list.hold()
        self.call_after_refresh(self._draw_side)

    def leave_side(self) -> bool:
        """Back to the list."""
        if not self._side.has_focus:
            return False
        self.remove_class("-side")
        self.row_list.focus()
        return True

    @property
    def side(self) -> Side:
        """The side."""
        return self._side


def _nothing_wrong(quiet: int) -> str:
    return f"Nothing is wrong but what is quiet, {quiet} here, z shows it" if quiet else "Nothing is wrong"


def _quiet_said(quiet: int, *, shown: bool) -> str:
    """``3 quiet, z shows them``; empty where nothing is."""
    if not quiet:
        return ""
    return f"with {quiet} quiet" if shown else f"{quiet} quiet, z shows {'it' if quiet == 1 else 'them'}"


_FINDINGS_KEPT = 2_000
