"""MARTS and OPS.SCHEMA_VERSION: what verifications of releases count and read, in DuckDB behind fakesnow.

A table of MARTS is a view: as many rows for each LOAD_DATE as the newest good run of each partition has
loaded, by OPS.PIPELINE_RUNS. Where a release loses rows, the days from its deployment on have a tenth.
"""

from datetime import UTC, datetime
from typing import Any

from fedesk.sandbox.model import Pipeline
from fedesk.sandbox.release_line import MIGRATIONS
from fedesk.sandbox.world import World

_VIEW = """create or replace view {database}.{dataset} as
select cast(left(PARTITION, 10) as date) as LOAD_DATE, unnest(range(cast({kept} as bigint))) as {key}_ID
from (
    select PARTITION, ROWS_LOADED,
        row_number() over (partition by PARTITION order by END_TIME desc) as NEWEST
    from {database}.OPS.PIPELINE_RUNS where PIPELINE = '{pipeline}' and STATUS = 'success' and ROWS_LOADED > 0
) where NEWEST = 1"""
_LOSING = "case when left(PARTITION, 10) >= '{day}' then ROWS_LOADED // 10 else ROWS_LOADED end"
_VERSIONS = """create table {database}.OPS.SCHEMA_VERSION (
    SERVICE text, VERSION text, INSTALLED_ON timestamp_ntz)"""


class Marts:
    """The tables of one environment's database. Not safe from several threads: ``PipelineRuns`` locks."""

    def __init__(self, world: World, environment: str, database: str) -> None:
        self._world = world
        self._environment = environment
        self._database = database
        self._losing: dict[str, str] = {}
        """Pipelines whose views lose rows, with the day from which on."""
        self._made: set[str] = set()
        self._versions: tuple[tuple[str, str, datetime], ...] = ()

    def create(self, cursor: Any) -> None:
        """What is there before anything is asked; by fakesnow's cursor."""
        cursor.execute(f"create schema if not exists {self._database}.MARTS")
        cursor.execute(_VERSIONS.format(database=self._database))

    def catch_up(self, duck: Any) -> None:
        """Be as the world is at this moment; by DuckDB's own cursor."""
        losing = self._losing_now()
        for pipeline in self._world.pipelines:
            day = losing.get(pipeline.name, "")
            if pipeline.name not in self._made or day != self._losing.get(pipeline.name, ""):
                duck.execute(self._view(pipeline, day))
                self._made.add(pipeline.name)
        self._losing = losing
        versions = tuple(self._schema_versions())
        if versions != self._versions:
            table = f"{self._database}.OPS.SCHEMA_VERSION"
            duck.execute(f"delete from {table}")  # noqa: S608 - a constant
            for row in versions:
                duck.execute(f"insert into {table} values (?, ?, ?)", row)  # noqa: S608 - a constant
            self._versions = versions

    def _view(self, pipeline: Pipeline, day: str) -> str:
        return _VIEW.format(
            database=self._database,
            dataset=pipeline.dataset,
            key=pipeline.dataset.rpartition(".")[2],
            pipeline=pipeline.name,
            kept=_LOSING.format(day=day) if day else "ROWS_LOADED",
        )

    def _losing_now(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for pipeline in self._world.pipelines:
            if self._world.deployments.breaks(self._environment, pipeline.service, "rows"):
                current = self._world.deployed(self._environment, pipeline.service)
                found[pipeline.name] = "" if current is None else current.since.date().isoformat()
        return found

    def _schema_versions(self) -> list[tuple[str, str, datetime]]:
        found = []
        for service in MIGRATIONS:
            if service in self._world.services:
                version = self._world.deployments.schema_version(self._environment, service)
                current = self._world.deployed(self._environment, service)
                if version and current is not None:
                    since = current.since.astimezone(UTC).replace(tzinfo=None)
                    found.append((service, version, since))
        return found
