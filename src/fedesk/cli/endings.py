"""What each kind of error means as an exit code, and which code a list of results ends with."""

from collections.abc import Iterable

from fedesk.cli.output import exit_for
from fedesk.cli.session import StopError
from fedesk.domain.operations import Operation, Outcome
from fedesk.exits import Exit

_BY_OUTCOME = {
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


def sentences() -> tuple[type[Exception], ...]:
    """The errors whose text is a sentence for the person; all others are faults of fedesk."""
    from fedesk.domain.incidents import WordingError
    from fedesk.domain.marks import MarkError
    from fedesk.domain.reviews import ReviewError
    from fedesk.mistakes import ConfigurationError
    from fedesk.ports.changing import LaunchError
    from fedesk.ports.errors import SourceError
    from fedesk.ports.operation_store import StoreError
    from fedesk.services.calendar import WindowError
    from fedesk.services.proposals import RefusedError
    from fedesk.services.quarantining import QuarantineError

    words = (ConfigurationError, WordingError, MarkError, ReviewError, WindowError, QuarantineError)
    return StopError, *words, SourceError, RefusedError, LaunchError, StoreError


def code_of(error: Exception) -> Exit:
    """The exit code of one of ``sentences``."""
    from fedesk.domain.incidents import WordingError
    from fedesk.domain.marks import MarkError
    from fedesk.domain.reviews import ReviewError
    from fedesk.mistakes import ConfigurationError
    from fedesk.ports.changing import StillWaitsError
    from fedesk.ports.errors import ConflictError, NotFoundError, SourceError
    from fedesk.ports.operation_store import StoreError
    from fedesk.services.calendar import WindowError
    from fedesk.services.proposals import RefusedError
    from fedesk.services.quarantining import QuarantineError

    match error:
        case StopError():
            return error.code
        case (
            ConfigurationError()
            | WordingError()
            | MarkError()
            | ReviewError()
            | WindowError()
            | QuarantineError()
        ):
            return Exit.USAGE
        case NotFoundError() | ConflictError():
            return Exit.FAILED if isinstance(error, NotFoundError) else Exit.CONFLICT
        case SourceError():
            return exit_for([error.failure])
        case RefusedError():
            return Exit.CONFLICT if error.conflict else Exit.REFUSED
    waits = Exit.UNREACHABLE if isinstance(error, StillWaitsError) else Exit.FAULT
    return _store_code(error) if isinstance(error, StoreError) else waits


def _store_code(error: Exception) -> Exit:
    from fedesk.ports.approving import BroughtError, NotApprovedError
    from fedesk.ports.incident_store import IncidentConflictError, UnknownIncidentError
    from fedesk.ports.operation_store import (
        DecidedError,
        FlawedError,
        LeaseLostError,
        NotClaimableError,
        NotOneselfError,
        ReservedError,
        UnderWayError,
        UnrecordedError,
    )
    from fedesk.ports.review_store import ReviewedError, UnknownRecordError
    from fedesk.ports.stop_store import StopConflictError, UnknownStopError
    from fedesk.ports.window_store import UnknownWindowError, WindowConflictError

    if isinstance(error, NotApprovedError):
        return Exit.APPROVAL_MISSING
    unknown = UnknownIncidentError | UnknownWindowError | UnknownStopError | UnknownRecordError
    if isinstance(error, unknown | FlawedError):
        return Exit.FAILED
    if isinstance(error, NotOneselfError):
        return Exit.REFUSED
    taken = ReservedError | NotClaimableError | DecidedError | BroughtError | LeaseLostError | UnderWayError
    if isinstance(
        error, taken | IncidentConflictError | WindowConflictError | StopConflictError | ReviewedError
    ):
        return Exit.CONFLICT
    return Exit.OUTCOME_UNKNOWN if isinstance(error, UnrecordedError) else Exit.AUDIT_UNAVAILABLE


def code_of_operation(operation: Operation) -> Exit:
    """The exit code of an operation that ended; unknown of one that was left before it did."""
    if operation.is_conflict:
        return Exit.CONFLICT
    return Exit.OUTCOME_UNKNOWN if operation.outcome is None else _BY_OUTCOME[operation.outcome]
