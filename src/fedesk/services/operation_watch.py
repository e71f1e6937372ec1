"""Following the store: what is in flight, and what ended unknown, as soon as any process has written it.

One daemon thread asks the store for its number of changes, which costs next to nothing, and reads the open
operations where it has moved, where it is told to, and now and then: that an owner has died is written
nowhere, and neither is that a server hangs.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from fedesk.domain.audit import AuditRecord
from fedesk.domain.incidents import Incident
from fedesk.domain.marks import REMEMBERED, Mark
from fedesk.domain.open_operations import Awaited, Course, OpenOperation, open_operation
from fedesk.domain.operations import Evidence, Operation
from fedesk.domain.windows import Window
from fedesk.ports.changing import Processes
from fedesk.ports.incident_store import DeskReader
from fedesk.ports.operation_store import StoreError
from fedesk.ports.sources import Clock
from fedesk.services.hiding import hidden

PERIOD = 0.5
"""Seconds between two times that the store is asked whether it has moved."""
AWAY_PERIOD = 3.0
"""The same while it cannot be read."""
LIVENESS_PERIOD = 4.0
"""Seconds between two times that owners of running operations are looked for."""
QUIET_PERIOD = 15.0
"""Seconds after which it is read although nothing is told of it: a server that hangs tells nothing."""
_NEVER_BEGUN = frozenset({Course.UNCLAIMED, Course.REJECTED})
"""What is ended once its plan's time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNews:
    """What the store says of operations, incidents and findings, or why it cannot be read."""

    operations: tuple[OpenOperation, ...] = ()
    """Of every environment, newest first; the last known ones where the store is away."""
    incidents: tuple[Incident, ...] = ()
    """Those that go on, newest first; the last known ones where the store is away."""
    marks: tuple[Mark, ...] = ()
    """What was said of findings, of every environment; the last known ones where the store is away."""
    unreviewed: tuple[AuditRecord, ...] = ()
    """Records that wait for a review, of every environment; the last known ones where the store is away."""
    unmerged: tuple[AuditRecord, ...] = ()
    """The first record of this machine's local log, where it was not merged yet."""
    only_proposes: bool = False
    """Whether the store lets who is here propose changes, and not carry them out."""
    windows: tuple[Window, ...] = ()
    """Freezes, holds and maintenance, now and ahead, of every environment; the last known ones as well."""
    problem: str = ""
    """Why the store cannot be read, in one sentence."""
    since: datetime | None = None
    """Since when it cannot be read."""
    version: int = 0
    """Grows whenever something was written: what was read of the store before is old."""


class OperationWatch:
    """Follows the operations of one store. Opens nothing until it is started or asked to look."""

    def __init__(
        self,
        store: Callable[[], DeskReader],
        processes: Callable[[], Processes],
        clock: Clock,
        awaited: Callable[[Operation], Awaited | None] = lambda _operation: None,
        end_lapsed: Callable[[], None] = lambda: None,
        unmerged: Callable[[], tuple[AuditRecord, ...]] = tuple,
    ) -> None:
        """All are asked on the watch's own thread: making store and processes takes long.

        ``awaited`` tells where an operation stands that others have a say in; raises StoreError.
        ``end_lapsed`` ends what nobody began in its time: asked once of each, while the store is followed.
        ``unmerged`` looks for a local log, at each look; raises StoreError.
        """
        self._unmerged = unmerged
        self._awaited = awaited
        self._end_lapsed = end_lapsed
        self._lapsed = frozenset[str]()
        self._store = store
        self._processes = processes
        self._clock = clock
        self._lock = threading.Lock()
        self._news = StoreNews()
        self._changes: int | None = None
        self._read_at = 0.0
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._written = 0

    def start(self, on_news: Callable[[StoreNews], None]) -> None:
        """Begin to follow; ``on_news`` gets what is new, and at once what there is, on the watch's thread."""
        threading.Thread(target=self._follow, args=(on_news,), name="follow the store", daemon=True).start()

    def nudge(self, *, moved: bool = False) -> None:
        """Read again at once; ``moved`` says that this process has written something itself."""
        self._written += moved
        self._wake.set()

    def stop(self) -> None:
        """Hand over no more; returns at once."""
        self._stopped.set()
        self._wake.set()

    def known(self) -> tuple[OpenOperation, ...]:
        """What was read last; never waits."""
        return self._news.operations

    def windows(self) -> tuple[Window, ...]:
        """Freezes, holds and maintenance that were read last; never waits."""
        return self._news.windows

    def unreviewed(self) -> tuple[AuditRecord, ...]:
        """Records that waited for a review, or for their merge, when it was read last; never waits."""
        return (*self._news.unmerged, *self._news.unreviewed)

    @property
    def problem(self) -> str:
        """Why the store could not be read the last time; empty where it could."""
        return self._news.problem

    def look(self) -> tuple[OpenOperation, ...]:
        """Read once, now: for a command that prints and ends. What cannot be read is empty."""
        return self._look(must=True).operations

    def _follow(self, on_news: Callable[[StoreNews], None]) -> None:
        told: StoreNews | None = None
        seen = 0
        while not self._stopped.is_set():
            asked = self._wake.is_set()
            self._wake.clear()
            written = self._written
            news = self._look(must=asked, moved=written != seen)
            seen = written
            if news != told and not self._stopped.is_set():
                told = news
                on_news(news)
            self._tidy(news)
            self._wake.wait(AWAY_PERIOD if news.problem else PERIOD)

    def _tidy(self, news: StoreNews) -> None:
        """Have what was not begun in its time ended, where one may: who waits for it need not find out."""
        now = self._clock.now()
        late = {one.id for one in news.operations if one.course in _NEVER_BEGUN and one.expires_at < now}
        if news.problem or news.only_proposes or late <= self._lapsed:
            return
        self._lapsed |= late
        # A fault of it must not end the watch; what is left says by itself that it has waited too long.
        with suppress(Exception):
            self._end_lapsed()
        self.nudge(moved=True)

    def _look(self, *, must: bool, moved: bool = False) -> StoreNews:
        with self._lock:
            before = self._news
            try:
                news = self._read(before, must=must, moved=moved)
            except StoreError as error:
                news = self._away(before, str(error))
            except Exception as error:  # noqa: BLE001 - the desk reads on without its store, and says so
                news = self._away(before, f"fedesk failed while reading its store: {type(error).__name__}.")
            with suppress(StoreError):
                news = replace(news, unmerged=self._unmerged())
            self._news = news
            return news

    def _away(self, before: StoreNews, sentence: str) -> StoreNews:
        self._changes = None
        return replace(before, problem=sentence, since=before.since or self._clock.now())

    def _read(self, before: StoreNews, *, must: bool, moved: bool) -> StoreNews:
        store = self._store()
        changes = store.changes()
        has_moved = moved or changes != self._changes
        quiet = self._clock.monotonic() - self._read_at
        lives = any(one.course is not Course.UNKNOWN for one in before.operations)
        if not (has_moved or must or quiet >= (LIVENESS_PERIOD if lives else QUIET_PERIOD)):
            return before
        found = store.open_operations()
        # Leases of other machines are told by the store's clock; nobody asks it where there is none.
        now = store.now(self._clock.now()) if found else self._clock.now()
        operations = tuple(self._opened(one, now) for one in found)
        self._changes, self._read_at = changes, self._clock.monotonic()
        incidents = store.incidents(only_open=True)
        marks = store.marks(self._clock.now() - REMEMBERED)
        # What this process wrote itself need not move the store's number.
        news = StoreNews(
            operations=operations,
            incidents=incidents,
            marks=marks,
            windows=store.open_windows(self._clock.now()),
            unreviewed=store.unreviewed(),
            unmerged=before.unmerged,
            only_proposes=store.only_proposes(),
            version=before.version,
        )
        has_moved = has_moved or news != replace(before, problem="", since=None)
        return replace(news, version=before.version + has_moved)

    def _opened(self, operation: Operation, now: datetime) -> OpenOperation:
        owner = operation.owner
        alive = self._processes().is_alive(owner) if owner is not None else None
        one = open_operation(operation, alive=alive, now=now, awaited=self._awaited(operation))
        evidence = tuple(_hidden(piece) for piece in one.evidence)
        return replace(one, said=hidden(one.said), evidence=evidence)


def _hidden(piece: Evidence) -> Evidence:
    return replace(piece, said=hidden(piece.said))
