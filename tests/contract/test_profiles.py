"""The grant profiles, as the database has them when they were applied: who may write what."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from making import NOW
from operation_values import draft_of
from postgres_server import Server
from sqlalchemy.engine import make_url
from storing import LASTS, claimed

from fedesk.domain.audit import Phase
from fedesk.ports.operation_store import StoreError
from fedesk.store import migrating, tables
from fedesk.store.postgres_store import PostgresStore

SUBMITTED = "operation kind environment digest plan guards confirmation confirmed_at"
RUN = (
    "stage outcome said ended_at owner_host owner_boot owner_pid owner_started lease_until fence "
    "audit_intent audit_outcome"
)
OPENED = "incident environment title opened_at opened_by opened_record closed_by summary"
CLOSED = "closed_at closed_by closed_record summary"
STOPPED = "stop kind service digest environment reason at by record operation"
PROPOSING = {
    "fedesk_schema": {"UPDATE": "checks"},
    "operations": {"INSERT": SUBMITTED},
    "operation_reserves": {"INSERT": "*"},
    "decisions": {"INSERT": "*"},
    "incidents": {"INSERT": OPENED, "UPDATE": CLOSED},
    "incident_notes": {"INSERT": "*"},
    "approvals": {"INSERT": "*"},
    "marks": {"INSERT": "*"},
    "reviews": {"INSERT": "*"},
    "release_stops": {"INSERT": STOPPED},
}
"""Columns that one who proposes may write, by table and right; ``*`` is the whole row."""
EXECUTING = {
    **PROPOSING,
    "operations": {"INSERT": SUBMITTED, "UPDATE": RUN},
    "reservations": {"INSERT": "*", "DELETE": "*"},
    "journal": {"INSERT": "*"},
    "anchors": {"INSERT": "*", "UPDATE": "*"},
    "used_nonces": {"INSERT": "*"},
    "windows": {"INSERT": "*", "UPDATE": "closed_at closed_by closed_record closed_why"},
    "release_stops": {"INSERT": "*", "UPDATE": "closed_at closed_by closed_record closed_why"},
    "outbox": {"INSERT": "*", "UPDATE": "*", "DELETE": "*"},
    "leaders": {"INSERT": "*", "UPDATE": "*", "DELETE": "*"},
}
CALLED = {"append", "author", "moment"}
CALLED_BY_RUNNERS = CALLED | {"claim", "write", "finish", "whole", "note", "held", "recorded"}
PROFILES = {
    ("advisory", "fedesk_people"): (EXECUTING, CALLED_BY_RUNNERS),
    ("advisory", "fedesk_executor"): (EXECUTING, CALLED_BY_RUNNERS),
    ("enforced", "fedesk_people"): (PROPOSING, CALLED),
    ("enforced", "fedesk_executor"): (EXECUTING, CALLED_BY_RUNNERS),
}
TABLE_RIGHTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
COLUMN_RIGHTS = ("INSERT", "UPDATE", "REFERENCES")


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.fresh()


def database_of(url: str) -> str:
    return str(make_url(url).database)


@pytest.fixture
def connection(postgres: Server, url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.conninfo(database_of(url)), autocommit=True) as connected:
        connected.execute("SET search_path = fedesk, pg_temp")
        yield connected


def rights(connection: psycopg.Connection, role: str) -> dict[str, dict[str, str]]:
    """What a role may do beside reading, by table and right, in the words of the tables above."""
    found: dict[str, dict[str, str]] = {}
    for table in tables.metadata.tables.values():
        asked = "SELECT has_table_privilege(%s, %s, %s)"
        whole = {one: "*" for one in TABLE_RIGHTS if _told(connection, asked, role, table.name, one)}
        asked = "SELECT has_column_privilege(%s, %s, %s, %s)"
        for right in COLUMN_RIGHTS:
            columns = [c.name for c in table.c if _told(connection, asked, role, table.name, c.name, right)]
            if columns and right not in whole:
                whole[right] = " ".join(columns)
        if whole:
            found[table.name] = whole
    return found


def _told(connection: psycopg.Connection, query: str, *values: str) -> bool:
    (answer,) = connection.execute(query.encode(), values).fetchone() or (False,)
    return bool(answer)


def sorted_columns(table: dict[str, dict[str, str]]) -> dict[str, dict[str, list[str]]]:
    return {
        name: {right: sorted(columns.split()) for right, columns in by_right.items()}
        for name, by_right in table.items()
    }


@pytest.mark.parametrize(("profile", "group"), PROFILES)
def test_a_profile_gives_exactly_this(
    postgres: Server, url: str, connection: psycopg.Connection, profile: str, group: str
) -> None:
    """Tables, columns and functions of each group, whatever was given before; nothing to everybody."""
    writes, calls = PROFILES[profile, group]
    other = "advisory" if profile == "enforced" else "enforced"
    connection.execute("GRANT ALL ON audit, audit_head, people TO PUBLIC")
    for name in (profile, other, profile):
        postgres.profile(url, name)
    assert sorted_columns(rights(connection, group)) == sorted_columns(writes)
    called = {name for name in migrating.functions() if _may_call(connection, group, name)}
    assert called == calls
    assert not _told(connection, "SELECT has_schema_privilege(%s, 'fedesk', 'CREATE')", group)
    everybody = postgres.role()
    assert rights(connection, everybody) == {}
    assert not _told(connection, "SELECT has_schema_privilege(%s, 'fedesk', 'USAGE')", everybody)


def _may_call(connection: psycopg.Connection, role: str, function: str) -> bool:
    query = (
        "SELECT bool_or(has_function_privilege(%s, oid, 'EXECUTE')) FROM pg_proc "
        "WHERE pronamespace = 'fedesk'::regnamespace AND proname = %s"
    )
    return _told(connection, query, role, function)


@pytest.mark.parametrize("profile", ["advisory", "enforced"])
def test_each_table_is_in_each_profile(
    postgres: Server, url: str, connection: psycopg.Connection, profile: str
) -> None:
    """A new table has to be thought of: until it is, nobody may read it, and this fails."""
    postgres.profile(url, profile)
    for group in ("fedesk_people", "fedesk_executor"):
        for table in tables.metadata.tables:
            assert _told(connection, "SELECT has_table_privilege(%s, %s, 'SELECT')", group, table), table
    named = set(re.findall(r"\w+", migrating.sql(f"{profile}.sql")))
    assert set(tables.metadata.tables) <= named


def test_a_switch_of_the_profile_is_on_the_record(postgres: Server, url: str) -> None:
    """Once for each switch; applying the same again changes and records nothing."""
    for name in ("advisory", "enforced", "enforced", "advisory"):
        postgres.profile(url, name)
    with closing(PostgresStore(url)) as store:
        assert [(one.draft.action, one.draft.phase, one.draft.result) for one in store.tail(9)] == [
            ("store-grants", Phase.CONFIGURATION, "enforced"),
            ("store-grants", Phase.CONFIGURATION, "advisory"),
        ]
        assert store.verify(deep=True).flaw is None


def test_it_is_not_enforced_under_a_living_operation(postgres: Server, url: str) -> None:
    """A process that has sent something could not write it down: the switch waits, and says so."""
    postgres.profile(url, "advisory")
    with closing(PostgresStore(postgres.person(url, "mara"))) as store:
        lease = claimed(store)
        with pytest.raises(psycopg.errors.RaiseException, match="an operation is under way"):
            postgres.profile(url, "enforced")
        store.renew(lease, NOW, timedelta())
        postgres.profile(url, "enforced")
        with pytest.raises(StoreError, match="does not let your role do this"):
            store.renew(lease, NOW, LASTS)


def test_psql_applies_the_files_as_they_stand(postgres: Server, url: str) -> None:
    """By the pipe that the files themselves name."""
    for name in ("advisory", "enforced", "advisory"):
        subprocess.run(
            [postgres.psql, "-v", "ON_ERROR_STOP=1", "-q", "-d", postgres.conninfo(database_of(url))],
            input=migrating.sql(f"{name}.sql").encode(),
            check=True,
            capture_output=True,
        )
    with closing(PostgresStore(postgres.person(url, "mara"))) as store:
        store.append(draft_of(Phase.ACCESS))
        assert len(store.tail(9)) == 3


def test_an_owner_who_may_create_no_roles(postgres: Server, url: str) -> None:
    """The groups have to be there; where they are not, what to have run is said, and nothing is done."""
    postgres.profile(url, "advisory")
    owned = make_url(postgres.owned())
    with psycopg.connect(postgres.conninfo(database_of(str(owned)), owned.username)) as connected:
        connected.autocommit = True
        absent = migrating.sql("enforced.sql").replace("fedesk_people", "fedesk_absent")
        with pytest.raises(psycopg.errors.RaiseException, match="CREATE ROLE fedesk_absent NOLOGIN"):
            connected.execute(absent.encode())
        connected.rollback()
        connected.execute(migrating.sql("enforced.sql").encode())
    with closing(PostgresStore(str(owned))) as store:
        assert [one.draft.actor.person for one in store.tail(9)] == [owned.username]
        assert store.verify(deep=True).flaw is None
