"""A team's database made and migrated by whoever looks after it: that role owns schema and functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, insert, inspect, select, text, update
from sqlalchemy.engine import make_url

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.ports.operation_store import SchemaError, StoreError
from fedesk.store import audit_log, migrating, tables
from fedesk.store.postgres import SCHEMA_NAME, Password, check_number, engine_of, where_of
from fedesk.store.postgres_wording import told
from fedesk.store.tables import people

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('fedesk store migrate'))")
_ENCODING = text("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
_NO_LIMITS = tuple(
    text(f"SET LOCAL {name} = 0") for name in ("statement_timeout", "idle_in_transaction_session_timeout")
)
_IS_ROLE = text("SELECT 1 FROM pg_roles WHERE rolname = :role AND rolcanlogin")
_NOW = text("SELECT clock_timestamp()")
_MAKE_SCHEMA = text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA_NAME}")


def migrate(url: str, password: Password | None = None) -> int | None:
    """Make the tables, or bring them to today's form; the number they had, None where there were none.

    One migrates at a time, and none while an operation lives. Raises StoreError.
    """
    with owning(url, password) as connection:
        return _migrated(connection, where_of(make_url(url)))


@contextmanager
def owning(url: str, password: Password | None) -> Iterator[Connection]:
    """One transaction of whoever looks after a database, however long; one of these at a time."""
    address = make_url(url)
    with told(where_of(address)), engine_of(address, password).connect() as opened:
        connection = opened.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            connection.execute(_LOCK)
            for limit in _NO_LIMITS:
                connection.execute(limit)
            yield connection


def put_person(
    url: str, role: str, principal: str, actor: Actor, at: datetime, password: Password | None = None
) -> str | None:
    """Say who is behind a login role, on the record; the principal it had before, None where there was none.

    Raises StoreError.
    """
    where = where_of(make_url(url))
    with owning(url, password) as connection:
        check_number(where, connection.scalars(select(tables.schema.c.number)).all())
        if connection.scalar(_IS_ROLE, {"role": role}) is None:
            raise StoreError(f"{where} has no role {role!r}. Look at its name, or have it created.")
        of_role = people.c.role == role
        before = connection.scalar(select(people.c.principal).where(of_role))
        if before is None:
            connection.execute(insert(people).values(role=role, principal=principal))
        elif before != principal:
            connection.execute(update(people).where(of_role).values(principal=principal))
        if before != principal:
            said = f"{principal}, before: {before}" if before else principal
            draft = AuditDraft(
                at=at,
                actor=actor,
                environment="",
                action="store-person",
                target=role,
                phase=Phase.CONFIGURATION,
                result=said,
            )
            audit_log.append(connection, draft)
        return before


def _migrated(connection: Connection, where: str) -> int | None:
    if connection.scalar(_ENCODING) != "UTF8":
        raise SchemaError(f"{where} is not encoded in UTF-8. Have a database made with ENCODING 'UTF8'.")
    if not inspect(connection).has_table(tables.schema.name, schema=SCHEMA_NAME):
        connection.execute(_MAKE_SCHEMA)
        migrating.create(connection)
        return None
    numbers = connection.scalars(select(tables.schema.c.number)).all()
    if not (len(numbers) == 1 and numbers[0] < tables.SCHEMA):
        check_number(where, numbers)
    now = connection.scalar(_NOW)
    assert isinstance(now, datetime)  # noqa: S101 - the server's clock
    return migrating.migrate(connection, where, now)
