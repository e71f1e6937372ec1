"""Where Snowflake carries an operation's id: query tags of the last seven days, and ``pipeline_runs``.

Two SELECTs in one session, so a warehouse is woken once; DESCRIBE needs none. The text of a query is not
read: it may quote from the data. ``INFORMATION_SCHEMA`` is current, while ``ACCOUNT_USAGE`` lags by hours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import snowflake.connector.errors

from fedesk.clients.snowflake_errors import is_about_the_connection
from fedesk.clients.snowflake_rows import LOAD_COLUMNS, as_load, as_moment
from fedesk.clients.wording import clean
from fedesk.domain.runs import Load
from fedesk.domain.traces import Looked, Sought, Trace
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import SourceError

WINDOW = timedelta(days=7)
"""How far back ``INFORMATION_SCHEMA.QUERY_HISTORY`` goes."""
QUERIES = 10_000
"""How many it gives at most, the newest; stands in the statement as well."""
ROWS = 200
"""Traces that are taken of each of the two, at most; the statement asks for one more."""
_RUNNING_SINCE = datetime(1971, 1, 1, tzinfo=UTC)
"""A query that has not ended has an end before it."""
_HISTORY = """
with HISTORY as (
    select QUERY_ID, QUERY_TYPE, QUERY_TAG, USER_NAME, WAREHOUSE_NAME, EXECUTION_STATUS, START_TIME, END_TIME
    from table(INFORMATION_SCHEMA.QUERY_HISTORY(
        END_TIME_RANGE_START => dateadd('second', %s, current_timestamp()), RESULT_LIMIT => 10000))
),
SEEN as (
    select count(*) as QUERIES, min(START_TIME) as OLDEST, current_timestamp() as READ_AT from HISTORY
)
select SEEN.QUERIES, SEEN.OLDEST, SEEN.READ_AT, TAGGED.*
from SEEN left join (select * from HISTORY where contains(QUERY_TAG, %s)) as TAGGED on true
order by TAGGED.START_TIME limit 201
"""


@dataclass(frozen=True, slots=True)
class Tracing:
    """One look for one operation, over an open cursor. Raises SourceError where nothing could be read."""

    cursor: Any
    options: Mapping[str, Any]
    """What each ``execute`` takes."""
    endpoint: Endpoint
    failure: Callable[[snowflake.connector.errors.Error], SourceError]
    sought: Sought

    def looked(self) -> Looked:
        """Both of them; what one does not tell is a limit, as long as the other one does."""
        found: list[Trace] = []
        limits: list[str] = []
        errors: list[SourceError] = []
        for read in (self._queries, self._loads):
            try:
                looked = read()
            except snowflake.connector.errors.Error as error:
                if is_about_the_connection(error):
                    raise self.failure(error) from None
                errors.append(self.failure(error))
                continue
            found += looked.traces
            limits += looked.limits
        if len(errors) > 1:
            raise errors[0]
        return Looked(traces=tuple(found), limits=(*limits, *(f"{error}." for error in errors)))

    def _queries(self) -> Looked:
        age = datetime.now(UTC) - self.sought.since
        # A clock that is behind tells no age: then as far back as it goes.
        back = min(age, WINDOW) if age > timedelta(0) else WINDOW
        # A second less than seven days: more is refused, and a little time passes on the way.
        seconds = min(back, WINDOW - timedelta(seconds=60)) // timedelta(seconds=1)
        rows = self._rows(_HISTORY, (-seconds, self.sought.operation))
        tagged = [row for row in rows if row[3] is not None]
        return Looked(
            traces=tuple(self._query(row[3:]) for row in tagged[:ROWS]),
            limits=tuple(self._history_limits(rows, len(tagged))),
        )

    def _history_limits(self, rows: Sequence[tuple[Any, ...]], tagged: int) -> list[str]:
        name = self.endpoint.name
        limits = []
        if rows:
            seen, oldest, now = int(rows[0][0]), as_moment(rows[0][1]), as_moment(rows[0][2])
            if now is not None and now - self.sought.since > WINDOW:
                limits.append(f"{name}'s query history goes back seven days, and the operation is older.")
            elif seen >= QUERIES and oldest is not None and oldest > self.sought.since:
                limits.append(
                    f"Of {name}'s query history the newest {seen:,} were read; there are older ones."
                )
        if tagged > ROWS:
            limits.append(f"{name} has more than {ROWS} queries of it; the first are shown.")
        return limits

    def _query(self, row: Sequence[Any]) -> Trace:
        query_id, kind, _, user, warehouse, status, started, ended = row
        end = as_moment(ended)
        took = "" if end is None or end < _RUNNING_SINCE else f" at {end:%H:%M:%S} UTC"
        where = f" on {clean(str(warehouse))}" if warehouse else ""
        return Trace(
            source=f"{self.endpoint.name} query history",
            at=as_moment(started) or datetime.now(UTC),
            said=f"{clean(str(kind))} by {clean(str(user))}{where} with the id in its query tag: "
            f"{clean(str(status))}{took}.",
            reference=clean(str(query_id)),
        )

    def _loads(self) -> Looked:
        present = {str(row[0]).upper() for row in self._rows("describe table PIPELINE_RUNS")}
        columns = tuple(column for column in LOAD_COLUMNS if column in present)
        limits = []
        if "OPERATION_ID" in present:
            wanted, values = "OPERATION_ID = %s", [self.sought.operation]
        else:
            lacking = f"{self.endpoint.name}'s PIPELINE_RUNS has no column OPERATION_ID"
            if not self.sought.loads or "RUN_ID" not in present:
                return Looked(limits=(f"{lacking}: which rows are of the operation cannot be told.",))
            wanted, values = self._joined(has_pipeline="PIPELINE" in present)
            alone = "" if "PIPELINE" in present else ", which another pipeline may have as well"
            limits.append(f"{lacking}: its rows are found by their run id{alone}.")
        statement = f"select {', '.join(columns)} from PIPELINE_RUNS where {wanted} limit {ROWS}"  # noqa: S608  (all of it is constant)
        loads = [as_load(columns, row) for row in self._rows(statement, values)]
        return Looked(traces=tuple(map(self._load, loads)), limits=tuple(limits))

    def _joined(self, *, has_pipeline: bool) -> tuple[str, list[str]]:
        """The rows of what was run again."""
        if not has_pipeline:
            runs = list(dict.fromkeys(run for _, run in self.sought.loads))
            return f"RUN_ID in ({', '.join(['%s'] * len(runs))})", runs
        one = "(PIPELINE = %s and RUN_ID = %s)"
        return " or ".join([one] * len(self.sought.loads)), [
            text for pair in self.sought.loads for text in pair
        ]

    def _load(self, load: Load) -> Trace:
        what = " / ".join(text for text in (load.pipeline, load.partition) if text) or load.run_id
        rows = "" if load.rows_loaded is None else f", {load.rows_loaded:,} rows"
        return Trace(
            source=f"{self.endpoint.name} pipeline_runs",
            at=load.started_at or datetime.now(UTC),
            said=f"{what}: {load.status or 'no status'}{rows}.",
            reference=load.run_id,
        )

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.cursor.execute(statement, tuple(values) or None, **self.options)
        return list(self.cursor.fetchall())
