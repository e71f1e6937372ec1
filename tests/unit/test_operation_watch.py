"""The watch over the store: it tells what moved, and that the store has gone and come back."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from making import NOW, PROD, catalogue, snapshot
from operation_values import AWAY, EVIDENCE, Living, MemoryStore, draft_of, operation, unknown

from fedesk.domain.audit import Phase
from fedesk.domain.open_operations import Course
from fedesk.domain.reviews import Review
from fedesk.domain.states import Severity
from fedesk.services import operation_watch
from fedesk.services.boards import Boards
from fedesk.services.live_board import LiveBoard
from fedesk.services.one_look import board_once
from fedesk.services.operation_watch import OperationWatch, StoreNews

if TYPE_CHECKING:
    from fedesk.domain.board import Board


class Ticking:
    """A clock of which every look is a second later."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


@contextmanager
def watching(
    store: Callable[[], MemoryStore], living: Living | None = None
) -> Iterator[tuple[OperationWatch, "queue.Queue[StoreNews]"]]:
    news: queue.Queue[StoreNews] = queue.Queue()
    watch = OperationWatch(store, lambda: living or Living(), Ticking())
    watch.start(news.put)
    yield watch, news
    watch.stop()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for longer than it takes."""
    monkeypatch.setattr(operation_watch, "PERIOD", 0.01)
    monkeypatch.setattr(operation_watch, "AWAY_PERIOD", 0.01)


def test_what_another_process_writes_is_told() -> None:
    """The open operations are handed over at once, and again when the store has moved."""
    store = MemoryStore(unknown())
    with watching(lambda: store) as (watch, news):
        first = news.get(timeout=10)
        assert [one.course for one in first.operations] == [Course.UNKNOWN]
        store.held.insert(0, operation())
        store.moves += 1
        second = news.get(timeout=10)
        assert [one.course for one in second.operations] == [Course.RUNNING, Course.UNKNOWN]
        assert second.version > first.version
        assert watch.known() == second.operations


def test_a_still_store_is_only_asked_for_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the operations is for when they may have changed; an unknown one cannot die."""
    monkeypatch.setattr(operation_watch, "QUIET_PERIOD", float("inf"))
    store = MemoryStore(unknown())
    with watching(lambda: store) as (watch, news):
        news.get(timeout=10)
        reads = store.reads
        asked = store.moves
        for _ in range(3):
            watch._look(must=False)  # noqa: SLF001 - one turn of its thread
        assert (store.reads, store.moves) == (reads, asked)
        assert news.empty()


def test_what_this_process_wrote_is_read_when_it_says_so() -> None:
    """The store's number need not move for one's own writes; the version does."""
    store = MemoryStore(unknown())
    with watching(lambda: store) as (watch, news):
        before = news.get(timeout=10)
        store.held.clear()
        watch.nudge(moved=True)
        after = news.get(timeout=10)
        assert (after.operations, after.version) == ((), before.version + 1)


def test_the_death_of_an_owner_is_seen_though_nothing_was_written() -> None:
    """A process that is killed writes nothing."""
    living = Living()
    store = MemoryStore(operation())
    with watching(lambda: store, living) as (_, news):
        assert news.get(timeout=10).operations[0].course is Course.RUNNING
        living.alive = False
        assert news.get(timeout=10).operations[0].course is Course.LEFT


def test_a_still_store_is_read_now_and_then() -> None:
    """A server that hangs tells nothing either: what is asked of it finds it away."""
    store = MemoryStore()
    with watching(lambda: store) as (_, news):
        assert news.get(timeout=10).problem == ""
        first = store.reads
        until = time.monotonic() + 10
        while store.reads == first and time.monotonic() < until:
            time.sleep(0.01)
        assert store.reads > first
        assert news.empty()


def test_a_store_that_is_away_says_why_and_keeps_what_was_known() -> None:
    """Nothing is taken for settled because it cannot be read; when it is back all is read again."""
    store = MemoryStore(unknown())
    with watching(lambda: store) as (_, news):
        known = news.get(timeout=10)
        store.away = AWAY
        gone = news.get(timeout=10)
        assert (gone.problem, gone.since, gone.operations) == (AWAY, NOW, known.operations)
        store.away = ""
        back = news.get(timeout=10)
        assert (back.problem, back.since) == ("", None)
        assert back.version > known.version


def test_a_fault_of_the_store_is_one_sentence() -> None:
    """What no error of the store's covers does not end the watch either."""

    def broken() -> MemoryStore:
        raise RuntimeError("secret detail")

    with watching(broken) as (_, news):
        assert news.get(timeout=10).problem == "fedesk failed while reading its store: RuntimeError."


def test_secrets_in_what_systems_said_are_hidden() -> None:
    """Evidence is foreign text: a token in it is not handed on."""
    token = "password=hunter2secret"
    last = unknown().journal[-1]
    journal = (*unknown().journal[:-1], replace(last, evidence=(replace(EVIDENCE[0], said=token),)))
    store = MemoryStore(unknown(journal=journal, said=token))
    watch = OperationWatch(lambda: store, Living, Ticking())
    (one,) = watch.look()
    assert "hunter2secret" not in one.said + one.evidence[0].said


def test_the_board_has_the_operations_it_is_told_of() -> None:
    """The live board takes them from the watch, a single look reads them beside the systems."""
    store = MemoryStore(unknown())
    watch = OperationWatch(lambda: store, Living, Ticking())
    clock = Ticking()
    live = LiveBoard(PROD, catalogue(), [], {}, clock)
    assert live.board().findings == ()
    live.follow_operations(watch.known)
    watch.look()
    (finding,) = live.board().findings
    once = board_once(PROD, Boards(catalogue()), [], clock, {}, watch.look)
    assert once.findings == (finding,)
    assert snapshot().observation is not None


def test_the_board_has_what_nobody_else_has_reviewed() -> None:
    """Broken glass of this environment pages until a review is there; that of another one does not here."""
    glass = draft_of(
        Phase.BREAK_GLASS, action="emergency-credential", operation="", result="overrides hold: H"
    )
    store = MemoryStore(records=(glass, replace(glass, environment="dev"), draft_of(Phase.REFUSAL)))
    watch = OperationWatch(lambda: store, Living, Ticking())
    live = LiveBoard(PROD, catalogue(), [], {}, Ticking())
    live.follow_reviews(watch.unreviewed)
    watch.look()
    (finding,) = live.board().findings
    assert (finding.kind, finding.severity) == ("break-glass", Severity.PAGE)
    assert finding.what == "mara@finedge.example broke the glass: INC-2207; overrides hold: H"
    assert finding.todo.endswith("`fedesk audit review 1 --said TEXT --rotated`")
    once = board_once(PROD, Boards(catalogue()), [], Ticking(), {}, watch.look, unreviewed=watch.unreviewed)
    assert once.findings == (finding,)
    store.reviews[1] = Review(reviewed=1, at=NOW, by="ann", said="well")
    watch.nudge(moved=True)
    watch.look()
    assert live.board().findings == ()


def test_a_board_is_handed_over_when_an_operation_moves() -> None:
    """Nobody waits for the next look at a system to see an operation end; after the stop nothing comes."""
    live = LiveBoard(PROD, catalogue(), [], {}, Ticking())
    boards: queue.Queue[Board] = queue.Queue()
    before = set(threading.enumerate())
    live.start(boards.put)
    live.hand_over()
    assert boards.get(timeout=10).environment == PROD
    (making,) = set(threading.enumerate()) - before
    live.stop()
    live.hand_over()
    making.join(timeout=10)
    assert not making.is_alive()
    assert boards.empty()
