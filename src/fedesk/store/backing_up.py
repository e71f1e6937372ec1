"""A copy of a store in a file of its own, made while the store is used, and verified."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedesk.ports.operation_store import StoreError, Verification
from fedesk.store import copying, tables, verifying
from fedesk.store.as_made import damage
from fedesk.store.database import file_engine, schema_number
from fedesk.store.postgres import Password
from fedesk.store.wording import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A file that was made."""

    path: Path
    size: int
    """Bytes."""
    verification: Verification
    """Of the copy. A flaw is the store's own: it is kept, and so is the copy."""


def back_up_file(path: Path, output: Path) -> Backup:
    """Copy a file as it is at one moment, in whatever form its tables are. Raises StoreError, OSError."""
    with _made(output):
        with told(path):
            source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with closing(source), told(output), closing(sqlite3.connect(output, isolation_level=None)) as target:
            source.backup(target)
            # One file, without a log beside it.
            target.execute("PRAGMA journal_mode = DELETE")
        return _verified(output)


def back_up_team(url: str, password: Password | None, output: Path) -> Backup:
    """Copy a team's state as it is at one moment. Raises StoreError, OSError."""
    with _made(output):
        engine = file_engine(output)
        try:
            writing = engine.connect().execution_options(fedesk_begin="BEGIN IMMEDIATE")
            with told(output), writing as target, target.begin():
                copying.copy_to_file(url, password, target)
        finally:
            engine.dispose()
        return _verified(output)


@contextmanager
def _made(output: Path) -> Iterator[None]:
    """A new file that its owner alone may read, never one that was there; durable, or gone again."""
    os.close(os.open(output, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield
        for place in (output, output.absolute().parent):
            handle = os.open(place, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except BaseException:
        for left in (output, output.with_name(f"{output.name}-journal")):
            left.unlink(missing_ok=True)
        raise


def _verified(output: Path) -> Backup:
    """Open it as a store is opened, and check the whole of it."""
    engine = file_engine(output, "ro")
    try:
        with told(output), engine.connect() as connection, connection.begin():
            number = schema_number(connection, output)
            broken = damage(connection, connection.connection.cursor())
            if broken:
                raise StoreError(
                    f"The copy in {output} is no good and was not kept: {broken}. Look at the disk."
                )
            found = verifying.verify(connection, deep=number == tables.SCHEMA)
    finally:
        engine.dispose()
    return Backup(path=output, size=output.stat().st_size, verification=found)
