"""One look at an environment, for a command that prints and ends."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from fedesk.domain.board import Board, EnvironmentFacts
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.domain.states import System
from fedesk.ports.sources import Clock, Connection
from fedesk.services.boards import board_of
from fedesk.services.looking import look_at_all


def look_once(
    environment: EnvironmentFacts,
    catalogue: Catalogue,
    connections: Sequence[Connection],
    clock: Clock,
    known: Mapping[ConnectionName, Snapshot],
) -> Board:
    """The board after one look at each connection.

    A query wakes a Snowflake warehouse, billed for a minute at least: what is known of one, and no older than
    its period, is shown as of then.
    """
    now = clock.now()
    kept = {
        connection.name: known[connection.name]
        for connection in connections
        if connection.system is System.SNOWFLAKE and _is_fresh(known.get(connection.name), connection, now)
    }
    asked = [connection for connection in connections if connection.name not in kept]
    snapshots = {**kept, **{one.connection: one for one in look_at_all(asked, clock, known)}}
    ordered = [snapshots[connection.name] for connection in connections]
    return board_of(environment, catalogue, ordered, {}, clock.now())


def _is_fresh(snapshot: Snapshot | None, connection: Connection, now: datetime) -> bool:
    if snapshot is None or snapshot.observation is None or snapshot.observed_at is None:
        return False
    return now - snapshot.observed_at < timedelta(seconds=connection.period)
