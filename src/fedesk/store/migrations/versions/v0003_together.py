"""Schema 3: signed statements on plans, freezes, marks on findings, an outbox, reviews.

The tables are made from their definition: nothing that was there is altered. A later form that alters one of
these has to spell out here what this one was.
"""

from alembic import op

from fedesk.store import tables

revision = "0003"
down_revision = "0002"

_NEW = (
    tables.approvals,
    tables.used_nonces,
    tables.windows,
    tables.marks,
    tables.outbox,
    tables.leaders,
    tables.reviews,
)


def upgrade() -> None:
    """Add the tables, and an index of the records that are reviewed; what was there stays as it is."""
    tables.metadata.create_all(op.get_bind(), tables=_NEW, checkfirst=False)
    next(one for one in tables.audit.indexes if one.name == "audit_reviewed").create(
        op.get_bind(), checkfirst=True
    )
