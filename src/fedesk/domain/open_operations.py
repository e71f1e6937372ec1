"""Operations of which something is still to be learnt, as every screen and triage tell of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.domain.names import NameNotUnderstoodError, RunName
from fedesk.domain.operations import LET_GO, Evidence, Operation, Stage

LEASE_GRACE = timedelta(seconds=30)
"""How long past its lease an owner on another machine counts as alive."""
TAKEN_UP_WITHIN = timedelta(minutes=1)
"""A confirmed operation that nobody has claimed by then is not on its way."""
KIND = "operation"
"""The kind of a finding that tells of one."""


class Course(StrEnum):
    """How an operation that is still open goes."""

    RUNNING = "running"
    UNKNOWN = "unknown"
    """It has ended, and what it did is not known."""
    LEFT = "left"
    """The process that ran it has died."""
    UNDECIDED = "to decide"
    """Its process lives, and waits for a person to decide."""
    UNCLAIMED = "not begun"
    """It was confirmed, and no process has taken it up: nothing was sent."""
    WAITING = "waits for others"
    """It was confirmed, and others have to approve it first: nothing was claimed or sent."""
    REJECTED = "rejected"
    """It was confirmed, and somebody has rejected it: it never begins, and whoever may ends it."""

    @property
    def is_trouble(self) -> bool:
        """Whether somebody has to look."""
        return self not in (Course.RUNNING, Course.WAITING, Course.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """Where a plan stands that others have a say in, before it has begun."""

    said: str
    """What it waits for, or who rejected it: ``waits for 1 approval of an approver``; empty if enough."""
    since: datetime
    """When it was confirmed, or approved last."""
    is_mine: bool = False
    """Whether whoever is at this desk may give one of the approvals."""
    approved_by: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Who may approve it, as the configuration names them."""
    refused: tuple[str, ...] = ()
    """Statements that do not count, each with its reason."""
    is_rejected: bool = False
    """Whether somebody has rejected it: it never begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOperation:
    """One operation that has not ended, or ended unknown."""

    id: str
    kind: str
    environment: str
    subject: str
    """Its pipeline, or the target where it has none."""
    partition: str
    target: str
    run: RunName | None
    """The run it changes, where its target is one."""
    sentence: str
    """What its first call does, in the plan's words."""
    requester: str
    course: Course
    said: str
    """What was learnt last, in one sentence; empty before anything was."""
    expires_at: datetime
    """Until when it may begin, where it has not begun."""
    since: datetime
    """Since when it goes as it goes: confirmed, ended, or lost."""
    undecided: str = ""
    """The step that waits for a person to decide."""
    awaited: Awaited | None = None
    """Where it stands, where others have a say and it has not begun."""
    link: str = ""
    evidence: tuple[Evidence, ...] = ()
    """What each system said last, in the order in which they were asked."""


def course_of(
    operation: Operation, *, alive: bool | None, now: datetime, awaited: Awaited | None = None
) -> Course:
    """How an open operation goes. ``alive`` tells of its owner; None where that cannot be told from here.

    Design rule 6: an owner of this machine is dead when its process is gone, one of another machine when its
    lease is past its grace.
    """
    if operation.stage is Stage.ENDED:
        return Course.UNKNOWN
    if operation.stage is Stage.CONFIRMED:
        return _before_it_begins(operation, awaited, now)
    until = operation.lease_until
    if until is None or until <= LET_GO:
        # The lease was never taken, or given back on purpose: nobody carries it on.
        return Course.LEFT
    if alive is None:
        alive = now <= until + LEASE_GRACE
    if not alive:
        return Course.LEFT
    return Course.UNDECIDED if operation.undecided else Course.RUNNING


def _before_it_begins(operation: Operation, awaited: Awaited | None, now: datetime) -> Course:
    if awaited is not None and awaited.is_rejected:
        return Course.REJECTED
    if awaited is not None and awaited.said and now < operation.plan.expires_at:
        return Course.WAITING
    free_since = operation.confirmed_at if awaited is None else awaited.since
    return Course.UNCLAIMED if now - free_since > TAKEN_UP_WITHIN else Course.RUNNING


def open_operation(
    operation: Operation, *, alive: bool | None, now: datetime, awaited: Awaited | None = None
) -> OpenOperation:
    """What screens and triage tell of an open operation."""
    plan = operation.plan
    target = plan.targets[0] if plan.targets else None
    course = course_of(operation, alive=alive, now=now, awaited=awaited)
    until = operation.lease_until
    lost = max(until, operation.confirmed_at) if course is Course.LEFT and until else None
    last = operation.journal[-1] if operation.journal else None
    return OpenOperation(
        id=plan.operation,
        kind=plan.kind,
        environment=plan.environment,
        subject=(target.pipeline or target.name) if target else str(plan.connection),
        partition=target.partition if target else "",
        target=target.name if target else str(plan.connection),
        run=run_of(target.name) if target else None,
        sentence=plan.sentence,
        requester=plan.requester,
        course=course,
        said=operation.said or (last.said if last else awaited.said if awaited else ""),
        expires_at=plan.expires_at,
        since=operation.ended_at or min(lost or operation.confirmed_at, now),
        undecided=operation.undecided,
        awaited=awaited,
        link=target.link if target else "",
        evidence=evidence_of(operation),
    )


def run_of(target: str) -> RunName | None:
    """The run that a target is; None where it is something else."""
    try:
        return RunName.parse(target)
    except NameNotUnderstoodError:
        return None


def evidence_of(operation: Operation) -> tuple[Evidence, ...]:
    """What each system said last about what was sent."""
    found: dict[str, Evidence] = {}
    for entry in operation.journal:
        for one in entry.evidence:
            found.pop(one.source, None)
            found[one.source] = one
    return tuple(found.values())
