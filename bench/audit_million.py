"""An audit log of a million records: opening it, the view's first page, and checking it from a checkpoint.

    .venv/bin/python bench/audit_million.py

Allowed: the first page within 100 ms, of every environment and of one, whichever is rare, and of one
operation; opening without reading the records; a check from a checkpoint that reads what came after and no
more. What is read is counted in bytes that the process was given of files. Reference in the same run: the
same page by sqlite3 alone.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from audit_verify import DRAFT
from fedesk.domain.audit import Phase
from fedesk.domain.audit_chain import GENESIS, Mark, record_bytes
from fedesk.store.operations import SqlStore
from fedesk.ui.audit_view import NEWEST

RECORDS = 1_000_000
AFTER = 1_000
"""Records behind the checkpoint."""
RARE = 7
"""Records of an environment in which next to nothing is done."""
ROUNDS = 9
MOST_MS = 100.0
OPENING_MS = 250.0
"""The file alone; importing SQLAlchemy is a matter of its own."""
READ_MORE = 4.0
"""How many times the bytes of what came after may be read: pages are read whole, and the head beside them."""


def records() -> Iterator[tuple[int, bytes, bytes]]:
    """A chain: mostly of prod, now and then of staging, and of ``dr`` in the oldest part alone."""
    previous = GENESIS
    for seq in range(1, RECORDS + 1):
        environment = "dr" if seq <= RARE else "staging" if seq % 50 == 0 else "prod"
        operation = f"019a9f3e-0001-7000-8000-{seq // 2:012d}"
        draft = replace(DRAFT, environment=environment, operation=operation, phase=Phase.REFUSAL)
        raw = record_bytes(draft, seq) if seq == 1 else _raw(seq, environment, operation)
        previous = sha256(previous + raw).digest()
        yield seq, raw, previous


_MADE = record_bytes(replace(DRAFT, environment="ENV", operation="OPERATION"), 999_999_999)


def _raw(seq: int, environment: str, operation: str) -> bytes:
    """A record like the first: cleaning each text of a million would take minutes."""
    raw = _MADE.replace(b'"ENV"', b'"%s"' % environment.encode())
    return raw.replace(b'"OPERATION"', b'"%s"' % operation.encode()).replace(b"999999999", b"%d" % seq)


def make(path: Path) -> Mark:
    """Write the log past the store, as quickly as it goes; where it stood AFTER records before its end."""
    store = SqlStore(path)
    store.check()
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        database.executemany("INSERT INTO audit (seq, record, hash) VALUES (?, ?, ?)", records())
        database.execute(
            "UPDATE audit_head SET seq = ?, hash = (SELECT hash FROM audit WHERE seq = ?)", (RECORDS, RECORDS)
        )
        database.execute("COMMIT")
        for _, sql in triggers:
            database.execute(sql)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        marked = RECORDS - AFTER
        (digest,) = database.execute("SELECT hash FROM audit WHERE seq = ?", (marked,)).fetchone()
    return Mark(seq=marked, hash=digest.hex())


def took(work: Callable[[], object]) -> float:
    """Milliseconds, the median of some rounds."""
    figures = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        figures.append((time.perf_counter() - begun) * 1000)
    return statistics.median(figures)


def opened(path: Path) -> float:
    """Milliseconds from nothing to the newest record, each time by a store of its own."""

    def once() -> None:
        store = SqlStore(path)
        assert store.tail(1)[0].seq == RECORDS
        store.close()

    return took(once)


def bytes_read() -> int:
    """Bytes that this process was given by reads of files so far, cached by the system or not."""
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(text.split("rchar:")[1].split()[0])


def reading(work: Callable[[], object]) -> tuple[float, int]:
    """Milliseconds and bytes of one round."""
    before, begun = bytes_read(), time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000, bytes_read() - before


def check(path: Path, since: Mark | None) -> tuple[float, int]:
    """A verification by a store that has nothing in its cache: milliseconds and bytes."""
    store = SqlStore(path)

    def verify() -> None:
        found = store.verify(deep=False) if since is None else store.verify(deep=False, since=since)
        assert (found.flaw, found.records) == (None, RECORDS)

    try:
        store.tail(1)
        return reading(verify)
    finally:
        store.close()


def alone(path: Path) -> float:
    """The reference: the same page by sqlite3."""
    with closing(sqlite3.connect(path)) as database:
        query = f"SELECT seq, record, hash FROM audit ORDER BY seq DESC LIMIT {NEWEST}"  # noqa: S608 - a number
        return took(lambda: database.execute(query).fetchall())


def main() -> int:
    """Print the figures beside their limits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fedesk.sqlite3")
        mark = make(path)
        size = path.stat().st_size
        opening = opened(path)
        store = SqlStore(path)
        operation = f"019a9f3e-0001-7000-8000-{RECORDS // 4:012d}"
        pages = {
            "newest": took(lambda: store.tail(NEWEST)),
            "of prod": took(lambda: store.tail(NEWEST, environment="prod")),
            "of staging, one in fifty": took(lambda: store.tail(NEWEST, environment="staging")),
            "of dr, seven and all of them old": took(lambda: store.tail(NEWEST, environment="dr")),
            "of an environment that has none": took(lambda: store.tail(NEWEST, environment="nowhere")),
            "of an operation in the middle": took(lambda: store.tail(NEWEST, operation=operation)),
            "of the view (newest, and of prod)": took(
                lambda: (store.tail(NEWEST), store.tail(NEWEST, environment="prod"))
            ),
        }
        store.close()
        reference = alone(path)
        whole, whole_bytes = check(path, None)
        after, after_bytes = check(path, mark)
    average = size / RECORDS
    print(f"a log of {RECORDS:,} records, {size / 2**30:.2f} GiB")
    print(f"opened, newest record read: {opening:.1f} ms (at most {OPENING_MS:g})")
    for name, figure in pages.items():
        print(f"first page {name}: {figure:.1f} ms (at most {MOST_MS:g})")
    print(f"sqlite3 alone, newest: {reference:.1f} ms")
    print(f"verified whole: {whole / 1000:.1f} s, {whole_bytes / 2**20:,.0f} MiB read")
    print(
        f"from a checkpoint {AFTER:,} records before the end: {after:.1f} ms, "
        f"{after_bytes / 2**20:.2f} MiB read, {after_bytes / average:,.0f} records' worth "
        f"(at most {AFTER * READ_MORE:,.0f})"
    )
    slow = [name for name, figure in pages.items() if figure > MOST_MS]
    good = opening <= OPENING_MS and not slow and after_bytes <= AFTER * READ_MORE * average
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
