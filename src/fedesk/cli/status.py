"""``fedesk status``: each connection and each pipeline."""

from pathlib import Path
from typing import Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.status_output import show, show_last_known
from fedesk.exits import Exit


def status(
    context: typer.Context,
    last_known: Annotated[
        bool, typer.Option("--last-known", help="Print what was known last, and ask no system.")
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Show how each system and each pipeline of an environment stands.

    Exit code 8 when a system could not be read; what is known is printed all the same. With --last-known
    it is printed as it was when it was last looked at, by whatever command or desk of yours, with its age:
    0 when there is such a state, whatever it says, and 1 when there is none.
    """
    if last_known:
        return _last_known(context, config, environment, as_json=as_json, as_lines=as_lines)
    return _status(context, config, environment, as_json=as_json, as_lines=as_lines)


def _status(
    context: typer.Context, config: Path | None, environment: str | None, *, as_json: bool, as_lines: bool
) -> int:
    from fedesk.domain.status import status_of

    desk = session.open_desk(context, config, environment)
    board = session.look_once(context, desk, desk.connections)
    desk.close()
    show(status_of(board), as_json=as_json, as_lines=as_lines)
    session.tell_incomplete(board)
    session.tell_operations(board, desk.operation_watch.problem)
    return output.exit_for(one.failure for one in board.snapshots if one.failure)


def _last_known(
    context: typer.Context, config: Path | None, environment: str | None, *, as_json: bool, as_lines: bool
) -> int:
    """The last known state; raises what is wrong with the configuration first where nothing can be shown."""
    now = session.clock_of(context).now()
    shown = show_last_known(config, environment, now, as_json=as_json, as_lines=as_lines)
    if shown is not None:
        return shown
    from fedesk.config import select_environment

    name = select_environment(session.load(config), environment).name
    raise session.StopError(f"Nothing is known of {name} yet; `fedesk status` looks", Exit.FAILED)
