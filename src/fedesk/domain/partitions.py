"""Which partition a run loads, what it is reserved by, and the periods its re-runs are counted over."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fedesk.domain.catalogue import BudgetPeriod, Partition, PartitionSource


def partition_of(
    rule: Partition | None, *, interval_start: str, logical_date: str = "", partition_key: str = ""
) -> str:
    """The partition a run loads, by the catalogue's rule; empty where it cannot be told.

    A day in the rule's zone (``2026-11-20``) where the rule's field is a moment; a partition key, or text
    that is no moment, as it stands. Without a rule: the start of the data interval, in UTC.
    """
    source = PartitionSource.DATA_INTERVAL_START if rule is None else rule.source
    text = {
        PartitionSource.DATA_INTERVAL_START: interval_start,
        PartitionSource.LOGICAL_DATE: logical_date,
        PartitionSource.PARTITION_KEY: partition_key,
    }[source]
    if source is PartitionSource.PARTITION_KEY:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if rule is None:
        return moment.astimezone(UTC).isoformat()
    return moment.astimezone(ZoneInfo(rule.zone)).date().isoformat()


def reservation(environment: str, subject: str, partition: str) -> str:
    """What operations on one partition of a pipeline (or on a service) hold against each other."""
    return f"{environment}|{subject}|{partition}"


def of_service(environment: str, service: str) -> str:
    """What operations on a service hold against each other."""
    return reservation(environment, f"service {service}", "")


def period_around(period: BudgetPeriod, moment: datetime, zone: str) -> tuple[datetime, datetime]:
    """Start and end (aware UTC) of the hour, day or week (from Monday) that ``moment`` lies in, in a zone.

    An hour is one of the clock. A day is as long as it is there: 23 or 25 hours when the clocks change.
    """
    there = ZoneInfo(zone)
    local = moment.astimezone(there)
    if period is BudgetPeriod.HOUR:
        # Counted in UTC: the hour that occurs twice is two hours.
        begun = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        start = moment.astimezone(UTC) - begun
        return start, start + timedelta(hours=1)
    days = 7 if period is BudgetPeriod.WEEK else 1
    first = local.date() - timedelta(days=local.weekday() if period is BudgetPeriod.WEEK else 0)
    begin, end = (
        datetime(day.year, day.month, day.day, tzinfo=there).astimezone(UTC)
        for day in (first, first + timedelta(days=days))
    )
    return begin, end
