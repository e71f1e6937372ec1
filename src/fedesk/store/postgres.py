"""A team's PostgreSQL: how it is reached, and how long one waits for it.

Every statement is a transaction of its own (autocommit) and one round trip. What is written and what is
read goes through one thread and one connection each, so that whoever asks can stop waiting: a server that
hangs has its connection cut. A third connection listens for what others write.
"""

import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import CredentialError
from fedesk.ports.operation_store import SchemaError, StoreUnavailableError
from fedesk.store import tables
from fedesk.store.postgres_wording import told
from fedesk.store.worker import Worker

T = TypeVar("T")

SCHEMA_NAME = "fedesk"
DEADLINE = 20.0
"""Seconds after which one stops waiting for an answer; the server gives up before."""
_CONNECT_SECONDS = 5
SETTINGS = {
    "search_path": f"{SCHEMA_NAME},pg_temp",
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "client_encoding": "UTF8",
}
_KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_CLOSING_SECONDS = 1.0
_LISTENED = "fedesk"
_NUMBER = "SELECT number FROM fedesk_schema"

Password = Callable[[], SecretText]


class PostgresDatabase:
    """One database. Connects when it is first asked; may be used from any thread."""

    def __init__(self, url: str, password: Password | None = None) -> None:
        self.url = make_url(url)
        self._engine = engine_of(self.url, password)
        self._writer = Worker(self._connected, cut=cut, is_stale=is_stale, is_fatal=is_fatal)
        self._reader = Worker(self._connected, cut=cut, is_stale=is_stale, is_fatal=is_fatal)
        self._listener = Worker(self._listening, cut=cut, is_fatal=is_fatal)
        self._heard = 0

    @property
    def where(self) -> str:
        """What it is called in sentences: ``postgresql://mara@db/fedesk``."""
        return where_of(self.url)

    def read(self, work: Callable[[Connection], T], absent: T) -> T:
        """The result of ``work``; each of its statements is a transaction of its own."""
        del absent
        with told(self.where):
            return self._reader.run(work, DEADLINE)

    def read_whole(self, work: Callable[[Connection], T], absent: T) -> T:
        """The result of ``work`` in one state of the database, over a connection of its own, however long."""
        del absent
        with told(self.where), self._connected() as connection:
            whole = connection.execution_options(isolation_level="REPEATABLE READ")
            with whole.begin():
                whole.execute(text("SET LOCAL statement_timeout = 0"))
                return work(whole)

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, durable: several statements, and all of them or none."""
        return self.once(lambda connection: _within_transaction(connection, work))

    def once(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, which is one statement, durable: one round trip."""
        with told(self.where):
            return self._writer.run(work, DEADLINE)

    def changes(self) -> int:
        """A number that moves when somebody has written; costs no round trip once it listens."""
        with told(self.where):
            try:
                return self._listener.run(self._count, DEADLINE)
            except (psycopg.OperationalError, DBAPIError):
                # The server has ended the connection; another may be had at once.
                return self._listener.run(self._count, DEADLINE)

    def close(self) -> None:
        """Let go of every connection; waits a second at most for what is being written."""
        self._writer.close(_CLOSING_SECONDS)
        self._reader.close(0)
        self._listener.close(0)

    def _connected(self) -> Connection:
        connection = self._engine.connect()
        try:
            with connection.begin():
                check_number(self.where, connection.scalars(text(_NUMBER)).all())
        except BaseException:
            connection.close()
            raise
        return connection

    def _listening(self) -> Connection:
        connection = self._connected()
        connection.exec_driver_sql(f"LISTEN {_LISTENED}")
        connection.rollback()
        # What was written while nobody listened is not told: it counts as one change.
        self._heard += 1
        return connection

    def _count(self, connection: Connection) -> int:
        driver = _driver(connection)
        assert driver is not None  # noqa: S101 - it has just been connected
        self._heard += sum(1 for _ in driver.notifies(timeout=0))
        if is_stale(connection):
            # What is left to be heard is its end.
            self._heard += sum(1 for _ in driver.notifies(timeout=0))
        return self._heard


def engine_of(url: URL, password: Password | None) -> Engine:
    """An engine without a pool: who connects keeps it."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "fedesk",
            "prepare_threshold": None,
            "options": " ".join(f"-c {name}={value}" for name, value in SETTINGS.items()),
            **_KEEPALIVES,
        },
    )
    if password is not None:
        event.listen(engine, "do_connect", _connecting(password))
    return engine


def _connecting(password: Password) -> Callable[..., DBAPIConnection]:
    """Connects with a password that is looked up once, and again where the server did not like it."""
    kept: list[SecretText] = []

    def connect(
        dialect: Dialect, _record: ConnectionPoolEntry, arguments: list[Any], parameters: dict[str, Any]
    ) -> DBAPIConnection:
        if not kept:
            try:
                kept.append(password())
            except CredentialError as error:
                raise StoreUnavailableError(f"The store's credential cannot be had: {error}") from None
        try:
            return dialect.connect(*arguments, **parameters, password=kept[0].reveal())
        except psycopg.OperationalError:
            kept.clear()
            raise

    return connect


def where_of(url: URL) -> str:
    """The address without password and options."""
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{url.host or ''}{port}/{url.database or ''}"


def check_number(where: str, numbers: Any) -> None:
    """Whether the schema is the one that this program knows. Raises SchemaError."""
    found = list(numbers)
    if found == [tables.SCHEMA]:
        return
    if len(found) == 1 and found[0] > tables.SCHEMA:
        raise SchemaError(
            f"{where} was migrated by a newer fedesk: its schema is {found[0]}, this one knows "
            f"{tables.SCHEMA}. Use the newer fedesk."
        )
    if len(found) == 1:
        raise SchemaError(
            f"{where} has schema {found[0]}, and this fedesk needs {tables.SCHEMA}. "
            "Whoever looks after it runs `fedesk store migrate`."
        )
    raise SchemaError(f"{where} has {len(found)} schema numbers instead of one. Put a backup in its place.")


def is_stale(connection: Connection) -> bool:
    """Whether an idle connection has something to say: the server is ending it. Costs no round trip."""
    driver = _driver(connection)
    if driver is None or driver.closed:
        return True
    # Not select(2), which fails on a descriptor above 1,023.
    with selectors.DefaultSelector() as waiting:
        waiting.register(driver.fileno(), selectors.EVENT_READ)
        return bool(waiting.select(0))


def is_fatal(error: BaseException) -> bool:
    """Whether an error is the server's or the way's own: another connection may lead to one that is well.

    One that became a standby goes on answering, and refuses what is written for as long as one keeps to it.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction)


def cut(connection: Connection) -> None:
    """End a connection that another thread waits on; that thread's statement fails at once."""
    driver = _driver(connection)
    with suppress(OSError, psycopg.Error):
        if driver is not None and not driver.closed:
            with socket.socket(fileno=os.dup(driver.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)


def _within_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    driver = _driver(connection)
    assert driver is not None  # noqa: S101 - it is open: somebody works with it
    with driver.transaction():
        return work(connection)


def _driver(connection: Connection) -> psycopg.Connection | None:
    if connection.closed or connection.invalidated:
        return None
    found = connection.connection.driver_connection
    return found if isinstance(found, psycopg.Connection) else None
