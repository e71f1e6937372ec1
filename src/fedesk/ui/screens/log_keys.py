"""What the keys do in a log, and what is typed into its lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk.domain.log_times import Times
from fedesk.domain.runs import LogRequest
from fedesk.ui import present
from fedesk.ui.reader import Answer, Reader
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.widgets.log_buffer import CONTEXTS, LogBuffer
from fedesk.ui.widgets.log_view import LogView
from fedesk.ui.widgets.prompt_line import Pick, PickLine, PromptLine

if TYPE_CHECKING:
    from textual import events

    from fedesk.domain.names import TaskName
    from fedesk.domain.runs import RunDetail, Step
    from fedesk.ui.log_feed import LogFeed, LogReading

_LONGEST_SEARCH = 200


class LogKeys(DeskScreen):
    """The keys of a log; ``LogScreen`` reads and draws it."""

    def __init__(self, reading: LogReading, request: LogRequest, detail: RunDetail | None) -> None:
        super().__init__()
        self._reading = reading
        self._request = request
        self._detail = detail
        self._feed: LogFeed | None = None
        self._whole = LogBuffer()
        """The log from its first line on; what is shown, unless the end is shown ahead of the rest."""
        self._end: LogBuffer | None = None
        self._complete = False
        self._typing = False
        self._asks = Reader(self)

    @property
    def _view(self) -> LogView:
        return self.query_one(LogView)

    @property
    def _ahead(self) -> bool:
        """Whether the end is shown of a log whose lines are not counted yet."""
        return self._end is not None and self._view.buffer is self._end

    def _read(self, request: LogRequest) -> None:
        """Read another log in this place."""
        raise NotImplementedError

    def _draw(self) -> None:
        raise NotImplementedError

    @property
    def _try(self) -> int:
        raise NotImplementedError

    @property
    def _tries(self) -> int:
        raise NotImplementedError

    def _show_whole(self, top: int | None = None) -> None:
        """Show the log itself, from a line on, where its end was shown ahead."""
        if self._ahead:
            self._view.show(self._whole, top=top)

    # Moving

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
        self._show_whole(0)
        self._view.go_first()

    def do_last(self) -> None:
        """To the end, and follow it."""
        if self._end is not None and not self._ahead:
            self._view.show(self._end)
        self._view.go_last()

    def do_follow(self) -> None:
        """Follow the end, or stay where one is."""
        if self._view.following:
            self._view.stay()
        else:
            self.do_last()

    def do_left(self) -> None:
        """Half a screen to the left."""
        self._view.move_sideways(-1)

    def do_right(self) -> None:
        """Half a screen to the right."""
        self._view.move_sideways(1)

    def do_next_error(self) -> None:
        """To the line that tells why, then from error to error."""
        if self._whole.text.errors:
            self._show_whole(0)
        self._view.next_error()

    # Search and filter

    def do_next_match(self) -> None:
        """To the next match."""
        self._view.next_match()

    def do_previous_match(self) -> None:
        """To the previous match."""
        self._view.previous_match()

    def do_search(self) -> None:
        """Take what is typed as the search, until Enter keeps it or Esc drops it."""
        self._typing = True
        self._view.search("")
        self._draw()

    def do_only_matches(self) -> None:
        """Show the lines alone that match, or all again; without a search, type what they must hold."""
        view = self._view
        view.select(only=not view.buffer.only, context=view.buffer.context)
        if view.buffer.only and not view.buffer.needle:
            self.do_search()
        self._draw()

    def do_context(self) -> None:
        """Show more lines around each match, or none."""
        view = self._view
        wider = CONTEXTS[(CONTEXTS.index(view.buffer.context) + 1) % len(CONTEXTS)]
        view.select(only=True, context=wider)
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
        if not needle and not self._typing and self._view.buffer.only:
            self._view.select(only=False)
        self._draw()
        return True

    def take_paste(self, text: str) -> None:
        """What is pasted while a search is typed belongs to it."""
        if self._typing:
            self._view.search((self._view.buffer.needle + " ".join(text.split()))[:_LONGEST_SEARCH])
            self._draw()

    def do_back(self) -> None:
        """Show all lines again, drop the search, or close the screen."""
        if self._view.buffer.only:
            self._view.select(only=False)
        elif self._view.buffer.needle:
            self._view.search("")
        else:
            super().do_back()

    # How lines are shown

    def do_wrap(self) -> None:
        """Wrap long lines, or not."""
        self._view.toggle_wrap()

    def do_times(self) -> None:
        """Show times as they are written, not at all, in the environment's zone, since the first line."""
        self._view.tell_times(self._view.buffer.times.following)
        if self._view.buffer.times is Times.AS_WRITTEN:
            self.desk_app.say("Times as they are written.")
        self._draw()

    # Another log

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
        self._read(LogRequest(run=self._request.run, task=replace(task, try_number=number)))

    def do_choose_log(self) -> None:
        """Ask which stage or task, try and map index to read."""
        if self._detail is None:
            run = self._request.run
            self._asks.read(("steps", run), lambda: self._reading.detail(run))
            return
        picks = picks_of(self._detail)
        if not picks:
            self.desk_app.say("This run has one log only.")
            return
        now = self._request.task
        at = next((index for index, one in enumerate(picks) if one.thing == now), 0)
        self.open_foot(PickLine(self, "Log of", picks, self._chosen, at=at))

    def _chosen(self, task: TaskName | None) -> None:
        self._read(LogRequest(run=self._request.run, task=task))

    def on_answer(self, message: Answer) -> None:
        """The steps of the run are there, or a file was written."""
        what = message.key[0] if isinstance(message.key, tuple) else ""
        if what == "steps" and message.value is not None:
            self._detail = message.value  # type: ignore[assignment]  # what the reader was asked for
            self.do_choose_log()
        else:
            self.desk_app.say(message.problem or str(message.value))

    def do_attempts(self) -> None:
        """All tries of this task beside one another."""
        from fedesk.ui.screens.attempts import AttemptsScreen

        name = present.text(str(self._request.task))
        self.app.push_screen(AttemptsScreen(self._reading, self._request, self._tries, name))

    # Taking it along

    def do_save(self) -> None:
        """Ask for a file, and save what was read of the log in it."""
        proposed = "".join(c if c.isalnum() or c in "-._" else "-" for c in self.target.id.partition(":")[2])
        self.open_foot(PromptLine(self, "Save in", self._save, text=f"{proposed[-120:].strip('-.')}.log"))

    def _save(self, name: str) -> None:
        from fedesk.ports.operation_store import StoreError
        from fedesk.services.log_saving import NotSavedError, save_lines

        text, request, complete = self._whole.text, self._request, self._complete
        target = Path(name).expanduser().absolute()

        def save() -> str:
            try:
                self._reading.exporting(request, str(target))
                count = save_lines(text.lines(0, text.end), target)
            except (NotSavedError, StoreError) as error:
                return str(error)
            rest = "" if complete else ", as far as it was read"
            return f"Saved {count:,} lines in {target}{rest}; secrets hidden."

        self._asks.read(("save", name), save)

    def do_reread(self) -> None:
        """Read on at once; a log that is complete is read again from its start."""
        if self._complete:
            self._read(self._request)
        elif self._feed is not None:
            self._feed.read_now()


def picks_of(detail: RunDetail) -> list[Pick[TaskName | None]]:
    """The logs of a run: of the whole where it has one, of each step and each of its tries."""
    picks: list[Pick[TaskName | None]] = []
    if detail.steps and all(step.try_number is None for step in detail.steps):
        picks.append(Pick(label="the whole log", about="", thing=None))
    for step in detail.steps:
        mapped = "" if step.map_index is None else f"[{step.map_index}]"
        name = f"{present.text(step.name)}{mapped}"
        picks += (
            Pick(label=f"{name}{tried}", about=about, thing=replace(step.task, try_number=number))
            for number, tried, about in _tries_of(step)
        )
    return picks


def _tries_of(step: Step) -> list[tuple[int | None, str, str]]:
    newest = step.try_number
    state = step.state.value
    if newest is None or newest <= 1:
        return [(newest, "", state)]
    earlier = [(number, f" try {number}", "") for number in range(newest - 1, 0, -1)]
    return [(newest, f" try {newest}", state), *earlier]
