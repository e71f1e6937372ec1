"""Times at the beginning of log lines: recognised, taken out, and told anew.

Known are Airflow's (RFC 3339, in front of every event), Jenkins' timestamper (``[2026-11-20T02:41:00.250Z]
``, the form of the ``timestamps`` step) and Airflow 2's (``[2026-11-20, 02:41:00 UTC] `` and with
``+0000``). A time without a date (dbt's ``02:41:00  ``) can be taken out, and stays as it is otherwise:
nobody says of which day.
"""

import re
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import NamedTuple

_LOOKED_AT = 80
_DATED = re.compile(
    r"\[?(?P<day>\d{4}-\d\d-\d\d)(?:T|, | )(?P<time>\d\d:\d\d:\d\d)(?P<part>[.,]\d{1,9})?"
    r"(?P<zone>Z| UTC| ?[+-]\d\d:?\d\d)?\]? ?"
)
_CLOCK = re.compile(r"\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]? {1,2}")


class Times(StrEnum):
    """What is done with the times of lines."""

    AS_WRITTEN = "as written"
    HIDDEN = "hidden"
    LOCAL = "in the environment's zone"
    RELATIVE = "since the first line"

    @property
    def following(self) -> "Times":
        """The next one, round and round."""
        order = list(Times)
        return order[(order.index(self) + 1) % len(order)]


class Timed(NamedTuple):
    """A line parted: its time where it has one, and what stands behind it."""

    at: datetime | None
    """Aware UTC; a time without a zone is taken for UTC, as servers write it."""
    rest: str
    bare: bool
    """Whether a time stood there at all."""


def timed(line: str) -> Timed:
    """Part a line from the time at its beginning."""
    head = line[:_LOOKED_AT]
    found = _DATED.match(head)
    if found is None:
        clock = _CLOCK.match(head)
        return Timed(None, line[clock.end() :], bare=True) if clock else Timed(None, line, bare=False)
    zone = (found["zone"] or "Z").strip().replace("UTC", "Z")
    part = (found["part"] or "").replace(",", ".")[:7]
    try:
        at = datetime.fromisoformat(f"{found['day']}T{found['time']}{part}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return Timed(None, line, bare=False)
    return Timed(at, line[found.end() :], bare=True)


def told(line: str, times: Times, zone: tzinfo = UTC, start: datetime | None = None) -> str:
    """A line with its time as it is wanted; ``start`` is the moment that relative ones count from."""
    found = Timed(None, line, bare=False) if times is Times.AS_WRITTEN else timed(line)
    if times is Times.HIDDEN:
        return found.rest
    if found.at is None:
        return line
    if times is Times.LOCAL:
        return f"{found.at.astimezone(zone):%H:%M:%S} {found.rest}"
    if start is None:
        return line
    seconds = (found.at - start).total_seconds()
    sign, whole = ("-" if seconds < 0 else "+"), int(abs(seconds))
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02} {found.rest}"
