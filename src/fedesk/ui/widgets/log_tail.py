"""The end of a log that grows, beside something else: followed for as long as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content

from fedesk.domain.log_times import Times
from fedesk.ui import present
from fedesk.ui.log_feed import LogFailed, LogFeed, LogGrew, LogReading, Pace
from fedesk.ui.widgets.log_buffer import LogBuffer
from fedesk.ui.widgets.log_view import LogView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from fedesk.domain.runs import LogRequest

PACE = Pace(growing=2.0, retries=(2.0, 3.0, 5.0))
"""A log that is about to begin is looked for more often than one that cannot be read."""


class LogTail(Vertical):
    """What a task or build that was just started writes. It takes no keys: ``l`` opens the whole log."""

    def __init__(self) -> None:
        super().__init__()
        self._view = LogView()
        self._view.can_focus = False
        self._feed: LogFeed | None = None
        self._reading: LogReading | None = None
        self._number = 0
        self.request: LogRequest | None = None

    def compose(self) -> ComposeResult:
        """The log alone."""
        yield self._view

    def on_unmount(self) -> None:
        """Read no more."""
        self.stop()

    def on_resize(self) -> None:
        """Begin to read once there is room to show it; a log that nobody sees is not read."""
        if self.size.height:
            self.call_after_refresh(self._begin)
        self.call_after_refresh(self._view.go_last)

    def follow(self, reading: LogReading, request: LogRequest) -> None:
        """Follow this log from its start, as soon as it is shown; another one is not followed any more."""
        if request == self.request:
            return
        self.stop()
        self._feed, self._reading, self.request = None, reading, request
        self._number += 1
        self._view.show(LogBuffer())
        self._say("waits for its first line")
        if self.size.height:
            self._begin()

    def _begin(self) -> None:
        if self._feed is None and self._reading is not None and self.request is not None:
            self._feed = LogFeed(
                self._reading, self.request, self.post_message, number=self._number, pace=PACE
            )
            self._view.show(LogBuffer(self._feed.text))
            # There is room for a time or for what is written, and these lines are of now.
            self._view.tell_times(Times.HIDDEN)
            self._feed.start()

    def stop(self) -> None:
        """Read no more; what was read stays."""
        if self._feed is not None:
            self._feed.stop()

    def on_log_grew(self, message: LogGrew) -> None:
        """The next lines."""
        message.stop()
        if self._feed is None or message.number != self._number:
            return
        self._view.grew()
        self.call_after_refresh(self._view.go_last)
        lines = self._view.buffer.end
        self._say("complete" if message.complete else f"{lines:,} lines" if lines else "has no line yet")

    def on_log_failed(self, message: LogFailed) -> None:
        """It is not there yet, or cannot be read; it is tried again."""
        message.stop()
        if message.number == self._number and not self._view.buffer.end:
            self._say(message.failure.sentence)

    def _say(self, said: str) -> None:
        request = self.request
        if request is None:
            return
        name = str(request.task) if request.task is not None else request.run.id
        self.border_title = Content(f"Log of {present.text(name, 60)}")
        self.border_subtitle = Content.styled(present.text(said, 200), present.MUTED)
