"""``fedesk log``: the log of a run or of one of its tasks, whole or in part, followed if wanted."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, run_names, session
from fedesk.cli.runs import list_of
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.names import RunName, TaskName
    from fedesk.domain.runs import LogChunk, LogRequest
    from fedesk.execution import Desk
    from fedesk.services.log_pattern import LogPattern
    from fedesk.services.log_selection import Line, Piece, Wanted
    from fedesk.services.run_reading import RunReading

FOLLOW_PAUSE = 2.0
"""Seconds between two looks at a log that grows."""
pause = time.sleep
_PATIENCE = 10
"""Looks in a row that may fail while a log is followed."""
_TAIL_AT_MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How lines are printed."""

    follow: bool
    times: bool | None
    """None: as they are written."""
    as_json: bool
    as_lines: bool
    file: Path | None


def log(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="ENVIRONMENT/CONNECTION:ID, with ::TASK@TRY; a web address; a pipeline's newest run.",
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the log ends.")] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", min=1, max=_TAIL_AT_MOST, help="The last lines only, so many.")
    ] = None,
    grep: Annotated[str | None, typer.Option("--grep", help="Only lines that hold this text.")] = None,
    regex: Annotated[
        bool, typer.Option("--regex", help="Take --grep's text as a regular expression.")
    ] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Only lines that speak of trouble.")] = False,
    task: Annotated[str | None, typer.Option("--task", help="The task, as TASK or TASK[MAP_INDEX].")] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="The stage of a Jenkins build, by name.")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option("--attempt", "--try", min=1, help="The try; the newest if left out.")
    ] = None,
    all_attempts: Annotated[
        bool, typer.Option("--all-attempts", help="Every try of the task, the first one first.")
    ] = False,
    times: Annotated[
        bool | None,
        typer.Option(
            "--timestamps/--no-timestamps",
            help="Times on the environment's clocks, or none; as they are written if left out.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="A new file to write to, of mode 0600.")
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Print a log with control characters made harmless and secrets hidden.

    Of an Airflow run without a task it is the log of the task that failed, else of the one that runs.
    """
    from fedesk.services.log_selection import Wanted

    if task is not None and stage is not None:
        raise typer.BadParameter("a task is Airflow's, a stage is Jenkins': name one", param_hint="--stage")
    if follow and all_attempts:
        raise typer.BadParameter("only one try can be followed", param_hint="--all-attempts")
    wanted = Wanted(pattern=pattern_of(grep, regex=regex, ignore_case=False), errors=errors, tail=tail)
    form = Form(follow=follow, times=times, as_json=as_json, as_lines=as_lines, file=file)
    named = _task(task) if task is not None else _stage(stage)
    loaded = session.load(config)
    asked = run_names.read(run, loaded, environment)
    desk = session.compose(context, loaded, run_names.same_environment(asked, environment))
    try:
        name = asked.run or newest(desk, run)
        requests = _requests(desk, name, named or asked.task, attempt, all_attempts=all_attempts)
        if file is None:
            _print(context, desk, requests, wanted, form)
        else:
            _save(desk, requests, wanted, form, file)
    finally:
        session.let_go(desk)
    return Exit.DONE


def pattern_of(typed: str | None, *, regex: bool, ignore_case: bool) -> "LogPattern | None":
    """What is looked for; raises BadParameter for what is no regular expression."""
    from fedesk.services.log_pattern import LogPattern, PatternError

    if typed is None:
        return None
    try:
        if regex:
            return LogPattern.expression(typed, ignore_case=ignore_case)
        return LogPattern.text(typed, ignore_case=ignore_case)
    except PatternError as error:
        raise typer.BadParameter(str(error), param_hint="--regex") from None


def newest(desk: "Desk", text: str) -> "RunName":
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


def _stage(text: str | None) -> "TaskName | None":
    """A stage's name is taken as it is: it may hold ``@`` and brackets."""
    from fedesk.domain.names import TaskName

    return None if text is None else TaskName(text)


def _requests(
    desk: "Desk", name: "RunName", task: "TaskName | None", attempt: int | None, *, all_attempts: bool
) -> "list[LogRequest]":
    from fedesk.services.log_choice import choose_log, find_run, tries_of

    system = next(connection.system for connection in desk.connections if connection.name == name.connection)
    detail, named = find_run(desk.reading, name)
    request = choose_log(detail, system, task or named)
    if request.task is None:
        return [request]
    if all_attempts:
        return [
            replace(request, task=replace(request.task, try_number=one)) for one in tries_of(detail, request)
        ]
    if attempt is not None:
        request = replace(request, task=replace(request.task, try_number=attempt))
    return [request]


def name_of(request: "LogRequest") -> str:
    """The log's name in full."""
    return f"{request.run}" + (f"::{request.task}" if request.task else "")


def _print(
    context: typer.Context, desk: "Desk", requests: "list[LogRequest]", wanted: "Wanted", form: Form
) -> None:
    if form.as_json:
        logs = [(request, list(_lines(desk, request, wanted, form))) for request in requests]
        task = requests[0].task
        output.document(
            "fedesk-log/1",
            desk.environment.name,
            session.clock_of(context).now(),
            run=str(requests[0].run),
            task=str(task) if task and len(requests) == 1 else None,
            lines=[line.text for _, lines in logs for line in lines],
            numbers=[
                line.number if line.number is None else line.number + 1 for _, lines in logs for line in lines
            ],
            tries=[{"task": str(request.task), "lines": len(lines)} for request, lines in logs],
        )
        return
    for request in requests:
        output.narrate(f"log of {name_of(request)}")
        for line in _lines(desk, request, wanted, form):
            sys.stdout.write(as_record(request, line) if form.as_lines else f"{line.text}\n")
            if form.follow:
                sys.stdout.flush()


def as_record(request: "LogRequest", line: "Line") -> str:
    """A line as a JSON object on a line of its own."""
    record = {
        "schema": "fedesk-log-line/1",
        "environment": request.run.connection.environment,
        "run": str(request.run),
        "task": str(request.task) if request.task else None,
        "line": None if line.number is None else line.number + 1,
        "text": line.text,
        "matches": line.matches,
    }
    return json.dumps(record) + "\n"


def _save(desk: "Desk", requests: "list[LogRequest]", wanted: "Wanted", form: Form, file: Path) -> None:
    from fedesk.services.log_saving import NotSavedError, save_lines

    target = file.absolute()
    for request in requests:
        desk.reading.exporting(request, str(target))

    def texts() -> Iterator[str]:
        for request in requests:
            for line in _lines(desk, request, wanted, form):
                yield as_record(request, line).rstrip("\n") if form.as_lines else line.text

    try:
        count = save_lines(texts(), target)
    except NotSavedError as error:
        raise session.StopError(str(error), Exit.FAILED) from None
    output.narrate(f"{count:,} lines in {file}, secrets hidden")


def _lines(desk: "Desk", request: "LogRequest", wanted: "Wanted", form: Form) -> "Iterator[Line]":
    """The lines that are wanted, with their times as they are wanted."""
    from zoneinfo import ZoneInfo

    from fedesk.domain.log_times import Times, told
    from fedesk.services.log_selection import last_lines, select

    found: Iterator[Line] | None = None
    if wanted.tail is not None and wanted.is_everything and not form.follow:
        ended = last_lines(desk.reading, request, wanted.tail)
        found = iter(ended) if ended is not None else None
    if found is None:
        found = select(_pieces(desk.reading, request, follow=form.follow), desk.reading.pages(), wanted)
    if form.times is None:
        yield from found
        return
    how, zone = (Times.LOCAL if form.times else Times.HIDDEN), ZoneInfo(desk.environment.timezone)
    for line in found:
        yield line._replace(text=told(line.text, how, zone))


def _pieces(reading: "RunReading", request: "LogRequest", *, follow: bool) -> "Iterator[Piece]":
    """The log piece by piece; while it is followed, a few looks in a row may fail."""
    from fedesk.ports.errors import DeadlineError, RateLimitedError, ServerFaultError, UnreachableError
    from fedesk.services.log_selection import Piece, pieces

    if not follow:
        yield from pieces(reading, request)
        return
    cursor, failed = "", 0
    while True:
        try:
            chunk: LogChunk = reading.log(request, cursor)
        except (DeadlineError, RateLimitedError, ServerFaultError, UnreachableError) as error:
            failed += 1
            if not cursor or failed > _PATIENCE:
                raise
            output.narrate(f"{error} Trying again.")
            pause(FOLLOW_PAUSE)
            continue
        failed = 0
        grew = chunk.cursor != cursor
        cursor = chunk.cursor
        yield Piece(chunk.text, caught_up=chunk.complete or not grew)
        if chunk.complete:
            return
        if not grew:
            pause(FOLLOW_PAUSE)
