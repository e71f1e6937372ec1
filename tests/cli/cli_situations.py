"""What tests of changes need around the command line: runners in this process, others, and the truth."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from in_process import InProcessLauncher

from fedesk.cli.session import LauncherOf
from fedesk.domain.audit import AuditRecord
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Operation, Receipt, Settlement
from fedesk.execution import Desk
from fedesk.live_systems import LiveSystems
from fedesk.ports.endpoint import SecretText
from fedesk.ports.sources import Bulkhead, Connection, Result
from fedesk.sandbox.airflow_clear import clear_as
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.model import RunState
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import Changer, execute
from fedesk.store.operations import SqlStore

AIRFLOW_RUN = "scheduled__2026-11-20T00:00:00+00:00"
FAILED_DAG = "payments_daily"
FAILED = f"prod/airflow:{FAILED_DAG}/{AIRFLOW_RUN}"
"""A run that has failed at the moment of the sandbox."""
JOB = "finedge/prod/lending-ci"
BUILD = f"prod/jenkins:{JOB}#340"
"""A build that has failed, and can be repeated."""
DEPLOY = "prod/jenkins:finedge/prod/deploy-fx_rates#459"
"""A build that has failed, with a password among its parameters."""
UNAWARE = "prod/jenkins:finedge/prod/payments-ci#390"
"""A build of a job that does not declare FEDESK_OPERATION."""
UNTOUCHED = RunState.FAILED
YES = ("--confirm", "prod", "--write", "prod", "--reason", "INC-4711")


Hook = Callable[[], None]


def nothing() -> None:
    """Nothing happens in between."""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What else happens while an operation is executed."""

    before: Hook = nothing
    """The first step, behind the confirmation."""
    at_send: Hook = nothing
    sent: Hook = nothing
    """Whether it was answered or not."""


class WorldLauncher(InProcessLauncher):
    """Executes in this process; where the runner pauses, the world's clock goes on instead."""

    def __init__(self, desk: Desk, sandbox: Sandbox, hooks: Hooks) -> None:
        super().__init__(desk)
        self._sandbox = sandbox
        self._hooks = hooks

    def go(self, operation: str) -> None:
        self._hooks.before()
        desk = self._desk
        execute(
            operation,
            store=desk.store,
            systems=HookedSystems(desk.systems, self._hooks),
            catalogue=desk.catalogue,
            environments=desk.by_name,
            actor=desk.actor,
            clock=desk.clock,
            processes=desk.processes,
            pause=lambda seconds: self._sandbox.control.clock.advance(timedelta(seconds=max(seconds, 1.0))),
        )


@dataclass(frozen=True)
class HookedChanger:
    """A system; something happens each time it is changed, right before and right after."""

    changer: Changer
    hooks: "Hooks"

    def apply(self, call: Call) -> Receipt:
        self.hooks.at_send()
        try:
            return self.changer.apply(call)
        finally:
            self.hooks.sent()

    def settle(self, call: Call) -> Settlement:
        return self.changer.settle(call)

    def close(self) -> None:
        """The desk closes it."""


@dataclass(frozen=True)
class HookedBulkhead:
    """The way to such a system."""

    bulkhead: Bulkhead[Changer]
    hooks: "Hooks"

    def call(self, use: Callable[[Changer], Result], *, deadline: float | None = None) -> Result:
        return self.bulkhead.call(lambda changer: use(HookedChanger(changer, self.hooks)), deadline=deadline)

    def close(self) -> None:
        """The desk closes it."""


@dataclass(frozen=True)
class HookedSystems:
    """A desk's systems as such."""

    systems: LiveSystems
    hooks: "Hooks"

    def reading(self, name: ConnectionName) -> Connection:
        return self.systems.reading(name)

    def of(self, environment: str) -> tuple[Connection, ...]:
        return self.systems.of(environment)

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        return self.systems.settle(name, call)

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        return HookedBulkhead(self.systems.changing(name), self.hooks)


def runners_of(sandbox: Sandbox, hooks: Hooks = Hooks()) -> LauncherOf:
    """Runners in this process."""
    return lambda desk: WorldLauncher(desk, sandbox, hooks)


class SilentLauncher:
    """A runner that never takes what it is told to, and says why."""

    where = ""

    def __init__(self, said: str = "") -> None:
        self._said = said
        self.told: list[str] = []
        self.credentials: dict[str, SecretText] = {}
        self.cancelled = False

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> "SilentLauncher":
        self.credentials = credentials()
        return self

    def go(self, operation: str) -> None:
        self.told.append(operation)

    def trouble(self) -> str:
        return self._said

    def delay(self) -> float:
        return 0.0

    def cancel(self) -> None:
        self.cancelled = True


class Situation:
    """The truth after a command: what the world is like, what was sent, what is recorded."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def state_file(self) -> Path:
        """Where the desk of the sandbox keeps its state."""
        return self._sandbox.config_path.parent / "fedesk.sqlite3"

    def store(self) -> SqlStore:
        """That state, as another process opens it."""
        return SqlStore(self.state_file)

    def posts(self, system: str) -> int:
        """Requests to a system that are no read; dry runs of clears among them, logins aside."""
        requests = self._sandbox.control.requests(system)
        return sum(one.method not in ("GET", "HEAD") and "/auth/" not in one.path for one in requests)

    def clears(self) -> list[str]:
        """Who asked for clears in prod, dry runs aside, as Airflow's event log has it."""
        events = self._sandbox.world.airflow.events("prod")
        return [event.owner for event in events if event.event == CLEAR]

    def state(self, dag: str = FAILED_DAG, run: str = AIRFLOW_RUN) -> RunState:
        """How the run stands in the world."""
        return self._sandbox.world.dag_run("prod", dag, run).state

    def builds(self, job: str = JOB) -> int:
        """The number that the next build of a job gets."""
        return self._sandbox.world.next_build_number(job)

    def clear_by_another(self) -> None:
        """Somebody clears the failed run in Airflow's own pages."""
        body = {"dag_run_id": AIRFLOW_RUN, "only_failed": True, "dry_run": False}
        clear_as(self._sandbox.world, "prod", FAILED_DAG, "mara", body)

    def records(self) -> tuple[AuditRecord, ...]:
        """The audit log, checked."""
        with closing(self.store()) as kept:
            assert kept.verify(deep=True).flaw is None
            return kept.tail(100)

    def phases(self) -> list[str]:
        """The phases in the audit log, in order."""
        return [record.draft.phase.value for record in self.records()]

    def operations(self) -> tuple[Operation, ...]:
        """Every operation there is, newest first."""
        with closing(self.store()) as kept:
            return kept.operations(limit=100)


def assert_nothing_was_done(situation: Situation, phases: Sequence[str] = ("refusal",)) -> None:
    """The world, the store and the audit log agree that nothing was sent."""
    assert situation.state() is UNTOUCHED
    assert situation.clears() == []
    assert situation.operations() == ()
    assert situation.phases() == list(phases)
