"""Following an operation through the sandbox's Snowflake, by query tags and rows; connector 4.8 and 5.x."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from snowflake_rig import Account, client, connect, served

from fedesk.clients.snowflake import SnowflakeClient
from fedesk.domain.traces import Looked, Sought, Trace
from fedesk.ports.errors import ForbiddenError, NotFoundError, SourceError

DAG, RUN = "payments_daily", "scheduled__2026-11-20T00:00:00+00:00"
NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
"""When the world of the account begins; its clock goes on from there."""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with served() as found:
        yield found


def operation() -> str:
    """An id that nobody carries yet."""
    return f"01a1f6d6-1e30-7{uuid.uuid4().hex[:3]}-8def-{uuid.uuid4().hex[:12]}"


def reader(account: Account, database: str = "FINEDGE", schema: str = "OPS", **more: str) -> SnowflakeClient:
    return client(account.url, account.reader, database=database, schema=schema, deadline=60.0, **more)  # type: ignore[arg-type]  # settings are text


def sought(
    of: str, *, ago: timedelta = timedelta(minutes=10), loads: tuple[tuple[str, str], ...] = ()
) -> Sought:
    return Sought(operation=of, since=NOW - ago, loads=loads)


def told(looked: Looked, what: str) -> list[Trace]:
    return [one for one in looked.traces if one.source == f"prod/snowflake {what}"]


def test_a_run_that_was_run_again_is_found_by_row_and_tag(account: Account) -> None:
    """Its row carries the id, its tasks' queries do in their tag, with who ran them and how they ended."""
    name = operation()
    account.clear(DAG, RUN, f"fedesk {name}")
    account.advance(3600)
    found = reader(account).trace(sought(name))
    assert found.limits == ()
    (row,) = told(found, "pipeline_runs")
    assert (row.reference, row.said) == (RUN, "payments_daily / 2026-11-20: failed.")
    queries = told(found, "query history")
    assert queries
    assert queries == sorted(queries, key=lambda one: one.at)
    for one in queries:
        assert one.at >= row.at
        assert one.said.startswith(
            "SELECT by SVC_PAYMENTS on ETL_L with the id in its query tag: FAILED_WITH_ERROR at "
        )
        assert str(uuid.UUID(one.reference)) == one.reference
    assert reader(account).trace(sought(operation())) == Looked()


def test_a_query_of_somebody_with_the_tag_is_found(account: Account) -> None:
    """Whoever sets QUERY_TAG: what ran and what failed are told apart, other tags are not taken for it."""
    name = operation()
    for tag in (name, operation()):
        parameters = {"QUERY_TAG": json.dumps({"fedesk_operation": tag, "run": "by hand"})}
        with connect(account, writer=True, session_parameters=parameters) as connection:
            cursor = connection.cursor()
            cursor.execute("create or replace table FINEDGE_DEV.OPS.TAGGED (n number)")
            with pytest.raises(Exception, match=r"(?i)nothing_like_it"):
                cursor.execute("select * from FINEDGE_DEV.OPS.NOTHING_LIKE_IT")
    found = told(reader(account).trace(sought(name)), "query history")
    assert [one.said.partition(" at ")[0] for one in found] == [
        "CREATE by FEDESK_WRITER on OPS_XS with the id in its query tag: SUCCESS",
        "SELECT by FEDESK_WRITER on OPS_XS with the id in its query tag: FAILED_WITH_ERROR",
    ]


def test_its_own_queries_are_not_of_the_operation(account: Account) -> None:
    """Looking twice finds what looking once found: the statements quote the id, their tag does not."""
    name = operation()
    assert reader(account).trace(sought(name)) == reader(account).trace(sought(name)) == Looked()


def test_a_look_wakes_the_warehouse_for_two_statements(account: Account) -> None:
    """One SELECT for the tags and one for the rows, on the configured warehouse, with fedesk's own tag."""
    reader(account).trace(sought(operation()))
    before = account.warehouses()["OPS_XS"]
    reader(account).trace(sought(operation()))
    after = account.warehouses()["OPS_XS"]
    new = after["statements"][len(before["statements"]) :]
    assert len(new) == 2
    assert set(after["tags"][-2:]) == {'{"fedesk": "read"}'}
    assert "RESULT_LIMIT => 10000" in new[0]
    assert new[1].startswith("select RUN_ID, ")


def four_columns(account: Account, schema: str, columns: str, values: str) -> None:
    with connect(account, writer=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"create schema if not exists FINEDGE_DEV.{schema}")
        cursor.execute(f"create or replace table FINEDGE_DEV.{schema}.PIPELINE_RUNS ({columns})")
        cursor.execute(f"insert into FINEDGE_DEV.{schema}.PIPELINE_RUNS values {values}")  # noqa: S608  (constants)


def test_a_table_without_the_column_is_joined_by_run_id(account: Account) -> None:
    """Said so; by pipeline and run where the table has both; nothing is guessed where no run is known."""
    four_columns(
        account,
        "JOINED",
        "run_id text, pipeline text, start_time timestamp_ntz, status text, rows_loaded number",
        "('r''1', 'ledger_load', '2026-11-20 02:00:00', 'success', 1200), "
        "('r''1', 'fx_rates', '2026-11-20 02:00:00', 'success', 7)",
    )
    joined = reader(account, database="FINEDGE_DEV", schema="JOINED")
    found = joined.trace(sought(operation(), loads=(("ledger_load", "r'1"),)))
    (row,) = told(found, "pipeline_runs")
    assert (row.reference, row.said) == ("r'1", "ledger_load: success, 1,200 rows.")
    assert row.at == datetime(2026, 11, 20, 2, tzinfo=UTC)
    lacking = "prod/snowflake's PIPELINE_RUNS has no column OPERATION_ID: "
    assert found.limits == (f"{lacking}its rows are found by their run id.",)
    unknown = joined.trace(sought(operation()))
    assert unknown == Looked(limits=(f"{lacking}which rows are of the operation cannot be told.",))


def test_a_table_with_four_columns_is_joined_and_doubted(account: Account) -> None:
    """Without a pipeline's name the run id alone finds rows, which may be another pipeline's: said so."""
    four_columns(
        account,
        "FOUR",
        "run_id text, start_time timestamp_ntz, status text, rows_loaded number",
        "('r1', '2026-11-20 02:00:00', 'failed', null), ('r2', '2026-11-20 02:00:00', 'success', 1)",
    )
    pairs = (("ledger_load", "r1"), ("ledger", "r1"))
    found = reader(account, database="FINEDGE_DEV", schema="FOUR").trace(sought(operation(), loads=pairs))
    assert [one.said for one in told(found, "pipeline_runs")] == ["r1: failed."]
    (limit,) = found.limits
    assert limit.endswith("found by their run id, which another pipeline may have as well.")


def test_a_table_that_is_not_there_leaves_the_tags(account: Account) -> None:
    """One of the two that cannot be read is a limit with Snowflake's words; both are an error."""
    found = reader(account, schema="MARTS").trace(sought(operation()))
    assert found.traces == ()
    (limit,) = found.limits
    assert limit.startswith("prod/snowflake has no table PIPELINE_RUNS that the role may read: ")
    with pytest.raises(SourceError) as failed:
        client(account.url, account.reader, warehouse="", schema="MARTS", deadline=60.0).trace(
            sought(operation())
        )
    assert isinstance(failed.value, ForbiddenError | NotFoundError)


def test_an_operation_that_is_older_than_the_history_is_a_limit(account: Account) -> None:
    """The history goes back seven days: what is older has rows alone, and that is said."""
    found = reader(account).trace(sought(operation(), ago=timedelta(days=30)))
    assert found.limits == (
        "prod/snowflake's query history goes back seven days, and the operation is older.",
    )


def test_hostile_text_is_text(account: Account) -> None:
    """Rows are cleaned; a quotation mark in a run id is no end of anything."""
    four_columns(
        account,
        "HOSTILE",
        "run_id text, pipeline text, start_time timestamp_ntz, status text",
        "('x', '[red]\x1b[31m', '2026-11-20 02:00:00', 'a\x1b]0;owned\x07b')",
    )
    hostile = reader(account, database="FINEDGE_DEV", schema="HOSTILE")
    found = hostile.trace(sought(operation(), loads=(("[red]\x1b[31m", "x"), ("'; drop table X; --", "%s"))))
    assert [one.said for one in told(found, "pipeline_runs")] == ["[red]: ab."]
