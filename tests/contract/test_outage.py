"""Every system answers 500 for ten minutes, in the middle of an operation, and then is well again."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from acting import SeamStore
from crashing import Seams, SeamSystems
from killed_runners import Desks, WorldTime, confirmed, desks
from test_crash_matrix_on_sandbox import CASES

from fedesk.domain.operations import Outcome, StepState
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses

OUTAGE = timedelta(minutes=10)
SYSTEMS = ("jenkins", "airflow", "vault")

__all__ = ["desks"]


class Outage(Seams):
    """Begins at a seam of the runner, and is over by itself."""

    def __init__(self, sandbox: Sandbox, clock: WorldTime, seam: str) -> None:
        super().__init__()
        self._control, self._clock, self._seam = sandbox.control, clock, seam
        self.over = clock.now()
        self.looks = 0
        """Times that a system was asked in vain."""

    def __call__(self, name: str) -> None:
        super().__call__(name)
        if name == "before send" and self._seam == "no answer":
            # The request that is under way is carried out, and answered like all that follow.
            match = "clearTaskInstances$|/build(WithParameters)?$"
            for system in SYSTEMS:
                self._control.fault(system, "status_after_commit", status=500, match=match)
        if name == self._seam and self.passed.count(name) == 1:
            for system in SYSTEMS:
                self._control.fault(system, "status", status=500)
            self.over = self._clock.now() + OUTAGE

    def pause(self, seconds: float) -> None:
        self._clock.pause(seconds)
        if self._clock.now() >= self.over:
            self._control.clear_faults()
        else:
            self.looks += 1


@pytest.mark.parametrize("seam", ["no answer", "after answer"])
@pytest.mark.parametrize("name", ["clear", "build"])
def test_an_operation_in_flight_outlasts_an_outage(
    sandbox: Sandbox,
    desks: Desks,
    tmp_path: Path,
    name: str,
    seam: str,
) -> None:
    """Sent once, looked for until the systems are back, and ended by the truth, without anybody's help."""
    case = CASES[name]
    place = tmp_path / "state.sqlite3"
    operation = confirmed(desks.ours, place, case.request(desks.ours))
    clock = WorldTime(sandbox, sandbox.control.clock.now())
    outage = Outage(sandbox, clock, seam)
    with closing(SeamStore(place)) as store:
        ended = execute(
            operation,
            store=store,
            systems=SeamSystems(desks.ours.systems, outage),
            catalogue=desks.ours.catalogue,
            environments=desks.ours.by_name,
            actor=desks.ours.actor,
            clock=clock,
            processes=LocalProcesses(),
            pause=outage.pause,
        )
        assert ended.outcome is Outcome.SUCCEEDED, ended.said
        assert outage.looks > 50
        assert clock.now() >= outage.over
        assert tuple(case.effects(sandbox, operation)) == case.whole
        assert [entry.state for entry in ended.journal].count(StepState.INTENDED) == 1
        assert store.verify(deep=True).flaw is None
        assert store.open_operations() == ()
