"""What people decide of steps that wait for them; plain statements, which hold on SQLite and PostgreSQL.

A decision is written behind its audit record, in the same transaction: appending takes the head of the log,
so two who decide, or one who decides and an operation that ends, take turns, and the second reads what the
first one wrote.
"""

from sqlalchemy import Connection, insert, select

from fedesk.domain.kept_text import kept_text
from fedesk.domain.operations import Choice, Decision, Outcome, Stage
from fedesk.ports.operation_store import DecidedError, NotClaimableError
from fedesk.store.tables import audit, decisions, operations


def decide(connection: Connection, seq: int, decision: Decision) -> None:
    """Write a decision down, whose record is ``seq``. Raises DecidedError, NotClaimableError."""
    id_ = decision.operation
    row = connection.execute(
        select(operations.c.stage, operations.c.outcome).where(operations.c.operation == id_)
    ).one_or_none()
    if row is None:
        raise NotClaimableError(f"There is no operation {id_} in this store.")
    if row.stage == Stage.ENDED.value and row.outcome != Outcome.UNKNOWN.value:
        raise NotClaimableError(f"Operation {id_} has ended: {row.outcome}.")
    first = next((one for one in of_operation(connection, id_) if one.step == decision.step), None)
    if first is not None:
        raise DecidedError(
            f"Step {first.step!r} of operation {id_} was decided before, "
            f"at {first.at:%Y-%m-%d %H:%M:%S} UTC: {first.said}."
        )
    connection.execute(
        insert(decisions).values(
            operation=id_,
            step=decision.step,
            choice=decision.choice.value,
            reason=kept_text(decision.reason),
            by=_author(connection, seq) if decision.by else "",
            at=decision.at,
        )
    )


def _author(connection: Connection, seq: int) -> str:
    """Who has decided, as the record says: on a team's database that is the session's person."""
    return str(connection.scalar(select(audit.c.person).where(audit.c.seq == seq)))


def of_operation(connection: Connection, operation: str) -> tuple[Decision, ...]:
    """What was decided of an operation's steps, in order of time."""
    query = (
        select(decisions).where(decisions.c.operation == operation).order_by(decisions.c.at, decisions.c.step)
    )
    return tuple(
        Decision(
            operation=row.operation,
            step=row.step,
            choice=Choice(row.choice),
            reason=row.reason,
            by=row.by,
            at=row.at,
        )
        for row in connection.execute(query)
    )
