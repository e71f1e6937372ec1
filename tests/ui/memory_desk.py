"""A desk without systems: boards that the test hands over, and reads that it answers."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from operation_values import Living, MemoryStore

from fedesk.domain.approving import Standing
from fedesk.domain.audit import Actor
from fedesk.domain.board import Board
from fedesk.domain.catalogue import Catalogue, Deadline, Deploy, Owner, OwnerGroup, Pipeline, Service, Tier
from fedesk.domain.dora import Dora
from fedesk.domain.front import EnvironmentFacts, FrontPage
from fedesk.domain.incidents import Incident
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.observation import Failure, Observation, Problem, Snapshot
from fedesk.domain.open_operations import Awaited
from fedesk.domain.operations import Operation, Outcome, Plan, WriteWindow
from fedesk.domain.release_batch import in_order
from fedesk.domain.release_matrix import KnownReleases, Matrix
from fedesk.domain.releases import ReleaseRequest
from fedesk.domain.requests import Request
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.domain.runs import Change, Job, LogChunk, LogEnd, LogRequest, QueueItem, Run, RunDetail, Step
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.states import FailureKind, State, System
from fedesk.ports.changing import Launcher, LaunchError, Runner
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import NotFoundError
from fedesk.services.automatic_rollback import wanted
from fedesk.services.boards import board_of
from fedesk.services.checkpointing import Verified
from fedesk.services.diagnosis import Diagnosis
from fedesk.services.log_text import MemoryPages, Pages
from fedesk.services.marking import Marking
from fedesk.services.operation_watch import OperationWatch
from fedesk.services.proposals import Answer, Proposal
from fedesk.services.quarantining import Quarantining
from fedesk.services.release_diff import DiffRead
from fedesk.services.release_matrix import MatrixRead
from fedesk.services.release_reading import HistoryRead
from fedesk.services.tracing import Followed, follow, kept_of
from fedesk.ui.desk import Approving, Planning, Records, Releasing, Reporting, Saying, Stopping, Word

if TYPE_CHECKING:
    from fedesk.ports.incident_store import DeskStore

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
PROD = EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="Europe/London")
STAGING = EnvironmentFacts(name="staging", production=False, mode="guarded", timezone="Europe/London")
DEV = EnvironmentFacts(name="dev", production=False, mode="guarded", timezone="Europe/London")
ACTOR = Actor(person="mara@finedge.example", known_by="configuration", host="desk-3", pid=4242)
HOSTILE = "[bold red]x[/] [/nope] [@click=app.quit]y[/] \x1b[31mred\x1b[0m \ud800 \u202etxt\n" + "z" * 400
ENGINEERING = Owner(OwnerGroup.ENGINEERING)
NAMES = ("ledger_load", "payments_daily", "fx_rates", "cards_settlement", "kyc_refresh", "regulatory_report")


class StillClock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - NOW).total_seconds()


def runs_of(name: str, environment: str, last: State, *, count: int = 24, ago: int = 12) -> tuple[Run, ...]:
    """Runs of a DAG, one a day, newest first; every seventh of the older ones failed."""
    connection = ConnectionName(environment, "airflow")
    found = []
    for index in range(count):
        start = NOW - timedelta(days=index, minutes=ago + len(name) % 5)
        state = last if index == 0 else State.FAILED if index % 7 == 5 else State.SUCCEEDED
        day = (start - timedelta(days=1)).date()
        run_id = f"scheduled__{day}T00:00:00+00:00"
        found.append(
            Run(
                name=RunName(connection, f"{name}/{run_id}"),
                job=name,
                state=state,
                original_state=state.value,
                link=f"http://127.0.0.1:8080/dags/{name}/runs/{run_id}",
                started_at=start,
                ended_at=start + timedelta(seconds=180 + 37 * index % 90) if state.is_final else None,
                run_after=start,
                partition=f"{day}T00:00:00+00:00",
                cause="scheduled",
                reason="dbt_test failed, try 3 of 3" if state is State.FAILED else "",
            )
        )
    return tuple(found)


def builds_of(job: str, environment: str, last: State) -> tuple[Run, ...]:
    connection = ConnectionName(environment, "jenkins")
    return tuple(
        Run(
            name=RunName(connection, f"{job}#{1841 - index}"),
            job=job,
            state=last if index == 0 else State.SUCCEEDED,
            original_state="FAILURE",
            link=f"http://127.0.0.1:8081/job/{job}/{1841 - index}/",
            started_at=NOW - timedelta(hours=2 + index),
            ended_at=NOW - timedelta(hours=2 + index) + timedelta(seconds=252),
            cause="Started by user mara",
            reason="verification failed in prod" if index == 0 and last is State.FAILED else "",
            commit="c0ffee1234567890",
        )
        for index in range(8)
    )


def catalogue() -> Catalogue:
    return Catalogue(
        services={
            "fx_rates": Service(
                name="fx_rates", owner=ENGINEERING, deploy=Deploy(job="finedge/{environment}/deploy-fx")
            )
        },
        pipelines={
            name: Pipeline(
                name=name,
                owner=Owner(OwnerGroup.CLIENT, "acme_07") if name == "ledger_load" else ENGINEERING,
                tier=Tier.PAGE if index < 3 else Tier.TICKET,
                dag=name,
                service="fx_rates" if name == "fx_rates" else "",
                deadline=Deadline(time(6), "Europe/London") if index < 3 else None,
                runbook=f"runbooks/{name}.md" if index < 3 else "",
            )
            for index, name in enumerate(NAMES)
        },
    )


def secrets(environment: str) -> tuple[SecretMetadata, ...]:
    vault = ConnectionName(environment, "vault")
    aged = {
        "partner-api": 98,
        "fx-provider": 85,
        "card-network": 12,
        "sftp/acme_07": 40,
        "ledger-archive": 76,
    }
    found = [
        SecretMetadata(
            connection=vault,
            name=f"kv:finedge/{environment}/{name}",
            age_from=NOW - timedelta(days=age, hours=3),
            version=age % 9 + 1,
            owner="engineering",
        )
        for name, age in aged.items()
    ]
    found.append(
        SecretMetadata(
            connection=vault,
            name=f"kv:finedge/{environment}/regulator-upload",
            age_from=None,
            problem="the current version is deleted, and has no date of its own",
        )
    )
    return tuple(found)


def snapshot(environment: str, system: System, observation: Observation | None) -> Snapshot:
    return Snapshot(
        connection=ConnectionName(environment, system.value),
        system=system,
        address=f"http://127.0.0.1:80{len(system.value)}0",
        observation=observation,
        observed_at=NOW if observation else None,
        latency=0.041 if observation else None,
    )


def snapshots(environment: str = "prod", *, hostile: bool = False) -> tuple[Snapshot, ...]:
    airflow = ConnectionName(environment, "airflow")
    jenkins = ConnectionName(environment, "jenkins")
    states = {"payments_daily": State.FAILED, "fx_rates": State.RUNNING, "kyc_refresh": State.QUEUED}
    runs = [run for name in NAMES for run in runs_of(name, environment, states.get(name, State.SUCCEEDED))]
    if hostile:
        runs += runs_of(HOSTILE, environment, State.FAILED)
    jobs = [
        Job(connection=airflow, name=name, next_run_at=NOW + timedelta(hours=21), owners=("engineering",))
        for name in NAMES
    ]
    deploys = builds_of(f"finedge/{environment}/deploy-fx", environment, State.FAILED)
    waiting = QueueItem(
        connection=jenkins,
        id="77",
        job=f"finedge/{environment}/cards-ci",
        why="Waiting for next available executor on linux",
        since=NOW - timedelta(minutes=31),
    )
    problem = Problem(
        kind="import error",
        where="marketing_attribution.py",
        text="ModuleNotFoundError: No module named 'acme'",
        since=NOW - timedelta(hours=5),
    )
    return (
        snapshot(environment, System.JENKINS, Observation(runs=deploys, queue=(waiting,))),
        snapshot(
            environment, System.AIRFLOW, Observation(runs=tuple(runs), jobs=tuple(jobs), problems=(problem,))
        ),
        snapshot(environment, System.VAULT, Observation(secrets=secrets(environment))),
        snapshot(environment, System.SNOWFLAKE, Observation()),
    )


def failing(one: Snapshot, *, known: bool = True) -> Snapshot:
    """A snapshot whose system has stopped to answer."""
    sentence = f"{one.connection} does not answer: connection refused at {one.address}. Is it running?"
    return replace(
        one,
        observation=one.observation if known else None,
        observed_at=NOW - timedelta(minutes=2) if known else None,
        failure=Failure(kind=FailureKind.UNREACHABLE, sentence=sentence),
        failed_since=NOW - timedelta(minutes=1),
        next_try_at=NOW + timedelta(seconds=20),
    )


def a_board(
    facts: EnvironmentFacts = PROD,
    now: datetime = NOW,
    found: tuple[Snapshot, ...] | None = None,
    *,
    hostile: bool = False,
) -> Board:
    here = found if found is not None else snapshots(facts.name, hostile=hostile)
    others = {one.name: snapshots(one.name) for one in (PROD, STAGING, DEV) if one.name != facts.name}
    return board_of(facts, catalogue(), here, others, now)


LOG = "\n".join(
    [
        *(
            f"[2026-11-20T02:29:{second:02}.120+0000] INFO - 1 of 214 OK model_{second}"
            for second in range(40)
        ),
        "02:30:41  Failure in test not_null_payments_amount (models/marts/payments.yml)",
        "02:30:41    Got 14 results, configured to fail if != 0",
        "02:30:42  Done. PASS=213 WARN=0 ERROR=1 SKIP=0 TOTAL=214",
        "[2026-11-20T02:30:43.001+0000] ERROR - Bash command failed, exit code 1.",
        "",
    ]
)


@dataclass
class MemoryReading:
    """Reads that answer from memory, or not before the test lets them."""

    board: Board
    hang: threading.Event | None = None
    asked: list[RunName] = field(default_factory=list)
    problem: str = ""

    def detail(self, name: RunName) -> RunDetail:
        found = next(
            (run for history in self.board.histories for run in history.runs if run.name == name), None
        )
        if found is None:
            raise NotFoundError(f"{name} is not there")
        names = ("extract", "dbt_run", "dbt_test", "publish", "notify")
        states = (State.SUCCEEDED, State.SUCCEEDED, found.state, State.BLOCKED, State.BLOCKED)
        if found.state is State.SUCCEEDED:
            states = (State.SUCCEEDED,) * 5
        steps = tuple(
            Step(
                id=step,
                name=step,
                state=state,
                original_state=state.value,
                started_at=found.started_at,
                ended_at=found.ended_at,
                try_number=3 if step == "dbt_test" else 1,
                max_tries=3,
            )
            for step, state in zip(names, states, strict=True)
        )
        return RunDetail(run=found, steps=steps, causes=(found.cause,))

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """None: what is in memory is there at once."""
        del request
        return None

    def exporting(self, request: LogRequest, file: str) -> None:
        """Nothing has to be recorded."""

    def pages(self) -> Pages:
        return MemoryPages()

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        del request
        return LogChunk(text="" if cursor else LOG, cursor="end", complete=True)

    def diagnose(self, name: RunName) -> Diagnosis:
        self.asked.append(name)
        if self.hang is not None:
            self.hang.wait()
        if self.problem:
            raise NotFoundError(self.problem)
        detail = self.detail(name)
        history = next(one for one in self.board.histories if detail.run in one.runs)
        return Diagnosis(
            detail=detail,
            culprit=detail.steps[2],
            log=LogRequest(run=name, task=TaskName("dbt_test", None, 3)),
            telling_line="Failure in test not_null_payments_amount (models/marts/payments.yml): 14 rows",
            line_number=40,
            last_good=history.last_good,
            changes=(
                Change(commit="c0ffee1234567890", author="mara", message="Take amounts from the new feed"),
                Change(commit="deadbeef87654321", author="jon", message="Bump dbt-core"),
            ),
        )


class MemoryPollers:
    """The pollers' side: the test hands boards over, as a poller's thread would."""

    def __init__(self, first: Board | None) -> None:
        self.first = first
        self.on_board: Callable[[Board], None] | None = None
        self.stopped = False
        self.refreshed = 0
        self.others: dict[str, Board] = {}
        """What is known of the other environments."""
        self.went_on_from: tuple[Snapshot, ...] = ()
        self.again: Callable[[Board], Board] = lambda board: board

    def start(self, on_board: Callable[[Board], None]) -> None:
        self.on_board = on_board
        if self.first is not None:
            threading.Thread(target=on_board, args=(self.first,), daemon=True).start()

    def refresh(self) -> None:
        self.refreshed += 1

    def hand_over(self) -> None:
        if self.on_board is not None and self.first is not None and not self.stopped:
            self.on_board(self.again(self.first))

    def stop(self) -> None:
        self.stopped = True

    def elsewhere(self, environment: EnvironmentFacts) -> Board:
        return self.others.get(environment.name) or board_of(environment, Catalogue(), (), {}, NOW)

    def snapshots(self) -> tuple[Snapshot, ...]:
        return self.first.snapshots if self.first is not None else ()

    def go_on_from(self, known: Iterable[Snapshot]) -> None:
        self.went_on_from = tuple(known)


class Unchangeable:
    """Plans where there is nothing to change: ``acting_desk`` has systems that can be."""

    def propose(
        self,
        request: Request,
        window: WriteWindow | None = None,
        *,
        break_glass: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Proposal:
        del window, break_glass, tell
        raise NotFoundError(f"{request.name} cannot be run again at this desk.")

    def with_window(self, proposal: Proposal, window: WriteWindow | None) -> Proposal:
        raise NotImplementedError

    def with_broken_glass(self, proposal: Proposal) -> Proposal:
        raise NotImplementedError

    def confirm(self, proposal: Proposal, answer: Answer) -> Operation:
        raise NotImplementedError

    def awaited(self, operation: Operation) -> Awaited | None:
        raise NotImplementedError

    def approve(self, operation: str) -> Standing:
        raise NotFoundError(f"Operation {operation} waits for nobody.")

    def reject(self, operation: str, reason: str) -> Standing:
        raise NotFoundError(f"Operation {operation} waits for nobody, {reason}.")

    def withdraw(self, operation: str, reason: str) -> Operation:
        raise NotFoundError(f"Operation {operation} waits for nobody, {reason}.")

    def set_aside(self, broken: Operation) -> tuple[str, ...]:
        raise NotImplementedError

    def end_rejected(self, operation: str, said: str) -> None:
        raise NotImplementedError

    def window(self, environment: str, reason: str) -> WriteWindow:
        raise NotImplementedError

    def open(
        self, environment: str, title: str, *, given: str = "", runs: Sequence[RunName] = ()
    ) -> Incident:
        raise NotImplementedError

    def note(self, given: str, said: str, *, acknowledges: bool = False) -> Incident:
        raise NotImplementedError

    def close(self, given: str, summary: str = "") -> Incident:
        raise NotImplementedError

    def look_first(self, operation: str) -> Operation:
        raise NotFoundError(f"Operation {operation} cannot be settled by hand now.")

    def settle(self, operation: str, verdict: Outcome, answer: Answer) -> Operation:
        raise NotImplementedError

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> Runner:
        del credentials
        raise LaunchError("This desk starts no runner.")


class Deployed:
    """What is deployed where: what a test has put there."""

    def __init__(self) -> None:
        self.found: Matrix | Exception = Matrix(at=NOW, environments=("dev", "staging", "prod"), rows=())
        self.looks = 0

    def request(
        self, kind: str, service: str, environment: str, digest: str = "", origin: str = ""
    ) -> ReleaseRequest:
        return ReleaseRequest(
            kind=kind,
            service=service,
            environment=environment,
            connection=ConnectionName(environment, "jenkins"),
            digest=digest,
            origin=origin,
        )

    def ordered(self, services: Sequence[str]) -> tuple[str, ...]:
        return in_order(catalogue(), services)

    def is_put_back(self, ended: Operation) -> bool:
        return wanted(ended, catalogue()) is not None

    def matrix(self) -> MatrixRead:
        self.looks += 1
        if isinstance(self.found, Exception):
            raise self.found
        known = KnownReleases()
        return MatrixRead(matrix=self.found, known=known, operations=(), stops=(), failures={})

    def diff(self, service: str, names: tuple[str, str]) -> DiffRead:
        del names
        raise NotFoundError(f"nothing is known of {service}")

    def history(self, service: str, environment: str) -> HistoryRead:
        raise NotFoundError(f"nothing is known of {service} in {environment}")

    def dora(self, service: str, environment: str, length: timedelta) -> Dora:
        del length
        raise NotFoundError(f"nothing is known of {service} in {environment}")


class MemoryDesk:
    """One environment, without systems."""

    changes: Planning = Unchangeable()
    launcher: Launcher = Unchangeable()
    incidents: Reporting = Unchangeable()
    by_hand: Word = Unchangeable()
    approvals: Approving = Unchangeable()
    rights: Rights = EVERY_RIGHT

    def permit(self, verb: str, environment: str, target: str) -> None:
        assert not self.rights.against(verb, environment), target

    def launcher_for(self, connections: Sequence[ConnectionName], *, break_glass: bool = False) -> Launcher:
        del connections, break_glass
        return self.launcher

    def __init__(
        self,
        facts: EnvironmentFacts = PROD,
        board: Board | None = None,
        *,
        silent: bool = False,
        runbook_folder: Path | None = None,
        store: Records | None = None,
    ) -> None:
        self.environment = facts
        self.environments = (PROD, STAGING, DEV)
        made = board or a_board(facts)
        self.board = MemoryPollers(None if silent else made)
        self.reading = MemoryReading(made)
        self.runbook_folder = runbook_folder
        self.closed = False
        self.store = store or MemoryStore()
        self.living = Living()
        self.deployed = Deployed()
        self.rechecked: list[str] = []
        self.operation_watch = OperationWatch(lambda: self.store, lambda: self.living, StillClock())
        self.board.again = self._with_operations
        ids = iter(f"0193a1b2-0000-7000-8000-{number:012x}" for number in range(1, 99))
        self.quarantining: Stopping = Quarantining(
            store=cast("DeskStore", self.store),
            actor=ACTOR,
            clock=StillClock(),
            new_id=lambda: next(ids),
            rights=self.rights,
        )

    def _with_operations(self, board: Board) -> Board:
        here, opened = board.environment, self.operation_watch.known()
        if not opened:
            return board
        others = {one.name: snapshots(one.name) for one in self.environments if one.name != here.name}
        return board_of(here, catalogue(), board.snapshots, others, board.at, operations=opened)

    @property
    def marking(self) -> Saying:
        return Marking(store=cast("DeskStore", self.store), actor=ACTOR, clock=StillClock())

    @property
    def processes(self) -> Living:
        return self.living

    @property
    def catalogue(self) -> Catalogue:
        return catalogue()

    @property
    def releases(self) -> Releasing:
        return self.deployed

    def read_by(self, requests: Iterable[Request]) -> Sequence[ConnectionName]:
        return sorted({one.connection for one in requests})

    def asked_by(self, plan: Plan) -> Sequence[ConnectionName]:
        return sorted({plan.connection, *(effect.connection for effect in plan.effects)})

    def credentials_for(
        self, connections: Sequence[ConnectionName], *, break_glass: bool = False
    ) -> Callable[[], dict[str, SecretText]]:
        del break_glass
        return lambda: {str(name): SecretText("s3cret") for name in connections}

    def verify(self, *, deep: bool, from_newest: bool = False) -> Verified:
        """What the store says of its chain; nothing outside it vouches."""
        del from_newest
        found = self.store.verify(deep=deep)
        return Verified(
            chain=found,
            sinks=(),
            flaw=found.flaw,
            vouched=None,
            since=None,
            records=found.records,
            head=found.head,
            retired=(),
        )

    def trace(self, operation: str) -> Followed:
        """What the test's store has; there are no systems."""
        return follow(operation, kept_of(lambda: self.store, operation), self.environment.name, ())

    def recheck(self, operation: str) -> Operation:
        """What the test's store then has."""
        self.rechecked.append(operation)
        found = self.store.operation(operation)
        assert found is not None
        return found

    def close(self) -> None:
        self.board.stop()
        self.closed = True


def front(facts: EnvironmentFacts = PROD) -> FrontPage:
    """What is known before the first look: the environment's facts alone."""
    return FrontPage(environment=facts)
