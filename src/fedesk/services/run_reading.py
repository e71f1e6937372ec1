"""Reading runs and logs of any configured system, by name."""

from collections.abc import Callable, Sequence

from fedesk.domain.board import JobHistory
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.runs import LogChunk, LogRequest, Run, RunDetail
from fedesk.ports.errors import NotFoundError
from fedesk.ports.sources import Bulkhead, Connection, RunSource
from fedesk.services.diagnosis import Diagnosis, diagnose
from fedesk.services.hiding import hide_in_detail, hide_in_run

HistoryOf = Callable[[ConnectionName, str], JobHistory | None]
"""The known runs of a job or DAG in a connection."""


def no_history(_connection: ConnectionName, _job: str) -> None:
    """Nothing is known of any job."""


class RunReading:
    """Blocking reads through the connections' bulkheads; each raises SourceError."""

    def __init__(self, connections: Sequence[Connection], history_of: HistoryOf = no_history) -> None:
        self._connections = {connection.name: connection for connection in connections}
        self._history_of = history_of

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
        """The piece of a log behind ``cursor``; ``""`` begins at the start."""
        return self._source(request.run).call(lambda source: source.log(request, cursor))

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
