"""OPS.PIPELINE_RUNS of each environment's database in fakesnow, kept where the world is at any moment."""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fedesk.sandbox.model import ENVIRONMENTS, LoadRow
from fedesk.sandbox.snowflake_marts import Marts
from fedesk.sandbox.world import World

DATABASES = {"dev": "FINEDGE_DEV", "staging": "FINEDGE_STAGING", "prod": "FINEDGE"}
"""Database by environment; schema OPS in each."""
_COLUMNS = (
    "RUN_ID",
    "PIPELINE",
    "PARTITION",
    "START_TIME",
    "END_TIME",
    "STATUS",
    "ROWS_LOADED",
    "OPERATION_ID",
)
_CREATE = """create table {database}.OPS.PIPELINE_RUNS (
    RUN_ID text, PIPELINE text, PARTITION text, START_TIME timestamp_ntz, END_TIME timestamp_ntz,
    STATUS text, ROWS_LOADED number(38, 0), OPERATION_ID text)"""
_OVERLAP = timedelta(seconds=5)
"""Looked at once more: what moved while the last look was under way."""


class PipelineRuns:
    """Carries the world's loads into the tables: rows that are new or have changed, and no others."""

    def __init__(self, fake_snow: Any, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._known: dict[str, dict[tuple[str, str], LoadRow]] = {name: {} for name in ENVIRONMENTS}
        self._seen_at: dict[str, datetime] = {}
        self._changes = dict.fromkeys(ENVIRONMENTS, world.airflow)
        self._changed_dags: dict[str, tuple[str, ...]] = dict.fromkeys(ENVIRONMENTS, ())
        """DAGs whose runs were not as the seed says when they were last looked at."""
        self._connections: dict[str, Any] = {}
        self._marts: dict[str, Marts] = {}
        for environment, database in DATABASES.items():
            connection = fake_snow.connect(database, "OPS")
            connection.cursor().execute(_CREATE.format(database=database))
            self._marts[environment] = Marts(world, environment, database)
            self._marts[environment].create(connection.cursor())
            self._connections[environment] = connection

    def catch_up(self, database: str) -> None:
        """Bring the table of a database to this moment; other databases wait until they are asked."""
        for environment, name in DATABASES.items():
            if name == database.upper():
                with self._lock:
                    self._catch_up(environment)

    def _catch_up(self, environment: str) -> None:
        known, now, seen_at = self._known[environment], self._world.now(), self._seen_at.get(environment)
        # Time that was set back has unmade rows: then all are looked at. So have changes that were forgotten:
        # then all of the DAGs they were made to. Else those of runs that moved since.
        since = None if seen_at is None or now < seen_at else seen_at - _OVERLAP
        found = self._world.loads(environment, since=since)
        forgotten: tuple[str, ...] = ()
        if self._changes[environment] is not self._world.airflow:
            self._changes[environment] = self._world.airflow
            forgotten = self._changed_dags[environment]
            found += [row for dag in forgotten for row in self._world.loads(environment, dag)]
        self._changed_dags[environment] = self._world.changed_dags(environment)
        present = {(row.run_id, row.pipeline): row for row in found}
        changed = [row for key, row in present.items() if known.get(key) != row]
        gone = [key for key in known if key not in present and (since is None or key[1] in forgotten)]
        replaced = [key for row in changed if (key := (row.run_id, row.pipeline)) in known]
        table = f"{DATABASES[environment]}.OPS.PIPELINE_RUNS"
        # DuckDB itself: fakesnow's translation of thousands of rows costs seconds and shows nothing here.
        duck = self._connections[environment]._duck_conn.cursor()  # noqa: SLF001  (it offers no way in bulk)
        duck.execute("begin")
        if gone or replaced:
            duck.execute(
                f"delete from {table} where (RUN_ID, PIPELINE) in (select unnest(?), unnest(?))",  # noqa: S608  (constants)
                _columns([*gone, *replaced]),
            )
        if changed:
            cells = ", ".join(["unnest(?)"] * len(_COLUMNS))
            statement = f"insert into {table} select {cells}"
            duck.execute(statement, _columns(map(_values, changed)))
        self._marts[environment].catch_up(duck)
        duck.execute("commit")
        for key in gone:
            del known[key]
        known.update(present)
        self._seen_at[environment] = now


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """A parameter for each column: one for each of thousands of cells would take DuckDB seconds."""
    return [list(column) for column in zip(*rows, strict=True)]


def _values(row: LoadRow) -> tuple[object, ...]:
    return (
        row.run_id,
        row.pipeline,
        row.partition,
        _naive(row.start_time),
        _naive(row.end_time),
        row.status,
        row.rows_loaded,
        row.operation_id,
    )


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
