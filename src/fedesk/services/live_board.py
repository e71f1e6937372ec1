"""The live board: one poller per connection, and a fresh board when one of them has looked.

A poller is a daemon thread; its timer only waits for an event, so looks cannot pile up, and a hung system
holds up neither the others nor the exit. Boards are made and handed over on a thread of their own, one for
all that was seen meanwhile: while history is read, many looks end at a time.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from fedesk.domain.audit import AuditRecord
from fedesk.domain.board import Board, JobHistory
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.domain.open_operations import OpenOperation
from fedesk.domain.release_budgets import DEFAULT
from fedesk.domain.releases import ReleaseBudget
from fedesk.domain.windows import Window
from fedesk.ports.sources import Clock, Connection
from fedesk.services.boards import Boards
from fedesk.services.looking import look, seconds_fresh, unseen

ELSEWHERE_PERIOD = 60.0
"""Seconds between two looks at a system of an environment that is not the selected one."""
LONGEST_WAIT = 60.0
"""Seconds that a failing system is left alone at most."""
KEEP_PERIOD = 60.0
"""Seconds between two times that what is known is written down."""
BOARD_PAUSE = 0.2
"""Seconds from one board to the next at least."""
_FIRST_WAIT = 5.0
_HISTORY_PAUSE = 0.2


class LiveBoard:
    """Polls the connections of the selected environment, and gently those of the others."""

    def __init__(
        self,
        environment: EnvironmentFacts,
        catalogue: Catalogue,
        connections: Sequence[Connection],
        elsewhere: Mapping[str, Sequence[Connection]],
        clock: Clock,
        *,
        known: Mapping[ConnectionName, Snapshot] | None = None,
        keep: Callable[["LiveBoard"], None] | None = None,
        budget: ReleaseBudget = DEFAULT,
    ) -> None:
        """``keep`` is called about once a minute, on a poller's thread, to write down what is known."""
        self._environment = environment
        self._boards = Boards(catalogue, budget)
        self._clock = clock
        self._mine = tuple(connections)
        self._elsewhere = {name: tuple(theirs) for name, theirs in elsewhere.items()}
        self._keep = keep
        self._kept_at = clock.monotonic()
        known = known or {}
        self._snapshots = {
            connection.name: known.get(connection.name) or unseen(connection)
            for connection in (*self._mine, *(one for theirs in self._elsewhere.values() for one in theirs))
        }
        self._lock = threading.Lock()
        self._due = threading.Event()
        """Something is known that no board has told of."""
        self._stopped = threading.Event()
        self._wake: dict[ConnectionName, threading.Event] = {}
        self._operations: Callable[[], Sequence[OpenOperation]] = tuple
        self._windows: Callable[[], Sequence[Window]] = tuple
        self._unreviewed: Callable[[], Sequence[AuditRecord]] = tuple

    def start(self, on_board: Callable[[Board], None]) -> None:
        """Begin to poll; ``on_board`` gets what is known at once, and a board when something was looked at.

        It is called on a thread of this board.
        """
        if any(snapshot.observation for snapshot in self.snapshots()):
            self._due.set()
        threading.Thread(target=self._hand_over, args=(on_board,), name="make boards", daemon=True).start()
        others = [(one, ELSEWHERE_PERIOD) for theirs in self._elsewhere.values() for one in theirs]
        for connection, at_least in [(one, 0.0) for one in self._mine] + others:
            wake = self._wake[connection.name] = threading.Event()
            threading.Thread(
                target=self._poll,
                args=(connection, max(at_least, connection.period), wake),
                name=f"poll {connection.name}",
                daemon=True,
            ).start()

    def follow_operations(self, known: Callable[[], Sequence[OpenOperation]]) -> None:
        """Where the open operations of each board come from; asked on any thread, and must not wait."""
        self._operations = known

    def follow_windows(self, known: Callable[[], Sequence[Window]]) -> None:
        """Where the windows come from that quiet findings of each board; the same."""
        self._windows = known

    def follow_reviews(self, known: Callable[[], Sequence[AuditRecord]]) -> None:
        """Where the records come from that wait for a review; the same."""
        self._unreviewed = known

    def hand_over(self) -> None:
        """Hand over a board of what is known, without a look: an operation has moved. Returns at once."""
        self._due.set()

    def refresh(self) -> None:
        """Look at every connection of the selected environment as soon as may be."""
        for connection in self._mine:
            if connection.name in self._wake:
                self._wake[connection.name].set()

    def stop(self) -> None:
        """Hand over no more boards and let the pollers end; returns at once, hung systems or not."""
        self._stopped.set()
        for waiting in (self._due, *self._wake.values()):
            waiting.set()

    def board(self) -> Board:
        """The board of this moment, from what is known."""
        with self._lock:
            snapshots = dict(self._snapshots)
        return self._boards.board(
            self._environment,
            [snapshots[connection.name] for connection in self._mine],
            {name: [snapshots[one.name] for one in theirs] for name, theirs in self._elsewhere.items()},
            self._clock.now(),
            self._operations(),
            self._windows(),
            self._unreviewed(),
        )

    def elsewhere(self, environment: EnvironmentFacts) -> Board:
        """The board of another environment, of what is known of it: nothing in it counts as live."""
        with self._lock:
            snapshots = dict(self._snapshots)
        theirs = {**self._elsewhere, self._environment.name: self._mine}
        here = theirs.pop(environment.name, ())
        return self._boards.board(
            environment,
            [replace(snapshots[connection.name], kept=True) for connection in here],
            {name: [snapshots[one.name] for one in others] for name, others in theirs.items()},
            self._clock.now(),
            self._operations(),
            self._windows(),
            self._unreviewed(),
        )

    def history_of(self, connection: ConnectionName, job: str) -> JobHistory | None:
        """The known runs of a job or DAG of the selected environment."""
        found = (one for one in self.board().histories if one.connection == connection and one.key[1] == job)
        return next(found, None)

    def know(self, snapshots: Iterable[Snapshot]) -> None:
        """Take over what a single look of a command has found."""
        with self._lock:
            self._snapshots.update({snapshot.connection: snapshot for snapshot in snapshots})

    def go_on_from(self, known: Iterable[Snapshot]) -> None:
        """Begin with what another board knew of connections that are here too, at the same address."""
        with self._lock:
            for one in known:
                mine = self._snapshots.get(one.connection)
                if mine is not None and mine.address == one.address:
                    self._snapshots[one.connection] = replace(one, kept=True, next_try_at=None)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """What is known of every connection, those of the other environments included."""
        with self._lock:
            return tuple(self._snapshots.values())

    def _hand_over(self, on_board: Callable[[Board], None]) -> None:
        while self._due.wait() and not self._stopped.is_set():
            self._due.clear()
            board = self.board()
            if not self._stopped.is_set():
                on_board(board)
            self._stopped.wait(BOARD_PAUSE)

    def _poll(self, connection: Connection, period: float, wake: threading.Event) -> None:
        failures, by_hand = 0, False
        while not self._stopped.is_set():
            wake.clear()
            snapshot = look(connection, self._snapshots[connection.name], self._clock, by_hand=by_hand)
            if self._stopped.is_set():
                # Its system may have been let go of meanwhile, which is no failure of it.
                return
            failures = failures + 1 if snapshot.failure else 0
            wait = self._wait(snapshot, period, failures)
            if connection.sparing and not failures:
                wait = seconds_fresh(connection, snapshot, self._clock) or period
            snapshot = replace(snapshot, next_try_at=self._clock.now() + timedelta(seconds=wait))
            with self._lock:
                self._snapshots[connection.name] = snapshot
            self.hand_over()
            self._keep_now_and_then()
            by_hand = wake.wait(wait)

    def _keep_now_and_then(self) -> None:
        with self._lock:
            due = self._keep is not None and self._clock.monotonic() - self._kept_at >= KEEP_PERIOD
            if due:
                self._kept_at = self._clock.monotonic()
        if due and self._keep is not None:
            self._keep(self)

    @staticmethod
    def _wait(snapshot: Snapshot, period: float, failures: int) -> float:
        """Seconds to the next look: doubled with each failure in a row, short while history is read."""
        if failures:
            return min(_FIRST_WAIT * (1 << min(failures - 1, 8)), LONGEST_WAIT)
        if snapshot.observation is not None and not snapshot.observation.complete:
            return _HISTORY_PAUSE
        return period
