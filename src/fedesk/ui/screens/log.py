"""One log: follows while it grows, opens at the line that tells why a run failed, searches, hides secrets."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from fedesk.domain.log_times import Times
from fedesk.domain.runs import LogRequest, RunDetail, Step
from fedesk.domain.states import State
from fedesk.ui import present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.log_feed import LogEndArrived, LogFailed, LogFeed, LogGrew, LogOpened, LogReading, Pace
from fedesk.ui.run_text import both_ends, dotted
from fedesk.ui.screens.log_keys import LogKeys
from fedesk.ui.styles import styles_folder
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.log_buffer import LogBuffer
from fedesk.ui.widgets.log_view import LogView
from fedesk.ui.widgets.status_line import StatusLine
from fedesk.ui.widgets.still import Still

if TYPE_CHECKING:
    from fedesk.domain.observation import Failure

_LOADING_AFTER = 0.15
_FROM_MEGABYTES = 10_000_000


class LogScreen(LogKeys):
    """The log of a run, or of one try of one task.

    Without a task in the request, of a system that has logs of tasks only the one to look at first is read.
    Of a long log the end is shown first, without numbers, while its lines are counted from the first one
    on; the line that tells why a run failed is gone to as soon as it is found.
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
        super().__init__(reading, request, detail)
        self._step = step
        self._pace = pace
        self._number = 0
        self._failure: tuple[Failure, datetime] | None = None
        self._watched = False
        self._loading = False
        self._bytes = 0
        """Bytes of a long log, as its end told."""
        self._shown_telling: int | None = None

    def compose(self) -> ComposeResult:
        """Title, log, what there is to say instead of it, foot."""
        yield StatusLine()
        yield Still(id="log-title")
        yield LogView()
        yield Still(id="log-note")
        yield Still(id="log-foot")
        yield KeyLine(self.PLACE)

    def on_mount(self) -> None:
        """Begin to read."""
        self._view.focus()
        self._begin()

    def on_unmount(self) -> None:
        """Read no more."""
        if self._feed is not None:
            self._feed.stop()

    def _read(self, request: LogRequest) -> None:
        """Read another log in this place."""
        named = request.task
        if named is not None and self._detail is not None:
            steps = (
                step for step in self._detail.steps if step.task == replace(named, try_number=step.try_number)
            )
            self._step = next(steps, self._step)
        elif named is None:
            self._step = None
        self._request = request
        self._begin()

    def _begin(self) -> None:
        """Read from the start; what an earlier reading still brings is dropped."""
        if self._feed is not None:
            self._feed.stop()
        self._number += 1
        self._failure = None
        self._complete = self._watched = self._loading = False
        self._end, self._bytes, self._shown_telling = None, 0, None
        self._feed = LogFeed(
            self._reading, self._request, self.post_message, number=self._number, pace=self._pace
        )
        self._whole = LogBuffer(self._feed.text, zone=self.desk_app.zone)
        self._view.show(self._whole)
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

    def on_log_end_arrived(self, message: LogEndArrived) -> None:
        """Of a long log the end is there; it is shown unless one has begun to look at what is above it."""
        if message.number != self._number:
            return
        self._end, self._bytes = LogBuffer(message.end, numbered=False, zone=self.desk_app.zone), message.size
        if self._view.following and self._view.current is None:
            self._view.show(self._end)
        self._draw()

    def on_log_grew(self, message: LogGrew) -> None:
        """More lines; a finished log that was never followed opens at the line that tells why."""
        if message.number != self._number or self._feed is None:
            return
        self._failure = None
        self._complete = message.complete
        self._watched = self._watched or message.caught_up
        counted = message.complete or message.caught_up
        if self._ahead and counted:
            self._count_end()
        elif not self._ahead:
            self._view.grew()
        if counted:
            self._end = None
        if not self._watched and self._went_wrong and (message.complete or self._has_ended):
            self._go_to_telling()
        self._draw()

    def _count_end(self) -> None:
        """The end that was shown ahead has its numbers now: the same lines stay where they are."""
        view = self._view
        above = view.buffer.end - view.top
        self._view.show(self._whole, top=None if view.following else max(self._whole.end - above, 0))

    def _go_to_telling(self) -> None:
        """Go to the line that tells why, unless one has gone elsewhere; a better one may be found later."""
        view, telling = self._view, self._whole.text.telling
        stayed = view.following or (view.current is not None and view.current == self._shown_telling)
        if telling is None or telling == self._shown_telling or not stayed:
            return
        self._shown_telling = telling
        self._show_whole(telling)
        view.go_to_telling()

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
    def _has_ended(self) -> bool:
        """Whether it is known that nothing more will be written."""
        return self._earlier_try or (self._state is not None and self._state.is_final)

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
        self.query_one("#log-title", Still).say(self._title())
        self.query_one("#log-foot", Still).say(self._foot())
        empty = not len(self._view.buffer) and not len(self._whole)
        note = self.query_one("#log-note", Still)
        self._view.set_class(empty, "-empty")
        note.display = empty
        if empty:
            note.say(self._note())
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
        lines = self._whole.end
        count = f"{lines:,} line{'' if lines == 1 else 's'} "
        if self._failure is not None:
            return Content.styled(f"{present.DOWN.glyph} {count}so far ", present.DOWN.style)
        if self._complete:
            return Content.styled(f"complete, {count}", present.MUTED)
        if self._end is not None and self._bytes:
            share = min(self._whole.text.size / self._bytes, 1)
            return Content.styled(f"{size_of(self._bytes)}, {share:.0%} read ", "$text-primary")
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
            if view.searching:
                found = f"{position.matches:,} so far" if position.matches else "searching"
            if view.buffer.only:
                around = f", {view.buffer.context} lines around" if view.buffer.context else ""
                found += f" · only these{around}"
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
        hidden = view.buffer.text.hidden
        if hidden:
            secrets = "1 secret hidden" if hidden == 1 else f"{hidden:,} secrets hidden"
            right = Content.styled(f"{present.LONGER.glyph} {secrets} ", "$text-warning")
        return both_ends(Content.assemble(" ", dotted(left)), right, self.size.width)

    def _marks(self) -> list[Content]:
        position = self._view.position
        buffer = self._view.buffer
        at = (
            f"line {position.line:,} of {position.lines:,}" if buffer.numbered else "the end, not counted yet"
        )
        parts = [Content.styled(at, present.MUTED)]
        if buffer.times is not Times.AS_WRITTEN:
            parts.append(Content.styled(f"times {buffer.times}", present.MUTED))
        if position.error:
            parts.append(Content.styled(f"error {position.error:,} of {position.errors:,}", "$text-error"))
        elif position.errors:
            plural = "error" if position.errors == 1 else "errors"
            parts.append(Content.styled(f"{position.errors:,} {plural}, e goes there", "$text-error"))
        elif self._complete:
            parts.append(Content.styled("no error line", present.MUTED))
        return parts


def size_of(count: int) -> str:
    """Bytes in the unit people say: ``640 kB``, ``104 MB``."""
    return f"{count / 1e6:,.0f} MB" if count >= _FROM_MEGABYTES else f"{count / 1e3:,.0f} kB"
