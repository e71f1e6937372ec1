"""``fedesk log``: the log of a run or of one of its tasks, followed to its end if wanted."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, run_names, session
from fedesk.cli.runs import list_of
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.composition import Desk
    from fedesk.domain.names import RunName, TaskName
    from fedesk.domain.runs import LogChunk, LogRequest
    from fedesk.services.run_reading import RunReading

FOLLOW_PAUSE = 2.0
"""Seconds between two looks at a log that grows."""
pause = time.sleep
_PATIENCE = 10
"""Looks in a row that may fail while a log is followed."""


def log(  # the options are the command's interface
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="ENVIRONMENT/CONNECTION:ID, with ::TASK@TRY; a web address; a pipeline's newest run.",
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the log ends.")] = False,
    task: Annotated[str | None, typer.Option("--task", help="The task, as TASK or TASK[MAP_INDEX].")] = None,
    attempt: Annotated[
        int | None, typer.Option("--try", min=1, help="The try; the newest if left out.")
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Print a log with control characters made harmless and secrets hidden.

    Of an Airflow run without a task it is the log of the task that failed, else of the one that runs.
    """
    wanted = None if task is None else _task(task)
    loaded = session.load(config)
    asked = run_names.read(run, loaded, environment)
    desk = session.compose(context, loaded, run_names.same_environment(asked, environment))
    try:
        name = asked.run or _newest(desk, run)
        request = _request(desk, name, wanted or asked.task, attempt)
        output.narrate(f"log of {request.run}" + (f"::{request.task}" if request.task else ""))
        lines = _shown(_pieces(desk.reading, request, follow=follow))
        if as_json:
            _document(context, desk, request, list(lines))
        else:
            for line in lines:
                sys.stdout.write(f"{line}\n")
                if follow:
                    sys.stdout.flush()
    finally:
        session.let_go(desk)
    return Exit.DONE


def _document(context: typer.Context, desk: "Desk", request: "LogRequest", lines: list[str]) -> None:
    output.document(
        "fedesk-log/1",
        desk.environment.name,
        session.clock_of(context).now(),
        run=str(request.run),
        task=str(request.task) if request.task else None,
        lines=lines,
    )


def _newest(desk: "Desk", text: str) -> "RunName":
    """The newest run of what a name stands for; raises StopError."""
    listing = list_of(desk, text, 1)
    if listing.runs:
        return listing.runs[0].name
    said = listing.failures[0].sentence if listing.failures else f"{text} has no runs yet"
    raise session.StopError(said, output.exit_for(listing.failures) or Exit.FAILED)


def _task(text: str) -> "TaskName":
    from fedesk.domain.names import NameNotUnderstoodError, TaskName

    try:
        return TaskName.parse(text)
    except NameNotUnderstoodError as error:
        raise typer.BadParameter(str(error), param_hint="--task") from None


def _request(desk: "Desk", name: "RunName", task: "TaskName | None", attempt: int | None) -> "LogRequest":
    from fedesk.services.log_choice import choose_log, find_run

    system = next(connection.system for connection in desk.connections if connection.name == name.connection)
    detail, named = find_run(desk.reading, name)
    asked = task or named
    if asked is not None and attempt is not None:
        asked = replace(asked, try_number=attempt)
    request = choose_log(detail, system, asked)
    if request.task is not None and attempt is not None:
        request = replace(request, task=replace(request.task, try_number=attempt))
    return request


def _pieces(reading: "RunReading", request: "LogRequest", *, follow: bool) -> Iterator[str]:
    """The log piece by piece; while it is followed, a few looks in a row may fail."""
    from fedesk.ports.errors import DeadlineError, RateLimitedError, ServerFaultError, UnreachableError

    cursor, failed = "", 0
    while True:
        try:
            chunk: LogChunk = reading.log(request, cursor)
        except (DeadlineError, RateLimitedError, ServerFaultError, UnreachableError) as error:
            failed += 1
            if not follow or not cursor or failed > _PATIENCE:
                raise
            output.narrate(f"{error} Trying again.")
            pause(FOLLOW_PAUSE)
            continue
        failed = 0
        yield chunk.text
        grew = chunk.cursor != cursor
        cursor = chunk.cursor
        if chunk.complete or not (follow or grew):
            return
        if follow and not grew:
            pause(FOLLOW_PAUSE)


def _shown(pieces: Iterator[str]) -> Iterator[str]:
    """Lines made fit to be printed: cleaned, secrets hidden."""
    from fedesk.domain.redaction import LineRedactor
    from fedesk.domain.text import clean

    redact = LineRedactor()
    for piece in pieces:
        if not piece:
            continue
        for line in piece.removesuffix("\n").split("\n"):
            yield redact(clean(line)).text
