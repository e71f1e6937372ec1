"""Freezes, holds and maintenance: windows of wall time in a zone, what they cover, how they are told.

A window begins at the first instant at which the clocks of its zone show its start or later, and ends at the
instant from which on they show its end or later for good. So a wall time that does not exist is the moment
the clocks jump over it, and of one that exists twice a window begins with the first and ends with the second:
no change of the clocks makes a window shorter than it reads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from fedesk.domain.catalogue import Catalogue, dag_of, in_environment, jobs_of

_SECOND = timedelta(seconds=1)


class WindowKind(StrEnum):
    """What a window means for what it covers."""

    FREEZE = "freeze"
    """It may not change, unless somebody overrides the freeze."""
    HOLD = "hold"
    """It may not change until the hold is removed."""
    MAINTENANCE = "maintenance"
    """What is wrong with it alarms nobody; it may be changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a change, or a finding, is about."""

    environment: str
    pipelines: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()


def reach_of(catalogue: Catalogue, environment: str, names: Iterable[str]) -> Reach:
    """What is about some names: pipelines, or jobs and DAGs as their systems call them.

    What a service deploys is about the pipelines that it carries, for it changes what they run; a pipeline is
    about the service that carries it.
    """
    named = frozenset(names)
    found = [
        one
        for one in catalogue.pipelines.values()
        if named & {one.name, dag_of(one, environment), *jobs_of(one, environment)}
    ]
    deployed = {
        one.name
        for one in catalogue.services.values()
        if one.deploy is not None and in_environment(one.deploy.job, environment) in named
    }
    carried = {one.name for one in catalogue.pipelines.values() if one.service in deployed}
    return Reach(
        environment=environment,
        pipelines=named | {one.name for one in found} | carried,
        services=frozenset(deployed | {one.service for one in found if one.service}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One freeze, hold or maintenance, as it was set."""

    id: str
    kind: WindowKind
    environment: str
    pipeline: str = ""
    service: str = ""
    """Covers the service and the pipelines it carries; with neither of both all of the environment."""
    starts: datetime
    """Wall time in the zone, without one of its own; of the first occurrence where it recurs."""
    ends: datetime | None
    """The same; None for a hold, which ends when it is removed."""
    zone: str
    recurs: str = ""
    """An RRULE of RFC 5545; empty where it is once."""
    reason: str
    opened_at: datetime
    opened_by: str
    opened_record: int = 0
    """Sequence number of its record in the audit log; 0 before it is written."""
    closed_at: datetime | None = None
    closed_by: str = ""
    closed_record: int | None = None
    closed_why: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has removed it."""
        return self.closed_at is None

    @property
    def covers_all(self) -> bool:
        """Whether it is of all of its environment."""
        return not self.pipeline and not self.service

    def covers(self, reach: Reach) -> bool:
        """Whether what is reached lies in its scope."""
        if self.environment != reach.environment:
            return False
        if self.covers_all:
            return True
        return self.pipeline in reach.pipelines or self.service in reach.services

    @property
    def scope(self) -> str:
        """``all of prod``, ``payments_daily in prod``, ``service payments in prod``."""
        if self.service:
            return f"service {self.service} in {self.environment}"
        return f"{self.pipeline} in {self.environment}" if self.pipeline else f"all of {self.environment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One stretch of time in which a window is in force; aware UTC, start inclusive, end exclusive."""

    window: Window
    start: datetime
    end: datetime | None
    """None where it lasts until it is removed."""

    def holds_at(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A window of which cannot be told whether it is in force, and why."""

    window: Window
    why: str


def first_shown(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant (aware UTC) at which the zone's clocks show a wall time or later."""
    early, late = _readings(wall, zone)
    return early if early <= late else _jump(late, early, zone)


def last_shown(wall: datetime, zone: tzinfo) -> datetime:
    """The instant (aware UTC) from which on they show it or later for good."""
    early, late = _readings(wall, zone)
    return late if early <= late else _jump(late, early, zone)


def _readings(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Both readings of a wall time (PEP 495); the first is the later one where it does not exist."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _jump(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The second at which the clocks jump, between an instant before and one at or after it."""
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high


def foremost(found: Iterable[Occurrence]) -> Occurrence | None:
    """The one that is told where several are in force: it ends last, or never; the older of two."""
    return min(
        found,
        key=lambda one: (one.end is not None, -one.end.timestamp() if one.end else 0.0, one.start),
        default=None,
    )


def time_said(at: datetime, zone: str, now: datetime) -> str:
    """``06:00`` on the day of ``now`` in a zone, else with its date; seconds where it has any."""
    there, today = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    clock = f"{there:%H:%M:%S}" if there.second else f"{there:%H:%M}"
    return clock if there.date() == today else f"{there:%Y-%m-%d} {clock}"


def until_said(occurrence: Occurrence, now: datetime) -> str:
    """``until 06:00``, with the date where it is another day's; ``until it is removed``."""
    if occurrence.end is None:
        return "until it is removed"
    return f"until {time_said(occurrence.end, occurrence.window.zone, now)}"


def unknown_said(window: str) -> str:
    """That there is none of that id."""
    return f"There is no freeze, hold or maintenance {window}; `fedesk freeze list` has the freezes."


def removed_said(window: Window) -> str:
    """That somebody has removed it before, who and when."""
    at = f" at {window.closed_at:%Y-%m-%d %H:%M:%S} UTC" if window.closed_at else ""
    return f"{window.id} was removed already, by {window.closed_by}{at}: {window.closed_why}"
