"""One store that several desks have open, in a file and on a server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

Again = Callable[[], SqlStore]


@contextmanager
def opened_over(folder: Path, team: str | None) -> Iterator[Again]:
    """Opens one store as often as asked: the database of an address, else a file in the folder."""
    opened: list[SqlStore] = []

    def open_it() -> SqlStore:
        opened.append(SqlStore(folder / "fedesk.sqlite3") if team is None else PostgresStore(team))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Again]:
    """Opens one store, as often as asked, as several desks do."""
    team = request.getfixturevalue("postgres").fresh() if request.param == "postgresql" else None
    with opened_over(tmp_path, team) as open_it:
        yield open_it
