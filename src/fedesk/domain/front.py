"""What the very first frame shows: the environment, and the findings that were known last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.states import Severity, State, System


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFacts:
    """What every frame says about the environment one looks at."""

    name: str
    production: bool
    mode: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the triage queue: what is wrong, where, since when, whose it is, what to do."""

    id: str
    """Stable for as long as the same thing is wrong."""
    kind: str
    severity: Severity
    state: State
    subject: str
    what: str
    since: datetime | None
    owner: str
    todo: str
    run: RunName | None = None
    link: str = ""
    runbook: str = ""
    operation: str = ""
    """The operation of fedesk's own that it tells of."""
    seen_on: ConnectionName | None = None
    """The connection whose look has shown it; None where that was none, or several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPage:
    """The part of the last known board that is painted before anything has been read."""

    environment: EnvironmentFacts
    at: datetime | None = None
    sources: tuple[tuple[ConnectionName, System], ...] = ()
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] | None = None
    """Rows of each view, by its name; None where nothing is known yet."""
