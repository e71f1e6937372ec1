"""The account's warehouses: suspended until a statement needs one, then billed, then suspended again.

A statement wakes a suspended warehouse, which is billed for at least 60 seconds; after ``auto_suspend``
without one it sleeps. SHOW, DESCRIBE, USE and sessions themselves need none (docs.snowflake.com, warehouses
overview).
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MINIMAL_CHARGE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """One warehouse at a moment; ``statements`` are those it ran, oldest first."""

    name: str
    auto_suspend: timedelta = timedelta(seconds=60)
    last_used_at: datetime | None = None
    resumed: int = 0
    """How often it was woken."""
    billed: timedelta = timedelta(0)
    statements: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """QUERY_TAG of the session of each statement."""

    def is_running(self, now: datetime) -> bool:
        """Whether it is awake, and costs, at that moment."""
        return self.last_used_at is not None and now < self.last_used_at + self.auto_suspend


class Warehouses:
    """All of an account, by name; safe to use from several threads."""

    def __init__(self, *names: str) -> None:
        self._lock = threading.Lock()
        self._by_name = {name: Warehouse(name=name) for name in names}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Warehouse:
        with self._lock:
            return self._by_name[name]

    def run(self, name: str, statement: str, tag: str, now: datetime) -> None:
        """A statement runs on it at that moment, waking it where it sleeps."""
        with self._lock:
            warehouse = self._by_name[name]
            awake = warehouse.is_running(now)
            since = now if warehouse.last_used_at is None else warehouse.last_used_at
            self._by_name[name] = replace(
                warehouse,
                last_used_at=now,
                resumed=warehouse.resumed + (not awake),
                billed=warehouse.billed + (now - since if awake else MINIMAL_CHARGE),
                statements=(*warehouse.statements[-999:], statement),
                tags=(*warehouse.tags[-999:], tag),
            )
