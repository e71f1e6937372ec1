"""What the very first frame shows: the environment, and the findings that were known last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    phi: bool = False
    """Whether it holds protected health information: reading a log is recorded, and none lies on a disk."""
    executed: bool = False
    """Whether an executor does the writing, and not whoever is at the desk."""
    promote_from: str = field(default="", compare=False)
    """The environment that releases are promoted from into this one, as the configuration comes to it.

    A glance at the file does not: two are the same environment without it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the triage queue: what is wrong, where, since when, whose it is, what to do."""

    id: str
    """Stable for as long as the same thing is wrong, and the same at every desk."""
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
    maintenance: str = ""
    """``maintenance until 06:00``; empty where what it is about is in none."""

    @property
    def is_quiet(self) -> bool:
        """Whether it is nobody's alarm now."""
        return bool(self.maintenance)

    @property
    def recurs(self) -> bool:
        """Whether its id comes back when the same goes wrong again: there is no run to tell them apart."""
        return self.run is None and not self.operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """How the desk is drawn, as far as a configuration says."""

    theme: str = ""
    """The name of one; empty for the one that was chosen last."""
    themes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Themes of the user's own by name, as keys of Textual's ``Theme``."""
    glyphs: str = "auto"
    """``unicode``, ``ascii``, or ``auto``: as the terminal says."""
    motion: str = "auto"
    """``reduced``, or ``auto``: as the environment's variables say."""
    mouse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPage:
    """The part of the last known board that is painted before anything has been read."""

    environment: EnvironmentFacts
    at: datetime | None = None
    sources: tuple[tuple[ConnectionName, System], ...] = ()
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] | None = None
    """Rows of each view, by its name; None where nothing is known yet."""
    appearance: Appearance = Appearance()
