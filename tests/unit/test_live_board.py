import queue
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from making import AIRFLOW, NOW, PROD, history_of

from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Observation, Snapshot
from fedesk.domain.states import FailureKind, Standing, State, System
from fedesk.ports.errors import ServerFaultError
from fedesk.ports.sources import Connection
from fedesk.services.boards import Boards
from fedesk.services.clock import SystemClock
from fedesk.services.live_board import LiveBoard
from fedesk.services.looking import look, unseen
from fedesk.services.one_look import board_once

if TYPE_CHECKING:
    from fedesk.domain.board import Board

VAULT = ConnectionName("prod", "vault")


class Answers:
    """A source that gives what it is told: an observation, or an error raised."""

    def __init__(self, *answers: Observation | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[Observation | None] = []

    def observe(self, previous: Observation | None) -> Observation:
        self.seen.append(previous)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.answers = [Observation()]


class Hung:
    """A source that never answers until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def observe(self, previous: Observation | None) -> Observation:
        self.let_go.wait()
        return previous or Observation()

    def close(self) -> None:
        self.let_go.set()


def connection(
    name: ConnectionName, source: Answers | Hung, system: System = System.AIRFLOW, deadline: float = 20
) -> Connection:
    bulkhead = ThreadBulkhead(str(name), lambda: source, deadline=deadline)
    return Connection(name=name, system=system, address="http://x", period=3600, source=bulkhead)


def test_a_failure_keeps_what_was_known_and_since_when_it_lasts() -> None:
    """Rows stay, marked stale; the moment of the first failure stays until the next success."""
    known = Observation(runs=history_of("x", [State.SUCCEEDED]))
    source = Answers(known, ServerFaultError("prod/airflow answered 500"), ServerFaultError("again"), known)
    one, clock = connection(AIRFLOW, source), SystemClock()
    first = look(one, unseen(one), clock)
    assert first.standing is Standing.LIVE
    second = look(one, first, clock)
    assert (second.standing, second.observation) == (Standing.STALE, known)
    third = look(one, second, clock)
    assert third.failed_since == second.failed_since
    assert third.failure is not None
    assert third.failure.sentence == "again"
    fourth = look(one, third, clock)
    assert (fourth.standing, fourth.failed_since) == (Standing.LIVE, None)


def test_what_a_look_finds_again_is_the_value_that_was_known() -> None:
    """Equal runs and jobs stay the same values, so that a board need not be made anew; others do not."""
    found = [Observation(runs=history_of("x", [state]), cursor=state) for state in (State.FAILED,) * 2]
    one, clock = connection(AIRFLOW, Answers(*found, Observation(runs=history_of("y", [])))), SystemClock()
    first = look(one, unseen(one), clock)
    second = look(one, first, clock)
    assert first.observation is not None
    assert second.observation is not None
    assert found[0].runs is not found[1].runs
    assert second.observation.runs is first.observation.runs
    third = look(one, second, clock)
    assert third.observation == Observation()


def test_a_fault_of_an_adapter_is_a_failure_of_its_connection_alone() -> None:
    """An unforeseen exception is named in its place and says nothing that could hold a secret."""
    one = connection(AIRFLOW, Answers(KeyError("hvs.SECRET")))
    snapshot = look(one, unseen(one), SystemClock())
    assert snapshot.failure is not None
    assert snapshot.failure.kind is FailureKind.FAULT
    assert "SECRET" not in snapshot.failure.sentence


def test_a_board_for_a_command_is_bounded_by_the_slowest_bulkhead() -> None:
    """A hung system ends as a failure of its own; the other is live."""
    hung = Hung()
    connections = [
        connection(AIRFLOW, Answers(Observation())),
        connection(VAULT, hung, System.VAULT, deadline=0.2),
    ]
    snapshots = board_once(PROD, Boards(Catalogue()), connections, SystemClock(), {}).snapshots
    hung.let_go.set()
    assert [snapshot.standing for snapshot in snapshots] == [Standing.LIVE, Standing.FAILED]
    assert snapshots[1].failure is not None
    assert snapshots[1].failure.kind is FailureKind.TIMEOUT


def live(*connections: Connection, known: dict[ConnectionName, Snapshot] | None = None) -> LiveBoard:
    return LiveBoard(PROD, Catalogue(), connections, {}, SystemClock(), known=known)


def test_a_board_follows_each_look_and_a_hung_system_stops_none() -> None:
    """The live system's rows are there while the other still hangs, and stopping waits for neither."""
    boards: queue.Queue[Board] = queue.Queue()
    hung = Hung()
    board = live(
        connection(AIRFLOW, Answers(Observation(runs=history_of("x", [State.SUCCEEDED])))),
        connection(VAULT, hung, System.VAULT),
    )
    board.start(boards.put)
    first = boards.get(timeout=10)
    assert [row.name for row in first.pipelines] == ["x"]
    assert [one.standing for one in first.snapshots] == [Standing.LIVE, Standing.CONNECTING]
    board.stop()
    hung.let_go.set()


def test_one_board_tells_of_all_that_was_seen_meanwhile() -> None:
    """While a board is being taken, whatever else there is to tell waits for the next one."""
    boards: queue.Queue[Board] = queue.Queue()
    asked, let_go = threading.Event(), threading.Event()

    def take(made: "Board") -> None:
        boards.put(made)
        asked.set()
        let_go.wait(10)

    board = live()
    before = set(threading.enumerate())
    board.start(take)
    (making,) = set(threading.enumerate()) - before
    board.hand_over()
    assert asked.wait(10)
    for _ in range(5):
        board.hand_over()
    let_go.set()
    for _ in range(2):
        boards.get(timeout=10)
    board.stop()
    making.join(10)
    assert boards.empty()


def test_history_is_read_on_at_once_until_it_is_complete() -> None:
    """An incomplete observation is followed by the next page, not by a period of waiting."""
    boards: queue.Queue[Board] = queue.Queue()
    pages = [Observation(cursor="1", complete=False), Observation(cursor="2", complete=False)]
    source = Answers(*pages, Observation(cursor="3"))
    board = live(connection(AIRFLOW, source))
    board.start(boards.put)
    for _ in range(3):
        boards.get(timeout=10)
    board.stop()
    assert source.seen == [None, *pages]


def test_a_refresh_looks_again_at_once() -> None:
    """Asking for it wakes the poller out of a long period."""
    boards: queue.Queue[Board] = queue.Queue()
    board = live(connection(AIRFLOW, Answers(Observation())))
    board.start(boards.put)
    boards.get(timeout=10)
    board.refresh()
    assert boards.get(timeout=10).snapshots[0].standing is Standing.LIVE
    board.stop()


def test_the_last_known_state_is_where_polling_goes_on() -> None:
    """What was kept is shown at once, as connecting, and is what the first look is given."""
    kept = Observation(runs=history_of("x", [State.SUCCEEDED]), cursor="7")
    source = Answers(kept)
    one = connection(AIRFLOW, source)
    known = Snapshot(
        connection=AIRFLOW,
        system=System.AIRFLOW,
        address="http://x",
        observation=kept,
        observed_at=NOW,
        kept=True,
    )
    board = live(one, known={AIRFLOW: known})
    assert board.board().snapshots[0].standing is Standing.CONNECTING
    assert [row.name for row in board.board().pipelines] == ["x"]
    boards: queue.Queue[Board] = queue.Queue()
    board.start(boards.put)
    # What is known is there although no system has answered.
    assert [row.name for row in boards.get(timeout=10).pipelines] == ["x"]
    while boards.get(timeout=10).snapshots[0].standing is not Standing.LIVE:
        pass
    board.stop()
    assert source.seen == [kept]


def test_a_system_whose_looks_cost_money_is_left_alone_while_it_is_known() -> None:
    """A look younger than the period is good enough, over restarts too; asking by hand looks all the same."""
    source = Answers(Observation())
    one = replace(connection(AIRFLOW, source), sparing=True)
    clock = SystemClock()
    first = look(one, unseen(one), clock)
    kept = replace(first, kept=True)
    assert look(one, kept, clock).standing is Standing.LIVE
    assert len(source.seen) == 1
    look(one, kept, clock, by_hand=True)
    assert len(source.seen) == 2
    old = replace(kept, observed_at=clock.now() - timedelta(seconds=3601))
    look(one, old, clock)
    assert len(source.seen) == 3


def test_what_is_known_is_written_down_about_once_a_minute() -> None:
    """A desk that is killed leaves what it knew a minute ago, at the latest."""

    class Fast(SystemClock):
        """A minute passes with each look."""

        def __init__(self) -> None:
            self.seconds = 0.0

        def monotonic(self) -> float:
            self.seconds += 30.0
            return self.seconds

    kept: queue.Queue[LiveBoard] = queue.Queue()
    board = LiveBoard(
        PROD, Catalogue(), [connection(AIRFLOW, Answers(Observation()))], {}, Fast(), keep=kept.put
    )
    board.start(lambda _board: None)
    assert kept.get(timeout=10) is board
    board.stop()


STAGED = ConnectionName("staging", "airflow")
STAGING = replace(PROD, name="staging", production=False)


def test_another_environment_is_known_before_its_own_desk_is_open() -> None:
    """Its board has what the gentle looks have found, of its connections alone, and none of it as live."""
    theirs = replace(history_of("y", [State.FAILED])[0], name=RunName(STAGED, "y/r1"), job="y")
    board = LiveBoard(
        PROD,
        Catalogue(),
        [connection(AIRFLOW, Answers(Observation(runs=history_of("x", [State.SUCCEEDED]))))],
        {"staging": [connection(STAGED, Answers(Observation(runs=(theirs,))))]},
        SystemClock(),
    )
    boards: queue.Queue[Board] = queue.Queue()
    board.start(boards.put)
    while not all(snapshot.observation for snapshot in board.snapshots()):
        boards.get(timeout=10)
    board.stop()
    other = board.elsewhere(STAGING)
    assert other.environment == STAGING
    assert [row.name for row in other.pipelines] == ["y"]
    assert {one.standing for one in other.snapshots} == {Standing.CONNECTING}
    assert other.snapshots[0].observed_at is not None
    assert [row.name for row in board.elsewhere(PROD).pipelines] == ["x"]


def test_a_board_goes_on_from_what_another_knew() -> None:
    """Of connections at the same address it is taken over as known, never as live; of others it is not."""
    seen = Observation(runs=history_of("x", [State.SUCCEEDED]))
    known = Snapshot(
        connection=AIRFLOW, system=System.AIRFLOW, address="http://x", observation=seen, observed_at=NOW
    )
    board = live(connection(AIRFLOW, Answers(seen)))
    board.go_on_from([replace(known, address="http://moved"), replace(known, connection=VAULT)])
    assert [one.observation for one in board.snapshots()] == [None]
    board.go_on_from([known])
    assert [(one.standing, one.observed_at) for one in board.snapshots()] == [(Standing.CONNECTING, NOW)]


def test_what_ends_after_the_board_has_stopped_is_not_kept() -> None:
    """A system that is let go of under a look has not failed: what was known of it stays as it was."""
    asked, closed = threading.Event(), threading.Event()

    class Closed(Hung):
        """Fails once it is let go of."""

        def observe(self, previous: Observation | None) -> Observation:
            asked.set()
            super().observe(previous)
            closed.set()
            raise ServerFaultError("prod/airflow is closed")

    source = Closed()
    board = live(connection(AIRFLOW, source))
    board.start(lambda _: None)
    assert asked.wait(10)
    board.stop()
    source.let_go.set()
    assert closed.wait(10)
    for thread in threading.enumerate():
        if thread.name == f"poll {AIRFLOW}":
            thread.join(10)
    assert board.snapshots()[0].failure is None
