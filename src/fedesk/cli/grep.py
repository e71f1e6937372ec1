"""``fedesk grep``: lines in the logs of several runs, one log after the other."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, run_names, session
from fedesk.cli.log import as_record, name_of, newest, pattern_of
from fedesk.cli.runs import list_of
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.names import RunName, TaskName
    from fedesk.domain.observation import Failure
    from fedesk.domain.runs import LogRequest
    from fedesk.execution import Desk
    from fedesk.services.log_selection import Line, Wanted

RUNS_AT_MOST = 50
"""Runs of one name that are looked through."""
LOGS_AT_MOST = 200
"""Logs of one run that are read: a mapped task may have thousands."""
_IN_A_DOCUMENT = 10_000
"""Lines that one JSON document holds."""
_CONTEXT_AT_MOST = 1_000
_since = session.duration_option("--since")


@dataclass(slots=True)
class Tally:
    """What was found so far, and what could not be read."""

    found: int = 0
    logs: int = 0
    failures: "list[Failure]" = field(default_factory=list)

    @property
    def code(self) -> Exit:
        """As grep: 0 found, 1 not found; where something could not be read, that."""
        return output.exit_for(self.failures) or (Exit.DONE if self.found else Exit.FAILED)


def grep(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="A text; with -E a regular expression.")],
    targets: Annotated[
        list[str],
        typer.Argument(metavar="RUN|PIPELINE…", help="Runs by name or address; pipelines, DAGs, jobs."),
    ],
    since: Annotated[
        timedelta | None,
        typer.Option(
            "--since",
            parser=_since,
            metavar="TIME",
            help="All runs of a pipeline since then, not its newest alone.",
        ),
    ] = None,
    regex: Annotated[
        bool, typer.Option("--regex", "-E", help="PATTERN is a regular expression (RE2: linear time).")
    ] = False,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="Case does not count.")] = False,
    after: Annotated[
        int, typer.Option("-A", min=0, max=_CONTEXT_AT_MOST, help="Lines behind each match.")
    ] = 0,
    before: Annotated[int, typer.Option("-B", min=0, max=_CONTEXT_AT_MOST, help="Lines ahead of each.")] = 0,
    around: Annotated[int, typer.Option("-C", min=0, max=_CONTEXT_AT_MOST, help="Lines on both sides.")] = 0,
    numbers: Annotated[bool, typer.Option("--line-number", "-n", help="Print numbers of lines.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print how many lines match, a log a line.")] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Look for a text in the logs of runs: of a build in its whole log, of a DAG run in that of each task.

    Ends with 0 where a line was found and 1 where none was, as grep does; with another code where a log could
    not be read, whatever was found in the others.
    """
    from fedesk.services.log_selection import Wanted

    wanted = Wanted(
        pattern=pattern_of(pattern, regex=regex, ignore_case=ignore_case),
        before=0 if count else max(before, around),
        after=0 if count else max(after, around),
    )
    loaded = session.load(config)
    asked = [run_names.read(target, loaded, environment) for target in targets]
    places = {place for one in asked if (place := run_names.same_environment(one, environment))}
    if len(places) > 1:
        named = ", ".join(sorted(places))
        raise session.StopError(f"one search is in one environment; these runs are of {named}", Exit.USAGE)
    desk = session.compose(context, loaded, next(iter(places), None))
    tally = Tally()
    try:
        found = _found(desk, _runs(context, desk, asked, since, tally), wanted, tally)
        if as_json:
            _document(context, desk, pattern, found, tally)
        elif count:
            _count(found)
        else:
            _print(found, wanted, numbers=numbers, as_lines=as_lines)
    finally:
        session.let_go(desk)
    return tally.code


Found = tuple["LogRequest", "Iterator[Line]"]


def _runs(
    context: typer.Context,
    desk: "Desk",
    asked: list[run_names.Asked],
    since: timedelta | None,
    tally: Tally,
) -> "Iterator[tuple[RunName, TaskName | None]]":
    """The runs that are meant, each once."""
    seen: set[tuple[RunName, TaskName | None]] = set()
    for one in asked:
        if one.run is not None:
            names = [one.run]
        elif since is None:
            names = [newest(desk, one.text)]
        else:
            names = _since_then(desk, one.text, session.clock_of(context).now() - since, tally)
        for name in names:
            if (name, one.task) not in seen:
                seen.add((name, one.task))
                yield name, one.task


def _since_then(desk: "Desk", name: str, begin: object, tally: Tally) -> "list[RunName]":
    listing = list_of(desk, name, RUNS_AT_MOST)
    tally.failures += listing.failures
    for failure in listing.failures:
        output.narrate(failure.sentence)
    newer = [run.name for run in listing.runs if run.at is None or run.at >= begin]  # type: ignore[operator]
    if len(newer) == RUNS_AT_MOST:
        output.narrate(f"{name}: only its newest {RUNS_AT_MOST} runs are looked through.")
    return newer


def _found(
    desk: "Desk", runs: "Iterator[tuple[RunName, TaskName | None]]", wanted: "Wanted", tally: Tally
) -> "Iterator[Found]":
    """Each log with the lines that match; a log that cannot be read is told, and the others go on."""
    for name, task in runs:
        for request in _logs(desk, name, task, tally):
            tally.logs += 1
            yield request, _matching(desk, request, wanted, tally)


def _logs(desk: "Desk", name: "RunName", task: "TaskName | None", tally: Tally) -> "list[LogRequest]":
    from fedesk.ports.errors import SourceError
    from fedesk.services.log_choice import choose_log, find_run, logs_of

    system = next(connection.system for connection in desk.connections if connection.name == name.connection)
    try:
        detail, named = find_run(desk.reading, name)
        if (task or named) is not None:
            return [choose_log(detail, system, task or named)]
    except SourceError as error:
        _tell(f"{name}", error, tally)
        return []
    logs = list(logs_of(detail, system))
    if len(logs) > LOGS_AT_MOST:
        output.narrate(f"{name} has {len(logs):,} logs; the first {LOGS_AT_MOST} are looked through.")
    return logs[:LOGS_AT_MOST]


def _matching(desk: "Desk", request: "LogRequest", wanted: "Wanted", tally: Tally) -> "Iterator[Line]":
    from fedesk.ports.errors import SourceError
    from fedesk.services.log_selection import pieces, select

    try:
        for line in select(pieces(desk.reading, request), desk.reading.pages(), wanted):
            tally.found += line.matches
            yield line
    except SourceError as error:
        _tell(name_of(request), error, tally)


def _tell(name: str, error: "Exception", tally: Tally) -> None:
    tally.failures.append(error.failure)  # type: ignore[attr-defined]  # a SourceError
    output.narrate(f"{name}: {error}")


def _print(found: "Iterator[Found]", wanted: "Wanted", *, numbers: bool, as_lines: bool) -> None:
    """As grep: the log's name, ``:`` for a match and ``-`` beside one, ``--`` where lines are left out."""
    apart, last = bool(wanted.before or wanted.after), None
    for request, lines in found:
        before: int | None = None
        for line in lines:
            if as_lines:
                sys.stdout.write(as_record(request, line))
                continue
            number = line.number or 0
            if apart and last is not None and (before is None or number != before + 1):
                sys.stdout.write("--\n")
            mark = ":" if line.matches else "-"
            told = f"{number + 1}{mark}" if numbers else ""
            sys.stdout.write(f"{output.harmless(name_of(request))}{mark}{told}{line.text}\n")
            before = last = number


def _count(found: "Iterator[Found]") -> None:
    for request, lines in found:
        count = sum(line.matches for line in lines)
        sys.stdout.write(f"{output.harmless(name_of(request))}:{count}\n")


def _document(
    context: typer.Context, desk: "Desk", pattern: str, found: "Iterator[Found]", tally: Tally
) -> None:
    kept: list[dict[str, output.Json]] = []
    counts: list[dict[str, output.Json]] = []
    for request, lines in found:
        count = 0
        log: dict[str, output.Json] = {
            "run": str(request.run),
            "task": str(request.task) if request.task else None,
        }
        for line in lines:
            count += line.matches
            if len(kept) < _IN_A_DOCUMENT:
                number = None if line.number is None else line.number + 1
                kept.append({**log, "line": number, "text": line.text, "matches": line.matches})
        counts.append({**log, "count": count})
    output.document(
        "fedesk-grep/1",
        desk.environment.name,
        session.clock_of(context).now(),
        pattern=pattern,
        logs=counts,
        lines=kept,
        truncated=tally.found > sum(bool(one["matches"]) for one in kept),
        problems=[failure.sentence for failure in tally.failures],
    )
