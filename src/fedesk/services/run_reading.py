"""Reading runs and logs of any configured system, by name."""

from collections.abc import Callable, Sequence
from datetime import datetime

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.board import JobHistory
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.runs import LogChunk, LogEnd, LogRequest, Run, RunDetail
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.ports.sources import Bulkhead, Connection, RunSource
from fedesk.services.diagnosis import Diagnosis, diagnose
from fedesk.services.hiding import hide_in_detail, hide_in_run
from fedesk.services.log_text import FilePages, MemoryPages, Pages

HistoryOf = Callable[[ConnectionName, str], JobHistory | None]
"""The known runs of a job or DAG in a connection."""
Recorder = Callable[[LogRequest, str], None]
"""Puts on the record that a log is read, or saved in the file that is named, before it is.

Raises StoreError, and then it is not.
"""


def no_history(_connection: ConnectionName, _job: str) -> None:
    """Nothing is known of any job."""


def unrecorded(request: LogRequest, file: str) -> None:
    """Refuse to read a log of an environment with protected health information where nothing is recorded."""
    del file
    raise StoreUnavailableError(f"the log of {request.run} is not read: there is no store to record that in")


def access_of(request: LogRequest, file: str, actor: Actor, at: datetime) -> AuditDraft:
    """The record of a log that is read, or saved in a file; no line of it."""
    task = "" if request.task is None else f"::{request.task}"
    return AuditDraft(
        at=at,
        actor=actor,
        environment=request.run.connection.environment,
        action="log-export" if file else "log-read",
        target=f"{request.run}{task}",
        phase=Phase.EXPORT if file else Phase.ACCESS,
        result=f"to {file}" if file else "",
    )


class RunReading:
    """Blocking reads through the connections' bulkheads; each raises SourceError."""

    def __init__(
        self,
        connections: Sequence[Connection],
        history_of: HistoryOf = no_history,
        record: Recorder | None = None,
    ) -> None:
        """``record`` is told of every log that is opened; None where nobody has to know."""
        self._record = record
        self._connections = {connection.name: connection for connection in connections}
        self._history_of = history_of

    def recorded(self, record: Recorder) -> "RunReading":
        """The same reads, with ``record`` told of every log that is opened."""
        return RunReading(tuple(self._connections.values()), self._history_of, record)

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps."""
        return hide_in_detail(self._source(name).call(lambda source: source.run(name.id)))

    def runs(self, connection: Connection, job: str, limit: int) -> tuple[Run, ...]:
        """The newest runs of a job or DAG, newest first."""
        if connection.runs is None:
            return ()
        found = connection.runs.call(lambda source: source.runs(job, limit))
        return tuple(hide_in_run(run) for run in found)

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``; ``""`` begins at the start, and is what opens it."""
        if self._record is not None and not cursor:
            self._record(request, "")
        return self._source(request.run).call(lambda source: source.log(request, cursor))

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """The last lines of a long log that was opened; None where it is read from its start alone."""
        return self._source(request.run).call(lambda source: source.log_end(request))

    def exporting(self, request: LogRequest, file: str) -> None:
        """A log is about to be saved; raises StoreError where that has to be recorded and cannot be."""
        if self._record is not None:
            self._record(request, file)

    def pages(self) -> Pages:
        """Where a log that is read may be put: where reading one is recorded, on no disk."""
        return FilePages() if self._record is None else MemoryPages()

    def diagnose(self, name: RunName) -> Diagnosis:
        """Why a run is red."""
        detail = self.detail(name)
        return diagnose(self, detail, self._history_of(name.connection, detail.run.job))

    def _source(self, name: RunName) -> Bulkhead[RunSource]:
        connection = self._connections.get(name.connection)
        if connection is None:
            known = ", ".join(str(one) for one in sorted(self._connections)) or "none"
            raise NotFoundError(f"{name.connection} is not configured; there are: {known}")
        if connection.runs is None:
            raise NotFoundError(f"{name.connection} is a {connection.system.value}, which has no runs")
        return connection.runs
