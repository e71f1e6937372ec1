"""What goes wrong with the team's PostgreSQL, in one sentence that names it and says what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from fedesk.domain.redaction import redact
from fedesk.domain.text import one_line
from fedesk.ports.operation_store import SchemaError, StoreError, StoreUnavailableError

NOT_CLAIMABLE, RESERVED, LEASE_LOST, JOURNAL_MOVED = "FD001", "FD002", "FD003", "FD004"
"""SQLSTATEs of ``sql/functions.sql``."""
CONDITIONS = frozenset({NOT_CLAIMABLE, RESERVED, LEASE_LOST, JOURNAL_MOVED, errors.UniqueViolation.sqlstate})

_MIGRATE = "Whoever looks after it runs `fedesk store migrate`, or lets your role into fedesk_people."
_WORDS: tuple[tuple[tuple[type[psycopg.Error], ...], re.Pattern[str] | None, str], ...] = (
    (
        (errors.InvalidPassword, errors.InvalidAuthorizationSpecification),
        re.compile(
            r"authentication|pg_hba\.conf|no password supplied|role \".*\" (does not exist|is not permitted)"
        ),
        "refused to let you in: {said}. Look at store.url, and at what store.credential refers to.",
    ),
    (
        (errors.InvalidCatalogName,),
        re.compile(r"database \".*\" does not exist"),
        "is not there: {said}. Look at the database's name in store.url.",
    ),
    ((errors.ReadOnlySqlTransaction,), None, "cannot be written: it is read-only, perhaps a standby."),
    ((errors.DiskFull,), None, "cannot be written: the server's disk is full. Have some space freed."),
    (
        (errors.TooManyConnections,),
        re.compile("too many (clients|connections)|connection slots"),
        "has no connection left. Try again, or have max_connections raised.",
    ),
    (
        (errors.QueryCanceled, errors.LockNotAvailable),
        None,
        "did not answer in time: {said}. Try again, or look what holds it up.",
    ),
)
_SAID_LIMIT = 300
_OF_WINDOWS = "table windows"
_ENFORCED_WINDOWS = (
    "is enforced: freezes, holds and maintenance are added and removed by the executor's role alone. "
    "Ask whoever looks after the executor."
)


class ConditionError(StoreError):
    """A condition that the database checks does not hold; the store says which operation it is about."""

    def __init__(self, sentence: str, state: str) -> None:
        super().__init__(sentence)
        self.state = state


@contextmanager
def told(where: str) -> Iterator[None]:
    """Errors of SQLAlchemy, psycopg and the operating system become StoreError."""
    try:
        yield
    except StoreError:
        raise
    except DBAPIError as error:
        raise store_error(where, error.orig or error) from None
    except (psycopg.Error, SQLAlchemyError, OSError) as error:
        raise store_error(where, error) from None


def store_error(where: str, error: BaseException) -> StoreError:
    """The sentence for an error of PostgreSQL, its driver or the network."""
    said = _said(error)
    if isinstance(error, errors.InsufficientPrivilege):
        is_of_windows = said.endswith(_OF_WINDOWS)
        return StoreError(
            f"{where} {_ENFORCED_WINDOWS if is_of_windows else f'does not let your role do this: {said}.'}"
        )
    if isinstance(error, errors.UndefinedTable | errors.UndefinedFunction | errors.InvalidSchemaName):
        return SchemaError(f"{where} has no state of fedesk that this one knows ({said}). {_MIGRATE}")
    state = getattr(error, "sqlstate", None) or ""
    if state in CONDITIONS:
        return ConditionError(f"{where} does not allow what was asked: {said}.", state)
    if isinstance(error, errors.IntegrityError):
        return StoreError(f"{where} does not allow what was asked: {said}.")
    for kinds, signs, words in _WORDS:
        if isinstance(error, kinds) or (not state and signs is not None and signs.search(said)):
            return StoreUnavailableError(f"{where} {words.format(said=said)}")
    return StoreUnavailableError(
        f"{where} cannot be reached: {said}. "
        "What is read of the systems goes on; nothing can be changed until the store is back."
    )


def _said(error: BaseException) -> str:
    """The server's or driver's own words, on one line, without what could be a password."""
    diag = getattr(error, "diag", None)
    words = getattr(diag, "message_primary", None) or str(error) or type(error).__name__
    # A login that failed has no code, and the server's words stand behind the driver's.
    _, _, servers = words.rpartition("FATAL:")
    return one_line(redact(servers.strip() or words).text, _SAID_LIMIT).rstrip(" .?")
