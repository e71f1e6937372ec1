"""What every command shares: the options that stand before or after the verb, and the way to a desk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output
from fedesk.cli.output import narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.apart import Apart
    from fedesk.config_types import Config
    from fedesk.domain.board import Board
    from fedesk.domain.names import ConnectionName
    from fedesk.execution import Desk
    from fedesk.ports.changing import Launcher
    from fedesk.ports.sources import Clock, Connection

EnvironmentOption = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help="The environment; the configuration's default if left out."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; FEDESK_CONFIG names it otherwise."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, see docs/schemas.")]
JsonLinesOption = Annotated[
    bool, typer.Option("--json-lines", help="Print the same, one JSON record a line.")
]
"""For verbs that print a list: ``output.records`` beside ``output.document``."""

SHARED_WITH_VALUE = ("--env", "--config")
SHARED_FLAGS = ("--json", "--json-lines")

LauncherOf = Callable[["Desk"], "Launcher"]
"""Gives what starts the runners of a desk."""


class StopError(Exception):
    """The command cannot go on: one sentence and the exit code."""

    def __init__(self, sentence: str, code: Exit) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Session:
    """What a run of the command line was given from outside."""

    clock: "Clock"
    launcher: "LauncherOf | None" = None
    """What starts runners instead of the desk's own launcher; for tests."""


def printer(*, as_lines: bool) -> "Callable[..., None]":
    """What prints a document: as one, or as one record a line."""
    return output.records if as_lines else output.document


def clock_of(context: typer.Context) -> "Clock":
    """The clock of this run."""
    session: Session = context.obj
    return session.clock


def open_desk(context: typer.Context, config: Path | None, environment: str | None) -> "Desk":
    """A desk of one environment; opens no connection. Raises ConfigurationError."""
    from fedesk.execution import open_desk as open_it

    return open_it(config, environment, clock_of(context), tell=narrate)


def load(config: Path | None) -> "Config":
    """The configuration, for a command that needs it before it knows its desk. Raises ConfigurationError."""
    from fedesk.config import load_config

    return load_config(config)


def compose(
    context: typer.Context, config: "Config", environment: str | None, apart: "Apart | None" = None
) -> "Desk":
    """A desk over a configuration that was read; opens no connection. Raises ConfigurationError."""
    from fedesk.execution import compose as compose_it

    return compose_it(config, environment, clock_of(context), tell=narrate, apart=apart)


def launcher_of(
    context: typer.Context,
    desk: "Desk",
    connections: "Sequence[ConnectionName]",
    *,
    break_glass: bool = False,
) -> "Launcher":
    """What starts the processes that change these systems."""
    session: Session = context.obj
    if session.launcher is not None:
        return session.launcher(desk)
    return desk.launcher_for(connections, break_glass=break_glass)


def known_environment(config: "Config", name: str | None, option: str) -> None:
    """Raise StopError with the nearest name where an option names no configured environment."""
    from fedesk.mistakes import nearest

    if name is None or name in config.environments:
        return
    like = nearest(name, config.environments)
    hint = f"did you mean {like}?" if like else f"there are: {', '.join(config.environments)}"
    raise StopError(f"{option}: no environment is named {name!r}; {hint}", Exit.USAGE)


def look_once(context: typer.Context, desk: "Desk", connections: "Sequence[Connection]") -> "Board":
    """The board after one look at these systems, told of on stderr; the desk keeps what was learnt."""
    from fedesk.cli.progress import looking
    from fedesk.services.boards import Boards
    from fedesk.services.one_look import board_once

    known = {snapshot.connection: snapshot for snapshot in desk.board.snapshots()}
    watch = desk.operation_watch
    with looking([one.name for one in connections]) as read:
        board = board_once(
            desk.environment,
            Boards(desk.catalogue, desk.config.releases.budget),
            connections,
            clock_of(context),
            known,
            watch.look,
            read,
            watch.unreviewed,
        )
    desk.board.know(board.snapshots)
    return board


def let_go(desk: "Desk") -> None:
    """Close what was opened; waits for nothing."""
    for connection in desk.all_connections:
        connection.source.close()


def tell_incomplete(board: "Board") -> bool:
    """Say which histories are partial; whether any is."""
    from fedesk.services.one_look import incomplete

    partial = incomplete(board)
    for name in partial:
        narrate(f"{name} has more history than there was time to read: older runs may be missing.")
    return bool(partial)


def tell_operations(board: "Board", problem: str) -> None:
    """Say which of fedesk's own operations somebody has to look at, or why that cannot be told."""
    from fedesk.domain.text import one_line

    if problem:
        narrate(problem)
    for finding in board.findings:
        if finding.operation:
            said = one_line(f"{finding.subject}: {finding.what.rstrip('.')}", 300)
            narrate(f"{said}. See `fedesk operations show {finding.operation}`.")


def duration_option(name: str) -> Callable[[str], timedelta]:
    """Reads a duration of the command line; a mistake is one of usage."""

    def read(text: str) -> timedelta:
        from fedesk.domain.durations import parse_duration

        try:
            return parse_duration(text)
        except ValueError as error:
            raise typer.BadParameter(f"{error}", param_hint=name) from None

    return read


def examples(*lines: str) -> str:
    """The end of a command's help; each line works in the sandbox."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
