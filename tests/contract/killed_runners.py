"""Operations over the sandbox whose runner is killed at each of its seams in turn, and what is found of them.

The systems are served by this process; a runner is a fork of it, or a process that was started for it. Points
are found by a run that is not killed. Stores are files, or databases of a team.
"""

import json
import random
import shutil
import signal
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count, cycle, product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.mark import ParameterSet
from acting import Seamed, SeamStore, SeamTeamStore
from crashing import Seams, SeamSystems, forked, spawned

from fedesk import execution
from fedesk.domain.operations import Operation, Outcome, Stage, StepState, WriteWindow
from fedesk.domain.requests import Request
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer
from fedesk.services.settling import recheck
from fedesk.store.operations import SqlStore

if TYPE_CHECKING:
    from postgres_server import Server

LATER = timedelta(minutes=5)
"""Longer than any system's patience."""
STORES = ("sqlite", "postgresql")
PAIRS = 40
"""Of two seams, at which one runner dies and then another."""
SENDS = r"clearTaskInstances$|/build(WithParameters)?$|/input/[^/]+/\w+$|/dagRuns$"
"""Addresses to which something is sent that changes a system."""


@dataclass(frozen=True)
class Case:
    """What an operation of one kind is tried on, and how its effects in the world are told."""

    kind: str
    request: Callable[[execution.Desk], Request]
    whole: tuple[str, ...]
    """Its effects, in order."""
    effects: Callable[[Sandbox, str], Sequence[str]]
    """Those that are there."""
    is_carried_on: bool = False
    """Whether a later look may leave the rest to who carries it on."""


@dataclass(frozen=True)
class Fault:
    """What a system does with what is sent: from which of the sends of an operation on."""

    kind: str = ""
    since: int = 1


FAULTS = {
    "answered": Fault(),
    "answer lost": Fault("drop_after_commit"),
    "reset": Fault("reset"),
    "second reset": Fault("reset", since=2),
}


def faults_of(case: Case) -> list[str]:
    """Those that can happen to its sends."""
    return [name for name, fault in FAULTS.items() if fault.since <= len(case.whole)]


def cells(
    cases: Mapping[str, Case], wanted: Callable[[str, str, str], bool] = lambda *_: True
) -> list[ParameterSet]:
    """Store, case and fault: each combination, or those that are wanted."""
    return [
        pytest.param(store, name, fault, id=f"{store}-{name}-{fault}")
        for store, (name, case) in product(STORES, cases.items())
        for fault in faults_of(case)
        if wanted(store, name, fault)
    ]


class WorldTime:
    """The world's time, also as another process has it: pausing moves it through the control port."""

    def __init__(self, sandbox: Sandbox, at: datetime) -> None:
        self._control = sandbox.urls["control"]
        self._at = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return self._at.timestamp()

    def pause(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
        order(self._control, "clock", set=self._at.isoformat())


class SlowTime(WorldTime):
    """The same where a pause lasts four times what was asked for: half the looks, the same seams."""

    def pause(self, seconds: float) -> None:
        super().pause(4 * seconds)


def order(control: str, lever: str, **document: str) -> None:
    """Pull a lever of the sandbox from another process."""
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own control port
        f"{control}/{lever}",
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
        assert answer.status in (200, 201)


class FaultySeams(Seams):
    """Seams of a runner whose systems begin to misbehave right before it sends, and not earlier."""

    def __init__(self, sandbox: Sandbox, fault: Fault, fatal: int | None = None) -> None:
        super().__init__(fatal)
        self._control, self._fault = sandbox.urls["control"], fault

    def __call__(self, name: str) -> None:
        super().__call__(name)
        if name == "before send" and self._fault.kind and self.passed.count(name) == self._fault.since:
            for system in ("jenkins", "airflow"):
                order(self._control, "faults", system=system, kind=self._fault.kind, match=SENDS)


@dataclass
class Desks:
    """A desk for this process, and one that was never used, which each fork takes as its own."""

    ours: execution.Desk
    unused: execution.Desk


@pytest.fixture
def desks(sandbox: Sandbox) -> Iterator[Desks]:
    """Opened once for a test: a catalogue takes half a second to read."""
    clock = WorldTime(sandbox, sandbox.control.clock.now())
    ours, unused = (execution.open_desk(sandbox.config_path, "prod", clock) for _ in range(2))
    yield Desks(ours=ours, unused=unused)
    ours.systems.close()


Store = Path | str
"""Where a store is: a file, or the address of a team's database."""


def opened(place: Store, seams: Callable[[str], None] = lambda _: None) -> Seamed:
    """A store whose seams are counted."""
    return SeamStore(place, seams) if isinstance(place, Path) else SeamTeamStore(place, seams)


@dataclass(frozen=True)
class Stores:
    """Stores of one kind."""

    new: Callable[[], Store]
    copy: Callable[[Store], Store]
    """Another one with the same in it."""
    drop: Callable[[Store], None]
    """One that nobody needs any more, whoever died with it open: a database is eight megabytes."""


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Files, or databases of a team."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return Stores(
            new=server.fresh,
            copy=lambda place: server.copy(str(place)),
            drop=lambda place: server.drop(str(place)),
        )
    files = (tmp_path / f"{number}.sqlite3" for number in count())
    return Stores(
        new=lambda: next(files),
        copy=lambda place: Path(shutil.copy(place, next(files))),
        drop=lambda _: None,
    )


def confirmed(desk: execution.Desk, place: Store, request: Request) -> str:
    """Plan and confirm, as the command line does in production; the operation's id."""
    store = opened(place)
    changes = replace(desk.changes, store=store)
    proposal = changes.propose(request)
    now = desk.clock.now()
    window = WriteWindow(
        environment="prod", opened_at=now, until=now + LATER, reason="INC-1", opened_by="mara"
    )
    answer = Answer(
        how="--confirm prod",
        named="prod",
        reason="INC-1",
        window=window,
        accepted=proposal.needs.accept,
    )
    operation = changes.confirm(proposal, answer)
    store.close()
    return operation.plan.operation


def executed(
    desk: execution.Desk, store: Seamed, operation: str, seams: Seams, clock: WorldTime
) -> Operation:
    """What the runner does with an operation of a store."""
    return execute(
        operation,
        store=store,
        systems=SeamSystems(desk.systems, seams),
        catalogue=desk.catalogue,
        environments=desk.by_name,
        actor=desk.actor,
        clock=clock,
        processes=LocalProcesses(),
        pause=clock.pause,
    )


def executes(
    desk: execution.Desk,
    place: Store,
    operation: str,
    seams: Seams,
    clock: WorldTime,
    notes: Path | None = None,
) -> None:
    """The same as the whole work of a process; ``notes`` is where it leaves the seams that it has passed."""
    store = opened(place, seams)
    executed(desk, store, operation, seams, clock)
    store.close()
    if notes is not None:
        notes.write_text("\n".join(seams.passed))


def executes_afresh(
    config: Path, place: Store, operation: str, seams: Seams, clock: WorldTime, notes: Path | None
) -> None:
    """What a runner does that has just been started."""
    executes(execution.open_desk(config, "prod", clock), place, operation, seams, clock, notes)


def rechecked(desk: execution.Desk, store: SqlStore, operation: str, clock: WorldTime) -> Operation:
    """What a later process finds out."""
    return recheck(
        operation,
        store=store,
        systems=desk.systems,
        actor=desk.actor,
        clock=clock,
        processes=LocalProcesses(),
        pause=clock.pause,
    )


@dataclass(frozen=True)
class Matrix:
    """One case with one fault on one kind of store: runs in a world in which nothing has happened yet."""

    case: Case
    fault: Fault
    sandbox: Sandbox
    desks: Desks
    stores: Stores
    began: datetime
    ready: Store
    """In which the operation is confirmed, and nobody has begun it."""
    operation: str
    notes: Path
    is_fresh: bool = False
    """Whether each runner is a process that is started for it."""

    def run(self, fatal: int | None = None) -> tuple[Store, int]:
        """A runner in a world of its own, which dies at a seam; its store, and the signal that ended it."""
        self._anew()
        place = self.stores.copy(self.ready)
        seams, clock = FaultySeams(self.sandbox, self.fault, fatal), SlowTime(self.sandbox, self.began)
        notes = self.notes if fatal is None else None
        given = (place, self.operation, seams, clock, notes)
        if self.is_fresh:
            return place, spawned(executes_afresh, self.sandbox.config_path, *given)
        return place, forked(partial(executes, self.desks.unused, *given))

    def carried_on(self, place: Store, fatal: int | None = None) -> int:
        """Another runner goes on with what one has left, and may die itself; the signal that ended it."""
        later = self._later()
        seams, clock = Seams(fatal), SlowTime(self.sandbox, later)
        return forked(partial(executes, self.desks.unused, place, self.operation, seams, clock))

    def whole(self) -> list[str]:
        """The seams of a run that nobody kills, which comes to what the fault lets it."""
        place, ended = self.run()
        assert ended == 0
        seams = self.notes.read_text().splitlines()
        assert ("no answer" if self.fault.kind else "after answer") in seams
        done = self.fault.since - 1 if self.fault.kind == "reset" else len(self.case.whole)
        assert tuple(self.case.effects(self.sandbox, self.operation)) == self.case.whole[:done]
        self.stores.drop(place)
        return seams

    def points(self, seams: Sequence[str]) -> range:
        """The seams at which this cell is another than one without a fault: up to the send that is none."""
        sends = [point for point, seam in enumerate(seams) if seam == "before send"]
        return range(sends[self.fault.since - 1] if self.fault.kind else 0, len(seams))

    def kill(
        self, points: Collection[int], seams: Sequence[str], *, at_once: Iterable[bool] = (False,)
    ) -> int:
        """Kill it at seams, each in a world of its own, and find out what was left; how often.

        ``at_once`` says, in turn, whether it is carried on without anybody's having looked before.
        """
        for point, is_at_once in zip(points, cycle(at_once), strict=False):
            place, killed = self.run(point)
            assert killed == signal.SIGKILL, seams[point]
            if is_at_once and point + 1 < len(seams):
                assert self.carried_on(place) == 0, seams[point]
            self.find_out(place)
            self.stores.drop(place)
        return len(points)

    def kill_everywhere(self) -> int:
        """At every single seam, each commit of the journal included."""
        seams = self.whole()
        points = self.points(seams)
        kills = self.kill(points, seams)
        return kills + (self.kill(points, seams, at_once=(True,)) if self.case.is_carried_on else 0)

    def kill_at_each_kind(self) -> int:
        """Where a seam is another one than those before."""
        seams = self.whole()
        return self.kill(chosen(seams, self.points(seams)), seams)

    def kill_twice(self, dice: random.Random) -> None:
        """Kill it, and who carries it on; a third one finds out."""
        seams = self.whole()
        for _ in range(PAIRS):
            # What has ended is carried on by nobody.
            first, second = dice.randrange(len(seams) - 1), dice.randrange(len(seams))
            place, killed = self.run(first)
            assert killed == signal.SIGKILL, seams[first]
            assert self.carried_on(place, second) in (0, signal.SIGKILL)
            self.find_out(place)
            self.stores.drop(place)

    def find_out(self, place: Store) -> None:
        """Whatever was left, who looks later comes to one final end, and to the truth; and sends nothing."""
        clock, store = SlowTime(self.sandbox, self._later()), opened(place)
        posts = _posts(self.sandbox)
        found = rechecked(self.desks.ours, store, self.operation, clock)
        if found.stage is Stage.CONFIRMED:
            # Nobody had claimed it: it might still be executed, and expires.
            late = SlowTime(self.sandbox, found.plan.expires_at + LATER)
            found = rechecked(self.desks.ours, store, self.operation, late)
        assert _posts(self.sandbox) == posts, "who looks again sends nothing"
        if self.case.is_carried_on and found.stage is not Stage.ENDED:
            found = executed(self.desks.ours, store, self.operation, Seams(), clock)
        self._is_the_truth(found, store)
        store.close()

    def _is_the_truth(self, found: Operation, store: Seamed) -> None:
        """Each effect at most once and in order, each intended before, one end, which is what came of it."""
        effects = tuple(self.case.effects(self.sandbox, self.operation))
        begun = [one.step for one in found.journal if one.state is StepState.INTENDED]
        assert effects == self.case.whole[: len(effects)], "at most one effect of each, in order"
        assert len(begun) == len(set(begun)), "one intent of each"
        assert len(begun) - len(effects) in (0, 1), "none without its intent, none after one that failed"
        came_about = Outcome.SUCCEEDED if effects == self.case.whole else Outcome.FAILED
        outcome = came_about if begun else Outcome.ABORTED
        assert (found.stage, found.outcome) == (Stage.ENDED, outcome), f"{found.outcome}: {found.said}"
        assert (outcome is Outcome.FAILED) is (len(begun) > len(effects)), "what can go on goes on"
        phases = [str(record.draft.phase) for record in store.tail(50, operation=self.operation)]
        assert phases.count("intent") == bool(begun)
        assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
        assert store.verify(deep=True).flaw is None
        assert store.open_operations() == (), "its target is free"

    def _anew(self) -> None:
        control = self.sandbox.control
        control.forget_changes()
        control.clear_faults()
        control.clear_requests()
        control.clock.freeze(self.began)

    def _later(self) -> datetime:
        """When the next one comes, in a world whose systems are well."""
        at = self.sandbox.control.clock.now() + LATER
        self.sandbox.control.clear_faults()
        self.sandbox.control.clock.freeze(at)
        return at


def _posts(sandbox: Sandbox) -> int:
    requests = sandbox.control.requests()
    return sum(
        one.method not in ("GET", "HEAD") and not one.path.endswith(("/list", "/token")) for one in requests
    )


Lay = Callable[..., Matrix]


@pytest.fixture
def lay(stores: Stores, sandbox: Sandbox, desks: Desks, tmp_path: Path) -> Lay:
    """Confirms the operation of a case, and lays out the matrix of its seams."""

    def laid(case: Case, fault: str, *, is_fresh: bool = False) -> Matrix:
        ready = stores.new()
        return Matrix(
            case=case,
            fault=FAULTS[fault],
            sandbox=sandbox,
            desks=desks,
            stores=stores,
            began=sandbox.control.clock.now(),
            ready=ready,
            operation=confirmed(desks.ours, ready, case.request(desks.ours)),
            notes=tmp_path / "passed",
            is_fresh=is_fresh,
        )

    return laid


def chosen(seams: Sequence[str], points: Collection[int]) -> list[int]:
    """Of those that repeat themselves look after look, or step after step, the first two and the last."""
    return [
        point
        for point in points
        if seams[:point].count(seams[point]) < 2 or seams[point] not in seams[point + 1 :]
    ]
