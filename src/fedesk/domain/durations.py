"""Lengths of time as people write them: ``90d``, ``15m``, ``1h30m``."""

import re
from datetime import timedelta

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
