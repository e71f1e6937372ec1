"""Every kind of finding, whole: its identity, its words, whose it is, since when, and what to do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from making import AIRFLOW, JENKINS, NOW, PROD, minutes, run

from fedesk.domain.board import Baseline, JobHistory, Role, Subject
from fedesk.domain.catalogue import Deadline, Tier
from fedesk.domain.front import Finding
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Failure, Observation, Problem, Snapshot, TokenLease
from fedesk.domain.open_operations import Course, OpenOperation
from fedesk.domain.runs import Job, Load, QueueItem, Run
from fedesk.domain.secrets import SecretMetadata, judge
from fedesk.domain.states import FailureKind, Severity, State, System
from fedesk.domain.triage import Facts, findings, in_order

STAGING = replace(PROD, name="staging", production=False)
VAULT = ConnectionName("prod", "vault")
PAYMENTS = Subject(
    name="payments_daily",
    role=Role.DATA,
    owner="engineering",
    tier=Tier.PAGE,
    catalogued=True,
    runbook="runbooks/p.md",
)
AT_SIX = replace(PAYMENTS, deadline=Deadline(time(6), "UTC"))
SIX = NOW.replace(hour=6, minute=0, second=0)
BAD = replace(run("payments_daily", State.FAILED, reason="dbt_test failed"), link="http://h/r")
BLANK = Finding(
    id="",
    kind="",
    severity=Severity.LISTED,
    state=State.UNSTABLE,
    subject="",
    what="",
    since=None,
    owner="",
    todo="",
)
OF_PAYMENTS = replace(
    BLANK,
    subject="payments_daily",
    owner="engineering",
    runbook="runbooks/p.md",
    run=BAD.name,
    link="http://h/r",
    seen_on=AIRFLOW,
)


def history(
    *runs: Run, subject: Subject = PAYMENTS, usual: Baseline | None = None, job: Job | None = None
) -> JobHistory:
    key = (System.AIRFLOW, "payments_daily")
    return JobHistory(connection=AIRFLOW, key=key, subject=subject, job=job, runs=runs, baseline=usual)


def usually(median: float, p95: float) -> Baseline:
    return Baseline(median=minutes(median), p95=minutes(p95), count=9)


def facts(*histories: JobHistory, now: datetime = NOW) -> Facts:
    """Facts of production in which there is nothing but these jobs."""
    return Facts(environment=PROD, now=now, snapshots=(), histories=histories, secrets=(), queue=(), loads={})


def seen(observation: Observation | None, connection: ConnectionName = AIRFLOW) -> Snapshot:
    return Snapshot(connection=connection, system=System.AIRFLOW, address="http://h", observation=observation)


def under_way(ago: float, **given: object) -> Run:
    made = run("payments_daily", State.RUNNING, ago=ago)
    return replace(made, link="http://h/r", **given)  # type: ignore[arg-type]  # the fields of a run


def test_a_failed_run_is_told_with_all_that_holds_of_it() -> None:
    """Named after the newest failure of a row and told by it, since that ended."""
    first = replace(BAD, name=RunName(AIRFLOW, "payments_daily/r0"))
    expected = replace(
        OF_PAYMENTS,
        id="failed:prod/airflow:payments_daily:payments_daily/r1",
        kind="failed run",
        severity=Severity.PAGE,
        state=State.FAILED,
        what="dbt_test failed, 2 in a row",
        since=BAD.ended_at,
        todo="read the log, then re-run from failed",
    )
    assert findings(facts(history(BAD, first))) == (expected,)
    again = replace(
        expected, what="dbt_test failed, 2 in a row, running again", todo="it runs again: wait for it"
    )
    assert findings(facts(history(under_way(1), BAD, first))) == (again,)
    (bare,) = findings(facts(history(replace(BAD, reason=""))))
    assert bare.what == "failed"


def test_a_ci_job_is_told_by_its_role() -> None:
    """Its row says that it is no run of the data; a quiet pipeline's build stays quiet."""
    ci = replace(PAYMENTS, role=Role.CI)
    (loud,) = findings(facts(history(BAD, subject=ci)))
    assert (loud.subject, loud.severity) == ("ci payments_daily", Severity.TICKET)
    (quiet,) = findings(facts(history(BAD, subject=replace(ci, tier=Tier.LIST))))
    assert quiet.severity is Severity.LISTED


@pytest.mark.parametrize(
    ("newest", "since"),
    [
        (BAD, BAD.ended_at),
        (replace(BAD, ended_at=None), BAD.started_at),
        (replace(BAD, ended_at=None, started_at=None, run_after=NOW - minutes(61)), NOW - minutes(61)),
    ],
)
def test_a_finding_of_a_run_stands_since_its_last_known_moment(newest: Run, since: datetime) -> None:
    """When it ended, else when it began, else when it was due."""
    assert [one.since for one in findings(facts(history(newest)))] == [since]


@pytest.mark.parametrize(
    ("ago", "usual", "what"),
    [
        (6, usually(1, 1), "running 6m, usually 1m"),
        (5.99, usually(1, 1), None),
        (20, usually(8, 10), "running 20m, usually 8m"),
        (19.99, usually(8, 10), None),
        (59.99, usually(1, 1), "running 59m, usually 1m"),
        (60, usually(1, 1), "running 1h00m, usually 1m"),
        (48 * 60 - 1, usually(90, 91), "running 47h59m, usually 1h30m"),
        (48 * 60, usually(0.5, 1), "running 2d, usually 0m"),
        (96 * 60 - 1, usually(1, 1), "running 3d, usually 1m"),
        (600, None, None),
    ],
)
def test_a_slow_run_is_told_by_how_long_it_runs(ago: float, usual: Baseline | None, what: str | None) -> None:
    """From twice its 95th percentile and five minutes more on; days from two on; without a usual, never."""
    found = findings(facts(history(under_way(ago), usual=usual)))
    expected = replace(
        OF_PAYMENTS,
        id=f"late:{BAD.name}",
        kind="slow run",
        severity=Severity.TICKET,
        what=what or "",
        since=NOW - minutes(ago),
        todo="see what it waits for",
    )
    assert found == ((expected,) if what else ())


def test_a_run_that_waits_says_for_what() -> None:
    """Its reason, else the system's own word; a run that works says neither."""
    waiting = under_way(60, state=State.WAITING, original_state="up_for_retry")
    for newest, what, state in (
        (waiting, "up_for_retry, running 1h00m, usually 1m", State.WAITING),
        (replace(waiting, reason="asks mara"), "asks mara, running 1h00m, usually 1m", State.WAITING),
        (under_way(60), "running 1h00m, usually 1m", State.UNSTABLE),
    ):
        (found,) = findings(facts(history(newest, usual=usually(1, 1))))
        assert (found.what, found.state) == (what, state)


@pytest.mark.parametrize(
    ("newest", "usual", "now", "what"),
    [
        (under_way(10), None, SIX, None),
        (under_way(10), None, SIX + minutes(1), "1m past 06:00"),
        (under_way(10), usually(500, 500), SIX - minutes(1), "expected 4h53m past 06:00"),
        (replace(BAD, run_after=NOW), None, SIX + minutes(5), "dbt_test failed, 5m past 06:00"),
        (replace(BAD, run_after=NOW), usually(500, 500), SIX - minutes(5), "dbt_test failed"),
        (under_way(10, started_at=None), usually(500, 500), SIX, None),
        (under_way(10, started_at=SIX - minutes(30)), usually(30, 500), SIX - minutes(1), None),
        (under_way(10, started_at=SIX - minutes(30)), usually(31, 500), SIX, "expected 1m past 06:00"),
        (under_way(10, run_after=None, started_at=None), usually(1, 500), SIX + minutes(9), None),
    ],
)
def test_a_deadline_is_missed_after_it_and_at_risk_before_it(
    newest: Run, usual: Baseline | None, now: datetime, what: str | None
) -> None:
    """At the very minute nothing is late; a run is expected to take what is usual."""
    found = findings(facts(history(newest, subject=AT_SIX, usual=usual), now=now))
    said = [
        one.what.removeprefix("running ").partition(", usually ")[2].partition(", ")[2] or one.what
        for one in found
    ]
    assert said == ([what] if what else [])
    assert {one.severity for one in found} <= {Severity.PAGE}


LOAD = Load(
    run_id="r",
    pipeline="payments_daily",
    partition="2026-11-19",
    status="SUCCESS",
    rows_loaded=0,
    started_at=NOW - minutes(9),
    ended_at=NOW - minutes(8),
)
EMPTY = replace(
    OF_PAYMENTS,
    id="empty:payments_daily:2026-11-19",
    kind="empty load",
    severity=Severity.TICKET,
    what="partition 2026-11-19 was loaded with no rows",
    since=LOAD.ended_at,
    todo="ask whether no data is right for that day",
    link="",
    seen_on=None,
)


def test_an_empty_load_is_told_with_its_pipeline() -> None:
    """A ticket at most; listed where nobody knows whose it is. With rows, or failed, it is none."""
    good = replace(BAD, state=State.SUCCEEDED)
    of = facts(history(good), history(good, subject=replace(PAYMENTS, role=Role.CI, owner="qa")))
    full = replace(LOAD, rows_loaded=1)
    loads = {
        "full": full,
        "unknown": replace(LOAD, rows_loaded=None),
        "broken": replace(LOAD, status="failed"),
        "payments_daily": LOAD,
    }
    assert findings(replace(of, loads=loads)) == (EMPTY,)
    listed = history(good, subject=replace(PAYMENTS, tier=Tier.LIST))
    (quiet,) = findings(replace(facts(listed), loads=loads))
    assert quiet.severity is Severity.LISTED
    (unseen,) = findings(replace(facts(history()), loads=loads))
    assert unseen == replace(EMPTY, run=None)
    stray = replace(LOAD, partition="", ended_at=None)
    assert findings(replace(facts(), loads={"stray": stray})) == (
        replace(
            EMPTY,
            id="empty:stray:",
            severity=Severity.LISTED,
            subject="stray",
            what="partition without a name was loaded with no rows",
            since=LOAD.started_at,
            owner="",
            run=None,
            runbook="",
        ),
    )


@pytest.mark.parametrize("status", ["success", "Succeeded", "OK", "loaded", "complete", "completed"])
def test_a_load_succeeds_in_the_words_of_any_loader(status: str) -> None:
    """Case does not matter."""
    assert len(findings(replace(facts(), loads={"x": replace(LOAD, status=status)}))) == 1


@pytest.mark.parametrize("kind", ["sealed", "scheduler", "metadatabase"])
def test_a_system_that_cannot_work_pages_in_production_alone(kind: str) -> None:
    """Its problem is told as the system tells it."""
    problem = Problem(kind=kind, where="triggerer", text="no heartbeat", since=NOW, link="http://h/p")
    of = replace(facts(), snapshots=(seen(None), seen(Observation(problems=(problem,)))))
    expected = replace(
        BLANK,
        id=f"problem:prod/airflow:{kind}:triggerer",
        kind=kind,
        severity=Severity.PAGE,
        state=State.FAILED,
        subject="triggerer",
        what=f"{kind}: no heartbeat",
        since=NOW,
        todo="look at the system itself",
        link="http://h/p",
        seen_on=AIRFLOW,
    )
    assert findings(of) == (expected,)
    assert findings(replace(of, environment=STAGING)) == (replace(expected, severity=Severity.TICKET),)


def test_any_other_problem_is_a_ticket() -> None:
    """Where it names no place, it is the connection's."""
    problem = Problem(kind="import error", where="", text="x.py")
    (found,) = findings(replace(facts(), snapshots=(seen(Observation(problems=(problem,))),)))
    assert (found.severity, found.state, found.subject) == (Severity.TICKET, State.UNSTABLE, "prod/airflow")


def test_a_connection_that_cannot_be_read_is_told_whatever_was_known() -> None:
    """With rows of an earlier look or without; one that is read says nothing."""
    failure = Failure(kind=FailureKind.TIMEOUT, sentence="no answer within 20 s")
    gone = replace(seen(None), failure=failure, failed_since=NOW)
    of = replace(facts(), snapshots=(seen(Observation()), gone, replace(gone, observation=Observation())))
    expected = replace(
        BLANK,
        id="connection:prod/airflow",
        kind="connection",
        severity=Severity.TICKET,
        state=State.UNKNOWN,
        subject="prod/airflow",
        what="no answer within 20 s",
        since=NOW,
        todo="what it would show is unknown until it answers",
        link="http://h",
    )
    assert findings(of) == (expected, expected)


def waits(ago: float, why: str, connection: ConnectionName = JENKINS, *, stuck: bool = False) -> QueueItem:
    at = NOW - minutes(ago)
    return QueueItem(
        connection=connection, id="1", job="x", why=why, since=at, stuck=stuck, link=f"http://{why}"
    )


def test_builds_that_wait_are_one_finding_a_controller() -> None:
    """Longer than ten minutes, or stuck in the controller's own words; the oldest says why."""
    other = ConnectionName("prod", "jenkins-emea")
    queue = (
        waits(10, "young"),
        waits(1, "stuck", stuck=True),
        waits(10.1, "label"),
        waits(60, "offline", other),
    )
    first, second = findings(replace(facts(), queue=queue))
    assert first == replace(
        BLANK,
        id="queue:prod/jenkins",
        kind="queue",
        severity=Severity.TICKET,
        state=State.QUEUED,
        subject="prod/jenkins",
        what="2 builds wait for an executor: label",
        since=NOW - minutes(10.1),
        todo="look at the executors",
        link="http://label",
        seen_on=JENKINS,
    )
    assert (second.id, second.what) == ("queue:prod/jenkins-emea", "1 build waits for an executor: offline")


def test_secrets_are_one_finding_a_verdict() -> None:
    """The worst is named first and is whose the row is; three names fit, more are an ellipsis."""
    days = {"old": 100, "oldest": 300, "older": 200, "due": 76, "now": 90, "sooner": 89, "dueish": 80}
    metadata = [
        SecretMetadata(connection=VAULT, name=name, owner=f"of {name}", age_from=NOW - timedelta(days=age))
        for name, age in days.items()
    ]
    metadata.append(SecretMetadata(connection=VAULT, name="lost", age_from=None, owner="qa"))
    judged = tuple(judge(one, NOW, timedelta(days=90), timedelta(days=14)) for one in metadata)
    overdue, unknown, due = findings(replace(facts(), secrets=judged))
    assert overdue == replace(
        BLANK,
        id="secrets:overdue",
        kind="secrets",
        severity=Severity.TICKET,
        state=State.FAILED,
        subject="3 secrets overdue",
        what="oldest, older, old",
        since=NOW - timedelta(days=210),
        owner="of oldest",
        todo="rotate the oldest first",
        seen_on=VAULT,
    )
    assert unknown == replace(
        BLANK,
        id="secrets:undetermined",
        kind="secrets",
        state=State.UNKNOWN,
        subject="1 secret of unknown age",
        what="lost",
        owner="qa",
        todo="find out their age",
        seen_on=VAULT,
    )
    assert (due.id, due.state, due.subject, due.what, due.since, due.owner, due.todo) == (
        "secrets:due",
        State.UNSTABLE,
        "4 secrets due",
        "now, sooner, dueish …",
        None,
        "of now",
        "rotate the oldest first",
    )
    elsewhere = replace(metadata[0], connection=ConnectionName("prod", "vault-emea"))
    judged = (*judged, judge(elsewhere, NOW, timedelta(days=90), timedelta(days=14)))
    assert findings(replace(facts(), secrets=judged))[0].seen_on is None


def test_a_verdict_that_no_secret_has_is_no_row() -> None:
    """The others are told all the same."""
    due = SecretMetadata(connection=VAULT, name="due", age_from=NOW - timedelta(days=80))
    judged = judge(due, NOW, timedelta(days=90), timedelta(days=14))
    assert [one.id for one in findings(replace(facts(), secrets=(judged,)))] == ["secrets:due"]


def test_a_token_is_told_of_from_a_day_before_its_end() -> None:
    """At exactly a day, and when it has ended; one that lasts or renews itself is passed over."""

    def leased(left: timedelta | None, *, renewable: bool = False) -> Snapshot:
        end = None if left is None else NOW + left
        lease = TokenLease(display_name="oncall", expires_at=end, renewable=renewable)
        return seen(Observation(token=lease), VAULT)

    day = timedelta(hours=24)
    silent = (
        seen(None),
        seen(Observation()),
        leased(None),
        leased(minutes(1), renewable=True),
        leased(day + timedelta(seconds=1)),
    )
    first, second = findings(replace(facts(), snapshots=(*silent, leased(day), leased(-day))))
    assert first == replace(
        BLANK,
        id="token:prod/vault",
        kind="token",
        severity=Severity.TICKET,
        subject="prod/vault",
        what="the token of oncall ends in 24h00m",
        todo="get a new one before it ends",
        seen_on=VAULT,
    )
    assert second.what == "the token of oncall ends in 0m"


def test_a_data_job_that_is_switched_off_is_listed() -> None:
    """Of catalogued data jobs alone; what nobody described, and what only checks code, is passed over."""
    off = Job(connection=AIRFLOW, name="payments_dag", enabled=False, link="http://h/j")
    passed = (
        history(),
        history(job=replace(off, enabled=True)),
        history(job=off, subject=replace(PAYMENTS, catalogued=False)),
        history(job=off, subject=replace(PAYMENTS, role=Role.CI)),
    )
    assert findings(facts(*passed, history(job=off))) == (
        replace(
            OF_PAYMENTS,
            id="paused:prod/airflow:payments_dag",
            kind="paused",
            what="payments_dag is switched off: nothing runs",
            todo="ask its owner whether that is meant",
            run=None,
            link="http://h/j",
        ),
    )


LEFT = OpenOperation(
    id="0192",
    kind="airflow.clear-failed",
    environment="prod",
    subject="payments_daily",
    partition="2026-11-19",
    target=str(BAD.name),
    run=BAD.name,
    sentence="clear 3",
    requester="mara",
    course=Course.UNKNOWN,
    said="503 from Airflow",
    expires_at=NOW,
    since=NOW - minutes(7),
    link="http://h/o",
)
DECIDE = "`fedesk operations decide 0192` with proceed or stop decides"
RECHECK = "recheck looks the effect up in its system and records what is found; it sends nothing"


def told(one: OpenOperation, *others: JobHistory, environment: object = PROD) -> tuple[Finding, ...]:
    """What is said of one operation, behind another that goes well."""
    of = facts(*others, history(replace(BAD, state=State.SUCCEEDED)))
    both = (replace(one, course=Course.RUNNING), one)
    return findings(replace(of, operations=both, environment=environment))  # type: ignore[arg-type]  # facts


def test_an_operation_whose_end_nobody_knows_is_told_with_its_pipeline() -> None:
    """It pages in production, elsewhere it is a ticket at most; without a pipeline it is the requester's."""
    expected = replace(
        OF_PAYMENTS,
        id="operation:0192",
        kind="operation",
        severity=Severity.PAGE,
        state=State.UNKNOWN,
        what="the operation ended unknown: 503 from Airflow",
        since=NOW - minutes(7),
        todo=f"{RECHECK}; where no look can tell, `fedesk operations settle 0192` takes your word",
        link="http://h/o",
        operation="0192",
        seen_on=None,
    )
    elsewhere = replace(history(BAD), connection=JENKINS, runs=())
    assert told(LEFT, elsewhere) == (expected,)
    assert told(replace(LEFT, environment="staging")) == ()
    assert told(replace(LEFT, course=Course.RUNNING)) == ()
    staged = replace(LEFT, environment="staging")
    assert told(staged, environment=STAGING) == (replace(expected, severity=Severity.TICKET),)
    listed = history(replace(BAD, state=State.SUCCEEDED), subject=replace(PAYMENTS, tier=Tier.LIST))
    assert [one.severity for one in told(staged, listed, environment=STAGING)] == [Severity.LISTED]
    for stray in (replace(staged, run=None, said=""), replace(staged, run=RunName(AIRFLOW, "x/y"), said="")):
        assert told(stray, environment=STAGING) == (
            replace(
                expected,
                severity=Severity.TICKET,
                what="the operation ended unknown",
                owner="mara",
                run=stray.run,
                runbook="",
            ),
        )


@pytest.mark.parametrize(
    ("given", "todo"),
    [
        (
            {"course": Course.UNDECIDED, "undecided": "review"},
            DECIDE,
        ),
        (
            {"course": Course.LEFT, "undecided": "review"},
            f"{DECIDE}, `fedesk execute 0192` carries it on",
        ),
        ({"course": Course.LEFT}, f"`fedesk execute 0192` carries it on; {RECHECK}"),
        (
            {"course": Course.UNCLAIMED},
            "`fedesk execute 0192` starts it; until it expires nobody else may",
        ),
        (
            {"course": Course.UNCLAIMED, "expires_at": NOW - timedelta(seconds=1)},
            "it has expired: recheck ends it",
        ),
    ],
)
def test_what_to_do_with_an_operation_goes_by_its_course(given: dict[str, object], todo: str) -> None:
    """Decide, carry on, look up, start or end: the command is named."""
    (found,) = told(replace(LEFT, **given))  # type: ignore[arg-type]  # the fields of an operation
    assert found.todo == todo


def order(*found: Finding) -> Sequence[str]:
    return [one.id for one in in_order(found, NOW)]


def test_findings_stand_by_severity_and_then_by_age() -> None:
    """What pages first; in each the newest first, and last what has no beginning."""
    page = replace(BLANK, id="page", severity=Severity.PAGE)
    ticket = replace(BLANK, id="ticket", severity=Severity.TICKET, since=NOW)
    old, new = (
        replace(BLANK, id="old", since=NOW - minutes(9)),
        replace(BLANK, id="new", since=NOW - minutes(8)),
    )
    assert order(BLANK, old, ticket, new, page) == ["page", "ticket", "new", "old", ""]
