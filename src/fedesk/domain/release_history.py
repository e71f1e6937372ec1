"""What was deployed in an environment, in order, and how one promotion or rollback went."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from fedesk.domain.audit import AuditRecord
from fedesk.domain.incident_text import entry_table, escaped
from fedesk.domain.incidents import TimelineEntry, operation_timeline
from fedesk.domain.operations import JournalEntry, Operation, Stage, StepState
from fedesk.domain.release_matrix import (
    Proof,
    ReleaseOperation,
    attributed,
    number_of,
    proof_of,
    release_operation,
)
from fedesk.domain.releases import Deployment
from fedesk.domain.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One build of a deploy job, and what became of it."""

    deployment: Deployment
    operation: ReleaseOperation | None
    """The operation that triggered it, where the store has it."""
    proof: Proof
    brings_back: bool
    """Whether it deployed a release that had been replaced before."""
    ran: timedelta | None
    """How long what it deployed was what runs; None for what deployed nothing, or runs now."""


def history_of(
    deployments: Iterable[Deployment], operations: Sequence[ReleaseOperation]
) -> tuple[HistoryRow, ...]:
    """Builds of one service's deploy job in one environment, newest first, dry runs and failures included."""
    builds = sorted(attributed(deployments, operations), key=number_of)
    by_id = {one.operation: one for one in operations}
    rows: list[HistoryRow] = []
    seen: list[str] = []
    for place, one in enumerate(builds):
        deployed = one.run.state is State.SUCCEEDED and not one.is_dry_run
        later = next((after for after in builds[place + 1 :] if _deployed(after)), None)
        rows.append(
            HistoryRow(
                deployment=one,
                operation=by_id.get(one.operation),
                proof=proof_of(one.service, one.environment, one.digest, operations, builds),
                brings_back=deployed and one.digest in seen and one.digest != seen[-1],
                ran=later.at - one.at if deployed and later and later.at and one.at else None,
            )
        )
        if deployed and one.digest:
            seen.append(one.digest)
    return tuple(reversed(rows))


def _deployed(one: Deployment) -> bool:
    return one.run.state is State.SUCCEEDED and not one.is_dry_run


# One promotion or rollback


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of an operation, and how long it took."""

    name: str
    """``waited for its start``, or a step's name."""
    began: datetime
    ended: datetime | None
    """None while it goes on."""
    state: StepState

    def length(self, now: datetime) -> timedelta:
        """How long it took, or has taken so far."""
        return max((self.ended or now) - self.began, timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTimeline:
    """Everything that is known of one promotion or rollback."""

    told: ReleaseOperation
    operation: Operation
    entries: tuple[TimelineEntry, ...]
    spans: tuple[Span, ...]


def release_timeline(operation: Operation, records: Sequence[AuditRecord]) -> ReleaseTimeline | None:
    """Plan, approvals, start, steps, verification, decision and end; None for an operation of another kind.

    ``records`` are those of the audit log that name it, in the log's order.
    """
    told = release_operation(operation)
    if told is None:
        return None
    return ReleaseTimeline(
        told=told,
        operation=operation,
        entries=operation_timeline(operation, records),
        spans=tuple(_spans(operation)),
    )


def _spans(operation: Operation) -> Iterator[Span]:
    """From the yes to the first step, and each step from its first entry to its last."""
    steps: dict[str, list[JournalEntry]] = {}
    for entry in operation.journal:
        if entry.step:
            steps.setdefault(entry.step, []).append(entry)
    first = min((entries[0].at for entries in steps.values()), default=operation.ended_at)
    has_begun = operation.stage is not Stage.CONFIRMED
    yield Span(
        name="waited for its start",
        began=operation.confirmed_at,
        ended=first,
        state=StepState.DONE if has_begun else StepState.WAITING,
    )
    for name, entries in steps.items():
        last = entries[-1]
        is_over = last.state in _OVER or operation.ended_at is not None
        yield Span(name=name, began=entries[0].at, ended=last.at if is_over else None, state=last.state)


_OVER = frozenset({StepState.DONE, StepState.FAILED, StepState.UNKNOWN})


def markdown(timeline: ReleaseTimeline, zone: tzinfo, zone_name: str) -> str:
    """The timeline as Markdown, fit for a ticket; times in the given zone."""
    told, plan = timeline.told, timeline.operation.plan
    lines = [
        f"## {escaped(f'{told.kind} of {told.service} in {told.environment}')}",
        "",
        f"- release: {escaped(told.digest)}",
        f"- by: {escaped(told.by)}" + (f", {escaped(plan.reason)}" if plan.reason else ""),
        f"- outcome: {escaped(_outcome(timeline))}",
        f"- operation: {escaped(told.operation)}",
        f"- times: {escaped(zone_name)}",
        "",
        *entry_table(timeline.entries, zone),
    ]
    return "\n".join(lines) + "\n"


def _outcome(timeline: ReleaseTimeline) -> str:
    told = timeline.told
    if told.outcome is None:
        return timeline.operation.stage.value
    return f"{told.outcome}: {told.said}" if told.said else told.outcome.value
