"""The tables made, and brought to today's form: only forward, and never while an operation lives."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources

from sqlalchemy import Connection, ExecutableDDLElement, create_mock_engine, insert, select, update

from fedesk import __version__
from fedesk.domain.audit_chain import GENESIS
from fedesk.domain.operations import Stage
from fedesk.ports.operation_store import UnderWayError
from fedesk.store import tables

_PARTS = "-- part: "


def create(connection: Connection) -> None:
    """Make every table as it is today, in the transaction that was begun."""
    if connection.dialect.name == "postgresql":
        _run(connection, "before tables")
        tables.metadata.create_all(connection, checkfirst=False)
        _run(connection, "columns")
        _run(connection, "after tables")
    else:
        for statement in file_tables():
            connection.exec_driver_sql(statement)
    connection.execute(insert(tables.schema).values(number=tables.SCHEMA, made_by=f"fedesk {__version__}"))
    connection.execute(insert(tables.audit_head).values(id=1, seq=0, hash=GENESIS))
    connection.execute(insert(tables.revision).values(version_num=_revision(tables.SCHEMA)))


@cache
def file_tables() -> tuple[str, ...]:
    """The statements that make every table, index and trigger of a SQLite file."""
    found: list[str] = []

    def noted(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine("sqlite://", noted)
    tables.metadata.create_all(engine, checkfirst=False)
    return tuple(found)


def migrate(connection: Connection, where: str, now: datetime) -> int:
    """Bring the tables from an older form to today's, in the transaction that was begun; the old number.

    ``now`` is the time of the clock that leases are told by. Raises UnderWayError.
    """
    number: int = connection.scalars(select(tables.schema.c.number)).one()
    if number == tables.SCHEMA:
        return number
    _check_nothing_lives(connection, where, now)
    _upgrade(connection, number)
    if connection.dialect.name == "postgresql":
        _run(connection, "after tables")
    connection.execute(update(tables.schema).values(number=tables.SCHEMA, made_by=f"fedesk {__version__}"))
    return number


def _check_nothing_lives(connection: Connection, where: str, now: datetime) -> None:
    """Raise UnderWayError where an operation is: its process writes by the tables as they were."""
    operation = living(connection, now)
    if operation:
        raise UnderWayError(
            f"{where} is of an older fedesk and is not migrated while operation {operation} is under way. "
            "Wait until it has ended, then try again."
        )


def living(connection: Connection, now: datetime) -> str:
    """The id of an operation whose lease is held; empty where there is none."""
    is_held = (tables.operations.c.stage == Stage.RUNNING.value) & (tables.operations.c.lease_until > now)
    return connection.scalar(select(tables.operations.c.operation).where(is_held).limit(1)) or ""


def _upgrade(connection: Connection, number: int) -> None:
    # Alembic is imported where a store is really of an older form.
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "fedesk.store:migrations")
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    context = MigrationContext.configure(connection)
    if context.get_current_revision() is None:
        context.stamp(script, _revision(number))
    command.upgrade(config, "head")


def _revision(number: int) -> str:
    return f"{number:04d}"


def sql(name: str) -> str:
    """The text of a file beside the tables: ``functions.sql``, ``advisory.sql``, ``enforced.sql``."""
    return (resources.files("fedesk.store") / "sql" / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the database, as far as its doing depends on it."""

    body: str
    is_definer: bool
    """Whether it runs as its owner."""
    settings: tuple[str, ...]
    """``search_path=fedesk, pg_temp``: what it does not take from the session."""


def functions() -> dict[str, Function]:
    """The functions of ``functions.sql`` by their names, as the database keeps them."""
    found = re.findall(
        r"^CREATE FUNCTION (\w+)\((.*?)AS \$\$(.*?)\$\$", sql("functions.sql"), re.MULTILINE | re.DOTALL
    )
    return {
        name: Function(
            body=body,
            is_definer="SECURITY DEFINER" in head,
            settings=tuple("=".join(one) for one in re.findall(r"SET (\w+) = (.*?)(?= SET|\n)", head)),
        )
        for name, head, body in found
    }


def triggers() -> dict[str, str]:
    """Its triggers by their names, each on one line, as the database tells them."""
    found = re.findall(r"^(CREATE TRIGGER (\w+)[^;]*)", sql("functions.sql"), re.MULTILINE)
    return {name: " ".join(words.split()) for words, name in found}


def _run(connection: Connection, part: str) -> None:
    """Run one part of ``functions.sql``, in the place of what is there; it has no parameters."""
    _, _, rest = sql("functions.sql").partition(f"{_PARTS}{part}\n")
    statements, _, _ = rest.partition(_PARTS)
    for made in ("FUNCTION", "TRIGGER"):
        statements = statements.replace(f"CREATE {made}", f"CREATE OR REPLACE {made}")
    cursor = connection.connection.cursor()
    cursor.execute(statements)
    cursor.close()
