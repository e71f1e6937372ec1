"""A board for a command that prints and ends: looks until the history is whole, or time is up."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from fedesk.domain.audit import AuditRecord
from fedesk.domain.board import Board
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.domain.open_operations import OpenOperation
from fedesk.ports.sources import Clock, Connection
from fedesk.services.boards import Boards
from fedesk.services.looking import look, unseen
from fedesk.services.side_by_side import side_by_side

PATIENCE = 30.0
"""Seconds after which no further page of a history is asked for."""


def board_once(
    environment: EnvironmentFacts,
    boards: Boards,
    connections: Sequence[Connection],
    clock: Clock,
    known: Mapping[ConnectionName, Snapshot],
    operations: Callable[[], Sequence[OpenOperation]] = tuple,
    read: Callable[[ConnectionName], None] = lambda _: None,
    unreviewed: Callable[[], Sequence[AuditRecord]] = tuple,
) -> Board:
    """The board after each connection was read, side by side. ``incomplete`` tells what of it is partial.

    ``operations`` reads those that are still open, beside the systems. ``read`` is told of each connection
    that was read, on a thread of its own. ``unreviewed`` is asked once the operations were read.
    """
    opened: list[OpenOperation] = []
    reading = threading.Thread(
        target=lambda: opened.extend(operations()), name="look at the operations", daemon=True
    )
    reading.start()
    snapshots = read_whole(connections, clock, known, read)
    reading.join()
    return boards.board(environment, snapshots, {}, clock.now(), operations=opened, unreviewed=unreviewed())


def read_whole(
    connections: Sequence[Connection],
    clock: Clock,
    known: Mapping[ConnectionName, Snapshot] | None = None,
    tell: Callable[[ConnectionName], None] = lambda _: None,
) -> tuple[Snapshot, ...]:
    """Each connection, side by side, looked at until all it has was read; as slow as the slowest."""

    def read(connection: Connection) -> Snapshot:
        before = (known or {}).get(connection.name) or unseen(connection)
        snapshot = _read(connection, before, clock)
        tell(connection.name)
        return snapshot

    return side_by_side([partial(read, one) for one in connections], "look")


def incomplete(board: Board) -> tuple[ConnectionName, ...]:
    """Connections that answered, and whose history was longer than there was time for."""
    return tuple(
        one.connection
        for one in board.snapshots
        if one.failure is None and one.observation is not None and not one.observation.complete
    )


def _read(connection: Connection, snapshot: Snapshot, clock: Clock) -> Snapshot:
    """Look until all was read; at runs once more: one look finds what failed, the next one reads why."""
    started = clock.monotonic()
    was_whole = connection.runs is None
    while True:
        snapshot = look(connection, snapshot, clock)
        observation = snapshot.observation
        if snapshot.failure is not None or observation is None or (was_whole and observation.complete):
            return snapshot
        if clock.monotonic() - started > PATIENCE:
            return snapshot
        was_whole = connection.runs is None or observation.complete
