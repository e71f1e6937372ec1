"""The lease on what only one process does, as a row; plain statements, on SQLite and PostgreSQL alike.

It lasts by the store's clock: the database's, and this machine's for a file. Each write of a leader names its
fence in the same transaction, so that one that was suspended past its lease writes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from fedesk.domain.audit import AuditDraft
from fedesk.domain.kept_text import kept_name
from fedesk.domain.operations import LET_GO, Owner
from fedesk.ports.notifying import Lead, LeadLostError
from fedesk.store import audit_log
from fedesk.store.protocol import Database
from fedesk.store.rows import owner_of
from fedesk.store.tables import leaders


def leader(connection: Connection, name: str) -> Lead | None:
    """Who has it, or had it last."""
    row = connection.execute(select(leaders).where(leaders.c.name == name)).one_or_none()
    return None if row is None else _lead(row)


def take(
    connection: Connection, name: str, me: Owner, at: datetime, lasts: timedelta, dead: Owner | None
) -> Lead:
    """Take it where it is free, else who has it."""
    now = _now(connection, at)
    row = connection.execute(select(leaders).where(leaders.c.name == name).with_for_update()).one_or_none()
    if row is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(leaders).values(name=name, fence=0, **_owned(me, LET_GO)))
        except IntegrityError:
            # Somebody was faster by a moment.
            pass
        row = connection.execute(select(leaders).where(leaders.c.name == name).with_for_update()).one()
    before = _lead(row)
    if before.until > now and before.owner not in {me, dead}:
        return before
    fence, until = before.fence + 1, now + lasts
    connection.execute(update(leaders).where(leaders.c.name == name).values(fence=fence, **_owned(me, until)))
    died = None if before.until == LET_GO or before.owner == me else before.owner
    return Lead(name=name, owner=me, fence=fence, until=until, is_mine=True, died=died)


def extend(connection: Connection, lead: Lead, until: datetime) -> Lead:
    """The same until another moment. Raises LeadLostError."""
    check(connection, lead)
    connection.execute(update(leaders).where(leaders.c.name == lead.name).values(lease_until=until))
    return replace(lead, until=until)


def check(connection: Connection, lead: Lead) -> None:
    """Whether it is still theirs; nobody takes it before this transaction ends. Raises LeadLostError."""
    held = leaders.c.name == lead.name, leaders.c.fence == lead.fence
    if connection.execute(update(leaders).where(*held).values(fence=lead.fence)).rowcount == 1:
        return
    now = leader(connection, lead.name)
    who = (
        f"process {now.owner.pid} on {now.owner.host}" if now is not None else "nobody, the store is another"
    )
    raise LeadLostError(f"This process does not lead any more ({who} does): it writes and sends nothing.")


def _now(connection: Connection, here: datetime) -> datetime:
    """The time by which leases end; ``here`` is this machine's."""
    if connection.dialect.name != "postgresql":
        return here
    now = connection.execute(select(func.clock_timestamp())).scalar_one()
    assert isinstance(now, datetime)  # noqa: S101 - the server's clock
    return now


def _lead(row: Row[Any]) -> Lead:
    owner = owner_of(row)
    assert owner is not None  # noqa: S101 - the columns are not null
    return Lead(name=row.name, owner=owner, fence=row.fence, until=row.lease_until, is_mine=False)


def _owned(owner: Owner, until: datetime) -> dict[str, Any]:
    return {
        "owner_host": kept_name(owner.host),
        "owner_boot": kept_name(owner.boot),
        "owner_pid": owner.pid,
        "owner_started": owner.started,
        "lease_until": until,
    }


class SqlLeaders:
    """``ports.notifying.Leaders``, over a file or a server."""

    _database: Database

    def leader(self, name: str) -> Lead | None:
        """Who has it, or had it last."""
        return self._database.read(lambda connection: leader(connection, name), None)

    def lead(
        self,
        name: str,
        me: Owner,
        at: datetime,
        lasts: timedelta,
        *,
        dead: Owner | None,
        audit: AuditDraft | None,
    ) -> Lead:
        """Take it where it is free, with its audit record; else who has it."""

        def work(connection: Connection) -> Lead:
            found = take(connection, name, me, at, lasts, dead)
            if found.is_mine and audit is not None:
                audit_log.append(connection, audit)
            return found

        return self._database.write(work)

    def keep(self, lead: Lead, at: datetime, lasts: timedelta) -> Lead:
        """Hold on to it; raises LeadLostError."""
        return self._database.write(lambda connection: extend(connection, lead, _now(connection, at) + lasts))

    def give_back(self, lead: Lead, audit: AuditDraft | None) -> None:
        """Let the next one have it at once; raises LeadLostError."""

        def work(connection: Connection) -> None:
            extend(connection, lead, LET_GO)
            if audit is not None:
                audit_log.append(connection, audit)

        self._database.write(work)
