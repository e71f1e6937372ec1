"""The line to a system is cut at each request of an operation in turn: before it has an effect, and after.

The requests are those of an operation that nobody disturbs, so one that a step begins to make is cut as well.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from acting import SeamStore, states
from killed_runners import LATER, Case, Desks, WorldTime, confirmed, desks
from test_crash_matrix_on_sandbox import CASES

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.settling import recheck

CUTS = ("reset", "reset_after_commit", "truncate")
FEW, ALL = "in turn", "all"

__all__ = ["desks"]


@dataclass(frozen=True)
class Ready:
    """A world and a store in which an operation is confirmed, and nothing has happened yet."""

    sandbox: Sandbox
    desks: Desks
    began: datetime
    confirmed: Path
    operation: str
    case: Case

    @property
    def system(self) -> str:
        """The one that the operation changes."""
        return self.case.kind.partition(".")[0]

    def carried_out(self, place: Path, *, cut: str = "", after: int = 0) -> Operation:
        """Executed in a world as it was, the line cut once; what stays unknown is looked at again later."""
        control = self.sandbox.control
        control.forget_changes()
        control.clear_faults()
        control.clock.freeze(self.began)
        control.clear_requests()
        shutil.copy(self.confirmed, place)
        if cut:
            control.fault(self.system, cut, times=1, after=after)
        clock, ours = WorldTime(self.sandbox, self.began), self.desks.ours
        with closing(SeamStore(place)) as store:
            ended = execute(
                self.operation,
                store=store,
                systems=ours.systems,
                catalogue=ours.catalogue,
                environments=ours.by_name,
                actor=ours.actor,
                clock=clock,
                processes=LocalProcesses(),
                pause=clock.pause,
            )
            if not ended.is_open:
                return ended
            control.clear_faults()
            later = WorldTime(self.sandbox, clock.now() + LATER)
            return recheck(
                self.operation,
                store=store,
                systems=ours.systems,
                actor=ours.actor,
                clock=later,
                processes=LocalProcesses(),
                pause=later.pause,
            )


def the_truth_is_told(ready: Ready, place: Path, ended: Operation) -> None:
    """At most one effect, one intent where something was sent, one final outcome, and that is the truth."""
    effects = len(ready.case.effects(ready.sandbox, ready.operation))
    is_intended = any(state is StepState.INTENDED for _, state in states(ended))
    assert effects in (0, 1)
    assert is_intended or not effects
    assert ended.stage is Stage.ENDED
    assert (ended.outcome is Outcome.SUCCEEDED) is bool(effects), f"{ended.outcome}: {ended.said}"
    with closing(SeamStore(place)) as store:
        phases = [str(one.draft.phase) for one in store.tail(50, operation=ready.operation)]
        assert phases.count("intent") == is_intended
        finals = [one for one in phases if one in ("outcome", "settlement", "refusal")]
        assert len(finals) - (finals == ["outcome", "settlement"]) == 1
        assert store.verify(deep=True).flaw is None
        assert store.open_operations() == ()


def cuts(requests: int, which: str) -> Iterator[tuple[int, str]]:
    """Which request is cut how: each in one way, the ways taking turns, or each in every way."""
    for number in range(requests):
        yield from (
            (number, cut) for index, cut in enumerate(CUTS) if which == ALL or index == number % len(CUTS)
        )


@pytest.mark.parametrize("which", [FEW, pytest.param(ALL, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", CASES)
def test_cut_at_each_request(name: str, which: str, sandbox: Sandbox, desks: Desks, tmp_path: Path) -> None:
    """Whichever request is lost, its effect there or not: the end is known, and is the truth."""
    case, ready = CASES[name], tmp_path / "confirmed.sqlite3"
    stage = Ready(
        sandbox=sandbox,
        desks=desks,
        began=sandbox.control.clock.now(),
        confirmed=ready,
        operation=confirmed(desks.ours, ready, case.request(desks.ours)),
        case=case,
    )
    whole = stage.carried_out(tmp_path / "whole.sqlite3")
    assert whole.outcome is Outcome.SUCCEEDED
    requests = len(sandbox.control.requests(stage.system))
    assert requests > 3
    for number, cut in cuts(requests, which):
        place = tmp_path / f"{number}-{cut}.sqlite3"
        the_truth_is_told(stage, place, stage.carried_out(place, cut=cut, after=number))
