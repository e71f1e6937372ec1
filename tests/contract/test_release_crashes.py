"""Promotions and rollbacks killed at their seams, through the real adapters, and carried on by the next.

As in ``test_crash_matrix_on_sandbox``; these have more than one effect, so who looks again may have to leave
the rest to who carries on.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from crashing import forked
from test_crash_matrix_on_sandbox import (
    LATER,
    RELEASES,
    Desks,
    FaultySeams,
    SlowTime,
    Store,
    chosen,
    desks,
    executes,
    opened,
    rechecked,
)

from fedesk import execution
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Operation, Outcome, Stage, StepState, WriteWindow
from fedesk.domain.releases import AnswerRequest, ReleaseRequest
from fedesk.domain.requests import Request
from fedesk.domain.states import State
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer

__all__ = ["desks"]
SERVICE = "loyalty"
"""Its gates pass, and Airflow alone verifies it."""
JOB = f"finedge/prod/deploy-{SERVICE}"
FAULTS = {"answered": "", "answer lost": "drop_after_commit", "reset": "reset"}
SAMPLED = {("release.promote", "answer lost"), ("release.rollback", "answered")}
FEW = 3
"""Seams at which it is killed each time; by ``-m soak`` at all."""


def confirmed(desk: execution.Desk, place: Store, request: Request) -> str:
    """A release's plan, confirmed as the command line does in production; the operation's id."""
    store = opened(place)
    changes = replace(desk.changes, store=store)
    proposal = changes.propose(request)
    now = desk.clock.now()
    window = WriteWindow(
        environment="prod", opened_at=now, until=now + LATER, reason="INC-1", opened_by="mara"
    )
    answer = Answer(how="--confirm prod", named="prod", reason="INC-1", window=window)
    operation = changes.confirm(proposal, answer)
    store.close()
    return operation.plan.operation


def released(kind: str) -> ReleaseRequest:
    """The service, to be promoted to production or rolled back there."""
    return ReleaseRequest(
        kind=kind, service=SERVICE, environment="prod", connection=ConnectionName("prod", "jenkins")
    )


def triggered(sandbox: Sandbox, operation: str) -> list[bool]:
    """Builds of the deploy job that carry the operation's id, in order: whether each is a dry run."""
    plans = [
        one
        for one in sandbox.world.build_plans(JOB)
        if any(parameter.value == operation for parameter in one.parameters)
    ]
    return [
        any(one.name == "DRY_RUN" and str(one.value).lower() == "true" for one in plan.parameters)
        for plan in sorted(plans, key=lambda plan: plan.queue_id)
    ]


def ended(desk: execution.Desk, sandbox: Sandbox, place: Store, operation: str) -> Operation:
    """What a later look finds out, sending nothing; and what is left is carried on to its end."""
    at = desk.clock.now() + LATER
    sandbox.control.clear_faults()
    sandbox.control.clock.freeze(at)
    store, clock = opened(place), SlowTime(sandbox, at)
    before = triggered(sandbox, operation)
    found = rechecked(desk, store, operation, clock)
    assert triggered(sandbox, operation) == before, "who looks again sends nothing"
    if found.stage is Stage.CONFIRMED:
        found = rechecked(desk, store, operation, SlowTime(sandbox, at + timedelta(hours=9)))
    if found.stage is not Stage.ENDED:
        found = execute(
            operation,
            store=store,
            systems=desk.systems,
            catalogue=desk.catalogue,
            environments=desk.by_name,
            actor=desk.actor,
            clock=clock,
            processes=LocalProcesses(),
            pause=clock.pause,
        )
    phases = [str(record.draft.phase) for record in store.tail(50, operation=operation)]
    assert phases.count("intent") == any(one.state is StepState.INTENDED for one in found.journal)
    assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
    assert store.verify(deep=True).flaw is None
    store.close()
    return found


@dataclass(frozen=True)
class Cell:
    """What is tried, and at how many seams; at all of them where it is None."""

    kind: str
    fault: str
    few: int | None

    def of(self, seams: Sequence[str]) -> Iterator[int]:
        first = seams.index("before send") if self.fault else 0
        points = [one for one in chosen(seams) if one >= first]
        yield from points if self.few is None else points[:: max(1, len(points) // self.few)]


CELLS = [
    pytest.param(
        Cell(kind, fault, few),
        marks=[pytest.mark.soak] if few is None else [],
        id=f"{kind}-{name}-{'all' if few is None else 'few'}",
    )
    for kind in RELEASES
    for name, fault in FAULTS.items()
    for few in ((None, FEW) if (kind, name) in SAMPLED else (None,))
]


@pytest.mark.parametrize("cell", CELLS)
def test_killed_at_any_seam(cell: Cell, sandbox: Sandbox, desks: Desks, tmp_path: Path) -> None:
    """Each trigger at most once, the dry run first, one intent, one final outcome, the truth."""
    began = sandbox.control.clock.now()
    ready = tmp_path / "ready.sqlite3"
    operation = confirmed(desks.ours, ready, released(cell.kind))
    whole = [True, False] if cell.kind == "release.rollback" else [False]

    def run(number: int, fatal: int | None, notes: Path | None = None) -> tuple[Path, int]:
        sandbox.control.forget_changes()
        sandbox.control.clear_faults()
        sandbox.control.clock.freeze(began)
        place = tmp_path / f"{number}.sqlite3"
        place.write_bytes(ready.read_bytes())
        seams = FaultySeams(sandbox, "jenkins", cell.fault, fatal, notes)
        return place, forked(
            partial(executes, desks.unused, place, operation, seams, SlowTime(sandbox, began))
        )

    passed = tmp_path / "passed"
    assert run(0, None, passed)[1] == 0
    assert triggered(sandbox, operation) == ([] if cell.fault == "reset" else whole)
    for point in cell.of(passed.read_text().splitlines()):
        place, killed = run(point + 1, point)
        assert killed == signal.SIGKILL
        found = ended(desks.ours, sandbox, place, operation)
        sent = triggered(sandbox, operation)
        assert sent == whole[: len(sent)], "each once, and in order"
        assert found.stage is Stage.ENDED
        assert (found.outcome is Outcome.SUCCEEDED) is (sent == whole), f"{found.outcome}: {found.said}"


def test_an_answer_killed_at_any_seam(sandbox: Sandbox, desks: Desks, tmp_path: Path) -> None:
    """The question of a build is answered at most once, and what a later look says of it is so."""
    began = sandbox.control.clock.now()
    jenkins = desks.ours.systems.reading(ConnectionName("prod", "jenkins"))
    runs = jenkins.source.call(lambda source: source.observe(None)).runs
    waiting = next(one.name for one in runs if one.state is State.WAITING)
    ready = tmp_path / "ready.sqlite3"
    operation = confirmed(desks.ours, ready, AnswerRequest(run=RunName.parse(str(waiting)), choice="proceed"))

    def run(number: int, fatal: int | None, notes: Path | None = None) -> tuple[Path, int]:
        sandbox.control.forget_changes()
        sandbox.control.clock.freeze(began)
        place = tmp_path / f"{number}.sqlite3"
        place.write_bytes(ready.read_bytes())
        seams = FaultySeams(sandbox, "jenkins", "", fatal, notes)
        return place, forked(
            partial(executes, desks.unused, place, operation, seams, SlowTime(sandbox, began))
        )

    passed = tmp_path / "passed"
    assert run(0, None, passed)[1] == 0
    seams = passed.read_text().splitlines()
    for point in (seams.index("before send"), seams.index("after answer"), len(seams) - 2):
        before = _answers(sandbox)
        place, killed = run(point + 1, point)
        assert killed == signal.SIGKILL
        sent = _answers(sandbox) - before
        found = ended(desks.ours, sandbox, place, operation)
        assert _answers(sandbox) - before == sent, "who looks again sends nothing"
        assert sent == (seams[point] != "before send")
        assert (found.outcome is Outcome.SUCCEEDED) is bool(sent), f"{found.outcome}: {found.said}"


def _answers(sandbox: Sandbox) -> int:
    return sum("/input/" in one.path and one.method == "POST" for one in sandbox.control.requests())
