"""Following an operation that another process carries out, by what the store says of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NoReturn

from fedesk.domain.operations import Operation, Stage
from fedesk.ports.changing import Processes
from fedesk.ports.operation_store import OperationReader, StoreUnavailableError

LOOK_EVERY = 0.05
"""Seconds between two questions whether anything was written; the question costs some microseconds."""
AWAY_EVERY = 1.0
"""The same while the store is away."""

_READ_EVERY = 20
"""Read without being told after so many questions: what this very process wrote moves no number."""


def _given_up(error: StoreUnavailableError) -> NoReturn:
    raise error


def follow(
    store: OperationReader,
    operation: str,
    *,
    pause: Callable[[float], None],
    processes: Processes | None = None,
    away: Callable[[StoreUnavailableError], None] = _given_up,
) -> Iterator[Operation]:
    """The operation now, and again at each change, until it has ended (unknown included). Raises StoreError.

    With ``processes`` it stops as well when the process that acts for it has died; the last one that was
    yielded has not ended then, and ``settling.recheck`` is what there is to do. Nothing is yielded for an id
    that the store does not know. ``away`` is called each time that the store cannot be read, and raises where
    one gives up; when the store is back the operation is yielded again, changed or not.
    """
    seen: Operation | None = None
    while True:
        try:
            changes = store.changes()
            now, is_over = _looked(store, operation, processes)
        except StoreUnavailableError as error:
            away(error)
            seen = None
            pause(AWAY_EVERY)
            continue
        if now is None:
            return
        if seen is None or not _says_the_same(now, seen):
            seen = now
            yield now
        if is_over:
            return
        _wait_for_news(store, changes, pause)


def _looked(
    store: OperationReader, operation: str, processes: Processes | None
) -> tuple[Operation | None, bool]:
    """The operation as it stands, and whether nobody carries it on. Raises StoreError."""
    now = store.operation(operation)
    if now is None or now.stage is Stage.ENDED:
        return now, True
    if processes is None or now.owner is None or processes.is_alive(now.owner) is not False:
        return now, False
    # It may have written its last word between the two questions.
    return store.operation(operation), True


def _wait_for_news(store: OperationReader, changes: int, pause: Callable[[float], None]) -> None:
    for _ in range(_READ_EVERY):
        pause(LOOK_EVERY)
        try:
            if store.changes() != changes:
                return
        except StoreUnavailableError:
            # Whoever reads next is told.
            return


def _says_the_same(one: Operation, other: Operation) -> bool:
    """Whether nothing has happened between two readings; a lease that was renewed is no news."""
    return replace(one, lease_until=None) == replace(other, lease_until=None)


def wait_until_claimed(
    store: OperationReader, operation: str, seconds: float, pause: Callable[[float], None]
) -> bool:
    """Whether a runner took the operation over, or ended it, within so many seconds. Raises StoreError."""
    left = seconds
    while True:
        try:
            found = store.operation(operation)
        except StoreUnavailableError:
            if left <= 0:
                raise
            found = None
        if found is not None and found.stage is not Stage.CONFIRMED:
            return True
        if left <= 0:
            return False
        pause(LOOK_EVERY)
        left -= LOOK_EVERY
