"""Bad days of a team's PostgreSQL: what is told, that nothing is changed meanwhile, and how it comes back."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue

import psycopg
import pytest
from acting import ME, OTHER, LineWorld, Living, Rig, make_plan, settled_well, states
from cuttable_way import Way, way_to
from operation_values import draft_of
from postgres_server import Server, running
from sqlalchemy.engine import make_url

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome, StepState
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.services import operation_watch
from fedesk.services.operation_watch import OperationWatch, StoreNews
from fedesk.store import postgres
from fedesk.store.postgres_store import PostgresStore
from fedesk.store.reach import answers

HASTY = 0.4
"""Seconds that one waits for an answer here, instead of twenty."""
PATIENCE = 20.0
_WRITES = "claim|UPDATE operations"
"""What the connection that writes was asked last, before an intent and after a send."""


def until(holds: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def way(postgres: Server) -> Iterator[Way]:
    with way_to(str(postgres.url.query["host"])) as made:
        yield made
        made.mend()


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.fresh()


@pytest.fixture
def store(url: str, way: Way) -> Iterator[PostgresStore]:
    """Reached by the way."""
    way.mend()
    with closing(PostgresStore(way.to(url))) as store:
        store.append(draft_of(Phase.ACCESS))
        assert len(store.tail(9)) == 1
        store.changes()
        yield store
    way.mend()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "DEADLINE", HASTY)
    for name in ("statement_timeout", "lock_timeout"):
        monkeypatch.setitem(postgres.SETTINGS, name, "200ms")


def records(url: str) -> int:
    """How many records the audit log has, read straight."""
    with closing(PostgresStore(url)) as store:
        return store.verify(deep=True).records


def test_a_server_that_is_started_again(tmp_path: Path) -> None:
    """Stopped, each method says that it cannot be reached; started again, the same store goes on.

    Whom it does not let in it has answered.
    """
    with running() as server, closing(PostgresStore(server.fresh())) as store:
        nobody = server.store_url("nothing", "nobody")
        assert answers(nobody)
        rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
        rig.confirmed(make_plan(operation="0193a1b2-1111"))
        seen = store.changes()
        server.stop()
        assert not answers(nobody)
        for attempt in (
            store.open_operations,
            store.changes,
            store.check,
            lambda: store.append(draft_of(Phase.ACCESS)),
            lambda: rig.execute("0193a1b2-1111"),
        ):
            with pytest.raises(StoreUnavailableError, match=r"cannot be reached: .* until the store is back"):
                attempt()
        assert rig.world.lines() == []
        server.start()
        assert rig.execute("0193a1b2-1111").outcome is Outcome.SUCCEEDED
        assert store.changes() != seen
        settled_well(rig, "0193a1b2-1111")


def test_connections_that_are_killed(store: PostgresStore, postgres: Server, url: str) -> None:
    """Nobody hears of it while nothing is under way: each next use finds a connection of its own."""
    for _ in range(2):
        seen = store.changes()
        postgres.hang_up(url)
        assert store.changes() != seen
        assert len(store.tail(9)) == 1
        store.check()
    assert store.append(draft_of(Phase.ACCESS)).audit_seq == 2


@pytest.fixture
def many_descriptors(tmp_path: Path) -> Iterator[None]:
    """All descriptors below 1,024 are taken: what is opened next is one that select(2) cannot hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2048 if hard == resource.RLIM_INFINITY else min(2048, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with ExitStack() as kept:
        while kept.enter_context((tmp_path / "taken").open("w")).fileno() < 1024:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_a_process_with_many_descriptors(url: str, postgres: Server) -> None:
    """A store is read again and again, and notices an ended connection, whatever number its socket has."""
    with closing(PostgresStore(url)) as store:
        assert store.append(draft_of(Phase.ACCESS)).audit_seq == 1
        assert len(store.tail(9)) == 1
        assert len(store.tail(9)) == 1
        postgres.hang_up(url)
        assert store.append(draft_of(Phase.ACCESS)).audit_seq == 2


@contextmanager
def stopped(postgres: Server, url: str, last: str = "") -> Iterator[list[int]]:
    """The processes that serve a store, and were asked last what matches, suspended."""
    pids = postgres.backends(url, last)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("hasty")
def test_a_server_that_hangs(store: PostgresStore, postgres: Server, url: str) -> None:
    """One stops waiting in time and says so; the next use has another connection."""
    with stopped(postgres, url):
        for attempt in (store.open_operations, store.check):
            with pytest.raises(StoreUnavailableError, match=f"has not answered for {HASTY:g} s"):
                attempt()
            attempt()
        assert store.append(draft_of(Phase.ACCESS)).audit_seq == 2


@pytest.mark.usefixtures("hasty")
def test_a_way_that_swallows(store: PostgresStore, way: Way) -> None:
    """Whatever is asked, a login too, is lost without a word: told in time, and well when the way is."""
    way.is_swallowing = True
    for attempt in (store.check, store.check, store.open_operations, store.open_operations):
        with pytest.raises(StoreUnavailableError, match="has not answered"):
            attempt()
    way.is_swallowing = False
    store.check()
    assert store.open_operations() == ()
    store.changes()


def test_a_server_that_lets_nobody_in(store: PostgresStore, postgres: Server, url: str) -> None:
    """The server's own words stand in the sentence; when it lets one in again, all is well."""
    name = make_url(url).database
    postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgres.hang_up(url)
    for attempt in (store.check, store.open_operations, store.changes):
        with pytest.raises(StoreUnavailableError, match="not currently accepting connections"):
            attempt()
    postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    store.check()
    store.changes()


@pytest.mark.usefixtures("hasty")
def test_a_lock_that_another_holds(postgres: Server, url: str) -> None:
    """A statement that waits too long is given up by the server, with nothing written, and told as such."""
    with closing(PostgresStore(url)) as store:
        store.check()
        with psycopg.connect(postgres.conninfo(str(make_url(url).database))) as holder:
            holder.execute("LOCK TABLE fedesk.audit_head IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreUnavailableError, match="did not answer in time"):
                store.append(draft_of(Phase.ACCESS))
            assert store.open_operations() == ()
        assert store.append(draft_of(Phase.ACCESS)).audit_seq == 1


def test_a_standby_takes_the_place(store: PostgresStore, postgres: Server, url: str, tmp_path: Path) -> None:
    """One that is read-only is read, and said to be; nothing is sent; the next that can be written is."""
    rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
    rig.confirmed(make_plan(operation="0193a1b2-2222"))
    name = make_url(url).database
    postgres.admin(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    postgres.hang_up(url)
    for attempt in (
        store.check,
        lambda: store.append(draft_of(Phase.ACCESS)),
        lambda: rig.execute("0193a1b2-2222"),
    ):
        with pytest.raises(StoreUnavailableError, match=r"cannot be written: it is read-only"):
            attempt()
    assert len(store.open_operations()) == 1
    assert rig.script.sends == []
    # Nobody hangs up on us: a proxy in front of both servers does not.
    postgres.admin(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert rig.execute("0193a1b2-2222").outcome is Outcome.SUCCEEDED
    settled_well(rig, "0193a1b2-2222")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("resumed", ["before the next look", "after it"])
def test_an_intent_that_is_written_late(
    store: PostgresStore, postgres: Server, url: str, tmp_path: Path, resumed: str
) -> None:
    """A server that hung comes to the intent when nobody waits for it: nothing is sent, it ends well."""
    rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
    operation = rig.confirmed()
    hold = stopped(postgres, url, _WRITES)
    pids: list[int] = []
    rig.on_draft = lambda: pids.extend(hold.__enter__())
    with pytest.raises(StoreUnavailableError, match="has not answered"):
        rig.execute(operation)
    straight = Rig(store=PostgresStore(url), world=rig.world)
    straight.clock.pause(600)

    def resume() -> None:
        hold.__exit__(None, None, None)
        until(lambda: not set(pids) & set(postgres.backends(url)))

    with closing(straight.store):
        if resumed == "before the next look":
            resume()
        found = straight.recheck(operation, processes=Living(mine=OTHER, dead={ME}))
        if resumed == "after it":
            resume()
        assert found.outcome in (Outcome.FAILED, Outcome.ABORTED)
        assert straight.store.operation(operation) == found
        phases = straight.phases(operation)
        assert phases.count("intent") == states(found).count(("send", StepState.INTENDED))
        assert phases[-1] == "settlement"
        settled_well(straight, operation)
    assert rig.script.sends == []


@pytest.mark.usefixtures("hasty")
def test_an_entry_that_is_written_late(
    store: PostgresStore, postgres: Server, url: str, tmp_path: Path
) -> None:
    """What was tried again over another connection is in the journal once, whenever the first comes to it."""
    rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
    operation = rig.confirmed()
    hold = stopped(postgres, url, _WRITES)
    pids: list[int] = []
    rig.script.on_done = lambda: pids.extend(hold.__enter__())
    ended = rig.execute(operation)
    hold.__exit__(None, None, None)
    until(lambda: not set(pids) & set(postgres.backends(url)))
    assert ended.outcome is Outcome.SUCCEEDED
    assert store.operation(operation) == ended
    assert [state for step, state in states(ended) if step == "send"] == [StepState.INTENDED, StepState.DONE]
    settled_well(rig, operation)


@pytest.fixture
def watch(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperationWatch]:
    """What a desk follows its store with, at work; it knows one operation."""
    for period in ("PERIOD", "AWAY_PERIOD"):
        monkeypatch.setattr(operation_watch, period, 0.02)
    rig = Rig(store=store, world=LineWorld(Path("unused")))
    rig.confirmed()
    watch = OperationWatch(lambda: store, lambda: rig.processes, rig.clock)
    news: SimpleQueue[StoreNews] = SimpleQueue()
    watch.start(news.put)
    assert len(news.get(timeout=PATIENCE).operations) == 1
    yield watch
    watch.stop()


def test_the_desk_says_that_the_store_is_away(watch: OperationWatch, way: Way) -> None:
    """Away, the last known operations stay, with why; back, it notices by itself."""
    way.close()
    until(lambda: "cannot be reached" in watch.problem)
    assert len(watch.known()) == 1
    way.mend()
    until(lambda: not watch.problem)
    assert len(watch.known()) == 1


@pytest.mark.usefixtures("hasty")
def test_the_desk_notices_that_the_store_hangs(
    watch: OperationWatch, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that says nothing tells of no change either: it is asked now and then, and found away."""
    way.is_swallowing = True
    monkeypatch.setattr(operation_watch, "LIVENESS_PERIOD", 0.0)
    until(lambda: "has not answered" in watch.problem)
    way.is_swallowing = False
    until(lambda: not watch.problem)
