"""Signed statements on plans, and whether they are enough: who asked, who approved, who said no.

A statement is the RFC 8785 form of a JSON object with exactly the FIELDS, and these bytes are what is signed:
with ``ssh-keygen -Y sign -n fedesk-approval``. It names the plan by its digest, so it is of no other one.
"""

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.domain.audit_chain import time_text
from fedesk.domain.guards import APPROVALS
from fedesk.domain.kept_text import kept_text
from fedesk.domain.operations import GuardResult, Plan, Ruling
from fedesk.domain.policy import Rule
from fedesk.domain.roles import People, listed

VERSION = "fedesk-approval/1"
NAMESPACE = "fedesk-approval"
"""Of the SSH signature: one that was made for anything else does not count."""
FIELDS = frozenset(
    {
        "v", "plan", "operation", "environment", "action", "approver", "nonce", "at", "expires_at", "reason",
    }
)  # fmt: skip
SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""
LIMIT = 16 * 1024
"""Bytes of a statement."""
PRINCIPAL = re.compile(r"[\x21-\x7e]{1,300}")
"""A principal of ``allowed_signers``: ASCII, no spaces."""
_HOLE = "\x7fhole"
"""What a shell fills in; no name holds it."""
_NONCE = re.compile(r"[0-9a-f]{32,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Action(StrEnum):
    """What is said of a plan."""

    REQUEST = "request"
    """Whoever wants it done."""
    APPROVE = "approve"
    REJECT = "reject"


class StatementError(ValueError):
    """It is no statement: one phrase that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one person says of one plan."""

    plan: str
    """Digest of the plan, hexadecimal."""
    operation: str
    environment: str
    action: Action
    approver: str
    """Who says it: a principal of ``allowed_signers``."""
    nonce: str
    """Hexadecimal, of this statement alone."""
    at: datetime
    """When it was signed, as its author's machine had it; the key has to be good at that time."""
    expires_at: datetime
    reason: str = ""


def statement_bytes(statement: Statement) -> bytes:
    """What is signed."""
    from rfc8785 import dumps

    return dumps(
        {
            "v": VERSION,
            "plan": statement.plan,
            "operation": statement.operation,
            "environment": statement.environment,
            "action": statement.action.value,
            "approver": statement.approver,
            "nonce": statement.nonce,
            "at": time_text(statement.at),
            "expires_at": time_text(statement.expires_at),
            "reason": kept_text(statement.reason),
        }
    )


def pasted(plan: Plan, digest: str, approver: str) -> str:
    """One line that makes and signs an approval where there is nothing but a POSIX shell and ssh-keygen.

    ``approver`` is the principal where only one may, else empty: whoever pastes it writes theirs over
    YOUR_PRINCIPAL. It leaves ``approval`` and ``approval.sig``, which ``fedesk plans import approval`` takes.
    """
    left = Statement(
        plan=digest,
        operation=plan.operation,
        environment=plan.environment,
        action=Action.APPROVE,
        approver=_HOLE,
        nonce=_HOLE,
        at=plan.made_at,
        expires_at=plan.expires_at,
    )
    form = statement_bytes(left).decode().replace("%", "%%").replace("\\", "\\\\")
    form = form.replace(_HOLE, "%s").replace(f'"at":"{time_text(plan.made_at)}"', '"at":"%s"')
    me = shlex.quote(approver or "YOUR_PRINCIPAL")
    return (
        f'ME={me}; printf {shlex.quote(form)} "$ME" "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" '
        "\"$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')\" > approval && "
        f"ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 approval"
    )


def statement_of(raw: bytes) -> Statement:
    """A statement from what was signed. Raises StatementError."""
    if len(raw) > LIMIT:
        raise StatementError(f"it has more than {LIMIT} bytes")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise StatementError("it is no JSON") from None
    if not isinstance(document, dict) or document.keys() != FIELDS:
        raise StatementError(f"it has other fields than {', '.join(sorted(FIELDS))}")
    if not all(isinstance(value, str) for value in document.values()):
        raise StatementError("a field of it is no text")
    if document["v"] != VERSION:
        raise StatementError(
            f"it is of the version {kept_text(document['v'])[:40]!r}, and {VERSION} is known"
        )
    for field, form in (
        ("plan", _DIGEST), ("nonce", _NONCE), ("approver", PRINCIPAL), ("at", _TIME), ("expires_at", _TIME),
    ):  # fmt: skip
        if form.fullmatch(document[field]) is None:
            raise StatementError(f"its field {field!r} has another form")
    try:
        statement = Statement(
            plan=document["plan"],
            operation=document["operation"],
            environment=document["environment"],
            action=Action(document["action"]),
            approver=document["approver"],
            nonce=document["nonce"],
            at=datetime.fromisoformat(document["at"]),
            expires_at=datetime.fromisoformat(document["expires_at"]),
            reason=document["reason"],
        )
        canonical = statement_bytes(statement)
    except (ValueError, UnicodeError) as error:
        raise StatementError(f"it cannot be read: {type(error).__name__}") from None
    if canonical != raw:
        raise StatementError("it is not in its canonical form (RFC 8785), or its reason holds a secret")
    return statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A statement that somebody has brought, and what is known of it beside its words."""

    statement: Statement
    flaw: str = ""
    """Why its signature does not count, as a phrase; empty where it does."""
    key: str = ""
    """Fingerprint of the key that signed it."""
    used_for: str = ""
    """Another operation that it was used for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A statement that does not count."""

    statement: Statement
    why: str
    """A phrase: ``ben@… is not the requester, and signed as if``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a plan stands by what was said of it."""

    rule: Rule
    people: tuple[str, ...] = ()
    """Who may approve it, as the configuration names them."""
    request: Statement | None = None
    """The requester's own, where one counts."""
    wants_request: bool = False
    approvals: tuple[Statement, ...] = ()
    """Those that count, one a person, in the order in which they were brought."""
    rejection: Statement | None = None
    refused: tuple[Refused, ...] = ()

    @property
    def missing(self) -> int:
        """Approvals that are still wanted."""
        return max(self.rule.approvals - len(self.approvals), 0)

    @property
    def is_enough(self) -> bool:
        """Whether the plan may be carried out, as far as others have a say in it."""
        asked = self.request is not None or not self.wants_request
        return asked and self.missing == 0 and self.rejection is None

    @property
    def said(self) -> str:
        """What it waits for, or who rejected it: ``waits for 1 approval of an approver``; empty if enough."""
        if self.rejection is not None:
            return rejected_said(self.rejection)
        if self.missing:
            return f"waits for {wanted(self.missing, self.rule)}"
        if not self.is_enough:
            return "waits for the signature of whoever asked for it"
        return ""


def rejected_said(rejection: Statement) -> str:
    """Who said no, and why."""
    return f"rejected by {rejection.approver}: {rejection.reason or 'no reason was given'}"


def wanted(count: int, rule: Rule) -> str:
    """How many of whom: ``2 approvals, each of another approver or admin``."""
    who = listed(rule.approvers)
    article = "an" if who[:1] in "aeiou" else "a"
    return f"1 approval of {article} {who}" if count == 1 else f"{count} approvals, each of another {who}"


def standing(
    plan: Plan,
    digest: str,
    brought: Sequence[Brought],
    *,
    rule: Rule,
    people: People,
    confirmed_by: str,
    wants_request: bool,
    now: datetime,
) -> Standing:
    """Who approved a plan, of those who may; a pure function of what was brought, in that order.

    Who asked for it and who confirmed it approve nothing of it, by whatever name; one person counts once,
    and so does one key. A rejection counts, of an approver or of the requester, before or after approvals.
    """
    authors = frozenset(_person(name, people) for name in (plan.requester, confirmed_by))
    refused: list[Refused] = []
    request: Brought | None = None
    said: list[Brought] = []
    for one in brought:
        why = _unfit(one, plan, digest, now)
        if not why and one.statement.action is Action.REQUEST:
            why = _no_request(one.statement, plan, people, request)
            request = request if why else one
        elif not why:
            said.append(one)
        if why:
            refused.append(Refused(statement=one.statement, why=why))
    approvals: list[Brought] = []
    rejection: Statement | None = None
    for one in said:
        statement = one.statement
        if statement.action is Action.REJECT:
            why = _no_rejection(statement, plan, rule, people, authors)
            rejection = rejection or (None if why else statement)
        else:
            why = _no_approval(one, plan, rule, people, authors, request, approvals)
            if not why:
                approvals.append(one)
        if why:
            refused.append(Refused(statement=statement, why=why))
    return Standing(
        rule=rule,
        people=others(plan, rule, people, authors),
        request=None if request is None else request.statement,
        wants_request=wants_request,
        approvals=tuple(one.statement for one in approvals),
        rejection=rejection,
        refused=tuple(refused),
    )


def _person(name: str, people: People) -> str:
    """One name for one person: a user of the machine is the principal that says so."""
    return people.principal_of(name) or name


def _unfit(one: Brought, plan: Plan, digest: str, now: datetime) -> str:
    """Why it is no statement on this plan, whoever made it."""
    said = one.statement
    checks = (
        (
            said.environment != plan.environment,
            f"it is for {kept_text(said.environment)[:60]}, and the plan changes {plan.environment}",
        ),
        (
            said.operation != plan.operation,
            f"it is of operation {kept_text(said.operation)[:60]}, and this is {plan.operation}",
        ),
        (said.plan != digest, f"it is of the plan {said.plan[:12]}, and this one is {digest[:12]}"),
        (bool(one.flaw), one.flaw),
        (bool(one.used_for), f"it was used before, for operation {one.used_for}"),
        (
            said.at < plan.made_at - SKEW,
            f"it says that it was signed at {said.at:%Y-%m-%d %H:%M:%S} UTC, before the plan was made",
        ),
        (
            said.at > now + SKEW,
            f"it says that it was signed at {said.at:%Y-%m-%d %H:%M:%S} UTC, which is still to come",
        ),
        (said.expires_at <= now, f"it expired at {said.expires_at:%Y-%m-%d %H:%M:%S} UTC"),
    )
    return next((why for is_so, why in checks if is_so), "")


def _no_request(said: Statement, plan: Plan, people: People, before: Brought | None) -> str:
    if _person(plan.requester, people) != said.approver:
        return f"the plan is {plan.requester}'s, and {said.approver} signed as who asked for it"
    return "the plan was asked for before" if before is not None else ""


def _no_approval(
    one: Brought,
    plan: Plan,
    rule: Rule,
    people: People,
    authors: frozenset[str],
    request: Brought | None,
    before: Iterable[Brought],
) -> str:
    said = one.statement
    if _person(said.approver, people) in authors:
        return f"{said.approver} asked for it, and nobody approves a plan of their own"
    if request is not None and request.key == one.key:
        return f"it is signed with the key of {request.statement.approver}, who asked for it"
    for other in before:
        if other.statement.approver == said.approver:
            return f"{said.approver} has approved it already, and counts once, with whatever key"
        if other.key == one.key:
            return f"it is signed with the key of {other.statement.approver}, who has approved it already"
    return _no_role(said, plan, rule, people)


def _no_rejection(said: Statement, plan: Plan, rule: Rule, people: People, authors: frozenset[str]) -> str:
    return "" if _person(said.approver, people) in authors else _no_role(said, plan, rule, people)


def _no_role(said: Statement, plan: Plan, rule: Rule, people: People) -> str:
    mine = people.roles_of(said.approver, plan.environment)
    if not people or rule.approvers & mine:
        return ""
    return (
        f"{said.approver} is {listed(mine, 'and')} in {plan.environment}, "
        f"and it takes the role {listed(rule.approvers)}"
    )


def others(plan: Plan, rule: Rule, people: People, authors: Iterable[str] = ()) -> tuple[str, ...]:
    """Who may approve a plan, as the configuration names them: nobody who asked for it."""
    asked = {_person(name, people) for name in (plan.requester, *authors)}
    return tuple(one for one in people.with_a_role(rule.approvers, plan.environment) if one not in asked)


def ahead(plan: Plan, rule: Rule, people: People) -> GuardResult | None:
    """What a plan is told of the policy before it waits; None where nobody else has a say."""
    if not rule.approvals:
        return None
    who = ", ".join(others(plan, rule, people))
    return GuardResult(
        guard=APPROVALS,
        ruling=Ruling.WARN,
        reason=f"It needs {wanted(rule.approvals, rule)}{who and f' ({who})'}; confirmed, it waits for that.",
        remedy="Who approves it runs `fedesk approve` with its id, or opens it in the desk.",
    )


def ruling(found: Standing) -> GuardResult | None:
    """What the policy says of a plan that is to be carried out; None where nobody else has a say."""
    if found.is_enough:
        if not found.rule.approvals:
            return None
        who = ", ".join(one.approver for one in found.approvals)
        return GuardResult(guard=APPROVALS, ruling=Ruling.ALLOW, reason=f"Approved by {who}.")
    said = found.said
    refused = "".join(f" Not counted: {one.why}." for one in found.refused)
    return GuardResult(
        guard=APPROVALS,
        ruling=Ruling.DENY,
        reason=f"{said[:1].upper()}{said[1:].rstrip('.')}.{refused}",
        remedy="Make the plan anew." if found.rejection is not None else "",
    )
