"""Stores of an older fedesk are brought to today's form by themselves, and never under a living operation."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from storing import carried_out, claimed

from fedesk.domain.audit_chain import GENESIS
from fedesk.ports.operation_store import UnderWayError
from fedesk.store import tables
from fedesk.store.operations import SqlStore

MADE_BY_1 = (Path(__file__).parent / "schema_1.sql").read_text()
"""What fedesk of schema 1 made."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as fedesk of schema 1 made it."""
    path = tmp_path / "fedesk.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(MADE_BY_1)
        database.execute("INSERT INTO fedesk_schema VALUES (1, 'fedesk 0.1.0', 0)")
        database.execute("INSERT INTO audit_head VALUES (1, 0, ?)", (GENESIS,))
    return path


@pytest.fixture
def opened(old: Path) -> Iterator[SqlStore]:
    store = SqlStore(old)
    yield store
    store.close()


def form(path: Path) -> set[tuple[str, str]]:
    """Tables, indexes and triggers with the words that make them."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(name, " ".join(sql.split()).replace(" ,", ",").replace("( ", "(")) for name, sql in rows}


def put_back(path: Path) -> None:
    """Make a store of today look as one of schema 1, with what it holds."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        made_since = set(tables.metadata.tables) - set(re.findall(r"CREATE TABLE (\w+)", MADE_BY_1))
        for name in made_since:
            database.execute(f"DROP TABLE {name}")
        database.execute("UPDATE fedesk_schema SET number = 1")


def test_an_old_store_becomes_one_of_today(old: Path, opened: SqlStore, tmp_path: Path) -> None:
    """Migrated or made anew, the tables are the same, and the number says so."""
    opened.check()
    new = SqlStore(tmp_path / "new.sqlite3")
    new.check()
    new.close()
    assert form(old) == form(tmp_path / "new.sqlite3")
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("SELECT number FROM fedesk_schema").fetchone() == (tables.SCHEMA,)
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (
            f"{tables.SCHEMA:04d}",
        )


def test_what_was_there_is_there(tmp_path: Path) -> None:
    """Operations and the audit log come through a migration as they were."""
    path = tmp_path / "fedesk.sqlite3"
    before = SqlStore(path)
    carried_out(before)
    kept = before.operations(), before.tail(10)
    before.close()
    put_back(path)
    after = SqlStore(path)
    assert (after.operations(), after.tail(10)) == kept
    assert after.verify(deep=True).flaw is None
    after.close()


def test_never_while_an_operation_lives(tmp_path: Path) -> None:
    """A store whose lease has not run out is left as it is: its process writes by the tables as they were."""
    path = tmp_path / "fedesk.sqlite3"
    before = SqlStore(path)
    lease = claimed(before)
    before.renew(lease, datetime.now(tz=UTC), timedelta(minutes=2))
    before.close()
    put_back(path)
    after = SqlStore(path)
    with pytest.raises(
        UnderWayError, match="while operation 019a9f3e-0001-7000-8000-000000000001 is under way"
    ):
        after.operations()
    after.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT number FROM fedesk_schema").fetchone() == (1,)
