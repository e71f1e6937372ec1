"""A log read on a daemon thread into a ``LogText``, of which the screen draws what is seen.

The thread asks for the log chunk by chunk; of a long one the end comes first. It waits between reads while
the log grows, and tries again after a failure. What it posts says that there is more, and bears the number
of its request, so that a screen drops what an earlier one brings.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from textual.message import Message

from fedesk.domain.names import RunName
from fedesk.domain.observation import Failure
from fedesk.domain.runs import LogChunk, LogEnd, LogRequest, RunDetail, Step
from fedesk.domain.states import FailureKind, State
from fedesk.domain.text import one_line
from fedesk.ports.errors import SourceError
from fedesk.ports.operation_store import StoreError
from fedesk.services.log_text import LogText, MemoryPages, Pages

Result = TypeVar("Result")

_BEHIND = 32_000
"""Characters in one read from which on there is probably more to be had at once."""
_PARTIAL_AT_MOST = 1_000_000
_TOLD_EVERY = 0.1
"""Seconds between two words on how far a long log is read, unless there is other news: to tell is to draw."""


class LogReading(Protocol):
    """The reads that a log needs; both block and raise SourceError."""

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``; ``""`` begins at the start."""

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """The last lines of a long log, ahead of the rest; None where it is read from its start."""

    def pages(self) -> Pages:
        """Where a log that is read may be put: on no disk where an environment forbids it."""

    def exporting(self, request: LogRequest, file: str) -> None:
        """A log is about to be saved; raises StoreError where that has to be recorded and cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between reads."""

    growing: float = 2.0
    """While a log grows and the last read brought nothing; a quarter of it where it brought little."""
    retries: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0)
    """After the first, second, … failure in a row; the last one for all that follow."""

    def until_next(self, characters: int) -> float:
        """How long to wait after a read that brought so many characters: not at all while it is behind."""
        if characters >= _BEHIND:
            return 0
        return self.growing / 4 if characters else self.growing

    def after(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        return self.retries[min(failures, len(self.retries)) - 1]


class LogOpened(Message):
    """Which log is read: posted before its first piece."""

    def __init__(self, number: int, request: LogRequest, step: Step | None, detail: RunDetail | None) -> None:
        super().__init__()
        self.number = number
        self.request = request
        self.step = step
        self.detail = detail


class LogEndArrived(Message):
    """The last lines of a long log, ahead of the rest."""

    def __init__(self, number: int, end: LogText, size: int) -> None:
        """``size``: bytes of the whole log."""
        super().__init__()
        self.number = number
        self.end = end
        self.size = size


class LogGrew(Message):
    """More lines of the log are there, or it is known that there are none."""

    def __init__(self, number: int, *, complete: bool, caught_up: bool) -> None:
        """``complete``: the log has ended; ``caught_up``: it has not, and all there is has been read."""
        super().__init__()
        self.number = number
        self.complete = complete
        self.caught_up = caught_up

    def can_replace(self, message: Message) -> bool:
        """The lines are in the text: of two that wait the newer one is enough."""
        return isinstance(message, LogGrew) and message.number == self.number


class LogFailed(Message):
    """A read failed; it is tried again."""

    def __init__(self, number: int, failure: Failure, retry_in: float) -> None:
        super().__init__()
        self.number = number
        self.failure = failure
        self.retry_in = retry_in


def step_to_read(detail: RunDetail) -> Step | None:
    """Whose log one wants to see first: what failed first, else what runs, else what ended last.

    None where a run has one log for all its steps, as a Jenkins build does.
    """
    tried = [step for step in detail.steps if step.try_number]
    if not tried:
        return None
    failed = [step for step in tried if step.state is State.FAILED]
    running = [step for step in tried if step.state in {State.RUNNING, State.WAITING}]
    started = [step for step in tried if step.started_at is not None]
    if failed or running:
        return (failed or running)[0]
    return max(
        started, key=lambda step: step.started_at.timestamp() if step.started_at else 0, default=tried[-1]
    )


class LogFeed:
    """One reading of one log. ``deliver`` takes messages from any thread and says whether they were taken."""

    def __init__(
        self,
        reading: LogReading,
        request: LogRequest,
        deliver: Callable[[Message], bool],
        *,
        number: int = 0,
        pace: Pace | None = None,
    ) -> None:
        self._reading = reading
        self._request = request
        self._deliver = deliver
        self._number = number
        self._pace = Pace() if pace is None else pace
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._partial = ""
        self._telling: int | None = None
        self._tell_at = 0.0
        self.text = LogText(reading.pages())
        """What has been read so far."""

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._run, name=f"log {self._request.run}", daemon=True).start()

    def stop(self) -> None:
        """Deliver nothing more and let go of what was read; returns at once, even while a read hangs."""
        self._stopped.set()
        self._wake.set()
        self.text.close()

    def read_now(self) -> None:
        """Wait no longer for the next read."""
        self._wake.set()

    # On the thread

    def _run(self) -> None:
        request = self._persist(self._find)
        cursor = ""
        while request is not None and not self._stopped.is_set():
            chunk = self._persist(partial(self._reading.log, request, cursor))
            if chunk is None:
                return
            if not cursor and self._is_behind(chunk):
                self._look_at_end(request)
            self._take(chunk)
            if chunk.complete:
                return
            self._wait(self._pace.until_next(len(chunk.text)))
            cursor = chunk.cursor

    def _is_behind(self, chunk: LogChunk) -> bool:
        return not chunk.complete and self._pace.until_next(len(chunk.text)) == 0

    def _look_at_end(self, request: LogRequest) -> None:
        """Of a long log the end is wanted before the rest has arrived."""
        end = self._persist(partial(self._reading.log_end, request))
        if end is not None:
            text = LogText(MemoryPages())
            text.append(end.text)
            self._post(LogEndArrived(self._number, text, end.size))

    def _persist(self, read: Callable[[], Result]) -> Result | None:
        """Read until it succeeds; None when nobody waits for it any more."""
        failures = 0
        while not self._stopped.is_set():
            try:
                return read()
            except SourceError as error:
                failure = error.failure
            except StoreError as error:
                # Where reading has to be recorded and cannot be, nothing is read.
                failure = Failure(kind=FailureKind.FORBIDDEN, sentence=str(error))
            except Exception as error:  # noqa: BLE001  # the screen says it; a thread that dies says nothing
                said = one_line(f"{type(error).__name__}: {error}", 300)
                failure = Failure(
                    kind=FailureKind.FAULT, sentence=f"fedesk failed while reading the log: {said}"
                )
            failures += 1
            seconds = self._pace.after(failures)
            self._post(LogFailed(self._number, failure, seconds))
            self._wait(seconds)
        return None

    def _find(self) -> LogRequest:
        """The log that is meant: where a run has only logs of its tasks, that of the one to look at first."""
        request, step, detail = self._request, None, None
        if request.task is None:
            detail = self._reading.detail(request.run)
            step = step_to_read(detail)
            if step is not None:
                request = LogRequest(run=request.run, task=step.task)
        self._post(LogOpened(self._number, request, step, detail))
        return request

    def _take(self, chunk: LogChunk) -> None:
        text = self._partial + chunk.text
        self._partial = ""
        if not chunk.complete and len(text) < _PARTIAL_AT_MOST:
            # What has no end yet is kept until the rest arrives; a finished log ends where it ends.
            end = text.rfind("\n") + 1
            text, self._partial = text[:end], text[end:]
        self.text.append(text)
        behind = self._is_behind(chunk)
        if not behind:
            self.text.look_over()
        elif self.text.telling == self._telling and time.monotonic() < self._tell_at:
            return
        self._telling, self._tell_at = self.text.telling, time.monotonic() + _TOLD_EVERY
        caught_up = not chunk.complete and not behind
        self._post(LogGrew(self._number, complete=chunk.complete, caught_up=caught_up))

    def _wait(self, seconds: float) -> None:
        """Until so many seconds have passed, or someone asks for the next read, or for none."""
        self._wake.wait(seconds)
        if not self._stopped.is_set():
            self._wake.clear()

    def _post(self, message: Message) -> None:
        if self._stopped.is_set():
            return
        try:
            self._deliver(message)
        except RuntimeError:
            # The event loop has ended: nobody is left to be told.
            self._stopped.set()
