"""A board for a command that prints and ends: looks until the history is whole, or time is up."""

import threading
from collections.abc import Mapping, Sequence

from fedesk.domain.board import Board, EnvironmentFacts
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.ports.sources import Clock, Connection
from fedesk.services.boards import board_of
from fedesk.services.looking import look, unseen

PATIENCE = 30.0
"""Seconds after which no further page of a history is asked for."""


def board_once(
    environment: EnvironmentFacts,
    catalogue: Catalogue,
    connections: Sequence[Connection],
    clock: Clock,
    known: Mapping[ConnectionName, Snapshot],
) -> Board:
    """The board after each connection was read, side by side. ``incomplete`` tells what of it is partial."""
    snapshots = {one.name: known.get(one.name) or unseen(one) for one in connections}

    def read(connection: Connection) -> None:
        snapshots[connection.name] = _read(connection, snapshots[connection.name], clock)

    threads = [
        threading.Thread(target=read, args=(one,), name=f"look at {one.name}", daemon=True)
        for one in connections
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = [snapshots[connection.name] for connection in connections]
    return board_of(environment, catalogue, ordered, {}, clock.now())


def incomplete(board: Board) -> tuple[ConnectionName, ...]:
    """Connections that answered, and whose history was longer than there was time for."""
    return tuple(
        one.connection
        for one in board.snapshots
        if one.failure is None and one.observation is not None and not one.observation.complete
    )


def _read(connection: Connection, snapshot: Snapshot, clock: Clock) -> Snapshot:
    """Look until the history is whole, and once more: one look finds what failed, the next one reads why."""
    started = clock.monotonic()
    snapshot = look(connection, snapshot, clock)
    whole = connection.runs is None
    while snapshot.failure is None and snapshot.observation is not None and not whole:
        if clock.monotonic() - started > PATIENCE:
            break
        whole = snapshot.observation.complete
        snapshot = look(connection, snapshot, clock)
    return snapshot
