"""What one look at one system found, and what the desk knows of a system at a moment."""

from dataclasses import dataclass
from datetime import datetime

from fedesk.domain.names import ConnectionName
from fedesk.domain.runs import Capacity, Job, Load, QueueItem, Run
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.states import FailureKind, Standing, System


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a system says is wrong with itself: a DAG that does not import, a sealed Vault."""

    kind: str
    """A short word: ``import error``, ``scheduler``, ``sealed``, ``token``."""
    where: str
    text: str
    since: datetime | None = None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLease:
    """The credential fedesk itself uses, as the system sees it."""

    display_name: str
    expires_at: datetime | None
    """None for one that does not expire."""
    renewable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at one system. One shape for all four: what a system does not have stays empty.

    ``runs`` holds everything known so far, not only what moved; newest first for each job.
    """

    runs: tuple[Run, ...] = ()
    jobs: tuple[Job, ...] = ()
    queue: tuple[QueueItem, ...] = ()
    capacity: Capacity | None = None
    problems: tuple[Problem, ...] = ()
    secrets: tuple[SecretMetadata, ...] = ()
    loads: tuple[Load, ...] = ()
    token: TokenLease | None = None
    server_version: str = ""
    cursor: str = ""
    """Opaque to all but the adapter: where the next look goes on."""
    complete: bool = True
    """False while history is still being read page by page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A read that did not succeed: one sentence, with the system's own words in it."""

    kind: FailureKind
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the desk knows of one connection: the last good look, and the failure since, if any."""

    connection: ConnectionName
    system: System
    address: str
    observation: Observation | None = None
    observed_at: datetime | None = None
    latency: float | None = None
    """Seconds that the last good look took."""
    failure: Failure | None = None
    failed_since: datetime | None = None
    next_try_at: datetime | None = None
    kept: bool = False
    """Known from an earlier session; nothing has been read in this one."""

    @property
    def standing(self) -> Standing:
        """Live, stale, failed, or connecting while the first look is under way."""
        if self.failure is not None:
            return Standing.FAILED if self.observation is None else Standing.STALE
        return Standing.CONNECTING if self.kept or self.observation is None else Standing.LIVE
