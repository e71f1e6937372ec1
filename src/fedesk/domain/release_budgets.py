"""What builds, deployments and images may take, and findings of what takes more.

Lengths are those of runs that the board has read anyway. A size is known where a release was read.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from fedesk.domain.board import JobHistory, Role
from fedesk.domain.durations import duration_text
from fedesk.domain.front import Finding
from fedesk.domain.releases import Cell, ReleaseBudget
from fedesk.domain.runs import Run
from fedesk.domain.states import Severity, State

KIND = "budget"
"""The kind of such a finding."""
DEFAULT = ReleaseBudget()
_MEGABYTE = 1_000_000
_WHAT = {Role.CI: "the build", Role.DEPLOY: "the deployment"}


def over_budget(histories: Iterable[JobHistory], budget: ReleaseBudget = DEFAULT) -> Iterator[Finding]:
    """Of each CI and deploy job: that its newest run that succeeded took longer than it may."""
    limits = {Role.CI: budget.build, Role.DEPLOY: budget.deployment}
    for history in histories:
        limit, run = limits.get(history.subject.role), history.last_good
        took = _took(run)
        if limit is not None and run is not None and took is not None and took > limit:
            yield _finding(history, run, took, limit)


def _took(run: Run | None) -> timedelta | None:
    if run is None or run.started_at is None or run.ended_at is None:
        return None
    return run.ended_at - run.started_at


def _finding(history: JobHistory, run: Run, took: timedelta, limit: timedelta) -> Finding:
    subject = history.subject
    return Finding(
        id=f"{KIND}:{run.name}",
        kind=KIND,
        severity=Severity.LISTED,
        state=State.UNSTABLE,
        subject=f"{subject.role.value} {subject.name}",
        what=f"{_WHAT[subject.role]} took {duration_text(took)}, its budget is {duration_text(limit)}",
        since=run.ended_at,
        owner=subject.owner,
        todo="see in its stages what takes so long",
        run=run.name,
        link=run.link,
        runbook=subject.runbook,
        seen_on=history.connection,
    )


def size_said(cell: Cell, budget: ReleaseBudget = DEFAULT) -> str:
    """That the image which runs in a cell is larger than it may be; empty where it is not, or not known."""
    release = cell.current.release if cell.current is not None else None
    size = release.size_bytes if release is not None else None
    if size is None or size <= budget.size_bytes:
        return ""
    return f"image {size / _MEGABYTE:.0f} MB of {budget.size_bytes / _MEGABYTE:.0f}"
