"""Blocking reads for a widget: on daemon threads, few at a time, answered by message.

A hung system holds up neither the screen nor the exit. Of what waits, only the newest is read: a cursor that
wanders over forty rows asks for the one it stops at.
"""

import threading
from collections.abc import Callable, Hashable

from textual.message import Message
from textual.widget import Widget

from fedesk.ports.errors import SourceError

AT_ONCE = 3


class Answer(Message):
    """What a read gave, or the sentence it failed with."""

    def __init__(self, key: Hashable, value: object = None, problem: str = "") -> None:
        super().__init__()
        self.key = key
        self.value = value
        self.problem = problem


class Reader:
    """Reads for one widget."""

    def __init__(self, owner: Widget) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._under_way: set[Hashable] = set()
        self._waiting: tuple[Hashable, Callable[[], object]] | None = None

    def read(self, key: Hashable, blocking: Callable[[], object]) -> None:
        """Call ``blocking`` on a thread; an Answer follows. What is under way is not asked for twice."""
        with self._lock:
            if key in self._under_way:
                return
            if len(self._under_way) >= AT_ONCE:
                self._waiting = (key, blocking)
                return
            self._under_way.add(key)
        threading.Thread(target=self._run, args=(key, blocking), name=f"read {key}", daemon=True).start()

    def _run(self, key: Hashable, blocking: Callable[[], object]) -> None:
        try:
            answer = Answer(key, blocking())
        except SourceError as error:
            answer = Answer(key, problem=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of one read must not end the desk
            answer = Answer(key, problem=f"fedesk failed while reading {key}: {type(error).__name__}.")
        with self._lock:
            self._under_way.discard(key)
            following, self._waiting = self._waiting, None
        self._owner.post_message(answer)
        if following is not None:
            self.read(*following)
