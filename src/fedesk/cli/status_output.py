"""How ``fedesk status`` prints what it found, now or at the last look: imports no parser, asks no system."""

from datetime import datetime
from pathlib import Path

from fedesk.cli import output
from fedesk.cli.output import Column, Json
from fedesk.domain.status import Status
from fedesk.exits import Exit

COLUMNS = (
    Column(title="CONNECTION", importance=9),
    Column(title="STATE", importance=9),
    Column(title="LATENCY", importance=3, align="right"),
    Column(title="AS OF", importance=2),
    Column(title="ERROR", importance=8, is_text=True),
)
PIPELINE_COLUMNS = (
    Column(title="PIPELINE", importance=9),
    Column(title="STATE", importance=9),
    Column(title="LAST RUN", importance=6),
    Column(title="OWNER", importance=5),
    Column(title="TIER", importance=4, align="right"),
    Column(title="NEXT RUN", importance=3),
)


def show_last_known(
    config: Path | None, environment: str | None, now: datetime, *, as_json: bool, as_lines: bool
) -> Exit | None:
    """Print what was known last of an environment, and say how old it is; None where nothing is kept.

    Nor is anything shown of an environment that the configuration has changed since.
    """
    from fedesk.config_path import find_config
    from fedesk.glance import glance, last_known
    from fedesk.store.last_known import read_status

    path = find_config(config)
    facts = glance(path).facts(environment)
    status = None if facts is None else read_status(last_known(path, facts.name))
    if status is None or status.environment != facts:
        return None
    age = now - status.at
    show(status, as_json=as_json, as_lines=as_lines, age=output.seconds(age))
    at = output.when(status.at, status.environment.timezone)
    output.narrate(f"Last known {output.duration(age)} ago, at {at}: no system was asked.")
    return Exit.DONE


def show(status: Status, *, as_json: bool, as_lines: bool, age: float | None = None) -> None:
    """Print it in the form that is wanted; ``age`` in seconds where it was not looked at just now."""
    if not (as_json or as_lines):
        _tables(status)
        return
    write = output.records if as_lines else output.document
    write(
        "fedesk-status/1",
        status.environment.name,
        status.at,
        age=age,
        connections=_connections(status),
        pipelines=_pipelines(status),
    )


def _connections(status: Status) -> list[Json]:
    return [
        {
            "name": one.name,
            "system": one.system,
            "state": one.state,
            "latency_ms": one.latency_ms,
            "as_of": output.instant(one.as_of),
            "error": one.error,
            "error_kind": one.error_kind,
        }
        for one in status.connections
    ]


def _pipelines(status: Status) -> list[Json]:
    return [
        {
            "name": row.name,
            "owner": row.owner,
            "tier": row.tier,
            "state": row.state,
            "last_run": row.last_run,
            "next_run": output.instant(row.next_run),
        }
        for row in status.pipelines
    ]


def _tables(status: Status) -> None:
    facts = status.environment
    mark = "production, " if facts.production else ""
    output.narrate(f"{facts.name} ({mark}{facts.mode}), times in {facts.timezone}")
    output.table(
        COLUMNS,
        [
            (
                one.name,
                one.state,
                "" if one.latency_ms is None else f"{one.latency_ms}ms",
                output.when(one.as_of, facts.timezone),
                one.error or "",
            )
            for one in status.connections
        ],
        f"environment {facts.name} has no connections",
    )
    output.blank()
    output.table(
        PIPELINE_COLUMNS,
        [
            (
                row.name,
                row.state,
                output.when(row.last_run_at, facts.timezone),
                row.owner or "",
                str(row.tier),
                output.when(row.next_run, facts.timezone),
            )
            for row in status.pipelines
        ],
        "no pipelines: the catalogue describes none, and none was found",
    )
