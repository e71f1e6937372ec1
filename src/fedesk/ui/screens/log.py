"""One log: follows while it grows, opens at the line that tells why a run failed, searches, hides secrets."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from fedesk.domain.runs import LogRequest, RunDetail, Step
from fedesk.domain.states import State
from fedesk.ui import present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.log_feed import LogArrived, LogFailed, LogFeed, LogOpened, LogReading, Pace
from fedesk.ui.run_text import both_ends, dotted
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.styles import styles_folder
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.log_view import LogView
from fedesk.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from fedesk.domain.observation import Failure

_LOADING_AFTER = 0.15
_LONGEST_SEARCH = 200


class LogScreen(DeskScreen):
    """The log of a run, or of one try of one task.

    Without a task in the request, of a system that has logs of tasks only the one to look at first is read.
    """

    PLACE = Place.LOG
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.LOG)]
    CSS_PATH = styles_folder() / "log.tcss"

    def __init__(
        self,
        reading: LogReading,
        request: LogRequest,
        *,
        detail: RunDetail | None = None,
        step: Step | None = None,
        pace: Pace | None = None,
    ) -> None:
        super().__init__()
        self._reading = reading
        self._request = request
        self._detail = detail
        self._step = step
        self._pace = pace
        self._number = 0
        self._feed: LogFeed | None = None
        self._failure: tuple[Failure, datetime] | None = None
        self._complete = False
        self._watched = False
        self._hidden = 0
        self._loading = False
        self._typing = False

    def compose(self) -> ComposeResult:
        """Title, log, what there is to say instead of it, foot."""
        yield StatusLine()
        yield Static(id="log-title", markup=False)
        yield LogView()
        yield Static(id="log-note", markup=False)
        yield Static(id="log-foot", markup=False)
        yield KeyLine(self.PLACE)

    def on_mount(self) -> None:
        """Begin to read."""
        self._view.focus()
        self._begin()

    def on_unmount(self) -> None:
        """Read no more."""
        if self._feed is not None:
            self._feed.stop()

    @property
    def _view(self) -> LogView:
        return self.query_one(LogView)

    def _begin(self) -> None:
        """Read from the start; what an earlier reading still brings is dropped."""
        if self._feed is not None:
            self._feed.stop()
        self._number += 1
        self._failure = None
        self._complete = self._watched = self._loading = False
        self._hidden = 0
        self._view.clear()
        self._feed = LogFeed(
            self._reading, self._request, self.post_message, number=self._number, pace=self._pace
        )
        self._feed.start()
        number = self._number
        self.set_timer(_LOADING_AFTER, lambda: self._still_loading(number))
        self._draw()

    def _still_loading(self, number: int) -> None:
        if number == self._number:
            self._loading = True
            self._draw()

    # What the reading brings

    def on_log_opened(self, message: LogOpened) -> None:
        """It is known which log is read."""
        if message.number != self._number:
            return
        self._request = message.request
        self._step = message.step or self._step
        self._detail = message.detail or self._detail
        self._draw()

    def on_log_arrived(self, message: LogArrived) -> None:
        """The next lines; a finished log that was never followed opens at the line that tells why."""
        if message.number != self._number or self._feed is None:
            return
        self._failure = None
        self._complete = message.complete
        self._watched = self._watched or message.caught_up
        self._hidden = message.scan.hidden
        view = self._view
        view.append(message.lines, message.scan.errors, message.scan.telling)
        if self._complete and view.following and not self._watched and self._went_wrong:
            view.go_to_telling()
        self._feed.taken()
        self._draw()

    def on_log_failed(self, message: LogFailed) -> None:
        """A read failed; what was read stays."""
        if message.number != self._number:
            return
        self._failure = (message.failure, self.desk_app.now + timedelta(seconds=message.retry_in))
        self._draw()

    def _again(self, moment: datetime) -> str:
        until = present.until(moment, self.desk_app.now)
        return "now" if until == "due" else until

    def tick(self) -> None:
        """The next try comes nearer."""
        if self._failure is not None:
            self._draw()

    @property
    def _state(self) -> State | None:
        if self._step is not None:
            return self._step.state
        return self._detail.run.state if self._detail is not None else None

    @property
    def _went_wrong(self) -> bool:
        """Whether there is something to be told; also where nobody said how it ended."""
        return self._state is None or self._state.is_bad or self._earlier_try

    @property
    def _earlier_try(self) -> bool:
        return self._try < self.target.tries

    @property
    def _try(self) -> int:
        task = self._request.task
        return (task.try_number if task else None) or self._tries

    @property
    def _tries(self) -> int:
        task = self._request.task
        return (self._step.try_number if self._step else None) or (task.try_number if task else None) or 1

    # What is shown

    @property
    def target(self) -> Target:
        """The log: its name, the address of its step or run."""
        run, task = self._request.run, self._request.task
        name = str(run) if task is None else f"{run}::{task}"
        link = (self._step.link if self._step else "") or (self._detail.run.link if self._detail else "")
        return Target(name=self._named, id=name, run=run, link=link, tries=self._tries)

    @property
    def _named(self) -> str:
        """The step, or the run where the log is of a whole run."""
        if self._request.task is None:
            return present.text(self._request.run.id)
        mapped = "" if self._request.task.map_index is None else f"[{self._request.task.map_index}]"
        return present.text((self._step.name if self._step else self._request.task.task) + mapped)

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self.query_one("#log-title", Static).update(self._title())
        self.query_one("#log-foot", Static).update(self._foot())
        empty = not len(self._view.buffer)
        note = self.query_one("#log-note", Static)
        self._view.set_class(empty, "-empty")
        note.display = empty
        if empty:
            note.update(self._note())
        self.show_keys()

    def on_log_view_moved(self) -> None:
        """One is somewhere else in the log."""
        self._draw()

    def on_resize(self) -> None:
        """Lines are cut to the width."""
        self._draw()

    def _title(self) -> Content:
        state = self._state
        mark = present.FACES[state].mark if state and not self._earlier_try else Content("≡")
        parts = [Content.assemble(" ", mark, " ", Content.styled(self._named, "bold"))]
        if self._request.task is not None:
            if self._tries > 1:
                parts.append(Content.styled(f"try {self._try} of {self._tries}", present.MUTED))
            parts.append(Content.styled(present.text(self._request.run.id), present.MUTED))
        parts.append(Content.styled(str(self._request.run.connection), present.MUTED))
        return both_ends(dotted(parts), self._progress(), self.size.width)

    def _progress(self) -> Content:
        lines = self._view.buffer.end
        count = f"{lines:,} line{'' if lines == 1 else 's'} "
        if self._failure is not None:
            return Content.styled(f"{present.DOWN.glyph} {count}so far ", present.DOWN.style)
        if self._complete:
            return Content.styled(f"complete, {count}", present.MUTED)
        if self._view.following and lines:
            return Content.assemble(
                (f"{present.FACES[State.RUNNING].glyph} following, {count}", "$text-primary")
            )
        return Content.styled(f"growing, {count}" if lines else "", present.MUTED)

    def _note(self) -> Content:
        """Why there are no lines."""
        if self._failure is not None:
            failure, again = self._failure
            return Content.assemble(
                (f"{present.DOWN.glyph} ", present.DOWN.style),
                present.text(failure.sentence),
                (f"\n\nNext try {self._again(again)}; r reads now.", present.MUTED),
            )
        if self._complete:
            return Content.assemble(
                (f"{present.NOTHING.glyph} The log is empty. ", present.MUTED),
                (f"{self._named} has ended and left no line.", present.MUTED),
            )
        if self._watched:
            return Content.styled(
                f"{present.NOTHING.glyph} {self._named} has not written a line yet. Its log is read on.",
                present.MUTED,
            )
        return Content.styled(f"Reading the log of {self._named} …" if self._loading else "", present.MUTED)

    def _foot(self) -> Content:
        view = self._view
        position = view.position
        left: list[Content] = []
        if self._typing or view.buffer.needle:
            found = f"{position.match or '–'} of {position.matches:,}" if position.matches else "no match"
            left.append(
                Content.assemble(
                    (f"/{view.buffer.needle}{'▏' if self._typing else ''}", "bold"),
                    (f"  {found}", present.MUTED),
                )
            )
        elif self._failure is not None and position.lines:
            failure, again = self._failure
            said = Content.styled(present.text(failure.sentence), present.DOWN.style)
            room = max(self.size.width - 28, 10)
            left.append(said.truncate(room, ellipsis=True))
            left.append(Content.styled(f"next try {self._again(again)}", present.MUTED))
        elif position.lines:
            left += self._marks()
        right = Content()
        if self._hidden:
            secrets = "1 secret hidden" if self._hidden == 1 else f"{self._hidden:,} secrets hidden"
            right = Content.styled(f"{present.LONGER.glyph} {secrets} ", "$text-warning")
        return both_ends(Content.assemble(" ", dotted(left)), right, self.size.width)

    def _marks(self) -> list[Content]:
        position = self._view.position
        parts = [Content.styled(f"line {position.line:,} of {position.lines:,}", present.MUTED)]
        if position.error:
            parts.append(Content.styled(f"error {position.error:,} of {position.errors:,}", "$text-error"))
        elif position.errors:
            plural = "error" if position.errors == 1 else "errors"
            parts.append(Content.styled(f"{position.errors:,} {plural}, e goes there", "$text-error"))
        elif self._complete:
            parts.append(Content.styled("no error line", present.MUTED))
        return parts

    # Keys

    def do_down(self) -> None:
        """One row down."""
        self._view.move(1)

    def do_up(self) -> None:
        """One row up."""
        self._view.move(-1)

    def do_page_down(self) -> None:
        """One page down."""
        self._view.move_page(1)

    def do_page_up(self) -> None:
        """One page up."""
        self._view.move_page(-1)

    def do_first(self) -> None:
        """To the first line."""
        self._view.go_first()

    def do_last(self) -> None:
        """To the end, and follow it."""
        self._view.go_last()

    def do_left(self) -> None:
        """Half a screen to the left."""
        self._view.move_sideways(-1)

    def do_right(self) -> None:
        """Half a screen to the right."""
        self._view.move_sideways(1)

    def do_next_error(self) -> None:
        """To the line that tells why, then from error to error."""
        self._view.next_error()

    def do_next_match(self) -> None:
        """To the next match."""
        self._view.next_match()

    def do_previous_match(self) -> None:
        """To the previous match."""
        self._view.previous_match()

    def do_wrap(self) -> None:
        """Wrap long lines, or not."""
        self._view.toggle_wrap()

    def do_previous_try(self) -> None:
        """The try before this one."""
        self._to_try(self._try - 1)

    def do_next_try(self) -> None:
        """The try after this one."""
        self._to_try(self._try + 1)

    def _to_try(self, number: int) -> None:
        task = self._request.task
        if task is None or not 1 <= number <= self._tries:
            self.desk_app.say(f"There are tries 1 to {self._tries}.")
            return
        self._request = LogRequest(run=self._request.run, task=replace(task, try_number=number))
        self._begin()

    def do_reread(self) -> None:
        """Read on at once; a log that is complete is read again from its start."""
        if self._complete:
            self._begin()
        elif self._feed is not None:
            self._feed.read_now()

    def do_back(self) -> None:
        """Drop the search, or close the screen."""
        if self._view.buffer.needle:
            self._view.search("")
        else:
            super().do_back()

    def do_search(self) -> None:
        """Take what is typed as the search, until Enter keeps it or Esc drops it."""
        self._typing = True
        self._view.search("")
        self._draw()

    def take_key(self, event: events.Key) -> bool:
        """While a search is typed, printable keys belong to it."""
        if not self._typing:
            return False
        needle = self._view.buffer.needle
        if event.key in {"enter", "escape"}:
            self._typing = False
            needle = needle if event.key == "enter" else ""
        elif event.key == "backspace":
            needle = needle[:-1]
        elif event.key == "ctrl+u":
            needle = ""
        elif event.is_printable and event.character:
            needle = (needle + event.character)[:_LONGEST_SEARCH]
        else:
            return False
        if needle != self._view.buffer.needle:
            self._view.search(needle)
        self._draw()
        return True

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted while a search is typed belongs to it."""
        if self._typing:
            event.stop()
            self._view.search((self._view.buffer.needle + " ".join(event.text.split()))[:_LONGEST_SEARCH])
