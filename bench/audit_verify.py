"""How fast ``audit verify`` reads: records a second on one core over the stored bytes, beside hashing alone.

    .venv/bin/python bench/audit_verify.py

Allowed: at least 100,000 records a second. Reference in the same run: the same hashes over the same bytes in
memory.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.audit_chain import GENESIS
from fedesk.store import audit_log
from fedesk.store.database import FileDatabase
from fedesk.store.operations import SqlStore

RECORDS = 100_000
ROUNDS = 5
LEAST = 100_000
DRAFT = AuditDraft(
    at=datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC),
    actor=Actor(person="mara@finedge.example", known_by="configuration", host="desk-3", pid=4711),
    environment="prod",
    action="rerun",
    target="prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00",
    phase=Phase.REFUSAL,
    operation="019a9f3e-0001-7000-8000-000000000001",
    plan_digest="5f" * 32,
    reason="INC-2207: the partner's file came late",
    result="refused: in flight: operation 019a9f3e-0000-7000-8000-000000000001 holds the run",
    links=("https://airflow.finedge.example/dags/payments_daily/grid",),
)


def write(connection: Connection) -> None:
    """All records in one transaction: what is measured is reading."""
    for _ in range(RECORDS):
        audit_log.append(connection, DRAFT)


def hash_alone(records: list[bytes]) -> None:
    """The reference: the chain over bytes that are in memory already."""
    previous = GENESIS
    for raw in records:
        previous = sha256(previous + raw).digest()


def rate(work: Callable[[], object]) -> float:
    """Records a CPU second, the median of some rounds."""
    figures = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        figures.append(RECORDS / (time.process_time() - begun))
    return statistics.median(figures)


def main() -> int:
    """Write a log, check it, and print the figures beside their limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fedesk.sqlite3")
        database = FileDatabase(path)
        database.write(write)
        database.close()
        store = SqlStore(path)
        records = [record.raw for record in store.stream()]
        found = store.verify(deep=False)
        assert (found.records, found.flaw) == (RECORDS, None)
        verified = rate(lambda: store.verify(deep=False))
        hashed = rate(lambda: hash_alone(records))
        begun = time.process_time()
        assert store.verify(deep=True).flaw is None
        deep = RECORDS / (time.process_time() - begun)
        store.close()
    size = sum(map(len, records)) / RECORDS
    print(f"audit verify: {verified:,.0f} records/s on one core, {size:.0f} bytes each (at least {LEAST:,})")
    print(f"hashing alone: {hashed:,.0f} records/s; verify takes {hashed / verified:.2f} times as long")
    print(f"audit verify --deep: {deep:,.0f} records/s")
    return 0 if verified >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
