"""An operation that was left is carried on by another process: nothing doubled, nothing sent on a guess."""

import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from acting import ME, OTHER, LineSystems, LineWorld, Living, Script, SeamStore, states
from crashing import SeamChanger, Seams, forked
from staging import REVIEW, StagedRig, decided_in

from fedesk.domain.operations import Choice, Operation, Outcome, Progress, Stage, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.ports.operation_store import NotClaimableError
from fedesk.services.processes import LocalProcesses
from fedesk.store.operations import SqlStore

LATER = timedelta(minutes=5)
"""Longer than any system's patience."""
THIRD = replace(ME, pid=4713)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[StagedRig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


class DiedError(BaseException):
    """The runner's process ends here."""


def die() -> None:
    raise DiedError


def left(rig: StagedRig, *, at_look: int = 3) -> str:
    """An operation whose runner, another process, died while it waited for the first line to arrive."""
    operation = rig.staged()
    rig.script.progress = [Progress(state=StepState.WAITING, said="on its way")] * 1000
    pauses: list[float] = []

    def on_pause() -> None:
        pauses.append(0.0)
        if len(pauses) >= at_look:
            die()

    rig.clock.on_pause = on_pause
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    rig.clock.on_pause = lambda: None
    return operation


def proceeds(rig: StagedRig, operation: str) -> None:
    """From here on somebody decides as soon as there is something to decide."""
    rig.clock.on_pause = partial(decided_in, rig.store, operation, Choice.PROCEED, rig.clock)


def test_an_await_of_a_dead_process_is_carried_on(rig: StagedRig) -> None:
    """Another process takes the lease, goes on waiting, and sends what was never intended: once."""
    operation = left(rig)
    rig.clock.at += timedelta(days=3)
    rig.script.progress = [Progress(state=StepState.WAITING, said="on its way")] * 20
    proceeds(rig, operation)
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [operation, f"{operation}/rest"]
    assert states(ended).count(("arrive", StepState.WAITING)) == 1
    assert rig.phases(operation) == ["intent", "approval", "outcome"]
    assert rig.store.verify(deep=True).flaw is None
    assert rig.holder() is None


def test_what_was_given_back_is_carried_on(rig: StagedRig) -> None:
    """A recheck that found it still waiting gave the lease back: whoever executes it goes on at once."""
    operation = left(rig)
    given_back = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert given_back.stage is Stage.RUNNING
    rig.script.progress = []
    proceeds(rig, operation)
    ended = rig.execute(operation, processes=Living(mine=THIRD))
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [operation, f"{operation}/rest"]


def test_a_living_owner_is_left_alone(rig: StagedRig) -> None:
    """Who is at it and lives is named; nothing is looked up, nothing sent."""
    operation = left(rig)
    with pytest.raises(NotClaimableError, match=r"is under way\. Process 4712 on desk-3 is at it and lives"):
        rig.execute(operation)
    assert len(rig.script.sends) == 1


def test_what_has_ended_is_not_carried_on(rig: StagedRig) -> None:
    """A final outcome is final."""
    operation = left(rig)
    rig.script.progress = [Progress(state=StepState.FAILED, said="cancelled")]
    assert rig.execute(operation, processes=Living(dead={OTHER})).outcome is Outcome.FAILED
    with pytest.raises(NotClaimableError, match="has ended: failed"):
        rig.execute(operation)


def test_what_never_began_a_step_is_not_begun_by_carrying_on(rig: StagedRig) -> None:
    """A process that died between claim and intent has sent nothing, and its yes is not used for another."""
    operation = rig.staged()
    rig.on_draft = die
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.ABORTED
    assert rig.world.lines() == []


def test_an_unanswered_effect_is_looked_up_before_the_next_is_sent(rig: StagedRig) -> None:
    """The first effect's answer never came: it is found, never sent again, and then the second is sent."""
    operation = rig.staged()
    rig.script.after, rig.script.on_look = UnreachableError("reset by peer"), die
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    rig.script.after, rig.script.on_look = None, lambda: None
    proceeds(rig, operation)
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    assert [call.key for call in rig.script.sends] == [operation, f"{operation}/rest"]


def test_an_effect_that_was_intended_and_not_done_is_not_sent_again(rig: StagedRig) -> None:
    """An intent is the one chance of its effect: what did not come of it is a failure, and no second try."""
    operation = rig.staged()
    rig.script.before, rig.script.on_look = UnreachableError("reset by peer"), die
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    rig.script.before, rig.script.on_look = None, lambda: None
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert (ended.outcome, ended.said) == (Outcome.FAILED, "nothing was changed: there is no such line")
    assert rig.world.lines() == []


def test_an_unknown_end_that_can_be_told_later_is_carried_on(rig: StagedRig) -> None:
    """Unknown was provisional: found to be done, the operation goes on, and its end is the settlement."""
    rig.script.after, rig.script.always_unknown = UnreachableError("reset by peer"), True
    operation = rig.staged()
    assert rig.execute(operation).outcome is Outcome.UNKNOWN
    still = rig.execute(operation, processes=Living(mine=THIRD, dead={ME}))
    assert still.outcome is Outcome.UNKNOWN
    rig.script.after, rig.script.always_unknown = None, False
    proceeds(rig, operation)
    ended = rig.execute(operation, processes=Living(mine=OTHER, dead={ME, THIRD}))
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [operation, f"{operation}/rest"]
    assert rig.phases(operation) == ["intent", "outcome", "approval", "settlement"]
    assert rig.store.verify(deep=True).flaw is None


def test_two_who_carry_on_at_once(rig: StagedRig) -> None:
    """Of two processes one has the lease; the other is told whose it is, and sends nothing."""
    operation = left(rig)
    rig.script.progress = []
    told: list[str] = []

    def overtaken() -> None:
        with pytest.raises(NotClaimableError) as caught:
            rig.execute(operation, processes=Living(mine=THIRD, dead={OTHER}))
        told.append(str(caught.value))
        decided_in(rig.store, operation, Choice.PROCEED, rig.clock)

    rig.clock.on_pause = overtaken
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    assert told
    assert "Process 4711 on desk-3 is at it and lives" in told[0]
    assert rig.world.lines() == [operation, f"{operation}/rest"]


def test_a_connection_that_leads_elsewhere_is_not_gone_on_with(rig: StagedRig) -> None:
    """The configuration has changed since: nothing is sent there, and it goes on when it is as it was."""
    operation = left(rig)
    rig.systems = LineSystems(rig.world, rig.script, address="http://elsewhere.example")
    rig.script.progress = []
    found = rig.execute(operation, processes=Living(dead={OTHER}))
    assert found.outcome is Outcome.UNKNOWN
    assert "was http://airflow.dev.example in the plan" in found.said
    assert rig.world.lines() == [operation]
    rig.systems = LineSystems(rig.world, rig.script)
    proceeds(rig, operation)
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [operation, f"{operation}/rest"]


# Killed anywhere


def staged_at(folder: Path, seams: Seams, script: Script) -> StagedRig:
    """The world in a folder, with seams at each transaction and send; somebody decides to proceed."""
    rig = StagedRig(
        store=SeamStore(folder / "state.sqlite3", seams),
        world=LineWorld(folder / "lines"),
        script=script,
        processes=LocalProcesses(),
    )
    rig.clock.at += LATER * (1 + len(rig.world.lines()))
    script.on_done = partial(seams, "done, not answered")
    rig.systems.wrap = lambda changer: SeamChanger(changer, seams)
    return rig


def executes(folder: Path, operation: str, script: Script, seams: Seams) -> None:
    rig = staged_at(folder, seams, script)
    other = SqlStore(folder / "state.sqlite3")
    rig.clock.on_pause = partial(decided_in, other, operation, Choice.PROCEED, rig.clock)
    try:
        rig.execute(operation)
    except NotClaimableError:
        # It had ended before.
        found = other.operation(operation)
        assert found is not None
        assert not found.is_open
    finally:
        other.close()
        rig.store.close()


def first_script() -> Script:
    return Script(progress=[Progress(state=StepState.WAITING, said="on its way")] * 2)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store with one confirmed operation of two effects, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    rig = StagedRig(store=SqlStore(folder / "state.sqlite3"), world=LineWorld(folder / "lines"))
    operation = rig.staged()
    rig.store.close()
    return folder, operation


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def ended_well(folder: Path, operation: str) -> Operation:
    """What holds of each operation, wherever who carried it out was killed."""
    with_it = SqlStore(folder / "state.sqlite3")
    try:
        found = with_it.operation(operation)
        records = [record.draft for record in with_it.tail(100, operation=operation)]
        flaw = with_it.verify(deep=True).flaw
    finally:
        with_it.close()
    lines = LineWorld(folder / "lines").lines()
    assert found is not None
    assert found.stage is Stage.ENDED
    assert flaw is None
    assert len(lines) == len(set(lines)), "an effect was repeated"
    phases = [str(record.phase) for record in records]
    assert phases.count("intent") == (1 if states(found) else 0)
    final = [one for one in records if str(one.phase) in ("outcome", "settlement")]
    assert len([one for one in final if not one.result.startswith("unknown")]) == 1
    whole = {operation, f"{operation}/rest"}
    assert (found.outcome is Outcome.SUCCEEDED) == (set(lines) == whole)
    if "approval" in phases:
        assert (REVIEW, StepState.DONE) in states(found)
    return found


def test_killed_at_any_seam_and_carried_on(template: tuple[Path, str], tmp_path: Path) -> None:
    """Killed anywhere and carried on by another: every effect at most once, one intent, one final end.

    It ends well wherever no intent was left behind without its effect.
    """
    folder, operation = template
    whole = Seams()
    executes(copied(folder, tmp_path / "whole"), operation, first_script(), whole)
    assert ended_well(tmp_path / "whole", operation).outcome is Outcome.SUCCEEDED
    assert whole.passed.count("before send") == 2
    outcomes = set()
    for point, seam in enumerate(whole.passed):
        copy = copied(folder, tmp_path / str(point))
        killed = partial(executes, copy, operation, first_script(), Seams(point))
        assert forked(killed) == signal.SIGKILL, seam
        executes(copy, operation, first_script(), Seams())
        outcomes.add(ended_well(copy, operation).outcome)
    assert outcomes == {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABORTED}


@pytest.mark.parametrize(
    ("left_at", "nth"), [("done, not answered", 0), ("after renew", 1), ("before send", 1)]
)
def test_who_carries_on_is_killed_too(
    left_at: str, nth: int, template: tuple[Path, str], tmp_path: Path
) -> None:
    """Killed a first time and again at every seam of who carried it on, a third ends it by the truth."""
    folder, operation = template
    whole = Seams()
    executes(copied(folder, tmp_path / "whole"), operation, first_script(), whole)
    point = [index for index, seam in enumerate(whole.passed) if seam == left_at][nth]
    broken = copied(folder, tmp_path / "left")
    assert forked(partial(executes, broken, operation, first_script(), Seams(point))) == signal.SIGKILL
    again = Seams()
    executes(copied(broken, tmp_path / "again"), operation, first_script(), again)
    assert "after end" in again.passed
    for second, passed in enumerate(again.passed):
        copy = copied(broken, tmp_path / str(second))
        killed = partial(executes, copy, operation, first_script(), Seams(second))
        assert forked(killed) == signal.SIGKILL, passed
        executes(copy, operation, first_script(), Seams())
        ended_well(copy, operation)
