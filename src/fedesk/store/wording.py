"""What goes wrong with the file, in one sentence that names it and says what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from fedesk.ports.operation_store import StoreError, StoreUnavailableError

BUSY_SECONDS = 5.0
"""How long one waits for another process's transaction."""
_WORDS = {
    "SQLITE_FULL": "cannot be written: the disk is full. Free some space, then try again.",
    "SQLITE_IOERR": (
        "cannot be read or written: {error}. Look at the disk, its free space and your quota, then try again."
    ),
    "SQLITE_READONLY": "cannot be written: it is read-only ({error}). Look at its owner, mode and mount.",
    "SQLITE_PERM": "cannot be opened: permission denied. Look at its owner and mode.",
    "SQLITE_CANTOPEN": "cannot be opened. Look whether its directory is there and you may write in it.",
    "SQLITE_BUSY": (
        f"has been locked by another process for {BUSY_SECONDS:g} s. Try again, or look which one holds it."
    ),
    "SQLITE_CORRUPT": (
        "is damaged ({error}). Keep it aside, look at the disk, and put a backup in its place."
    ),
    "SQLITE_NOTADB": (
        "is no SQLite file, or its beginning is damaged. "
        "Name another in store.url, or put a backup in its place."
    ),
}
_OUT_OF_REACH = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_IOERR",
    "SQLITE_NOMEM",
    "SQLITE_INTERRUPT",
    "SQLITE_FULL",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
    "SQLITE_PROTOCOL",
)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Errors of SQLAlchemy, sqlite3 and the operating system become StoreError."""
    try:
        yield
    except StoreError:
        raise
    except (IntegrityError, sqlite3.IntegrityError) as error:
        raise StoreError(f"{path} does not allow what was asked: {getattr(error, 'orig', error)}.") from None
    except DBAPIError as error:
        raise unavailable(path, error.orig or error) from None
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        raise unavailable(path, error) from None


def unavailable(path: Path, error: BaseException) -> StoreUnavailableError:
    """The sentence for an error of SQLite or of the operating system."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return StoreUnavailableError(
            f"{path} cannot be opened: {reason}. Look at its directory, or name another file in store.url."
        )
    code = getattr(error, "sqlite_errorname", "")
    for name, words in _WORDS.items():
        if code == name or code.startswith(name + "_"):
            return StoreUnavailableError(f"{path} {words.format(error=error)}")
    return StoreUnavailableError(
        f"{path} cannot be used: {error}. Look at the file, or put a backup in its place."
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process is at it now."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's contents are not as SQLite wrote them, rather than that they cannot be got at."""
    return not getattr(error, "sqlite_errorname", "").startswith(_OUT_OF_REACH)
