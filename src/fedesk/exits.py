"""Exit codes of the command line, one meaning each."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command line ends with. ``secrets check`` has a convention of its own, ``CheckExit``."""

    DONE = 0
    FAILED = 1
    """The operation failed: what was named does not exist in the system."""
    USAGE = 2
    """Usage or configuration, a missing credential and an unknown environment included."""
    REFUSED = 3
    APPROVAL_MISSING = 4
    CONFLICT = 5
    AUDIT_UNAVAILABLE = 6
    OUTCOME_UNKNOWN = 7
    UNREACHABLE = 8
    """A system that was needed could not be read; what is known was printed."""
    FAULT = 70
    """A fault of fedesk itself (sysexits.h EX_SOFTWARE)."""
    INTERRUPTED = 130
    """128 and SIGINT."""
    BROKEN_PIPE = 141
    """128 and SIGPIPE: who read the output went away."""


class CheckExit(IntEnum):
    """What ``secrets check`` ends with, by the convention of monitoring plugins."""

    COMPLIANT = 0
    DUE = 1
    OVERDUE = 2
    UNDETERMINED = 3
    """Anything that is none of the three: usage, crash, a Vault that is sealed."""
