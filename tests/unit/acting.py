"""A small world that can really be changed, for tests of what changes it: an effect is a line in a file.

The changer writes the line, or does not, and loses its answer, or does not, as its script says; what the file
holds in the end is the truth.
"""

import itertools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

from making import NOW

from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.domain.audit import Actor, AuditDraft
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import (
    Call,
    Confirmation,
    Effect,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Plan,
    Progress,
    Receipt,
    Settled,
    Settlement,
    Stage,
    StepKind,
    StepState,
    Target,
)
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import UNGOVERNED, Governance
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import Lease, OperationStore, Submission, Written
from fedesk.ports.sources import Bulkhead, Clock, Connection, Source
from fedesk.services import operation_runner, settling
from fedesk.services.approvals import Approvals
from fedesk.services.operation_kinds import Around, Draft, OperationKind, Step
from fedesk.services.operation_runner import Changer
from fedesk.services.rerun_requests import request_of
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

T = TypeVar("T")

DEV = ConnectionName("dev", "airflow")
ADDRESS = "http://airflow.dev.example"
ENVIRONMENTS = {"dev": EnvironmentFacts(name="dev", production=False, mode="guarded", timezone="UTC")}
ACTOR = Actor(person="mara", known_by="operating system", host="desk-3", pid=4711)
ME = Owner(host="desk-3", boot="b1", pid=4711, started="100")
OTHER = Owner(host="desk-3", boot="b1", pid=4712, started="200")
PATIENCE = 8.0


class MovedClock:
    """A clock that only pausing moves."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at
        self.paused: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOW).total_seconds()

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.at += timedelta(seconds=seconds)


@dataclass
class Living:
    """Processes of which the test says which are dead, and which cannot be told of."""

    mine: Owner = ME
    dead: set[Owner] = field(default_factory=set)
    hidden: set[Owner] = field(default_factory=set)

    def me(self) -> Owner:
        return self.mine

    def is_alive(self, owner: Owner) -> bool | None:
        return None if owner in self.hidden else owner not in self.dead


@dataclass
class LineWorld:
    """What there is: lines in a file, which several processes may append to."""

    path: Path

    def commit(self, key: str) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, f"{key}\n".encode())
        finally:
            os.close(file)

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


@dataclass
class Script:
    """How the system behaves, and what it was asked."""

    before: Exception | None = None
    """Raised instead of doing anything."""
    after: Exception | None = None
    """Raised when the effect is there already."""
    hangs: bool = False
    """Done, and never answered."""
    done_at_look: int = 0
    """With ``before``: which look finds a slow server to have done it meanwhile."""
    looks_fail: list[Exception] = field(default_factory=list)
    """Raised by that many lookings up, in order."""
    always_unknown: bool = False
    progress: list[Progress | Exception] = field(default_factory=list)
    """What the looks of the step that waits see, in order; then that it is done."""
    verifies: list[Progress | Exception] = field(default_factory=list)
    """What reading back sees, in order; then what the file holds."""
    on_open: Callable[[], None] = lambda: None
    on_send: Callable[[], None] = lambda: None
    on_done: Callable[[], None] = lambda: None
    """Called when the effect is there and the answer is not."""
    on_look: Callable[[], None] = lambda: None
    sends: list[Call] = field(default_factory=list)
    looks: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)


@dataclass
class LineChanges:
    """The adapter that changes the world."""

    world: LineWorld
    script: Script

    def apply(self, call: Call) -> Receipt:
        self.script.sends.append(call)
        self.script.on_send()
        if self.script.before is not None:
            raise self.script.before
        self.world.commit(call.key)
        self.script.on_done()
        if self.script.hangs:
            self.script.let_go.wait(10)
        if self.script.after is not None:
            raise self.script.after
        return Receipt(said="1 line written", reference="line:1")

    def settle(self, call: Call) -> Settlement:
        self.script.looks += 1
        self.script.on_look()
        if self.script.looks == self.script.done_at_look:
            self.world.commit(call.key)
        if self.script.looks_fail:
            raise self.script.looks_fail.pop(0)
        if self.script.always_unknown:
            return Settlement(state=Settled.UNKNOWN, said="two lines could be ours")
        if call.key in self.world.lines():
            return Settlement(state=Settled.DONE, said="the line is there", reference="line:1")
        return Settlement(state=Settled.NOT_DONE, said="there is no such line")

    def close(self) -> None:
        pass


@dataclass
class LineSystems:
    """The world as a connection, reached through real bulkheads."""

    world: LineWorld
    script: Script
    address: str = ADDRESS
    deadline: float = 60.0
    wrap: Callable[[Changer], Changer] = lambda changer: changer
    """Seam of the crash matrix."""

    def __post_init__(self) -> None:
        self._changes: ThreadBulkhead[Changer] = ThreadBulkhead(
            "dev/airflow (changes)", self._open, deadline=self.deadline
        )

    def _open(self) -> Changer:
        self.script.on_open()
        return self.wrap(LineChanges(self.world, self.script))

    def reading(self, name: ConnectionName) -> Connection:
        if name != DEV:
            raise NotFoundError(f"{name} is not configured")
        return Connection(
            name=DEV,
            system=System.AIRFLOW,
            address=self.address,
            period=5.0,
            patience=PATIENCE,
            source=cast("Bulkhead[Source]", None),
        )

    def of(self, environment: str) -> tuple[Connection, ...]:
        return (self.reading(DEV),) if environment == DEV.environment else ()

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        self.reading(name)
        return self._changes

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        return self.changing(name).call(lambda system: system.settle(call))


def _next(script: list[Progress | Exception], otherwise: Callable[[], Progress]) -> Progress:
    if not script:
        return otherwise()
    found = script.pop(0)
    if isinstance(found, Exception):
        raise found
    return found


def line_kind(world: LineWorld, script: Script, draft: Callable[[], Draft]) -> OperationKind:
    """Write a line, wait until it has arrived, read it back: every sort of step that looks."""

    def arrive(_plan: Plan, journal: tuple[JournalEntry, ...], _s: Systems, _c: Clock) -> Progress:
        sent = next(entry for entry in reversed(journal) if entry.step == "send")
        return _next(
            script.progress,
            lambda: Progress(state=StepState.DONE, said=f"{sent.reference} arrived", reference="stone:1"),
        )

    def read_back(plan: Plan, _j: tuple[JournalEntry, ...], _s: Systems, _c: Clock) -> Progress:
        def look() -> Progress:
            if plan.operation in world.lines():
                return Progress(state=StepState.DONE, said="the line reads back")
            return Progress(state=StepState.WAITING, said="no line yet")

        return _next(script.verifies, look)

    def drafted(_request: Request, _around: Around) -> Draft:
        return draft()

    return OperationKind(
        name="airflow.clear-failed",
        action="rerun",
        system=System.AIRFLOW,
        draft=drafted,
        asked=request_of,
        steps=(
            Step(name="send", kind=StepKind.EFFECT, sentence="write the line"),
            Step(name="arrive", kind=StepKind.AWAIT, sentence="wait until it has arrived", look=arrive),
            Step(name="read back", kind=StepKind.VERIFY, sentence="read it back", look=read_back, within=20),
        ),
    )


class Seamed(SqlStore):
    """A real store; ``seam`` is called before and after each of the runner's transactions, by name."""

    seam: Callable[[str], None]

    def _between(self, name: str, work: Callable[[], T]) -> T:
        self.seam(f"before {name}")
        done = work()
        self.seam(f"after {name}")
        return done

    def claim(
        self,
        operation: str,
        owner: Owner,
        at: datetime,
        lasts: timedelta,
        *,
        dead: Owner | None,
        reserve: bool = True,
    ) -> Lease:
        claim = super().claim
        return self._between("claim", lambda: claim(operation, owner, at, lasts, dead=dead, reserve=reserve))

    def renew(self, lease: Lease, at: datetime, lasts: timedelta) -> Lease:
        renew = super().renew
        return self._between("renew", lambda: renew(lease, at, lasts))

    def let_go(self, lease: Lease) -> None:
        let_go = super().let_go
        self._between("let go", lambda: let_go(lease))

    def write(
        self, lease: Lease, entries: Sequence[JournalEntry], audit: AuditDraft | None = None
    ) -> Written:
        write = super().write
        return self._between("write", lambda: write(lease, entries, audit))

    def end(
        self,
        lease: Lease,
        outcome: Outcome,
        said: str,
        at: datetime,
        entries: Sequence[JournalEntry],
        audit: AuditDraft,
    ) -> Written:
        end = super().end
        return self._between("end", lambda: end(lease, outcome, said, at, entries, audit))


class SeamStore(Seamed):
    """In a file."""

    def __init__(self, path: Path, seam: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(path)
        self.seam = seam


class SeamTeamStore(Seamed, PostgresStore):
    """In a team's database."""

    def __init__(self, url: str, seam: Callable[[str], None] = lambda _: None) -> None:
        PostgresStore.__init__(self, url)
        self.seam = seam


_IDS = (f"0193a1b2-0000-7000-8000-{number:012x}" for number in itertools.count(1))


def make_plan(**changed: object) -> Plan:
    """A plan that writes one line for the run ``lines/r1``."""
    plan = Plan(
        operation=next(_IDS),
        kind="airflow.clear-failed",
        environment="dev",
        connection=DEV,
        address=ADDRESS,
        targets=(TARGET,),
        effects=(EFFECT,),
        requester="mara",
        made_by="fedesk 0 on desk-3",
        made_at=NOW - timedelta(seconds=30),
        expires_at=NOW + timedelta(minutes=10),
    )
    return replace(plan, **changed)  # type: ignore[arg-type]


TARGET = Target(
    name="dev/airflow:lines/r1",
    pipeline="lines",
    partition="2026-11-20",
    pins={"write": "1"},
    reserves=("dev/airflow:lines/r1", "dev:lines:2026-11-20"),
    link="http://airflow.dev.example/lines/r1",
)
EFFECT = Effect(
    connection=DEV,
    call=Call(
        system=System.AIRFLOW, verb="write-line", args={"note": "fedesk {operation}"}, key="{operation}"
    ),
    sentence="write one line of lines / r1",
)


@dataclass
class Rig:
    """Everything that an operation needs, with the world at hand."""

    store: OperationStore
    world: LineWorld
    script: Script = field(default_factory=Script)
    clock: MovedClock = field(default_factory=MovedClock)
    processes: Processes = field(default_factory=Living)
    systems: LineSystems = field(init=False)
    draft: Draft = field(default_factory=lambda: Draft(target=TARGET, effects=(EFFECT,), guards=(), facts=()))
    on_draft: Callable[[], None] = lambda: None
    governance: Governance = UNGOVERNED
    approvals: Approvals | None = None
    sealed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.systems = LineSystems(self.world, self.script)

    @property
    def kinds(self) -> Mapping[str, OperationKind]:
        kind = line_kind(self.world, self.script, self._drafted)
        return {kind.name: kind}

    def _drafted(self) -> Draft:
        self.on_draft()
        return self.draft

    def confirmed(self, plan: Plan | None = None) -> str:
        """The id of a plan that somebody has said yes to."""
        plan = make_plan() if plan is None else plan
        self.store.submit(submission(plan))
        return plan.operation

    def execute(self, operation: str, *, processes: Processes | None = None) -> Operation:
        return operation_runner.execute(
            operation,
            store=self.store,
            systems=self.systems,
            catalogue=Catalogue(),
            environments=ENVIRONMENTS,
            actor=ACTOR,
            clock=self.clock,
            processes=processes or self.processes,
            pause=self.clock.pause,
            kinds=self.kinds,
            governance=self.governance,
            approvals=self.approvals,
            sealed=self.sealed,
        )

    def recheck(self, operation: str, *, processes: Processes | None = None) -> Operation:
        return settling.recheck(
            operation,
            store=self.store,
            systems=self.systems,
            clock=self.clock,
            processes=processes or self.processes,
            actor=ACTOR,
            kinds=self.kinds,
            pause=self.clock.pause,
        )

    def phases(self, operation: str) -> list[str]:
        return [str(record.draft.phase) for record in self.store.tail(100, operation=operation)]

    def holder(self) -> Operation | None:
        return self.store.holder(TARGET.reserves)


def submission(plan: Plan) -> Submission:
    """A plan with the yes of somebody at the keys."""
    digest = digest_of(plan)
    return Submission(
        plan=plan,
        digest=digest,
        guards=(),
        confirmation=Confirmation(operation=plan.operation, digest=digest, by="mara", at=NOW, how="key"),
    )


def states(operation: Operation) -> Sequence[tuple[str, StepState]]:
    """The journal without the claims, as (step, state)."""
    return [(entry.step, entry.state) for entry in operation.journal if entry.step]


def settled_well(rig: Rig, operation: str) -> None:
    """What holds of every operation that has come to a final end."""
    found = rig.store.operation(operation)
    assert found is not None
    assert found.stage is Stage.ENDED
    assert rig.store.verify(deep=True).flaw is None
    assert rig.holder() is None
    assert len(rig.script.sends) <= 1
    assert len(rig.world.lines()) <= 1
