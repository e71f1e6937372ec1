"""The page on a team's store, followed line by line on a real server."""

import re
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import psycopg
import pytest
from making import NOW
from operation_values import draft_of
from postgres_server import Server
from psycopg import errors
from sqlalchemy.engine import make_url
from storing import carried_out

from fedesk.domain.audit import Phase
from fedesk.store import migrating, team
from fedesk.store.postgres_store import PostgresStore

PAGE = (Path(__file__).parents[2] / "docs" / "team.md").read_text(encoding="utf-8")
GROUPS = ("fedesk_people", "fedesk_executor")
ROLES = re.compile(r"\b(fedesk_owner|mara)\b")


def test_the_set_up_works_as_it_stands(postgres: Server) -> None:
    """Database, roles, tables, profile and person as the page says; then a desk runs an operation."""
    database = str(make_url(postgres.empty()).database) + "_page"
    for_database, for_person = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    owner, mara = postgres.role(), postgres.role()
    names = {"fedesk_owner": f"{owner}_o", "mara": f"{mara}_m"}
    for statement in (f"{for_database}{for_person}").split(";"):
        words = re.sub(r"DATABASE fedesk\b", f"DATABASE {database}", statement).strip()
        words = ROLES.sub(lambda found: names[found[0]], words)
        # Groups are of the whole server, which other tests share.
        is_group = words.startswith(tuple(f"CREATE ROLE {group} " for group in GROUPS))
        with suppress(errors.DuplicateObject) if is_group else nullcontext():
            if words:
                postgres.admin(words)
    url = postgres.store_url(database, names["fedesk_owner"])
    assert team.migrate(url) is None
    with psycopg.connect(postgres.conninfo(database, names["fedesk_owner"]), autocommit=True) as connection:
        connection.execute(migrating.sql("advisory.sql").encode())
    team.put_person(url, names["mara"], "mara", draft_of(Phase.ACCESS).actor, NOW)
    with closing(PostgresStore(postgres.store_url(database, names["mara"]))) as store:
        carried_out(store)
        assert {one.draft.actor.person for one in store.tail(2)} == {"mara"}
        assert store.verify(deep=True).flaw is None
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres.conninfo(database, postgres.role()))
