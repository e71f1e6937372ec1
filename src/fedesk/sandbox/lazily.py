"""A sequence whose items are made when they are looked at: of a job's builds mostly the newest few are."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class Lazily(Sequence[T_co]):
    """What ``made`` gives, in its order; its length alone makes all of it. Threads may share it."""

    def __init__(self, made: Iterable[T_co]) -> None:
        self._made = iter(made)
        self._known: list[T_co] = []
        self._lock = threading.Lock()

    def _has(self, index: int) -> bool:
        """Whether there is an item at a place, which is then known."""
        with self._lock:
            while len(self._known) <= index:
                try:
                    self._known.append(next(self._made))
                except StopIteration:
                    return False
        return True

    def __iter__(self) -> Iterator[T_co]:
        for index in count():
            if not self._has(index):
                return
            yield self._known[index]

    def __bool__(self) -> bool:
        return self._has(0)

    def __len__(self) -> int:
        for index in count(len(self._known)):
            if not self._has(index):
                break
        return len(self._known)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        last = index.stop if isinstance(index, slice) else index + 1
        if last is None or last <= 0 or (isinstance(index, slice) and (index.start or 0) < 0):
            len(self)
        else:
            self._has(last - 1)
        return self._known[index]
