"""What the screens need of a desk: the composition's, or the tests' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fedesk.ports.incident_store import DeskReader
from fedesk.ports.operation_store import AuditReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from fedesk.domain.approving import Standing
    from fedesk.domain.audit import Actor
    from fedesk.domain.board import Board
    from fedesk.domain.catalogue import Catalogue
    from fedesk.domain.dora import Dora
    from fedesk.domain.front import EnvironmentFacts, Finding
    from fedesk.domain.incidents import Incident
    from fedesk.domain.marks import Quiet
    from fedesk.domain.names import ConnectionName, RunName
    from fedesk.domain.observation import Snapshot
    from fedesk.domain.open_operations import Awaited
    from fedesk.domain.operations import Operation, Outcome, Plan, WriteWindow
    from fedesk.domain.releases import ReleaseRequest, ReleaseStop
    from fedesk.domain.requests import Request
    from fedesk.domain.roles import Rights
    from fedesk.domain.runs import LogChunk, LogEnd, LogRequest, RunDetail
    from fedesk.ports.changing import Launcher, Processes
    from fedesk.ports.endpoint import SecretText
    from fedesk.services.checkpointing import Verified
    from fedesk.services.diagnosis import Diagnosis
    from fedesk.services.log_text import Pages
    from fedesk.services.operation_watch import OperationWatch
    from fedesk.services.proposals import Answer, Proposal
    from fedesk.services.release_diff import DiffRead
    from fedesk.services.release_matrix import MatrixRead
    from fedesk.services.release_reading import HistoryRead
    from fedesk.services.tracing import Followed


class Pollers(Protocol):
    """The live board of one environment."""

    def start(self, on_board: Callable[[Board], None]) -> None:
        """Begin to poll; boards are handed over on a thread of their own."""

    def refresh(self) -> None:
        """Look at every system as soon as may be."""

    def hand_over(self) -> None:
        """Hand over a board of what is known, without a look; returns at once."""

    def stop(self) -> None:
        """Hand over no more boards; returns at once."""

    def elsewhere(self, environment: EnvironmentFacts) -> Board:
        """The board of another environment, of what is known of it: nothing in it counts as live."""

    def snapshots(self) -> tuple[Snapshot, ...]:
        """What is known of every connection, those of the other environments included."""

    def go_on_from(self, known: Iterable[Snapshot]) -> None:
        """Begin with what another board knew of the connections that are here too."""


class Reading(Protocol):
    """Reads of one run; each blocks, and raises SourceError."""

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``."""

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """The last lines of a long log, ahead of the rest; None where it is read from its start."""

    def pages(self) -> Pages:
        """Where a log that is read may be put: on no disk where an environment forbids it."""

    def exporting(self, request: LogRequest, file: str) -> None:
        """A log is about to be saved; raises StoreError where that has to be recorded and cannot be."""

    def diagnose(self, name: RunName) -> Diagnosis:
        """Why a run is red."""


class Planning(Protocol):
    """Plans, and saying yes to them; each blocks. ``services.changes.Changes``."""

    def propose(
        self,
        request: Request,
        window: WriteWindow | None = None,
        *,
        break_glass: bool = False,
        tell: Callable[[str], None] = ...,
    ) -> Proposal:
        """The plan of a re-run, judged; ``tell`` hears what it waits for, and may raise to leave.

        Raises SourceError, StoreError.
        """

    def with_broken_glass(self, proposal: Proposal) -> Proposal:
        """The same plan, judged as with broken glass. Asks no system; StoreError."""

    def with_window(self, proposal: Proposal, window: WriteWindow | None) -> Proposal:
        """The same plan, judged again with a write window; asks no system."""

    def confirm(self, proposal: Proposal, answer: Answer) -> Operation:
        """Make it durable. Raises RefusedError, StoreError; then nothing was sent."""

    def awaited(self, operation: Operation) -> Awaited | None:
        """Where it stands; None where nobody else has a say, or it has begun. Raises StoreError."""

    def window(self, environment: str, reason: str) -> WriteWindow:
        """Open a write window, on the record. Raises StoreError."""


class Releasing(Protocol):
    """What is deployed where; each blocks. ``services.release_reading.ReleaseReading``."""

    def request(
        self, kind: str, service: str, environment: str, digest: str = "", origin: str = ""
    ) -> ReleaseRequest:
        """What is asked for, at the Jenkins of its environment. Asks nobody."""

    def ordered(self, services: Sequence[str]) -> tuple[str, ...]:
        """Services of a batch, what others depend on first. Raises CircleError. Asks nobody."""

    def is_put_back(self, ended: Operation) -> bool:
        """Whether a rollback follows an operation by itself. Asks nobody."""

    def matrix(self) -> MatrixRead:
        """One look at every deploy job. What cannot be read is said in it; raises nothing but faults."""

    def diff(self, service: str, names: tuple[str, str]) -> DiffRead:
        """What the second has that the first has not. Raises SourceError."""

    def history(self, service: str, environment: str) -> HistoryRead:
        """The builds of its deploy job. Raises SourceError."""

    def dora(self, service: str, environment: str, length: timedelta) -> Dora:
        """DORA's four of the time before now; two requests. Raises SourceError."""


class Approving(Protocol):
    """One's own word on plans that wait, signed; each blocks. ``services.approvals.Approvals``."""

    def approve(self, operation: str) -> Standing:
        """Where it stands then. Raises RefusedError, SourceError, StoreError."""

    def reject(self, operation: str, reason: str) -> Standing:
        """The same, of a no."""


class Word(Protocol):
    """Takes a person's word on operations. Blocking."""

    def look_first(self, operation: str) -> Operation:
        """Look again before an operation is settled by hand. Raises StoreError."""

    def settle(self, operation: str, verdict: Outcome, answer: Answer) -> Operation:
        """End an operation as a person says. Raises RefusedError, StoreError."""

    def withdraw(self, operation: str, reason: str) -> Operation:
        """Take back a plan of one's own before it has begun. Raises RefusedError, SourceError, StoreError."""

    def set_aside(self, broken: Operation) -> tuple[str, ...]:
        """Take back one's own plans in whose place the glass was broken; what came of each, in a sentence."""

    def end_rejected(self, operation: str, said: str) -> None:
        """End an operation whose plan was rejected, where one may."""


class Records(DeskReader, AuditReader, Protocol):
    """What is recorded: operations, incidents, the audit log. Every method blocks and raises StoreError."""

    def check(self) -> None:
        """Whether it can be written now, and is of this version."""


class Reporting(Protocol):
    """Incidents, as a person writes them; each blocks, and raises WordingError, StoreError.

    ``services.incidents.Incidents``.
    """

    def open(
        self, environment: str, title: str, *, given: str = "", runs: Sequence[RunName] = ()
    ) -> Incident:
        """Open one. Raises NotFoundError where a run is not there."""

    def note(self, given: str, said: str, *, acknowledges: bool = False) -> Incident:
        """Write something down."""

    def close(self, given: str, summary: str = "") -> Incident:
        """Say that it is over."""


class Saying(Protocol):
    """What is said of findings: ``services.marking.Marking``.

    Each blocks, and raises MarkError, StoreError.
    """

    @property
    def actor(self) -> Actor:
        """Who says it."""

    def acknowledge(self, environment: str, finding: Finding) -> None:
        """Say that one has it."""

    def release(self, environment: str, finding: Finding) -> None:
        """Say that nobody has it."""

    def assign(self, environment: str, finding: Finding, whom: str) -> None:
        """Give it to somebody."""

    def note(self, environment: str, finding: Finding, said: str) -> None:
        """Write something down about it."""

    def snooze(self, environment: str, finding: Finding, until: datetime, said: str = "") -> None:
        """Keep it out of the queue until a time."""

    def silence(
        self, environment: str, finding: Finding, until: datetime, reason: str, owner: str = ""
    ) -> None:
        """Keep everything of its kind and subject out of the queue."""

    def lift(self, environment: str, keys: Sequence[str]) -> tuple[Quiet, ...]:
        """End what is quiet under these names."""


class Stopping(Protocol):
    """Quarantines of releases, and what rollbacks hold: ``services.quarantining.Quarantining``.

    Each blocks, and raises QuarantineError, RefusedError, StoreError.
    """

    def put(self, service: str, digest: str, reason: str) -> ReleaseStop:
        """Put a release into quarantine, everywhere."""

    def lift(self, given: str, reason: str) -> ReleaseStop:
        """Lift a stop, by its id."""

    def listed(self) -> tuple[ReleaseStop, ...]:
        """All that stand."""


class Desk(Protocol):
    """One environment, open."""

    @property
    def environment(self) -> EnvironmentFacts:
        """The environment that is looked at."""

    @property
    def environments(self) -> tuple[EnvironmentFacts, ...]:
        """All that are configured."""

    @property
    def board(self) -> Pollers:
        """Its live board."""

    @property
    def reading(self) -> Reading:
        """Reads of its runs."""

    @property
    def runbook_folder(self) -> Path | None:
        """Where paths of runbooks begin: beside the catalogue; None where there is none."""

    @property
    def rights(self) -> Rights:
        """What whoever sits here may do, in each environment."""

    def permit(self, verb: str, environment: str, target: str) -> None:
        """Blocks. Raises RefusedError, which is on the record by then, where they may not; StoreError."""

    @property
    def changes(self) -> Planning:
        """Plans of changes, in any configured environment. Made at first use, which may take a while."""

    @property
    def approvals(self) -> Approving:
        """One's own word on plans that wait. Made at first use."""

    def launcher_for(self, connections: Sequence[ConnectionName], *, break_glass: bool = False) -> Launcher:
        """Starts the processes that change these systems, or asks the executor that does it."""

    @property
    def catalogue(self) -> Catalogue:
        """What there is, as people describe it."""

    @property
    def releases(self) -> Releasing:
        """What is deployed where. Made at first use."""

    @property
    def store(self) -> Records:
        """Operations and audit log as they are recorded. Opened at first use, which may raise StoreError."""

    def verify(self, *, deep: bool, from_newest: bool = False) -> Verified:
        """Check the audit log, and hold it against its anchors; blocks. Raises StoreError."""

    @property
    def incidents(self) -> Reporting:
        """Incidents, in any environment. Made at first use."""

    @property
    def marking(self) -> Saying:
        """What is said of findings. Made at first use, which may raise StoreError."""

    @property
    def quarantining(self) -> Stopping:
        """Quarantines of releases. Made at first use, which may raise StoreError."""

    @property
    def operation_watch(self) -> OperationWatch:
        """Follows the store; it begins when it is told to."""

    def trace(self, operation: str) -> Followed:
        """What every system says of an operation; blocks. Raises NotFoundError for what is no id."""

    def recheck(self, operation: str) -> Operation:
        """Look again at an operation that ended unknown or was left; blocks. Raises StoreError."""

    @property
    def by_hand(self) -> Word:
        """Takes a person's word where no look can tell. Made at first use."""

    @property
    def processes(self) -> Processes:
        """Whether the process that carries an operation out still lives."""

    def read_by(self, requests: Iterable[Request]) -> Sequence[ConnectionName]:
        """The connections whose credentials a runner of these needs."""

    def asked_by(self, plan: Plan) -> Sequence[ConnectionName]:
        """The same of a plan, whoever made it."""

    def credentials_for(
        self, connections: Sequence[ConnectionName], *, break_glass: bool = False
    ) -> Callable[[], dict[str, SecretText]]:
        """Looks the credentials of some connections up, when it is called."""

    def close(self) -> None:
        """Let go of everything; returns at once, hung systems or not."""
