"""A store carried elsewhere, whole: from a file to a team's database, and from there to a file.

Rows go over as they are, audit records with their bytes and hashes. All of it is one transaction where it
goes to, which is not committed before the log was verified there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, text, update
from sqlalchemy.engine import make_url

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.ports.operation_store import FlawedError, StoreError, UnderWayError, Verification
from fedesk.store import audit_log, migrating, tables, team, verifying
from fedesk.store.database import FileDatabase
from fedesk.store.postgres import Password, PostgresDatabase, check_number, where_of

_PAGE = 500
"""Rows at once."""
_OWN = (tables.schema, tables.revision, tables.audit_head)
"""What each store has of its own, and what is set when all records are there."""
_COPIED = tuple(table for table in tables.metadata.sorted_tables if table not in _OWN)
_IN_ORDER = {"audit": "audit_in_order", "audit_head": "audit_head_in_order"}
"""Triggers that let one record in at a time, by the number in the head. On PostgreSQL each step of the head
leaves a version of its row behind until the transaction ends, each read again by the next: 20,000 steps took
11 s, four times what 10,000 did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was carried over."""

    rows: dict[str, int]
    """Rows by table."""
    records: int
    """Audit records."""
    head: str
    """Hash of the last of them, hexadecimal."""
    recorded: int
    """Number of the record, behind them, that says so; 0 where nothing was written."""


def copy_to_team(path: Path, url: str, password: Password | None, *, actor: Actor, at: datetime) -> Copied:
    """Carry a file's store to a team's database that was migrated and is empty; its owner does it.

    Nobody writes to the file meanwhile. A record of it is behind those of the log on both sides. Raises
    UnderWayError where an operation is, FlawedError where the log is not as it was written, StoreError.
    """
    where = where_of(make_url(url))

    def work(source: Connection) -> Copied:
        operation = migrating.living(source, at)
        if operation:
            raise UnderWayError(
                f"{path} is not copied while operation {operation} is under way. "
                "Wait until it has ended, then try again."
            )
        before = verified(source, str(path))
        said = f"{before.records} records, head {before.head}"
        copied = _to_team(source, before, url, password, _record(actor, at, f"from {path}: {said}", where))
        audit_log.append(source, _record(actor, at, f"to {where}: {said}", str(path)))
        return copied

    database = FileDatabase(path)
    try:
        return database.write(work)
    finally:
        database.close()


def _to_team(
    source: Connection, before: Verification, url: str, password: Password | None, draft: AuditDraft
) -> Copied:
    with team.owning(url, password) as target:
        where = where_of(make_url(url))
        check_number(where, target.scalars(select(tables.schema.c.number)).all())
        names = ", ".join(table.name for table in tables.metadata.sorted_tables)
        target.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
        _check_empty(target, where)
        _switch(target, "DISABLE")
        rows = {table.name: _copy(table, source, target) for table in _COPIED}
        target.execute(update(tables.audit_head).values(seq=before.records, hash=bytes.fromhex(before.head)))
        _switch(target, "ENABLE")
        seq = audit_log.append(target, draft)
        after = verified(target, where)
        if (after.records, seq) != (before.records + 1, before.records + 1):
            raise FlawedError(f"{where} has {after.records} records instead of {before.records + 1}.")
    return Copied(rows=rows, records=before.records, head=before.head, recorded=seq)


def verified(connection: Connection, where: str) -> Verification:
    """The log, verified deeply. Raises FlawedError."""
    found = verifying.verify(connection, deep=True)
    if found.flaw is not None:
        raise FlawedError(
            f"The audit log of {where} is not as it was written: record {found.flaw.seq}: {found.flaw.said}. "
            "`fedesk audit verify --deep` says the same; nothing was copied."
        )
    return found


def _record(actor: Actor, at: datetime, result: str, target: str) -> AuditDraft:
    return AuditDraft(
        at=at,
        actor=actor,
        environment="",
        action="store-copy",
        target=target,
        phase=Phase.CONFIGURATION,
        result=result,
    )


def _check_empty(target: Connection, where: str) -> None:
    for table in _COPIED:
        if target.execute(select(table).limit(1)).first() is not None:
            raise StoreError(
                f"{where} has a state of its own already ({table.name}). A log cannot be put before another: "
                "copy into a database that `fedesk store migrate` has just made."
            )


def _switch(target: Connection, how: str) -> None:
    for table, trigger in _IN_ORDER.items():
        target.execute(text(f"ALTER TABLE {table} {how} TRIGGER {trigger}"))


def _copy(table: Table, source: Connection, target: Connection) -> int:
    count = 0
    for page in _pages(table, source):
        target.execute(insert(table), [row._asdict() for row in page])
        count += len(page)
    return count


def _pages(table: Table, source: Connection) -> Iterator[Sequence[Row[Any]]]:
    """All rows in the order of their key, without what a database makes of other columns."""
    columns = [column for column in table.c if column.computed is None]
    query = select(*columns).order_by(*table.primary_key)
    yield from source.execute(query, execution_options={"yield_per": _PAGE}).partitions()


def copy_to_file(url: str, password: Password | None, target: Connection) -> dict[str, int]:
    """Carry a team's state, as it is at one moment, into a new file; rows by table.

    ``target`` is in a transaction that was begun. Whoever may read may do it. Raises StoreError.
    """
    migrating.create(target)
    database = PostgresDatabase(url, password)

    def work(source: Connection) -> dict[str, int]:
        return {
            table.name: (_append if table is tables.audit else partial(_copy, table))(source, target)
            for table in _COPIED
        }

    try:
        return database.read_whole(work, {})
    finally:
        database.close()


def _append(source: Connection, target: Connection) -> int:
    """The log, record by record: a file's triggers cannot be switched off, and need not be."""
    count = 0
    for page in _pages(tables.audit, source):
        for row in page:
            audit_log.put(target, row.seq, row.record, row.hash)
        count += len(page)
    return count
