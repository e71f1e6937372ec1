"""Answers that were read in part, held open for whoever reads on: the server sends ahead meanwhile.

Nothing depends on one being held: who reads on finds it, or asks anew.
"""

import threading
import time
from typing import Generic, Protocol, TypeVar

_AT_MOST = 2
"""Answers held at a time for one connection; of more the oldest is closed."""
_SECONDS = 20.0
"""After which nobody is expected to read on: a server that waits to send holds a thread for it."""


class Closable(Protocol):
    """An answer under way."""

    def close(self) -> None:
        """Let go of its socket."""


A = TypeVar("A", bound=Closable)


class HeldAnswers(Generic[A]):
    """Answers by where they are to be read on. From any thread."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[str, tuple[float, A]] = {}
        self._timer: threading.Timer | None = None

    def keep(self, place: str, answer: A) -> None:
        """Hold an answer until somebody reads on from this place, or the time for that has passed."""
        with self._lock:
            self._held[place] = (time.monotonic() + self._seconds, answer)
            if self._timer is None:
                self._wait(self._seconds)
        self._close_all_but(_AT_MOST)

    def take(self, place: str) -> A | None:
        """The answer that goes on at this place, no longer held; None where none does."""
        with self._lock:
            return self._held.pop(place, (0.0, None))[1]

    def close(self) -> None:
        """Let go of all."""
        self._close_all_but(0)

    def _close_all_but(self, newest: int) -> None:
        with self._lock:
            oldest = list(self._held)[: max(len(self._held) - newest, 0)]
            closing = [self._held.pop(place)[1] for place in oldest]
        for answer in closing:
            answer.close()

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [place for place, (until, _) in self._held.items() if until <= now]
            closing = [self._held.pop(place)[1] for place in late]
            self._timer = None
            if self._held:
                self._wait(min(until for until, _ in self._held.values()) - now)
        for answer in closing:
            answer.close()
