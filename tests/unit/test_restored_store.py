"""A backup is put in the place of the store while an operation is under way.

That a backup was put there is for an anchor to tell; here is what becomes of who holds a lease.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from acting import ME, OTHER, LineWorld, Living, Rig
from postgres_server import Server
from sqlalchemy.engine import make_url

from fedesk.domain.operations import Outcome
from fedesk.ports.operation_store import GoneError, JournalError, StoreUnavailableError, UnrecordedError
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore


@dataclass
class Backup:
    """One store, a copy of it, and how the copy is put in its place."""

    opens: Callable[[], SqlStore]
    take: Callable[[], None]
    restore: Callable[[], None]


def of_file(folder: Path) -> Backup:
    path, copy = folder / "state.sqlite3", folder / "yesterday.sqlite3"

    def copied(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
            one.backup(other)

    return Backup(lambda: SqlStore(path), lambda: copied(path, copy), lambda: copied(copy, path))


def of_database(server: Server) -> Backup:
    url = server.fresh()
    name, copy = make_url(url).database, f"{make_url(url).database}_yesterday"

    def copied(source: str | None, target: str | None) -> None:
        server.admin(
            f"DROP DATABASE IF EXISTS {target} WITH (FORCE)",
            f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY FILE_COPY",
        )

    def take() -> None:
        server.hang_up(url)
        copied(name, copy)

    return Backup(lambda: PostgresStore(url), take, lambda: copied(copy, name))


@pytest.fixture(params=["sqlite", "postgresql"])
def backup(request: pytest.FixtureRequest, tmp_path: Path) -> Backup:
    if request.param == "sqlite":
        return of_file(tmp_path)
    return of_database(request.getfixturevalue("postgres"))


@pytest.fixture
def rig(backup: Backup, tmp_path: Path) -> Iterator[Rig]:
    with closing(backup.opens()) as store:
        store.check()
        yield Rig(store=store, world=LineWorld(tmp_path / "lines"))


def test_restored_before_the_send(rig: Rig, backup: Backup) -> None:
    """The operation is gone when the lease is checked: nothing is sent, and nothing written to the store."""
    backup.take()
    operation = rig.confirmed()
    rig.script.on_open = backup.restore
    with pytest.raises(GoneError, match=f"{operation} is gone from the store"):
        rig.execute(operation)
    assert rig.script.sends == []
    assert rig.store.operations() == ()
    assert rig.store.verify(deep=True).records == 0


def test_restored_after_the_send(rig: Rig, backup: Backup) -> None:
    """What was sent and has no operation any more is told, with the target to look at; nothing is made up."""
    backup.take()
    operation = rig.confirmed()
    rig.script.on_done = backup.restore
    with pytest.raises(
        UnrecordedError, match=r"was sent, .* Look at dev/airflow:lines/r1 in the system itself"
    ):
        rig.execute(operation)
    assert rig.world.lines() == [operation]
    assert rig.store.verify(deep=True).records == 0


@pytest.mark.parametrize("backup", ["sqlite"], indirect=True)
def test_restored_while_the_store_was_away(rig: Rig, backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that failed is looked for before it is tried again, and its operation is found to be gone."""
    backup.take()
    operation = rig.confirmed()

    def is_away(*_: object) -> None:
        raise StoreUnavailableError("The store is away.")

    def restored() -> None:
        backup.restore()
        monkeypatch.setattr(rig.store, "write", is_away)

    rig.script.on_done = restored
    with pytest.raises(
        UnrecordedError, match=f"recorded: Operation {operation} is gone from the store. Look at dev/airflow:"
    ):
        rig.execute(operation)
    assert rig.world.lines() == [operation]


def test_restored_to_the_middle_of_it(rig: Rig, backup: Backup) -> None:
    """The journal is not as it was left: nothing is written behind a gap, and it is told like the others."""
    operation = rig.confirmed()
    rig.on_draft = backup.take
    rig.script.on_done = backup.restore
    with pytest.raises(UnrecordedError, match=r"journal of operation .* is not as its process") as told:
        rig.execute(operation)
    assert isinstance(told.value.__cause__, JournalError)
    assert rig.phases(operation) == []
    assert rig.world.lines() == [operation]


def test_restored_to_the_time_after_the_intent(rig: Rig, backup: Backup) -> None:
    """An operation that has ended since is open again in the copy, and is found out anew: the truth."""
    operation = rig.confirmed()
    rig.script.on_send = backup.take
    assert rig.execute(operation).outcome is Outcome.SUCCEEDED
    backup.restore()
    found = rig.recheck(operation, processes=Living(mine=OTHER, dead={ME}))
    assert found.outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "settlement"]
    assert len(rig.script.sends) == 1
    assert rig.store.verify(deep=True).flaw is None
