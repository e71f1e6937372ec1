"""What failed lately: bad runs by the moment they ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.domain.board import JobHistory
from fedesk.domain.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that did not end as it was meant to, and whose it is."""

    run: Run
    pipeline: str
    owner: str
    since: datetime
    """When it ended."""


def failed_since(histories: Iterable[JobHistory], now: datetime, length: timedelta) -> tuple[FailedRun, ...]:
    """Every run that ended badly no longer than ``length`` ago, the newest first."""
    found = [
        FailedRun(run=run, pipeline=history.subject.name, owner=history.subject.owner, since=run.ended_at)
        for history in histories
        for run in history.runs
        if run.state.is_bad and run.ended_at is not None and now - run.ended_at <= length
    ]
    return tuple(sorted(found, key=lambda failed: failed.since, reverse=True))
