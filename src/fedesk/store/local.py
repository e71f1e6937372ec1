"""The store of broken glass while a team's does not answer: a SQLite file with a chain of its own.

The first write begins the chain with its name; behind the record of its merge nothing is written any more.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, update

from fedesk.domain import local_log
from fedesk.domain.audit import AuditDraft, AuditRecord
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.store import audit_log, tables
from fedesk.store.database import FileDatabase
from fedesk.store.operations import SqlStore

T = TypeVar("T")

FILE_NAME = "break-glass.sqlite3"


class LocalStore(SqlStore):
    """One local log with its operations."""

    _database: "LocalDatabase"

    def __init__(self, path: Path, begins: Callable[[], AuditDraft], opened: set[Path] | None = None) -> None:
        """``begins`` makes the record that the chain begins with; ``opened`` as in ``SqlStore``."""
        self.path = path
        self._database = LocalDatabase(path, begins, opened)

    def check(self) -> None:
        """Whether it can be written; begins no chain. Raises StoreError."""
        touch = update(tables.schema).values(checks=tables.schema.c.checks + 1)
        self._database.touch(lambda connection: connection.execute(touch).rowcount)


class LocalDatabase(FileDatabase):
    """The file, in which each write is behind the first record and before the last one."""

    def __init__(self, path: Path, begins: Callable[[], AuditDraft], opened: set[Path] | None = None) -> None:
        super().__init__(path, opened)
        self._begins = begins

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, durable. Raises StoreUnavailableError where the log was merged."""

        def within(connection: Connection) -> T:
            newest = audit_log.tail(connection, 1, None, None)
            if not newest:
                audit_log.append(connection, self._begins())
            elif local_log.is_end(newest[0].draft):
                raise merged_already(newest[0])
            return work(connection)

        return super().write(within)

    def touch(self, work: Callable[[Connection], T]) -> T:
        """The same for what is not of the log."""
        return super().write(work)


def merged_already(end: AuditRecord) -> StoreUnavailableError:
    """Nothing is added to a log that was merged."""
    return StoreUnavailableError(
        f"The local log {end.draft.target} was merged: {end.draft.result}. Nothing is added to it; "
        "run `fedesk audit merge`, which puts it aside."
    )


def unmerged(path: Path) -> AuditRecord | None:
    """The first record of the local log at a path that is not merged yet; None where there is none.

    Costs one look at the directory where there is no file. Raises StoreError.
    """
    if not path.exists():
        return None
    database = FileDatabase(path)
    try:
        return database.read(_first_if_open, None)
    finally:
        database.close()


def _first_if_open(connection: Connection) -> AuditRecord | None:
    newest = audit_log.tail(connection, 1, None, None)
    if not newest or local_log.is_end(newest[0].draft):
        return None
    return audit_log.record(connection, 1)
