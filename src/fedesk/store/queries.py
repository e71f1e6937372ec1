"""Operations as they are read, within a transaction that somebody else has begun."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, Select, exists, func, literal, or_, select, true

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.ports.operation_store import Spending, Standing, StoreUnavailableError
from fedesk.store.rows import operation_of
from fedesk.store.tables import journal, operations, reservations, reserves

_AFTER_ALL = "\U0010ffff"
"""Sorts behind every character of an id."""
_OPEN = or_(operations.c.stage != Stage.ENDED.value, operations.c.outcome == Outcome.UNKNOWN.value)
_LATEST = (operations.c.confirmed_at.desc(), operations.c.operation.desc())
_NEWEST_FIRST = select(operations).order_by(*_LATEST)
_AT_ONCE = 500
"""Ids in one query; SQLite allows 32,766 values."""


def by_prefix(connection: Connection, beginning: str) -> Operation | None:
    """The operation of this id; else the only one whose id begins so."""
    rows = connection.execute(
        select(operations)
        .where(operations.c.operation >= beginning, operations.c.operation < beginning + _AFTER_ALL)
        .order_by(operations.c.operation)
        .limit(2)
    ).all()
    if not beginning or not rows or (len(rows) > 1 and rows[0].operation != beginning):
        return None
    return _with_journals(connection, rows[:1])[0]


def by_id(connection: Connection, operation: str) -> Operation:
    """An operation that is there. Raises StoreUnavailableError."""
    rows = connection.execute(select(operations).where(operations.c.operation == operation)).all()
    if not rows:
        raise StoreUnavailableError(f"Operation {operation} is gone from the store.")
    return _with_journals(connection, rows)[0]


def by_ids(connection: Connection, names: Sequence[str]) -> tuple[Operation, ...]:
    """Those of some operations that are there."""
    rows = connection.execute(select(operations).where(operations.c.operation.in_(names))).all()
    return _with_journals(connection, rows)


def newest(
    connection: Connection,
    environment: str | None,
    kinds: Sequence[str],
    limit: int,
    holding: Sequence[str] = (),
) -> tuple[Operation, ...]:
    """The newest operations, newest first; of every kind where none is named, of each of ``holding``."""
    wanted = [] if environment is None else [operations.c.environment == environment]
    wanted += [operations.c.kind.in_(kinds)] if kinds else []
    if not holding:
        query = _NEWEST_FIRST.where(*wanted).limit(limit)
        return _with_journals(connection, connection.execute(query).all())
    place = func.row_number().over(partition_by=reserves.c.reserve, order_by=_LATEST).label("place")
    held = select(reserves.c.operation, place).join(operations).where(*wanted)
    found: dict[str, Row[*tuple[Any, ...]]] = {}
    for start in range(0, len(holding), _AT_ONCE):
        some = held.where(reserves.c.reserve.in_(holding[start : start + _AT_ONCE])).subquery()
        each = select(some.c.operation).where(some.c.place <= limit)
        for row in connection.execute(_NEWEST_FIRST.where(operations.c.operation.in_(each))):
            found[row.operation] = row
    rows = sorted(found.values(), key=lambda row: (row.confirmed_at, row.operation), reverse=True)
    return _with_journals(connection, rows)


def unfinished(connection: Connection) -> tuple[Operation, ...]:
    """All that have not ended, or ended unknown, newest first."""
    return _with_journals(connection, connection.execute(_NEWEST_FIRST.where(_OPEN)).all())


def holder(connection: Connection, names: Sequence[str], besides: str) -> Operation | None:
    """The operation that holds one of these reservations, other than ``besides``."""
    rows = connection.execute(_holder(names, besides)).all()
    return _with_journals(connection, rows)[0] if rows else None


def standing(
    connection: Connection, names: Sequence[str], besides: str, spending: Spending | None
) -> Standing:
    """Who holds one of these reservations, and how often a target was run again; usually one statement."""
    count = literal(0) if spending is None else _count_sent(spending)
    spent = select(count.label("spent")).subquery()
    held = _holder(names, besides).subquery()
    row = connection.execute(select(spent.c.spent, held).outerjoin_from(spent, held, true())).one()
    found = _with_journals(connection, (row,))[0] if row.operation is not None else None
    return Standing(holder=found, spent=row.spent)


def _holder(names: Sequence[str], besides: str) -> Select[Any]:
    return (
        select(operations)
        .join(reservations, reservations.c.operation == operations.c.operation)
        .where(reservations.c.reserve.in_(names), operations.c.operation != besides)
        .limit(1)
    )


def _count_sent(spending: Spending) -> ScalarSelect[int]:
    """Operations of a kind that reserved this, sent something, and were not refused or aborted."""
    sent = exists().where(
        journal.c.operation == operations.c.operation,
        journal.c.state == StepState.INTENDED.value,
        journal.c.step != "",
    )
    undone = (Outcome.REFUSED.value, Outcome.ABORTED.value)
    return (
        select(func.count())
        .select_from(operations)
        .join(reserves, reserves.c.operation == operations.c.operation)
        .where(
            reserves.c.reserve == spending.reserve,
            operations.c.kind == spending.kind,
            operations.c.confirmed_at >= spending.since,
            or_(operations.c.outcome.is_(None), operations.c.outcome.not_in(undone)),
            sent,
        )
        .scalar_subquery()
    )


def _with_journals(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> tuple[Operation, ...]:
    entries: dict[str, list[Row[*tuple[Any, ...]]]] = {row.operation: [] for row in rows}
    names = list(entries)
    for start in range(0, len(names), _AT_ONCE):
        query = (
            select(journal)
            .where(journal.c.operation.in_(names[start : start + _AT_ONCE]))
            .order_by(journal.c.operation, journal.c.number)
        )
        for entry in connection.execute(query):
            entries[entry.operation].append(entry)
    return tuple(operation_of(row, entries[row.operation]) for row in rows)
