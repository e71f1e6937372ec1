"""Reviews as rows; plain statements, which hold on SQLite and PostgreSQL alike."""

from sqlalchemy import Connection, exists, insert, select

from fedesk.domain.audit import AuditDraft, AuditRecord
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.reviews import Review
from fedesk.ports.review_store import ReviewedError
from fedesk.store import audit_log
from fedesk.store.recording import Recording
from fedesk.store.tables import REVIEWED, audit, reviews


def unreviewed(connection: Connection, environment: str | None) -> tuple[AuditRecord, ...]:
    """Records that wait for a review, oldest first."""
    # By an index of these records alone: an open desk asks whenever something was written.
    where = [REVIEWED, ~exists().where(reviews.c.reviewed == audit.c.seq)]
    if environment is not None:
        where.append(audit.c.environment == environment)
    return audit_log.matching(connection, *where)


def of_record(connection: Connection, seq: int) -> Review | None:
    """Who has reviewed a record."""
    row = connection.execute(select(reviews).where(reviews.c.reviewed == seq)).one_or_none()
    if row is None:
        return None
    return Review(reviewed=row.reviewed, at=row.at, by=row.by, said=row.said, record=row.record)


def put_down(connection: Connection, seq: int, review: Review) -> None:
    """Write a review, whose record is ``seq``. Raises ReviewedError."""
    there = of_record(connection, review.reviewed)
    if there is not None:
        raise ReviewedError(
            f"Record {there.reviewed} was reviewed by {there.by} at {there.at:%Y-%m-%d %H:%M:%S} UTC, "
            f"in record {there.record}."
        )
    connection.execute(
        insert(reviews).values(
            reviewed=review.reviewed,
            at=review.at,
            by=kept_name(review.by),
            said=kept_text(review.said),
            record=seq,
        )
    )


class SqlReviews(Recording):
    """``ports.review_store.ReviewStore``, over a file or a server."""

    def unreviewed(self, *, environment: str | None = None) -> tuple[AuditRecord, ...]:
        """Records that wait for a review, oldest first."""
        return self._database.read(lambda connection: unreviewed(connection, environment), ())

    def review_of(self, seq: int) -> Review | None:
        """Who has reviewed a record."""
        return self._database.read(lambda connection: of_record(connection, seq), None)

    def review(self, review: Review, audit: AuditDraft) -> None:
        """Write it down behind its record; raises ReviewedError."""
        self._recorded(audit, lambda connection, seq: put_down(connection, seq, review))
