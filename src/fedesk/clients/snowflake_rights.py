"""What fedesk may do in a Snowflake account, by statements that need no warehouse and change nothing."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from snowflake.connector.errors import Error

from fedesk.clients.measuring import timed
from fedesk.clients.snowflake_errors import is_about_the_connection, words
from fedesk.clients.snowflake_users import describe_statement
from fedesk.clients.wording import quoted
from fedesk.domain import rights
from fedesk.domain.examination import Examination
from fedesk.domain.rights import Grant, Need, Right
from fedesk.domain.text import one_line

Execute = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a statement and gives its rows; raises the connector's Error."""


def examine(execute: Execute, warehouse: str | None, users: tuple[str, ...]) -> Examination:
    """Version, latency, clock and rights.

    ``warehouse`` is the session's, as the login answered; ``users`` those whose keys' ages are shown.
    """
    measured = timed(lambda: execute("select current_version(), current_timestamp()"))
    version, at = measured.answer[0]
    return Examination(
        version=one_line(str(version), 40),
        latency=measured.took,
        ahead=measured.ahead(_aware(at), exact=True),
        rights=(
            _tried(execute, rights.RUNS_SELECT, ("describe table PIPELINE_RUNS",)),
            _of_warehouse(warehouse),
            *([_tried(execute, rights.USERS_DESCRIBE, _describing(users))] if users else ()),
        ),
    )


def _aware(at: object) -> datetime | None:
    if not isinstance(at, datetime):
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _of_warehouse(name: str | None) -> Right:
    """A session whose role may not use its warehouse has none."""
    if name:
        return Right(need=rights.WAREHOUSE_USAGE, grant=Grant.GRANTED)
    return Right(
        need=rights.WAREHOUSE_USAGE, grant=Grant.REFUSED, said="the session has no warehouse; see `warehouse`"
    )


def _describing(users: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, map(describe_statement, users)))


def _tried(execute: Execute, need: Need, statements: Sequence[str]) -> Right:
    """Granted where all statements are; else what Snowflake says to the first that is not."""
    for statement in statements:
        try:
            execute(statement)
        except Error as error:
            grant = Grant.UNKNOWN if is_about_the_connection(error) else Grant.REFUSED
            return Right(need=need, grant=grant, said=f"{statement}: {quoted(words(error))}")
    return Right(need=need, grant=Grant.GRANTED)
