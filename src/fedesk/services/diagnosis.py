"""Why a run is red: the step that failed, the line of its log that matters, what changed since it worked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fedesk.domain.board import JobHistory
from fedesk.domain.log_lines import LogScan
from fedesk.domain.names import RunName
from fedesk.domain.redaction import LineRedactor
from fedesk.domain.runs import Change, LogChunk, LogRequest, Run, RunDetail, Step
from fedesk.domain.states import State
from fedesk.domain.text import clean
from fedesk.ports.errors import NotFoundError

READ_AT_MOST = 8_000_000
"""Characters of a log that are read to find the line."""
_LINE_AT_MOST = 500


class Reader(Protocol):
    """Reads of a run that a diagnosis is made of."""

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What one needs to know of a run before deciding anything."""

    detail: RunDetail
    culprit: Step | None = None
    """The first step that failed."""
    log: LogRequest | None = None
    """Which log the telling line is in."""
    telling_line: str = ""
    """The line that says why, cleaned and redacted; empty where none was found."""
    line_number: int | None = None
    """Its number in that log, from 0."""
    leaks: tuple[str, ...] = ()
    """Kinds of secrets that the log shows, each once."""
    log_problem: str = ""
    """Why the log could not be read, in one sentence."""
    last_good: Run | None = None
    changes: tuple[Change, ...] = ()
    """Commits of this run, and of the bad ones before it as far as they are known."""


def diagnose(reading: Reader, detail: RunDetail, history: JobHistory | None = None) -> Diagnosis:
    """Find out why a run is red from its steps and the log of what failed in it. Raises SourceError."""
    culprit = next((step for step in detail.steps if step.state is State.FAILED), None)
    request = LogRequest(run=detail.run.name, task=culprit.task if culprit else None)
    if not detail.run.state.is_bad and culprit is None:
        return Diagnosis(detail=detail, last_good=history.last_good if history else None)
    try:
        line, number, leaks = _telling(_lines(reading, request))
        problem = ""
    except NotFoundError as error:
        line, number, leaks, problem = "", None, (), str(error)
    return Diagnosis(
        detail=detail,
        culprit=culprit,
        log=request,
        telling_line=line,
        line_number=number,
        leaks=leaks,
        log_problem=problem,
        last_good=history.last_good if history else None,
        changes=detail.changes,
    )


def _lines(reading: Reader, request: LogRequest) -> Iterable[str]:
    cursor, read = "", 0
    while read < READ_AT_MOST:
        chunk = reading.log(request, cursor)
        read += len(chunk.text)
        # Cleaned first: what else ends a line (CR, FF) becomes what the viewer shows, and numbers agree.
        yield from clean(chunk.text).removesuffix("\n").split("\n") if chunk.text else ()
        # A log that grows is read as far as it is; its end has not been written.
        if chunk.complete or chunk.cursor == cursor:
            return
        cursor = chunk.cursor


def _telling(lines: Iterable[str]) -> tuple[str, int | None, tuple[str, ...]]:
    scan, redact = LogScan(), LineRedactor()
    telling, leaks = "", dict[str, None]()
    for line in lines:
        before = scan.telling
        shown = line[: _LINE_AT_MOST * 4]
        scan.feed((shown,))
        hidden = redact(shown)
        leaks.update(dict.fromkeys(hit.detector for hit in hidden.hits))
        if scan.telling != before:
            telling = hidden.text[:_LINE_AT_MOST]
    return telling, scan.telling, tuple(leaks)
