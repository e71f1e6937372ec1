"""What the next person on call needs: what is open and whose it is, what goes on, what is ahead."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain.board import Board, JobHistory
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.incidents import Incident
from fedesk.domain.marks import FindingState, Marks, Quiet
from fedesk.domain.open_operations import OpenOperation
from fedesk.domain.operations import Operation
from fedesk.domain.secrets import SecretAge
from fedesk.domain.states import State, Verdict
from fedesk.domain.windows import Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFinding:
    """Something that is wrong, and what people said of it."""

    finding: Finding
    state: FindingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """A deadline that was missed, or may be."""

    pipeline: str
    due: datetime
    state: State
    """Of the newest run."""
    expected: datetime | None
    """When it would be loaded if nothing more goes wrong; of what has failed, if it ran again now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One environment at one moment."""

    environment: EnvironmentFacts
    at: datetime
    since: datetime
    """What has ended is told from here on."""
    findings: tuple[OpenFinding, ...]
    """Those in the queue, in its order."""
    quiet: tuple[Quiet, ...]
    """What is snoozed or silenced; what ends first is first."""
    operations: tuple[OpenOperation, ...]
    ended: tuple[Operation, ...]
    """Operations that have ended since, the newest first."""
    incidents: tuple[Incident, ...]
    """Those that go on."""
    windows: tuple[Occurrence, ...]
    """Freezes, holds and maintenance that are in force or ahead, the first to begin first."""
    secrets: tuple[SecretAge, ...]
    """Those that are not compliant, the least time left first."""
    risks: tuple[Risk, ...]
    """The next deadline first."""
    unread: tuple[str, ...]
    """Why something of this may be old or missing: a sentence a system."""


def handover_of(
    board: Board,
    marks: Marks,
    *,
    since: datetime,
    ended: Iterable[Operation] = (),
    incidents: Iterable[Incident] = (),
    windows: Iterable[Occurrence] = (),
    unread: Iterable[str] = (),
) -> Handover:
    """Put it together, as of the board's moment."""
    here = board.environment.name
    known = (OpenFinding(finding=one, state=marks.state(one, board.at)) for one in board.findings)
    failures = (one.failure.sentence for one in board.snapshots if one.failure)
    return Handover(
        environment=board.environment,
        at=board.at,
        since=since,
        findings=tuple(one for one in known if one.state.quiet is None),
        quiet=marks.quiets(board.at),
        operations=tuple(one for one in board.operations if one.environment == here),
        ended=tuple(one for one in ended if one.ended_at is not None and one.ended_at >= since),
        incidents=tuple(one for one in incidents if one.environment == here),
        windows=tuple(sorted(windows, key=lambda one: (one.start, one.window.id))),
        secrets=tuple(one for one in board.secrets if one.verdict is not Verdict.COMPLIANT),
        risks=tuple(sorted(_risks(board), key=lambda risk: (risk.due, risk.pipeline))),
        unread=(*failures, *unread),
    )


def _risks(board: Board) -> Iterator[Risk]:
    for row in board.pipelines:
        if row.deadline is not None and row.jobs:
            risk = risk_of(row.jobs[0], board.at)
            if risk is not None:
                yield risk


def risk_of(history: JobHistory, now: datetime) -> Risk | None:
    """How the newest run stands to its deadline; None where it has succeeded or will in time."""
    run, deadline = history.newest, history.subject.deadline
    if run is None or run.at is None or deadline is None or run.state is State.SUCCEEDED:
        return None
    due = deadline.next_after(run.at)
    usual = history.baseline.median if history.baseline else None
    begins = now if run.state.is_final or run.started_at is None else run.started_at
    expected = None if usual is None else max(begins + usual, now)
    if now <= due and not run.state.is_bad and (expected is None or expected <= due):
        return None
    return Risk(pipeline=history.subject.name, due=due, state=run.state, expected=expected)
