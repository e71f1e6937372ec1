"""What one record of the audit log costs: CPU, time, and how often the disk is waited for.

    .venv/bin/python bench/audit_append.py

Allowed: one fsync and 0.5 ms of CPU an append (a checkpoint, one in some 250 appends, has more). Reference in
the same run: sqlite3 alone, the same rows and pragmas, nothing checked, cleaned or hashed. fsyncs are counted
by strace, where there is one, as the difference between a process that appends and one that does not.
"""

import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from audit_verify import DRAFT
from fedesk.domain.audit_chain import GENESIS, link, record_bytes
from fedesk.store.operations import SqlStore

APPENDS = 400
ROUNDS = 7
TRACED = 200
MOST_CPU_MS = 0.5


def costs(append: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of CPU and of time an append, the medians of some rounds."""
    cpu, wall = [], []
    append()
    for _ in range(ROUNDS):
        begun, at = time.process_time(), time.perf_counter()
        for _ in range(APPENDS):
            append()
        cpu.append((time.process_time() - begun) / APPENDS * 1000)
        wall.append((time.perf_counter() - at) / APPENDS * 1000)
    return statistics.median(cpu), statistics.median(wall)


def bare(path: Path) -> Callable[[], None]:
    """The reference: a row and a head in sqlite3 itself."""
    database = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE audit (seq INTEGER PRIMARY KEY, record BLOB, hash BLOB)",
        "CREATE TABLE head (seq INTEGER, hash BLOB)",
        "INSERT INTO head VALUES (0, x'')",
    ):
        database.execute(statement)
    raw = record_bytes(DRAFT, 1)
    digest = link(GENESIS, raw)

    def append() -> None:
        database.execute("BEGIN IMMEDIATE")
        (last,) = database.execute("SELECT seq FROM head").fetchone()
        database.execute("INSERT INTO audit VALUES (?, ?, ?)", (last + 1, raw, digest))
        database.execute("UPDATE head SET seq = ?, hash = ?", (last + 1, digest))
        database.execute("COMMIT")

    return append


def fsyncs(folder: Path) -> float | None:
    """Calls of fsync and fdatasync an append; None without strace."""
    if shutil.which("strace") is None:
        return None
    counts = []
    for number in (1, 1 + TRACED):
        summary = folder / f"strace.{number}"
        command = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(summary))
        this = (sys.executable, __file__, str(folder / f"{number}.sqlite3"), str(number))
        subprocess.run([*command, *this], check=True)
        counts.append(len(re.findall(r"\b(?:fsync|fdatasync)\(", summary.read_text())))
    return (counts[1] - counts[0]) / TRACED


def child(path: str, number: int) -> None:
    """Append, and leave without closing: closing has fsyncs of its own."""
    store = SqlStore(Path(path))
    for _ in range(number):
        store.append(DRAFT)
    os._exit(0)


def main() -> int:
    """Print the figures beside their limits."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqlStore(folder / "fedesk.sqlite3")
        cpu, wall = costs(lambda: store.append(DRAFT))
        store.close()
        bare_cpu, bare_wall = costs(bare(folder / "bare.sqlite3"))
        synced = fsyncs(folder)
    print(f"an append: {cpu:.3f} ms of CPU (at most {MOST_CPU_MS}), {wall:.3f} ms in all")
    print(f"sqlite3 alone: {bare_cpu:.3f} ms of CPU, {bare_wall:.3f} ms; CPU {cpu / bare_cpu:.1f} times")
    counted = "not counted, there is no strace" if synced is None else f"{synced:.2f} an append (1)"
    print(f"fsyncs: {counted}")
    return 0 if cpu <= MOST_CPU_MS and (synced is None or round(synced) == 1) else 1


if __name__ == "__main__":
    if sys.argv[1:]:
        child(sys.argv[1], int(sys.argv[2]))
    sys.exit(main())
