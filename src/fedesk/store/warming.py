"""Each statement of the store compiled before it is needed: the first one of each costs milliseconds."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Confirmation, JournalEntry, Outcome, Owner, Plan, StepState, Target
from fedesk.domain.plans import digest_of
from fedesk.ports.operation_store import Spending, StoreError, Submission
from fedesk.store.operations import SqlStore


def warm() -> None:
    """Go through an operation in a store of its own that is thrown away; every other store is faster then.

    Leaves no thread and no open file, so that the process may fork. Does nothing where there is no room.
    """
    with suppress(OSError, StoreError), TemporaryDirectory() as folder:
        store = SqlStore(Path(folder) / "fedesk.sqlite3")
        try:
            _go_through(store)
        finally:
            store.close()


def _go_through(store: SqlStore) -> None:
    at = datetime.now(tz=UTC)
    plan = Plan(
        operation="warm",
        kind="warm",
        environment="warm",
        connection=ConnectionName("warm", "warm"),
        address="",
        targets=(Target(name="warm", reserves=("warm",)),),
        effects=(),
        requester="",
        made_by="",
        made_at=at,
        expires_at=at,
    )
    digest = digest_of(plan)
    confirmation = Confirmation(operation="warm", digest=digest, by="", at=at, how="")
    owner = Owner(host="", boot="", pid=0, started="")
    entry = JournalEntry(number=0, at=at, step="warm", state=StepState.INTENDED, said="")
    intent, outcome = (
        AuditDraft(
            at=at,
            actor=Actor(person="", known_by="", host="", pid=0),
            environment="warm",
            action="warm",
            target="warm",
            phase=phase,
            operation="warm",
            plan_digest=digest,
        )
        for phase in (Phase.INTENT, Phase.OUTCOME)
    )
    store.check()
    store.submit(Submission(plan=plan, digest=digest, guards=(), confirmation=confirmation))
    lease = store.claim("warm", owner, at, timedelta(), dead=None)
    store.write(store.renew(lease, at, timedelta()), (entry,), intent)
    store.operation("warm")
    store.open_operations()
    store.operations(environment="warm")
    spending = Spending(kind="warm", reserve="warm", since=at)
    store.standing(("warm",), besides="warm", spending=spending)
    store.changes()
    store.end(lease, Outcome.SUCCEEDED, "", at, (entry,), outcome)
    store.tail(1, operation="warm")
