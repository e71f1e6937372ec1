"""What each kind of error means as an exit code, and which code a list of results ends with."""

from collections.abc import Iterable

from fedesk.cli.output import exit_for
from fedesk.cli.session import StopError
from fedesk.domain.operations import Outcome
from fedesk.exits import Exit

BY_OUTCOME = {
    Outcome.SUCCEEDED: Exit.DONE,
    Outcome.FAILED: Exit.FAILED,
    Outcome.ABORTED: Exit.FAILED,
    Outcome.REFUSED: Exit.REFUSED,
    Outcome.UNKNOWN: Exit.OUTCOME_UNKNOWN,
}

_GRAVEST_FIRST = (
    Exit.FAULT,
    Exit.OUTCOME_UNKNOWN,
    Exit.AUDIT_UNAVAILABLE,
    Exit.FAILED,
    Exit.CONFLICT,
    Exit.APPROVAL_MISSING,
    Exit.REFUSED,
    Exit.UNREACHABLE,
    Exit.USAGE,
)


def gravest(codes: Iterable[Exit]) -> Exit:
    """The code that several results end with together: what needs a person most urgently."""
    found = set(codes)
    return next((code for code in _GRAVEST_FIRST if code in found), Exit.DONE)


def code_of(error: Exception) -> Exit | None:
    """The exit code of an error whose text is a sentence for the person; None for a fault of fedesk."""
    from fedesk.mistakes import ConfigurationError
    from fedesk.ports.changing import LaunchError
    from fedesk.ports.errors import NotFoundError, SourceError
    from fedesk.ports.operation_store import StoreError
    from fedesk.services.proposals import RefusedError

    match error:
        case StopError():
            found = error.code
        case ConfigurationError():
            found = Exit.USAGE
        case NotFoundError():
            found = Exit.FAILED
        case SourceError():
            found = exit_for([error.failure])
        case RefusedError():
            found = Exit.CONFLICT if error.conflict else Exit.REFUSED
        case LaunchError():
            found = Exit.FAULT
        case StoreError():
            found = _store_code(error)
        case _:
            return None
    return found


def _store_code(error: Exception) -> Exit:
    from fedesk.ports.operation_store import LeaseLostError, NotClaimableError, ReservedError
    from fedesk.services.operation_runner import UnrecordedError

    if isinstance(error, ReservedError | NotClaimableError | LeaseLostError):
        return Exit.CONFLICT
    return Exit.OUTCOME_UNKNOWN if isinstance(error, UnrecordedError) else Exit.AUDIT_UNAVAILABLE
