"""Values for the tests of plans: previews of one still moment, and systems that answer with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Generic, TypeVar

from making import AIRFLOW, ENGINEERING, JENKINS, NOW, minutes
from operation_values import operation_id

from fedesk.domain.audit import Actor
from fedesk.domain.catalogue import (
    BudgetPeriod,
    Catalogue,
    Deploy,
    LoadTarget,
    Partition,
    Pipeline,
    RetryBudget,
    Service,
    WriteMode,
)
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.operations import (
    Call,
    Confirmation,
    Effect,
    Plan,
    Progress,
    Settlement,
    StepState,
    Target,
    WriteWindow,
)
from fedesk.domain.plans import digest_of
from fedesk.domain.policy import UNGOVERNED, Governance
from fedesk.domain.reruns import ClearPreview, RebuildParameter, RebuildPreview, RerunRequest, TaskPin
from fedesk.domain.runs import Parameter, Run, RunDetail
from fedesk.domain.states import State, System
from fedesk.ports.changing import Processes
from fedesk.ports.errors import NotFoundError
from fedesk.ports.incident_store import DeskStore
from fedesk.ports.sources import Connection
from fedesk.services.changes import Changes

Adapter = TypeVar("Adapter")
Result = TypeVar("Result")

PROD = EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="Europe/London")
GUARDED_PROD = replace(PROD, mode="guarded")
STAGING = EnvironmentFacts(name="staging", production=False, mode="guarded", timezone="Europe/London")
READ_ONLY_STAGING = replace(STAGING, mode="read-only")
ENVIRONMENTS = {one.name: one for one in (PROD, STAGING)}
ACTOR = Actor(person="mara@finedge.example", known_by="configuration", host="desk-3", pid=4242)
DAG_RUN = RunName(AIRFLOW, "payments_daily/scheduled__2026-11-20T00:00:00+00:00")
BUILD = RunName(JENKINS, "finedge/prod/payments-ci#1841")
PIPELINE = Pipeline(
    name="payments_daily",
    owner=ENGINEERING,
    dag="payments_daily",
    jobs=(("ci", "finedge/{environment}/payments-ci"),),
    partition=Partition(zone="Europe/London"),
    loads=(LoadTarget(dataset="MARTS.PAYMENTS", write=WriteMode.PARTITION_OVERWRITE),),
    retry_budget=RetryBudget(count=3, period=BudgetPeriod.DAY),
)
CATALOGUE = Catalogue(
    pipelines={"payments_daily": PIPELINE},
    services={
        "payments": Service(
            name="payments", owner=ENGINEERING, deploy=Deploy(job="finedge/{environment}/deploy-payments")
        )
    },
)


def clear_preview(name: RunName = DAG_RUN, state: State = State.FAILED, **given: Any) -> ClearPreview:
    """Three failed tasks of a run of 00:00."""
    values: dict[str, Any] = {
        "run": Run(
            name=name,
            job=name.id.partition("/")[0],
            state=state,
            original_state="success" if state is State.SUCCEEDED else state.value,
            link="http://127.0.0.1/dags/payments_daily",
            partition="2026-11-20T00:00:00+00:00",
        ),
        "tasks": (
            TaskPin(task_id="dbt_test", map_index=None, try_number=3, state="failed"),
            TaskPin(task_id="publish", map_index=None, try_number=0, state="upstream_failed"),
            TaskPin(task_id="notify", map_index=None, try_number=0, state="upstream_failed"),
        ),
        "active": (),
        "dag_version": "4",
        "latest_version": "4",
        "paused": False,
        "is_dry_run": True,
        "tags": ("prod", "payments"),
        "observed_at": NOW - timedelta(seconds=2),
    }
    return ClearPreview(**(values | given))


def rebuild_preview(name: RunName = BUILD, state: State = State.FAILED, **given: Any) -> RebuildPreview:
    """A failed build of a job that declares two parameters and the operation's."""
    values: dict[str, Any] = {
        "run": Run(
            name=name,
            job=name.id.rpartition("#")[0],
            state=state,
            original_state=state.value,
            link="http://127.0.0.1/job/x/1841/",
        ),
        "buildable": True,
        "parameters": (
            parameter("BRANCH", "main"),
            parameter("DATE", "2026-11-20"),
            parameter("FEDESK_OPERATION", "019a0000-0000-7000-8000-000000000000"),
        ),
        "declared": ("BRANCH", "DATE", "FEDESK_OPERATION"),
        "new_defaults": (),
        "declares_operation": True,
        "definition": "ab" * 32,
        "definition_source": "config.xml",
        "running": (),
        "queued": (),
        "highest_queue_id": 811,
        "quieting_down": False,
        "observed_at": NOW - timedelta(seconds=2),
        "user": "oncall",
    }
    return RebuildPreview(**(values | given))


def parameter(name: str, value: str | None, kind: str = "StringParameterDefinition") -> RebuildParameter:
    return RebuildParameter(name=name, value=value, kind=kind)


def plan(environment: str = "prod", **given: Any) -> Plan:
    """A plan of the three tasks, made a minute ago."""
    connection = ConnectionName(environment, "airflow")
    values: dict[str, Any] = {
        "operation": operation_id(1),
        "kind": "airflow.clear-failed",
        "environment": environment,
        "connection": connection,
        "address": "http://127.0.0.1",
        "targets": (target(),),
        "effects": (effect(connection),),
        "requester": "mara@finedge.example",
        "made_by": "fedesk 0.1.0 on desk-3",
        "made_at": NOW - minutes(1),
        "expires_at": NOW + minutes(14),
    }
    return Plan(**(values | given))


def target(**given: Any) -> Target:
    values: dict[str, Any] = {
        "name": str(DAG_RUN),
        "pipeline": "payments_daily",
        "partition": "2026-11-20",
        "pins": {"run": "failed", "task dbt_test": "try 3, failed"},
        "reserves": (str(DAG_RUN), "prod|payments_daily|2026-11-20"),
    }
    return Target(**(values | given))


def effect(connection: ConnectionName = AIRFLOW, **args: Any) -> Effect:
    tasks = {"dag_id": "payments_daily", "tasks": [["dbt_test", -1, 3]]}
    call = Call(system=System.AIRFLOW, verb="clear-task-instances", args=tasks | args, key="{operation}")
    return Effect(connection=connection, call=call, sentence="clear 1 task instance")


def window(environment: str = "prod", *, opened: float = 5, lasts: float = 60) -> WriteWindow:
    """A window opened so many minutes ago."""
    at = NOW - minutes(opened)
    return WriteWindow(
        environment=environment, opened_at=at, until=at + minutes(lasts), reason="INC-2207", opened_by="mara"
    )


def confirmation(of: Plan, **given: Any) -> Confirmation:
    """A yes to a plan, by name and key, a second ago."""
    values: dict[str, Any] = {
        "operation": of.operation,
        "digest": digest_of(of),
        "by": "mara@finedge.example",
        "at": NOW - timedelta(seconds=1),
        "how": "name and key",
        "named": of.environment,
        "window": window(of.environment),
    }
    return Confirmation(**(values | given))


class StillClock:
    """Shows NOW until the test moves it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


class OpenBulkhead(Generic[Adapter]):
    """Calls the adapter on the thread of who asks."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def call(self, use: Callable[[Adapter], Result], *, deadline: float | None = None) -> Result:
        del deadline
        return use(self._adapter)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class StillSystem:
    """A system that answers with what the test put in, or fails with it."""

    preview: Any = None
    """A preview, or the error that looking ends in."""
    tasks_now: tuple[TaskPin, ...] = ()
    build: RunDetail | None = None
    queue: Progress | None = None
    asked: list[object] = field(default_factory=list)

    def _answer(self, question: object) -> Any:
        self.asked.append(question)
        if isinstance(self.preview, Exception):
            raise self.preview
        return self.preview

    def clear_preview(self, run_id: str, task: TaskName | None) -> ClearPreview:
        return self._answer((run_id, task))  # type: ignore[no-any-return]

    def clear_state(self, run_id: str, tasks: tuple[TaskPin, ...]) -> tuple[TaskPin, ...]:
        self.asked.append((run_id, tasks))
        return self.tasks_now

    def rebuild_preview(self, build_id: str) -> RebuildPreview:
        return self._answer(build_id)  # type: ignore[no-any-return]

    def follow_queue(self, item: int, job: str, operation: str) -> Progress:
        self.asked.append((item, job, operation))
        return self.queue or Progress(state=StepState.WAITING, said="In the quiet period.")

    def run(self, run_id: str) -> RunDetail:
        self.asked.append(run_id)
        if self.build is None:
            raise NotFoundError(f"there is no {run_id}")
        return self.build


class StillSystems:
    """Connections over still systems."""

    def __init__(self, **systems: StillSystem) -> None:
        self.connections = {one.name: one for one in (_connection(*item) for item in systems.items())}

    def reading(self, name: ConnectionName) -> Connection:
        found = self.connections.get(name)
        if found is None:
            raise NotFoundError(f"{name} is not configured")
        return found

    def of(self, environment: str) -> tuple[Connection, ...]:
        return tuple(one for one in self.connections.values() if one.name.environment == environment)

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        raise NotImplementedError


def _connection(name: str, system: StillSystem) -> Connection:
    environment, _, which = name.partition("_")
    reached: Any = OpenBulkhead(system)
    kind = System(which)
    return Connection(
        name=ConnectionName(environment, which),
        system=kind,
        address=f"http://{which}.example",
        scope=(f"finedge/{environment}",) if kind is System.JENKINS else (environment,),
        period=5.0,
        source=reached,
        runs=reached,
        clears=reached if kind is System.AIRFLOW else None,
        rebuilds=reached if kind is System.JENKINS else None,
        queues=reached if kind is System.JENKINS else None,
    )


def build_detail(parameters: Mapping[str, str], state: State = State.RUNNING) -> RunDetail:
    run = Run(
        name=RunName(JENKINS, "finedge/prod/payments-ci#1842"),
        job="finedge/prod/payments-ci",
        state=state,
        original_state=state.value,
    )
    return RunDetail(
        run=run, parameters=tuple(Parameter(name=name, value=value) for name, value in parameters.items())
    )


def asked(run: RunName = DAG_RUN, **given: Any) -> RerunRequest:
    return RerunRequest(run=run, **given)


def changes(
    store: DeskStore,
    *,
    clock: StillClock | None = None,
    environments: Mapping[str, EnvironmentFacts] = ENVIRONMENTS,
    catalogue: Catalogue = CATALOGUE,
    processes: Processes | None = None,
    governance: Governance = UNGOVERNED,
    **systems: StillSystem,
) -> Changes:
    """Changes over a store and still systems; ids count up from 1."""
    ids = (operation_id(number) for number in count(1))
    return Changes(
        store=store,
        systems=StillSystems(**systems),
        catalogue=catalogue,
        environments=environments,
        actor=ACTOR,
        clock=clock or StillClock(),
        new_id=lambda: next(ids),
        made_by="fedesk 0.1.0 on desk-3",
        processes=processes,
        governance=governance,
    )
