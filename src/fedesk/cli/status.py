"""``fedesk status``: each connection and each pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column

if TYPE_CHECKING:
    from fedesk.domain.board import Board

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


def status(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show how each system and each pipeline of an environment stands.

    Exit code 8 when a system could not be read; what is known is printed all the same.
    """
    return _status(context, config, environment, as_json=as_json)


def _status(context: typer.Context, config: Path | None, environment: str | None, *, as_json: bool) -> int:
    from fedesk.services.one_look import board_once

    desk = session.open_desk(context, config, environment)
    known = {snapshot.connection: snapshot for snapshot in desk.board.snapshots()}
    clock, watch = session.clock_of(context), desk.operation_watch
    board = board_once(desk.environment, desk.catalogue, desk.connections, clock, known, watch.look)
    desk.board.know(board.snapshots)
    desk.close()
    if as_json:
        _document(board)
    else:
        _tables(board)
    session.tell_incomplete(board)
    session.tell_operations(board, watch.problem)
    return output.exit_for(one.failure for one in board.snapshots if one.failure)


def _document(board: "Board") -> None:
    output.document(
        "fedesk-status/1",
        board.environment.name,
        board.at,
        connections=[
            {
                "name": str(one.connection),
                "system": one.system.value,
                "state": one.standing.value,
                "latency_ms": None if one.latency is None else round(one.latency * 1000),
                "as_of": output.instant(one.observed_at),
                "error": one.failure.sentence if one.failure else None,
                "error_kind": one.failure.kind.value if one.failure else None,
            }
            for one in board.snapshots
        ],
        pipelines=[
            {
                "name": row.name,
                "owner": row.owner or None,
                "tier": int(row.tier),
                "state": row.state.value,
                "last_run": str(row.last_run.name) if row.last_run else None,
                "next_run": output.instant(row.next_run_at),
            }
            for row in board.pipelines
        ],
    )


def _tables(board: "Board") -> None:
    facts = board.environment
    mark = "production, " if facts.production else ""
    output.narrate(f"{facts.name} ({mark}{facts.mode}), times in {facts.timezone}")
    output.table(
        COLUMNS,
        [
            (
                str(one.connection),
                one.standing.value,
                "" if one.latency is None else f"{one.latency * 1000:.0f}ms",
                output.when(one.observed_at, facts.timezone),
                one.failure.sentence if one.failure else "",
            )
            for one in board.snapshots
        ],
        f"environment {facts.name} has no connections",
    )
    output.blank()
    output.table(
        PIPELINE_COLUMNS,
        [
            (
                row.name,
                row.state.value,
                output.when(row.last_run.at, facts.timezone) if row.last_run else "",
                row.owner,
                str(int(row.tier)),
                output.when(row.next_run_at, facts.timezone),
            )
            for row in board.pipelines
        ],
        "no pipelines: the catalogue describes none, and none was found",
    )
