"""What a store remembers of its sinks, and a check that begins in mid-chain: on a file and on a server."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anchored_log import MovedClock, bulkhead_of
from making import NOW, minutes
from operation_values import draft_of

from fedesk.anchors.file import FileAnchor
from fedesk.domain.audit import Phase
from fedesk.domain.audit_chain import Mark
from fedesk.ports.anchoring import AnchoredLog, Given
from fedesk.ports.operation_store import Flaw
from fedesk.services.checkpointing import Checkpointing, Sink
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

if TYPE_CHECKING:
    from postgres_server import Server


@pytest.fixture(params=["sqlite", "postgresql", "person"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A file; a database as its owner; and as the login role of a person whose desk runs operations."""
    if request.param == "sqlite":
        opened: SqlStore = SqlStore(tmp_path / "fedesk.sqlite3")
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.fresh()
        opened = PostgresStore(server.desk(url, "mara") if request.param == "person" else url)
    yield opened
    opened.close()


def grown(store: SqlStore, count: int) -> list[Mark]:
    """Append refusals; where the log stood after each."""
    marks = []
    for number in range(count):
        store.append(draft_of(Phase.REFUSAL, number + 1))
        head = store.head()
        assert head is not None
        marks.append(head.mark)
    return marks


def test_it_is_the_port(store: SqlStore) -> None:
    """Every method of the port is there with its types (mypy reads this assignment); it begins empty."""
    port: AnchoredLog = store
    assert port.head() is None
    assert port.given() == ()


def test_a_check_begins_where_it_is_told(store: SqlStore) -> None:
    """From behind any record, to the same end; with the hash of another one the next record is bad."""
    marks = grown(store, 6)
    whole = store.verify(deep=False, marks=(1, 4, 99))
    assert (whole.records, whole.head, whole.flaw) == (6, marks[-1].hash, None)
    assert whole.marks == (marks[0], marks[3])
    for mark in marks:
        found = store.verify(deep=False, since=mark)
        assert (found.records, found.head, found.flaw) == (6, marks[-1].hash, None)
    wrong = store.verify(deep=False, since=Mark(seq=3, hash=marks[1].hash))
    assert wrong.flaw == Flaw(seq=4, said="its hash is not that of its bytes after the record before it")
    beyond = store.verify(deep=False, since=Mark(seq=9, hash=marks[1].hash))
    assert beyond.flaw is not None
    assert beyond.flaw.seq == 7


def test_what_a_sink_was_given_is_remembered_and_goes_on(store: SqlStore) -> None:
    """By its name; an older one after a newer one is not taken."""
    marks = grown(store, 3)
    store.remember_given("file a", marks[0], NOW)
    store.remember_given("syslog b", marks[1], NOW + minutes(1))
    store.remember_given("file a", marks[2], NOW + minutes(2))
    store.remember_given("file a", marks[1], NOW + minutes(3))
    assert store.given() == (
        Given(sink="file a", mark=marks[2], at=NOW + minutes(2)),
        Given(sink="syslog b", mark=marks[1], at=NOW + minutes(1)),
    )


def test_a_log_is_anchored_and_held_against_it(store: SqlStore, tmp_path: Path) -> None:
    """Made, read back and compared, wholly and from the newest one."""
    sink = Sink(name="file a", readable=True, anchor=bulkhead_of(FileAnchor(tmp_path / "anchor.jsonl")))
    service = Checkpointing(store=store, log="desk", every=2, sinks=(sink,), signer=None, clock=MovedClock())
    for _ in range(5):
        grown(store, 1)
        assert service.when_due() == ()
    for from_newest in (False, True):
        found = service.verify(from_newest=from_newest)
        assert (found.flaw, found.records) == (None, 5)
        assert found.vouched is not None
        assert found.vouched.mark.seq == 4
    assert service.verify().checkpoints == 2
