"""What Airflow and Jenkins themselves have against a re-run: pure rules over what their previews say."""

from collections.abc import Iterable

from fedesk.domain import guards
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import OPERATION_PARAMETER, GuardResult, Ruling
from fedesk.domain.redaction import redact
from fedesk.domain.reruns import ClearPreview, RebuildParameter, RebuildPreview, TaskPin
from fedesk.domain.states import State
from fedesk.domain.text import one_line

_AT_WORK = frozenset({State.QUEUED, State.RUNNING, State.WAITING})
_LISTED = 6
_NOT_GIVEN_BACK = ("Password", "File", "Credentials")
"""In the class of a parameter's definition: Jenkins does not tell such a value, or not all of it."""
_PLACEHOLDERS = ("{operation}", "{plan}")
"""Filled in before a call is sent: a value that holds one would become another value."""


def folder_scope(connection: ConnectionName, folders: tuple[str, ...], job: str) -> GuardResult:
    """A job belongs to an environment only where a folder of its connection holds it (design, rule 3)."""
    if not folders:
        return _allow(guards.SCOPE, f"{connection} is not limited to some folders.")
    parts = tuple(job.split("/"))
    if not {".", "..", ""} & set(parts):
        for folder in folders:
            limit = tuple(part for part in folder.split("/") if part)
            if limit and parts[: len(limit)] == limit:
                return _allow(guards.SCOPE, f"{job} is in {folder}, a folder of {connection}.")
    return _outside(f"{job} is outside of {', '.join(folders)}, the folders of {connection}.")


def tag_scope(
    connection: ConnectionName, limits: tuple[str, ...], dag: str, tags: tuple[str, ...] | None
) -> GuardResult:
    """The same of a DAG, by its tags, None where they were not read; what cannot be told blocks."""
    if not limits:
        return _allow(guards.SCOPE, f"{connection} is not limited to DAGs of some tags.")
    listed = ", ".join(limits)
    if tags is None:
        return GuardResult(
            guard=guards.SCOPE,
            ruling=Ruling.UNKNOWN,
            reason=f"{connection} is limited to DAGs tagged {listed}, and the tags of {dag} were not told.",
            remedy=f"Try again when {connection} tells them.",
        )
    held = next((tag for tag in tags if tag in limits), None)
    if held is not None:
        return _allow(guards.SCOPE, f"{dag} is tagged {held}, as {connection} is limited to.")
    return _outside(f"{dag} is not tagged {listed}, to which {connection} is limited.")


def tasks_at_work(preview: ClearPreview) -> GuardResult:
    """Nobody clears what somebody, or Airflow itself, is at: tasks of the run that are active."""
    at_it = _said_by(preview.note)
    remedy = "Wait until it has ended, or talk to who is at it."
    if preview.active:
        count = len(preview.active)
        names = _some(_with_state(pin) for pin in preview.active)
        what = f"{count} task instance{'s' * (count != 1)} of the run"
        return GuardResult(
            guard=guards.SOMEBODY_AT_IT,
            ruling=Ruling.DENY,
            reason=f"{what} {'is' if count == 1 else 'are'} active: {names}{at_it}.",
            remedy=remedy,
            conflict=True,
        )
    if preview.run.state in _AT_WORK:
        at = preview.run.queued_at or preview.run.started_at
        since = "" if at is None else f" since {guards.moment(at, preview.observed_at)}"
        return GuardResult(
            guard=guards.SOMEBODY_AT_IT,
            ruling=Ruling.DENY,
            reason=f"The run is {preview.run.original_state}{since}: it is being run again already{at_it}.",
            remedy=remedy,
            conflict=True,
        )
    return _allow(guards.SOMEBODY_AT_IT, "No task instance of the run is active.")


def left_failed(preview: ClearPreview) -> GuardResult:
    """What is not cleared stays failed: with one task alone the run ends as it has ended."""
    if not preview.left:
        return _allow(guards.LEFT_FAILED, "Every failed task instance of the run is cleared.")
    names = _some(f"{pin.name} ({pin.state})" for pin in preview.left)
    return GuardResult(
        guard=guards.LEFT_FAILED,
        ruling=Ruling.WARN,
        reason=f"Not cleared: {names}. The run ends as failed again.",
        remedy="Re-run the run instead of the task, and they run as well.",
    )


def paused(preview: ClearPreview) -> GuardResult:
    """On a paused DAG what is cleared waits."""
    if not preview.paused:
        return _allow(guards.PAUSED, f"{preview.run.job} is not paused.")
    return GuardResult(
        guard=guards.PAUSED,
        ruling=Ruling.WARN,
        reason=f"{preview.run.job} is paused: nothing starts until it is unpaused.",
        remedy="Unpause it in Airflow; with catchup that also releases the runs that were missed.",
    )


def builds_at_work(preview: RebuildPreview) -> GuardResult:
    """A build is repeated once it has ended; others of its job that run or wait may be the same re-run."""
    if preview.run.state in _AT_WORK:
        return GuardResult(
            guard=guards.SOMEBODY_AT_IT,
            ruling=Ruling.DENY,
            reason=f"{preview.run.name.id} has not ended: it is {preview.run.original_state or 'running'}.",
            remedy="Wait until it has ended.",
            conflict=True,
        )
    others = [f"build #{number}" for number in preview.running]
    others += [f"queue item {item}" for item in preview.queued]
    if others:
        return GuardResult(
            guard=guards.SOMEBODY_AT_IT,
            ruling=Ruling.WARN,
            reason=f"Of the same job {_some(others)} {'is' if len(others) == 1 else 'are'} under way.",
            remedy="See whether somebody has run it again already.",
        )
    return _allow(guards.SOMEBODY_AT_IT, "No build of the job runs or waits.")


def identical_queued(preview: RebuildPreview) -> GuardResult:
    """Jenkins merges a trigger into an item that waits with equal parameters: nothing of ours is built."""
    if not preview.queued:
        return _allow(guards.IDENTICAL_QUEUED, "No item of the job is queued that it could be merged into.")
    items = _some(str(item) for item in preview.queued)
    if preview.declares_operation:
        why = (
            f"Queued: {items}. Jenkins merges none of them with a build that has an operation id of its own."
        )
        return _allow(guards.IDENTICAL_QUEUED, why)
    return GuardResult(
        guard=guards.IDENTICAL_QUEUED,
        ruling=Ruling.DENY,
        reason=f"Queued: {items}. Jenkins may merge the trigger into it, and nothing of ours is built.",
        remedy="Wait until it has left the queue.",
        conflict=True,
    )


def buildable(preview: RebuildPreview) -> GuardResult:
    """A disabled job answers 409."""
    if preview.buildable:
        return _allow(guards.BUILDABLE, f"{preview.run.job} can be built.")
    return GuardResult(
        guard=guards.BUILDABLE,
        ruling=Ruling.DENY,
        reason=f"{preview.run.job} is disabled.",
        remedy="Whoever may configure the job enables it in Jenkins.",
    )


def unrepeatable(preview: RebuildPreview) -> tuple[RebuildParameter, ...]:
    """Parameters, still declared, whose values Jenkins never gives back."""
    return tuple(
        one
        for one in repeated(preview)
        if one.value is None or any(word in one.kind for word in _NOT_GIVEN_BACK)
    )


def telling(preview: RebuildPreview) -> tuple[RebuildParameter, ...]:
    """Parameters whose values read like secrets: a plan keeps what it sends, and may hold none."""
    return tuple(
        one
        for one in repeated(preview)
        if one.value is not None and (redact(f"{one.name}={one.value}").hits or redact(one.value).hits)
    )


def repeated(preview: RebuildPreview) -> tuple[RebuildParameter, ...]:
    """Parameters of the build that the job still declares, the operation's id apart."""
    return tuple(
        one for one in preview.parameters if one.name != OPERATION_PARAMETER and one.name in preview.declared
    )


def parameters_repeatable(preview: RebuildPreview) -> GuardResult:
    """A build is repeated with the same parameters, or not at all."""
    elsewhere = "Build it in Jenkins, where the value can be given."
    if hidden := unrepeatable(preview):
        named = _some(f"{one.name} ({_plain_kind(one.kind)})" for one in hidden)
        return _no(
            guards.PARAMETERS_REPEATABLE, f"Jenkins does not give back the value of {named}.", elsewhere
        )
    if secrets := telling(preview):
        named = _some(one.name for one in secrets)
        why = f"The value of {named} reads like a secret, and a plan keeps what it sends."
        return _no(guards.PARAMETERS_REPEATABLE, why, elsewhere)
    odd = [one.name for one in repeated(preview) if any(mark in (one.value or "") for mark in _PLACEHOLDERS)]
    if odd:
        marks = " or ".join(_PLACEHOLDERS)
        why = f"The value of {_some(odd)} holds {marks}, which fedesk fills in itself."
        return _no(guards.PARAMETERS_REPEATABLE, why, elsewhere)
    count = len(repeated(preview))
    return _allow(
        guards.PARAMETERS_REPEATABLE,
        f"{count} parameter{'s' * (count != 1)} can be given as the build had them.",
    )


def parameters_changed(preview: RebuildPreview) -> GuardResult:
    """The job may declare other parameters today: a default is taken for a new one, an old one is dropped."""
    new = [name for name in preview.new_defaults if name != OPERATION_PARAMETER]
    dropped = [
        one.name
        for one in preview.parameters
        if one.name not in preview.declared and one.name != OPERATION_PARAMETER
    ]
    said = [f"{_some(new)} is new and takes its default"] if new else []
    said += [f"{_some(dropped)} is no longer declared and is dropped"] if dropped else []
    if not said:
        return _allow(guards.PARAMETERS_CHANGED, "The job declares the parameters that the build had.")
    return GuardResult(
        guard=guards.PARAMETERS_CHANGED,
        ruling=Ruling.WARN,
        reason=f"Since the build the parameters have changed: {'; '.join(said)}.",
        remedy="Build it in Jenkins, where other values can be given.",
    )


def operation_id(preview: RebuildPreview) -> GuardResult:
    """A build that carries no id of ours may not be found again after an answer that was lost."""
    if preview.declares_operation:
        return _allow(
            guards.OPERATION_ID, f"The job declares {OPERATION_PARAMETER}: its build is known by it."
        )
    return GuardResult(
        guard=guards.OPERATION_ID,
        ruling=Ruling.CONFIRM,
        reason=f"The job declares no {OPERATION_PARAMETER}: its outcome may stay unknown.",
        remedy=f"Accept it in the plan, or add the parameter {OPERATION_PARAMETER} to the job.",
    )


def quieting_down(preview: RebuildPreview) -> GuardResult:
    """A controller that is about to shut down takes items, and starts none."""
    if not preview.quieting_down:
        return _allow(guards.QUIETING_DOWN, "Jenkins starts what is queued.")
    return GuardResult(
        guard=guards.QUIETING_DOWN,
        ruling=Ruling.WARN,
        reason="Jenkins is about to shut down: what is triggered waits until it is back.",
        remedy="Whoever administers Jenkins can cancel the shutdown.",
    )


def _said_by(note: str) -> str:
    """Who was at the run last, where its note tells."""
    said = one_line(redact(note).text, 120)
    return f"; its note says {said!r}" if said else ""


def _with_state(pin: TaskPin) -> str:
    return f"{pin.name} ({pin.state}, try {pin.try_number})"


def _some(names: Iterable[str]) -> str:
    listed = [one_line(name, 80) for name in names]
    more = len(listed) - _LISTED
    return ", ".join(listed[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _plain_kind(kind: str) -> str:
    word = next((word.lower() for word in _NOT_GIVEN_BACK if word in kind), "")
    return word or kind.removesuffix("Definition") or "hidden"


def _allow(guard: str, why: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.ALLOW, reason=why)


def _no(guard: str, why: str, remedy: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.DENY, reason=why, remedy=remedy)


def _outside(why: str) -> GuardResult:
    return _no(guards.SCOPE, why, "Name it by the environment that it belongs to.")
