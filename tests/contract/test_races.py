"""Several processes, one target, one moment: one of them acts, and the others are told who does, or wait.

Both are warm and stand behind a barrier, race after race. Who has won waits in its send until the other has
been told, so that each race is one, however long a process is kept from its processor.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from acting import DEV, TARGET, LineSystems, LineWorld, MovedClock, Rig, Script, make_plan

from fedesk.domain.operations import Outcome
from fedesk.domain.release_queue import is_waiting
from fedesk.ports.operation_store import NotClaimableError
from fedesk.services.operation_kinds import OperationKind
from fedesk.services.processes import LocalProcesses
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

    from postgres_server import Server

FORK = multiprocessing.get_context("fork")
RACES = 200
PATIENCE = 20.0
"""Seconds after which a race has failed."""

Opens = Callable[[], SqlStore]


@dataclass(frozen=True)
class Finish:
    """How a race ended for one of the two."""

    pid: int
    operation: str
    outcome: Outcome | None
    """None where the operation was not its own to carry out."""
    said: str


@dataclass(frozen=True)
class Track:
    """What both processes share."""

    opens: Opens
    lines: Path
    barrier: Barrier
    told: Event
    """Set when one of them has been told that it does not act."""

    def wait(self) -> None:
        """Wait until the other has been told."""
        self.told.wait(PATIENCE)


def races_on(track: Track, orders: Connection) -> None:
    """A process that carries out what it is told to, each time when the other is ready too."""
    store, processes = track.opens(), LocalProcesses()
    for operation in iter(orders.recv, ""):
        script = Script(on_send=track.wait)
        rig = Rig(store=store, world=LineWorld(track.lines), script=script, processes=processes)
        rig.systems = LineSystems(rig.world, script, deadline=PATIENCE)
        store.operations(limit=1)
        track.barrier.wait(PATIENCE)
        try:
            ended = rig.execute(operation)
            finish = Finish(processes.me().pid, operation, ended.outcome, ended.said)
        except NotClaimableError as error:
            finish = Finish(processes.me().pid, operation, None, str(error))
        if finish.outcome is not Outcome.SUCCEEDED:
            track.told.set()
        rig.systems.changing(DEV).close()
        orders.send(finish)
    store.close()


@contextmanager
def two_racers(opens: Opens, lines: Path) -> Iterator[Callable[[str, str], tuple[Finish, Finish]]]:
    """Has each of two processes carry out an operation at one moment; the winner's finish comes first."""
    track = Track(opens=opens, lines=lines, barrier=FORK.Barrier(2), told=FORK.Event())
    racers: list[tuple[ForkProcess, Connection]] = []
    for _ in range(2):
        ours, theirs = FORK.Pipe()
        process = FORK.Process(target=races_on, args=(track, theirs), daemon=True)
        process.start()
        racers.append((process, ours))

    def race(*operations: str) -> tuple[Finish, Finish]:
        track.told.clear()
        for (_, orders), operation in zip(racers, operations, strict=True):
            orders.send(operation)
        for _, orders in racers:
            assert orders.poll(PATIENCE), "a race that does not end"
        first, second = (orders.recv() for _, orders in racers)
        return (first, second) if first.outcome is Outcome.SUCCEEDED else (second, first)

    yield race
    for process, orders in racers:
        orders.send("")
        process.join(PATIENCE)
        assert process.exitcode == 0


def lengths(kind: str, sample: int) -> Iterator[object]:
    """A sample each time, and all of them by ``-m soak``."""
    yield pytest.param(kind, sample, id=f"{kind}-{sample}")
    yield pytest.param(kind, RACES, id=f"{kind}-{RACES}", marks=[pytest.mark.soak, pytest.mark.timeout(1800)])


BOTH = [*lengths("sqlite", 20), *lengths("postgresql", 10)]


@pytest.fixture
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """A file, or a team's database; a process that forks opens its own."""
    if request.param == "sqlite":
        return lambda: SqlStore(tmp_path / "state.sqlite3")
    server: Server = request.getfixturevalue("postgres")
    url = server.fresh()
    return lambda: PostgresStore(url)


def ended_well(store: SqlStore, lines: Path, won: list[str]) -> None:
    """Each winner acted once, in the order of the races; the chain is whole and no target is held."""
    assert LineWorld(lines).lines() == won
    assert store.verify(deep=True).flaw is None
    assert store.open_operations() == ()
    assert store.holder(TARGET.reserves) is None
    store.close()


@pytest.mark.parametrize(("opens", "races"), BOTH, indirect=["opens"])
def test_two_operations_on_one_target(
    opens: Opens, races: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """One of two acts; the other is refused, recorded, and told which operation of whom holds the target."""
    record_property("races", races)
    lines, won = tmp_path / "lines", list[str]()
    with two_racers(opens, lines) as race:
        store = opens()
        rig = Rig(store=store, world=LineWorld(lines))
        for _ in range(races):
            whose = {rig.confirmed(make_plan(requester=one)): one for one in ("mara", "tom")}
            winner, loser = race(*whose)
            assert {winner.operation, loser.operation} == {*whose}
            assert (winner.outcome, loser.outcome) == (Outcome.SUCCEEDED, Outcome.REFUSED)
            holder = (
                f"Operation {winner.operation} (airflow.clear-failed, {whose[winner.operation]}, confirmed"
            )
            assert f"in flight: {holder}" in loser.said
            assert rig.phases(winner.operation) == ["intent", "outcome"]
            assert rig.phases(loser.operation) == ["refusal"]
            won.append(winner.operation)
    ended_well(store, lines, won)


@pytest.mark.parametrize(("opens", "races"), BOTH, indirect=["opens"])
def test_two_processes_on_one_operation(
    opens: Opens, races: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """One of two carries it out; the other is told which process does, and writes nothing."""
    record_property("races", races)
    lines, won = tmp_path / "lines", list[str]()
    with two_racers(opens, lines) as race:
        store = opens()
        rig = Rig(store=store, world=LineWorld(lines))
        for _ in range(races):
            operation = rig.confirmed()
            winner, loser = race(operation, operation)
            assert (winner.outcome, loser.outcome) == (Outcome.SUCCEEDED, None)
            assert f"process {winner.pid} on " in loser.said.lower()
            assert rig.phases(operation) == ["intent", "outcome"]
            won.append(operation)
    ended_well(store, lines, won)


class PacedClock(MovedClock):
    """A clock that moves with the pauses, which are short and real."""

    def pause(self, seconds: float) -> None:
        del seconds
        time.sleep(0.01)
        self.at += timedelta(seconds=0.01)


class QueueRig(Rig):
    """The small world, its kind one that queues."""

    @property
    def kinds(self) -> Mapping[str, OperationKind]:
        return {name: replace(kind, queues=True) for name, kind in super().kinds.items()}


def queues_up(file: Path, lines: Path, operation: str, barrier: Barrier, first: Event) -> None:
    """Carries an operation out in its turn; who is first waits until the others are in line."""
    store = SqlStore(file)

    def on_send() -> None:
        if not first.is_set():
            first.set()
            until = time.monotonic() + PATIENCE
            while sum(map(is_waiting, store.open_operations())) < QUEUED - 1:
                assert time.monotonic() < until, "nobody waits"
                time.sleep(0.01)

    script = Script(on_send=on_send)
    rig = QueueRig(
        store=store, world=LineWorld(lines), script=script, clock=PacedClock(), processes=LocalProcesses()
    )
    barrier.wait(PATIENCE)
    assert rig.execute(operation).outcome is Outcome.SUCCEEDED
    store.close()


QUEUED = 3


def test_three_that_queue_act_one_after_the_other(tmp_path: Path) -> None:
    """Whoever was first acts; those in line follow in the order of their confirmation, each of them once."""
    file, lines = tmp_path / "state.sqlite3", tmp_path / "lines"
    with closing(SqlStore(file)) as store:
        rig = Rig(store=store, world=LineWorld(lines))
        operations = [rig.confirmed(make_plan(requester=one)) for one in ("mara", "tom", "ann")]
    barrier, first = FORK.Barrier(QUEUED), FORK.Event()
    racers = [
        FORK.Process(target=queues_up, args=(file, lines, one, barrier, first), daemon=True)
        for one in operations
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(PATIENCE)
        assert racer.exitcode == 0
    winner, *others = LineWorld(lines).lines()
    assert sorted((winner, *others)) == sorted(operations)
    assert others == [one for one in operations if one != winner]
    with closing(SqlStore(file)) as store:
        ended_well(store, lines, [winner, *others])
