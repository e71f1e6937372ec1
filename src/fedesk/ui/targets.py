"""Where one is, and what the cursor is on, as values that actions judge by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from fedesk.domain.names import RunName, TaskName


class Place(StrEnum):
    """Where one is: a view, or a screen above it."""

    TRIAGE = "triage"
    PIPELINES = "pipelines"
    SECRETS = "secrets"
    RUNS = "runs"
    RUN = "run"
    LOG = "log"
    ENVIRONMENTS = "environments"
    TEXT = "text"
    HELP = "help"
    PLAN = "plan"
    CONFIRM = "confirmation"
    """The same frame, while its line takes what is typed."""
    WATCH = "operation"
    SETTLE = "settlement"
    AUDIT = "audit"
    RECORD = "record"
    OPERATIONS = "operations"
    INCIDENT = "incident"
    INCIDENTS = "incidents"
    TRACE = "trace"
    HANDOVER = "handover"
    WINDOWS = "windows"
    RELEASES = "releases"
    RELEASE = "release"
    """One service, in one environment."""
    TIMELINE = "timeline"
    """How one promotion or rollback went."""


VIEWS = (Place.TRIAGE, Place.PIPELINES, Place.SECRETS, Place.AUDIT, Place.RELEASES)
"""The views of the main screen, in the order of their keys."""
LISTS = frozenset({*VIEWS, Place.RUNS, Place.ENVIRONMENTS, Place.OPERATIONS, Place.INCIDENTS, Place.WINDOWS})
EVERYWHERE = frozenset(Place)


NO_ANSWER = "it waits for no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the cursor is on, as far as an action judges it."""

    name: str = ""
    """What it is called on screen; empty where the cursor is on nothing."""
    id: str = ""
    """What ``y`` copies."""
    run: RunName | None = None
    link: str = ""
    runbook: str = ""
    pipeline: str = ""
    tries: int = 1
    """How many tries of a task there have been."""
    opens: bool = True
    """Whether there is something behind it that ``Enter`` can open."""
    rerun: RunName | None = None
    """What ``R`` would run again, where that is another one than ``run``."""
    task: TaskName | None = None
    """The task of the run that is meant."""
    unfit: str = ""
    """Why ``R`` does not serve, where a run alone does not tell."""
    marked: int = 0
    """Rows that are marked: what changes is done to them instead."""
    missing: str = ""
    """What a plan still wants before it can be confirmed."""
    has_lines: bool = False
    """Whether something is typed before a plan is confirmed."""
    accepts: str = ""
    """What ``A`` would accept."""
    holder: str = ""
    """The operation that stands in a plan's way."""
    operation: str = ""
    """The operation of fedesk's own that it is, or tells of."""
    settled: str = ""
    """Why ``C`` does not serve: there is nothing to be found out."""
    incident: str = ""
    """The incident that it belongs to, by the word that its reason begins with."""
    environment: str = ""
    """Where it is, where no run tells; empty for the one that is looked at."""
    unapproved: str = "it waits for nobody"
    """Why ``Y`` and ``X`` do not serve; empty where they do."""
    unbegun: str = "it goes on"
    """Why ``E`` does not serve; empty where it does."""
    unwithdrawn: str = "it has begun"
    """Why ``S`` does not serve; empty where it does."""
    unbroken: str = "nothing stands in its way that it would override"
    """Why ``B`` does not serve; empty where it does."""
    service: str = ""
    """What is released, where a row, or an operation, is about that."""
    unpromotable: str = ""
    """Why ``P`` does not serve; empty where it does."""
    unreturnable: str = ""
    """Why ``V`` does not serve; empty where it does."""
    digest: str = ""
    """The release that is meant: the one that runs there."""
    unstoppable: str = "no release runs there"
    """Why ``Q`` does not serve; empty where it does."""
    unanswered: str = NO_ANSWER
    """Why ``I`` does not serve at a build; empty where it does."""
    unliftable: str = "nothing stands against a release of it"
    """Why ``L`` does not serve; empty where it does."""
    doing: str = ""
    """What the plan does that is before one, as a verb of ``domain.roles.RIGHTS``."""
    barred: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why one may not do something there, by verb of ``domain.roles.RIGHTS``."""

    @property
    def place(self) -> str:
        """The environment that it is in; empty for the one that is looked at."""
        run = self.rerun or self.run
        return self.environment or (run.connection.environment if run is not None else "")
