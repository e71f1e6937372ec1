"""What Jenkins itself has against triggering a deploy job: pure rules over what its preview says."""

from collections.abc import Mapping, Sequence

from fedesk.domain import guards
from fedesk.domain.operations import OPERATION_PARAMETER, GuardResult, Ruling
from fedesk.domain.text import one_line

_NOT_GIVEN = {"Password": "password", "File": "file", "Credentials": "credentials"}
"""In the class of a parameter's definition: fedesk gives no such value, since a plan keeps what it sends."""
_BRACES = ("{operation}", "{plan}")
_LISTED = 6


def is_hidden(kind: str) -> bool:
    """Whether Jenkins tells no value of a parameter of that kind."""
    return any(mark in kind for mark in _NOT_GIVEN)


def at_work(running: Sequence[int], queued: Sequence[int]) -> GuardResult:
    """One deployment at a time: what runs or waits may end behind this one, and undo it."""
    others = [f"build #{number}" for number in running] + [f"queue item {item}" for item in queued]
    if not others:
        return _allow(guards.SOMEBODY_AT_IT, "No build of the deploy job runs or waits.")
    return GuardResult(
        guard=guards.SOMEBODY_AT_IT,
        ruling=Ruling.DENY,
        reason=f"Of the deploy job {_some(others)} {'is' if len(others) == 1 else 'are'} under way.",
        remedy="Wait until it has ended, or have it aborted in Jenkins.",
        conflict=True,
    )


def buildable(job: str, *, is_buildable: bool) -> GuardResult:
    """A disabled job answers 409."""
    if is_buildable:
        return _allow(guards.BUILDABLE, f"{job} can be built.")
    return _no(
        guards.BUILDABLE, f"{job} is disabled.", "Whoever may configure the job enables it in Jenkins."
    )


def parameters(sent: Mapping[str, str], declared: Mapping[str, tuple[str, bool]]) -> GuardResult:
    """All that the catalogue sends is declared, and the job wants nothing that only a person may give.

    ``declared`` has kind and whether there is a default, by name.
    """
    elsewhere = "Deploy it in Jenkins, where the value can be given, or give the parameter a default."
    dropped = [name for name in sent if name not in declared and name != OPERATION_PARAMETER]
    if dropped:
        why = f"The job declares no {_some(dropped)}: Jenkins would drop it, and deploy something else."
        return _no(guards.PARAMETERS_REPEATABLE, why, "Add it to the job, or correct deploy.parameters.")
    hidden = [
        f"{name} ({word})"
        for name, (kind, has_default) in declared.items()
        for mark, word in _NOT_GIVEN.items()
        if mark in kind and not has_default
    ]
    if hidden:
        why = f"The job wants {_some(hidden)}, which has no default, and fedesk gives none."
        return _no(guards.PARAMETERS_REPEATABLE, why, elsewhere)
    odd = [
        name
        for name, value in sent.items()
        if name != OPERATION_PARAMETER and any(mark in value for mark in _BRACES)
    ]
    if odd:
        why = f"The value of {_some(odd)} holds {' or '.join(_BRACES)}, which fedesk fills in itself."
        return _no(guards.PARAMETERS_REPEATABLE, why, elsewhere)
    return _allow(guards.PARAMETERS_REPEATABLE, "The job takes the parameters that the catalogue names.")


def operation_id(*, is_declared: bool) -> GuardResult:
    """A build that carries no id of ours may not be found again after an answer that was lost."""
    if is_declared:
        why = f"The job declares {OPERATION_PARAMETER}: its build is known by it."
        return _allow(guards.OPERATION_ID, why)
    return GuardResult(
        guard=guards.OPERATION_ID,
        ruling=Ruling.CONFIRM,
        reason=f"The job declares no {OPERATION_PARAMETER}: its outcome may stay unknown.",
        remedy=f"Accept it in the plan, or add the parameter {OPERATION_PARAMETER} to the job.",
    )


def started_by(executor: str) -> GuardResult:
    """Without an id of ours a build is known by its user: an executor's is none that another has planned."""
    return _no(
        guards.OPERATION_ID,
        f"The job declares no {OPERATION_PARAMETER}: Jenkins would know its build by who starts it, and "
        f"here that is {executor}, not who plans it.",
        f"Whoever may configure the job adds the parameter {OPERATION_PARAMETER} to it.",
    )


def quieting_down(*, is_so: bool | None) -> GuardResult:
    """A controller that is about to shut down takes items, and starts none. None: it was not asked."""
    if is_so is None:
        said = (
            "It was not asked whether Jenkins is about to shut down; what is triggered says so if it waits."
        )
        return _allow(guards.QUIETING_DOWN, said)
    if not is_so:
        return _allow(guards.QUIETING_DOWN, "Jenkins starts what is queued.")
    return GuardResult(
        guard=guards.QUIETING_DOWN,
        ruling=Ruling.WARN,
        reason="Jenkins is about to shut down: what is triggered waits until it is back.",
        remedy="Whoever administers Jenkins can cancel the shutdown.",
    )


def _some(names: Sequence[str]) -> str:
    listed = [one_line(name, 80) for name in names]
    more = len(listed) - _LISTED
    return ", ".join(listed[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _allow(guard: str, why: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.ALLOW, reason=why)


def _no(guard: str, why: str, remedy: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.DENY, reason=why, remedy=remedy)
