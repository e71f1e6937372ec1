"""Bad days of the store: processes at once, a kill in mid-transaction, full disks, foreign files."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from operation_values import OWNER, draft_of, operation_id
from storing import LASTS, UNTIL, carried_out, claimed, submission

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Stage
from fedesk.ports.operation_store import SchemaError, StoreError, StoreUnavailableError
from fedesk.store import tables
from fedesk.store.database import FileDatabase
from fedesk.store.operations import SqlStore

TESTS = [str(Path(__file__).parents[1] / room) for room in ("unit", "ui")]
RACES = 25


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fedesk.sqlite3"


def process(source: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python with the tests' values at hand; ``ready`` there waits for a line."""
    head = f"""
        import os, resource, signal, sys
        sys.path += {TESTS!r}
        from pathlib import Path
        from making import NOW
        from operation_values import *
        from storing import *
        from fedesk.ports.operation_store import *
        path = Path(sys.argv[1])
        store = SqlStore(path)
        def ready():
            print("ready", flush=True)
            sys.stdin.readline()
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(source), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(other: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert other.stdout is not None
    return other.stdout.readline().strip()


def go(*others: subprocess.Popen[str]) -> None:
    """Let those that wait go on."""
    for other in others:
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()


RACE = f"""
    me = Owner(host="desk-3", boot="b", pid=os.getpid(), started="1")
    first = int(sys.argv[2])
    for number in range(first, first + {RACES}):
        store.submit(submission(number, reserves=(f"target-{{number % {RACES}}}",)))
    for number in range(first, first + {RACES}):
        ready()
        try:
            store.claim(operation_id(number), me, NOW, LASTS, dead=None)
            print("won", flush=True)
        except ReservedError as error:
            print("lost to", error.holder.owner.pid, flush=True)
"""


def test_two_desks_on_one_target(path: Path) -> None:
    """When two processes claim one target at once, one wins, and the other is told which one has it."""
    desks = [process(RACE, path, first) for first in (RACES, 2 * RACES)]
    for _ in range(RACES):
        assert [said(desk) for desk in desks] == ["ready", "ready"]
        go(*desks)
        words = [said(desk) for desk in desks]
        winner = words.index("won")
        assert words[1 - winner] == f"lost to {desks[winner].pid}"
    for desk in desks:
        assert desk.communicate(timeout=20) == ("", "")


def test_two_desks_make_one_store(path: Path) -> None:
    """Processes that start at once on nothing make one store between them, and lose no record."""
    source = """
        ready()
        for _ in range(10):
            store.append(draft_of(Phase.ACCESS))
        store.close()
    """
    desks = [process(source, path) for _ in range(3)]
    assert [said(desk) for desk in desks] == ["ready"] * 3
    go(*desks)
    for desk in desks:
        assert desk.communicate(timeout=30) == ("", "")
    store = SqlStore(path)
    assert store.verify(deep=True).records == 30
    store.close()


@pytest.mark.parametrize("written", ["journal", "audit", "all but the commit"])
def test_killed_in_mid_transaction(path: Path, written: str) -> None:
    """SIGKILL anywhere before the commit leaves the store as it was, and free for the next who writes."""
    source = """
        from fedesk.store import audit_log, leases
        lease = claimed(store, 1)
        given = submission(1)
        def work(connection):
            leases.note(connection, lease.operation, [entry("clear", StepState.INTENDED, "clear")])
            if sys.argv[2] != "journal":
                audit_log.append(connection, told(given, Phase.INTENT))
            if sys.argv[2] == "all but the commit":
                leases.end(connection, lease.operation, Outcome.FAILED, "", NOW, 1)
            os.kill(os.getpid(), signal.SIGKILL)
        store._database.write(work)
    """
    killed = process(source, path, written)
    out = killed.communicate(timeout=20)
    assert (killed.returncode, out) == (-signal.SIGKILL, ("", ""))
    store = SqlStore(path)
    operation = store.operation(operation_id(1))
    assert operation is not None
    assert (operation.stage, len(operation.journal)) == (Stage.RUNNING, 1)
    assert store.verify(deep=True).records == 0
    carried_out(store, 2, reserves=("elsewhere",))
    assert store.verify(deep=True).flaw is None
    store.close()


def test_a_disk_that_is_full(path: Path) -> None:
    """A write for which there is no room says so and keeps nothing, and goes well when there is again."""
    source = """
        log, records = path.with_name(path.name + "-wal"), 0
        while not records or log.stat().st_size < 100_000:
            records = store.append(draft_of(Phase.ACCESS)).audit_seq
        limit = log.stat().st_size + 3000
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for attempt in (lambda: store.append(draft_of(Phase.ACCESS)), store.check,
                        lambda: store.submit(submission(1))):
            try:
                attempt()
                attempt()
                print("written")
            except StoreUnavailableError as error:
                print(error)
        print(len(store.tail(999)) - records, store.operations(), store.verify(deep=True).flaw)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(store.append(draft_of(Phase.ACCESS)).audit_seq - records)
        store.close()
    """
    out, err = process(source, path).communicate(timeout=20)
    *refusals, state, again = out.splitlines()
    assert err == ""
    sentence = "disk I/O error. Look at the disk, its free space and your quota, then try again."
    assert refusals == [f"{path} cannot be read or written: {sentence}"] * 3
    assert (state, again) == ("0 () None", "1")


def test_a_database_that_may_not_grow(path: Path) -> None:
    """SQLITE_FULL, as a full disk gives it: one sentence, and what was there before is still there."""
    database = FileDatabase(path)
    store = SqlStore(path)
    store.append(draft_of(Phase.ACCESS))
    database.write(lambda one: one.exec_driver_sql("PRAGMA max_page_count = 1").scalar())
    with pytest.raises(StoreUnavailableError, match=r"the disk is full\. Free some space"):
        database.write(
            lambda one: one.exec_driver_sql("INSERT INTO fedesk_schema VALUES (1, zeroblob(100000), 0)")
        )
    assert store.verify(deep=True).records == 1
    database.close()
    store.close()


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    """Where no directory can be, the store says which file it wanted to make; reading finds nothing."""
    (tmp_path / "state").touch()
    store = SqlStore(tmp_path / "state" / "fedesk.sqlite3")
    with pytest.raises(
        StoreUnavailableError, match=r"state/fedesk\.sqlite3 cannot be opened: .+\. Look at its dir"
    ):
        store.check()
    assert store.operations() == ()


READ_ONLY = """
    SqlStore(Path(sys.argv[2]) / "loads what it needs" / "x").append(draft_of(Phase.ACCESS))
    if os.geteuid() == 0:
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    for attempt in (lambda: store.append(draft_of(Phase.ACCESS)), store.check):
        try:
            attempt()
            print("written")
        except StoreUnavailableError as error:
            print(error)
    print(len(store.tail(9)))
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that other users may enter; pytest's own may not."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_a_read_only_file(shared: Path, tmp_path: Path) -> None:
    """A store that may be read and not written: reading goes on, and each write says that it is read-only."""
    path = shared / "fedesk.sqlite3"
    store = SqlStore(path)
    store.append(draft_of(Phase.ACCESS))
    for one in shared.iterdir():
        one.chmod(0o444)
    shared.chmod(0o555)
    out, err = process(READ_ONLY, path, tmp_path).communicate(timeout=20)
    store.close()
    *refusals, read = out.splitlines()
    assert (err, read) == ("", "1")
    for refusal in refusals:
        assert refusal.startswith(f"{path} cannot be written: it is read-only (")
    assert len(refusals) == 2


def test_a_read_only_directory(shared: Path, tmp_path: Path) -> None:
    """Where nothing may be made each write says so, and reading finds nothing."""
    shared.chmod(0o555)
    path = shared / "fedesk.sqlite3"
    out, err = process(READ_ONLY, path, tmp_path).communicate(timeout=20)
    sentence = "Permission denied. Look at its directory, or name another file in store.url."
    assert (out.splitlines(), err) == ([f"{path} cannot be opened: {sentence}"] * 2 + ["0"], "")


def _no_sqlite(path: Path) -> None:
    path.write_text("this is a letter to my aunt" * 100)


def _a_directory(path: Path) -> None:
    path.mkdir()


def _of_another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (url)")


def _newer(path: Path) -> None:
    _changed(path, f"UPDATE fedesk_schema SET number = {tables.SCHEMA + 1}")  # noqa: S608 - a number


def _older(path: Path) -> None:
    _changed(path, "UPDATE fedesk_schema SET number = 0")


def _nameless(path: Path) -> None:
    _changed(path, "DELETE FROM fedesk_schema")


def _changed(path: Path, statement: str) -> None:
    store = SqlStore(path)
    store.append(draft_of(Phase.ACCESS))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(statement)


@pytest.mark.parametrize(
    ("make", "kind", "why"),
    [
        (_no_sqlite, StoreUnavailableError, "is no SQLite file"),
        (_a_directory, StoreUnavailableError, "cannot be opened"),
        (_of_another, StoreUnavailableError, "a SQLite file that fedesk did not make"),
        (_newer, SchemaError, f"its schema is {tables.SCHEMA + 1}, this one knows {tables.SCHEMA}"),
        (_older, SchemaError, f"no schema that this fedesk knows: 0 instead of {tables.SCHEMA}"),
        (_nameless, SchemaError, f"no schema that this fedesk knows: none instead of {tables.SCHEMA}"),
    ],
)
def test_a_file_that_cannot_serve(
    path: Path, make: Callable[[Path], None], kind: type[StoreError], why: str
) -> None:
    """A foreign, damaged or newer file is refused by every method with one sentence, and left as it was."""
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    store = SqlStore(path)
    for attempt in (
        store.check,
        store.operations,
        store.changes,
        lambda: store.tail(1),
        lambda: store.verify(deep=True),
        lambda: list(store.stream()),
        lambda: store.submit(submission()),
        lambda: store.append(draft_of(Phase.ACCESS)),
    ):
        with pytest.raises(kind, match=why) as refused:
            attempt()
        assert str(refused.value).startswith(str(path))
        assert refused.value.__suppress_context__ or refused.value.__context__ is None
    store.close()
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_an_empty_file_is_a_store_that_was_not_made(path: Path) -> None:
    """What another process has just begun to make is nothing to read, and is made by the first who writes."""
    path.parent.mkdir()
    path.touch()
    store = SqlStore(path)
    assert store.operations() == ()
    assert store.append(draft_of(Phase.ACCESS)).audit_seq == 1
    store.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_taken_away(path: Path, replaced: bool) -> None:  # noqa: FBT001 - a case
    """Nothing is written to a file that nobody will find again: it is noticed before each work."""
    store = SqlStore(path)
    claimed(store, 1)
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    path.unlink()
    if replaced:
        copy.rename(path)
    for attempt in (
        lambda: store.append(draft_of(Phase.ACCESS)),
        lambda: store.claim(operation_id(1), OWNER, UNTIL, LASTS, dead=OWNER),
        store.open_operations,
        store.changes,
    ):
        with pytest.raises(StoreUnavailableError, match="was removed or replaced while it was open"):
            attempt()
    store.close()


def test_a_store_that_is_gone_is_not_an_empty_one(path: Path) -> None:
    """Another store of this process, as for another environment, does not take a lost file for a new one."""
    opened: set[Path] = set()
    store = SqlStore(path, opened)
    claimed(store, 1)
    store.close()
    kept = path.with_name("kept")
    path.rename(kept)
    later = SqlStore(path, opened)
    for attempt in (later.open_operations, later.changes, lambda: later.append(draft_of(Phase.ACCESS))):
        with pytest.raises(StoreUnavailableError, match="was removed while fedesk was running"):
            attempt()
    assert not path.exists()
    kept.rename(path)
    assert len(later.open_operations()) == 1
    later.close()


def test_a_log_without_its_store_is_not_thrown_away(path: Path) -> None:
    """Another process, while one still has the file open: SQLite would drop the log beside a new file."""
    store = SqlStore(path)
    claimed(store, 1)
    kept = path.with_name("kept")
    path.rename(kept)
    other = SqlStore(path)
    for attempt in (other.open_operations, lambda: other.append(draft_of(Phase.ACCESS))):
        with pytest.raises(StoreUnavailableError, match="is gone, and its log"):
            attempt()
    assert not path.exists()
    kept.rename(path)
    assert len(other.open_operations()) == 1
    assert len(store.open_operations()) == 1
    store.close()
    other.close()


def test_another_process_that_holds_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write waits a while for another's transaction, then says that it is locked; reading goes on."""
    monkeypatch.setattr("fedesk.store.database.BUSY_SECONDS", 0.05)
    store = SqlStore(path)
    store.append(draft_of(Phase.ACCESS))
    with closing(sqlite3.connect(path, isolation_level=None)) as beside:
        beside.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked by another process"):
            store.append(draft_of(Phase.ACCESS))
        assert len(store.tail(5)) == 1
        beside.execute("ROLLBACK")
        assert store.append(draft_of(Phase.ACCESS)).audit_seq == 2
    store.close()


def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite's locks do not hold no store is made, and the sentence says where to put it."""
    from collections import namedtuple

    mount = namedtuple("mount", "mountpoint fstype")  # noqa: PYI024 - the shape of psutil's
    monkeypatch.setattr(
        "psutil.disk_partitions",
        lambda all: [mount("/", "ext4"), mount(str(path.parents[1]), "nfs4")],  # noqa: A006, ARG005
    )
    store = SqlStore(path)
    with pytest.raises(StoreUnavailableError, match=r"network file system \(nfs4\).*store\.url"):
        store.check()
    assert not path.exists()


def test_a_store_that_was_not_used_may_be_used_after_a_fork(path: Path) -> None:
    """The runner is forked from a process that has loaded everything and opened nothing."""
    store = SqlStore(path)
    child = os.fork()
    if child == 0:
        try:
            store.append(draft_of(Phase.ACCESS))
            store.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert store.append(draft_of(Phase.ACCESS)).audit_seq == 2
    store.close()
