"""The tables of the desk's own state, as SQLAlchemy Core, and what guards the audit log inside the database.

Rules that two desks could break between them are constraints: one holder a reservation, one intent an
operation, an audit log that is only appended to, without gaps.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    Computed,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    event,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import BigInteger, TypeDecorator, TypeEngine

from fedesk.domain.audit_chain import time_text

SCHEMA = 4
"""Number of this form of the tables; ``migrations`` has the steps to it."""

metadata = MetaData()

Name = String().with_variant(String(collation="C"), "postgresql")
"""What is compared and sorted by its characters, whatever language the database's server speaks."""


class Moment(TypeDecorator[datetime]):
    """An aware moment as RFC 3339 text in UTC with microseconds, whose order is the order of time."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Sorted by its characters."""
        return dialect.type_descriptor(Name)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else time_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


Big = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's rowid is spelled INTEGER."""

schema = Table(
    "fedesk_schema",
    metadata,
    Column("number", Integer, nullable=False),
    Column("made_by", String, nullable=False),
    # Grows when somebody asks whether the store can be written: SQLite does not write what is the same.
    Column("checks", Big, nullable=False, default=0),
)


class FromBytes(Computed):
    """A column that the database makes of a record's bytes; nobody can set it apart from them.

    Virtual in SQLite, which computes it at each reading; stored in PostgreSQL, by ``field`` of functions.sql.
    """

    def __init__(self, *path: str) -> None:
        super().__init__(f"json_extract(CAST(record AS TEXT), '$.{'.'.join(path)}')", persisted=False)
        self.path = path


@compiles(FromBytes, "postgresql")
def _from_bytes(element: FromBytes, _compiler: DDLCompiler, **_: Any) -> str:
    path = ", ".join(f"'{name}'" for name in element.path)
    return f"GENERATED ALWAYS AS (fedesk.field(record, {path})) STORED"


class StoredAsBytes(CheckConstraint):
    """SQLite stores a text where bytes were declared, unless it is told not to; PostgreSQL never does."""

    def __init__(self, column: str) -> None:
        super().__init__(f"typeof({column}) = 'blob'")


@compiles(StoredAsBytes, "postgresql")
def _stored_as_bytes(_element: StoredAsBytes, _compiler: DDLCompiler, **_: Any) -> str:
    return "CHECK (true)"


audit = Table(
    "audit",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("record", LargeBinary, StoredAsBytes("record"), nullable=False),
    Column("hash", LargeBinary, CheckConstraint("length(hash) = 32"), nullable=False),
    Column("time", String, FromBytes("time")),
    Column("environment", Name, FromBytes("environment")),
    Column("action", String, FromBytes("action")),
    Column("operation", Name, FromBytes("operation")),
    Column("phase", String, FromBytes("phase")),
    Column("target", String, FromBytes("target")),
    Column("person", String, FromBytes("actor", "person")),
)
Index("audit_by_operation", audit.c.operation)
Index("audit_by_environment", audit.c.environment)
REVIEWED = (audit.c.phase == literal_column("'break-glass'")) | (
    audit.c.action == literal_column("'review-wanted'")
)
"""Of the records that somebody else has to review, as the index of them has it."""
Index("audit_reviewed", audit.c.seq, sqlite_where=REVIEWED, postgresql_where=REVIEWED)
Index(
    "audit_one_intent",
    audit.c.operation,
    unique=True,
    sqlite_where=(audit.c.phase == "intent") & (audit.c.operation != ""),
    postgresql_where=(audit.c.phase == "intent") & (audit.c.operation != ""),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("seq", Big, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

_REFUSED = "SELECT RAISE(ABORT, 'the audit log is only appended to')"
for _name, _when in {
    "audit_no_update": "BEFORE UPDATE ON audit",
    "audit_no_delete": "BEFORE DELETE ON audit",
    "audit_in_order": "BEFORE INSERT ON audit WHEN NEW.seq IS NOT (SELECT seq + 1 FROM audit_head)",
    "audit_head_no_delete": "BEFORE DELETE ON audit_head",
    "audit_head_in_order": "BEFORE UPDATE ON audit_head WHEN NEW.seq IS NOT OLD.seq + 1",
}.items():
    event.listen(
        audit_head,
        "after_create",
        DDL(f"CREATE TRIGGER {_name} {_when} BEGIN {_REFUSED}; END").execute_if(dialect="sqlite"),  # type: ignore[no-untyped-call]
    )

operations = Table(
    "operations",
    metadata,
    Column("operation", Name, primary_key=True),
    Column("kind", Name, nullable=False),
    Column("environment", Name, nullable=False),
    Column("digest", Name, nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("guards", LargeBinary, nullable=False),
    Column("confirmation", LargeBinary, nullable=False),
    Column("confirmed_at", Moment, nullable=False),
    Column("stage", String, CheckConstraint("stage IN ('confirmed', 'running', 'ended')"), nullable=False),
    Column("outcome", String),
    Column("said", String, nullable=False),
    Column("ended_at", Moment),
    # The owner holds the lease, or held it last; the lease is held while it has an end.
    Column("owner_host", String),
    Column("owner_boot", String),
    Column("owner_pid", Big),
    Column("owner_started", String),
    Column("lease_until", Moment),
    Column("fence", Big, nullable=False),
    Column("audit_intent", Big, ForeignKey("audit.seq")),
    Column("audit_outcome", Big, ForeignKey("audit.seq")),
    CheckConstraint("(stage = 'ended') = (outcome IS NOT NULL)", name="ended_with_outcome"),
)
Index("operations_by_time", operations.c.confirmed_at, operations.c.operation)
Index("operations_by_environment", operations.c.environment, operations.c.confirmed_at)
Index("operations_by_stage", operations.c.stage, operations.c.outcome)

reserves = Table(
    "operation_reserves",
    metadata,
    Column("operation", ForeignKey("operations.operation"), primary_key=True),
    Column("reserve", Name, primary_key=True),
)
"""What each operation reserves while it is under way; kept when it has ended."""
Index("reserves_by_name", reserves.c.reserve)

reservations = Table(
    "reservations",
    metadata,
    Column("reserve", Name, primary_key=True),
    Column("operation", ForeignKey("operations.operation"), nullable=False),
)
"""What is held now. The primary key settles who holds it."""
Index("reservations_by_operation", reservations.c.operation)

journal = Table(
    "journal",
    metadata,
    Column("operation", ForeignKey("operations.operation"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("step", Name, nullable=False),
    Column("state", String, nullable=False),
    Column("said", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("operation", ForeignKey("operations.operation"), primary_key=True),
    Column("step", Name, primary_key=True),
    Column("choice", String, CheckConstraint("choice IN ('proceed', 'stop')"), nullable=False),
    Column("reason", String, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Moment, nullable=False),
)
"""What a person decided of a step that waits for it. The primary key settles who was first."""

incidents = Table(
    "incidents",
    metadata,
    Column("incident", Name, primary_key=True),
    Column("environment", Name, nullable=False),
    Column("title", String, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("opened_by", String, nullable=False),
    Column("opened_record", Big, ForeignKey("audit.seq"), nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", String, nullable=False),
    Column("closed_record", Big, ForeignKey("audit.seq")),
    Column("summary", String, nullable=False),
    CheckConstraint("(closed_at IS NULL) = (closed_record IS NULL)", name="closed_with_record"),
)
"""What went wrong, from its opening to its closing; both are records of the audit log."""
Index("incidents_by_time", incidents.c.opened_at, incidents.c.incident)

incident_notes = Table(
    "incident_notes",
    metadata,
    Column("incident", ForeignKey("incidents.incident"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("by", String, nullable=False),
    Column("kind", Name, nullable=False),
    Column("said", String, nullable=False),
    Column("run", String, nullable=False),
    Column("link", String, nullable=False),
)
"""What was written down in an incident, in order."""

approvals = Table(
    "approvals",
    metadata,
    Column("nonce", Name, primary_key=True),
    Column("operation", ForeignKey("operations.operation"), nullable=False),
    Column("action", String, CheckConstraint("action IN ('request', 'approve', 'reject')"), nullable=False),
    Column("principal", Name, nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("signature", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("brought_by", String, nullable=False),
)
"""Signed statements on plans, as they were brought; whether one counts is told by who reads it."""
Index("approvals_by_operation", approvals.c.operation, approvals.c.at)

used_nonces = Table(
    "used_nonces",
    metadata,
    Column("nonce", Name, primary_key=True),
    Column("operation", ForeignKey("operations.operation"), nullable=False),
)
"""Statements by which an operation was begun: written with the claim, by whoever executes."""

windows = Table(
    "windows",
    metadata,
    Column("window", Name, primary_key=True),
    Column("kind", String, CheckConstraint("kind IN ('freeze', 'hold', 'maintenance')"), nullable=False),
    Column("environment", Name, nullable=False),
    Column("pipeline", Name, nullable=False),
    Column("service", Name, nullable=False),
    # Wall times in the zone, as they were given; what recurs is an RRULE of RFC 5545.
    Column("starts", String, nullable=False),
    Column("ends", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("recurs", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("opened_by", String, nullable=False),
    Column("opened_record", Big, ForeignKey("audit.seq"), nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", String, nullable=False),
    Column("closed_record", Big, ForeignKey("audit.seq")),
    Column("closed_why", String, nullable=False),
    CheckConstraint("(closed_at IS NULL) = (closed_record IS NULL)", name="window_closed_with_record"),
)
"""Freezes, holds and maintenance, from the record that set each to the one that lifted it."""

release_stops = Table(
    "release_stops",
    metadata,
    Column("stop", Name, primary_key=True),
    Column("kind", String, CheckConstraint("kind IN ('quarantine', 'hold')"), nullable=False),
    Column("service", Name, nullable=False),
    Column("digest", Name, nullable=False),
    # Of a hold; a quarantine holds everywhere.
    Column("environment", Name, nullable=False),
    Column("reason", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", String, nullable=False),
    Column("record", Big, ForeignKey("audit.seq"), nullable=False),
    # Of a hold, the rollback that is the hold: its row is written when it is lifted.
    Column("operation", Name, nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", String, nullable=False, server_default=""),
    Column("closed_record", Big, ForeignKey("audit.seq")),
    Column("closed_why", String, nullable=False, server_default=""),
    CheckConstraint("(closed_at IS NULL) = (closed_record IS NULL)", name="stop_closed_with_record"),
)
"""Releases in quarantine, and holds of rolled-back releases that were lifted."""

marks = Table(
    "marks",
    metadata,
    Column("environment", Name, primary_key=True),
    Column("finding", Name, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", String, nullable=False),
    Column("whom", String, nullable=False),
    Column("until", Moment),
    Column("said", String, nullable=False),
    Column("record", Big, ForeignKey("audit.seq"), nullable=False),
)
"""What people on call said of findings, in order; the last of each kind holds."""
Index("marks_by_time", marks.c.at)

outbox = Table(
    "outbox",
    metadata,
    Column("notice", Name, primary_key=True),
    Column("key", Name, nullable=False),
    Column("receiver", Name, nullable=False),
    Column("event", Name, nullable=False),
    Column("environment", Name, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Moment),
    Column("sent_at", Moment),
    # What it tells of is over: the same key may come again.
    Column("over_at", Moment),
    Column("said", String, nullable=False),
)
"""What people are to be told: once for each key and receiver until it is over, and kept until it was."""
Index(
    "outbox_once_each",
    outbox.c.key,
    outbox.c.receiver,
    unique=True,
    sqlite_where=outbox.c.over_at.is_(None),
    postgresql_where=outbox.c.over_at.is_(None),
)
Index("outbox_by_next", outbox.c.next_at)

leaders = Table(
    "leaders",
    metadata,
    Column("name", Name, primary_key=True),
    Column("owner_host", String, nullable=False),
    Column("owner_boot", String, nullable=False),
    Column("owner_pid", Big, nullable=False),
    Column("owner_started", String, nullable=False),
    Column("lease_until", Moment, nullable=False),
    Column("fence", Big, nullable=False),
)
"""Which process does what only one may do."""

reviews = Table(
    "reviews",
    metadata,
    Column("reviewed", Big, ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("by", String, nullable=False),
    Column("said", String, nullable=False),
    Column("record", Big, ForeignKey("audit.seq"), nullable=False),
)
"""Records of the audit log that somebody else has looked at afterwards."""

anchors = Table(
    "anchors",
    metadata,
    Column("sink", Name, primary_key=True),
    Column("seq", Big, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)
"""The checkpoint of the audit log that each sink was given last."""

people = Table(
    "people",
    metadata,
    Column("role", Name, primary_key=True),
    Column("principal", String, nullable=False),
)
"""Who is behind a login role of PostgreSQL, where its name is not theirs."""

revision = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps which of ``migrations`` were done; a store that is made anew begins at the last."""
