"""The same killing as in ``test_crash_matrix``, through the real adapters, for every kind of operation.

The systems are served by this process; the runner is a fork of it, which kills itself at each seam in turn.
"""

import json
import shutil
import signal
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from acting import Seamed, SeamStore, SeamTeamStore, states
from crashing import Seams, SeamSystems, forked, spawned

from fedesk import execution
from fedesk.domain.names import RunName
from fedesk.domain.operations import Operation, Outcome, Stage, StepState, WriteWindow
from fedesk.domain.reruns import RerunRequest
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.server import Sandbox
from fedesk.services.kinds import KINDS
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer
from fedesk.services.settling import recheck
from fedesk.store.operations import SqlStore

if TYPE_CHECKING:
    from postgres_server import Server

T = TypeVar("T")

LATER = timedelta(minutes=5)
"""Longer than any system's patience."""


@dataclass(frozen=True)
class Case:
    """What an operation of one kind is tried on, and how its effects in the world are counted."""

    kind: str
    run: str
    effects: Callable[[Sandbox, str], int]


def clears(sandbox: Sandbox, operation: str) -> int:
    """Clears that carry the operation's id, in Airflow's own log of who did what."""
    events = sandbox.world.airflow.events("prod")
    return sum(event.event == CLEAR and operation in event.extra for event in events)


def builds_with_id(sandbox: Sandbox, operation: str) -> int:
    """Builds that carry the operation's id, those in the queue included."""
    plans = sandbox.world.build_plans("finedge/prod/lending-ci")
    return sum(any(one.value == operation for one in plan.parameters) for plan in plans)


def builds_by_us(sandbox: Sandbox, _operation: str) -> int:
    """New builds that our user has triggered, of a job that does not take the operation's id."""
    us = sandbox.world.identity("jenkins", writer=True).user
    plans = sandbox.world.build_plans("finedge/prod/payments-ci")
    before = next(plan.queue_id for plan in plans if plan.number == 390)
    return sum(plan.queue_id > before and any(cause.user_id == us for cause in plan.causes) for plan in plans)


CASES = {
    "clear": Case(
        "airflow.clear-failed", "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00", clears
    ),
    "build": Case("jenkins.rebuild", "prod/jenkins:finedge/prod/lending-ci#340", builds_with_id),
    "build without id": Case("jenkins.rebuild", "prod/jenkins:finedge/prod/payments-ci#390", builds_by_us),
}


RELEASES = ("release.promote", "release.rollback")
ANSWERS = "jenkins.answer-input"
"""Tried in ``test_release_crashes``."""


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

    def __init__(
        self,
        sandbox: Sandbox,
        system: str,
        fault: str,
        fatal: int | None = None,
        notes: Path | None = None,
    ) -> None:
        super().__init__(fatal)
        self._control, self._system, self._fault = sandbox.urls["control"], system, fault
        self._notes = notes
        """A file in which another process reads what was passed."""

    def __call__(self, name: str) -> None:
        super().__call__(name)
        if self._notes is not None:
            self._notes.write_text("\n".join(self.passed))
        if name == "before send" and self._fault:
            matched = "clearTaskInstances$|/build(WithParameters)?$"
            order(self._control, "faults", system=self._system, kind=self._fault, match=matched)


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


def confirmed(desk: execution.Desk, place: Store, run: str) -> str:
    """Plan and confirm, as the command line does in production; the operation's id."""
    store = opened(place)
    changes = replace(desk.changes, store=store)
    proposal = changes.propose(RerunRequest(run=RunName.parse(run)))
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


def executes(desk: execution.Desk, place: Store, operation: str, seams: Seams, clock: WorldTime) -> None:
    """What the runner does with an operation of a store."""
    store = opened(place, seams)
    execute(
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
    store.close()


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


def found_out(desk: execution.Desk, sandbox: Sandbox, place: Store, operation: str, case: Case) -> None:
    """Whatever was left, a later look comes to one final end, and to the truth."""
    at = desk.clock.now() + LATER
    sandbox.control.clear_faults()
    sandbox.control.clock.freeze(at)
    posts = _posts(sandbox)
    store = opened(place)
    found = rechecked(desk, store, operation, WorldTime(sandbox, at))
    if found.stage is Stage.CONFIRMED:
        found = rechecked(desk, store, operation, WorldTime(sandbox, at + timedelta(hours=1)))
    assert _posts(sandbox) == posts, "who looks again sends nothing"
    effects = case.effects(sandbox, operation)
    is_intended = any(state is StepState.INTENDED for _, state in states(found))
    phases = [str(record.draft.phase) for record in store.tail(50, operation=operation)]
    assert effects in (0, 1), "at most one effect"
    assert phases.count("intent") == is_intended
    assert is_intended or not effects
    assert found.stage is Stage.ENDED
    assert (found.outcome is Outcome.SUCCEEDED) is bool(effects), f"{found.outcome}: {found.said}"
    assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
    assert store.verify(deep=True).flaw is None
    assert store.open_operations() == ()
    store.close()


def _posts(sandbox: Sandbox) -> int:
    requests = sandbox.control.requests()
    return sum(
        one.method not in ("GET", "HEAD") and not one.path.endswith(("/list", "/token")) for one in requests
    )


def test_every_kind_is_tried() -> None:
    """A kind of operation that is added is killed at its seams too."""
    assert {case.kind for case in CASES.values()} | {*RELEASES, ANSWERS} == set(KINDS)


def chosen(passed: Sequence[str]) -> Iterator[int]:
    """Every seam; of one that repeats itself look after look, the first two and the last."""
    for point, seam in enumerate(passed):
        if passed[:point].count(seam) < 2 or seam not in passed[point + 1 :]:
            yield point


FAULTS = {"answered": "", "answer lost": "drop_after_commit", "reset": "reset"}
SAMPLED = {("clear", "answer lost"), ("build", "answered"), ("build without id", "answer lost")}
"""What is tried on PostgreSQL each time; the rest is, by ``-m soak``."""


def cell(kind: str, name: str, fault: str) -> object:
    """A kind of operation with a fault, on a file or on a team's database."""
    is_long = kind == "postgresql" and (name, fault) not in SAMPLED
    marks = [pytest.mark.soak] if is_long else []
    return pytest.param(kind, name, FAULTS[fault], marks=marks, id=f"{kind}-{name}-{fault}")


FRESH = [
    pytest.param(kind, name, FAULTS[fault], id=f"{kind}-{name}-{fault}")
    for kind, name, fault in product(("sqlite", "postgresql"), CASES, FAULTS)
    if kind == "sqlite" or fault == "answer lost"
]
"""What is tried on processes that are started for it."""
CELLS = [cell(*one) for one in product(("sqlite", "postgresql"), CASES, FAULTS)]


@dataclass(frozen=True)
class Stores:
    """Stores of one kind."""

    new: Callable[[], Store]
    copy: Callable[[Store], Store]
    """Another one with the same in it."""


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Files, or databases of a team."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return Stores(new=server.fresh, copy=lambda place: server.copy(str(place)))
    files = (tmp_path / f"{number}.sqlite3" for number in count())
    return Stores(new=lambda: next(files), copy=lambda place: Path(shutil.copy(place, next(files))))


@pytest.mark.parametrize(("stores", "name", "fault"), CELLS, indirect=["stores"])
def test_killed_at_any_seam(
    stores: Stores, name: str, fault: str, sandbox: Sandbox, desks: Desks, tmp_path: Path
) -> None:
    """At most one effect in the system, one intent if anything was sent, one final outcome, the truth."""
    case, began = CASES[name], sandbox.control.clock.now()
    system = case.kind.partition(".")[0]
    ready = stores.new()
    operation = confirmed(desks.ours, ready, case.run)

    def runner(seams: Seams) -> tuple[Store, Callable[[], None]]:
        """A runner in a world and a store in which nothing has happened yet."""
        sandbox.control.forget_changes()
        sandbox.control.clear_faults()
        sandbox.control.clock.freeze(began)
        place = stores.copy(ready)
        return place, partial(executes, desks.unused, place, operation, seams, SlowTime(sandbox, began))

    passed = tmp_path / "passed"
    whole = FaultySeams(sandbox, system, fault)
    _, whole_run = runner(whole)
    assert forked(lambda: (whole_run(), passed.write_text("\n".join(whole.passed)))) == 0
    seams = passed.read_text().splitlines()
    assert ("no answer" if fault else "after answer") in seams
    assert case.effects(sandbox, operation) == (fault != "reset")
    # Up to the send a fault changes nothing.
    first = seams.index("before send") if fault else 0
    for point in (one for one in chosen(seams) if one >= first):
        place, run = runner(FaultySeams(sandbox, system, fault, point))
        assert forked(run) == signal.SIGKILL, seams[point]
        found_out(desks.ours, sandbox, place, operation, case)


def executes_afresh(config: Path, place: Store, operation: str, seams: Seams, clock: WorldTime) -> None:
    """What a runner does that has just been started."""
    executes(execution.open_desk(config, "prod", clock), place, operation, seams, clock)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stores", "name", "fault"), FRESH, indirect=["stores"])
def test_fresh_processes_killed_at_any_seam(
    stores: Stores,
    name: str,
    fault: str,
    sandbox: Sandbox,
    desks: Desks,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """The same of processes that were started for it, as runners are."""
    case, began = CASES[name], sandbox.control.clock.now()
    system = case.kind.partition(".")[0]
    ready = stores.new()
    operation = confirmed(desks.ours, ready, case.run)

    def run(seams: Seams) -> tuple[Store, int]:
        sandbox.control.forget_changes()
        sandbox.control.clear_faults()
        sandbox.control.clock.freeze(began)
        place, clock = stores.copy(ready), SlowTime(sandbox, began)
        return place, spawned(executes_afresh, sandbox.config_path, place, operation, seams, clock)

    whole = FaultySeams(sandbox, system, fault, notes=tmp_path / "passed")
    assert run(whole)[1] == 0
    seams = (tmp_path / "passed").read_text().splitlines()
    points = [*chosen(seams)]
    record_property("kills", len(points))
    for point in points:
        place, killed = run(FaultySeams(sandbox, system, fault, point))
        assert killed == signal.SIGKILL, seams[point]
        found_out(desks.ours, sandbox, place, operation, case)
