"""How long a small answer takes, and how far a server's clock is from this machine's."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

T = TypeVar("T")
_HALF_A_SECOND = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """An answer, how long it took, and the moment (aware UTC) half-way through."""

    answer: T
    took: timedelta
    halfway: datetime

    def ahead(self, server: datetime | None, *, exact: bool = False) -> timedelta | None:
        """The server's clock minus this machine's; None where it does not say.

        Unless it is ``exact`` it was told in whole seconds, cut off: half a second behind on average.
        """
        if server is None:
            return None
        return server - self.halfway + (timedelta(0) if exact else _HALF_A_SECOND)


def timed(ask: Callable[[], T]) -> Timed[T]:
    """Ask twice: the first answer opens the connection, the second one is measured."""
    ask()
    began, started = datetime.now(UTC), time.perf_counter()
    answer = ask()
    took = timedelta(seconds=time.perf_counter() - started)
    return Timed(answer, took, began + took / 2)


def date_of(header: str | None) -> datetime | None:
    """An HTTP ``Date``, to the second, aware; None where it is none."""
    try:
        at = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return None if at.tzinfo is None else at
