"""Schema 1: operations, journal, reservations and the audit log in one file, which was made whole."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """There is nothing before it."""
