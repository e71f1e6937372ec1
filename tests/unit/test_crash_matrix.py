"""The runner is killed at every seam there is, and what it left is found out: nothing doubled, nothing lost.

Seams are before and after each transaction of the store, before a call, between the system's commit and its
answer, and after the answer. They are found by a run that is not killed, so that a new step or transaction
adds its points by itself. Each point is a fork of this warmed process that kills itself with SIGKILL there.
"""

import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from acting import LineWorld, MovedClock, Rig, Script, SeamStore, states
from crashing import SeamChanger, Seams, forked

from fedesk.domain.operations import Outcome, Stage, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.services.processes import LocalProcesses
from fedesk.store.operations import SqlStore

LATER = timedelta(minutes=5)
"""Longer than any system's patience."""


def rig_at(folder: Path, seams: Seams, script: Script, later: timedelta = timedelta()) -> Rig:
    """A rig on the store and world of a folder, all of whose seams are counted."""
    clock = MovedClock()
    clock.at += later
    rig = Rig(
        store=SeamStore(folder / "state.sqlite3", seams),
        world=LineWorld(folder / "lines"),
        script=script,
        clock=clock,
        processes=LocalProcesses(),
    )
    rig.systems.wrap = lambda changer: SeamChanger(changer, seams)
    script.on_done = lambda: seams("done, not answered")
    return rig


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a store in which one operation is confirmed, to be copied; and the operation."""
    folder = tmp_path_factory.mktemp("confirmed")
    store = SqlStore(folder / "state.sqlite3")
    operation = Rig(store=store, world=LineWorld(folder / "lines")).confirmed()
    store.close()
    return folder, operation


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def executes(folder: Path, operation: str, name: str, seams: Seams) -> None:
    rig = rig_at(folder, seams, SCRIPTS[name]())
    rig.execute(operation)
    rig.store.close()


def rechecks(folder: Path, operation: str, seams: Seams) -> None:
    rig = rig_at(folder, seams, Script(), LATER)
    rig.recheck(operation)
    rig.store.close()


def found_out(folder: Path, operation: str) -> None:
    """Whatever was left, a later look comes to one final end, and to the truth."""
    rig = rig_at(folder, Seams(), Script(), LATER)
    found = rig.recheck(operation)
    if found.stage is Stage.CONFIRMED:
        # Nobody had claimed it: it might still be executed, and expires.
        rig.clock.at += timedelta(hours=1)
        found = rig.recheck(operation)
    lines, phases = rig.world.lines(), rig.phases(operation)
    is_intended = ("send", StepState.INTENDED) in states(found)
    assert lines in ([], [operation]), "at most one effect"
    assert states(found).count(("send", StepState.INTENDED)) == is_intended
    assert phases.count("intent") == is_intended
    assert is_intended or not lines, "an intent before anything is sent"
    assert found.stage is Stage.ENDED
    assert (found.outcome is Outcome.SUCCEEDED) is bool(lines), "the outcome is the truth"
    assert found.outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABORTED)
    assert (found.outcome is Outcome.ABORTED) is not is_intended
    assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
    assert rig.script.sends == [], "who looks again sends nothing"
    assert rig.store.verify(deep=True).flaw is None
    assert rig.holder() is None
    rig.store.close()


SCRIPTS: dict[str, Callable[[], Script]] = {
    "answered": Script,
    "answer lost": lambda: Script(after=UnreachableError("reset by peer")),
    "nothing done, no answer": lambda: Script(before=UnreachableError("reset by peer")),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_killed_at_any_seam(name: str, template: tuple[Path, str], tmp_path: Path) -> None:
    """Killed anywhere: at most one effect, one intent if anything was sent, one final outcome, the truth."""
    folder, operation = template
    whole = Seams()
    executes(copied(folder, tmp_path / "whole"), operation, name, whole)
    assert {
        f"{when} {what}" for when in ("before", "after") for what in ("claim", "write", "renew", "end")
    } <= {*whole.passed}
    assert "before send" in whole.passed
    for point, seam in enumerate(whole.passed):
        copy = copied(folder, tmp_path / str(point))
        assert forked(partial(executes, copy, operation, name, Seams(point))) == signal.SIGKILL, seam
        found_out(copy, operation)


@pytest.mark.parametrize("seam", ["after claim", "before send", "done, not answered", "after answer"])
def test_who_looks_again_is_killed_too(seam: str, template: tuple[Path, str], tmp_path: Path) -> None:
    """A recheck that dies at any of its own seams leaves what the next one finds out all the same."""
    folder, operation = template
    whole = Seams()
    executes(copied(folder, tmp_path / "whole"), operation, "answered", whole)
    left = copied(folder, tmp_path / "left")
    forked(partial(executes, left, operation, "answered", Seams(whole.passed.index(seam))))
    again = Seams()
    rechecks(copied(left, tmp_path / "again"), operation, again)
    for point, passed in enumerate(again.passed):
        copy = copied(left, tmp_path / str(point))
        assert forked(partial(rechecks, copy, operation, Seams(point))) == signal.SIGKILL, passed
        found_out(copy, operation)
