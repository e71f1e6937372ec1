"""A team's database is made and migrated by hand, once, and never under a living operation."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import psycopg
import pytest
from making import NOW, minutes
from operation_values import draft_of
from postgres_server import Server
from sqlalchemy.engine import make_url
from storing import claimed

from fedesk.domain.audit import Phase
from fedesk.ports.operation_store import SchemaError, StoreError, StoreUnavailableError, UnderWayError
from fedesk.store import tables, team
from fedesk.store.postgres_store import PostgresStore

Altered = Callable[[str, str], None]


@pytest.fixture
def altered(postgres: Server) -> Altered:
    """Executes something in the database of an address."""

    def alter(url: str, statement: str) -> None:
        postgres.admin(statement, database=str(make_url(url).database))

    return alter


def test_made_once(postgres: Server) -> None:
    """The first time the tables are made; after that there is nothing to do."""
    url = postgres.empty()
    assert team.migrate(url) is None
    assert team.migrate(url) == tables.SCHEMA
    with closing(PostgresStore(url)) as store:
        store.append(draft_of(Phase.ACCESS))
        assert store.verify(deep=True).records == 1


def test_two_at_once_make_one(postgres: Server) -> None:
    """The second waits for the first, and finds it done."""
    url, ready = postgres.empty(), Barrier(4)

    def migrate(_: int) -> int | None:
        ready.wait(10)
        return team.migrate(url)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(migrate, range(4)))
    assert sorted(found, key=str) == [tables.SCHEMA] * 3 + [None]
    with closing(PostgresStore(url)) as store:
        assert store.verify(deep=True).flaw is None


def test_what_was_not_migrated_says_who_does_it(postgres: Server) -> None:
    """Reading and writing alike: one sentence with the command; nothing is made on the way."""
    with closing(PostgresStore(postgres.empty())) as store:
        for attempt in (store.operations, store.check, lambda: store.append(draft_of(Phase.ACCESS))):
            with pytest.raises(SchemaError, match="Whoever looks after it runs `fedesk store migrate`"):
                attempt()


def test_a_role_that_was_given_nothing_is_told_so(postgres: Server) -> None:
    """One that may not even look into the schema: it is not the tables that are missing."""
    url = postgres.fresh()
    postgres.profile(url, "advisory")
    stranger = str(make_url(url).set(username=postgres.role()))
    with closing(PostgresStore(stranger)) as store, pytest.raises(SchemaError, match="fedesk_people"):
        store.operations()


def test_a_newer_schema_is_refused(postgres: Server, altered: Altered) -> None:
    """By whoever reads, whoever writes and whoever migrates: an older program does not guess."""
    url = postgres.fresh()
    altered(url, "UPDATE fedesk.fedesk_schema SET number = number + 1")
    with closing(PostgresStore(url)) as store:
        for attempt in (store.operations, store.check, lambda: team.migrate(url)):
            with pytest.raises(
                SchemaError,
                match=rf"by a newer fedesk: its schema is {tables.SCHEMA + 1}, .*Use the newer fedesk",
            ):
                attempt()


def test_an_older_schema_waits_for_its_owner(postgres: Server, altered: Altered) -> None:
    """A desk does not migrate what others share."""
    url = postgres.fresh()
    altered(url, "UPDATE fedesk.fedesk_schema SET number = 1")
    said = f"has schema 1, and this fedesk needs {tables.SCHEMA}"
    with closing(PostgresStore(url)) as store, pytest.raises(SchemaError, match=said):
        store.operations()


def test_an_older_database_becomes_one_of_today(postgres: Server, altered: Altered) -> None:
    """What schema 2 lacks is added, with its guards; functions take the place of the old ones."""
    url = postgres.fresh()
    with closing(PostgresStore(url)) as store:
        store.append(draft_of(Phase.ACCESS))
    for name in (
        "used_nonces",
        "approvals",
        "windows",
        "marks",
        "outbox",
        "leaders",
        "reviews",
        "release_stops",
    ):
        altered(url, f"DROP TABLE fedesk.{name}")
    altered(url, "CREATE OR REPLACE FUNCTION fedesk.author() RETURNS text LANGUAGE sql AS $$ SELECT 'old' $$")
    altered(
        url,
        "UPDATE fedesk.fedesk_schema SET number = 2; UPDATE fedesk.alembic_version SET version_num = '0002'",
    )
    assert team.migrate(url) == 2
    with closing(PostgresStore(url)) as store:
        assert store.verify(deep=True).flaw is None
        assert store.verify(deep=True).records == 1
        claimed(store)


def test_never_while_an_operation_lives(postgres: Server, altered: Altered) -> None:
    """By the database's clock: its process writes by the tables as they were. Nothing is done."""
    url = postgres.fresh()
    with closing(PostgresStore(url)) as store:
        lease = claimed(store)
        altered(url, "UPDATE fedesk.fedesk_schema SET number = 1")
        with pytest.raises(UnderWayError, match=f"while operation {lease.operation} is under way"):
            team.migrate(url)
        altered(url, f"UPDATE fedesk.fedesk_schema SET number = {tables.SCHEMA}")  # noqa: S608 - a number
        store.renew(lease, NOW, -minutes(5))
        altered(url, "UPDATE fedesk.fedesk_schema SET number = 1")
    # Its lease is over. The steps that Alembic has on its list were done: the number alone was set back.
    assert team.migrate(url) == 1
    assert team.migrate(url) == tables.SCHEMA


def test_a_role_that_may_make_nothing(postgres: Server) -> None:
    """A person cannot migrate, and is told what is missing."""
    url = make_url(postgres.empty()).set(username=postgres.role())
    with pytest.raises(StoreError, match="does not let your role do this: permission denied for database"):
        team.migrate(str(url))


def test_a_database_in_another_encoding(postgres: Server) -> None:
    """Bytes that are hashed are UTF-8: a database of another encoding is refused before anything is made."""
    name = str(make_url(postgres.empty()).database) + "_latin"
    postgres.admin(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(SchemaError, match="not encoded in UTF-8"):
        team.migrate(postgres.store_url(name))


def test_a_server_that_is_not_there() -> None:
    """Exit 6 of the command: one sentence, and where."""
    with pytest.raises(
        StoreUnavailableError, match=r"postgresql://mara@127\.0\.0\.1:1/fedesk cannot be reached"
    ):
        team.migrate("postgresql+psycopg://mara@127.0.0.1:1/fedesk")


def test_who_is_behind_a_role(postgres: Server) -> None:
    """Said by the owner, on the record, with who was behind it before; saying it again changes nothing."""
    url = postgres.owned()
    postgres.profile(url, "enforced")
    person, actor = make_url(postgres.person(url)), draft_of(Phase.ACCESS).actor
    role = str(person.username)
    for principal, before in (
        ("mara", None),
        ("mara@finedge.example", "mara"),
        ("mara@finedge.example",) * 2,
    ):
        assert team.put_person(url, role, principal, actor, NOW) == before
    with closing(PostgresStore(str(person))) as store:
        store.append(draft_of(Phase.ACCESS))
        *_, first, second, last = store.tail(9)
        assert (first.draft.target, first.draft.result) == (role, "mara")
        assert second.draft.result == "mara@finedge.example, before: mara"
        assert last.draft.actor.person == "mara@finedge.example"
    with pytest.raises(StoreError, match="does not let your role do this"):
        team.put_person(str(person), role, "carol", actor, NOW)
    with pytest.raises(StoreError, match="has no role 'nobody'"):
        team.put_person(url, "nobody", "carol", actor, NOW)


def test_an_owner_finds_the_whole_schema_theirs(postgres: Server) -> None:
    """Whoever migrates owns schema, tables and functions, and needs to be no superuser."""
    url = make_url(postgres.owned())
    with psycopg.connect(postgres.conninfo(str(url.database))) as connection:
        query = (
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'fedesk'::regnamespace"
            " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'fedesk'::regnamespace"
        )
        assert connection.execute(query.encode()).fetchall() == [(url.username,)]
