"""``fedesk failures``: what failed lately."""

from datetime import timedelta
from typing import Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column
from fedesk.exits import Exit

COLUMNS = (
    Column(title="SINCE", importance=6),
    Column(title="STATE", importance=7),
    Column(title="PIPELINE", importance=9),
    Column(title="REASON", importance=8, is_text=True),
    Column(title="OWNER", importance=4),
    Column(title="RUN", importance=5),
)


def failures(
    context: typer.Context,
    since: Annotated[
        timedelta,
        typer.Option(
            "--since",
            metavar="DURATION",
            parser=session.duration_option("--since"),
            help="How far back, like 15m, 2h or 1d.",
        ),
    ] = "15m",  # type: ignore[assignment]  # typer gives the default to the parser as text
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List the runs that failed within the last minutes, with their reason, owner and name.

    Exit code 8 when Jenkins or Airflow could not be read; what is known is printed all the same.
    """
    from fedesk.domain.failures import failed_since

    desk = session.open_desk(context, config, environment)
    with_runs = [connection for connection in desk.connections if connection.runs is not None]
    board = session.look_once(context, desk, with_runs)
    desk.close()
    found = failed_since(board.histories, board.at, since)
    partial = session.tell_incomplete(board)
    session.tell_operations(board, desk.operation_watch.problem)
    unread = [snapshot.failure for snapshot in board.snapshots if snapshot.failure]
    for failure in unread:
        output.narrate(failure.sentence)
    if as_json or as_lines:
        session.printer(as_lines=as_lines)(
            "fedesk-failures/1",
            desk.environment.name,
            board.at,
            failures=[
                {
                    "run": str(failed.run.name),
                    "pipeline": failed.pipeline,
                    "state": failed.run.state.value,
                    "since": output.instant(failed.since),
                    "owner": failed.owner or None,
                    "reason": failed.run.reason or None,
                    "link": failed.run.link or None,
                }
                for failed in found
            ],
        )
    else:
        zone = desk.environment.timezone
        length = output.duration(since)
        where = "among what could be read" if unread or partial else f"in {desk.environment.name}"
        output.table(
            COLUMNS,
            [
                (
                    output.when(failed.since, zone),
                    failed.run.state.value,
                    failed.pipeline,
                    failed.run.reason or failed.run.original_state,
                    failed.owner,
                    str(failed.run.name),
                )
                for failed in found
            ],
            f"nothing failed in the last {length} {where}",
        )
    return output.exit_for(unread) or (Exit.UNREACHABLE if partial else Exit.DONE)
