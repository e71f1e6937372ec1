"""Random operations of which three answers in ten are lost after the system's commit.

Clears in Airflow and builds in Jenkins, mixed, by the real adapters against the sandbox. In the end the
world's effects, the store's outcomes and the audit log's records are counted against one another.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from crashing import Seams, SeamSystems
from sandbox_desk import impatient

from fedesk import execution
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Call, Operation, Outcome, Settlement, StepState
from fedesk.domain.reruns import RerunRequest
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import Changer, ChangingSystems, execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer
from fedesk.store.operations import SqlStore

SEED = 20
ROUND = 50
"""Operations between two worlds as new."""
ENVIRONMENT = "dev"
AIRFLOW, JENKINS = (ConnectionName(ENVIRONMENT, name) for name in ("airflow", "jenkins"))
POSTS = {"airflow": "clearTaskInstances$", "jenkins": "/build(WithParameters)?$"}
LOOKS = {"airflow": "eventLogs", "jenkins": "/api/json"}

LOST = {"reset_after_commit": 9, "drop_after_commit": 4, "truncate": 1, "slow": 1}
"""Answers of a round that are lost after the commit, which are three in ten; ``slow`` ends in a timeout."""
NEVER_DONE = {"reset": 2, "hang": 1}
"""Requests of a round that come to nothing. When it happens they look the same."""
BLIND = 5
"""Operations of a round whose first two looks fail as well."""
PATIENCE = 1
"""Seconds for which a desk waits for an answer that does not come in time."""
TOO_SLOW = 1.3


class Passing:
    """The world's moment, which pausing moves; while a slow server is at it, time really passes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._clock = sandbox.control.clock
        self.real_until = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self.now().timestamp()

    def pause(self, seconds: float) -> None:
        left = self.real_until - time.monotonic()
        if left > 0:
            time.sleep(min(seconds, left))
        self._clock.advance(timedelta(seconds=seconds))


class Line(Seams):
    """The line to the systems, on which each send of a round meets what was drawn for it."""

    def __init__(self, sandbox: Sandbox, clock: Passing, drawn: random.Random) -> None:
        super().__init__()
        faults = Counter({**LOST, **NEVER_DONE})
        self.cards = [*faults.elements(), *[""] * (ROUND - faults.total())]
        drawn.shuffle(self.cards)
        self.blind = set(drawn.sample(range(ROUND), BLIND))
        self.system = ""
        self._control, self._clock = sandbox.control, clock

    @property
    def is_timeout(self) -> bool:
        """Whether the next send ends in a timeout."""
        return self.cards[-1] in ("slow", "hang")

    def __call__(self, name: str) -> None:
        super().__call__(name)
        if name != "before send":
            return
        kind = self.cards.pop()
        if len(self.cards) in self.blind:
            self._control.fault(self.system, "close", match=LOOKS[self.system], times=2)
        if kind:
            self._control.fault(self.system, kind, match=POSTS[self.system], times=1, seconds=TOO_SLOW)
        self._clock.real_until = time.monotonic() + TOO_SLOW if kind == "slow" else 0.0


def failed_runs(sandbox: Sandbox) -> list[RunName]:
    """What may be run again, of both systems."""
    world = sandbox.world
    runs = [
        RunName(AIRFLOW, f"{run.plan.dag_id}/{run.plan.run_id}")
        for dag in world.dags(ENVIRONMENT)
        for run in world.dag_runs(ENVIRONMENT, dag.dag_id)
        if run.state == "failed"
    ]
    builds = [
        RunName(JENKINS, f"{plan.job}#{plan.number}")
        for job in world.jobs()
        if job.environment == ENVIRONMENT
        for plan in world.build_plans(job.full_name)
        if plan.result and plan.result != "SUCCESS" and plan.ended_at and plan.ended_at <= world.now()
    ]
    return runs + builds


@dataclass(frozen=True)
class Hasty:
    """Systems that are read with all the time there is, and changed in a hurry."""

    looks: ChangingSystems
    sends: ChangingSystems

    def reading(self, name: ConnectionName) -> Connection:
        return self.looks.reading(name)

    def of(self, environment: str) -> tuple[Connection, ...]:
        return self.looks.of(environment)

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        return self.sends.changing(name)

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        return self.looks.settle(name, call)


@dataclass(frozen=True)
class Night:
    """One world, one store, and the operations of a round."""

    sandbox: Sandbox
    desk: execution.Desk
    impatient: execution.Desk
    """Sends what ends in a timeout, which is then a short one; all the rest has time on a busy machine."""
    clock: Passing
    line: Line
    store: SqlStore

    def carried_out(self, run: RunName) -> Operation | None:
        """Plan, yes and execution of one re-run; None where a guard says no to the plan."""
        proposal = replace(self.desk.changes, store=self.store).propose(RerunRequest(run=run))
        if proposal.is_blocked:
            return None
        answer = Answer(how="--yes", accepted=proposal.needs.accept)
        operation = replace(self.desk.changes, store=self.store).confirm(proposal, answer)
        self.line.system = run.connection.name
        systems: ChangingSystems = self.desk.systems
        if self.line.is_timeout:
            systems = Hasty(systems, self.impatient.systems)
        ended = execute(
            operation.plan.operation,
            store=self.store,
            systems=SeamSystems(systems, self.line),
            catalogue=self.desk.catalogue,
            environments=self.desk.by_name,
            actor=self.desk.actor,
            clock=self.clock,
            processes=LocalProcesses(),
            pause=self.clock.pause,
        )
        self.sandbox.control.clear_faults()
        return ended

    def effects(self, operation: Operation, builds_before: Counter[str]) -> int:
        """How often the world has changed as an operation would have it."""
        run = RunName.parse(operation.plan.targets[0].name)
        if run.connection == AIRFLOW:
            dag_id, _, run_id = run.id.partition("/")
            events = self.sandbox.world.airflow.events(ENVIRONMENT)
            asked = sum(one.event == CLEAR and operation.plan.operation in one.extra for one in events)
            is_cleared = self.sandbox.world.dag_run(ENVIRONMENT, dag_id, run_id).state != "failed"
            assert is_cleared == bool(asked)
            return asked
        job = run.id.rpartition("#")[0]
        return self.builds_by_us(job) - builds_before[job]

    def builds_by_us(self, job: str) -> int:
        """Builds of a job that the desk's user has triggered, those in the queue included."""
        us = self.sandbox.world.identity("jenkins", writer=True).user
        plans = self.sandbox.world.build_plans(job)
        return sum(any(cause.user_id == us for cause in plan.causes) for plan in plans)


@dataclass(frozen=True)
class Desks:
    """Two desks at the world's moment."""

    patient: execution.Desk
    impatient: execution.Desk
    clock: Passing


@pytest.fixture
def desks(sandbox: Sandbox, tmp_path: Path) -> Iterator[Desks]:
    """One waits as long as the configuration says, one no longer than it has to."""
    clock = Passing(sandbox)
    hasty = impatient(sandbox.config_path, tmp_path, seconds=PATIENCE)
    opened = [execution.open_desk(path, ENVIRONMENT, clock) for path in (sandbox.config_path, hasty)]
    yield Desks(patient=opened[0], impatient=opened[1], clock=clock)
    for one in opened:
        one.systems.close()


def spent(night: Night, runs: Sequence[RunName]) -> list[Operation]:
    """Carry out a round of operations, and check each one against the world."""
    ended: list[Operation] = []
    for run in runs:
        job = run.id.rpartition("#")[0]
        before = Counter({job: night.builds_by_us(job)} if run.connection == JENKINS else {})
        operation = night.carried_out(run)
        if operation is None:
            continue
        effects = night.effects(operation, before)
        assert effects in (0, 1), "no effect twice"
        truth = Outcome.SUCCEEDED if effects else Outcome.FAILED
        assert operation.outcome is truth, f"{operation.outcome}, in truth {truth}: {operation.said}"
        ended.append(operation)
        if len(ended) == ROUND:
            break
    return ended


def recorded(night: Night, ended: Sequence[Operation]) -> None:
    """The audit log has one intent and one final end of each, which is its outcome, and nothing else."""
    records = list(night.store.stream())
    for operation in ended:
        own = [one.draft for one in records if one.draft.operation == operation.plan.operation]
        assert [str(one.phase) for one in own] == ["intent", "outcome"]
        assert own[-1].result.startswith(f"{operation.outcome}: ")
    assert len(records) == 2 * len(ended)
    assert night.store.verify(deep=True).flaw is None
    assert night.store.open_operations() == ()


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_lost_answers(
    rounds: int,
    sandbox: Sandbox,
    desks: Desks,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """No effect twice, none unrecorded, none left unknown that could be told; each request is sent once."""
    clock = desks.clock
    record_property("operations", rounds * ROUND)
    record_property("answers lost", rounds * sum(LOST.values()))
    record_property("seed", SEED)
    drawn = random.Random(SEED)  # noqa: S311 - a seed makes it repeatable
    began, candidates = clock.now(), failed_runs(sandbox)
    for number in range(rounds):
        sandbox.control.forget_changes()
        sandbox.control.clock.freeze(began)
        line, store = Line(sandbox, clock, drawn), SqlStore(tmp_path / f"{number}.sqlite3")
        night = Night(
            sandbox=sandbox,
            desk=desks.patient,
            impatient=desks.impatient,
            clock=clock,
            line=line,
            store=store,
        )
        ended = spent(night, drawn.sample(candidates, len(candidates)))
        assert (len(ended), line.cards) == (ROUND, [])
        assert line.passed.count("before send") == ROUND
        recorded(night, ended)
        failed = [one for one in ended if one.outcome is Outcome.FAILED]
        unanswered = [
            one for one in ended if any(entry.state is StepState.UNANSWERED for entry in one.journal)
        ]
        assert len(failed) == sum(NEVER_DONE.values())
        assert len(unanswered) == sum(LOST.values()) + sum(NEVER_DONE.values())
        store.close()
