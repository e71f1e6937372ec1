"""The right side of triage: why the selected finding is red, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.states import State
from fedesk.ui import present
from fedesk.ui.actions import action, key_name
from fedesk.ui.rows import days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

    from fedesk.domain.board import Board, JobHistory
    from fedesk.domain.front import Finding
    from fedesk.domain.marks import FindingState
    from fedesk.domain.observation import Snapshot
    from fedesk.domain.runs import Change, Run, Step
    from fedesk.services.diagnosis import Diagnosis
    from fedesk.ui.actions import Target

_LABEL = 10
_CHANGES_SHOWN = 3
_NOTES_SHOWN = 5
_LISTED = 12
_AROUND_CULPRIT = 5
_MINUTE = timedelta(minutes=1)
_COUNTS = frozenset({"connection", "queue"})
"""Kinds of findings with a countdown or several ages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a finding beside itself, from the board and from reading its run."""

    now: datetime
    zone: tzinfo
    board: Board | None = None
    run: Run | None = None
    history: JobHistory | None = None
    diagnosis: Diagnosis | None = None
    reading: bool = False
    """Whether the run is being read."""
    problem: str = ""
    """Why the run could not be read, in one sentence."""
    state: FindingState | None = None
    """What people said of it."""


def moment(finding: Finding, now: datetime) -> datetime:
    """The moment that ``lines`` tell of: to the second while something in them counts in seconds."""
    counts = finding.kind in _COUNTS or (finding.since is not None and now - finding.since < _MINUTE)
    return now.replace(microsecond=0) if counts else now.replace(second=0, microsecond=0)


def locate(board: Board | None, finding: Finding) -> tuple[Run | None, JobHistory | None]:
    """The run of a finding on the board, with the history it is in."""
    if board is None or finding.run is None:
        return None, None
    for history in board.histories:
        if history.connection == finding.run.connection:
            for run in history.runs:
                if run.name == finding.run:
                    return run, history
    return None, None


def lines(finding: Finding, known: Known, target: Target, width: int) -> list[Content]:
    """Everything worth saying, wrapped to ``width`` cells; what decides first."""
    shown = [*_head(finding, known, width), Content()]
    for part in (
        _said(known, width),
        _operation(finding, known, width),
        _telling(known, width),
        _steps(known, width),
        _dates(finding, known, width),
        _source(finding, known, width),
        _secrets(finding, known),
        _queue(finding, known, width),
    ):
        if part:
            shown += [*part, Content()]
    shown += [*_next(finding, width), Content(), _keys(target)]
    return shown


def _entry(label: str, said: Content | str, width: int) -> list[Content]:
    content = Content(said) if isinstance(said, str) else said
    wrapped = content.wrap(max(width - _LABEL, 10)) or [Content()]
    heads = [Content.styled(label.ljust(_LABEL), present.MUTED), *[Content(" " * _LABEL)] * len(wrapped)]
    return [Content.assemble(head, line) for head, line in zip(heads, wrapped, strict=False)]


def _head(finding: Finding, known: Known, width: int) -> list[Content]:
    face = present.FACES[finding.state]
    parts = [present.plain(finding.subject, "bold")]
    if known.run is not None and known.run.partition:
        parts.append(Content(present.partition(known.run.partition, known.zone)))
    # A state is told of what failed; of anything else that is wrong the kind says more.
    said = face.word if finding.kind == "failed run" else present.text(finding.kind)
    parts.append(Content.styled(f"{face.glyph} {said}", face.style))
    title = Content.styled(" · ", present.MUTED).join(parts)
    return [*title.wrap(width), *present.plain(finding.what).wrap(width)]


def _said(known: Known, width: int) -> list[Content]:
    """Who has it, until when it is quiet, what was noted: the newest first."""
    state = known.state
    if state is None:
        return []
    from fedesk.services.hiding import hidden

    shown: list[Content] = []
    if state.holder:
        at = present.clock_time(state.held_since, known.now, known.zone)
        by = f", from {present.text(state.assigned_by, 80)}" if state.assigned_by else ""
        shown += _entry("has it", f"{present.text(state.holder, 80)} since {at}{by}", width)
    if state.quiet is not None:
        until = present.clock_time(state.quiet.until, known.now, known.zone)
        why = f": {present.text(hidden(state.quiet.said), 400)}" if state.quiet.said else ""
        said = f"{state.quiet.kind} until {until} by {present.text(state.quiet.owner, 80)}{why}"
        shown += _entry("quiet", said, width)
    for index, note in enumerate(reversed(state.notes[-_NOTES_SHOWN:])):
        head = f"{present.clock_time(note.at, known.now, known.zone)} {present.text(note.by, 80)}: "
        line = Content.assemble((head, present.MUTED), present.text(hidden(note.said), 400))
        shown += _entry("" if index else "noted", line, width)
    return shown


def _telling(known: Known, width: int) -> list[Content]:
    if known.problem:
        return Content.styled(present.text(known.problem), "$text-warning").wrap(width)
    if known.reading:
        return [Content.styled("reading the log …", present.MUTED)]
    found = known.diagnosis
    if found is None:
        return []
    from fedesk.domain.log_lines import message_of

    bar = Content.styled("▎ ", "$text-error")
    shown = [
        Content.assemble(bar, line)
        for line in present.plain(message_of(found.telling_line), "bold").wrap(max(width - 2, 10))
        if found.telling_line
    ]
    if found.telling_line:
        shown.append(Content.assemble(bar, (_where(found), present.MUTED)))
    elif found.log_problem:
        shown += Content.styled(present.text(found.log_problem), "$text-warning").wrap(width)
    elif found.log is not None:
        shown.append(Content.styled("No line of the log says why.", present.MUTED))
    if found.leaks:
        said = f"The log shows secrets ({', '.join(found.leaks)}): hidden here, rotate them."
        shown += Content.styled(present.text(said), "bold $text-error").wrap(width)
    return shown


def _where(found: Diagnosis) -> str:
    """``dbt_test, try 3, line 2424``."""
    parts = []
    if found.log is not None and found.log.task is not None:
        task = found.log.task
        mapped = "" if task.map_index is None else f"[{task.map_index}]"
        parts.append(present.text(f"{found.culprit.name if found.culprit else task.task}{mapped}"))
        parts += [f"try {task.try_number}"] if task.try_number is not None else []
    if found.line_number is not None:
        parts.append(f"line {found.line_number + 1}")
    return ", ".join(parts)


def _operation(finding: Finding, known: Known, width: int) -> list[Content]:
    """What fedesk wanted to do, and what each system says of it."""
    if not finding.operation or known.board is None:
        return []
    one = next((one for one in known.board.operations if one.id == finding.operation), None)
    if one is None:
        return []
    shown = _entry("was to", present.text(one.sentence, 300), width)
    shown += _entry("asked by", f"{present.text(one.requester, 80)}", width)
    for index, piece in enumerate(one.evidence):
        at = present.clock_time(piece.at, known.now, known.zone)
        source = Content.styled(f"{present.text(piece.source, 80)}, {at}: ", present.MUTED)
        label = "" if index else "evidence"
        shown += _entry(label, Content.assemble(source, present.text(piece.said, 400)), width)
    if not one.evidence:
        shown += _entry("evidence", "none yet: no system has been asked what came of it", width)
    return shown


def _steps(known: Known, width: int) -> list[Content]:
    if known.diagnosis is None or not known.diagnosis.detail.steps:
        return []
    steps = known.diagnosis.detail.steps
    shown, line = list[Content](), Content()
    for step in map(_step, _worth_showing(steps)):
        if line and line.cell_length + step.cell_length + 2 > width:
            shown.append(line)
            line = Content()
        line = Content.assemble(line, "  ", step) if line else step
    return [*shown, line]


def _step(step: Step) -> Content:
    face = present.FACES[step.state]
    bad = step.state in {State.FAILED, State.UNSTABLE}
    return Content.assemble(face.mark, " ", (present.text(step.name, 40), "bold" if bad else ""))


def _worth_showing(steps: Sequence[Step]) -> Sequence[Step]:
    """All of a few; of many those around the first that failed."""
    if len(steps) <= 2 * _AROUND_CULPRIT:
        return steps
    first_bad = next((index for index, step in enumerate(steps) if step.state.is_bad), len(steps) - 1)
    start = max(first_bad - _AROUND_CULPRIT, 0)
    return steps[start : start + 2 * _AROUND_CULPRIT]


def _dates(finding: Finding, known: Known, width: int) -> list[Content]:
    shown: list[Content] = []
    if finding.since is not None:
        at = present.clock_time(finding.since, known.now, known.zone)
        shown += _entry("since", f"{at}, {present.age(finding.since, known.now)} ago", width)
    good = known.history.last_good if known.history else None
    # A run may be read before its history is on the board, and the other way round.
    good = good or (known.diagnosis.last_good if known.diagnosis else None)
    if good is not None:
        when = present.clock_time(good.ended_at or good.at, known.now, known.zone)
        shown += _entry("last good", f"{present.run_short(good, known.zone)}, ended {when}", width)
    if known.diagnosis is not None and known.diagnosis.changes:
        shown += _changes(known.diagnosis.changes, width)
    shown += _due(known, width)
    owner = present.text(str(finding.owner)) or "nobody in the catalogue"
    shown += _entry("owner", f"{owner}, {finding.maintenance or finding.severity}", width)
    return shown


def _changes(changes: Sequence[Change], width: int) -> list[Content]:
    count = "1 commit" if len(changes) == 1 else f"{len(changes)} commits"
    shown = _entry("changes", f"{count} since it last worked", width)
    for change in changes[:_CHANGES_SHOWN]:
        said = Content.assemble(
            (present.commit(change.commit), "$text-accent"), f" {present.text(change.author, 24)}: "
        )
        message = present.plain(change.message)
        shown.append(Content.assemble(" " * _LABEL, said, message).truncate(width, ellipsis=True))
    return shown


def _due(known: Known, width: int) -> list[Content]:
    history, run = known.history, known.run
    if history is None:
        return []
    usual = history.baseline.median if history.baseline else None
    parts = []
    deadline = history.subject.deadline
    due = deadline.next_after(run.at) if deadline and run and run.at else None
    if due is not None:
        passed = due <= known.now
        said = present.clock_time(due, known.now, known.zone)
        parts.append(Content.styled(f"{said}{', passed' if passed else ''}", "$text-error" if passed else ""))
    if usual is not None:
        parts.append(_expected(run, usual, due, known))
    return _entry("due" if due else "expected", Content(", ").join(parts), width) if parts else []


def _expected(run: Run | None, usual: timedelta, due: datetime | None, known: Known) -> Content:
    if run is not None and not run.state.is_final and run.started_at is not None:
        end = max(run.started_at + usual, known.now)
        said = f"to end {present.clock_time(end, known.now, known.zone)}"
    else:
        end = known.now + usual
        said = f"{present.clock_time(end, known.now, known.zone)} if re-run now"
    late = due is not None and end > due
    expected = "expected " if due is not None else ""
    late_style = "$text-warning" if late else ""
    return Content.styled(f"{expected}{said} (takes {present.duration(usual)})", late_style)


def _source(finding: Finding, known: Known, width: int) -> list[Content]:
    snapshot = _snapshot(finding, known)
    if snapshot is None:
        return []
    shown = _entry("address", present.text(snapshot.address), width)
    if snapshot.observed_at is not None:
        shown += _entry("as of", present.clock_time(snapshot.observed_at, known.now, known.zone), width)
    if snapshot.next_try_at is not None and snapshot.failure is not None:
        shown += _entry("next try", present.until(snapshot.next_try_at, known.now), width)
    return shown


def _snapshot(finding: Finding, known: Known) -> Snapshot | None:
    if known.board is None or finding.kind != "connection":
        return None
    return next((one for one in known.board.snapshots if finding.id == f"connection:{one.connection}"), None)


def _secrets(finding: Finding, known: Known) -> list[Content]:
    if known.board is None or finding.kind != "secrets":
        return []
    verdict = finding.id.rpartition(":")[2]
    ages = [age for age in known.board.secrets if age.verdict.value == verdict]
    shown = [
        Content.assemble(
            (
                ("" if age.time_left is None else days(age.time_left)).rjust(5) + " ",
                present.VERDICTS[age.verdict].style,
            ),
            present.plain(age.secret.name),
            (f"  {present.text(age.secret.problem)}" if age.secret.problem else "", present.MUTED),
        )
        for age in ages[:_LISTED]
    ]
    return _with_rest(shown, len(ages))


def _queue(finding: Finding, known: Known, width: int) -> list[Content]:
    if known.board is None or finding.kind != "queue":
        return []
    items = [item for item in known.board.queue if str(item.connection) == finding.subject]
    shown = [
        Content.assemble(
            present.FACES[State.QUEUED].mark,
            f" {present.age(item.since, known.now):>4} ",
            present.plain(item.job, "bold"),
            (f" {present.text(item.why)}", present.MUTED),
        ).truncate(width, ellipsis=True)
        for item in items[:_LISTED]
    ]
    return _with_rest(shown, len(items))


def _with_rest(shown: list[Content], count: int) -> list[Content]:
    return (
        [*shown, Content.styled(f"and {count - len(shown)} more", present.MUTED)]
        if count > len(shown)
        else shown
    )


def _next(finding: Finding, width: int) -> list[Content]:
    return _entry("next", present.text(finding.todo), width) if finding.todo else []


def _keys(target: Target) -> Content:
    shown: Iterable[str] = ("recheck", "rerun", "log", "runbook", "history", "open")
    parts = [
        Content.assemble((key_name(action(name).keys[0]), "bold $text-accent"), f" {action(name).verb}")
        for name in shown
        if action(name).against(target) is None and (name != "open" or target.run or target.operation)
    ]
    return Content("   ").join(parts)
