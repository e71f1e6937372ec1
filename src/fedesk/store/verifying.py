"""The audit log checked over its stored bytes: the chain, and deeper whether all else agrees with it."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from fedesk.domain.audit_chain import GENESIS, START, Mark, canonical_flaw
from fedesk.ports.operation_store import Flaw, Verification
from fedesk.store.agreeing import COLUMNS, Agreement
from fedesk.store.as_made import damage, guards_flaw
from fedesk.store.wording import is_damage

_PAGE = 2000
"""Rows at once."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one pass has found: good records from the start, the last one's hash, and what is wrong."""

    records: int
    head: bytes
    flaw: Flaw | None


def verify(
    connection: Connection, *, deep: bool, since: Mark = START, marks: Sequence[int] = ()
) -> Verification:
    """Check the log in the transaction that was begun; what is up to ``since`` is not read.

    ``marks`` are numbers of records whose hashes are handed back as they are stored. Raises the driver's own
    errors.
    """
    # The driver's own cursor: a row of SQLAlchemy costs more than the hash of a record.
    cursor = connection.connection.cursor()
    found = _chain(cursor, since.seq, bytes.fromhex(since.hash))
    if deep and found.flaw is None:
        found = _deep(connection, cursor, found)
    return Verification(
        records=found.records,
        head=found.head.hex(),
        flaw=found.flaw,
        deep=deep,
        marks=_marked(cursor, marks),
    )


def paged(cursor: Any, columns: str, after: int | None = None) -> Iterator[Sequence[Any]]:
    """Rows of the log in order, from behind a number on; a page at a time, since a driver may keep them all.

    Through the primary key: what lies before is not read.
    """
    while True:
        where = "" if after is None else f"WHERE seq > {after:d}"
        query = f"SELECT {columns} FROM audit {where} ORDER BY seq LIMIT {_PAGE}"  # noqa: S608 - numbers
        count = 0
        for row in cursor.execute(query):
            yield row
            count, after = count + 1, row[0]
        if count < _PAGE:
            return


def _chain(cursor: Any, good: int, previous: bytes) -> _Found:
    flaw: Flaw | None = None
    try:
        for seq, raw, digest in paged(cursor, "seq, record, hash", good or None):
            if seq != good + 1:
                flaw = Flaw(seq=good + 1, said=f"it is missing: number {seq} follows number {good}")
                break
            if sha256(previous + raw).digest() != digest:
                flaw = Flaw(seq=seq, said="its hash is not that of its bytes after the record before it")
                break
            good, previous = seq, digest
        else:
            flaw = _head_flaw(cursor, good, previous)
            if flaw is not None and 0 < flaw.seq <= good:
                good, previous = flaw.seq - 1, _hash_of(cursor, flaw.seq - 1)
    except TypeError:
        flaw = Flaw(seq=good + 1, said="what is stored for it is no bytes")
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        flaw = Flaw(seq=good + 1, said=f"it cannot be read: {error}")
    return _Found(good, previous, flaw)


def _marked(cursor: Any, marks: Sequence[int]) -> tuple[Mark, ...]:
    found = []
    for start in range(0, len(marks), _PAGE):
        numbers = ", ".join(f"{seq:d}" for seq in marks[start : start + _PAGE])
        query = f"SELECT seq, hash FROM audit WHERE seq IN ({numbers}) ORDER BY seq"  # noqa: S608 - numbers
        try:
            rows = cursor.execute(query).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            continue
        found += [Mark(seq=seq, hash=digest.hex()) for seq, digest in rows if isinstance(digest, bytes)]
    return tuple(found)


def _hash_of(cursor: Any, seq: int) -> bytes:
    row = cursor.execute(f"SELECT hash FROM audit WHERE seq = {seq:d}").fetchone()  # noqa: S608 - a number
    return GENESIS if row is None else bytes(row[0])


def _head_flaw(cursor: Any, records: int, last: bytes) -> Flaw | None:
    heads = cursor.execute("SELECT seq, hash FROM audit_head").fetchall()
    if len(heads) != 1:
        return Flaw(seq=0, said=f"the log has {len(heads)} heads instead of one")
    ((seq, digest),) = heads
    if seq == records and digest == last:
        return None
    if seq == records:
        return Flaw(seq=records, said="the head of the log has another hash than its last record")
    if isinstance(seq, int) and 0 <= seq < records:
        return Flaw(seq=seq + 1, said=f"the head of the log ends before it, at number {seq}")
    return Flaw(seq=records + 1, said=f"it is missing: the head of the log is at number {seq}")


def _deep(connection: Connection, cursor: Any, chain: _Found) -> _Found:
    seq, previous = 0, GENESIS
    try:
        agreement = Agreement(cursor)
        for number, raw, digest, *columns in paged(cursor, f"seq, record, hash, {COLUMNS}"):
            said = canonical_flaw(raw) or agreement.flaw(number, raw, digest, columns)
            if said:
                return _Found(seq, previous, Flaw(seq=number, said=said))
            seq, previous = number, digest
        said = agreement.rest() or guards_flaw(connection, cursor) or damage(connection, cursor)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        at = seq + 1 if seq < chain.records else 0
        return _Found(
            seq, previous, Flaw(seq=at, said=f"what the database says of it cannot be read: {error}")
        )
    return replace(chain, flaw=Flaw(seq=0, said=said) if said else None)
