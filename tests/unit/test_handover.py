"""What stands in a handover, and that it is text wherever it is pasted."""

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import NOW, minutes
from markdown_it import MarkdownIt
from operation_values import operation

from fedesk.domain.board import Baseline, Board, JobHistory, Role, Subject
from fedesk.domain.catalogue import Deadline
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.handover import Handover, handover_of, risk_of
from fedesk.domain.handover_text import OPERATIONS, markdown, plain
from fedesk.domain.marks import Mark, MarkKind, key_of, marks_of, theme_of
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.open_operations import Course, open_operation
from fedesk.domain.runs import Run
from fedesk.domain.secrets import SecretMetadata, judge
from fedesk.domain.states import Severity, State, System
from fedesk.domain.windows import Occurrence, Window, WindowKind

LONDON = ZoneInfo("Europe/London")
PROD = EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="Europe/London")
AIRFLOW = ConnectionName("prod", "airflow")
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
USUAL = Baseline(median=minutes(30), p95=minutes(40), count=9)


def a_finding(text: str = "payments_daily") -> Finding:
    return Finding(
        id="failed:x",
        kind="failed run",
        severity=Severity.PAGE,
        state=State.FAILED,
        subject=text,
        what=f"dbt_test {text}",
        since=NOW - minutes(12),
        owner=text,
        todo="read the log",
        run=RunName(AIRFLOW, "payments_daily/r1"),
    )


def a_mark(kind: MarkKind, finding: str, **given_values: object) -> Mark:
    values: dict[str, object] = {"environment": "prod", "at": NOW - minutes(5), "by": "mara"} | given_values
    return Mark(kind=kind, finding=finding, **values)  # type: ignore[arg-type]  # its fields


def a_handover(text: str = "payments_daily", *, since: timedelta = timedelta(hours=8)) -> Handover:
    """One of everything; ``text`` wherever somebody else wrote."""
    finding = a_finding(text)
    quiet = replace(finding, id="failed:y", subject=f"{text} too")
    secret = SecretMetadata(connection=AIRFLOW, name=text, age_from=NOW - timedelta(days=98), owner=text)
    board = Board(
        environment=PROD,
        at=NOW,
        snapshots=(),
        pipelines=(),
        findings=(finding, quiet),
        secrets=(judge(secret, NOW, timedelta(days=90), timedelta(days=14)),),
        queue=(),
        histories=(),
        operations=(
            replace(open_operation(operation(3), alive=True, now=NOW), said=text, environment="prod"),
        ),
    )
    said = [
        a_mark(MarkKind.ASSIGN, key_of(finding), whom=text or "x", record=1),
        a_mark(MarkKind.NOTE, key_of(finding), said=text, by=text, record=2),
        a_mark(MarkKind.SILENCE, theme_of(quiet), said=text, until=NOW + timedelta(days=2), record=3),
    ]
    ended = [replace(operation(number), ended_at=NOW - minutes(60 * number), said=text) for number in (1, 9)]
    freeze = Window(
        id="freeze-1",
        kind=WindowKind.FREEZE,
        environment="prod",
        pipeline=text,
        starts=NOW.replace(tzinfo=None),
        ends=None,
        zone="UTC",
        reason=text,
        opened_at=NOW,
        opened_by=text,
    )
    ahead = Occurrence(window=freeze, start=NOW + minutes(60), end=NOW + minutes(120))
    return handover_of(
        board,
        marks_of(said, "prod"),
        since=NOW - since,
        windows=[ahead],
        ended=ended,
        unread=("Jenkins is away.",),
    )


def test_it_has_what_is_open_who_has_it_and_what_has_ended_since() -> None:
    """What is quiet stands apart; an operation that ended before the shift is not told."""
    text = markdown(a_handover(), LONDON, "Europe/London")
    sections = dict(part.split("\n\n", 1) for part in text.split("\n## ")[1:])
    failed = "- page: payments\\_daily, failed run since 02:31: dbt\\_test payments\\_daily; "
    assert sections["Open findings"].splitlines()[:3] == [
        f"{failed}payments\\_daily has it since 02:38, owner payments\\_daily",
        "  - run prod/airflow:payments\\_daily/r1",
        "  - 02:38 payments\\_daily: payments\\_daily",
    ]
    assert sections["Snoozed and silenced"].startswith(
        "- silence until 2026-11-22 02:43, of failed run:payments\\_daily too, by mara: payments\\_daily\n"
    )
    assert sections["Secrets due"].startswith("- overdue by 8d: payments\\_daily on prod/airflow")
    assert sections["Freezes, holds and maintenance"].startswith(
        "- from 03:43 until 04:43: freeze of payments\\_daily in prod, by payments\\_daily: "
    )
    assert sections["Incidents that go on"].startswith("none")
    assert len(sections["Ended since 2026-11-19 18:43"].splitlines()) == 1
    assert "- Jenkins is away." in text.split("\n## ", maxsplit=1)[0]


def test_on_a_screen_it_is_the_same_without_escapes() -> None:
    """Line by line, as one reads it."""
    marked = markdown(a_handover(), LONDON, "Europe/London").splitlines()
    shown = plain(a_handover(), LONDON, "Europe/London")
    assert [line.replace("\\", "") for line in marked] == list(shown)


@given(st.text(alphabet=st.sampled_from("ab1-+.) #*_[](){}<>|`~!&$\\\n\t\x1b\u202e:/"), max_size=40))
def test_whatever_somebody_wrote_is_text_in_it(text: str) -> None:
    """As many points and headings as of plain words, and nothing but text in them; no secret."""
    found = PARSER.parse(markdown(a_handover(f"{text} password={TOKEN}"), LONDON, "UTC"))
    usual = PARSER.parse(markdown(a_handover(), LONDON, "UTC"))
    assert [token.type for token in found] == [token.type for token in usual]
    inside = [child for token in found if token.type == "inline" for child in token.children or []]
    assert {child.type for child in inside} <= {"text", "text_special", "code_inline"}
    code = [child.content for child in inside if child.type == "code_inline"]
    assert all(one.startswith("fedesk operations show ") for one in code)
    assert TOKEN not in repr(inside)


def test_however_an_operation_goes_it_is_told_in_one_place() -> None:
    """A course that is added has a place, or this fails."""
    places = [course for _, courses in OPERATIONS for course in courses]
    assert sorted(places) == sorted(Course)


def a_run(state: State, *, started: float | None = 20) -> JobHistory:
    run = Run(
        name=RunName(AIRFLOW, "payments_daily/r1"),
        job="payments_daily",
        state=state,
        original_state=state.value,
        link="",
        started_at=None if started is None else NOW - minutes(started),
        ended_at=NOW - minutes(1) if state.is_final else None,
        run_after=NOW - minutes(25),
        reason="",
    )
    deadline = Deadline(time(3), "Europe/London")
    subject = Subject(name="payments_daily", role=Role.DATA, deadline=deadline)
    key = (System.AIRFLOW, "payments_daily")
    return JobHistory(connection=AIRFLOW, key=key, subject=subject, job=None, runs=(run,), baseline=USUAL)


@pytest.mark.parametrize(
    ("state", "started", "expected"),
    [
        (State.SUCCEEDED, 20, None),
        # Due at 03:00, usually half an hour: begun 20 minutes ago it is in time, 5 minutes ago it is not.
        (State.RUNNING, 20, None),
        (State.RUNNING, 5, minutes(25)),
        (State.QUEUED, None, minutes(30)),
        (State.FAILED, 20, minutes(30)),
    ],
)
def test_a_deadline_is_at_risk_while_the_run_will_not_be_there(
    state: State, started: float | None, expected: timedelta | None
) -> None:
    """What failed always is; what goes on, where it is usually too long for the time that is left."""
    risk = risk_of(a_run(state, started=started), NOW)
    assert (risk is None) == (expected is None)
    if risk is not None and expected is not None:
        assert (risk.due, risk.expected) == (NOW.replace(hour=3, minute=0, second=0), NOW + expected)


def test_a_deadline_that_has_passed_was_missed() -> None:
    """Until the run succeeds."""
    late = NOW + timedelta(hours=2)
    assert risk_of(a_run(State.RUNNING), late) is not None
    assert risk_of(a_run(State.SUCCEEDED), late) is None
