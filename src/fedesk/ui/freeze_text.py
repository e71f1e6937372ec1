"""What the first line says of freezes of the whole environment."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fedesk.domain.windows import Occurrence, Window, time_said
from fedesk.services.calendar import frozen
from fedesk.ui import present

_AHEAD = timedelta(days=7)
"""A freeze that is further away is in the list, and not in the first line."""


def freeze_said(windows: Iterable[Window], environment: str, now: datetime) -> str:
    """``FROZEN until 06:00``, ``frozen in 2h10m``, ``FROZEN?`` where it cannot be told; else empty."""
    one, problem = frozen(windows, environment, now)
    if problem:
        return "FROZEN?"
    if one is None or one.start - now > _AHEAD:
        return ""
    if one.holds_at(now):
        return f"FROZEN until {_until(one, now)}"
    return f"frozen in {present.duration(one.start - now)}"


def _until(one: Occurrence, now: datetime) -> str:
    """``06:00``, and of another day its date alone: the cell is small."""
    if one.end is None:
        return "it is removed"
    there = one.end.astimezone(ZoneInfo(one.window.zone))
    is_today = there.date() == now.astimezone(there.tzinfo).date()
    return time_said(one.end, one.window.zone, now) if is_today else f"{there.day} {there:%b}"
