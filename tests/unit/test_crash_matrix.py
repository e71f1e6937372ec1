"""The runner is killed at every seam there is, and what it left is found out: nothing doubled, nothing lost.

Seams are before and after each transaction of the store, before a call, between the system's commit and its
answer, and after the answer. They are found by a run that is not killed, so that a new step or transaction
adds its points by itself. Each point is a fork of this warmed process that kills itself with SIGKILL there.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from acting import LineWorld, MovedClock, Rig, Script, Seamed, SeamStore, SeamTeamStore, states
from crashing import SeamChanger, Seams, forked

from fedesk.domain.operations import Outcome, Stage, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.services.processes import LocalProcesses

LATER = timedelta(minutes=5)
"""Longer than any system's patience."""


Opens = Callable[[Seams], Seamed]
"""Opens the one store of a test, all of whose seams are counted."""


STORES = ("sqlite", "postgresql")


@pytest.fixture(params=STORES)
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """A store in a file, or in a team's database. A process that forks opens its own."""
    if request.param == "sqlite":
        return lambda seams: SeamStore(tmp_path / "state.sqlite3", seams)
    url = request.getfixturevalue("postgres").fresh()
    return lambda seams: SeamTeamStore(url, seams)


@dataclass
class Place:
    """Where the operations of a test are: a store, and what there is in the world."""

    opens: Opens
    lines: Path

    @contextmanager
    def rig(self, seams: Seams, script: Script, later: timedelta = timedelta()) -> Iterator[Rig]:
        """Everything that an operation needs, all of whose seams are counted."""
        clock = MovedClock()
        clock.at += later
        rig = Rig(
            store=self.opens(seams),
            world=LineWorld(self.lines),
            script=script,
            clock=clock,
            processes=LocalProcesses(),
        )
        rig.systems.wrap = lambda changer: SeamChanger(changer, seams)
        script.on_done = lambda: seams("done, not answered")
        yield rig
        rig.store.close()

    def confirmed(self) -> str:
        with self.rig(Seams(), Script()) as rig:
            return rig.confirmed()

    def executes(self, operation: str, name: str, seams: Seams) -> None:
        with self.rig(seams, SCRIPTS[name]()) as rig:
            rig.execute(operation)

    def rechecks(self, operation: str, seams: Seams) -> None:
        with self.rig(seams, Script(), LATER) as rig:
            rig.recheck(operation)

    def found_out(self, operation: str) -> None:
        """Whatever was left, a later look comes to one final end, and to the truth."""
        with self.rig(Seams(), Script(), LATER) as rig:
            found = rig.recheck(operation)
            if found.stage is Stage.CONFIRMED:
                # Nobody had claimed it: it might still be executed, and expires.
                rig.clock.at += timedelta(hours=1)
                found = rig.recheck(operation)
            effects, phases = rig.world.lines().count(operation), rig.phases(operation)
            is_intended = ("send", StepState.INTENDED) in states(found)
            assert effects in (0, 1), "at most one effect"
            assert states(found).count(("send", StepState.INTENDED)) == is_intended
            assert phases.count("intent") == is_intended
            assert is_intended or not effects, "an intent before anything is sent"
            assert found.stage is Stage.ENDED
            assert (found.outcome is Outcome.SUCCEEDED) is bool(effects), "the outcome is the truth"
            assert found.outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABORTED)
            assert (found.outcome is Outcome.ABORTED) is not is_intended
            assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
            assert rig.script.sends == [], "who looks again sends nothing"
            assert rig.holder() is None


@pytest.fixture
def place(opens: Opens, tmp_path: Path) -> Iterator[Place]:
    """A store that many operations on one target go through; at the end its audit log is whole."""
    place = Place(opens, tmp_path / "lines")
    yield place
    with place.rig(Seams(), Script()) as rig:
        assert rig.store.verify(deep=True).flaw is None


SCRIPTS: dict[str, Callable[[], Script]] = {
    "answered": Script,
    "answer lost": lambda: Script(after=UnreachableError("reset by peer")),
    "nothing done, no answer": lambda: Script(before=UnreachableError("reset by peer")),
}


@pytest.mark.parametrize(
    ("opens", "name"),
    [
        pytest.param(*pair, marks=() if "sqlite" in pair or "answer lost" in pair else pytest.mark.soak)
        for pair in product(STORES, SCRIPTS)
    ],
    indirect=["opens"],
)
def test_killed_at_any_seam(name: str, place: Place) -> None:
    """Killed anywhere: at most one effect, one intent if anything was sent, one final outcome, the truth."""
    whole = Seams()
    place.executes(place.confirmed(), name, whole)
    assert {
        f"{when} {what}" for when in ("before", "after") for what in ("claim", "write", "renew", "end")
    } <= {*whole.passed}
    assert "before send" in whole.passed
    for point, seam in enumerate(whole.passed):
        operation = place.confirmed()
        assert forked(partial(place.executes, operation, name, Seams(point))) == signal.SIGKILL, seam
        place.found_out(operation)


@pytest.mark.parametrize(
    "seam",
    [
        "before send",
        "done, not answered",
        *(pytest.param(one, marks=pytest.mark.soak) for one in ("after claim", "after answer")),
    ],
)
def test_who_looks_again_is_killed_too(seam: str, place: Place) -> None:
    """A recheck that dies at any of its own seams leaves what the next one finds out all the same."""
    whole = Seams()
    place.executes(place.confirmed(), "answered", whole)
    fatal = whole.passed.index(seam)

    def left() -> str:
        operation = place.confirmed()
        forked(partial(place.executes, operation, "answered", Seams(fatal)))
        return operation

    again = Seams()
    place.rechecks(left(), again)
    for point, passed in enumerate(again.passed):
        operation = left()
        assert forked(partial(place.rechecks, operation, Seams(point))) == signal.SIGKILL, passed
        place.found_out(operation)
