"""What the store asks of a file or a server."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Database(Protocol):
    """How works over a connection are done, and what others have written is noticed. Raises StoreError."""

    def read(self, work: Callable[[Connection], T], absent: T) -> T:
        """The result of ``work``; ``absent`` while there is no store yet."""

    def read_whole(self, work: Callable[[Connection], T], absent: T) -> T:
        """The same in one state of the store, however long it takes."""

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, durable."""

    def changes(self) -> int:
        """A number that moves when another has written."""

    def close(self) -> None:
        """Let go."""
