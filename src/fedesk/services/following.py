"""Following an operation that another process carries out, by what the store says of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from fedesk.domain.operations import Operation, Stage
from fedesk.ports.changing import Processes
from fedesk.ports.operation_store import OperationReader

LOOK_EVERY = 0.05
"""Seconds between two questions whether anything was written; the question costs some microseconds."""

_READ_EVERY = 20
"""Read without being told after so many questions: what this very process wrote moves no number."""


def follow(
    store: OperationReader,
    operation: str,
    *,
    pause: Callable[[float], None],
    processes: Processes | None = None,
) -> Iterator[Operation]:
    """The operation now, and again at each change, until it has ended (unknown included). Raises StoreError.

    With ``processes`` it stops as well when the process that acts for it has died; the last one that was
    yielded has not ended then, and ``settling.recheck`` is what there is to do. Nothing is yielded for an id
    that the store does not know.
    """
    seen: Operation | None = None
    changes, quiet = store.changes(), 0
    while True:
        now = store.operation(operation)
        if now is None:
            return
        if seen is None or not _says_the_same(now, seen):
            seen = now
            yield now
        if now.stage is Stage.ENDED:
            return
        if processes is not None and now.owner is not None and processes.is_alive(now.owner) is False:
            # It may have written its last word between the two questions.
            last = store.operation(operation)
            if last is not None and not _says_the_same(last, seen):
                yield last
            return
        while quiet < _READ_EVERY:
            pause(LOOK_EVERY)
            quiet += 1
            moved = store.changes()
            if moved != changes:
                changes = moved
                break
        quiet = 0


def _says_the_same(one: Operation, other: Operation) -> bool:
    """Whether nothing has happened between two readings; a lease that was renewed is no news."""
    return replace(one, lease_until=None) == replace(other, lease_until=None)


def wait_until_claimed(
    store: OperationReader, operation: str, seconds: float, pause: Callable[[float], None]
) -> bool:
    """Whether a runner took the operation over, or ended it, within so many seconds. Raises StoreError."""
    left = seconds
    while True:
        found = store.operation(operation)
        if found is not None and found.stage is not Stage.CONFIRMED:
            return True
        if left <= 0:
            return False
        pause(LOOK_EVERY)
        left -= LOOK_EVERY
