"""A connection's own few threads: one that hangs holds up neither the others, nor the screen, nor the exit.

Daemon threads, one a call: a ThreadPoolExecutor joins its threads when the interpreter ends, and a call that
hangs in a socket held the exit for 12 seconds (measured; a daemon thread lets it go at once).
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from fedesk.ports.errors import DeadlineError, SourceError


class Closable(Protocol):
    """What every adapter has beside its own methods."""

    def close(self) -> None:
        """Let go of sockets and sessions."""


A = TypeVar("A", bound=Closable)
T = TypeVar("T")


class _Answer(Generic[T]):
    """Filled once, by whoever comes first: the thread with its result, or the one who ends the waiting."""

    __slots__ = ("_error", "_filled", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._value: list[T] = []
        self._error: BaseException | None = None

    def give(self, value: T) -> bool:
        return self._fill(value=[value], error=None)

    def fail(self, error: BaseException) -> bool:
        return self._fill(value=[], error=error)

    def _fill(self, *, value: list[T], error: BaseException | None) -> bool:
        with self._lock:
            if self._filled.is_set():
                return False
            self._value, self._error = value, error
            self._filled.set()
            return True

    @property
    def is_filled(self) -> bool:
        return self._filled.is_set()

    def wait(self, seconds: float) -> bool:
        return self._filled.wait(max(seconds, 0.0))

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]


class ThreadBulkhead(Generic[A]):
    """The one way to an adapter (``ports.sources.Bulkhead``).

    ``open_`` makes the adapter inside a thread of the connection at the first call; a failed opening is the
    failure of all who waited for it, and is tried again at the next call. At most ``slots`` calls run at a
    time; one whose caller has given up keeps its slot until it comes back by itself. Times are in seconds.
    """

    def __init__(self, name: str, open_: Callable[[], A], *, slots: int = 4, deadline: float = 20.0) -> None:
        self._name = name
        self._open = open_
        self._deadline = deadline
        self._slots = threading.BoundedSemaphore(slots)
        self._state = threading.Lock()
        self._opening: _Answer[A] | None = None
        self._waited_for: set[_Answer[Any]] = set()
        self._hung = 0
        self._closed = threading.Event()

    def call(self, use: Callable[[A], T], *, deadline: float | None = None) -> T:
        """``use(adapter)`` on a thread of this connection, waited for at most ``deadline`` seconds.

        Raises DeadlineError when time is up, SourceError once closed, and whatever ``use`` or the opening of
        the adapter raises.
        """
        seconds = self._deadline if deadline is None else deadline
        until = time.monotonic() + seconds
        self._refuse_when_closed()
        if not self._slots.acquire(timeout=max(seconds, 0.0)):
            self._refuse_when_closed()
            raise DeadlineError(
                f"{self._name} had no free connection within {seconds:g} s: {self._hung} earlier "
                f"{'request hangs' if self._hung == 1 else 'requests hang'} without an answer; "
                "see whether the server is up, fedesk goes on when they come back"
            )
        answer: _Answer[T] = _Answer()
        try:
            self._expect(answer)
            threading.Thread(
                target=self._work, args=(use, answer, until), name=f"fedesk {self._name}", daemon=True
            ).start()
        except BaseException:
            self._forget(answer)
            self._slots.release()
            raise
        late = DeadlineError(
            f"{self._name} did not answer within {seconds:g} s; see whether the server is up, "
            "or allow it more time with `timeout` in the configuration"
        )
        if not answer.wait(until - time.monotonic()):
            with self._state:
                if answer.fail(late):
                    self._hung += 1
        self._forget(answer)
        return answer.result()

    def close(self) -> None:
        """Refuse further calls, end the waiting of those under way, and close the adapter off-thread."""
        with self._state:
            if self._closed.is_set():
                return
            self._closed.set()
            waited_for, opening = tuple(self._waited_for), self._opening
        for answer in waited_for:
            answer.fail(self._closed_error())
        if opening is not None and opening.is_filled:
            threading.Thread(
                target=_close_opened, args=(opening,), name=f"fedesk {self._name} closing", daemon=True
            ).start()

    def _work(self, use: Callable[[A], T], answer: _Answer[T], until: float) -> None:
        given = False
        try:
            adapter = self._adapter(until)
            if not answer.is_filled:
                given = answer.give(use(adapter))
        except BaseException as error:  # noqa: BLE001  (it travels to the caller, whatever it is)
            given = answer.fail(error)
        finally:
            # The slot is free before the count drops: a caller that counts never counts one too few.
            self._slots.release()
            if not given and not self._closed.is_set():
                with self._state:
                    self._hung -= 1

    def _adapter(self, until: float) -> A:
        with self._state:
            opening = self._opening
            mine = opening is None
            if opening is None:
                opening = self._opening = _Answer()
        if not mine:
            if not opening.wait(until - time.monotonic()):
                raise DeadlineError(f"{self._name} is still being opened by an earlier request")
            return opening.result()
        try:
            adapter = self._open()
        except BaseException as error:
            with self._state:
                self._opening = None
            opening.fail(error)
            raise
        with self._state:
            opening.give(adapter)
            closed = self._closed.is_set()
        if closed:
            _close_opened(opening)
        return adapter

    def _expect(self, answer: _Answer[T]) -> None:
        with self._state:
            self._refuse_when_closed()
            self._waited_for.add(answer)

    def _forget(self, answer: _Answer[T]) -> None:
        with self._state:
            self._waited_for.discard(answer)

    def _refuse_when_closed(self) -> None:
        if self._closed.is_set():
            raise self._closed_error()

    def _closed_error(self) -> SourceError:
        return SourceError(f"{self._name} is closed: fedesk is ending or reads its configuration anew")


def _close_opened(opening: _Answer[A]) -> None:
    """Close an adapter that nobody waits for any more; there is nobody left to tell of a failure."""
    with contextlib.suppress(Exception):
        opening.result().close()
