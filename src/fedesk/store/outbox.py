"""Notices on their way, as rows; plain statements, which hold on SQLite and PostgreSQL alike.

What is written is written by the leader, whose fence is checked in the same transaction: two watchers take
turns there (``store/leaders.py``). An index says that each receiver is told once of what goes on.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, delete, func, insert, or_, select, update

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.notices import LASTING, Event, Notice
from fedesk.ports.notifying import Lead, Letter
from fedesk.store import audit_log, leaders
from fedesk.store.protocol import Database
from fedesk.store.tables import audit, outbox

_LASTING = tuple(sorted(event.value for event in LASTING))


def put(connection: Connection, letters: Sequence[Letter], at: datetime) -> tuple[Letter, ...]:
    """Write those that are not there yet; gives these."""
    keys = {letter.notice.key for letter in letters}
    there = connection.execute(
        select(outbox.c.key, outbox.c.receiver).where(outbox.c.over_at.is_(None), outbox.c.key.in_(keys))
    )
    known = {(row.key, row.receiver) for row in there}
    new: dict[tuple[str, str], Letter] = {}
    for letter in letters:
        name = letter.notice.key, letter.receiver
        if name not in known:
            new.setdefault(name, replace(letter, next_at=at))
    if new:
        connection.execute(insert(outbox), [_row(letter, at) for letter in new.values()])
    return tuple(new.values())


def take_back(connection: Connection, letters: Sequence[tuple[Letter, Letter | None]], at: datetime) -> None:
    """Free the keys of what is over, and write what tells so."""
    for letter, word in letters:
        over = update(outbox).where(outbox.c.notice == letter.id, outbox.c.over_at.is_(None))
        is_first = connection.execute(over.values(over_at=at)).rowcount == 1
        if word is not None and is_first:
            row = _row(replace(word, next_at=at), at) | {"over_at": at}
            connection.execute(insert(outbox).values(row))


def _row(letter: Letter, at: datetime) -> dict[str, Any]:
    notice = letter.notice
    return {
        "notice": letter.id,
        "key": notice.key,
        "receiver": kept_name(letter.receiver),
        "event": notice.event.value,
        "environment": kept_name(notice.environment),
        "document": _document(notice),
        "made_at": at,
        "tries": letter.tries,
        "next_at": letter.next_at,
        "sent_at": letter.sent_at,
        "over_at": None,
        "said": "",
    }


def _document(notice: Notice) -> bytes:
    return json.dumps(asdict(notice) | {"at": notice.at.isoformat()}).encode("ascii")


def _letter(row: Row[Any]) -> Letter:
    known = json.loads(row.document)
    known |= {"event": Event(known["event"]), "at": datetime.fromisoformat(known["at"])}
    return Letter(
        id=row.notice,
        receiver=row.receiver,
        notice=Notice(**known | {"people": tuple(known["people"])}),
        tries=row.tries,
        next_at=row.next_at,
        sent_at=row.sent_at,
    )


def _of(letter: Letter) -> Update:
    return update(outbox).where(outbox.c.notice == letter.id, outbox.c.sent_at.is_(None))


class SqlOutbox:
    """``ports.notifying.Outbox``, over a file or a server."""

    _database: Database

    def put(self, lead: Lead, letters: Sequence[Letter], at: datetime) -> tuple[Letter, ...]:
        """Write those that are not there yet; raises LeadLostError."""

        def work(connection: Connection) -> tuple[Letter, ...]:
            leaders.check(connection, lead)
            return put(connection, letters, at)

        return self._database.write(work)

    def due(self, receiver: str, now: datetime, limit: int = 100) -> tuple[Letter, ...]:
        """What a receiver is to be given by now: what has waited longest first."""
        query = (
            select(outbox)
            .where(outbox.c.receiver == receiver, outbox.c.next_at <= now)
            .order_by(outbox.c.next_at, outbox.c.made_at, outbox.c.notice)
            .limit(limit)
        )
        return self._database.read(
            lambda connection: tuple(_letter(row) for row in connection.execute(query)), ()
        )

    def next_at(self, receiver: str) -> datetime | None:
        """When something is due for a receiver next."""
        query = select(func.min(outbox.c.next_at)).where(outbox.c.receiver == receiver)
        found: datetime | None = self._database.read(lambda connection: connection.scalar(query), None)
        return found

    def lasting(self) -> tuple[Letter, ...]:
        """Letters on what goes on, as far as nobody has said that it is over."""
        query = (
            select(outbox)
            .where(outbox.c.event.in_(_LASTING), outbox.c.over_at.is_(None))
            .order_by(outbox.c.made_at, outbox.c.notice)
        )
        return self._database.read(
            lambda connection: tuple(_letter(row) for row in connection.execute(query)), ()
        )

    def take_back(self, lead: Lead, letters: Sequence[tuple[Letter, Letter | None]], at: datetime) -> None:
        """What a letter tells of is over; raises LeadLostError."""

        def work(connection: Connection) -> None:
            leaders.check(connection, lead)
            take_back(connection, letters, at)

        self._database.write(work)

    def sent(self, lead: Lead, letter: Letter, at: datetime) -> None:
        """The receiver has it; raises LeadLostError."""
        values = {"sent_at": at, "next_at": None, "tries": letter.tries + 1, "said": ""}
        self._written(lead, _of(letter).values(values))

    def put_off(self, lead: Lead, letter: Letter, until: datetime | None, said: str) -> None:
        """It was not taken; raises LeadLostError."""
        values = {"next_at": until, "tries": letter.tries + 1, "said": kept_text(said)}
        self._written(lead, _of(letter).values(values))

    def forget(self, lead: Lead, before: datetime) -> None:
        """Drop what is over and done with since then; raises LeadLostError."""
        # What is still to be sent after so long is of a receiver that is not configured any more.
        is_done = or_(
            outbox.c.next_at.is_not(None), outbox.c.over_at.is_not(None), outbox.c.event.not_in(_LASTING)
        )
        old = outbox.c.made_at < before, is_done

        def work(connection: Connection) -> None:
            leaders.check(connection, lead)
            connection.execute(delete(outbox).where(*old))

        self._database.write(work)

    def recorded(self, phases: Collection[Phase], after: int) -> tuple[AuditRecord, ...]:
        """Records of the audit log of some phases, behind a number, oldest first."""
        where = audit.c.seq > after, audit.c.phase.in_([phase.value for phase in phases])
        return self._database.read(lambda connection: audit_log.matching(connection, *where), ())

    def _written(self, lead: Lead, statement: Update) -> None:
        def work(connection: Connection) -> None:
            leaders.check(connection, lead)
            connection.execute(statement)

        self._database.write(work)
