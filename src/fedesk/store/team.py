"""A team's database made and migrated by whoever looks after it: that role owns schema and functions."""

from datetime import datetime

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.engine import make_url

from fedesk.ports.operation_store import SchemaError
from fedesk.store import migrating, tables
from fedesk.store.postgres import SCHEMA_NAME, Password, check_number, engine_of, where_of
from fedesk.store.postgres_wording import told

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('fedesk store migrate'))")
_ENCODING = text("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
_NO_LIMITS = text("SET LOCAL statement_timeout = 0")
_NOW = text("SELECT clock_timestamp()")
_MAKE_SCHEMA = text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA_NAME}")


def migrate(url: str, password: Password | None = None) -> int | None:
    """Make the tables, or bring them to today's form; the number they had, None where there were none.

    One migrates at a time, and none while an operation lives. Raises StoreError.
    """
    address = make_url(url)
    where = where_of(address)
    engine = engine_of(address, password)
    with told(where), _transaction(engine) as connection, connection.begin():
        connection.execute(_LOCK)
        connection.execute(_NO_LIMITS)
        return _migrated(connection, where)


def _transaction(engine: Engine) -> Connection:
    return engine.connect().execution_options(isolation_level="READ COMMITTED")


def _migrated(connection: Connection, where: str) -> int | None:
    if connection.scalar(_ENCODING) != "UTF8":
        raise SchemaError(f"{where} is not encoded in UTF-8. Have a database made with ENCODING 'UTF8'.")
    if not inspect(connection).has_table(tables.schema.name, schema=SCHEMA_NAME):
        connection.execute(_MAKE_SCHEMA)
        migrating.create(connection)
        return None
    numbers = connection.scalars(text("SELECT number FROM fedesk_schema")).all()
    if not (len(numbers) == 1 and numbers[0] < tables.SCHEMA):
        check_number(where, numbers)
    now = connection.scalar(_NOW)
    assert isinstance(now, datetime)  # noqa: S101 - the server's clock
    return migrating.migrate(connection, where, now)
