"""A run as text: its head, one row for each step, and the details beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from textual.content import Content

from fedesk.domain.names import TaskName
from fedesk.domain.runs import Run, RunDetail, Step
from fedesk.domain.states import State
from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import Column, Listed, Row, later
from fedesk.ui.widgets.log_buffer import visible

TIMELINE = 14
"""Cells of the timeline: the run from its start to its end, or to now."""
_LABEL = 11
_DOT = (" · ", "$foreground-disabled")
_LISTED = 200
"""Parameters, changes or artifacts that are listed at most."""

STEP_COLUMNS = (
    Column(title="", width=1),
    Column(title="step", width=16, grow=2),
    Column(title="state", width=9, importance=6, number=True),
    Column(title="try", width=5, importance=5, right=True, number=True),
    Column(title="took", width=6, right=True, number=True),
    Column(title="timeline", width=TIMELINE, importance=3, sorts=False),
    Column(title="error", width=14, importance=4, grow=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and where one looks."""

    now: datetime
    zone: tzinfo


def dotted(parts: Iterable[Content]) -> Content:
    """Parts on one line with a dot between them."""
    line: list[Content | tuple[str, str]] = []
    for part in parts:
        line += [_DOT, part] if line else [part]
    return Content.assemble(*line)


def both_ends(left: Content, right: Content, width: int) -> Content:
    """``left``, cut so that ``right`` stands at the right border."""
    room = max(width - right.cell_length - 1, 0)
    cut = left.truncate(room, ellipsis=True)
    return Content.assemble(cut, " " * max(width - cut.cell_length - right.cell_length, 0), right)


def head(detail: RunDetail, moment: Moment, width: int) -> list[Content]:
    """Two or three lines: state, name and connection; times, cause and what was run; why it is not green."""
    run = detail.run
    face = present.FACES[run.state]
    title = dotted(
        (
            Content.assemble(" ", face.named, "  ", (present.text(run.job), "bold")),
            Content(present.run_label(run)),
        )
    )
    connection = Content.styled(f"{run.name.connection} ", present.MUTED)
    lines = [both_ends(title, connection, width)]
    lines.append(Content.assemble(" ", dotted(_facts(detail, moment))).truncate(width, ellipsis=True))
    if run.reason:
        style = face.style if run.state.is_bad else present.MUTED
        lines.append(Content.styled(f" {present.text(run.reason)}", style).truncate(width, ellipsis=True))
    return lines


def _facts(detail: RunDetail, moment: Moment) -> list[Content]:
    run = detail.run
    parts = [_when(run, moment)]
    took = run.duration(moment.now)
    if took is not None:
        usual = detail.expected_duration
        said = [Content(present.duration(took))]
        if usual:
            said.append(Content.styled(f" usually {present.duration(usual)}", present.MUTED))
            ratio = present.against_usual(took, usual)
            said.append(Content.assemble(" ", ratio))
        parts.append(Content.assemble(*said))
    if run.partition:
        partition = present.partition(run.partition, moment.zone)
        parts.append(Content.assemble(("partition ", present.MUTED), partition))
    if run.commit:
        parts.append(Content.assemble(("commit ", present.MUTED), present.commit(run.commit)))
    cause = run.cause or (detail.causes[0] if detail.causes else "")
    if cause:
        parts.append(Content.styled(present.text(cause), present.MUTED))
    return parts


def _when(run: Run, moment: Moment) -> Content:
    """How long ago it ended or began, with the times of the clock behind it."""
    begun = present.clock_time(run.started_at, moment.now, moment.zone)
    if run.ended_at is not None:
        ended = present.clock_time(run.ended_at, moment.now, moment.zone)
        same_day = begun and ended.rpartition(" ")[0] == begun.rpartition(" ")[0]
        span = f" {begun}–{ended.rpartition(' ')[2] if same_day else ended}" if begun else f" {ended}"
        return Content.assemble(f"ended {present.age(run.ended_at, moment.now)} ago", (span, present.MUTED))
    if run.started_at is not None:
        return Content.assemble(
            f"began {present.age(run.started_at, moment.now)} ago", (f" {begun}", present.MUTED)
        )
    if run.at is not None:
        since = present.clock_time(run.at, moment.now, moment.zone)
        return Content.assemble(
            f"waits since {since}", (f" {present.age(run.at, moment.now)}", present.MUTED)
        )
    return Content.styled("not begun", present.MUTED)


def step_name(step: Step) -> str:
    """A step with its map index: ``load_client[3]``."""
    return present.text(step.name + ("" if step.map_index is None else f"[{step.map_index}]"))


def step_key(step: Step) -> str:
    """The identity of a step, whatever its try."""
    return f"{step.id}[{'' if step.map_index is None else step.map_index}]"


def step_columns(detail: RunDetail) -> tuple[int, ...]:
    """Which of ``STEP_COLUMNS`` say something: stages of a build know no tries, good runs no errors."""
    tries = any(step.try_number for step in detail.steps)
    errors = any(step.error for step in detail.steps)
    silent = {"try": not tries, "error": not errors}
    return tuple(index for index, column in enumerate(STEP_COLUMNS) if not silent.get(column.title, False))


def step_rows(detail: RunDetail, moment: Moment, *, dim: bool = False) -> list[Listed]:
    """One row for each step, in the system's order, with the cells of ``step_columns``."""
    maker = _StepRows(
        run=detail.run,
        span=_span(detail, moment.now),
        now=moment.now,
        columns=step_columns(detail),
        dim=dim,
    )
    return later(detail.steps, step_key, maker)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepRows:
    """Rows of a run's steps: there may be thousands of mapped tasks, of which a screenful is seen."""

    run: Run
    span: tuple[datetime, timedelta] | None
    now: datetime
    columns: tuple[int, ...]
    dim: bool

    def row(self, step: Step) -> Row:
        """The whole row."""
        face, run = present.FACES[step.state], self.run
        idle = step.started_at is None
        cells = (
            face.mark,
            Content.styled(step_name(step), present.MUTED if idle and not step.state.is_bad else ""),
            Content.styled(face.word, face.style),
            Content.styled(_tries(step), present.MUTED if (step.try_number or 1) == 1 else "$text-warning"),
            Content(present.duration(step.duration(self.now))),
            Content.styled(_timeline(step, self.span, self.now), face.style),
            Content.styled(present.text(step.error), "$text-error"),
        )
        return Row(
            key=step_key(step),
            cells=tuple(cells[index] for index in self.columns),
            target=Target(
                name=step_name(step),
                id=f"{run.name}::{step.task}",
                run=run.name,
                link=step.link or run.link,
                # A stage of a build cannot be run alone: the build is meant.
                task=TaskName(step.id, step.map_index) if step.try_number is not None else None,
            ),
            dim=self.dim,
            numbers=self.numbers(step),
        )

    def words(self, step: Step) -> str:
        """Name, state and error."""
        return f"{step_name(step)} {present.FACES[step.state].word} {present.text(step.error)}".lower()

    def numbers(self, step: Step) -> Mapping[str, float | None]:
        """State by its urgency, tries, seconds."""
        took = step.duration(self.now)
        return {
            "state": present.STATE_ORDER[step.state],
            "try": step.try_number,
            "took": None if took is None else took.total_seconds(),
        }


def _tries(step: Step) -> str:
    if not step.try_number:
        return ""
    return f"{step.try_number}/{step.max_tries}" if step.max_tries else str(step.try_number)


def _span(detail: RunDetail, now: datetime) -> tuple[datetime, timedelta] | None:
    starts = [step.started_at for step in detail.steps if step.started_at]
    if not starts:
        return None
    ends = [step.ended_at or now for step in detail.steps if step.started_at]
    first = min([*starts, *([detail.run.started_at] if detail.run.started_at else [])])
    return first, max(max(ends) - first, timedelta(seconds=1))


def _timeline(step: Step, span: tuple[datetime, timedelta] | None, now: datetime) -> str:
    """Where in the run the step lies; at least one cell."""
    if span is None or step.started_at is None:
        return ""
    first, length = span
    begin = int((step.started_at - first) / length * TIMELINE)
    end = round(((step.ended_at or now) - first) / length * TIMELINE)
    begin = min(max(begin, 0), TIMELINE - 1)
    return " " * begin + "█" * max(min(end, TIMELINE) - begin, 1)


def steps_heading(detail: RunDetail) -> str:
    """``14 tasks, 1 failed, 2 running``."""
    count = len(detail.steps)
    kind = "task" if any(step.try_number for step in detail.steps) else "stage"
    parts = [f"{count} {kind}{'' if count == 1 else 's'}"]
    for state in (State.FAILED, State.BLOCKED, State.UNSTABLE, State.RUNNING, State.WAITING):
        held = sum(step.state is state for step in detail.steps)
        if held:
            parts.append(f"{held} {present.FACES[state].word}")
    return ", ".join(parts)


def details(detail: RunDetail, moment: Moment, width: int) -> list[Content]:
    """Causes, parameters, changes, artifacts, note and addresses, wrapped to ``width`` cells."""
    run = detail.run
    lines: list[Content] = []
    if detail.note:
        lines += _entry("note", Content(present.text(detail.note)), width)
    if run.operation_id:
        lines += _entry("operation", Content(present.text(run.operation_id)), width)
    lines += _list("changes", (_change(detail, index, moment) for index in range(len(detail.changes))), width)
    lines += _list("parameters", (_parameter(one.name, one.value) for one in detail.parameters), width)
    lines += _list("artifacts", (Content(present.text(one.path)) for one in detail.artifacts), width)
    lines += _list("cause", (Content(present.text(one)) for one in detail.causes or _given(run.cause)), width)
    lines += _list("commit", (Content(present.text(one)) for one in _given(run.commit)), width)
    lines += _list("partition", (Content(present.text(one)) for one in _given(run.partition)), width)
    for label, at in (("due", run.run_after), ("began", run.started_at), ("ended", run.ended_at)):
        if at is not None:
            lines += _entry(label, Content(f"{at.astimezone(moment.zone):%Y-%m-%d %H:%M:%S %Z}"), width)
    lines += _entry(
        "state", Content.styled(f"{present.text(run.original_state)} in its own words", present.MUTED), width
    )
    if run.link:
        lines += _entry("address", Content(present.text(run.link)), width)
    lines += _entry("name", Content(present.text(str(run.name))), width)
    return lines


def _given(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _parameter(name: str, value: str | None) -> Content:
    said = (
        Content.styled("hidden by the system", present.MUTED)
        if value is None
        else Content(present.text(value))
    )
    return Content.assemble((f"{present.text(name)} ", present.MUTED), said)


def _change(detail: RunDetail, index: int, moment: Moment) -> Content:
    change = detail.changes[index]
    age = f" {present.age(change.at, moment.now)} ago" if change.at else ""
    return Content.assemble(
        (f"{present.commit(change.commit)} ", "$text-accent"),
        present.text(change.message, 200),
        (f" {present.text(change.author, 60)}{age}", present.MUTED),
    )


def _list(label: str, entries: Iterable[Content], width: int) -> list[Content]:
    lines: list[Content] = []
    for index, entry in enumerate(entries):
        if index == _LISTED:
            return [*lines, *_entry("", Content.styled("and more", present.MUTED), width)]
        lines += _entry("" if index else label, entry, width)
    return lines


def _entry(label: str, said: Content, width: int) -> list[Content]:
    room = max(width - _LABEL, 10)
    wrapped = [piece for line in said.wrap(room) if line.plain.strip() for piece in _fold(line, room)]
    return [
        Content.assemble(("" if index else label).ljust(_LABEL), line).stylize(present.MUTED, 0, _LABEL)
        for index, line in enumerate(wrapped or [Content()])
    ]


def _fold(line: Content, width: int) -> list[Content]:
    """A line in pieces of at most ``width`` cells; ``wrap`` leaves a word that is longer whole."""
    pieces = []
    while line.cell_length > width:
        piece, line = line.divide([visible(line.plain, 0, width)[1]])
        pieces.append(piece)
    return [*pieces, line]
