"""Closed sets of words: states of runs, kinds of systems, how connections, secrets and findings stand."""

from enum import StrEnum


class State(StrEnum):
    """What a run, stage or task is doing. The system's own word is kept beside it."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    UNSTABLE = "unstable"
    FAILED = "failed"
    BLOCKED = "blocked"
    ABORTED = "aborted"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether the system itself will not move it any more."""
        return self in _FINAL

    @property
    def is_bad(self) -> bool:
        """Whether someone should look: it ended, and not as it was meant to."""
        return self in _BAD


_FINAL = frozenset(
    {State.SUCCEEDED, State.UNSTABLE, State.FAILED, State.BLOCKED, State.ABORTED, State.SKIPPED}
)
_BAD = frozenset({State.FAILED, State.UNSTABLE, State.BLOCKED, State.ABORTED})


class System(StrEnum):
    """The four kinds of system fedesk talks to."""

    JENKINS = "jenkins"
    AIRFLOW = "airflow"
    VAULT = "vault"
    SNOWFLAKE = "snowflake"


class Standing(StrEnum):
    """Where a connection stands on the board."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    """It failed, and rows of an earlier look are shown."""
    FAILED = "failed"
    """It failed, and nothing is known."""


class FailureKind(StrEnum):
    """Why a system could not be read; the same words on screen and in JSON."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate-limited"
    SERVER = "server-error"
    PROTOCOL = "protocol-error"
    TIMEOUT = "timeout"
    CREDENTIAL = "credential"
    FAULT = "fault"


class Verdict(StrEnum):
    """How a secret stands against its limit."""

    COMPLIANT = "compliant"
    DUE = "due"
    OVERDUE = "overdue"
    UNDETERMINED = "undetermined"


class Severity(StrEnum):
    """How loudly a finding asks: tier 1 pages, tier 2 makes a ticket, tier 3 is listed."""

    PAGE = "page"
    TICKET = "ticket"
    LISTED = "listed"
