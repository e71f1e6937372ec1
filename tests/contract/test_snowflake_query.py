"""A query of the catalogue in the sandbox's Snowflake, and what is not sent to it; connector 4.8 and 5.x."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from raw_server import RawServer, hang
from snowflake_rig import NAME, Account, client, served

from fedesk.clients.snowflake import SnowflakeClient
from fedesk.clients.snowflake_query import as_text, prepared
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import DeadlineError, NotFoundError, NotSentError, ProtocolError, SourceError

TAG = '{"fedesk_operation": "01997c6e-1111-7000-8000-000000000001"}'
ENDPOINT = Endpoint(name=NAME, url="https://finedge.snowflakecomputing.com")


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with served() as found:
        yield found


def reader(account: Account) -> SnowflakeClient:
    return client(account.url, account.reader, deadline=60.0)


def test_the_first_column_of_the_first_row_is_text(account: Account) -> None:
    """Bound values stay values whatever is in them; NULL is None; the statement reads and has its tag."""
    ask = reader(account).scalar
    assert ask("select count(*) from PIPELINE_RUNS where PIPELINE = :p", {"p": "no such"}, tag=TAG) == "0"
    counted = ask("select count(*) from PIPELINE_RUNS", {}, tag=TAG)
    assert counted is not None
    assert int(counted) > 0
    hostile = "x' or '1'='1"
    assert ask("select :value", {"value": hostile}, tag=TAG) == hostile
    assert ask("with A as (select 7 as B) select B from A -- all; of it\n;", {}, tag=TAG) == "7"
    assert ask("select '100%' || :a || '%' /* :no */ || ':a;'", {"a": "b"}, tag=TAG) == "100%b%:a;"
    assert ask("select null", {}, tag=TAG) is None
    history = "select count(*) > 1 from table(INFORMATION_SCHEMA.QUERY_HISTORY()) where QUERY_TAG = :tag"
    assert ask(history, {"tag": TAG}, tag="another") == "true"
    assert ask("select '2026-11-20'::date", {}, tag=TAG) == "2026-11-20"
    with pytest.raises(NotFoundError, match="has no row for"):
        ask("select 1 from PIPELINE_RUNS where 1 = 2", {}, tag=TAG)
    with pytest.raises(ProtocolError, match="has not what the query reads"):
        ask("select 1 from NO_SUCH_TABLE", {}, tag=TAG)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "neither SELECT nor WITH"),
        ("-- select\ndelete from T", "neither SELECT nor WITH"),
        ("selects 1", "neither SELECT nor WITH"),
        ("select 1; drop table T", "more than one statement"),
        ("select 1;;select 2", "more than one statement"),
        ("select 1 ->> insert into T select * from $1", "more than one statement"),
        ("with P as procedure () returns int language sql as $$ delete from T $$ call P()", "by PROCEDURE"),
        ("with A as (select 1) insert into T select * from A", "by INSERT"),
        ("select SYSTEM$CANCEL_QUERY('1')", r"by SYSTEM\$CANCEL_QUERY"),
        ("select 'open", "' in it is never closed"),
        ("select 1 /* open", r"/\* in it is never closed"),
        ("select :other", "it has :other, and what can be bound is :p"),
        ("select 1" + " " * 20_000, "more than 20,000 characters"),
    ],
)
def test_what_is_no_single_query_is_not_sent(query: str, why: str) -> None:
    """Nothing reaches Snowflake, and the sentence says why and where to mend it."""
    with pytest.raises(NotSentError, match=why) as caught:
        prepared(query, {"p": "x"}, ENDPOINT)
    assert "correct the query in the catalogue" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_colons_that_bind_nothing_are_left_alone() -> None:
    """Casts, paths into a VARIANT, and whatever stands in texts and names."""
    query = """select V:a.b::date, "x:p", ':p', V['k']:p, $$:p;$$ from T where D=:p and E = :p"""
    found = prepared(query, {"p": "x"}, ENDPOINT)
    assert found.values == ("x", "x")
    assert found.statement == query.replace("=:p", "=%s").replace("= :p", "= %s")


def test_values_are_told_exactly() -> None:
    """Numbers without an exponent, times as ISO 8601, bytes as digits."""
    assert [as_text(one) for one in (Decimal("1E+3"), Decimal("0.30"), True, b"\x01", 1.5)] == [
        "1000",
        "0.30",
        "true",
        "01",
        "1.5",
    ]


def test_a_query_ends_by_its_deadline(raw_server: RawServer) -> None:
    """A server that accepts and says nothing."""
    with pytest.raises(SourceError) as caught:
        client(raw_server(hang), "x", deadline=0.4).scalar("select 1", {}, tag=TAG)
    assert isinstance(caught.value, DeadlineError)
