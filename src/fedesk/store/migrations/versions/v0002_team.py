"""Schema 2: what people decide, incidents, where checkpoints went, and who is behind a role.

For a file: PostgreSQL was never of schema 1.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables; what was there stays as it is."""
    op.create_table(
        "decisions",
        sa.Column("operation", sa.String, sa.ForeignKey("operations.operation"), primary_key=True),
        sa.Column("step", sa.String, primary_key=True),
        sa.Column("choice", sa.String, sa.CheckConstraint("choice IN ('proceed', 'stop')"), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "incidents",
        sa.Column("incident", sa.String, primary_key=True),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("opened_at", sa.String, nullable=False),
        sa.Column("opened_by", sa.String, nullable=False),
        sa.Column("opened_record", sa.Integer, sa.ForeignKey("audit.seq"), nullable=False),
        sa.Column("closed_at", sa.String),
        sa.Column("closed_by", sa.String, nullable=False),
        sa.Column("closed_record", sa.Integer, sa.ForeignKey("audit.seq")),
        sa.Column("summary", sa.String, nullable=False),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_record IS NULL)", name="closed_with_record"),
    )
    op.create_index("incidents_by_time", "incidents", ["opened_at", "incident"])
    op.create_table(
        "incident_notes",
        sa.Column("incident", sa.String, sa.ForeignKey("incidents.incident"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("said", sa.String, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("link", sa.String, nullable=False),
    )
    op.create_table(
        "anchors",
        sa.Column("sink", sa.String, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "people",
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("principal", sa.String, nullable=False),
    )
