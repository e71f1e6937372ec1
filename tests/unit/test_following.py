"""Following an operation by what another process writes, with the real store."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting import ME, OTHER, LineWorld, Living, Rig

from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.services.following import follow, wait_until_claimed
from fedesk.services.held import LEASE
from fedesk.store.operations import SqlStore


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield Rig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


@pytest.fixture
def watching(tmp_path: Path, rig: Rig) -> Iterator[SqlStore]:
    """The store as another process has it open."""
    store = SqlStore(rig.store.path if isinstance(rig.store, SqlStore) else tmp_path)
    yield store
    store.close()


def test_each_change_is_seen_up_to_the_end(rig: Rig, watching: SqlStore) -> None:
    """From confirmed to ended, in order; the journal only grows; it stops by itself."""
    operation = rig.confirmed()
    followed = follow(watching, operation, pause=time.sleep)
    seen = [next(followed)]
    assert seen[0].stage is Stage.CONFIRMED
    worker = threading.Thread(target=rig.execute, args=(operation,))
    worker.start()
    seen.extend(followed)
    worker.join(10)
    assert seen[-1].outcome is Outcome.SUCCEEDED
    lengths = [len(one.journal) for one in seen]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 1


def test_what_this_process_writes_is_seen_too(rig: Rig) -> None:
    """An operation that is executed with the very store that is followed with is followed to its end."""
    operation = rig.confirmed()
    followed = follow(rig.store, operation, pause=lambda _: None)
    next(followed)
    rig.execute(operation)
    (last,) = followed
    assert last.outcome is Outcome.SUCCEEDED


def test_following_ends_when_the_process_has_died(rig: Rig, watching: SqlStore) -> None:
    """The owner is dead: what was known last is yielded, and it has not ended."""
    operation = rig.confirmed()
    now = rig.clock.now()
    rig.store.claim(operation, OTHER, now, LEASE, dead=None)
    (last,) = follow(watching, operation, pause=lambda _: None, processes=Living(dead={OTHER}))
    assert last.stage is Stage.RUNNING
    assert last.owner == OTHER


def test_a_renewed_lease_is_no_news(rig: Rig, watching: SqlStore) -> None:
    """A step that waits for hours renews its lease every few seconds; nothing is drawn anew for that."""
    operation = rig.confirmed()
    now = rig.clock.now()
    lease = rig.store.claim(operation, OTHER, now, LEASE, dead=None)
    living, pauses = Living(), iter(range(100))

    def pause(_: float) -> None:
        number = next(pauses)
        rig.store.renew(lease, now, LEASE * (number + 2))
        if number == 10:
            living.dead.add(OTHER)

    (only,) = follow(watching, operation, pause=pause, processes=living)
    assert only.stage is Stage.RUNNING


def test_an_unknown_id_yields_nothing(watching: SqlStore) -> None:
    """There is nothing to follow of what the store does not know."""
    assert list(follow(watching, "0193", pause=lambda _: None)) == []


def test_waiting_for_a_claim(rig: Rig, watching: SqlStore) -> None:
    """It is claimed, or it is not within the time; an operation that has ended counts as taken up."""
    operation = rig.confirmed()
    waited: list[float] = []
    assert not wait_until_claimed(watching, operation, 1.0, waited.append)
    assert sum(waited) == pytest.approx(1.0, abs=0.06)
    now = rig.clock.now()

    def claim(_: float) -> None:
        rig.store.claim(operation, ME, now, LEASE, dead=None)

    assert wait_until_claimed(watching, operation, 1.0, claim)


def test_nothing_is_asked_of_the_store_while_nothing_changes(rig: Rig, watching: SqlStore) -> None:
    """Between changes only the number of changes is asked for; the operation is read once in a while."""
    operation = rig.confirmed()
    reads: list[str] = []

    class Counting(SqlStore):
        def operation(self, operation: str) -> Operation | None:
            reads.append(operation)
            return super().operation(operation)

    counting = Counting(watching.path)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 100:
            rig.execute(operation)

    assert [one.stage for one in follow(counting, operation, pause=pause)] == [Stage.CONFIRMED, Stage.ENDED]
    assert len(reads) <= 8
    counting.close()


class Away(SqlStore):
    """A store that cannot be read while it is told so."""

    is_away = False

    def changes(self) -> int:
        if self.is_away:
            raise StoreUnavailableError("the store is away")
        return super().changes()


def test_a_store_that_comes_back_is_followed_on(rig: Rig, watching: SqlStore) -> None:
    """Each failing look is told; when the store is back the operation is yielded anew, and then its end."""
    operation = rig.confirmed()
    store = Away(watching.path)
    told: list[StoreUnavailableError] = []
    seen: list[Operation] = []

    def pause(_: float) -> None:
        store.is_away = len(told) < 3
        if not store.is_away and rig.store.operation(operation) == seen[0] and len(seen) > 1:
            rig.execute(operation)

    seen.extend(follow(store, operation, pause=pause, away=told.append))
    assert [str(error) for error in told] == ["the store is away"] * 3
    assert seen[0] == seen[1]
    assert seen[-1].outcome is Outcome.SUCCEEDED
    store.close()


def test_a_store_that_stays_away_is_given_up(rig: Rig, watching: SqlStore) -> None:
    """Who is told that it is away may raise; by default it is the store's own error."""
    operation = rig.confirmed()
    store = Away(watching.path)
    followed = follow(store, operation, pause=lambda _: None)
    next(followed)
    store.is_away = True
    with pytest.raises(StoreUnavailableError, match="the store is away"):
        next(followed)
    assert not wait_until_claimed(store, operation, 0.1, lambda _: None)
    store.close()
