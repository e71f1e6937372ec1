"""Reviews in the desk's own state. Blocking; every method raises StoreError.

StoreError
ReviewedError         somebody has reviewed it already (exit 5)
UnknownRecordError    there is no record of that number (exit 1)
"""

from typing import Protocol

from fedesk.domain.audit import AuditDraft, AuditRecord
from fedesk.domain.reviews import Review
from fedesk.ports.operation_store import StoreError


class ReviewedError(StoreError):
    """The first review counts."""


class UnknownRecordError(StoreError):
    """There is no record of that number."""


class ReviewReader(Protocol):
    """Reviews, as everyone may read them."""

    def unreviewed(self, *, environment: str | None = None) -> tuple[AuditRecord, ...]:
        """Records that wait for a review, oldest first."""

    def review_of(self, seq: int) -> Review | None:
        """Who has reviewed a record."""


class ReviewStore(ReviewReader, Protocol):
    """Reviews, as they are written; numbers of audit records come with the write."""

    def review(self, review: Review, audit: AuditDraft) -> None:
        """Write it down, and its record, in one transaction. Raises ReviewedError."""
