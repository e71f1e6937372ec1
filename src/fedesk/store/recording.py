"""Writing behind an audit record: appending takes the head of the log, so writers take turns."""

from collections.abc import Callable

from sqlalchemy import Connection

from fedesk.domain.audit import AuditDraft
from fedesk.store import audit_log
from fedesk.store.protocol import Database


class Recording:
    """What stores are made of whose writes are on the record."""

    _database: Database

    def _recorded(self, draft: AuditDraft, work: Callable[[Connection, int], None]) -> None:
        """Append the record, then do the work under the lock that this has taken; one transaction."""
        self._database.write(lambda connection: work(connection, audit_log.append(connection, draft)))
