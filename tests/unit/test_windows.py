"""Windows as values: which instants a wall time is, what a window covers, which of several is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from making import NOW, minutes
from window_values import a_window

from fedesk.domain.windows import (
    Occurrence,
    Reach,
    Window,
    WindowKind,
    first_shown,
    foremost,
    last_shown,
    until_said,
)

PIPELINE = Reach(
    environment="prod", pipelines=frozenset({"payments_daily"}), services=frozenset({"payments"})
)


@pytest.mark.parametrize(
    ("zone", "wall", "first", "last"),
    [
        # An ordinary time, on both sides of the change.
        ("Europe/London", "2026-01-15T02:30:00", "2026-01-15T02:30:00Z", "2026-01-15T02:30:00Z"),
        ("Europe/London", "2026-07-15T02:30:00", "2026-07-15T01:30:00Z", "2026-07-15T01:30:00Z"),
        # 01:00 to 02:00 does not exist: both are the jump.
        ("Europe/London", "2026-03-29T00:59:59", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"),
        ("Europe/London", "2026-03-29T01:00:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/London", "2026-03-29T01:37:11", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/London", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
        # 01:00 to 02:00 exists twice: from the first, to the second.
        ("Europe/London", "2026-10-25T01:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("Europe/London", "2026-10-25T02:00:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
        ("America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z"),
        ("America/New_York", "2026-11-01T01:59:59", "2026-11-01T05:59:59Z", "2026-11-01T06:59:59Z"),
        ("America/New_York", "2026-11-01T02:00:00", "2026-11-01T07:00:00Z", "2026-11-01T07:00:00Z"),
        # Half an hour is left out, and half an hour is there twice.
        ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z"),
        ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"),
        # A zone that left a whole day out.
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"),
    ],
)
def test_a_wall_time_is_an_instant_to_the_second(zone: str, wall: str, first: str, last: str) -> None:
    """One that does not exist is the jump; of one that exists twice a start is the first, an end the last."""
    given = datetime.fromisoformat(wall)
    assert first_shown(given, ZoneInfo(zone)) == datetime.fromisoformat(first)
    assert last_shown(given, ZoneInfo(zone)) == datetime.fromisoformat(last)


def test_an_occurrence_has_its_start_and_not_its_end() -> None:
    """Start inclusive, end exclusive, to the microsecond; without an end it goes on."""
    one = Occurrence(window=a_window(), start=NOW, end=NOW + minutes(1))
    moment, end = timedelta(microseconds=1), NOW + minutes(1)
    instants = (NOW - moment, NOW, end - moment, end)
    assert [one.holds_at(instant) for instant in instants] == [False, True, True, False]
    assert replace(one, end=None).holds_at(NOW + timedelta(days=4000))


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        ({}, True),
        ({"environment": "staging"}, False),
        ({"pipeline": "payments_daily"}, True),
        ({"pipeline": "ledger_load"}, False),
        ({"service": "payments"}, True),
        ({"service": "ledger"}, False),
        ({"service": "payments", "environment": "staging"}, False),
        # A pipeline is no service of the same name.
        ({"service": "payments_daily"}, False),
        ({"pipeline": "payments"}, False),
    ],
)
def test_what_a_window_covers(given: dict[str, Any], covers: bool) -> None:  # noqa: FBT001 - a table's column
    """All of its environment, or one pipeline, or one service with what it carries."""
    assert a_window(**given).covers(PIPELINE) is covers


def test_a_window_of_a_pipeline_does_not_cover_what_is_of_none() -> None:
    """What is of no pipeline and no service lies in windows of all of the environment alone."""
    nothing = Reach(environment="prod")
    assert a_window().covers(nothing)
    assert not a_window(pipeline="payments_daily").covers(nothing)


def test_of_several_the_one_that_ends_last_is_told() -> None:
    """One without an end before all; the older of two that end together."""
    early = Occurrence(window=a_window(), start=NOW - minutes(9), end=NOW + minutes(5))
    late = replace(early, end=NOW + minutes(50))
    older = replace(late, start=NOW - minutes(10))
    endless = replace(early, end=None)
    assert foremost([early, late, older]) is older
    assert foremost([late, endless, older]) is endless
    assert foremost([]) is None


@pytest.mark.parametrize(
    ("zone", "end", "said"),
    [
        ("UTC", NOW + minutes(20), "until 02:40"),
        ("UTC", NOW + timedelta(minutes=20, seconds=5), "until 02:40:05"),
        ("UTC", NOW + timedelta(days=1), "until 2026-11-21 02:20"),
        ("America/New_York", NOW + minutes(20), "until 21:40"),
        ("UTC", None, "until it is removed"),
    ],
)
def test_until_when_is_said_in_the_window_s_zone(zone: str, end: datetime | None, said: str) -> None:
    """The clock alone on the same day there, else with the date; seconds where there are any."""
    now = datetime(2026, 11, 20, 2, 20, tzinfo=UTC)
    moved = None if end is None else end - NOW + now
    assert until_said(Occurrence(window=a_window(zone=zone), start=now, end=moved), now) == said


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (a_window(), "all of prod"),
        (a_window(pipeline="payments_daily"), "payments_daily in prod"),
        (a_window(WindowKind.HOLD, service="payments"), "service payments in prod"),
    ],
)
def test_a_scope_in_words(window: Window, said: str) -> None:
    """What is covered, and where."""
    assert window.scope == said
