"""What people are told away from the desk: notices as values, made of what is seen, and who gets which.

A notice's key names the thing it tells of and does not change over restarts: by it a receiver makes one of
what is sent twice. Some events go on until they are over (``LASTING``); the others have happened. In an
environment with ``phi`` a notice has names, times, links and words of fedesk's own, and nothing that a system
or a log has said.
"""

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fedesk.domain.approving import Standing, Statement, pasted
from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.open_operations import Course, OpenOperation
from fedesk.domain.operations import Operation, Owner, Stage
from fedesk.domain.plans import digest_of
from fedesk.domain.redaction import redact
from fedesk.domain.reviews import KIND as GLASS
from fedesk.domain.states import Severity
from fedesk.domain.text import one_line

WORTH_TELLING = timedelta(days=7)
"""How long after it something that has happened is still told: a watcher that was away catches up."""
_LONGEST_KEY = 200
_LONGEST_SUBJECT = 200
_LONGEST_TEXT = 1000
_LOOKED_AT = 1 << 16
"""Characters of a text that are searched for secrets; what lies beyond is never sent."""


class Event(StrEnum):
    """What happened, as routes of the configuration name it."""

    PAGE = "page"
    """A finding of the severity that pages."""
    UNKNOWN = "unknown"
    """An operation whose outcome nobody knows."""
    BREAK_GLASS = "break-glass"
    APPROVAL_WANTED = "approval-wanted"
    APPROVAL_GIVEN = "approval-given"
    REJECTED = "rejected"
    ESCALATED = "escalated"
    """A plan has waited for an approval for longer than its policy says."""
    STARTED = "started"
    STOPPED = "stopped"
    DIED = "died"
    """A watcher has ended without a word, and this one has taken its place."""


LASTING = frozenset({Event.PAGE, Event.UNKNOWN, Event.APPROVAL_WANTED, Event.ESCALATED})
"""Events that go on until they are over, which is told as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that people are told."""

    key: str
    event: Event
    environment: str
    """Empty for what concerns fedesk itself."""
    subject: str
    """One line that says it all."""
    text: str
    at: datetime
    link: str = ""
    command: str = ""
    """A command line that shows it, or does what is asked; its words are quoted for a shell."""
    people: tuple[str, ...] = ()
    """Principals that it is meant for, beside those whom the routes name."""
    seen_on: str = ""
    """The connection whose look has shown it; empty where that was none, or several."""
    over: bool = False
    """Whether it takes back what an earlier one of this key has told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which notices go to which receivers."""

    events: frozenset[Event] = frozenset(Event)
    environments: frozenset[str] = frozenset()
    """All where empty. What concerns fedesk itself is of every one."""
    to: tuple[str, ...] = ()

    def takes(self, notice: Notice) -> bool:
        """Whether a notice goes this way."""
        here = not self.environments or not notice.environment or notice.environment in self.environments
        return here and notice.event in self.events


def receivers_of(
    notice: Notice, routes: Iterable[Route], of_people: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Who gets a notice, each once: by the routes, and the receivers of the people that it is meant for."""
    routed = (name for route in routes if route.takes(notice) for name in route.to)
    personal = (name for person in notice.people for name in of_people.get(person, ()))
    return tuple(dict.fromkeys((*routed, *personal)))


def fit(notice: Notice) -> Notice:
    """The same, fit to be kept and sent: secrets hidden, on one line each, bounded."""
    return replace(
        notice,
        subject=_shown(notice.subject, _LONGEST_SUBJECT),
        text=_shown(notice.text, _LONGEST_TEXT),
        link=_shown(notice.link, _LONGEST_TEXT),
        command=_shown(notice.command, _LONGEST_TEXT),
    )


def taken_back(notice: Notice, at: datetime) -> Notice:
    """What tells that it is over."""
    return replace(notice, subject=f"over: {notice.subject}", at=at, over=True)


def _shown(text: str, limit: int) -> str:
    return one_line(redact(text[:_LOOKED_AT]).text, limit)


def _key(event: Event, *names: str) -> str:
    """``page:prod:failed:…``; of one that is long, or hides something, a beginning and a digest."""
    whole = ":".join((event.value, *names))
    shown = redact(whole[:_LOOKED_AT]).text
    if shown == whole and len(whole) <= _LONGEST_KEY and whole.isascii() and whole.isprintable():
        return whole
    head = "".join(letter for letter in shown if letter.isascii() and letter.isprintable())
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{head[: _LONGEST_KEY - len(digest) - 1]}~{digest}"


# What is wrong


def pages(
    environment: EnvironmentFacts,
    findings: Iterable[Finding],
    operations: Iterable[OpenOperation],
    now: datetime,
) -> Iterator[Notice]:
    """One notice a finding that pages.

    An operation without a known outcome is told of by ``unknowns``, broken glass by ``happened``.
    """
    untold = {one.id for one in operations if one.course in _UNKNOWN}
    for finding in findings:
        told = finding.kind == GLASS or finding.operation in untold
        if finding.severity is not Severity.PAGE or told:
            continue
        said = finding.state.value if environment.phi else finding.what
        since = f"since {_when(finding.since)}" if finding.since else ""
        owner = f"owner {finding.owner}" if finding.owner else ""
        runbook = f"runbook {finding.runbook}" if finding.runbook else ""
        yield Notice(
            key=_key(Event.PAGE, environment.name, finding.id),
            event=Event.PAGE,
            environment=environment.name,
            subject=f"{environment.name}: {finding.subject}: {finding.kind}",
            text="; ".join(part for part in (said, since, owner, finding.todo, runbook) if part),
            at=now,
            link=finding.link,
            command=f"fedesk log {shlex.quote(str(finding.run))}" if finding.run is not None else "",
            seen_on="" if finding.seen_on is None else str(finding.seen_on),
        )


_UNKNOWN = frozenset({Course.UNKNOWN, Course.LEFT})


def unknowns(
    environment: EnvironmentFacts, operations: Iterable[OpenOperation], now: datetime
) -> Iterator[Notice]:
    """One notice an operation that ended unknown, or that a process has left when it died."""
    for one in operations:
        if one.environment != environment.name or one.course not in _UNKNOWN:
            continue
        left = one.course is Course.LEFT
        what = "its process has died" if left else "what it did is not known"
        said = "" if environment.phi else one.said
        parts = (
            f"{one.sentence}: {what}",
            said,
            f"since {_when(one.since)}",
            f"asked for by {one.requester}",
        )
        yield Notice(
            key=_key(Event.UNKNOWN, one.environment, one.id),
            event=Event.UNKNOWN,
            environment=one.environment,
            subject=f"{one.environment}: {one.subject}: outcome unknown",
            text="; ".join(part for part in parts if part),
            at=now,
            link=one.link,
            command=f"fedesk operations recheck {shlex.quote(one.id)}",
        )


# What was done


def happened(records: Iterable[AuditRecord], now: datetime) -> Iterator[Notice]:
    """One notice a record of the audit log that says that somebody has broken the glass."""
    for record in records:
        draft = record.draft
        if draft.phase is not Phase.BREAK_GLASS or now - draft.at > WORTH_TELLING:
            continue
        what = f"{draft.action} {draft.target}"
        yield Notice(
            key=_key(Event.BREAK_GLASS, record.hash),
            event=Event.BREAK_GLASS,
            environment=draft.environment,
            subject=f"{draft.environment}: break-glass by {draft.actor.person}: {what}",
            text=f"{draft.reason or 'no reason was given'}; at {_when(draft.at)} on {draft.actor.host}",
            at=now,
            command=f"fedesk audit show {record.seq}",
        )


# Plans that wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one person said of a plan, signed."""

    principal: str
    at: datetime
    nonce: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedPlan:
    """A confirmed plan that wants approvals, and how it stands."""

    operation: str
    environment: str
    subject: str
    """Its pipeline, or its target."""
    sentence: str
    """What it does, in the plan's words."""
    requester: str
    reason: str
    since: datetime
    missing: int
    """Approvals that are still wanted; none once it is rejected, expired or begun."""
    approvers: tuple[str, ...] = ()
    """Principals that may give one."""
    approved: tuple[Voice, ...] = ()
    rejected: tuple[Voice, ...] = ()
    escalate_after: timedelta | None = None
    escalate_to: tuple[str, ...] = ()
    """Principals behind the approvers."""
    paste: str = ""
    """What makes an approval on any machine that has ssh-keygen."""


def awaited_of(
    operation: Operation, found: Standing, escalate_to: tuple[str, ...], now: datetime
) -> AwaitedPlan:
    """A confirmed plan and where it stands, as people are told of it."""
    plan = operation.plan
    target = plan.targets[0] if plan.targets else None
    waits = operation.stage is Stage.CONFIRMED and found.rejection is None and now < plan.expires_at
    return AwaitedPlan(
        operation=plan.operation,
        environment=plan.environment,
        subject=(target.pipeline or target.name) if target else str(plan.connection),
        sentence=plan.sentence,
        requester=plan.requester,
        reason=plan.reason,
        since=operation.confirmed_at,
        missing=found.missing if waits else 0,
        approvers=found.people,
        approved=tuple(_voice(one) for one in found.approvals),
        rejected=(_voice(found.rejection),) if found.rejection is not None else (),
        escalate_after=found.rule.escalate_after,
        escalate_to=escalate_to,
        paste=pasted(plan, digest_of(plan), found.people[0] if len(found.people) == 1 else ""),
    )


def _voice(said: Statement) -> Voice:
    return Voice(principal=said.approver, at=said.at, nonce=said.nonce, reason=said.reason)


def approvals(plans: Iterable[AwaitedPlan], now: datetime) -> Iterator[Notice]:
    """That a plan waits, for its approvers; what they said, for its requester; that it waits too long."""
    for plan in plans:
        what = f"{plan.environment}: {plan.subject}"
        asked = f"{plan.sentence}; asked for by {plan.requester}: {plan.reason or 'no reason was given'}"
        if plan.missing:
            yield _of_plan(
                plan,
                Event.APPROVAL_WANTED,
                now,
                f"{what}: {plan.missing} approval{'s' if plan.missing > 1 else ''} wanted",
                asked,
                plan.approvers,
            )
        if plan.missing and plan.escalate_after is not None and now - plan.since >= plan.escalate_after:
            subject = f"{what}: waits for an approval since {_when(plan.since)}"
            yield _of_plan(plan, Event.ESCALATED, now, subject, asked, plan.escalate_to)
        for event, voices in ((Event.APPROVAL_GIVEN, plan.approved), (Event.REJECTED, plan.rejected)):
            for voice in voices:
                if now - voice.at > WORTH_TELLING:
                    continue
                word = "approved" if event is Event.APPROVAL_GIVEN else "rejected"
                subject = f"{what}: {word} by {voice.principal}"
                said = f"{voice.reason}; {asked}" if voice.reason else asked
                yield _of_plan(plan, event, now, subject, said, (plan.requester,), voice.nonce)


def _of_plan(
    plan: AwaitedPlan,
    event: Event,
    now: datetime,
    subject: str,
    text: str,
    people: tuple[str, ...],
    nonce: str = "",
) -> Notice:
    verb = "approve" if event in LASTING else "operations show"
    command = f"fedesk {verb} {shlex.quote(plan.operation)}"
    if event in LASTING and plan.paste:
        text = f"{text}. {command}; or what follows, on any machine, then fedesk plans import approval"
        command = plan.paste
    return Notice(
        key=_key(event, plan.environment, plan.operation, *((nonce,) if nonce else ())),
        event=event,
        environment=plan.environment,
        subject=subject,
        text=text,
        at=now,
        command=command,
        people=people,
    )


# The watcher itself


def started(me: Owner, fence: int, died: Owner | None, now: datetime) -> Notice:
    """That a watcher has begun to lead; of one that takes the place of another that died, just that."""
    event = Event.STARTED if died is None else Event.DIED
    what = "has started" if died is None else f"took over: {_process(died)} has died"
    return Notice(
        key=_key(event, str(fence)),
        event=event,
        environment="",
        subject=f"fedesk watch {what}",
        text=f"{_process(me)} watches since {_when(now)}",
        at=now,
    )


def stopped(me: Owner, fence: int, now: datetime) -> Notice:
    """That the watcher that led has ended, and has said so."""
    return Notice(
        key=_key(Event.STOPPED, str(fence)),
        event=Event.STOPPED,
        environment="",
        subject="fedesk watch has stopped",
        text=f"{_process(me)} has ended at {_when(now)}; unless another watches, nobody is told of anything",
        at=now,
    )


def _process(owner: Owner) -> str:
    return f"process {owner.pid} on {owner.host}"


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
