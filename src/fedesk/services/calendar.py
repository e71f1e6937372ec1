"""When windows are in force: recurrences of RFC 5545, expanded by python-dateutil, as instants.

A rule is expanded over wall times, and each occurrence then becomes two instants by ``domain.windows``. RFC
5545 drops an occurrence whose start does not exist on the day the clocks jump; here it begins with the jump,
for a freeze that is left out would protect nothing.

What one rule may cost is bounded: none is finer than a day, none is looked for further than the calendar
repeats itself, and what was expanded is kept.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fedesk.domain.windows import (
    Occurrence,
    Unreadable,
    Window,
    WindowKind,
    first_shown,
    foremost,
    last_shown,
)

if TYPE_CHECKING:
    from dateutil.rrule import rrule

YEARS = range(2000, 2200)
"""In which a window may begin."""
LONGEST = timedelta(days=366)
"""What recurs is no longer than that."""
_LONGEST_RULE = 200
_DAY = timedelta(days=1)
_NEXT = 8
"""Occurrences behind now among which the next one is: clocks change by a day at most."""
_LIST = r"(?:{item})(?:,(?:{item}))*"
_PARTS = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": "[1-9][0-9]{0,2}",
    "COUNT": "[1-9][0-9]{0,4}",
    "UNTIL": "[0-9]{8}(?:T[0-9]{6}Z?)?",
    "BYDAY": _LIST.format(item="(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)"),
    "BYMONTHDAY": _LIST.format(item="[+-]?(?:[1-9]|[12][0-9]|3[01])"),
    "BYMONTH": _LIST.format(item="[1-9]|1[0-2]"),
    "BYSETPOS": _LIST.format(item="[+-]?[1-9][0-9]?"),
    "WKST": "MO|TU|WE|TH|FR|SA|SU",
}
"""Parts of a rule that are understood (RFC 5545 §3.3.10); times of the day are the window's own."""
_CALENDAR_REPEATS = 400
"""Years after which days of the week fall on the same dates."""
_LAST_CYCLE = 9600
"""The last cycle begins so late that dateutil, which looks until the year 9999, looks through one alone."""


class WindowError(Exception):
    """A window that cannot be in force at any time, or of which that cannot be told; carries one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What windows say of one moment."""

    occurrences: tuple[Occurrence, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


def in_force(windows: Iterable[Window], at: datetime) -> InForce:
    """Every window that is in force at an instant, and every one of which that cannot be told."""
    occurrences, unreadable = [], []
    for window in windows:
        try:
            found = foremost(one for one in around(window, at) if one.holds_at(at))
        except WindowError as error:
            unreadable.append(Unreadable(window=window, why=str(error)))
        else:
            occurrences += [found] if found is not None else []
    return InForce(occurrences=tuple(occurrences), unreadable=tuple(unreadable))


def around(window: Window, at: datetime) -> Iterator[Occurrence]:
    """The occurrences that may hold at an instant. Raises WindowError."""
    zone = zone_of(window.zone)
    if not window.recurs:
        yield _occurrence(window, window.starts, zone)
        return
    length, wall = _length(window), at.astimezone(zone).replace(tzinfo=None)
    rule = _rule(window.recurs, window.starts, window.zone)
    for starts in rule.between(wall - length - _DAY, wall + _DAY, inc=True):
        yield _occurrence(window, starts, zone)


def following(window: Window, after: datetime) -> Occurrence | None:
    """The first occurrence that begins after an instant; None where there is none. Raises WindowError."""
    zone = zone_of(window.zone)
    starts: Iterable[datetime] = (window.starts,)
    if window.recurs:
        wall = after.astimezone(zone).replace(tzinfo=None)
        rule = _rule(window.recurs, window.starts, window.zone)
        starts = islice(rule.xafter(wall - _DAY), _NEXT)
    found = (_occurrence(window, one, zone) for one in starts)
    return next((one for one in found if one.start > after), None)


def frozen(windows: Iterable[Window], environment: str, now: datetime) -> tuple[Occurrence | None, str]:
    """The freeze of all of an environment that is told of: in force, else the next; or why none can be told.

    A freeze of a single pipeline or service is told where something of it is to be changed.
    """
    freezes = [
        one
        for one in windows
        if one.kind is WindowKind.FREEZE and one.environment == environment and one.covers_all
    ]
    found = in_force(freezes, now)
    if found.unreadable:
        return None, found.unreadable[0].why
    ahead = [one for one in (following(window, now) for window in freezes) if one is not None]
    return foremost(found.occurrences) or min(ahead, key=lambda one: one.start, default=None), ""


def check(window: Window) -> None:
    """Whether a window can be set as it is. Raises WindowError that says what is wrong with it."""
    zone = zone_of(window.zone)
    if window.starts.year not in YEARS:
        raise WindowError(f"A window begins in a year from {YEARS[0]} to {YEARS[-1]}.")
    if window.ends is None and window.kind is not WindowKind.HOLD:
        raise WindowError(f"A {window.kind} has an end; a hold has none.")
    if window.ends is not None and first_shown(window.starts, zone) >= last_shown(window.ends, zone):
        raise WindowError(f"It would end at {window.ends}, which is not after its start, {window.starts}.")
    if window.recurs:
        _length(window)
        _rule(window.recurs, window.starts, window.zone)


def _occurrence(window: Window, starts: datetime, zone: ZoneInfo) -> Occurrence:
    end = None if window.ends is None else last_shown(starts + (window.ends - window.starts), zone)
    return Occurrence(window=window, start=first_shown(starts, zone), end=end)


def _length(window: Window) -> timedelta:
    """How long an occurrence lasts by the clock on the wall."""
    if window.ends is None:
        raise WindowError(f"A {window.kind} without an end does not recur.")
    length = window.ends - window.starts
    if length > LONGEST:
        raise WindowError(f"What recurs lasts {LONGEST.days} days at most.")
    return length


def zone_of(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises WindowError where this machine has none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowError(f"This machine knows no time zone {name!r}.") from None


@lru_cache(maxsize=256)
def _rule(text: str, starts: datetime, zone: str) -> "rrule":
    """The rule over wall times, proven to come to an end. Raises WindowError."""
    if starts.year not in YEARS:
        raise WindowError(f"A window begins in a year from {YEARS[0]} to {YEARS[-1]}.")
    _check_parts(text)
    rule = _expanded(text, starts, zone)
    # Of a rule that never comes dateutil would look through eight thousand years, each time.
    late = starts.replace(year=_LAST_CYCLE + starts.year % _CALENDAR_REPEATS)
    if next(iter(_expanded(_unbounded(text), late, zone)), None) is None:
        raise WindowError(f"{text} never comes.")
    if next(iter(rule), None) is None:
        raise WindowError(f"{text} has ended before it begins at {starts}.")
    return rule


def _check_parts(text: str) -> None:
    if len(text) > _LONGEST_RULE:
        raise WindowError(f"A rule of recurrence has {_LONGEST_RULE} characters at most.")
    names = []
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS:
            known = ", ".join(_PARTS)
            raise WindowError(f"{part!r} is no part of a rule that recurs by days; there are {known}.")
        if not re.fullmatch(_PARTS[name], value, re.ASCII):
            hint = " No rule is finer than DAILY." if name == "FREQ" else ""
            raise WindowError(f"{part!r} is not how RFC 5545 writes it.{hint}")
        names.append(name)
    if re.search("DAILY|WEEKLY", text) and re.search("[0-9](MO|TU|WE|TH|FR|SA|SU)|BYSETPOS", text):
        raise WindowError("1MO and BYSETPOS count within a month or a year: FREQ=MONTHLY, or YEARLY.")
    if names.count("FREQ") != 1 or len(set(names)) != len(names):
        raise WindowError("A rule has each part once, and a FREQ, as FREQ=WEEKLY;BYDAY=FR.")


def _unbounded(text: str) -> str:
    return ";".join(part for part in text.split(";") if not part.startswith(("UNTIL=", "COUNT=")))


def _expanded(text: str, starts: datetime, zone: str) -> "rrule":
    from dateutil.rrule import rrule, rrulestr

    try:
        local = re.sub(r"(?<=UNTIL=)([0-9]{8}T[0-9]{6})Z", lambda match: _local(match[1], zone), text)
        found = rrulestr(local, dtstart=starts, cache=True)
    except (ValueError, OverflowError) as error:
        raise WindowError(f"{text} is no rule of recurrence: {error}.") from None
    if not isinstance(found, rrule):
        raise WindowError(f"{text} is more than one rule of recurrence.")
    return found


def _local(utc: str, zone: str) -> str:
    """An UNTIL as RFC 5545 wants it, in UTC, as the wall time that dateutil compares with."""
    at = datetime.strptime(utc, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return f"{at.astimezone(zone_of(zone)):%Y%m%dT%H%M%S}"
