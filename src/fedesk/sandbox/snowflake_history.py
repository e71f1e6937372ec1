"""``TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(…))``, which fakesnow lacks: the last seven days of the account.

It holds what was asked of this account, and what the world's runs asked for an operation. Of its arguments
END_TIME_RANGE_START, as ``dateadd('second', …, current_timestamp())``, and RESULT_LIMIT are understood
(docs.snowflake.com, QUERY_HISTORY). Every role of the sandbox may monitor every warehouse, and so sees all.
"""

import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fedesk.sandbox.loads import queries_of
from fedesk.sandbox.model import ENVIRONMENTS
from fedesk.sandbox.world import World

WINDOW = timedelta(days=7)
MOST = 10_000
_DEFAULT_LIMIT = 100
_BEGIN = re.compile(r"\btable\s*\(\s*information_schema\s*\.\s*query_history\s*\(", re.IGNORECASE)
_NOW = re.compile(r"\bcurrent_timestamp\b(?:\s*\(\s*\))?", re.IGNORECASE)
_START = re.compile(
    r"end_time_range_start\s*=>\s*dateadd\s*\(\s*'second'\s*,\s*(-?\d+)\s*,\s*current_timestamp\s*\(\s*\)\s*\)",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"result_limit\s*=>\s*(\d+)", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = (
    "QUERY_ID",
    "QUERY_TEXT",
    "QUERY_TYPE",
    "QUERY_TAG",
    "USER_NAME",
    "WAREHOUSE_NAME",
    "EXECUTION_STATUS",
)
_COLUMNS = (*_TEXTS, "START_TIME", "END_TIME")


class HistoryRefusedError(Exception):
    """The arguments are none that Snowflake, or the sandbox, takes: its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One that the account was asked for."""

    query_id: str
    kind: str
    text: str
    tag: str
    user: str
    warehouse: str
    status: str
    started_at: datetime
    ended_at: datetime | None


class History:
    """What sessions asked for, the newest ``MOST``; safe to use from several threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._statements: deque[Statement] = deque(maxlen=MOST)

    def note(self, statement: Statement) -> None:
        """One more has ended."""
        with self._lock:
            self._statements.append(statement)

    def read(self, back: timedelta, limit: int) -> list[Statement]:
        """Those that ended since then or run, the newest first, at most ``limit``."""
        now = self._world.now()
        with self._lock:
            known = [each for each in self._statements if each.started_at <= now]
        known += self._of_runs(now - back)
        found = [each for each in known if each.ended_at is None or each.ended_at >= now - back]
        return sorted(found, key=lambda each: each.ended_at or now, reverse=True)[:limit]

    def answered(self, statement: str) -> str:
        """The statement with the history in the place of the function; raises HistoryRefusedError."""
        begin = _BEGIN.search(statement)
        if begin is None:
            return statement
        inner = _closed(statement, begin.end())
        outer = statement.index(")", inner)
        rows = self.read(*_arguments(statement[begin.end() : inner - 1]))
        now = _literal(self._world.now())
        head, tail = (_NOW.sub(now, text) for text in (statement[: begin.start()], statement[outer + 1 :]))
        return f"{head}({_select(rows)}){tail}"

    def _of_runs(self, since: datetime) -> Iterator[Statement]:
        for environment in ENVIRONMENTS:
            for query in queries_of(self._world, environment, since):
                status = "RUNNING" if query.ended_at is None else "SUCCESS"
                yield Statement(
                    query_id=query.query_id,
                    kind=query.kind,
                    text=query.text,
                    tag=query.tag,
                    user=query.user,
                    warehouse="ETL_L",
                    status="FAILED_WITH_ERROR" if query.failed else status,
                    started_at=query.started_at,
                    ended_at=query.ended_at,
                )


def _closed(text: str, at: int) -> int:
    """Behind the parenthesis that closes what was opened right before ``at``."""
    depth = 1
    for position in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    raise HistoryRefusedError("SQL compilation error:\nsyntax error: unexpected end of the statement")


def _arguments(text: str) -> tuple[timedelta, int]:
    start, limit = _START.search(text), _LIMIT.search(text)
    left = _LIMIT.sub("", _START.sub("", text)).replace(",", "").strip()
    if left:
        raise HistoryRefusedError(f"SQL compilation error:\ninvalid argument of QUERY_HISTORY: {left}")
    back = WINDOW if start is None else timedelta(seconds=-int(start[1]))
    if back > WINDOW:
        raise HistoryRefusedError("Cannot retrieve data from more than 7 days ago.")
    rows = _DEFAULT_LIMIT if limit is None else int(limit[1])
    if not 1 <= rows <= MOST:
        raise HistoryRefusedError(f"SQL compilation error:\nRESULT_LIMIT must be between 1 and {MOST}.")
    return back, rows


def _select(rows: list[Statement]) -> str:
    columns = ", ".join(_COLUMNS)
    if not rows:
        nothing = [f"null::text as {name}" for name in _TEXTS]
        nothing += [f"null::timestamp_tz as {name}" for name in _COLUMNS[len(_TEXTS) :]]
        return f"select {', '.join(nothing)} where false"
    values = ", ".join(f"({', '.join(_values(row))})" for row in rows)
    return f"select {columns} from (values {values}) as QUERIES({columns})"  # noqa: S608  (quoted below)


def _values(row: Statement) -> Iterator[str]:
    for text in (row.query_id, row.text, row.kind, row.tag, row.user, row.warehouse, row.status):
        yield "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    yield _literal(row.started_at)
    yield _literal(row.ended_at or _EPOCH)


def _literal(moment: datetime) -> str:
    return f"'{moment.astimezone(UTC).isoformat(sep=' ')}'::timestamp_tz"
