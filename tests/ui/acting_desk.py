"""A desk without systems that acts all the same: real plans, guards, store and runner, in this process.

What there is to change are task instances and builds in memory; the test says how they stand, when the runner
may go on, and how the system answers. Nothing is pretended between the key and the journal.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import memory_desk
from desk_fixtures import UTF8
from memory_desk import ACTOR, NOW, PROD, MemoryDesk, StillClock, front

from fedesk.domain.board import Board
from fedesk.domain.catalogue import Catalogue, LoadTarget, Partition, WriteMode
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName, TaskName
from fedesk.domain.operations import (
    Call,
    Evidence,
    Operation,
    Progress,
    Receipt,
    Settled,
    Settlement,
    StepState,
)
from fedesk.domain.policy import UNGOVERNED, Governance
from fedesk.domain.reruns import ClearPreview, RebuildParameter, RebuildPreview, TaskPin
from fedesk.domain.roles import Rights
from fedesk.domain.runs import Parameter, Run, RunDetail
from fedesk.domain.states import State, System
from fedesk.ports.changing import LaunchError
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.services import operation_runner, settling
from fedesk.services.approvals import Approvals
from fedesk.services.by_hand import ByHand
from fedesk.services.changes import Changes
from fedesk.services.incidents import Incidents
from fedesk.services.operation_runner import Changer
from fedesk.services.operation_watch import OperationWatch
from fedesk.store.operations import SqlStore
from fedesk.ui.app import DeskApp

T = TypeVar("T")
FAILED = (("dbt_test", "failed", 3), ("publish", "upstream_failed", 0), ("notify", "upstream_failed", 0))


def catalogue() -> Catalogue:
    """The memory desk's, with partitions, and loads that double."""
    known = memory_desk.catalogue()
    loads = (LoadTarget(dataset="MARTS.PAYMENTS", write=WriteMode.APPEND, column="LOAD_DATE"),)
    return replace(
        known,
        pipelines={
            name: replace(pipeline, partition=Partition(), loads=loads if name == "payments_daily" else ())
            for name, pipeline in known.pipelines.items()
        },
    )


@dataclass
class Inline:
    """A bulkhead that calls at once."""

    adapter: Any

    def call(self, use: Callable[[Any], T], *, deadline: float | None = None) -> T:
        del deadline
        return use(self.adapter)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class World:
    """Task instances and builds that can be changed, and how the systems behave."""

    runs: dict[str, Run]
    tasks: dict[str, list[TaskPin]] = field(default_factory=dict)
    active: dict[str, tuple[TaskPin, ...]] = field(default_factory=dict)
    declares_operation: bool = True
    problem: SourceError | None = None
    """What previews end in."""
    lost: SourceError | None = None
    """How the answer to a change is lost, once it was carried out."""
    asked: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)
    """Previews wait for it."""
    sent: list[Call] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def pins(self, run_id: str) -> list[TaskPin]:
        run = self.runs.get(run_id)
        if run is None:
            raise NotFoundError(f"{run_id} is not there")
        if run_id not in self.tasks:
            found = FAILED if run.state is State.FAILED else ()
            self.tasks[run_id] = [
                TaskPin(task_id=name, map_index=None, try_number=number, state=state)
                for name, state, number in found
            ]
        return self.tasks[run_id]


@dataclass
class MemoryAirflow:
    """Reads and changes of task instances in memory."""

    world: World

    def clear_preview(self, run_id: str, task: TaskName | None) -> ClearPreview:
        self.world.asked.set()
        self.world.answers.wait(20)
        if self.world.problem is not None:
            raise self.world.problem
        pins = self.world.pins(run_id)
        chosen = tuple(pin for pin in pins if pin.state in ("failed", "upstream_failed"))
        if task is not None:
            chosen = tuple(pin for pin in chosen if pin.task_id == task.task)
        return ClearPreview(
            run=self.world.runs[run_id], tasks=chosen, active=self.world.active.get(run_id, ()),
            dag_version="7", latest_version="8", paused=False, is_dry_run=True,
            observed_at=NOW - timedelta(seconds=2),
        )  # fmt: skip

    def clear_state(self, run_id: str, tasks: tuple[TaskPin, ...]) -> tuple[TaskPin, ...]:
        now = {pin.name: pin for pin in self.world.pins(run_id)}
        return tuple(now[pin.name] for pin in tasks if pin.name in now)

    def apply(self, call: Call) -> Receipt:
        self.world.sent.append(call)
        run_id = f"{call.args['dag_id']}/{call.args['run_id']}"
        meant = {task[0] for task in cast("Sequence[Sequence[Any]]", call.args["tasks"])}
        self.world.tasks[run_id] = [
            replace(pin, state="none") if pin.task_id in meant else pin for pin in self.world.pins(run_id)
        ]
        self.world.notes[run_id] = str(call.args["note"])
        if self.world.lost is not None:
            raise self.world.lost
        return Receipt(said=f"{len(meant)} task instances cleared.")

    def settle(self, call: Call) -> Settlement:
        run_id = f"{call.args['dag_id']}/{call.args['run_id']}"
        said = self.world.notes.get(run_id, "")
        seen = Evidence(source="prod/airflow event log", said="answered 503", at=NOW)
        if self.world.lost is not None:
            return Settlement(
                state=Settled.UNKNOWN, said="The event log could not be read.", evidence=(seen,)
            )
        state = Settled.DONE if said == call.args["note"] else Settled.NOT_DONE
        return Settlement(state=state, said=f"The note is {said or 'empty'}.")

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class MemoryJenkins:
    """Builds that are repeated in memory."""

    world: World

    def rebuild_preview(self, build_id: str) -> RebuildPreview:
        self.world.answers.wait(20)
        if self.world.problem is not None:
            raise self.world.problem
        return RebuildPreview(
            run=self.world.runs[build_id], buildable=True,
            parameters=(RebuildParameter(name="IMAGE", value="registry/fx@sha256:9f86", kind="String"),),
            declared=("IMAGE", "FEDESK_OPERATION") if self.world.declares_operation else ("IMAGE",),
            new_defaults=(), declares_operation=self.world.declares_operation, definition="d0" * 32,
            definition_source="config.xml", running=(), queued=(), highest_queue_id=76, quieting_down=False,
            observed_at=NOW - timedelta(seconds=2), user="oncall",
        )  # fmt: skip

    def follow_queue(self, item: int, job: str, operation: str) -> Progress:
        del operation
        return Progress(state=StepState.DONE, said=f"Item {item} became {job}#1842.", reference="build:1842")

    def run(self, run_id: str) -> RunDetail:
        before = next(iter(run for run in self.world.runs.values() if "#" in run.name.id))
        given = cast("dict[str, str]", self.world.sent[-1].args["parameters"])
        return RunDetail(
            run=replace(before, name=replace(before.name, id=run_id), state=State.RUNNING, ended_at=None),
            parameters=tuple(Parameter(name=name, value=value) for name, value in given.items()),
        )

    def apply(self, call: Call) -> Receipt:
        self.world.sent.append(call)
        return Receipt(said="Queued as item 77.", reference="queue:77")

    def settle(self, call: Call) -> Settlement:
        del call
        return Settlement(state=Settled.UNKNOWN, said="It cannot be told.")

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class MemorySystems:
    """Both of every environment."""

    world: World
    _adapters: dict[ConnectionName, Inline] = field(default_factory=dict)

    def _adapter(self, name: ConnectionName) -> Inline:
        make = MemoryJenkins if name.name == "jenkins" else MemoryAirflow
        return self._adapters.setdefault(name, Inline(make(self.world)))

    def reading(self, name: ConnectionName) -> Connection:
        adapter = self._adapter(name)
        is_jenkins = name.name == "jenkins"
        return Connection(
            name=name, system=System.JENKINS if is_jenkins else System.AIRFLOW,
            address=f"http://127.0.0.1:{8081 if is_jenkins else 8080}", period=5.0, patience=0.0,
            source=cast("Any", adapter),
            clears=None if is_jenkins else adapter, rebuilds=adapter if is_jenkins else None,
            queues=adapter if is_jenkins else None, runs=adapter if is_jenkins else None,
        )  # fmt: skip

    def of(self, environment: str) -> tuple[Connection, ...]:
        return tuple(self.reading(one) for one in self._adapters if one.environment == environment)

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        return self._adapter(name)

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        found: Settlement = self._adapter(name).call(lambda system: system.settle(call))
        return found


class Runners:
    """Launcher and runner in one: operations are carried out on threads, when the test lets them."""

    where = ""

    def __init__(self, desk: "ActingDesk") -> None:
        self._desk = desk
        self.may_go = threading.Event()
        self.may_go.set()
        self.warmed: list[tuple[str, ...]] = []
        self.cancelled = 0
        self.problem = ""
        self.said = ""
        self.threads: list[threading.Thread] = []

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> "Runners":
        if self.problem:
            raise LaunchError(self.problem)
        self.warmed.append(tuple(credentials()))
        return self

    def go(self, operation: str) -> None:
        before = self.threads[-1] if self.threads else None
        thread = threading.Thread(target=self._run, args=(operation, before), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _run(self, operation: str, before: threading.Thread | None) -> None:
        # One after the other, so that numbers of audit records are the same each time.
        if before is not None:
            before.join()
        self.may_go.wait(20)
        self._desk.execute(operation)

    def trouble(self) -> str:
        return self.said

    def delay(self) -> float:
        return 0.0

    def cancel(self) -> None:
        self.cancelled += 1


class ActingDesk(MemoryDesk):
    """One environment, whose runs can be run again."""

    def __init__(
        self,
        folder: Path,
        facts: EnvironmentFacts = PROD,
        board: Board | None = None,
        *,
        sign: Callable[[SqlStore, StillClock], Approvals] | None = None,
        governance: Governance = UNGOVERNED,
    ) -> None:
        """``sign`` makes what somebody approves with, whose desk it is then, under their configuration.

        Without it nobody signs, and people and policy are those of ``governance``.
        """
        self.sql = SqlStore(folder / "state" / "fedesk.db")
        super().__init__(facts, board, store=self.sql)
        known = self.board.first.histories if self.board.first else ()
        self.world = World({run.name.id: run for history in known for run in history.runs})
        self.world.answers.set()
        self.systems = MemorySystems(self.world)
        self.clock = StillClock()
        self.launcher: Runners = Runners(self)
        self.signing = None if sign is None else sign(self.sql, self.clock)
        self.governance = governance if self.signing is None else self.signing.governance
        actor = ACTOR if self.signing is None else self.signing.actor
        self.rights = Rights(people=self.governance.people, person=actor.person)
        if self.signing is not None:
            self.approvals = self.signing
            self.operation_watch = OperationWatch(
                lambda: self.sql, lambda: self.living, StillClock(), self.signing.awaited
            )
        self.changes = Changes(
            store=self.sql,
            systems=self.systems,
            catalogue=catalogue(),
            environments={one.name: one for one in self.environments},
            actor=actor,
            clock=self.clock,
            new_id=_ids(),
            made_by="fedesk 0.1.0 on desk-3",
            processes=self.processes,
            governance=self.governance,
            approvals=self.signing,
        )
        self.by_hand = ByHand(
            store=self.sql,
            systems=self.systems,
            clock=self.clock,
            processes=self.processes,
            actor=actor,
            environments={one.name: one for one in self.environments},
            pause=lambda _: None,
            approvals=self.signing,
        )

        self.incidents = Incidents(
            store=self.sql,
            detail_of=self.reading.detail,
            actor=ACTOR,
            clock=self.clock,
            new_id=_ids(),
        )

    def execute(self, operation: str) -> Operation:
        return operation_runner.execute(
            operation,
            store=self.sql,
            systems=self.systems,
            catalogue=catalogue(),
            environments={one.name: one for one in self.environments},
            actor=ACTOR,
            clock=self.clock,
            processes=self.processes,
            pause=lambda _: None,
            governance=self.governance,
            approvals=self.signing,
        )

    def recheck(self, operation: str) -> Operation:
        self.rechecked.append(operation)
        return settling.recheck(
            operation,
            store=self.sql,
            systems=self.systems,
            clock=self.clock,
            processes=self.processes,
            actor=ACTOR,
            pause=lambda _: None,
        )

    def end(self) -> None:
        """Let everything that waits go on to its end."""
        self.world.answers.set()
        self.launcher.may_go.set()
        for thread in self.launcher.threads:
            thread.join(20)
        self.sql.close()


@contextmanager
def acting(folder: Path, **given: Any) -> Iterator[tuple[ActingDesk, DeskApp]]:
    """A desk that acts, and the app over it; ``given`` are the desk's."""
    desk = ActingDesk(folder, **given)
    app = DeskApp(
        front(desk.environment), lambda _: desk, desk.clock, crash_folder=folder / "crashes", environ=UTF8
    )
    try:
        yield desk, app
    finally:
        desk.end()


def _ids() -> Callable[[], str]:
    numbers: Iterator[int] = itertools.count(1)
    return lambda: f"0193a1b2-0000-7000-8000-{next(numbers):012x}"
