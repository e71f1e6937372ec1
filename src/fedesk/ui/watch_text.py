"""An operation as text: its steps as they go, what each system said, how it ended and what to do now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.names import RunName, TaskName
from fedesk.domain.operations import Outcome, Stage, StepKind, StepState
from fedesk.domain.release_queue import is_waiting
from fedesk.domain.releases import AWAITS_ANSWER
from fedesk.domain.states import System
from fedesk.ui import present
from fedesk.ui.plan_text import section
from fedesk.ui.present import Face

if TYPE_CHECKING:
    from fedesk.domain.operations import Evidence, JournalEntry, Operation
    from fedesk.services.operation_kinds import Step
    from fedesk.ui.run_text import Moment

STEPS: Mapping[StepState, Face] = {
    StepState.PENDING: Face("·", "-", "to come", "$foreground-disabled"),
    StepState.INTENDED: Face("◐", "~", "under way", "$text-primary"),
    StepState.WAITING: Face("◐", "~", "looking", "$text-primary"),
    StepState.DONE: Face("✓", "+", "done", "$state-quiet-green"),
    StepState.UNANSWERED: Face("?", "?", "no answer, looked up", "$state-violet"),
    StepState.UNKNOWN: Face("?", "?", "unknown", "$state-violet"),
    StepState.FAILED: Face("✗", "x", "failed", "$text-error"),
}
OUTCOMES: Mapping[Outcome, Face] = {
    Outcome.SUCCEEDED: Face("✓", "+", "succeeded", "$state-quiet-green"),
    Outcome.FAILED: Face("✗", "x", "failed", "$text-error"),
    Outcome.REFUSED: Face("⊘", "#", "refused", "$text-warning"),
    Outcome.ABORTED: Face("■", "o", "aborted", "$text-warning"),
    Outcome.UNKNOWN: Face("?", "?", "unknown", "$state-violet"),
}
GOING = Face("◐", "~", "under way", "$text-primary")
CONFIRMED = Face("◷", "q", "confirmed", "$text-primary")


def face_of(operation: Operation) -> Face:
    """How an operation looks as a whole."""
    if operation.outcome is not None:
        return OUTCOMES[operation.outcome]
    return CONFIRMED if operation.stage is Stage.CONFIRMED else GOING


def lines(operation: Operation, steps: Sequence[Step], moment: Moment, width: int) -> list[Content]:
    """Steps, evidence, and what was agreed to."""
    return [
        *section("steps", _steps(operation, steps, moment), width),
        *section("evidence", _evidence(operation, moment), width),
        *section("agreed", [(_agreed(operation, moment), 0)], width),
        *section("warnings", _warnings(operation), width),
        *section("record", [(_record(operation), 0)], width),
    ]


def _steps(operation: Operation, steps: Sequence[Step], moment: Moment) -> Iterable[tuple[Content, int]]:
    last: dict[str, JournalEntry] = {}
    begun: dict[str, JournalEntry] = {}
    for entry in operation.journal:
        last[entry.step] = entry
        begun.setdefault(entry.step, entry)
    effects = iter(operation.plan.effects)
    named = {step.name for step in steps}
    for step in steps:
        effect = next(effects, None) if step.kind is StepKind.EFFECT else None
        sentence = effect.sentence if effect is not None else step.sentence
        yield _step(sentence, last.get(step.name), begun.get(step.name), operation, moment), 2
    for name, entry in last.items():
        if name and name not in named:
            yield _step(name, entry, begun[name], operation, moment), 2


def _step(
    sentence: str,
    entry: JournalEntry | None,
    begun: JournalEntry | None,
    operation: Operation,
    moment: Moment,
) -> Content:
    face = STEPS[entry.state if entry is not None else StepState.PENDING]
    if entry is None or begun is None:
        never = operation.stage is Stage.ENDED
        return Content.styled(
            f"{face.glyph} {present.text(sentence, 300)}{'  not reached' if never else ''}", present.MUTED
        )
    is_over = entry.state in _OVER
    took = present.duration((entry.at if is_over else moment.now) - begun.at)
    said = f"  {present.text(entry.said, 400)}" if entry.said and entry.said != sentence else ""
    return Content.assemble(
        face.mark,
        f" {present.text(sentence, 300)}  ",
        (face.word, face.style),
        (f" {took}", present.MUTED),
        said,
    )


_OVER = frozenset({StepState.DONE, StepState.FAILED, StepState.UNKNOWN})


def _evidence(operation: Operation, moment: Moment) -> Iterable[tuple[Content, int]]:
    seen: set[Evidence] = set()
    for one in (evidence for entry in operation.journal for evidence in entry.evidence):
        if one in seen:
            continue
        seen.add(one)
        at = present.clock_time(one.at, moment.now, moment.zone)
        yield (
            Content.assemble(
                (f"{present.text(one.source, 80)}, {at}  ", present.MUTED), present.text(one.said, 600)
            ),
            2,
        )


def _agreed(operation: Operation, moment: Moment) -> Content:
    agreed = operation.confirmation
    at = present.clock_time(agreed.at, moment.now, moment.zone)
    parts = [Content(f"{present.text(agreed.by, 80)} by {present.text(agreed.how, 40)} at {at}")]
    if agreed.break_glass:
        parts.append(Content.styled("with broken glass", "$text-error"))
    if operation.plan.reason or (agreed.window and agreed.window.reason):
        why = operation.plan.reason or (agreed.window.reason if agreed.window else "")
        parts.append(Content.assemble(("because ", present.MUTED), f"“{present.text(why, 400)}”"))
    return Content.styled(" · ", "$foreground-disabled").join(parts)


def _warnings(operation: Operation) -> Iterable[tuple[Content, int]]:
    from fedesk.domain.operations import Ruling
    from fedesk.ui.plan_text import RULINGS

    for guard in operation.guards:
        if guard.ruling in (Ruling.WARN, Ruling.CONFIRM):
            accepted = guard.guard in operation.confirmation.accepted
            word = "  accepted" if accepted else ""
            yield (
                Content.assemble(
                    RULINGS[guard.ruling].mark,
                    f" {present.text(guard.guard, 40)}  {present.text(guard.reason, 400)}",
                    (word, present.MUTED),
                ),
                2,
            )


def _record(operation: Operation) -> Content:
    parts = [
        Content(f"operation {present.text(operation.plan.operation, 40)}"),
        Content(f"digest {present.digest(operation.digest)}"),
    ]
    numbers = [one for one in (operation.audit_intent, operation.audit_outcome) if one is not None]
    if numbers:
        parts.append(
            Content(f"audit record{'s' if len(numbers) > 1 else ''} {' and '.join(map(str, numbers))}")
        )
    return Content.styled(" · ", "$foreground-disabled").join(parts)


# Where it leads


def followed(operation: Operation) -> tuple[RunName | None, TaskName | None]:
    """What one wants to see of it now: the build that was made, or the first task that was cleared.

    Before that the run that it is about; None where it is about a job.
    """
    plan = operation.plan
    name = RunName.parse(plan.targets[0].name)
    if _is_of_jenkins(operation):
        job, is_build, _ = name.id.partition("#")
        number = _build_of(operation)
        made = RunName(name.connection, f"{job}#{number}") if number else None
        return made or (name if is_build else None), None
    tasks = plan.effects[0].call.args.get("tasks") if plan.effects else None
    if isinstance(tasks, Sequence) and tasks and isinstance(tasks[0], Sequence):
        task_id, map_index = tasks[0][0], tasks[0][1]
        if isinstance(task_id, str) and isinstance(map_index, int):
            return name, TaskName(task_id, None if map_index < 0 else map_index)
    return name, None


def address(operation: Operation) -> str:
    """The page of the build that was made, else of what the operation is about."""
    target = operation.plan.targets[0]
    number = _build_of(operation) if target.link and _is_of_jenkins(operation) else ""
    if not number:
        return target.link
    page = target.link.rstrip("/")
    return f"{page.rpartition('/')[0] if '#' in target.name else page}/{number}/"


def _is_of_jenkins(operation: Operation) -> bool:
    effects = operation.plan.effects
    return bool(effects) and effects[0].call.system is System.JENKINS


def _build_of(operation: Operation) -> str:
    """The number of the build that it made last; empty where it made none, or not yet."""
    made = (one.reference for one in reversed(operation.journal) if one.reference.startswith("build:"))
    return next(made, "").removeprefix("build:")


def awaits_answer(operation: Operation) -> bool:
    """Whether the build that it follows waits for a person."""
    last = operation.journal[-1] if operation.journal else None
    is_told = last is not None and last.state is StepState.WAITING and AWAITS_ANSWER in last.said
    return is_told and operation.stage is Stage.RUNNING


def log_beside(operation: Operation) -> tuple[RunName, TaskName | None] | None:
    """The log that is written now because of an operation; None before, and where nothing was done.

    Of a task it is the try that begins with the clear: the one before it would be read as if it were new.
    """
    effect = next(
        (entry for entry in operation.journal if entry.state is StepState.DONE and entry.step), None
    )
    if effect is None or operation.outcome not in (None, Outcome.SUCCEEDED):
        return None
    name, task = followed(operation)
    if name is None:
        return None
    if task is None:
        return (name, None) if name != RunName.parse(operation.plan.targets[0].name) else None
    tasks = operation.plan.effects[0].call.args["tasks"]
    tried = tasks[0][2] if isinstance(tasks, Sequence) and isinstance(tasks[0], Sequence) else None
    return name, TaskName(task.task, task.map_index, tried + 1 if isinstance(tried, int) else None)


def ending(operation: Operation | None, trouble: str) -> Content:
    """One line: how it stands or has ended, and what to do now."""
    if operation is None:
        return Content.styled(f"✗ {present.text(trouble, 400)}", "$text-error")
    if operation.stage is not Stage.ENDED:
        return _going(operation, trouble)
    face = face_of(operation)
    told = present.text(operation.said, 600).rstrip(".")
    return Content.assemble(
        (f"{face.glyph} {face.word}", f"bold {face.style}"),
        f"  {told}.  " if told else "  ",
        _now(operation),
        (f"  {present.text(trouble, 300)}" if trouble else "", "$text-warning"),
    )


def _going(operation: Operation, trouble: str) -> Content:
    identity = present.text(operation.plan.operation, 40)
    if trouble:
        to_do = (
            f"`fedesk execute {identity}` starts it, S takes one's own back; nothing was sent"
            if operation.stage is Stage.CONFIRMED
            else f"C looks for what was done; `fedesk execute {identity}` carries it on"
        )
        return Content.styled(f"▲ {present.text(trouble, 600)} {to_do}.", "$text-warning")
    if operation.undecided:
        to_do = f"`fedesk operations decide {identity}` with proceed or stop decides."
        return Content.assemble(("⏸ it waits for a decision", "$text-warning"), f"  {to_do}")
    if is_waiting(operation):
        told = present.text(operation.journal[-1].said, 300)
        return Content.assemble(
            (f"⏸ it {told}", "$text-warning"), "  S takes one's own back; Esc leaves it in line."
        )
    if awaits_answer(operation):
        return Content.assemble(
            ("⏸ its build waits for an answer", "$text-warning"), "  I gives one; Esc leaves it waiting."
        )
    said = "waits for its runner" if operation.stage is Stage.CONFIRMED else "goes on"
    return Content.assemble(
        (f"{face_of(operation).glyph} it {said}", "$text-primary"),
        ("; Esc leaves it going, u leads back to it", present.MUTED),
    )


def _now(operation: Operation) -> str:
    from fedesk.domain.release_matrix import KINDS

    outcome, effects = operation.outcome or Outcome.UNKNOWN, operation.plan.effects
    said = _NOW_OF_RELEASES.get(outcome) if operation.plan.kind in KINDS else None
    if effects and effects[0].call.verb == _ANSWERING:
        said = _NOW_OF_ANSWERS.get(outcome)
    return said or _NOW[outcome]


_NOW: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "The run goes on by itself: Enter opens it, l its log.",
    Outcome.FAILED: "Enter opens the run; R there plans again.",
    Outcome.REFUSED: "Nothing was sent. R on the run plans again.",
    Outcome.ABORTED: "R on the run plans again.",
    Outcome.UNKNOWN: "C looks again; until it is settled nothing else may change this run. "
    "D or N settles it by your word.",
}
_NOW_OF_RELEASES: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "Enter opens the build, l its log.",
    Outcome.FAILED: "Enter opens the build; V among the releases puts the last verified one back.",
    Outcome.REFUSED: "Nothing was sent. P or V among the releases plans again.",
    Outcome.ABORTED: "Enter opens the build; the releases say what runs now.",
}
"""The same of a promotion or a rollback, where it differs."""
_ANSWERING = "answer-input"
_NOW_OF_ANSWERS: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "Enter opens the build, l its log.",
    Outcome.FAILED: "Enter opens the build; I there asks again.",
    Outcome.REFUSED: "Nothing was sent. I at the build asks again.",
    Outcome.ABORTED: "I at the build asks again.",
}
"""The same of an answer to a build."""
