from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.catalogue import BudgetPeriod, Partition, PartitionSource
from fedesk.domain.partitions import partition_of, period_around, reservation

ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
MOMENTS = st.datetimes(
    min_value=datetime.fromisoformat("2020-01-01"),
    max_value=datetime.fromisoformat("2030-01-01"),
    timezones=st.just(UTC),
)
LONDON = Partition(zone="Europe/London")


@pytest.mark.parametrize(
    ("rule", "start", "partition"),
    [
        (LONDON, "2026-11-20T00:00:00+00:00", "2026-11-20"),
        (LONDON, "2026-07-19T23:00:00Z", "2026-07-20"),
        (LONDON, "2026-07-19T22:59:59Z", "2026-07-19"),
        (Partition(zone="America/New_York"), "2026-11-20T00:00:00+00:00", "2026-11-19"),
        (None, "2026-11-20T01:00:00+01:00", "2026-11-20T00:00:00+00:00"),
        (LONDON, "", ""),
        (LONDON, "a word", "a word"),
        (LONDON, "2026-11-20T00:00:00", "2026-11-20"),
        (Partition(zone="America/New_York"), "2026-11-20T00:00:00", "2026-11-19"),
        (Partition(source=PartitionSource.LOGICAL_DATE), "2026-11-20T00:00:00Z", ""),
        (Partition(source=PartitionSource.PARTITION_KEY), "2026-11-20T00:00:00Z", ""),
    ],
)
def test_a_partition_is_a_day_in_the_rule_s_zone(rule: Partition | None, start: str, partition: str) -> None:
    """The day is the zone's own, summer time included; without a rule it is the moment itself."""
    assert partition_of(rule, interval_start=start) == partition


@pytest.mark.parametrize(
    ("source", "partition"),
    [
        (PartitionSource.DATA_INTERVAL_START, "2026-11-20"),
        (PartitionSource.LOGICAL_DATE, "2026-11-21"),
        (PartitionSource.PARTITION_KEY, "eu/2026-11-22"),
    ],
)
def test_the_rule_says_which_field_names_the_partition(source: PartitionSource, partition: str) -> None:
    """A pipeline may load by its logical date or a key; a key is no moment and stands as it is."""
    found = partition_of(
        Partition(source=source),
        interval_start="2026-11-20T00:00:00Z",
        logical_date="2026-11-21T00:00:00Z",
        partition_key="eu/2026-11-22",
    )
    assert found == partition


def test_a_reservation_names_environment_pipeline_and_partition() -> None:
    """Two environments, pipelines or partitions never hold each other up."""
    assert reservation("prod", "payments_daily", "2026-11-20") == "prod|payments_daily|2026-11-20"


@given(period=st.sampled_from(BudgetPeriod), moment=MOMENTS, zone=ZONES)
def test_periods_part_time_without_gap_or_overlap(period: BudgetPeriod, moment: datetime, zone: str) -> None:
    """Each moment lies in its period, and the next one begins where it ends, in zones whose clocks change."""
    start, end = period_around(period, moment, zone)
    assert start <= moment < end
    assert period_around(period, end, zone)[0] == end
    assert period_around(period, start, zone) == (start, end)


@given(moment=MOMENTS, zone=ZONES)
def test_days_and_weeks_begin_at_midnight_there(moment: datetime, zone: str) -> None:
    """A budget per day is one of the zone's days, a week begins on its Monday."""
    day, _ = period_around(BudgetPeriod.DAY, moment, zone)
    assert day.astimezone(ZoneInfo(zone)).time().isoformat() == "00:00:00"
    week, _ = period_around(BudgetPeriod.WEEK, moment, zone)
    assert week.astimezone(ZoneInfo(zone)).isoweekday() == 1


@given(moment=MOMENTS, zone=ZONES)
def test_hours_begin_on_the_clock(moment: datetime, zone: str) -> None:
    """A budget per hour is one of the zone's clock, whose hours may begin at half past in UTC."""
    start, end = period_around(BudgetPeriod.HOUR, moment, zone)
    local = start.astimezone(ZoneInfo(zone))
    assert (local.minute, local.second, local.microsecond) == (0, 0, 0)
    assert end - start == timedelta(hours=1)


def test_the_machine_s_own_zone_is_nowhere_used(elsewhere: None) -> None:
    """Partitions and periods are told in UTC, wherever the desk stands."""
    del elsewhere
    assert partition_of(None, interval_start="2026-11-20T00:00:00Z") == "2026-11-20T00:00:00+00:00"
    assert partition_of(LONDON, interval_start="2026-11-20T00:00:00") == "2026-11-20"
    for period in BudgetPeriod:
        begin, end = period_around(period, datetime(2026, 11, 20, 2, 43, tzinfo=UTC), "Europe/London")
        assert (begin.tzinfo, end.tzinfo) == (UTC, UTC)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)])
def test_a_day_is_as_long_as_it_is_there(day: str, hours: int) -> None:
    """When the clocks change in London a day has 23 or 25 hours."""
    start, end = period_around(BudgetPeriod.DAY, datetime.fromisoformat(f"{day}T12:00:00Z"), "Europe/London")
    assert end - start == timedelta(hours=hours)
