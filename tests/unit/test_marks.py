"""What follows from what people on call say of findings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.durations import parse_until
from fedesk.domain.front import Finding
from fedesk.domain.marks import (
    HELD_FOR,
    LONGEST_SILENCE,
    REMEMBERED,
    SHORT,
    FindingState,
    Mark,
    MarkError,
    MarkKind,
    Marks,
    check_quiet,
    in_queue,
    key_of,
    marks_of,
    person_of,
    short_of,
    theme_of,
)
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.states import Severity, State

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
AIRFLOW = ConnectionName("prod", "airflow")


def failed(run: str = "scheduled__2026-11-19", subject: str = "payments_daily") -> Finding:
    return Finding(
        id=f"failed:prod/airflow:{subject}:{subject}/{run}",
        kind="failed run",
        severity=Severity.PAGE,
        state=State.FAILED,
        subject=subject,
        what="dbt_test failed",
        since=NOW - HOUR,
        owner="engineering",
        todo="read the log",
        run=RunName(AIRFLOW, f"{subject}/{run}"),
    )


AWAY = replace(failed(), id="connection:prod/jenkins", kind="connection", subject="prod/jenkins", run=None)
UNKNOWN = replace(failed(), id="operation:0193", kind="operation", operation="0193")


def mark(kind: MarkKind, *, of: str = "", ago: timedelta = HOUR, **given_values: object) -> Mark:
    values: dict[str, object] = {"environment": "prod", "by": "mara", "record": 1} | given_values
    return Mark(finding=of or key_of(failed()), kind=kind, at=NOW - ago, **values)  # type: ignore[arg-type]  # its fields


def state(*said: Mark, finding: Finding | None = None, now: datetime = NOW) -> FindingState:
    numbered = [replace(one, record=number) for number, one in enumerate(said, start=1)]
    return marks_of(numbered, "prod").state(finding or failed(), now)


def test_who_acknowledges_has_it_until_somebody_else_does_or_it_is_given_back() -> None:
    """The last word holds; who gave it to somebody is told where that is another person."""
    taken = mark(MarkKind.ACKNOWLEDGE)
    assert (state(taken).holder, state(taken).held_since) == ("mara", NOW - HOUR)
    given_to = mark(MarkKind.ASSIGN, by="mara", whom="jon")
    assert (state(taken, given_to).holder, state(taken, given_to).assigned_by) == ("jon", "mara")
    assert state(given_to, mark(MarkKind.ASSIGN, by="jon", whom="jon")).assigned_by == ""
    assert state(given_to, taken).holder == "mara"
    assert state(taken, mark(MarkKind.RELEASE, by="jon")) == FindingState()


def test_order_is_that_of_the_audit_log_whatever_clocks_say() -> None:
    """A desk whose clock is behind has the last word all the same."""
    late = mark(MarkKind.RELEASE, by="jon", ago=5 * HOUR, record=2)
    assert marks_of([late, mark(MarkKind.ACKNOWLEDGE)], "prod").state(failed(), NOW).holder == ""


def test_the_next_failure_is_another_finding_and_only_a_silence_covers_it() -> None:
    """Who had the failure of yesterday has not that of today, nor does a snooze of it hold."""
    until = NOW + HOUR
    said = [
        mark(MarkKind.ACKNOWLEDGE),
        mark(MarkKind.SNOOZE, until=until),
    ]
    again = failed("scheduled__2026-11-20")
    assert state(*said).quiet is not None
    assert state(*said, finding=again) == FindingState()
    silence = mark(MarkKind.SILENCE, of=theme_of(failed()), until=until)
    assert state(silence, finding=again).quiet is not None
    assert state(silence, finding=failed(subject="ledger_load")).quiet is None
    assert state(silence, finding=replace(again, kind="deadline")).quiet is None


def test_who_has_what_comes_back_under_the_same_name_is_asked_anew_after_a_day() -> None:
    """Next week's outage has the id of today's; of a failed run it is remembered for as long as it counts."""
    of = key_of(AWAY)
    assert state(mark(MarkKind.ACKNOWLEDGE, of=of, ago=HELD_FOR), finding=AWAY).holder == "mara"
    longer = HELD_FOR + timedelta(seconds=1)
    assert state(mark(MarkKind.ACKNOWLEDGE, of=of, ago=longer), finding=AWAY).holder == ""
    assert state(mark(MarkKind.ACKNOWLEDGE, ago=longer)).holder == "mara"
    assert state(mark(MarkKind.ACKNOWLEDGE, ago=REMEMBERED + HOUR)).holder == ""


def test_a_snooze_that_has_ended_brings_it_back() -> None:
    """To the second, and in the place that it had."""
    snoozed = mark(MarkKind.SNOOZE, until=NOW)
    marks = marks_of([snoozed], "prod")
    before = NOW - timedelta(seconds=1)
    assert list(in_queue([AWAY, failed()], marks, before)) == [AWAY]
    assert list(in_queue([AWAY, failed()], marks, NOW)) == [AWAY, failed()]


def test_what_is_lifted_is_quiet_no_more_and_of_two_the_longer_one_is_told() -> None:
    """Each is lifted under the name that it is quiet under."""
    snoozed = mark(MarkKind.SNOOZE, until=NOW + HOUR)
    silenced = mark(MarkKind.SILENCE, of=theme_of(failed()), until=NOW + 2 * HOUR, whom="jon")
    quiet = state(snoozed, silenced).quiet
    assert quiet is not None
    assert (quiet.kind, quiet.owner, quiet.about) == (MarkKind.SILENCE, "jon", "failed run:payments_daily")
    lifted = state(snoozed, silenced, mark(MarkKind.LIFT, of=theme_of(failed()))).quiet
    assert lifted is not None
    assert lifted.kind is MarkKind.SNOOZE
    assert state(snoozed, mark(MarkKind.LIFT)).quiet is None
    assert [one.kind for one in marks_of([silenced, snoozed], "prod").quiets(NOW)] == ["snooze", "silence"]


def test_a_silence_that_claims_to_last_longer_ends_after_seven_days() -> None:
    """Whatever somebody has put into the table by hand."""
    silenced = mark(
        MarkKind.SILENCE, of=theme_of(failed()), ago=timedelta(0), until=NOW + 99 * LONGEST_SILENCE
    )
    quiet = state(silenced).quiet
    assert quiet is not None
    assert quiet.until == NOW + LONGEST_SILENCE
    assert state(silenced, now=NOW + LONGEST_SILENCE).quiet is None


def test_an_unknown_outcome_is_never_quiet() -> None:
    """It is refused, and what says so in the table counts for nothing."""
    with pytest.raises(MarkError, match="settle"):
        check_quiet(UNKNOWN, MarkKind.SNOOZE, NOW + HOUR, NOW)
    assert state(mark(MarkKind.SNOOZE, of=key_of(UNKNOWN), until=NOW + HOUR), finding=UNKNOWN).quiet is None


@pytest.mark.parametrize(
    ("kind", "until", "said"),
    [
        (MarkKind.SNOOZE, NOW, "is over already"),
        (MarkKind.SNOOZE, NOW + REMEMBERED + HOUR, "30 days at most"),
        (MarkKind.SILENCE, NOW + LONGEST_SILENCE + HOUR, "7 days at most"),
    ],
)
def test_what_is_no_time_to_be_quiet_until_is_refused(kind: MarkKind, until: datetime, said: str) -> None:
    """With the sentence that says why; just as long as it may is taken."""
    with pytest.raises(MarkError, match=said):
        check_quiet(failed(), kind, until, NOW)
    check_quiet(failed(), MarkKind.SILENCE, NOW + LONGEST_SILENCE, NOW)


def test_marks_of_another_environment_are_not_of_this_one() -> None:
    """A pipeline has the same name in each."""
    assert marks_of([mark(MarkKind.ACKNOWLEDGE, environment="dev")], "prod") == Marks({})


@given(st.text(max_size=2_000), st.text(max_size=2_000))
def test_a_name_is_bounded_and_two_findings_have_two(one: str, other: str) -> None:
    """Whatever a system calls its jobs: a key fits a database's index, and another id is another key."""
    keys = [key_of(replace(failed(), id=text)) for text in (one, other)]
    assert all(len(key) <= 300 and "\0" not in key for key in keys)
    plain = [text.encode("utf-8", "replace").replace(b"\0", "␀".encode()) for text in (one, other)]
    assert (keys[0] == keys[1]) == (plain[0] == plain[1])
    assert len(short_of(keys[0])[:SHORT]) == SHORT


def test_a_person_has_a_name() -> None:
    """On one line, and not without end."""
    assert person_of("  mara\n@x ") == "mara @x"
    for wrong in ("", " \n", "x" * 201):
        with pytest.raises(MarkError):
            person_of(wrong)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2h", "2026-11-20T04:43:10"),
        ("06:00", "2026-11-20T06:00:00"),
        ("2:43", "2026-11-21T02:43:00"),
        ("2026-11-21 06:00", "2026-11-21T06:00:00"),
        ("2026-11-21T06:00+01:00", "2026-11-21T05:00:00"),
    ],
)
def test_a_time_is_read_as_it_is_typed(text: str, wanted: str) -> None:
    """A length from now, the next such time of the zone, a moment."""
    moment = parse_until(text, NOW, ZoneInfo("Europe/London"))
    assert moment == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


def test_the_next_six_oclock_is_that_of_the_clocks_on_the_wall() -> None:
    """Over the night in which they go back, a day has 25 hours."""
    evening = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    found = parse_until("06:00", evening, ZoneInfo("Europe/London"))
    assert found == datetime(2026, 10, 25, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2h ago", "9" * 30 + "h"])
def test_what_is_no_time_is_said(text: str) -> None:
    """With how one is written."""
    with pytest.raises(ValueError, match="expected a time like 2h"):
        parse_until(text, NOW, UTC)
