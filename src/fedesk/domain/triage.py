"""What is wrong, as findings: one pure rule for each kind, and the order they are shown in."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fedesk.domain.audit import AuditRecord
from fedesk.domain.board import JobHistory, Role
from fedesk.domain.catalogue import Tier
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.observation import Snapshot
from fedesk.domain.open_operations import KIND, Course, OpenOperation
from fedesk.domain.release_budgets import DEFAULT, over_budget
from fedesk.domain.releases import ReleaseBudget
from fedesk.domain.reviews import findings_of
from fedesk.domain.runs import Load, QueueItem, Run
from fedesk.domain.secrets import SecretAge
from fedesk.domain.states import Severity, Standing, State, Verdict

if TYPE_CHECKING:
    from fedesk.domain.names import ConnectionName

APPROVAL = "approval"
"""The kind of a finding that tells of a plan that waits."""
_BY_TIER = {Tier.PAGE: Severity.PAGE, Tier.TICKET: Severity.TICKET, Tier.LIST: Severity.LISTED}
_ORDER = {Severity.PAGE: 0, Severity.TICKET: 1, Severity.LISTED: 2}
_STUCK_AFTER = timedelta(minutes=10)
_TOKEN_ENDS_SOON = timedelta(hours=24)
_LONG_FACTOR = 2
_LONG_AT_LEAST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules judge: everything known of one environment at one moment."""

    environment: EnvironmentFacts
    now: datetime
    snapshots: tuple[Snapshot, ...]
    histories: tuple[JobHistory, ...]
    secrets: tuple[SecretAge, ...]
    queue: tuple[QueueItem, ...]
    loads: Mapping[str, Load]
    """The newest load by pipeline."""
    operations: tuple[OpenOperation, ...] = ()
    """Operations of fedesk's own that are still open, of whatever environment."""
    unreviewed: tuple[AuditRecord, ...] = ()
    """Records that wait for a review, of whatever environment."""
    budget: ReleaseBudget = DEFAULT


Rule = Callable[[Facts], Iterable[Finding]]


def findings(facts: Facts) -> tuple[Finding, ...]:
    """All findings: what pages first, then tickets, then the rest; in each the newest first."""
    return in_order((finding for rule in RULES for finding in rule(facts)), facts.now)


def in_order(found: Iterable[Finding], now: datetime) -> tuple[Finding, ...]:
    """Findings in the order they are shown."""
    return tuple(sorted(found, key=lambda finding: (_ORDER[finding.severity], _age_key(finding, now))))


def _age_key(finding: Finding, now: datetime) -> float:
    return (now - finding.since).total_seconds() if finding.since else float("inf")


def severity_of(history: JobHistory) -> Severity:
    """By the tier of whose job it is; a CI job never pages, for it hurts no customer."""
    severity = _BY_TIER[history.subject.tier]
    return _at_most(Severity.TICKET, severity) if history.subject.role is Role.CI else severity


def _at_most(limit: Severity, severity: Severity) -> Severity:
    """The quieter of the two."""
    return max(limit, severity, key=lambda one: _ORDER[one])


def runs(facts: Facts) -> Iterator[Finding]:
    """At most one finding a job: that it failed, else that it is late, else that it takes too long.

    What else holds of it is told in the same row.
    """
    for history in facts.histories:
        finding = _failed(history, facts.now) or _late_or_slow(history, facts.now)
        if finding is not None:
            yield finding


def _failed(history: JobHistory, now: datetime) -> Finding | None:
    """A job whose newest ended run is bad, and how many were so in a row.

    It is known by that run: the one before is another failure, and how far back a desk has read is no matter.
    """
    ended = [run for run in history.runs if run.state.is_final and run.state is not State.SKIPPED]
    if not ended or not ended[0].state.is_bad:
        return None
    streak = _bad_in_a_row(ended)
    newest = streak[0]
    under_way = history.newest is not None and not history.newest.state.is_final
    said = (
        newest.reason or newest.state.value,
        f"{len(streak)} in a row" if len(streak) > 1 else "",
        "running again" if under_way else "",
        _deadline_said(history, newest, now),
    )
    return _of_run(
        history,
        newest,
        id=f"failed:{history.connection}:{history.key[1]}:{newest.name.id}",
        kind="failed run",
        severity=Severity.LISTED if newest.state is State.ABORTED else severity_of(history),
        state=newest.state,
        what=", ".join(part for part in said if part),
        todo="it runs again: wait for it" if under_way else "read the log, then re-run from failed",
    )


def _bad_in_a_row(ended: list[Run]) -> list[Run]:
    streak = []
    for run in ended:
        if not run.state.is_bad:
            break
        streak.append(run)
    return streak


def _late_or_slow(history: JobHistory, now: datetime) -> Finding | None:
    """A run under way that misses its deadline, or takes far longer than usual.

    Slow is more than twice what 95 % of its like take, and at least five minutes more.
    """
    run, usual = history.newest, history.baseline
    if run is None or run.state.is_final:
        return None
    took = run.duration(now)
    is_slow = (
        took is not None
        and usual is not None
        and took >= max(usual.p95 * _LONG_FACTOR, usual.p95 + _LONG_AT_LEAST)
    )
    late = _deadline_said(history, run, now)
    if not is_slow and not late:
        return None
    slow = f"running {_minutes(took)}, usually {_minutes(usual.median)}" if took and usual else ""
    waits = run.reason or (run.original_state if run.state is State.WAITING else "")
    return _of_run(
        history,
        run,
        id=f"late:{run.name}",
        kind="deadline" if late else "slow run",
        severity=severity_of(history) if late else _at_most(Severity.TICKET, severity_of(history)),
        state=State.WAITING if run.state is State.WAITING else State.UNSTABLE,
        what=", ".join(part for part in (waits, slow, late) if part),
        todo="see what it waits for",
    )


def _deadline_said(history: JobHistory, run: Run, now: datetime) -> str:
    """How the run stands to its deadline, empty where it is neither missed nor at risk."""
    deadline = history.subject.deadline
    if deadline is None or run.at is None:
        return ""
    due = deadline.next_after(run.at)
    if now > due:
        return f"{_minutes(now - due)} past {deadline.time:%H:%M}"
    if run.state.is_final or run.started_at is None or history.baseline is None:
        return ""
    expected = run.started_at + history.baseline.median
    return f"expected {_minutes(expected - due)} past {deadline.time:%H:%M}" if expected > due else ""


def _of_run(
    history: JobHistory,
    run: Run,
    *,
    id: str,  # noqa: A002 - the field's name
    kind: str,
    severity: Severity,
    state: State,
    what: str,
    todo: str,
) -> Finding:
    subject = history.subject
    return Finding(
        id=id,
        kind=kind,
        severity=severity,
        state=state,
        subject=subject.name if subject.role is Role.DATA else f"{subject.role.value} {subject.name}",
        what=what,
        since=run.ended_at or run.started_at or run.at,
        owner=subject.owner,
        todo=todo,
        run=run.name,
        link=run.link,
        runbook=subject.runbook,
        seen_on=history.connection,
    )


def empty_loads(facts: Facts) -> Iterator[Finding]:
    """A pipeline whose newest load says that it succeeded and brought no row."""
    histories = {one.subject.name: one for one in facts.histories if one.subject.role is Role.DATA}
    for name, load in facts.loads.items():
        if load.rows_loaded != 0 or load.status.casefold() not in _LOADED:
            continue
        history = histories.get(name)
        yield Finding(
            id=f"empty:{name}:{load.partition}",
            kind="empty load",
            severity=_at_most(Severity.TICKET, severity_of(history)) if history else Severity.LISTED,
            state=State.UNSTABLE,
            subject=name,
            what=f"partition {load.partition or 'without a name'} was loaded with no rows",
            since=load.ended_at or load.started_at,
            owner=history.subject.owner if history else "",
            todo="ask whether no data is right for that day",
            run=history.newest.name if history and history.newest else None,
            runbook=history.subject.runbook if history else "",
        )


_LOADED = frozenset({"success", "succeeded", "ok", "loaded", "complete", "completed"})


def system_problems(facts: Facts) -> Iterator[Finding]:
    """What a system says is wrong with itself; in production a sealed Vault or a dead scheduler pages."""
    for snapshot in facts.snapshots:
        for problem in snapshot.observation.problems if snapshot.observation else ():
            grave = problem.kind in _GRAVE
            severity = Severity.PAGE if grave and facts.environment.production else Severity.TICKET
            yield Finding(
                id=f"problem:{snapshot.connection}:{problem.kind}:{problem.where}",
                kind=problem.kind,
                severity=severity,
                state=State.FAILED if grave else State.UNSTABLE,
                subject=problem.where or str(snapshot.connection),
                what=f"{problem.kind}: {problem.text}",
                since=problem.since,
                owner="",
                todo="look at the system itself",
                link=problem.link,
                seen_on=snapshot.connection,
            )


_GRAVE = frozenset({"sealed", "scheduler", "metadatabase"})


def silent_systems(facts: Facts) -> Iterator[Finding]:
    """A connection that cannot be read: what it would show is unknown, and unknown is not green."""
    for snapshot in facts.snapshots:
        if snapshot.failure is None or snapshot.standing not in (Standing.STALE, Standing.FAILED):
            continue
        yield Finding(
            id=f"connection:{snapshot.connection}",
            kind="connection",
            severity=Severity.TICKET,
            state=State.UNKNOWN,
            subject=str(snapshot.connection),
            # The row has the connection beside it, and no room for its address.
            what=re.sub(rf"^{re.escape(str(snapshot.connection))}( at \S+)? ", "", snapshot.failure.sentence),
            since=snapshot.failed_since,
            owner="",
            todo="what it would show is unknown until it answers",
            link=snapshot.address,
        )


def stuck_queue(facts: Facts) -> Iterator[Finding]:
    """Builds that wait long for an executor: one finding a connection, with the oldest reason."""
    waiting: dict[ConnectionName, list[QueueItem]] = {}
    for item in facts.queue:
        if item.stuck or facts.now - item.since > _STUCK_AFTER:
            waiting.setdefault(item.connection, []).append(item)
    for connection, items in waiting.items():
        oldest = min(items, key=lambda item: item.since)
        count = "1 build waits" if len(items) == 1 else f"{len(items)} builds wait"
        yield Finding(
            id=f"queue:{connection}",
            kind="queue",
            severity=Severity.TICKET,
            state=State.QUEUED,
            subject=str(connection),
            what=f"{count} for an executor: {oldest.why}",
            since=oldest.since,
            owner="",
            todo="look at the executors",
            link=oldest.link,
            seen_on=connection,
        )


def old_secrets(facts: Facts) -> Iterator[Finding]:
    """Secrets past their limit, due, or of unknown age: one finding each way, the worst named first."""
    for verdict, severity, state, said in _SECRET_ROWS:
        ages = sorted(
            (age for age in facts.secrets if age.verdict is verdict),
            key=lambda age: timedelta.max if age.time_left is None else age.time_left,
        )
        if not ages:
            continue
        names = ", ".join(age.secret.name for age in ages[:3]) + (" …" if len(ages) > 3 else "")  # noqa: PLR2004 - fits a row
        worst = ages[0]
        sources = {age.secret.connection for age in ages}
        since = facts.now + worst.time_left if verdict is Verdict.OVERDUE and worst.time_left else None
        yield Finding(
            id=f"secrets:{verdict.value}",
            kind="secrets",
            severity=severity,
            state=state,
            subject=f"{len(ages)} secret{'s' if len(ages) > 1 else ''} {said}",
            what=names,
            since=since,
            owner=worst.secret.owner,
            todo="rotate the oldest first" if verdict is not Verdict.UNDETERMINED else "find out their age",
            seen_on=worst.secret.connection if len(sources) == 1 else None,
        )


_SECRET_ROWS = (
    (Verdict.OVERDUE, Severity.TICKET, State.FAILED, "overdue"),
    (Verdict.UNDETERMINED, Severity.LISTED, State.UNKNOWN, "of unknown age"),
    (Verdict.DUE, Severity.LISTED, State.UNSTABLE, "due"),
)


def ending_tokens(facts: Facts) -> Iterator[Finding]:
    """A credential of fedesk's own that ends within a day and cannot renew itself."""
    for snapshot in facts.snapshots:
        token = snapshot.observation.token if snapshot.observation else None
        if token is None or token.expires_at is None or token.renewable:
            continue
        left = token.expires_at - facts.now
        if left > _TOKEN_ENDS_SOON:
            continue
        yield Finding(
            id=f"token:{snapshot.connection}",
            kind="token",
            severity=Severity.TICKET,
            state=State.UNSTABLE,
            subject=str(snapshot.connection),
            what=f"the token of {token.display_name} ends in {_minutes(max(left, timedelta(0)))}",
            since=None,
            owner="",
            todo="get a new one before it ends",
            seen_on=snapshot.connection,
        )


def paused_pipelines(facts: Facts) -> Iterator[Finding]:
    """A catalogued data job that is switched off: nothing of it will fail, and nothing will be loaded."""
    for history in facts.histories:
        job = history.job
        if (
            job is None
            or job.enabled
            or not history.subject.catalogued
            or history.subject.role is not Role.DATA
        ):
            continue
        yield Finding(
            id=f"paused:{history.connection}:{job.name}",
            kind="paused",
            severity=Severity.LISTED,
            state=State.UNSTABLE,
            subject=history.subject.name,
            what=f"{job.name} is switched off: nothing runs",
            since=None,
            owner=history.subject.owner,
            todo="ask its owner whether that is meant",
            link=job.link,
            runbook=history.subject.runbook,
            seen_on=history.connection,
        )


def unsettled_operations(facts: Facts) -> Iterator[Finding]:
    """An operation of fedesk's own whose outcome nobody knows, or that nobody carries on.

    In production it pages: a target is blocked, and what was done to it is not known. One that waits for a
    decision goes as it should, and whoever began it is there.
    """
    here = [one for one in facts.operations if one.environment == facts.environment.name]
    for one in here:
        if not one.course.is_trouble:
            continue
        history = _history_of(one, facts)
        # A plan that nobody has approved in time blocks nothing.
        lapsed = one.awaited is not None and facts.now >= one.expires_at
        waits = one.course is Course.UNDECIDED or lapsed
        quiet = _at_most(Severity.TICKET, severity_of(history)) if history else Severity.TICKET
        yield Finding(
            id=f"{KIND}:{one.id}",
            kind=KIND,
            severity=Severity.PAGE if facts.environment.production and not waits else quiet,
            state=State.WAITING if waits else State.UNKNOWN,
            subject=one.subject,
            what=": ".join(part for part in (_COURSES[one.course], one.said) if part),
            since=one.since,
            owner=history.subject.owner if history else one.requester,
            todo=_todo(one, facts.now),
            run=one.run,
            link=one.link,
            runbook=history.subject.runbook if history else "",
            operation=one.id,
        )


def awaited_plans(facts: Facts) -> Iterator[Finding]:
    """A plan that waits for an approval, at the desk of who may give it."""
    for one in facts.operations:
        mine = one.awaited is not None and one.awaited.is_mine
        if one.environment != facts.environment.name or one.course is not Course.WAITING or not mine:
            continue
        history = _history_of(one, facts)
        yield Finding(
            id=f"{APPROVAL}:{one.id}",
            kind=APPROVAL,
            severity=Severity.TICKET,
            state=State.WAITING,
            subject=one.subject,
            what=f"wants your approval: {one.sentence}, asked for by {one.requester}",
            since=one.since,
            owner=one.requester,
            todo="Enter shows the plan: A there approves it, X rejects it",
            run=one.run,
            link=one.link,
            runbook=history.subject.runbook if history else "",
            operation=one.id,
        )


def broken_glass(facts: Facts) -> Iterator[Finding]:
    """What somebody did past the rules, until another one has reviewed it."""
    return findings_of(facts.unreviewed, facts.environment.name)


def _history_of(one: OpenOperation, facts: Facts) -> JobHistory | None:
    for history in facts.histories:
        if one.run is None or history.connection != one.run.connection:
            continue
        if any(run.name == one.run for run in history.runs):
            return history
    return None


def _todo(one: OpenOperation, now: datetime) -> str:
    decide = f"`fedesk operations decide {one.id}` with proceed or stop decides"
    if one.course is Course.UNDECIDED:
        return decide
    if one.course is Course.UNKNOWN:
        return f"{_RECHECK}; where no look can tell, `fedesk operations settle {one.id}` takes your word"
    if one.course is Course.LEFT:
        carry_on = f"`fedesk execute {one.id}` carries it on"
        return f"{decide}, {carry_on}" if one.undecided else f"{carry_on}; {_RECHECK}"
    if now <= one.expires_at:
        return f"`fedesk execute {one.id}` starts it; until it expires nobody else may"
    return "it has expired: recheck ends it"


_RECHECK = "recheck looks the effect up in its system and records what is found; it sends nothing"
_COURSES = {
    Course.UNDECIDED: "the operation waits for a decision",
    Course.UNKNOWN: "the operation ended unknown",
    Course.LEFT: "the operation was left by a process that died",
    Course.UNCLAIMED: "the operation was confirmed, and no process took it up; nothing was sent",
}


def _minutes(length: timedelta) -> str:
    minutes = max(int(length.total_seconds() // 60), 0)
    hours, rest = divmod(minutes, 60)
    if hours >= _HOURS_OF_TWO_DAYS:
        return f"{hours // 24}d"
    return f"{hours}h{rest:02}m" if hours else f"{minutes}m"


_HOURS_OF_TWO_DAYS = 48

RULES: tuple[Rule, ...] = (
    runs,
    empty_loads,
    system_problems,
    silent_systems,
    stuck_queue,
    old_secrets,
    ending_tokens,
    paused_pipelines,
    unsettled_operations,
    awaited_plans,
    broken_glass,
    lambda facts: over_budget(facts.histories, facts.budget),
)
"""Every rule of triage; a new kind of finding is one function and one entry here."""
