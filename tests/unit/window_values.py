"""Freezes, holds and maintenance for tests."""

from datetime import datetime
from typing import Any

from making import NOW, minutes

from fedesk.domain.windows import Window, WindowKind


def a_window(kind: WindowKind = WindowKind.FREEZE, **given: Any) -> Window:
    """A freeze of all of prod for two hours from half an hour ago, in UTC, set an hour ago."""
    values: dict[str, Any] = {
        "id": "FRZ-20261120-7K3MQ9",
        "kind": kind,
        "environment": "prod",
        "starts": wall(NOW - minutes(30)),
        "ends": None if kind is WindowKind.HOLD else wall(NOW + minutes(90)),
        "zone": "UTC",
        "reason": "year end",
        "opened_at": NOW - minutes(60),
        "opened_by": "ann@finedge.example",
    }
    return Window(**(values | given))


def wall(at: datetime) -> datetime:
    """What a clock in UTC shows, to the second."""
    return at.replace(tzinfo=None, microsecond=0)
