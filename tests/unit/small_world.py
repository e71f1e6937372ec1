"""A world in memory: two Airflows with a few runs, and desks that reach them, on which anything may go wrong.

Time is the world's own; what a desk's clock shows may differ from it. A process is one runner or one look,
and is gone when it has ended, whatever has ended it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from making import NOW
from planning import OpenBulkhead, clear_preview

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.operations import Call, Owner, Receipt, Settled, Settlement
from fedesk.domain.reruns import ClearPreview, TaskPin
from fedesk.domain.states import State, System
from fedesk.ports.errors import (
    ConflictError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    ServerFaultError,
    UnreachableError,
)
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.services.operation_runner import Changer

PATIENCE = 8.0
RUNS = tuple(
    RunName(ConnectionName(environment, "airflow"), f"{dag}/r1")
    for environment, dag in (("dev", "ledger"), ("dev", "payments"), ("prod", "payments"))
)
HOSTS = ("desk-3", "desk-3", "desk-4")
"""Where the seats are at which people sit."""


class DiedError(BaseException):
    """The process ends here, as by SIGKILL: nothing catches it."""


@dataclass(frozen=True)
class Mishap:
    """What befalls one process."""

    fault: str = ""
    """Of its request: ``lost`` (done, no answer), ``never``, ``slow`` (done a little later), ``refused``."""
    blind: int = 0
    """How many of its first lookings up fail."""
    dies_at: tuple[str, int] | None = None
    """A seam of the store or of the server, and the how-manieth time it is passed."""
    store_away: tuple[int, int] | None = None
    """From which transaction on the store is away, and for how many."""


@dataclass
class Process:
    """One runner or one look, while it lives."""

    owner: Owner
    mishap: Mishap
    meanwhile: tuple[str, Callable[[], None]] | None = None
    """At a point of it something else happens, once."""
    passed: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    judged: tuple["RunNow", datetime] | None = None
    """The run as it saw it last when it made or judged a plan, and when that was by its clock."""

    def at(self, point: str) -> None:
        """It has come to a point. Raises DiedError where it dies there."""
        self.passed[point] += 1
        if self.meanwhile is not None and self.meanwhile[0] == point:
            happens, self.meanwhile = self.meanwhile[1], None
            happens()
        if self.mishap.dies_at == (point, self.passed[point]):
            raise DiedError

    def writes(self, seam: str) -> None:
        """It has come to a seam of the store. Raises StoreUnavailableError while that is away."""
        if seam.startswith("before"):
            self.passed["transactions"] += 1
            first, many = self.mishap.store_away or (0, 0)
            if first <= self.passed["transactions"] < first + many:
                raise StoreUnavailableError(
                    "The store cannot be written: disk full. Free some, then look again."
                )
        self.at(seam)


@dataclass(frozen=True)
class RunNow:
    """One run, with its one task."""

    tries: int = 3
    state: str = "failed"
    version: int = 1
    """Of the code of its DAG."""


@dataclass(frozen=True)
class Sent:
    """A request as it came to a server."""

    operation: str
    run: RunName
    judged: tuple[RunNow, datetime] | None


class World:
    """The runs, who is alive, what was sent, and what came of it."""

    def __init__(self) -> None:
        self.time = NOW
        self.ahead = timedelta()
        """How far the desks' clocks are ahead of the time."""
        self.runs = dict.fromkeys(RUNS, RunNow())
        self.notes: dict[RunName, list[str]] = {run: [] for run in RUNS}
        self.sent: list[Sent] = []
        self.effects: Counter[str] = Counter()
        self.asked = 0
        """How often a system was asked anything."""
        self.on_send: Callable[[Sent], None] = lambda _: None
        self.processes: list[Process] = []
        """Those that live; the last one is at work, the others wait for it."""
        self._flying: list[tuple[datetime, RunName, Call]] = []
        self._pids = count(100)

    def now(self) -> datetime:
        """What the clocks of the desks show."""
        return self.time + self.ahead

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return (self.time - NOW).total_seconds()

    def pause(self, seconds: float) -> None:
        """A process waits."""
        self.passes(seconds)
        self.processes[-1].at("pause")

    def passes(self, seconds: float) -> None:
        """Time passes, and a slow server carries out what it was sent."""
        self.time += timedelta(seconds=seconds)
        due = [one for one in self._flying if one[0] <= self.time]
        self._flying = [one for one in self._flying if one[0] > self.time]
        for _, run, call in due:
            self.commit(run, call)

    @property
    def is_busy(self) -> bool:
        """Whether a slow server has something that it will still carry out."""
        return bool(self._flying)

    @contextmanager
    def process(
        self, host: str, mishap: Mishap, meanwhile: tuple[str, Callable[[], None]] | None = None
    ) -> Iterator[Process]:
        """A process on a machine; it is gone afterwards, dead or done."""
        owner = Owner(host=host, boot="b1", pid=next(self._pids), started="1")
        self.processes.append(Process(owner=owner, mishap=mishap, meanwhile=meanwhile))
        depth = len(self.processes)
        try:
            yield self.processes[-1]
        except DiedError:
            pass
        finally:
            del self.processes[depth - 1 :]

    def commit(self, run: RunName, call: Call) -> bool:
        """Carry a clear out where there is something to clear, as Airflow does with ``only_failed``."""
        found = self.runs[run]
        if found.state != "failed":
            return False
        self.runs[run] = RunNow(tries=found.tries, state="none", version=found.version)
        self.notes[run].append(call.key)
        self.effects[call.key] += 1
        return True

    def fly(self, run: RunName, call: Call) -> None:
        """Have a slow server carry a request out in a moment."""
        self._flying.append((self.time + timedelta(seconds=PATIENCE / 2), run, call))

    def seam(self, name: str) -> None:
        """A seam of the store that all processes share."""
        if self.processes:
            self.processes[-1].writes(name)


@dataclass(frozen=True)
class Seen:
    """``ports.changing.Processes`` as one process sees the others."""

    world: World
    mine: Owner

    def me(self) -> Owner:
        return self.mine

    def is_alive(self, owner: Owner) -> bool | None:
        if owner.host != self.mine.host:
            return None
        return any(one.owner == owner for one in self.world.processes)


@dataclass(frozen=True)
class Airflow:
    """One Airflow of the world, read and changed."""

    world: World
    name: ConnectionName

    def clear_preview(self, run_id: str, task: TaskName | None) -> ClearPreview:
        assert task is None
        run = RunName(self.name, run_id)
        self.world.asked += 1
        found, process = self.world.runs[run], self.world.processes[-1]
        process.judged = (found, self.world.now())
        failed = (TaskPin(task_id="dbt_test", map_index=None, try_number=found.tries, state="failed"),)
        preview = clear_preview(
            run,
            State.FAILED if found.state == "failed" else State.RUNNING,
            tasks=failed if found.state == "failed" else (),
            latest_version=str(found.version),
            keeps_version=False,
            tags=(self.name.environment,),
            observed_at=self.world.now(),
        )
        process.at("look")
        return preview

    def clear_state(self, run_id: str, tasks: tuple[TaskPin, ...]) -> tuple[TaskPin, ...]:
        found = self.world.runs[RunName(self.name, run_id)]
        return tuple(
            TaskPin(task_id=one.task_id, map_index=None, try_number=found.tries, state=found.state)
            for one in tasks
        )

    def apply(self, call: Call) -> Receipt:
        process, run = self.world.processes[-1], self._run_of(call)
        sent = Sent(operation=call.key, run=run, judged=process.judged)
        self.world.sent.append(sent)
        self.world.on_send(sent)
        process.at("send")
        fault = process.mishap.fault
        if fault == "never":
            raise UnreachableError("reset by peer")
        if fault == "refused":
            raise ForbiddenError("airflow says: no")
        if fault == "slow":
            self.world.fly(run, call)
            self.world.passes(PATIENCE / 4)
            raise DeadlineError("no answer within 2 s")
        is_done = self.world.commit(run, call)
        process.at("done")
        if fault == "lost":
            raise UnreachableError("reset by peer")
        if not is_done:
            raise ConflictError("airflow says: nothing was cleared")
        return Receipt(said="1 task instance cleared")

    def settle(self, call: Call) -> Settlement:
        process, run = self.world.processes[-1], self._run_of(call)
        process.looks += 1
        process.at("settle")
        if process.looks <= process.mishap.blind:
            raise ServerFaultError("airflow says: 500")
        if call.key in self.world.notes[run]:
            return Settlement(state=Settled.DONE, said="our note stands on it")
        return Settlement(state=Settled.NOT_DONE, said="no note of ours, and no clear in the event log")

    def close(self) -> None:
        """Nothing to let go of."""

    def _run_of(self, call: Call) -> RunName:
        return RunName(self.name, f"{call.args['dag_id']}/{call.args['run_id']}")


class WorldSystems:
    """The Airflows as connections."""

    def __init__(self, world: World) -> None:
        self._bulkheads: dict[ConnectionName, OpenBulkhead[Any]] = {
            name: OpenBulkhead(Airflow(world, name)) for name in dict.fromkeys(run.connection for run in RUNS)
        }

    def reading(self, name: ConnectionName) -> Connection:
        bulkhead = self._bulkheads.get(name)
        if bulkhead is None:
            raise NotFoundError(f"{name} is not configured")
        return Connection(
            name=name,
            system=System.AIRFLOW,
            address=f"http://airflow.{name.environment}.example",
            scope=(name.environment,),
            period=5.0,
            patience=PATIENCE,
            source=bulkhead,
            clears=bulkhead,
        )

    def of(self, environment: str) -> tuple[Connection, ...]:
        return tuple(self.reading(one) for one in self._bulkheads if one.environment == environment)

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        self.reading(name)
        return self._bulkheads[name]

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        return self.changing(name).call(lambda system: system.settle(call))
