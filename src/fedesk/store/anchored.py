"""What the store remembers of checkpoints: where the log stands, and what each sink was given last."""

from datetime import datetime

from sqlalchemy import Connection, select, text

from fedesk.domain.audit_chain import Mark, time_text
from fedesk.ports.anchoring import Given, Head
from fedesk.store.protocol import Database
from fedesk.store.tables import anchors, audit, audit_head

# One statement, which SQLite and PostgreSQL both have. What a sink was given never goes back.
_REMEMBER = text(
    "INSERT INTO anchors (sink, seq, hash, at) VALUES (:sink, :seq, :hash, :at)"
    " ON CONFLICT (sink) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at = excluded.at"
    " WHERE anchors.seq <= excluded.seq"
)
_FIRST = select(audit.c.hash).where(audit.c.seq == 1).scalar_subquery()
_HEAD = select(audit_head.c.seq, audit_head.c.hash, _FIRST)


def head(connection: Connection) -> Head | None:
    """Where the log stands; None while it has no record."""
    row = connection.execute(_HEAD).one_or_none()
    if row is None or row[2] is None:
        return None
    return Head(mark=Mark(seq=row[0], hash=row[1].hex()), first=row[2].hex())


def given(connection: Connection) -> tuple[Given, ...]:
    """What each sink was given last, by name."""
    rows = connection.execute(select(anchors).order_by(anchors.c.sink))
    return tuple(Given(sink=row.sink, mark=Mark(seq=row.seq, hash=row.hash.hex()), at=row.at) for row in rows)


class SqlAnchored:
    """``ports.anchoring.AnchoredLog``, for a store that has transactions."""

    _database: Database

    def head(self) -> Head | None:
        """Where the log stands."""
        return self._database.read(head, None)

    def given(self) -> tuple[Given, ...]:
        """What each sink was given last."""
        return self._database.read(given, ())

    def remember_given(self, sink: str, mark: Mark, at: datetime) -> None:
        """A sink has taken a checkpoint. Raises StoreError."""
        values = {"sink": sink, "seq": mark.seq, "hash": bytes.fromhex(mark.hash), "at": time_text(at)}
        self._database.write(lambda connection: connection.execute(_REMEMBER, values).rowcount)
