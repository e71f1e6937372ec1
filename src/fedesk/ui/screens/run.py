"""One run: its stages or tasks with the one that failed, parameters, changes, artifacts and links."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.message import Message

from fedesk.domain.runs import PAUSED_FOR_INPUT, LogRequest, RunDetail
from fedesk.ui import present, run_text
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.listed import Listed, ListState
from fedesk.ui.log_feed import step_to_read
from fedesk.ui.reader import Answer, Reader
from fedesk.ui.screens.base import ListScreen
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.styles import styles_folder
from fedesk.ui.targets import NO_ANSWER
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine
from fedesk.ui.widgets.still import Still

if TYPE_CHECKING:
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from fedesk.domain.names import RunName
    from fedesk.domain.runs import Step
    from fedesk.ui.log_feed import LogReading

_AGAIN = timedelta(seconds=5)
"""How often a run that goes on is read."""
_RETRIES = (5, 10, 20, 30)
"""Seconds until the next try after the first, second, … failure in a row."""


class Facts(Still):
    """What stands beside the steps; it is wrapped again when it gets another width."""

    class Widened(Message):
        """The width has changed."""

    def on_resize(self) -> None:
        """Have it wrapped to the width."""
        self.post_message(self.Widened())


class RunScreen(ListScreen):
    """A run that is read again while it goes on, never twice at a time."""

    PLACE = Place.RUN
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.RUN)]
    CSS_PATH = styles_folder() / "run.tcss"

    def __init__(self, reading: LogReading, name: RunName, *, again: timedelta = _AGAIN) -> None:
        super().__init__()
        self._reading = reading
        self._run = name
        self._again = again
        self._rows = RowList(run_text.STEP_COLUMNS)
        self._reader = Reader(self)
        self._detail: RunDetail | None = None
        self._read_at: datetime | None = None
        self._problem = ""
        self._failed_since: datetime | None = None
        self._failures = 0
        self._next: datetime | None = None
        self._placed = False
        self._still: tuple[RunDetail, bool, tuple[Listed, ...]] | None = None

    def compose(self) -> ComposeResult:
        """Head, steps, details."""
        yield StatusLine()
        yield Still(id="run-head")
        with Container(id="run-body"):
            yield self._rows
            with VerticalScroll(id="run-details"):
                yield Facts(id="run-facts")
        yield KeyLine(self.PLACE)

    @property
    def detail(self) -> RunDetail | None:
        """The run, once it was read."""
        return self._detail

    @property
    def rows(self) -> RowList:
        """The steps."""
        return self._rows

    @property
    def target(self) -> Target:
        """The step under the cursor, or the run."""
        run = self._detail.run if self._detail else None
        unfit = "it still runs" if run is not None and not run.state.is_final else ""
        waits = run is not None and run.original_state == PAUSED_FOR_INPUT
        unanswered = "" if waits else NO_ANSWER
        if self._rows.row is not None and not self._in_details:
            return replace(self._rows.target, unfit=unfit, unanswered=unanswered)
        return Target(
            name=present.text(self._run.id),
            id=str(self._run),
            run=self._run,
            link=run.link if run is not None else "",
            unfit=unfit,
            unanswered=unanswered,
        )

    def on_mount(self) -> None:
        """Read it."""
        self._rows.focus()
        self._read()
        self._draw()

    # Reading

    def _read(self) -> None:
        self._next = None
        self._reader.read("run", partial(self._reading.detail, self._run))

    def tick(self) -> None:
        """Durations go on; what is due is read."""
        if self._next is not None and self.desk_app.now >= self._next:
            self._read()
        self._draw()

    def on_answer(self, message: Answer) -> None:
        """The run, or why it could not be read; what is known stays."""
        message.stop()
        now = self.desk_app.now
        if isinstance(message.value, RunDetail):
            self._detail, self._read_at = message.value, now
            self._problem, self._failed_since, self._failures = "", None, 0
            self._next = None if message.value.run.state.is_final else now + self._again
        else:
            self._failures += 1
            self._problem = message.problem
            self._failed_since = self._failed_since or now
            wait = _RETRIES[min(self._failures, len(_RETRIES)) - 1]
            self._next = now + timedelta(seconds=wait)
        self._draw()
        self._place_cursor()

    def _place_cursor(self) -> None:
        """The first time, put the cursor on the step one wants to see."""
        if self._placed or self._detail is None or not self._detail.steps:
            return
        self._placed = True
        bad = next((index for index, step in enumerate(self._detail.steps) if step.state.is_bad), None)
        wanted = step_to_read(self._detail)
        index = self._detail.steps.index(wanted) if wanted is not None else bad
        if index:
            self._rows.hold()
            self._rows.move_to(index)

    # Drawing

    def on_resize(self) -> None:
        """Lines are wrapped to the width."""
        self._draw()

    def on_facts_widened(self) -> None:
        """The details are wrapped to their own width."""
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        app = self.desk_app
        moment = run_text.Moment(now=app.now, zone=app.zone)
        detail = self._detail
        head = self.query_one("#run-head", Still)
        facts = self.query_one(Facts)
        self.query_one("#run-details").display = detail is not None
        if detail is None:
            title = Content.assemble(" ", (present.text(self._run.id), "bold"))
            connection = Content.styled(f"{self._run.connection} ", present.MUTED)
            head.say(run_text.both_ends(title, connection, self.size.width))
            self._rows.show((), self._list_state(moment))
            return
        is_stale = bool(self._problem)
        said = run_text.head(detail, moment, self.size.width)
        head.say(Content("\n").join(present.dimmed(said) if is_stale else said))
        self._rows.set_heading(run_text.steps_heading(detail))
        self._rows.set_columns([run_text.STEP_COLUMNS[index] for index in run_text.step_columns(detail)])
        self._rows.show(self._steps(detail, moment, dim=is_stale), self._list_state(moment))
        width = facts.size.width or self.size.width - 4
        told = run_text.details(detail, moment, width)
        facts.say(Content("\n").join(present.dimmed(told) if is_stale else told))
        self.show_keys()

    def _steps(self, detail: RunDetail, moment: run_text.Moment, *, dim: bool) -> tuple[Listed, ...]:
        """The rows; of a run in which nothing goes on those of before, for there may be thousands."""
        if self._still is not None and self._still[0] is detail and self._still[1] == dim:
            return self._still[2]
        rows = tuple(run_text.step_rows(detail, moment, dim=dim))
        goes_on = not detail.run.state.is_final or any(
            one.started_at is not None and one.ended_at is None for one in detail.steps
        )
        self._still = None if goes_on else (detail, dim, rows)
        return rows

    def _list_state(self, moment: run_text.Moment) -> ListState:
        if self._detail is None and not self._problem:
            return ListState(loading=True)
        if not self._problem:
            return ListState(why_empty=(Content(self._why_empty()),))
        again = "now" if self._next is None else present.until(self._next, moment.now).replace("due", "now")
        since = present.clock_time(self._failed_since, moment.now, moment.zone)
        if self._detail is None:
            return ListState(
                why_empty=(
                    Content.styled(f"{present.DOWN.glyph} {present.text(self._problem)}", present.DOWN.style),
                    Content(f"Not read since {since}; next try {again}, r reads now."),
                ),
                troubled=True,
            )
        as_of = present.clock_time(self._read_at, moment.now, moment.zone)
        foot = f"as of {as_of}, not read since {since}, next try {again}: {present.text(self._problem, 160)}"
        return ListState(foot=Content.styled(foot, "$text-warning"), troubled=True)

    def _why_empty(self) -> str:
        if self._detail is not None and not self._detail.run.state.is_final:
            return "No step has begun yet; the run is read again every few seconds."
        return "This run has no steps of its own. l reads its log."

    # Keys

    @property
    def _in_details(self) -> bool:
        return self.focused is not None and self.focused.id == "run-details"

    def _scrolled(self, by: int) -> bool:
        """Scroll the details where they have the keys."""
        if self._in_details:
            self.query_one("#run-details").scroll_relative(y=by, animate=False)
        return self._in_details

    def do_down(self) -> None:
        """One row down."""
        if not self._scrolled(1):
            super().do_down()

    def do_up(self) -> None:
        """One row up."""
        if not self._scrolled(-1):
            super().do_up()

    def do_page_down(self) -> None:
        """One page down."""
        if not self._scrolled(self.query_one("#run-details").size.height):
            super().do_page_down()

    def do_page_up(self) -> None:
        """One page up."""
        if not self._scrolled(-self.query_one("#run-details").size.height):
            super().do_page_up()

    def do_pane(self) -> None:
        """To the details, or back to the steps."""
        details = self.query_one("#run-details")
        side = not self._in_details
        self.set_class(side, "-details")
        (details if side else self._rows).focus()

    def do_back(self) -> None:
        """From the details to the steps; else clear the filter, or close the screen."""
        if self._in_details:
            self.do_pane()
        else:
            super().do_back()

    def do_open_log(self) -> None:
        """The log of the step under the cursor; of the run where there is none."""
        row, detail = self._rows.row, self._detail
        step = None
        if row is not None and detail is not None:
            step = next((one for one in detail.steps if run_text.step_key(one) == row.key), None)
        self._open(step)

    def do_whole_log(self) -> None:
        """The log of the whole run."""
        self._open(None)

    def do_log(self) -> None:
        """The same as opening it."""
        self.do_open_log()

    def on_row_list_opened(self) -> None:
        """A double click does what Enter does."""
        self.action_act("open-log")

    def _open(self, step: Step | None) -> None:
        request = LogRequest(run=self._run, task=step.task if step else None)
        self.app.push_screen(LogScreen(self._reading, request, detail=self._detail, step=step))

    def do_answer(self) -> None:
        """Answer the question at which the build waits."""
        from fedesk.ui.answering import ask

        ask(self, self._run)

    def do_reread(self) -> None:
        """Read again at once, and let new steps in."""
        self._rows.let_in()
        self._read()
