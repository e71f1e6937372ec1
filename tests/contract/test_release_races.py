"""The same promotion asked twice, by two people, at once: two processes over the sandbox, one deployment."""

import json
import multiprocessing
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from crashing import Seams, SeamSystems
from killed_runners import LATER, order
from several_desks import opened_over
from test_release_crashes import released, triggered

from fedesk import execution
from fedesk.domain.audit import Actor
from fedesk.domain.operations import Operation, Outcome, WriteWindow
from fedesk.domain.release_matrix import DIGEST_PIN, PROMOTE
from fedesk.domain.release_queue import TURN
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer

if TYPE_CHECKING:
    from postgres_server import Server

JOB = "finedge/prod/deploy-loyalty"

FORK = multiprocessing.get_context("fork")
PATIENCE = 30.0
PEOPLE = ("mara", "tom")
RACES = [("sqlite", 1), ("postgresql", 1)]
SOAKED = [("sqlite", 30), ("postgresql", 30)]


@dataclass
class SharedTime(Seams):
    """The world's clock, which moves while whoever deploys waits; the other looks again and again."""

    control: str
    told: Event
    """Set when one of the two has been told that it does not act now."""
    acts: bool = field(default=False)

    def now(self) -> datetime:
        with urllib.request.urlopen(f"{self.control}/clock", timeout=PATIENCE) as answer:  # noqa: S310 - ours
            return datetime.fromisoformat(json.load(answer)["now"])

    def monotonic(self) -> float:
        return self.now().timestamp()

    def pause(self, seconds: float) -> None:
        if self.acts:
            order(self.control, "clock", advance=str(4 * max(seconds, 2.0)))
        else:
            self.told.set()
            time.sleep(0.1)

    def __call__(self, name: str) -> None:
        """Whoever is first sends when the other has been told."""
        if name != "before send":
            return
        assert self.told.wait(PATIENCE), "nobody else has been told"
        self.acts = True


@dataclass(frozen=True)
class Track:
    """What both processes have."""

    desk: execution.Desk
    """That was never used: each fork takes it as its own."""
    control: str
    folder: Path
    team: str | None
    barrier: Barrier
    told: Event


def asks(track: Track, person: str, answers: Connection) -> None:
    """A process in which somebody plans a promotion, says yes when the other does, and carries it out."""
    clock = SharedTime(track.control, track.told)
    actor = Actor(person=person, known_by="operating system", host=f"desk-{person}", pid=1)
    desk = track.desk
    with opened_over(track.folder, track.team) as open_it:
        store = open_it()
        changes = replace(desk.changes, store=store, actor=actor, clock=clock)
        proposal = changes.propose(released(PROMOTE)(desk))
        now = clock.now()
        window = WriteWindow(
            environment="prod", opened_at=now, until=now + LATER, reason="CHG-1", opened_by=person
        )
        track.barrier.wait(PATIENCE)
        answer = Answer(how="--confirm prod", named="prod", reason="CHG-1", window=window)
        operation = changes.confirm(proposal, answer).plan.operation
        ended = execute(
            operation,
            store=store,
            systems=SeamSystems(desk.systems, clock),
            catalogue=desk.catalogue,
            environments=desk.by_name,
            actor=actor,
            clock=clock,
            processes=LocalProcesses(),
            pause=clock.pause,
        )
        track.told.set()
        answers.send(ended.plan.operation)


def raced(track: Track) -> tuple[Operation, Operation]:
    """Both at once; whoever succeeded comes first."""
    racers = []
    for person in PEOPLE:
        ours, theirs = FORK.Pipe()
        process = FORK.Process(target=asks, args=(track, person, theirs), daemon=True)
        process.start()
        racers.append((process, ours))
    found = []
    with opened_over(track.folder, track.team) as open_it:
        store = open_it()
        for process, answers in racers:
            assert answers.poll(PATIENCE), "a race that does not end"
            operation = store.operation(answers.recv())
            assert operation is not None
            found.append(operation)
            process.join(PATIENCE)
            assert process.exitcode == 0
        for one in found:
            phases = [str(each.draft.phase) for each in store.tail(9, operation=one.plan.operation)]
            wanted = ["intent", "outcome"] if one.outcome is Outcome.SUCCEEDED else ["refusal"]
            assert [phase for phase in phases if phase != "override"] == wanted
        assert store.verify(deep=True).flaw is None
        assert store.open_operations() == ()
    first, second = found
    return (first, second) if first.outcome is Outcome.SUCCEEDED else (second, first)


@pytest.mark.parametrize(
    ("kind", "races"),
    [
        *RACES,
        *(pytest.param(*one, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]) for one in SOAKED),
    ],
)
def test_asked_twice_by_two_people_at_once(
    kind: str, races: int, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One deployment; the other waits its turn behind a name, and finds it done. Both are on the record."""
    server: Server | None = request.getfixturevalue("postgres") if kind == "postgresql" else None
    began, control = sandbox.control.clock.now(), sandbox.urls["control"]
    told = FORK.Event()
    for number in range(races):
        sandbox.control.forget_changes()
        sandbox.control.clock.freeze(began)
        told.clear()
        folder = tmp_path / str(number)
        folder.mkdir()
        before = len(sandbox.world.deployments.all_of("prod", "loyalty"))
        team = server.fresh() if server is not None else None
        with closing(execution.open_desk(sandbox.config_path, "prod", SharedTime(control, told))) as desk:
            winner, loser = raced(Track(desk, control, folder, team, FORK.Barrier(len(PEOPLE)), told))
        assert {winner.plan.requester, loser.plan.requester} == set(PEOPLE)
        assert (winner.outcome, loser.outcome) == (Outcome.SUCCEEDED, Outcome.REFUSED)
        assert loser.is_conflict
        assert "runs there already was no and is yes" in loser.said
        waits = [entry.said for entry in loser.journal if entry.reference == TURN]
        behind = f"{winner.plan.operation} ({PROMOTE} of {winner.plan.requester})"
        assert waits == [f"waits its turn: 1st in line behind {behind}"]
        assert triggered(sandbox, winner.plan.operation) == [False]
        assert triggered(sandbox, loser.plan.operation) == []
        there = sandbox.world.deployments.all_of("prod", "loyalty")
        assert (len(there) - before, there[-1].digest) == (1, winner.plan.targets[0].pins[DIGEST_PIN])
        assert there[-1].build.job == JOB
