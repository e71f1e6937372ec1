"""The SQLite file: how it is made and opened, and how it is read beside one writer.

WAL and ``synchronous=FULL``: what was committed is on the disk. Writing is one thread a process, each work
one ``BEGIN IMMEDIATE`` transaction; readers are beside it. No error of SQLAlchemy
or sqlite3 leaves this module.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from fedesk.ports.operation_store import SchemaError, StoreUnavailableError
from fedesk.store import migrating, tables
from fedesk.store.filesystem import network_file_system
from fedesk.store.wording import BUSY_SECONDS, is_busy, told
from fedesk.store.worker import Worker

T = TypeVar("T")

_OLDEST_SQLITE = (3, 31, 0)
"""The first with generated columns."""
_CLOSING_SECONDS = 1.0
_READERS = 8
_COMPILED: dict[Any, Any] = {}
"""Compiled statements, shared by every store of the process; there are some thirty."""
_OPENING = Lock()
"""Closing a file that was opened beside SQLite drops this process's locks on it: makers and openers take
turns."""


class FileDatabase:
    """One file. Opens nothing until it is first read or written; may be used from any thread."""

    def __init__(self, path: Path, opened: set[Path] | None = None) -> None:
        """``opened``: files that this process has had open, this one's among them once it has."""
        self.path = path
        self._known = set() if opened is None else opened
        self._lock = Lock()
        self._engine: Engine | None = None
        self._writer = Worker(self._writing)
        self._file: tuple[int, int] | None = None
        self._watched: PoolProxiedConnection | None = None
        self._closed = False

    def read(self, work: Callable[[Connection], T], absent: T) -> T:
        """The result of ``work`` in a transaction of its own; ``absent`` while there is no store yet."""
        with told(self.path):
            engine = self._opened(create=False)
            if engine is None:
                return absent
            with engine.connect() as connection, connection.begin():
                return work(connection)

    def read_whole(self, work: Callable[[Connection], T], absent: T) -> T:
        """The same: a reading transaction sees one state of the file, and none waits for another."""
        return self.read(work, absent)

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, durable; makes the store where there is none."""
        with told(self.path):
            self._opened(create=True)
            return self._writer.run(work)

    def changes(self) -> int:
        """SQLite's number that moves when another connection has committed; 0 while there is no store."""
        with told(self.path):
            engine = self._opened(create=False)
            if engine is None:
                return 0
            with self._lock:
                if self._watched is None:
                    self._watched = engine.raw_connection()
                cursor = self._watched.cursor()
                cursor.execute("PRAGMA data_version")
                (number,) = cursor.fetchone() or (0,)
                cursor.close()
                return int(number)

    def close(self) -> None:
        """Let go of the file; waits a second at most for what is being written."""
        self._writer.close(_CLOSING_SECONDS)
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
            watched, self._watched = self._watched, None
        if watched is not None:
            watched.invalidate()
        if engine is not None:
            engine.dispose()

    def _writing(self) -> Connection:
        engine = self._opened(create=True)
        assert engine is not None  # noqa: S101 - it was created
        return engine.connect().execution_options(fedesk_begin="BEGIN IMMEDIATE")

    def _opened(self, *, create: bool) -> Engine | None:
        with self._lock:
            if self._closed:
                raise StoreUnavailableError("The store was closed.")
            if self._engine is None:
                with _OPENING:
                    self._engine = self._open(create=create)
            elif self._file != _identity(self.path):
                raise StoreUnavailableError(
                    f"{self.path} was removed or replaced while it was open. "
                    "Put it back, or start fedesk again."
                )
            return self._engine

    def _open(self, *, create: bool) -> Engine | None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreUnavailableError(
                f"This Python's SQLite is {sqlite3.sqlite_version}; the store needs 3.31 or newer."
            )
        if not self.path.exists():
            self._check_new()
        if create:
            _make_file(self.path)
        elif not self.path.exists():
            return None
        engine = file_engine(self.path)
        try:
            there = self._is_prepared(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        if not there:
            engine.dispose()
            return None
        self._file = _identity(self.path)
        self._known.add(self.path)
        return engine

    def _check_new(self) -> None:
        """A file that was there and is gone is not a store without operations: some may be under way."""
        if self.path in self._known:
            raise StoreUnavailableError(
                f"{self.path} was removed while fedesk was running. Put it back, or start fedesk again."
            )
        log = self.path.with_name(f"{self.path.name}-wal")
        # The file is there before its log, also where another process is making both right now.
        if log.exists() and not self.path.exists():
            raise StoreUnavailableError(
                f"{self.path} is gone, and its log {log.name} is still there. "
                "Put it back; to begin a new one, end every fedesk and remove the log."
            )

    def _is_prepared(self, engine: Engine, *, create: bool) -> bool:
        with engine.connect() as connection:
            with connection.begin():
                names = _names(connection)
            if not names and create:
                with connection.execution_options(fedesk_begin="BEGIN IMMEDIATE").begin():
                    if not _names(connection):
                        migrating.create(connection)
                    names = _names(connection)
            if not names:
                return False
            with connection.begin():
                number = schema_number(connection, self.path)
            if number is not None and number < tables.SCHEMA:
                with connection.execution_options(fedesk_begin="BEGIN IMMEDIATE").begin():
                    migrating.migrate(connection, str(self.path), datetime.now(tz=UTC))
        _set_wal(engine, self.path)
        return True


def schema_number(connection: Connection, path: Path) -> int | None:
    """The form of a file's tables; None while it has none. Raises SchemaError, StoreUnavailableError."""
    names = _names(connection)
    if not names:
        return None
    if tables.schema.name not in names:
        raise StoreUnavailableError(
            f"{path} is a SQLite file that fedesk did not make. Name another in store.url."
        )
    numbers = connection.scalars(select(tables.schema.c.number)).all()
    if len(numbers) == 1 and numbers[0] > tables.SCHEMA:
        raise SchemaError(
            f"{path} was made by a newer fedesk: its schema is {numbers[0]}, this one knows "
            f"{tables.SCHEMA}. Use the newer fedesk, or name another file in store.url."
        )
    if len(numbers) != 1 or numbers[0] < 1:
        found = ", ".join(map(str, numbers)) or "none"
        raise SchemaError(
            f"{path} has no schema that this fedesk knows: {found} instead of {tables.SCHEMA}. "
            "Put a backup in its place, or name another file in store.url."
        )
    return int(numbers[0])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked before each work, and a Path costs as much again
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make_file(path: Path) -> None:
    """An empty file that its owner alone may read, unless there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = network_file_system(path.parent)
    if kind:
        raise StoreUnavailableError(
            f"{path} is on a network file system ({kind}), on which SQLite's locks do not hold. "
            'Name a file on a local disk in store.url, as in "sqlite:////var/lib/fedesk/fedesk.sqlite3".'
        )
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def file_engine(path: Path, mode: Literal["rw", "ro"] = "rw") -> Engine:
    """Connections to a file that is there, as it is: none is made, and none brought to today's form."""
    address = f"file:{quote(os.fsencode(path))}?mode={mode}"

    # SQLAlchemy's protocol of a connection leaves open less than sqlite3's does.
    def connect() -> Any:
        return sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )

    dialect = _dialect()
    engine = Engine(
        QueuePool(connect, pool_size=_READERS, max_overflow=-1, dialect=dialect),
        dialect,
        make_url("sqlite://"),
        hide_parameters=True,
        execution_options={"compiled_cache": _COMPILED},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


@cache
def _dialect() -> Dialect:
    """The one of all stores: a statement is compiled for a dialect, and each engine would make its own."""
    engine = create_engine("sqlite://")
    with engine.connect():
        pass  # it asks SQLite what it can do when it first connects
    return engine.dialect


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    if sys.platform == "darwin":
        # fsync alone leaves the data in the disk's own cache there.
        cursor.execute("PRAGMA fullfsync = ON")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    cursor = connection.connection.cursor()
    cursor.execute(connection.get_execution_options().get("fedesk_begin", "BEGIN"))
    cursor.close()


def _names(connection: Connection) -> set[str]:
    return set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())


def _set_wal(engine: Engine, path: Path) -> None:
    """Whoever opens first sets it; it stays in the file. SQLite does not wait for others here: this does."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > until:
                    raise
                time.sleep(0.02)
        (mode,) = cursor.fetchone() or ("none",)
        if mode != "wal":
            raise StoreUnavailableError(
                f"{path} is on a file system on which SQLite cannot write ahead (its journal is {mode!r}). "
                "Name a file on a local disk in store.url."
            )
        cursor.close()
    finally:
        raw.close()
