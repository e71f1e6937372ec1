"""The audit log: appended to within a transaction that somebody else has begun, read by anybody."""

from collections.abc import Iterator, Sequence
from functools import partial

from sqlalchemy import ColumnElement, Connection, Row, Select, select, text

from fedesk.domain.audit import AuditDraft, AuditRecord
from fedesk.domain.audit_chain import RecordError, link, record_bytes, record_of
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.store.protocol import Database
from fedesk.store.tables import audit

_PAGE = 500
_NONE: Sequence[Row[int, bytes, bytes]] = ()
# Text for the driver's own cursor: through Core's statements an append takes twice the CPU.
_HEAD = "SELECT seq, hash FROM audit_head"
_INSERT = "INSERT INTO audit (seq, record, hash) VALUES (?, ?, ?)"
APPEND = text("SELECT append(CAST(:draft AS json))")
_MOVE = "UPDATE audit_head SET seq = ?, hash = ?"


def append(connection: Connection, draft: AuditDraft) -> int:
    """Put one record at the end of the chain, and return its number. Raises the driver's own errors.

    In a team's database a function does it, which lets nobody say who they are.
    """
    if connection.dialect.name == "postgresql":
        return int(connection.execute(APPEND, {"draft": record_bytes(draft, 0).decode()}).scalar_one())
    cursor = connection.connection.cursor()
    cursor.execute(_HEAD)
    head = cursor.fetchone()
    if head is None:
        raise StoreUnavailableError(
            "The audit log has lost its head. "
            "Run `fedesk audit verify`, and put a backup in place of the store."
        )
    last, previous = head
    seq = last + 1
    raw = record_bytes(draft, seq)
    digest = link(previous, raw)
    cursor.close()
    put(connection, seq, raw, digest)
    return int(seq)


def put(connection: Connection, seq: int, raw: bytes, digest: bytes) -> None:
    """Put the bytes of the next record into a file, and move the head."""
    cursor = connection.connection.cursor()
    cursor.execute(_INSERT, (seq, raw, digest))
    cursor.execute(_MOVE, (seq, digest))
    cursor.close()


def tail(
    connection: Connection, limit: int, environment: str | None, operation: str | None
) -> tuple[AuditRecord, ...]:
    """The newest records, oldest first."""
    query = select(audit.c.seq, audit.c.record, audit.c.hash).order_by(audit.c.seq.desc()).limit(limit)
    if environment is not None:
        query = query.where(audit.c.environment == environment)
    if operation is not None:
        query = query.where(audit.c.operation == operation)
    return tuple(_record(*row) for row in reversed(connection.execute(query).all()))


def record(connection: Connection, seq: int) -> AuditRecord | None:
    """One record."""
    query = select(audit.c.seq, audit.c.record, audit.c.hash).where(audit.c.seq == seq)
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(*row)


def matching(connection: Connection, *where: ColumnElement[bool]) -> tuple[AuditRecord, ...]:
    """Those for which all of it holds, oldest first."""
    query = select(audit.c.seq, audit.c.record, audit.c.hash).where(*where).order_by(audit.c.seq)
    return tuple(_record(*row) for row in connection.execute(query))


def of_operations(connection: Connection, names: Sequence[str]) -> tuple[AuditRecord, ...]:
    """The records of some operations, oldest first."""
    return matching(connection, audit.c.operation.in_(names))


def stream(database: Database) -> Iterator[AuditRecord]:
    """All records in order, page by page: a slow reader holds no transaction open."""
    query = select(audit.c.seq, audit.c.record, audit.c.hash).order_by(audit.c.seq).limit(_PAGE)
    last = 0
    while True:
        rows = database.read(partial(_rows, query.where(audit.c.seq > last)), _NONE)
        if not rows:
            return
        for seq, raw, digest in rows:
            yield _record(seq, raw, digest)
            last = seq


def _rows(query: Select[int, bytes, bytes], connection: Connection) -> Sequence[Row[int, bytes, bytes]]:
    return connection.execute(query).all()


def _record(seq: int, raw: bytes, digest: bytes) -> AuditRecord:
    try:
        return record_of(raw, digest)
    except (RecordError, TypeError) as error:
        raise StoreUnavailableError(
            f"Record {seq} of the audit log cannot be read: {error}. Run `fedesk audit verify`."
        ) from None
