"""When windows are in force: over both changes of the clocks, once and recurring, to the second."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from window_values import a_window

from fedesk.domain.windows import Window, WindowKind
from fedesk.services.calendar import WindowError, around, check, following, in_force

SECOND = timedelta(seconds=1)
LONDON, YORK, HOWE, TOKYO = "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"
DAILY, SUN, FRIDAY = "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=WEEKLY;BYDAY=FR"
CHANGES = {
    LONDON: (date(2026, 3, 29), date(2026, 10, 25)),
    YORK: (date(2026, 3, 8), date(2026, 11, 1)),
    HOWE: (date(2026, 4, 5), date(2026, 10, 4)),
}
"""The days on which clocks are changed, both ways."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def of(zone: str, starts: str, ends: str | None, recurs: str = "", **given_: Any) -> Window:
    return a_window(
        zone=zone, starts=at(starts), ends=None if ends is None else at(ends), recurs=recurs, **given_
    )


def holds(window: Window, moment: datetime) -> bool:
    return bool(in_force([window], moment).occurrences)


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "recurs", "begin", "end"),
    [
        (LONDON, "2026-12-24T18:00", "2027-01-02T08:00", "", "2026-12-24T18:00Z", "2027-01-02T08:00Z"),
        (YORK, "2026-12-24T18:00", "2027-01-02T08:00:07", "", "2026-12-24T23:00Z", "2027-01-02T13:00:07Z"),
        (TOKYO, "2026-12-24T18:00", "2027-01-02T08:00", "", "2026-12-24T09:00Z", "2027-01-01T23:00Z"),
        # Over the night in which an hour is left out, and the one in which an hour comes twice.
        (LONDON, "2026-03-28T22:00", "2026-03-29T06:00", "", "2026-03-28T22:00Z", "2026-03-29T05:00Z"),
        (LONDON, "2026-10-24T22:00", "2026-10-25T06:00", "", "2026-10-24T21:00Z", "2026-10-25T06:00Z"),
        # The same nights of a rule that recurs every night.
        (LONDON, "2026-01-01T22:00", "2026-01-02T06:00", DAILY, "2026-03-28T22:00Z", "2026-03-29T05:00Z"),
        (LONDON, "2026-01-01T22:00", "2026-01-02T06:00", DAILY, "2026-10-24T21:00Z", "2026-10-25T06:00Z"),
        # Starts that do not exist that day, and ends that exist twice.
        (YORK, "2026-01-04T02:30", "2026-01-04T05:00", SUN, "2026-03-08T07:00Z", "2026-03-08T09:00Z"),
        (YORK, "2026-01-04T00:15", "2026-01-04T01:30", SUN, "2026-11-01T04:15Z", "2026-11-01T06:30Z"),
        (HOWE, "2026-01-04T02:10", "2026-01-04T02:20:05", SUN, "2026-10-10T15:10Z", "2026-10-10T15:20:05Z"),
        (HOWE, "2026-01-04T01:40", "2026-01-04T01:50", SUN, "2026-04-04T14:40Z", "2026-04-04T15:20Z"),
        # Fridays from the evening to the morning of Monday.
        (LONDON, "2026-03-06T17:00", "2026-03-09T07:00", FRIDAY, "2026-03-27T17:00Z", "2026-03-30T06:00Z"),
    ],
)  # fmt: skip
def test_the_boundaries_to_the_second(
    zone: str, starts: str, ends: str, recurs: str, begin: str, end: str
) -> None:
    """Not in force a second before the start, in force with it, and not in force with the end."""
    window = of(zone, starts, ends, recurs)
    check(window)
    first, last = at(begin), at(end)
    assert [holds(window, one) for one in (first - SECOND, first, last - SECOND, last)] == [
        False,
        True,
        True,
        False,
    ]
    (found,) = in_force([window], first).occurrences
    assert (found.start, found.end) == (first, last)
    following_ = following(window, first - SECOND)
    assert following_ is not None
    assert following_.start == first


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_a_window_that_lies_in_the_hour_left_out_is_empty_that_day(zone: str) -> None:
    """Both its ends are the jump of the clocks; the day before and after it is as long as it reads."""
    jump = CHANGES[zone][zone == "Australia/Lord_Howe"]
    window = of(zone, "2026-01-01T02:05", "2026-01-01T02:25", "FREQ=DAILY")
    noon = datetime.combine(jump, time(12), ZoneInfo(zone))
    lengths = {
        one.end - one.start
        for one in around(replace(window, recurs="FREQ=DAILY"), noon)
        if one.end is not None
    }
    assert lengths == {timedelta(0), timedelta(minutes=20)}


def _slowly(window: Window, days: list[date], moment: datetime) -> bool:
    """In force by the definition: the clock has shown the start, and will yet show less than the end."""
    zone = ZoneInfo(window.zone)
    assert window.ends is not None
    length = window.ends - window.starts

    def shown(instant: datetime) -> datetime:
        return instant.astimezone(zone).replace(tzinfo=None)

    # No clock is changed by more than an hour here, so two hours on either side tell.
    near = [moment + timedelta(minutes=minute) for minute in range(-120, 121)]
    before = [shown(one) for one in near if one <= moment]
    after = [shown(one) for one in near if one >= moment]
    return any(
        any(one >= begin for one in before) and any(one < begin + length for one in after)
        for begin in (datetime.combine(day, window.starts.time()) for day in days)
    )


@given(
    zone=st.sampled_from(sorted(CHANGES)),
    change=st.integers(0, 1),
    start=st.integers(0, 24 * 60 - 1),
    length=st.integers(1, 30 * 60),
    recurs=st.sampled_from(["", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=DAILY;INTERVAL=2"]),
    offset=st.integers(-3 * 60, 27 * 60),
)
@example(zone="Europe/London", change=1, start=90, length=30, recurs="FREQ=DAILY", offset=150)
@example(zone="Europe/London", change=0, start=90, length=60, recurs="FREQ=DAILY", offset=60)
def test_in_force_is_what_the_clock_on_the_wall_says(
    zone: str, change: int, start: int, length: int, recurs: str, offset: int
) -> None:
    """Around each change of the clocks, by minutes, against the definition read off the clock itself."""
    changed = CHANGES[zone][change]
    first = changed - timedelta(days=14 if recurs else 0)
    begins = datetime.combine(first, time()) + timedelta(minutes=start)
    window = a_window(zone=zone, starts=begins, ends=begins + timedelta(minutes=length), recurs=recurs)
    moment = datetime.combine(changed, time(), UTC) + timedelta(minutes=offset)
    days = {
        "": [first],
        "FREQ=DAILY": [first + timedelta(days=day) for day in range(18)],
        # Clocks are changed on Sundays.
        "FREQ=WEEKLY;BYDAY=SU": [first + timedelta(days=day) for day in (0, 7, 14, 21)],
        "FREQ=DAILY;INTERVAL=2": [first + timedelta(days=day) for day in range(0, 18, 2)],
    }[recurs]
    assert holds(window, moment) is _slowly(window, days, moment)


@pytest.mark.parametrize(
    ("recurs", "after", "begins"),
    [
        ("", "2026-11-20T00:00:00Z", "2026-11-27T18:00:00Z"),
        ("", "2026-11-27T18:00:00Z", None),
        ("FREQ=WEEKLY;BYDAY=FR", "2026-11-27T18:00:00Z", "2026-12-04T18:00:00Z"),
        ("FREQ=WEEKLY;BYDAY=FR;COUNT=2", "2026-12-04T18:00:00Z", None),
        ("FREQ=WEEKLY;BYDAY=FR;UNTIL=20261204T180000Z", "2026-11-28T00:00:00Z", "2026-12-04T18:00:00Z"),
        ("FREQ=WEEKLY;BYDAY=FR;UNTIL=20261204T175959Z", "2026-11-28T00:00:00Z", None),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-11-28T00:00:00Z", "2026-12-25T18:00:00Z"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-11-28T00:00:00Z", "2028-02-29T18:00:00Z"),
    ],
)
def test_the_next_one(recurs: str, after: str, begins: str | None) -> None:
    """The first that begins later; none where the rule has come to its end, which UNTIL and COUNT say."""
    window = of("UTC", "2026-11-27T18:00", "2026-11-27T20:00", recurs)
    found = following(window, at(after))
    assert (None if found is None else found.start) == (None if begins is None else at(begins))


def test_an_until_in_utc_is_compared_on_the_wall() -> None:
    """RFC 5545 writes it in UTC; the last night in New York begins at that very moment, and is in."""
    window = of(
        "America/New_York", "2026-11-20T18:00", "2026-11-20T19:00", "FREQ=DAILY;UNTIL=20261121T230000Z"
    )
    assert holds(window, at("2026-11-21T23:30:00Z"))
    assert following(window, at("2026-11-21T23:00:00Z")) is None


def test_of_overlapping_occurrences_the_one_that_ends_last_is_in_force() -> None:
    """A window of three days that begins every day is one stretch."""
    window = of("UTC", "2026-11-20T00:00", "2026-11-23T00:00", "FREQ=DAILY")
    (found,) = in_force([window], at("2026-11-25T12:00:00Z")).occurrences
    assert (found.start, found.end) == (at("2026-11-25T00:00:00Z"), at("2026-11-28T00:00:00Z"))


def test_a_hold_lasts() -> None:
    """It has no end, and it does not recur."""
    hold = of("UTC", "2026-11-20T00:00", None, kind=WindowKind.HOLD)
    check(hold)
    assert holds(hold, at("2199-01-01T00:00:00Z"))
    assert not holds(hold, at("2026-11-19T23:59:59Z"))


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"recurs": "FREQ=SECONDLY"}, "finer than DAILY"),
        ({"recurs": "FREQ=HOURLY;BYDAY=FR"}, "finer than DAILY"),
        ({"recurs": "FREQ=DAILY;BYHOUR=3"}, "no part of a rule"),
        ({"recurs": "FREQ=DAILY;INTERVAL=0"}, "RFC 5545"),
        ({"recurs": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "never comes"),
        ({"recurs": "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1"}, "never comes"),
        ({"recurs": "FREQ=WEEKLY;UNTIL=20260101T000000Z"}, "has ended before"),
        ({"recurs": "FREQ=WEEKLY;BYDAY=1MO"}, "within a month or a year"),
        ({"recurs": "FREQ=YEARLY;BYDAY=53MO"}, "RFC 5545"),
        ({"recurs": "FREQ=DAILY\nRRULE:FREQ=DAILY"}, "RFC 5545"),
        ({"recurs": "FREQ=DAILY;FREQ=DAILY"}, "each part once"),
        ({"recurs": "FREQ=DAILY;UNTIL=20261399T000000Z"}, "is no rule of recurrence"),
        ({"recurs": "FREQ=DAILY;UNTIL=20261399"}, "is no rule of recurrence"),
        ({"recurs": "BYDAY=FR"}, "a FREQ"),
        ({"recurs": "every friday"}, "no part of a rule"),
        ({"recurs": "FREQ=DAILY;BYMONTHDAY=" + ",".join(["1"] * 200)}, "characters at most"),
        ({"zone": "Europe/Lundun"}, "no time zone"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"ends": None}, "has an end"),
        ({"kind": WindowKind.HOLD, "ends": None, "recurs": "FREQ=DAILY"}, "does not recur"),
        ({"ends": at("2026-11-20T18:00")}, "not after its start"),
        ({"starts": at("1999-11-20T18:00")}, "in a year from"),
        ({"ends": at("2028-11-20T18:00"), "recurs": "FREQ=YEARLY"}, "days at most"),
        # All of it lies in the hour that the clocks leave out.
        (
            {"zone": "Europe/London", "starts": at("2026-03-29T01:10"), "ends": at("2026-03-29T01:50")},
            "not after its start",
        ),
    ],
)
def test_what_cannot_be_set(given_: dict[str, Any], said: str) -> None:
    """A rule that is hostile, or never comes, is refused before it costs anything; so is an empty window."""
    values: dict[str, Any] = {"starts": at("2026-11-20T18:00"), "ends": at("2026-11-20T20:00")}
    with pytest.raises(WindowError, match=said):
        check(a_window(**(values | given_)))


def test_what_cannot_be_told_is_said_and_hides_nothing_else() -> None:
    """A window in a zone that this machine does not know is unreadable; the others are judged."""
    moment = at("2026-11-20T19:00:00Z")
    good = of("UTC", "2026-11-20T18:00", "2026-11-20T20:00")
    found = in_force(
        [replace(good, zone="Mars/Olympus"), replace(good, recurs="FREQ=MINUTELY"), good], moment
    )
    assert [one.window for one in found.occurrences] == [good]
    assert ["time zone" in one.why for one in found.unreadable] == [True, False]
