"""Times of log lines: recognised, hidden, told on other clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.log_times import Times, timed, told

LONDON = ZoneInfo("Europe/London")
START = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "at", "rest"),
    [
        ("2026-07-01T10:00:05.250Z INFO x", "10:00:05", "INFO x"),
        ("[2026-07-01T10:00:05.250Z] + dbt run", "10:00:05", "+ dbt run"),
        ("[2026-07-01, 12:00:05 +0200] {a.py:1} x", "10:00:05", "{a.py:1} x"),
        ("[2026-07-01, 10:00:05 UTC] x", "10:00:05", "x"),
        ("2026-07-01 10:00:05,123 x", "10:00:05", "x"),
        ("02:31:13  1 of 9 START", None, "1 of 9 START"),
        ("no time here", None, "no time here"),
        ("2026-99-01T10:00:05Z x", None, "2026-99-01T10:00:05Z x"),
        ("0001-01-01T00:00:00+14:00 x", None, "0001-01-01T00:00:00+14:00 x"),
    ],
)
def test_times_are_recognised(line: str, at: str | None, rest: str) -> None:
    """The forms of Airflow, of Jenkins' timestamper and of Python's logging; what is none stays."""
    found = timed(line)
    assert (None if found.at is None else f"{found.at:%H:%M:%S}", found.rest) == (at, rest)


def test_times_are_told_as_they_are_wanted() -> None:
    """Hidden, on the environment's clocks (summer time), since the first line; other lines as they were."""
    line = "2026-07-01T10:01:05.9Z INFO x"
    assert told(line, Times.HIDDEN) == "INFO x"
    assert told(line, Times.LOCAL, LONDON) == "11:01:05 INFO x"
    assert told(line, Times.RELATIVE, start=START) == "+0:01:05 INFO x"
    assert told("2026-07-01T09:59:50Z x", Times.RELATIVE, start=START) == "-0:00:10 x"
    for times in Times:
        assert told("plain", times, LONDON, START) == "plain"
    assert told("02:31:13  dbt", Times.LOCAL, LONDON) == "02:31:13  dbt"


@given(st.text(max_size=100), st.sampled_from(list(Times)))
def test_any_line_is_told(line: str, times: Times) -> None:
    """Whatever a line begins with, it is told without a fault, and as written it is itself."""
    shown = told(line, times, LONDON, START)
    assert times is not Times.AS_WRITTEN or shown == line


def test_the_ways_go_round() -> None:
    """Pressed four times the key is back where it began."""
    times = Times.AS_WRITTEN
    seen = []
    for _ in range(4):
        times = times.following
        seen.append(times)
    assert seen == [Times.HIDDEN, Times.LOCAL, Times.RELATIVE, Times.AS_WRITTEN]
