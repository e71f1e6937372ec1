"""The normalised states of runs and their parts, one set for every system."""

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
