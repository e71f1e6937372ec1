"""A log read on a daemon thread and handed over in pieces that are ready to be drawn.

The thread asks for the log chunk by chunk, cleans, redacts and scans it, and posts pieces. It pauses while
the screen has not taken the last ones, waits between reads while the log grows, and tries again after a
failure. What it posts bears the number of its request, so that a screen drops what an earlier one brings.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from textual.message import Message

from fedesk.domain.log_lines import LogScan
from fedesk.domain.names import RunName
from fedesk.domain.observation import Failure
from fedesk.domain.redaction import LineRedactor
from fedesk.domain.runs import LogChunk, LogRequest, RunDetail, Step
from fedesk.domain.states import FailureKind, State
from fedesk.domain.text import clean, one_line
from fedesk.ports.errors import SourceError

Result = TypeVar("Result")

_LINES_A_PIECE = 5_000
_PIECES_WAITING = 4
_BEHIND = 32_000
"""Characters in one read from which on there is probably more to be had at once."""
_PARTIAL_AT_MOST = 1_000_000


class LogReading(Protocol):
    """The reads that a log needs; both block and raise SourceError."""

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``; ``""`` begins at the start."""


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


class LogArrived(Message):
    """The next lines, cleaned and redacted."""

    def __init__(
        self, number: int, lines: tuple[str, ...], scan: "Scanned", *, complete: bool, caught_up: bool
    ) -> None:
        """``complete``: the log has ended; ``caught_up``: it has not, and all there is has been read."""
        super().__init__()
        self.number = number
        self.lines = lines
        self.scan = scan
        self.complete = complete
        self.caught_up = caught_up


class LogFailed(Message):
    """A read failed; it is tried again."""

    def __init__(self, number: int, failure: Failure, retry_in: float) -> None:
        super().__init__()
        self.number = number
        self.failure = failure
        self.retry_in = retry_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What is known of the log up to the end of a piece."""

    errors: tuple[int, ...] = ()
    """Numbers of the error lines in this piece."""
    telling: int | None = None
    """Number of the line that says why, in the whole log so far."""
    hidden: int = 0
    """Secrets hidden in the whole log so far."""


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
        self._room = threading.Semaphore(_PIECES_WAITING)
        self._scan = LogScan()
        self._redact = LineRedactor()
        self._hidden = 0
        self._partial = ""

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._run, name=f"log {self._request.run}", daemon=True).start()

    def stop(self) -> None:
        """Deliver nothing more; returns at once, even while a read hangs."""
        self._stopped.set()
        self._wake.set()
        self._room.release()

    def taken(self) -> None:
        """A piece has been drawn: the next may come."""
        self._room.release()

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
            self._hand_over(chunk)
            if chunk.complete:
                return
            self._wait(self._pace.until_next(len(chunk.text)))
            cursor = chunk.cursor

    def _persist(self, read: Callable[[], Result]) -> Result | None:
        """Read until it succeeds; None when nobody waits for it any more."""
        failures = 0
        while not self._stopped.is_set():
            try:
                return read()
            except SourceError as error:
                failure = error.failure
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

    def _hand_over(self, chunk: LogChunk) -> None:
        text = self._partial + chunk.text
        self._partial = ""
        if not chunk.complete and len(text) < _PARTIAL_AT_MOST:
            # What has no end yet is kept until the rest arrives; a finished log ends where it ends.
            end = text.rfind("\n") + 1
            text, self._partial = text[:end], text[end:]
        lines = clean(text.removesuffix("\n")).split("\n") if text else []
        for begin in range(0, max(len(lines), 1), _LINES_A_PIECE):
            piece = lines[begin : begin + _LINES_A_PIECE]
            last = begin + _LINES_A_PIECE >= len(lines)
            shown, scanned = self._look_at(piece)
            self._room.acquire()
            complete = chunk.complete and last
            caught_up = last and not complete and self._pace.until_next(len(chunk.text)) > 0
            self._post(LogArrived(self._number, shown, scanned, complete=complete, caught_up=caught_up))

    def _look_at(self, lines: list[str]) -> tuple[tuple[str, ...], Scanned]:
        redacted = [self._redact(line) for line in lines]
        self._hidden += sum(len(each.hits) for each in redacted)
        shown = tuple(each.text for each in redacted)
        known = len(self._scan.errors)
        self._scan.feed(shown)
        errors = tuple(self._scan.errors[known:])
        return shown, Scanned(errors=errors, telling=self._scan.telling, hidden=self._hidden)

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
