"""What the owner of a team's database does to the audit log past its guards is found, and named."""

import random
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from operation_values import draft_of
from postgres_server import Server
from sqlalchemy.engine import make_url
from storing import carried_out

from fedesk.domain.audit import Phase
from fedesk.ports.operation_store import Verification
from fedesk.store.postgres_store import PostgresStore

RECORDS = 10


@pytest.fixture
def url(postgres: Server) -> str:
    """A database for its owner: ten records, of which 4 and 5 are an operation's."""
    owned = postgres.owned()
    with closing(PostgresStore(owned)) as store:
        for number in (1, 2, 3):
            store.append(draft_of(Phase.REFUSAL, number))
        carried_out(store, 1)
        for number in range(4, 9):
            store.append(draft_of(Phase.REFUSAL, number))
        assert store.verify(deep=True).flaw is None
    return owned


@pytest.fixture
def owner(postgres: Server, url: str) -> Iterator[psycopg.Connection]:
    address = make_url(url)
    with psycopg.connect(postgres.conninfo(str(address.database), address.username)) as connection:
        connection.autocommit = True
        connection.execute("SET search_path = fedesk, pg_temp")
        yield connection


def verified(url: str, *, deep: bool = False) -> Verification:
    with closing(PostgresStore(url)) as store:
        return store.verify(deep=deep)


def past_the_guards(owner: psycopg.Connection, *statements: str) -> None:
    """Execute with the log's triggers switched off, and on again: nothing of that is left to be seen."""
    with owner.transaction():
        for table in ("audit", "audit_head"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        for statement in statements:
            owner.execute(statement.encode())
        for table in ("audit", "audit_head"):
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET hash = hash",
        "DELETE FROM audit WHERE seq = 10",
        "TRUNCATE audit CASCADE",
        "UPDATE audit_head SET seq = 3",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "INSERT INTO audit (seq, record, hash) SELECT 99, record, hash FROM audit WHERE seq = 1",
    ],
)
def test_the_owner_has_to_switch_the_guards_off_first(owner: psycopg.Connection, statement: str) -> None:
    """A slip of the hand is refused to the owner as well."""
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="only appended to"):
        owner.execute(statement.encode())


FLIP = "UPDATE audit SET record = set_byte(record, {at}, get_byte(record, {at}) # 1) WHERE seq = {seq}"
SAMPLE = 40
"""Bytes that are altered, one at a time."""
ROWS = {
    "bytes of the first": (("UPDATE audit SET record = record || ' '::bytea WHERE seq = 1",), 1),
    "bytes of the last": (("UPDATE audit SET record = record || ' '::bytea WHERE seq = 10",), 10),
    "a byte of a hash": (("UPDATE audit SET hash = set_byte(hash, 31, 7) WHERE seq = 6",), 6),
    "taken out": (("DELETE FROM audit WHERE seq = 7",), 7),
    "the first taken out": (("DELETE FROM audit WHERE seq = 1",), 1),
    "the end cut off": (("DELETE FROM audit WHERE seq > 8",), 9),
    "all taken out": (
        ("UPDATE operations SET audit_intent = NULL, audit_outcome = NULL", "DELETE FROM audit"),
        1,
    ),
    "truncated": (("TRUNCATE audit CASCADE",), 1),
    "changed places": (
        (
            "UPDATE audit SET seq = -2 WHERE seq = 2",
            "UPDATE audit SET seq = 2 WHERE seq = 3",
            "UPDATE audit SET seq = 3 WHERE seq = -2",
        ),
        2,
    ),
    "put in at the end": (
        ("INSERT INTO audit (seq, record, hash) SELECT 11, record, hash FROM audit WHERE seq = 3",),
        11,
    ),
    "put in between": (
        (
            "UPDATE audit SET seq = seq + 1 WHERE seq = 10",
            "INSERT INTO audit (seq, record, hash) SELECT 10, record, hash FROM audit WHERE seq = 9",
        ),
        10,
    ),
    "head set back": (("UPDATE audit_head SET seq = 9",), 10),
    "head moved on": (("UPDATE audit_head SET seq = 11",), 11),
    "another hash in the head": (("UPDATE audit_head SET hash = set_byte(hash, 0, 7)",), 10),
    "no head": (("DELETE FROM audit_head",), 0),
}  # fmt: skip


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", ROWS)
def test_tampering_is_found_and_the_first_bad_record_named(
    url: str, owner: psycopg.Connection, name: str, *, deep: bool
) -> None:
    """Flipped, taken out, cut off, exchanged, put in: the records before it are good."""
    statements, first = ROWS[name]
    past_the_guards(owner, *statements)
    found = verified(url, deep=deep)
    assert found.flaw is not None
    assert found.flaw.seq == first
    assert found.records == max(first - 1, 0) or first == 0


def test_any_byte_of_a_record_counts(url: str, owner: psycopg.Connection) -> None:
    """Flipped where it may be anywhere: the database takes no such JSON, or the record is named."""
    chance = random.Random(20)  # noqa: S311 - a sample
    found = 0
    for _ in range(SAMPLE):
        seq, at = chance.randint(1, RECORDS), chance.randint(0, 380)
        flip = FLIP.format(at=at, seq=seq)
        try:
            past_the_guards(owner, flip)
        except (psycopg.errors.InvalidTextRepresentation, psycopg.errors.CharacterNotInRepertoire):
            continue
        flaw = verified(url).flaw
        assert flaw is not None
        assert flaw.seq == seq
        found += 1
        past_the_guards(owner, flip)
    assert found > SAMPLE / 2
    assert verified(url, deep=True).flaw is None


_ON_ANCHORS = "BEFORE DELETE ON anchors FOR EACH ROW EXECUTE FUNCTION refuse()"
_NEVER = "BEFORE UPDATE ON audit FOR EACH ROW WHEN (false) EXECUTE FUNCTION refuse()"
DEEP = {
    "an operation's plan": (
        "UPDATE operations SET plan = set_byte(plan, 40, get_byte(plan, 40) # 1)",
        "its plan is not the one that was confirmed",
    ),
    "an outcome": (
        "UPDATE operations SET outcome = 'failed'",
        "it ended 'failed', and the log says 'succeeded'",
    ),
    "an operation taken out": (
        "DELETE FROM journal; DELETE FROM operation_reserves; DELETE FROM operations",
        "which is not in the store",
    ),
    "a trigger switched off": (
        "ALTER TABLE audit DISABLE TRIGGER audit_no_update",
        "trigger audit_no_update",
    ),
    "a trigger for replicas alone": (
        "ALTER TABLE audit ENABLE REPLICA TRIGGER audit_no_delete",
        "trigger audit_no_delete",
    ),
    "a trigger taken away": (
        "DROP TRIGGER audit_head_in_order ON audit_head",
        "trigger audit_head_in_order",
    ),
    "a trigger that does less": (
        f"CREATE OR REPLACE TRIGGER audit_no_update {_NEVER}",
        "trigger audit_no_update",
    ),
    "a trigger elsewhere": (
        f"DROP TRIGGER audit_no_delete ON audit; CREATE TRIGGER audit_no_delete {_ON_ANCHORS}",
        "trigger audit_no_delete",
    ),
    "a trigger of another": (
        "CREATE TRIGGER another BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION tell()",
        "trigger another",
    ),
    "a function with another body": (
        "CREATE OR REPLACE FUNCTION author() RETURNS text LANGUAGE sql AS $$ SELECT 'carol' $$",
        "function author",
    ),
    "a guard that refuses nothing": (
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "function refuse",
    ),
    "a function as who calls it": ("ALTER FUNCTION append(json) SECURITY INVOKER", "function append"),
    "a function on another path": ("ALTER FUNCTION append(json) RESET search_path", "function append"),
    "a function beside": (
        "CREATE FUNCTION append(text) RETURNS bigint LANGUAGE sql AS $$ SELECT 1::bigint $$",
        "function append",
    ),
    "a grant on the log": ("GRANT DELETE ON audit TO PUBLIC", "who may write in the log itself: -"),
    "a grant on its head": ("GRANT UPDATE (seq) ON audit_head TO pg_monitor", "log itself: pg_monitor"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_what_stands_beside_the_chain_is_found_by_looking_deeper(
    url: str, owner: psycopg.Connection, name: str
) -> None:
    """Plans, outcomes, triggers, functions and grants: the chain is good, and ``deep`` says what is not."""
    statement, said = DEEP[name]
    owner.execute(statement.encode())
    assert verified(url).flaw is None
    found = verified(url, deep=True)
    assert found.flaw is not None
    assert said in found.flaw.said


def test_a_person_finds_it_as_well(postgres: Server, url: str, owner: psycopg.Connection) -> None:
    """Nobody has to take the owner's word: whoever reads the log can check it, and what guards it."""
    postgres.profile(url, "enforced")
    person = postgres.person(url, "mara")
    assert verified(person, deep=True).flaw is None
    owner.execute("ALTER TABLE audit DISABLE TRIGGER audit_no_update")
    flaw = verified(person, deep=True).flaw
    assert flaw is not None
    assert "trigger audit_no_update" in flaw.said
