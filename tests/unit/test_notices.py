"""Notices: pure functions from what is seen to what people are told."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from making import AIRFLOW, NOW, PROD, minutes
from operation_values import OWNER, draft_of
from operation_values import operation as waits

from fedesk.domain.approving import Action, Standing, Statement
from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.names import RunName
from fedesk.domain.notices import (
    AwaitedPlan,
    Event,
    Notice,
    Route,
    Voice,
    approvals,
    awaited_of,
    fit,
    happened,
    pages,
    receivers_of,
    started,
    stopped,
    taken_back,
    unknowns,
)
from fedesk.domain.open_operations import Course, OpenOperation
from fedesk.domain.operations import Stage
from fedesk.domain.policy import Rule
from fedesk.domain.states import Severity, State

PHI = replace(PROD, name="phi", phi=True)
LOG_TEXT = "patient 4711 has no consent"
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
PLAN = AwaitedPlan(
    operation="0199",
    environment="prod",
    subject="payments_daily",
    sentence="clear 3 task instances",
    requester="mara",
    reason="INC-4711",
    since=NOW - minutes(10),
    missing=1,
    approvers=("ann", "bob"),
    escalate_after=minutes(30),
    escalate_to=("eve",),
)


def finding(**given: object) -> Finding:
    values: dict[str, object] = {
        "id": "failed:prod/airflow:payments_daily:r1",
        "kind": "failed run",
        "severity": Severity.PAGE,
        "state": State.FAILED,
        "subject": "payments_daily",
        "what": f"dbt_test failed: {LOG_TEXT}",
        "since": NOW - minutes(12),
        "owner": "engineering",
        "todo": "read the log",
        "run": RunName(AIRFLOW, "payments_daily/r1"),
        "link": "https://airflow.example/r1",
        "runbook": "runbooks/payments_daily.md",
        "seen_on": AIRFLOW,
    }
    return Finding(**(values | given))  # type: ignore[arg-type]  # its fields


def operation(course: Course, environment: str = "prod", name: str = "0199") -> OpenOperation:
    return OpenOperation(
        id=name,
        kind="airflow-clear",
        environment=environment,
        subject="payments_daily",
        partition="2026-11-20",
        target="prod/airflow:payments_daily/r1",
        run=None,
        sentence="clear 3 task instances",
        requester="mara",
        course=course,
        said=LOG_TEXT,
        expires_at=NOW,
        since=NOW - minutes(5),
    )


def one(found: Iterator[Notice]) -> Notice:
    (notice,) = found
    return notice


def test_what_pages_is_told_with_what_one_needs() -> None:
    """Where, what, since when, whose, what to do, an address, and a command that shows the log."""
    notice = one(pages(PROD, [finding()], [], NOW))
    assert notice.key == "page:prod:failed:prod/airflow:payments_daily:r1"
    assert notice.subject == "prod: payments_daily: failed run"
    assert notice.text == (
        f"dbt_test failed: {LOG_TEXT}; since 2026-11-20 02:31 UTC; owner engineering; read the log;"
        " runbook runbooks/payments_daily.md"
    )
    assert (notice.link, notice.command) == (
        "https://airflow.example/r1",
        "fedesk log prod/airflow:payments_daily/r1",
    )
    assert notice.seen_on == "prod/airflow"


def test_only_what_pages_is_told() -> None:
    """Tickets and what is listed wait in the queue for who looks."""
    quieter = [finding(severity=Severity.TICKET), finding(severity=Severity.LISTED)]
    assert list(pages(PROD, quieter, [], NOW)) == []


def test_an_operation_is_told_of_once() -> None:
    """The finding of one that ended unknown is not told beside it; that of one that nobody took up is."""
    found = [finding(operation="0199"), finding(operation="0200")]
    known = [operation(Course.UNKNOWN), operation(Course.UNCLAIMED, name="0200")]
    assert len(list(pages(PROD, found, known, NOW))) == 1
    notice = one(unknowns(PROD, known, NOW))
    assert (notice.key, notice.command) == ("unknown:prod:0199", "fedesk operations recheck 0199")
    assert LOG_TEXT in notice.text


@pytest.mark.parametrize("course", [Course.RUNNING, Course.UNDECIDED, Course.UNCLAIMED])
def test_what_is_under_way_is_not_unknown(course: Course) -> None:
    """Nor is one of another environment."""
    assert list(unknowns(PROD, [operation(course), operation(Course.UNKNOWN, "dev")], NOW)) == []
    assert "its process has died" in one(unknowns(PROD, [operation(Course.LEFT)], NOW)).text


def test_in_phi_nothing_that_a_system_said_is_told() -> None:
    """Neither of a finding nor of an operation; what it is, where and since when is."""
    told = [
        *pages(PHI, [finding()], [], NOW),
        *unknowns(PHI, [operation(Course.UNKNOWN, "phi")], NOW),
    ]
    assert len(told) == 2
    assert LOG_TEXT not in repr(told)
    assert told[0].text.startswith("failed; since 2026-11-20 02:31 UTC; owner engineering")
    assert told[1].text.startswith("clear 3 task instances: what it did is not known; since")


def record(phase: Phase, age: timedelta, seq: int = 7) -> AuditRecord:
    draft = draft_of(phase, at=NOW - age, reason="Airflow burns", environment="prod")
    return AuditRecord(seq=seq, draft=draft, hash=f"{seq:064x}", raw=b"")


def test_a_broken_glass_is_told_for_a_week() -> None:
    """Who did what, why and where one reads it; other records are not told, nor what is long past."""
    notice = one(
        happened([record(Phase.BREAK_GLASS, timedelta(days=7)), record(Phase.INTENT, minutes(1))], NOW)
    )
    assert notice.event is Event.BREAK_GLASS
    assert "Airflow burns" in notice.text
    assert notice.command == "fedesk audit show 7"
    assert list(happened([record(Phase.BREAK_GLASS, timedelta(days=7, seconds=1))], NOW)) == []


def test_a_plan_that_waits_is_told_to_its_approvers_and_later_to_who_is_behind_them() -> None:
    """At exactly the wait of the policy it escalates; one that waits for nobody does neither."""
    wanted = one(approvals([PLAN], NOW))
    assert (wanted.event, wanted.people, wanted.command) == (
        Event.APPROVAL_WANTED,
        ("ann", "bob"),
        "fedesk approve 0199",
    )
    assert "asked for by mara: INC-4711" in wanted.text
    assert len(list(approvals([PLAN], NOW + minutes(20) - timedelta(seconds=1)))) == 1
    both = list(approvals([PLAN], NOW + minutes(20)))
    assert [(one.event, one.people) for one in both] == [
        (Event.APPROVAL_WANTED, ("ann", "bob")),
        (Event.ESCALATED, ("eve",)),
    ]
    assert list(approvals([replace(PLAN, missing=0)], NOW + minutes(60))) == []
    assert len(list(approvals([replace(PLAN, escalate_after=None)], NOW + minutes(600)))) == 1


def test_where_a_plan_stands_is_what_is_told_of_it() -> None:
    """What is missing, who may give it, who has; nothing is wanted of one that is rejected or under way."""
    waiting = replace(waits(), stage=Stage.CONFIRMED)
    rule = Rule(approvals=2, escalate_after=minutes(7))
    said = statement("ann")
    found = Standing(rule=rule, people=("ann", "bob"), approvals=(said,))
    plan = awaited_of(waiting, found, ("eve",), NOW)
    assert (plan.missing, plan.approvers, plan.escalate_after, plan.escalate_to) == (
        1,
        ("ann", "bob"),
        minutes(7),
        ("eve",),
    )
    assert plan.approved == (Voice(principal="ann", at=NOW, nonce=said.nonce, reason="looks right"),)
    no = replace(found, rejection=statement("bob"))
    assert awaited_of(waiting, no, (), NOW).missing == 0
    assert [one.event for one in approvals([awaited_of(waiting, no, (), NOW)], NOW)][-1] is Event.REJECTED
    assert awaited_of(replace(waiting, stage=Stage.RUNNING), found, (), NOW).missing == 0
    assert awaited_of(waiting, found, (), waiting.plan.expires_at).missing == 0, "it has expired"


def statement(who: str) -> Statement:
    return Statement(
        plan="0" * 64,
        operation="0199",
        environment="prod",
        action=Action.APPROVE,
        approver=who,
        nonce=f"{who:0>32}",
        at=NOW,
        expires_at=NOW,
        reason="looks right",
    )


def test_what_was_said_of_a_plan_is_told_to_its_requester() -> None:
    """Each voice once, by its nonce; a rejection with its reason."""
    plan = replace(
        PLAN,
        missing=0,
        approved=(Voice(principal="ann", at=NOW, nonce="n1"),),
        rejected=(Voice(principal="bob", at=NOW, nonce="n2", reason="not now"),),
    )
    given, rejected = approvals([plan], NOW)
    assert (given.event, given.people, given.key) == (
        Event.APPROVAL_GIVEN,
        ("mara",),
        "approval-given:prod:0199:n1",
    )
    assert given.subject == "prod: payments_daily: approved by ann"
    assert (rejected.event, rejected.text.partition(";")[0]) == (Event.REJECTED, "not now")
    assert list(approvals([plan], NOW + timedelta(days=8))) == []


def test_keys_are_the_same_over_restarts_and_one_for_each_thing() -> None:
    """They do not hold the time; a name of any length or kind makes one of bounded ASCII, and its own."""
    early, late = (one(pages(PROD, [finding()], [], NOW + minutes(ago))) for ago in (0, 600))
    assert early.key == late.key
    names = ["x" * 300, "x" * 301, "päge", "a\nb", "a\tb", f"VAULT_TOKEN={TOKEN}"]
    keys = [one(pages(PROD, [finding(id=name)], [], NOW)).key for name in names]
    assert len(set(keys)) == len(names)
    for key in keys:
        assert key.isascii()
        assert key.isprintable()
        assert len(key) <= 255, "PagerDuty takes no longer one"
        assert TOKEN not in key
    assert started(OWNER, 3, None, NOW).key != started(OWNER, 4, None, NOW).key
    assert started(OWNER, 3, OWNER, NOW).event is Event.DIED
    assert stopped(OWNER, 3, NOW).key == "stopped:3"


def test_a_notice_is_fit_to_be_sent() -> None:
    """Secrets are hidden, escapes gone, each part one line of bounded length."""
    raw = one(
        pages(
            PROD,
            [finding(subject=f"a\x1b[31m\n{TOKEN}", what="x" * 1_000_000, link=f"http://u:{TOKEN}@x")],
            [],
            NOW,
        )
    )
    notice = fit(raw)
    assert TOKEN not in repr(notice)
    assert "\x1b" not in repr(notice.subject)
    assert "\n" not in notice.subject + notice.text + notice.link + notice.command
    assert len(notice.text) <= 1000
    assert fit(notice) == notice
    over = taken_back(notice, NOW + minutes(1))
    assert (over.key, over.over, over.subject) == (notice.key, True, f"over: {notice.subject}")


def test_a_command_is_one_for_a_shell() -> None:
    """Whatever a job is called, its name is one word of the line that is pasted."""
    evil = RunName(AIRFLOW, "x; rm -rf ~/$(id)`id`'\"#1")
    command = one(pages(PROD, [finding(run=evil)], [], NOW)).command
    assert shlex.split(command) == ["fedesk", "log", str(evil)]


def notice_of(event: Event, environment: str, people: tuple[str, ...] = ()) -> Notice:
    return Notice(key="k", event=event, environment=environment, subject="s", text="t", at=NOW, people=people)


def test_routes_say_who_is_told() -> None:
    """By event and environment, each receiver once; of fedesk itself every way; people where they said."""
    prod = Route(events=frozenset({Event.PAGE}), environments=frozenset({"prod"}), to=("pager", "chat"))
    every = Route(to=("chat",))
    people = {"ann": ("mail", "chat")}
    for event, environment, who, wanted in (
        (Event.PAGE, "prod", (), ("pager", "chat")),
        (Event.PAGE, "dev", (), ("chat",)),
        (Event.UNKNOWN, "prod", (), ("chat",)),
        (Event.APPROVAL_WANTED, "prod", ("ann", "nobody"), ("chat", "mail")),
    ):
        assert receivers_of(notice_of(event, environment, who), (prod, every), people) == wanted
    itself = Route(environments=frozenset({"prod"}), to=("pager",))
    assert receivers_of(notice_of(Event.STARTED, ""), (itself,), {}) == ("pager",)


def test_environments_are_told_by_name() -> None:
    """The same finding in two environments is two."""
    dev = EnvironmentFacts(name="dev", production=False, mode="guarded", timezone="UTC")
    keys = {one(pages(where, [finding()], [], NOW)).key for where in (PROD, dev)}
    assert len(keys) == 2
