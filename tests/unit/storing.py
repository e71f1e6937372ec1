"""What the tests of the store write: confirmed operations, their steps, and a file to tamper with."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from making import NOW, minutes
from operation_values import EVIDENCE, GUARDS, OWNER, draft_of, operation_id, plan_of

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.operations import Confirmation, JournalEntry, Outcome, Owner, StepState
from fedesk.domain.plans import digest_of
from fedesk.ports.operation_store import Lease, Submission
from fedesk.store.operations import SqlStore

RUN = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"
PARTITION = "prod/payments_daily/2026-11-19"
LASTS = minutes(2)
UNTIL = NOW + LASTS
SECOND = Owner(host="desk-4", boot="b-7", pid=99, started="41")


def submission(number: int = 1, *, reserves: tuple[str, ...] = (RUN, PARTITION)) -> Submission:
    """A plan that somebody said yes to, ``number`` seconds after NOW."""
    plan = plan_of(number)
    plan = replace(plan, targets=(replace(plan.targets[0], reserves=reserves),))
    digest = digest_of(plan)
    at = NOW + timedelta(seconds=number)
    confirmation = Confirmation(
        operation=plan.operation, digest=digest, by="mara", at=at, how="name and key", named="prod"
    )
    return Submission(plan=plan, digest=digest, guards=GUARDS, confirmation=confirmation)


def entry(step: str, state: StepState, said: str = "") -> JournalEntry:
    return JournalEntry(number=0, at=NOW, step=step, state=state, said=said, evidence=EVIDENCE)


def told(given: Submission, phase: Phase, result: str = "", *, number: int = 1) -> AuditDraft:
    return draft_of(phase, number, operation=given.plan.operation, plan_digest=given.digest, result=result)


def claimed(
    store: SqlStore, number: int = 1, owner: Owner = OWNER, reserves: tuple[str, ...] = (RUN, PARTITION)
) -> Lease:
    """Submit and claim."""
    store.submit(submission(number, reserves=reserves))
    return store.claim(operation_id(number), owner, NOW, LASTS, dead=None)


def carried_out(
    store: SqlStore,
    number: int = 1,
    outcome: Outcome = Outcome.SUCCEEDED,
    reserves: tuple[str, ...] = (RUN, PARTITION),
) -> Lease:
    """An operation from its confirmation to its end: two audit records."""
    given = submission(number, reserves=reserves)
    lease = claimed(store, number, reserves=reserves)
    store.write(lease, [entry("clear", StepState.INTENDED, "clear 3")], told(given, Phase.INTENT, "clear 3"))
    store.end(
        lease,
        outcome,
        "3 cleared",
        NOW,
        [entry("clear", StepState.DONE, "3 cleared")],
        told(given, Phase.OUTCOME, f"{outcome}: 3 cleared"),
    )
    return lease


def tampered(path: Path, *statements: str) -> None:
    """Execute SQL past fedesk, with the log's triggers taken away first and put back afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
        for _, sql in triggers:
            database.execute(sql)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
