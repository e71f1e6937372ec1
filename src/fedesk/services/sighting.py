"""What a watcher sees: boards, open operations, the audit log and plans that wait, as notices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.board import Board
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import Finding
from fedesk.domain.marks import REMEMBERED, Marks, marks_of
from fedesk.domain.notices import (
    AwaitedPlan,
    Event,
    Notice,
    approvals,
    awaited_of,
    happened,
    pages,
    unknowns,
)
from fedesk.domain.observation import Snapshot
from fedesk.domain.operations import Stage
from fedesk.domain.roles import Role
from fedesk.domain.states import Severity
from fedesk.domain.windows import Window, WindowKind, reach_of
from fedesk.ports.errors import SourceError
from fedesk.ports.notifying import WatchStore
from fedesk.ports.operation_store import OperationReader
from fedesk.ports.sources import Clock, Connection
from fedesk.services.approvals import Approvals
from fedesk.services.calendar import in_force
from fedesk.services.live_board import LiveBoard
from fedesk.services.one_look import read_whole
from fedesk.services.operation_watch import OperationWatch, StoreNews
from fedesk.services.quieting import names_of

PHASES = (Phase.BREAK_GLASS,)
"""Of the records that people are told of."""

Awaited = Callable[[], Sequence[AwaitedPlan]]
"""The plans that wait for approvals, and what was said of them. Raises SourceError, StoreError."""
SETTLED_AFTER = 10.0
"""Seconds for which a finding has to be there before it is told: one look finds it, the next reads why."""
JUDGED_EVERY = 30.0
"""Seconds after which it is judged again whether a plan still waits, though nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighted:
    """What is to be told as it is now."""

    notices: tuple[Notice, ...]
    quiet: frozenset[str] = frozenset()
    """Keys of what goes on and is not to be told."""
    knows: Callable[[Notice], bool]
    """Whether it would be among these if it went on: what was not looked at is not over."""
    problem: str = ""
    """What cannot be told now, in one sentence."""


class Sight:
    """Looks at some environments and at the store. Opens nothing until it is started or asked."""

    def __init__(
        self,
        boards: Mapping[str, LiveBoard],
        catalogue: Catalogue,
        operations: OperationWatch,
        store: Callable[[], WatchStore],
        clock: Clock,
        settled_after: float = SETTLED_AFTER,
        awaited: Awaited = tuple,
    ) -> None:
        """``settled_after``: seconds; none where all is read to its end before anything is told."""
        self._boards = boards
        self._catalogue = catalogue
        self._operations = operations
        self._store = store
        self._clock = clock
        self._settled_after = settled_after
        self._first_seen: dict[str, float] = {}
        """By key, in seconds of the clock that only grows."""
        self._awaited = awaited
        self._latest: dict[str, Board] = {}
        self._has_read = False
        """Whether the open operations are known."""
        self._seq = 0
        self._records: tuple[AuditRecord, ...] = ()
        self._marks: dict[str, Marks] = {}
        self._maintenance: tuple[Window, ...] = ()
        self._plans: tuple[AwaitedPlan, ...] = ()
        self._judged_at = float("-inf")
        self._unjudged = ""
        """Why it could not be told last what plans wait for."""
        for board in boards.values():
            board.follow_operations(operations.known)
            board.follow_reviews(operations.unreviewed)

    def start(self) -> None:
        """Begin to poll."""
        self._operations.start(self._follow)
        for name, board in self._boards.items():
            board.start(partial(self._take, name))

    def read_whole(self, connections: Mapping[str, Sequence[Connection]]) -> tuple[Snapshot, ...]:
        """Look at everything once, and wait for it: by environment, whose connections are given."""
        self._has_read = bool(self._operations.look()) or not self._operations.problem
        known = {one.connection: one for board in self._boards.values() for one in board.snapshots()}
        asked = [one for theirs in connections.values() for one in theirs]
        found = {one.connection: one for one in read_whole(asked, self._clock, known)}
        for name, board in self._boards.items():
            board.know(found[one.name] for one in connections[name])
            self._take(name, board.board())
        return tuple(found.values())

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._operations.stop()
        for board in self._boards.values():
            board.stop()

    def look(self) -> Sighted:
        """What is to be told now. Raises StoreError."""
        now = self._clock.now()
        boards, operations = dict(self._latest), self._operations.known()
        knows_store = self._has_read and not self._operations.problem
        self._read_on(now)
        awaited = [plan for plan in self._plans if plan.environment in self._boards]
        notices = [*happened(self._records, now), *approvals(awaited, now)]
        paging: list[Notice] = []
        quiet: set[str] = set()
        for board in boards.values():
            found = [one for one in board.findings if one.severity is Severity.PAGE]
            hushed = [one for one in found if self._is_quiet(board, one, now)]
            notices += unknowns(board.environment, operations, now)
            paging += pages(board.environment, (one for one in found if one not in hushed), operations, now)
            quiet |= {one.key for one in pages(board.environment, hushed, operations, now)}
        settled = self._settled(paging)
        notices += [one for one in paging if one.key in settled]
        quiet |= {one.key for one in paging} - settled
        return Sighted(
            notices=tuple(notices),
            quiet=frozenset(quiet),
            knows=lambda notice: _knows(
                notice, boards, knows_store=knows_store, knows_plans=not self._unjudged
            ),
            problem=self._unjudged,
        )

    def _take(self, environment: str, board: Board) -> None:
        self._latest[environment] = board

    def _follow(self, news: StoreNews) -> None:
        self._has_read = self._has_read or not news.problem
        for board in self._boards.values():
            board.hand_over()

    def _read_on(self, now: datetime) -> None:
        """Where there are new records, read them, and what is written behind one: marks and windows."""
        head = self._store().head()
        seq = 0 if head is None else head.mark.seq
        if seq != self._seq or self._clock.monotonic() - self._judged_at >= JUDGED_EVERY:
            self._judge()
        if seq == self._seq:
            return
        # A log that is shorter than it was is another one.
        after = self._seq if seq > self._seq else 0
        known = self._records if after else ()
        self._records = (*known, *self._store().recorded(PHASES, after))
        said = self._store().marks(now - REMEMBERED)
        self._marks = {name: marks_of(said, name) for name in self._boards}
        self._maintenance = tuple(
            one for one in self._store().open_windows(now) if one.kind is WindowKind.MAINTENANCE
        )
        self._seq = seq

    def _settled(self, notices: Sequence[Notice]) -> set[str]:
        """Keys of those that have been there for long enough."""
        now = self._clock.monotonic()
        self._first_seen = {one.key: self._first_seen.get(one.key, now) for one in notices}
        return {key for key, since in self._first_seen.items() if now - since >= self._settled_after}

    def _judge(self) -> None:
        """Ask which plans wait; those that were known stand where that cannot be told now."""
        self._judged_at = self._clock.monotonic()
        try:
            self._plans = tuple(self._awaited())
        except SourceError as error:
            self._unjudged = f"It cannot be told which plans wait for whom: {error}"
        else:
            self._unjudged = ""

    def _is_quiet(self, board: Board, finding: Finding, now: datetime) -> bool:
        """Whether it is snoozed, silenced or in maintenance: nobody is told of it."""
        marks = self._marks.get(board.environment.name)
        if marks is not None and marks.state(finding, now).quiet is not None:
            return True
        if not self._maintenance:
            return False
        reach = reach_of(self._catalogue, board.environment.name, names_of(finding, board.histories))
        return bool(in_force((one for one in self._maintenance if one.covers(reach)), now).occurrences)


def awaited_plans(store: OperationReader, asked: Approvals) -> tuple[AwaitedPlan, ...]:
    """The plans that others have a say in and that have not ended, as their people are told of them.

    Behind the approvers are the admins of the environment. Raises SourceError, StoreError.
    """
    if not asked.asks_anybody:
        return ()
    now, people = asked.clock.now(), asked.governance.people
    return tuple(
        awaited_of(
            one,
            asked.standing(one),
            people.with_a_role((Role.ADMIN,), one.plan.environment),
            now,
        )
        for one in store.open_operations()
        if one.stage is not Stage.ENDED and asked.is_asked(one)
    )


def _knows(notice: Notice, boards: Mapping[str, Board], *, knows_store: bool, knows_plans: bool) -> bool:
    """Whether what shows such a thing was read since the start: all of a connection, or of all of them."""
    board = boards.get(notice.environment)
    if board is None:
        return False
    if notice.event is not Event.PAGE:
        return knows_store and (knows_plans or notice.event is Event.UNKNOWN)
    seen = [one for one in board.snapshots if notice.seen_on in {"", str(one.connection)}]
    return bool(seen) and all(one.observation is not None and one.observation.complete for one in seen)
