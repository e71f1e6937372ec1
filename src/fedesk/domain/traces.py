"""What the systems and the desk's own store say of one operation, and what is looked for in them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fedesk.domain.states import System

CLOCKS = timedelta(minutes=10)
"""How far a system's clock may be from the one that an operation was minted by."""
_VERSION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What one system says of an operation."""

    source: str
    """A connection's name and what was read: ``prod/airflow event log``; ``journal``, ``audit log``."""
    at: datetime
    """When it happened, by the system that says so; when it was read, where that system does not tell."""
    said: str
    """One sentence."""
    reference: str = ""
    """What it is called there: a run's name, ``entry 17``, ``record 3``, a query's id."""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for in one connection."""

    operation: str
    """UUIDv7, lower case."""
    since: datetime
    """Nothing of the operation is older."""
    plan: str = ""
    """The first 12 digits of the plan's digest; empty where the store does not know the operation."""
    runs: tuple[str, ...] = ()
    """Runs of this connection that it is about, by the system's own names: look there, and not further."""
    loads: tuple[tuple[str, str], ...] = ()
    """Pipeline and run id of what it ran again, as ``pipeline_runs`` may have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at one system came to."""

    traces: tuple[Trace, ...] = ()
    limits: tuple[str, ...] = ()
    """A sentence for each thing that could not be looked at, or only in part."""


class SourceState(StrEnum):
    """What became of the question to one source."""

    FOUND = "found"
    NOTHING = "nothing"
    SILENT = "silent"
    """It did not answer: what it knows is not among the traces."""
    NOT_APPLICABLE = "not applicable"
    """It keeps no operation's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that was asked."""

    name: str
    """A connection's name, or ``store``."""
    system: System | None
    state: SourceState
    error: str = ""
    """Why it is silent; empty where it is not."""
    limits: tuple[str, ...] = ()


def minted_at(operation: str) -> datetime | None:
    """When an operation was minted: a UUIDv7 begins with it. None for what is no UUIDv7."""
    try:
        made = uuid.UUID(operation)
        minted = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError):
        return None
    return minted if made.version == _VERSION and str(made) == operation.lower() else None


def in_order(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """By time; what is of one moment stays as it came."""
    return tuple(sorted(traces, key=lambda trace: trace.at))
