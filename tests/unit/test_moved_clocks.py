"""The clock is set an hour forward or back in mid-operation."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from acting import (
    ME,
    OTHER,
    LineWorld,
    Living,
    MovedClock,
    Rig,
    Script,
    SeamStore,
    SeamTeamStore,
    states,
)
from crashing import SeamChanger, Seams

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.ports.errors import UnreachableError

HOUR = timedelta(hours=1)
Opens = Callable[[Callable[[str], None]], SeamStore | SeamTeamStore]


@pytest.fixture(params=["sqlite", "postgresql"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """One store, opened with what is called at each of its seams."""
    if request.param == "sqlite":
        return lambda seam: SeamStore(tmp_path / "state.sqlite3", seam)
    url = request.getfixturevalue("postgres").fresh()
    return lambda seam: SeamTeamStore(url, seam)


class SetClock(MovedClock):
    """One that can be set; what has passed since the start is counted all the same."""

    skew = timedelta()

    def now(self) -> datetime:
        return self.at + self.skew


class DiedError(Exception):
    """The runner is no more."""


@dataclass
class Setting:
    """Sets the clock at one seam; the runner may die of it."""

    at: int
    skew: timedelta
    dies: bool
    clock: SetClock = field(default_factory=SetClock)
    passed: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) - 1 == self.at:
            self.clock.skew = self.skew
            if self.dies:
                raise DiedError


def rig_of(opens: Opens, seam: Callable[[str], None], clock: MovedClock, world: Path, script: Script) -> Rig:
    rig = Rig(store=opens(seam), world=LineWorld(world), script=script, clock=clock)
    rig.systems.wrap = lambda changer: SeamChanger(changer, seam)
    return rig


def truth(rig: Rig, operation: str, found: Operation) -> None:
    """One end, and the truth."""
    is_done = bool(rig.world.lines().count(operation))
    assert found.stage is Stage.ENDED
    assert (found.outcome is Outcome.SUCCEEDED) is is_done
    assert found.outcome is not Outcome.UNKNOWN
    phases = rig.phases(operation)
    assert phases.count("intent") == states(found).count(("send", StepState.INTENDED)) <= 1
    assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
    assert rig.holder() is None


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@pytest.mark.parametrize("hours", [pytest.param(1, marks=pytest.mark.soak), -1])
def test_the_clock_is_set(opens: Opens, tmp_path: Path, hours: int, lost: bool) -> None:  # noqa: FBT001 - a case
    """At any seam, and whether the runner goes on or dies there: one effect at most, one end, the truth."""

    def script() -> Script:
        return Script(after=UnreachableError("reset by peer") if lost else None)

    world = tmp_path / "lines"
    whole = Seams()
    with closing((rig := rig_of(opens, whole, MovedClock(), world, script())).store):
        rig.execute(rig.confirmed())
    # Of a seam that is passed again and again, the first.
    for point, seam in ((whole.passed.index(seam), seam) for seam in dict.fromkeys(whole.passed)):
        # A fault on the bulkhead's thread is an answer that does not come, and no death.
        for dies in (False, True) if seam.split()[-1] in _STORES else (False,):
            setting = Setting(point, hours * HOUR, dies)
            with closing((rig := rig_of(opens, setting, setting.clock, world, script())).store):
                operation = rig.confirmed()
                with suppress(DiedError):
                    truth(rig, operation, rig.execute(operation))
                sends = len(rig.script.sends)
                assert sends <= 1
                if dies:
                    # A plan that was never begun is waited for until it has run out.
                    setting.clock.pause(3 * HOUR.total_seconds())
                    found = rig.recheck(operation, processes=Living(mine=OTHER, dead={ME}))
                    truth(rig, operation, found)
                assert len(rig.script.sends) == sends
    with closing(opens(Seams())) as store:
        assert store.verify(deep=True).flaw is None


_STORES = ("claim", "write", "end")
"""What is done in the runner's own thread."""
