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


MEANINGS = {
    Exit.DONE: "Done.",
    Exit.FAILED: "What was named is not there, an operation failed, or the audit log has a flaw.",
    Exit.USAGE: "Usage or configuration, a missing credential and an unknown environment included.",
    Exit.REFUSED: "A guard said no, or a confirmation is missing.",
    Exit.APPROVAL_MISSING: "An approval is missing.",
    Exit.CONFLICT: "Somebody else is at it, or what was pinned in the plan has changed.",
    Exit.AUDIT_UNAVAILABLE: "The desk's own state cannot be read or written, so nothing is sent.",
    Exit.OUTCOME_UNKNOWN: "The outcome is unknown; look again with `fedesk operations recheck`.",
    Exit.UNREACHABLE: "A needed system could not be read; what is known was printed.",
    Exit.FAULT: "A fault of fedesk itself; one sentence names the crash file.",
    Exit.INTERRUPTED: "Interrupted.",
    Exit.BROKEN_PIPE: "The reader of the output went away.",
}
"""One sentence for each code, for the reference and the manual page."""


class CheckExit(IntEnum):
    """What ``secrets check`` ends with, by the convention of monitoring plugins."""

    COMPLIANT = 0
    DUE = 1
    OVERDUE = 2
    UNDETERMINED = 3
    """Anything that is none of the three: usage, crash, a Vault that is sealed."""
