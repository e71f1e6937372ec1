"""The store as a file: where it is, who may read it, what is on the disk."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from operation_values import draft_of

from fedesk.domain.audit import Phase
from fedesk.ports.operation_store import (
    StoreError,
    StoreUnavailableError,
)
from fedesk.store import database
from fedesk.store.database import FileDatabase
from fedesk.store.operations import SqlStore
from fedesk.store.place import store_path
from fedesk.store.warming import warm


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fedesk.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(path)
    yield opened
    opened.close()


def test_only_the_owner_may_read_the_files(store: SqlStore, path: Path) -> None:
    """Directory 0700, and each file of the store 0600, the write-ahead log included."""
    store.append(draft_of(Phase.ACCESS))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = list(path.parent.iterdir())
    assert {one.name for one in files} == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_what_was_written_is_on_the_disk(store: SqlStore, path: Path) -> None:
    """Write-ahead log and full synchronisation: a committed record is there for who opens the file next."""
    store.append(draft_of(Phase.ACCESS))
    with closing(sqlite3.connect(path)) as beside:
        assert beside.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert beside.execute("SELECT count(*) FROM audit").fetchone() == (1,)
    database = FileDatabase(path)
    names = ("synchronous", "foreign_keys")
    pragmas = database.write(lambda one: [one.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names])
    database.close()
    assert pragmas == [2, 1]


def test_a_closed_store_says_so(path: Path) -> None:
    """After closing nothing is opened again behind one's back; closing twice does no harm."""
    store = SqlStore(path)
    store.append(draft_of(Phase.ACCESS))
    store.close()
    store.close()
    for attempt in (store.operations, store.check, store.changes, lambda: store.verify(deep=False)):
        with pytest.raises(StoreUnavailableError, match="closed"):
            attempt()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_warming_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner warms its statements, then forks: no thread, no file, no open database may be left of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = threading.enumerate()
    warm()
    assert threading.enumerate() == before
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    warm()


def test_a_statement_is_compiled_once_for_all_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled for one store serves the next, of which nothing more is kept."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    warm()
    known = len(database._COMPILED)  # noqa: SLF001 - seen from outside it is milliseconds
    warm()
    assert len(database._COMPILED) == known > 0  # noqa: SLF001 - likewise


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite", "/state/fedesk.sqlite3"),
        ("sqlite:////var/lib/fedesk/desk.db", "/var/lib/fedesk/desk.db"),
        ("sqlite:///~/desk.db", f"{Path.home()}/desk.db"),
    ],
)
def test_the_place_follows_the_configuration(url: str, expected: str) -> None:
    """``sqlite`` is a file in the state folder; an address names a file by its absolute path."""
    assert store_path(url, Path("/state")) == Path(expected)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///desk.db", "relative path"),
        ("mysql://db", "names no store"),
    ],
)
def test_an_address_that_cannot_serve_says_why(url: str, why: str) -> None:
    """What fedesk cannot keep its state in is an error with what to write instead."""
    with pytest.raises(StoreError, match=why):
        store_path(url, Path("/state"))
