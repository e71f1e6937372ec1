"""Lengths of time as people write them: ``90d``, ``15m``, ``1h30m``; and the moment that one means."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_WHOLE = re.compile(r"(?:[0-9]{1,6}[wdhms]){1,5}")
_PART = re.compile(r"([0-9]+)([wdhms])")


def parse_duration(text: str) -> timedelta:
    """Read weeks, days, hours, minutes and seconds; raises ValueError that says how they are written."""
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("expected a duration like 90d, 15m or 1h30m")
    return sum((int(count) * _UNITS[unit] for count, unit in _PART.findall(text)), timedelta())


def parse_until(text: str, now: datetime, zone: tzinfo) -> datetime:
    """The moment that is meant, in UTC: ``2h`` from now, the next ``06:00`` of a zone, ``2026-11-21 06:00``.

    A moment may name its own offset. Raises ValueError that says how they are written.
    """
    text = text.strip()
    if _WHOLE.fullmatch(text) is not None:
        return now + parse_duration(text)
    try:
        if _CLOCK.fullmatch(text) is not None:
            hour, minute = (int(part) for part in text.split(":"))
            # Days are added on the zone's calendar, whatever its clocks do in between.
            there = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
            found = there.astimezone(UTC)
            return found if found > now else (there + timedelta(days=1)).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected a time like 2h, 06:00 or 2026-11-21 06:00") from None


def parse_until_and_why(text: str, now: datetime, zone: tzinfo) -> tuple[datetime, str]:
    """The moment that a line begins with, and what follows: ``06:00 after the load``. Raises ValueError."""
    words = text.split()
    try:
        return parse_until(" ".join(words[:_DAY_AND_TIME]), now, zone), " ".join(words[_DAY_AND_TIME:])
    except ValueError:
        return parse_until(words[0] if words else "", now, zone), " ".join(words[1:])


_DAY_AND_TIME = 2
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")


def duration_text(length: timedelta) -> str:
    """A length as it would be written, in whole seconds: ``15m``, ``1h30m``. ``parse_duration`` reads it."""
    left, parts = length // timedelta(seconds=1), []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size // timedelta(seconds=1))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
