"""``fedesk store``: the state of one person's file, and of a team's PostgreSQL with real login roles."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from command_line import Run
from making import NOW, minutes
from operation_values import draft_of
from postgres_server import Server
from sqlalchemy import select
from sqlalchemy.engine import make_url
from storing import carried_out, claimed, tampered

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome
from fedesk.store import migrating, tables, team
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

Configured = Callable[..., str]
MADE_BY_1 = (Path(__file__).parents[1] / "unit" / "schema_1.sql").read_text()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fedesk.sqlite3"


@pytest.fixture
def configured(tmp_path: Path, path: Path) -> Configured:
    """A configuration file for a store; the file's if no other is named."""

    def write(url: str = "", *, identity: str = "") -> str:
        file = tmp_path / "fedesk.toml"
        lines = [f"[store]\nurl = {json.dumps(url or f'sqlite:///{path}')}"]
        if identity:
            lines.append(f"[identity]\nprincipal = {json.dumps(identity)}")
        file.write_text("\n".join([*lines, "[environments.dev]\nproduction = false"]))
        return str(file)

    return write


@pytest.fixture
def filled(path: Path) -> Path:
    """A file with two operations, an incident's records aside: six records."""
    with closing(SqlStore(path)) as store:
        carried_out(store, 1)
        carried_out(store, 2, Outcome.UNKNOWN)
        for number in (3, 4):
            store.append(draft_of(Phase.REFUSAL, number, reason="Zürich \u202e \x00"))
    return path


@pytest.fixture
def durable(postgres: Server) -> Iterator[Server]:
    """The server as one has it: it waits for its disk."""
    postgres.admin("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()")
    yield postgres
    postgres.admin("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")


Rows = dict[str, list[tuple[object, ...]]]


def content(path: Path) -> Rows:
    """Every row of every table of a file, as it is stored."""
    with closing(sqlite3.connect(path)) as database:
        return {name: _in_order(database.execute(query).fetchall()) for name, query in STORED.items()}


def team_content(server: Server, url: str) -> Rows:
    """The same of a team's database."""
    with psycopg.connect(server.conninfo(str(make_url(url).database))) as connection:
        connection.execute("SET search_path = fedesk")
        return {
            name: _in_order(connection.execute(query.encode()).fetchall()) for name, query in STORED.items()
        }


def _in_order(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted(rows, key=repr)


STORED = {
    table.name: str(select(*(column for column in table.c if column.computed is None)))
    for table in tables.metadata.sorted_tables
    if table is not tables.schema
}
"""What asks for each table, without the columns that a database makes itself."""


def test_migrate_a_file_is_made_once(run: Run, configured: Configured, path: Path) -> None:
    """What it did is said: made, or nothing to do."""
    made = run("store", "migrate", "--config", configured())
    assert (made.code, made.out) == (0, f"{path} was made, with schema {tables.SCHEMA}\n")
    again = run("store", "migrate", "--json", "--config", configured()).document("store-migration")
    assert (again["kind"], again["schema_before"], again["schema_after"]) == (
        "sqlite",
        tables.SCHEMA,
        tables.SCHEMA,
    )


def test_migrate_a_file_of_an_older_fedesk_is_brought_forward(
    run: Run, configured: Configured, path: Path
) -> None:
    """From which form to which."""
    _made_by_schema_1(path)
    ended = run("store", "migrate", "--config", configured())
    assert (ended.code, ended.out) == (0, f"{path} was brought from schema 1 to {tables.SCHEMA}\n")


def test_migrate_not_while_an_operation_lives(run: Run, configured: Configured, path: Path) -> None:
    """Exit code 5: somebody else is at it."""
    with closing(SqlStore(path)) as store:
        store.renew(claimed(store), datetime.now(tz=UTC), minutes(5))
    with closing(sqlite3.connect(path)) as database, database:
        for name in ("decisions", "incident_notes", "incidents", "anchors", "people", "alembic_version"):
            database.execute(f"DROP TABLE {name}")
        database.execute("UPDATE fedesk_schema SET number = 1")
    ended = run("store", "migrate", "--config", configured())
    assert ended.code == 5
    assert "is under way" in ended.err


def test_migrate_a_teams_database_is_made_by_its_owner(
    run: Run, postgres: Server, configured: Configured
) -> None:
    """By --url, without a configuration; the grants are what comes next."""
    url = postgres.empty()
    made = run("store", "migrate", "--url", url)
    assert made.code == 0
    assert f"was made, with schema {tables.SCHEMA}" in made.out
    assert "fedesk store grants" in made.err
    document = run("store", "migrate", "--json", "--config", configured(url)).document("store-migration")
    assert (document["kind"], document["schema_before"]) == ("postgresql", tables.SCHEMA)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--url", "postgresql+psycopg://mara@127.0.0.1:1/fedesk"), 6, "cannot be reached"),
        (("--url", "mysql://db/fedesk"), 2, "takes an address like postgresql+psycopg://"),
        (("--url", "no address"), 2, "takes an address like postgresql+psycopg://"),
        (("--url", "postgresql+psycopg://mara:hunter2@db/fedesk"), 2, "holds a password"),
        (("--credential", "env:X"), 2, "name both"),
        (("--config", "nowhere.toml"), 2, "nowhere.toml"),
    ],
)
def test_migrate_what_cannot_be_migrated(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    """6 where it cannot be reached, 2 where nothing is named that could be."""
    ended = run("store", "migrate", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert "hunter2" not in ended.err


def _made_by_schema_1(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(MADE_BY_1)
        database.execute("INSERT INTO fedesk_schema VALUES (1, 'fedesk 0.1.0', 0)")
        database.execute("INSERT INTO audit_head VALUES (1, 0, ?)", (bytes(32),))


def test_check_as_it_should_be(run: Run, configured: Configured, filled: Path) -> None:
    """Written, read, compared with what fedesk makes; nothing altered but the counter."""
    before = content(filled)
    found = run("store", "check", "--json", "--config", configured()).document("store-check")
    assert (found["ok"], found["writable"], found["schema_found"], found["records"]) == (
        True,
        True,
        tables.SCHEMA,
        6,
    )
    assert (found["store"], found["role"], found["problems"]) == (str(filled), None, [])
    assert content(filled) == before
    text = run("store", "check", "--config", configured())
    assert (text.code, text.err) == (0, "")
    assert found["head"] in text.out


def test_check_one_that_is_not_there_is_not_made(run: Run, configured: Configured, path: Path) -> None:
    """No store yet is nothing wrong."""
    ended = run("store", "check", "--config", configured())
    assert (ended.code, ended.err) == (0, "It is not there yet: the first change makes it.\n")
    assert not path.exists()


def test_check_one_of_an_older_form_is_not_migrated(run: Run, configured: Configured, path: Path) -> None:
    """It is said what the next command will do."""
    _made_by_schema_1(path)
    found = run("store", "check", "--json", "--config", configured()).document("store-check")
    assert (found["ok"], found["schema_found"], found["schema_known"]) == (True, 1, tables.SCHEMA)
    assert f"brings it to {tables.SCHEMA}" in found["notes"][0]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT number FROM fedesk_schema").fetchone() == (1,)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TRIGGER audit_no_update", "not as fedesk makes them: audit_no_update"),
        ("UPDATE fedesk_schema SET number = 9", "was made by a newer fedesk"),
        ("DROP TABLE audit_head", "audit_head"),
    ],
)
def test_check_what_is_wrong_is_exit_6(
    run: Run, configured: Configured, filled: Path, statement: str, said: str
) -> None:
    """A guard that is gone, another version, a table that is gone."""
    with closing(sqlite3.connect(filled)) as database, database:
        database.execute(statement)
    ended = run("store", "check", "--json", "--config", configured())
    assert ended.code == 6
    found = ended.document("store-check")
    assert found["ok"] is False
    assert said in found["problems"][0]


def test_check_one_that_cannot_be_read(run: Run, configured: Configured, path: Path) -> None:
    """A file of something else is named."""
    path.write_bytes(b"not a database at all, and long enough to be looked at" * 40)
    ended = run("store", "check", "--config", configured())
    assert ended.code == 6
    assert "is no SQLite file" in ended.err


@pytest.mark.parametrize("profile", ["advisory", "enforced"])
def test_check_of_a_team_for_a_person(
    run: Run, durable: Server, configured: Configured, profile: str
) -> None:
    """Whom the database takes one for, under which profile, and how far its clock is."""
    url = durable.owned()
    durable.profile(url, profile)
    person = durable.person(url, "mara@finedge.example")
    config = configured(person, identity="mara@finedge.example")
    ended = run("store", "check", "--json", "--config", config)
    found = ended.document("store-check")
    assert (ended.code, found["problems"]) == (0, [])
    assert (found["profile"], found["principal"]) == (profile, "mara@finedge.example")
    assert found["role"] == make_url(person).username
    assert abs(found["clock_ahead"]) < 5
    assert found["latency_ms"] > 0
    assert "who is mara@finedge.example" in run("store", "check", "--config", config).out


def test_check_of_a_team_what_is_wrong_is_exit_6(run: Run, postgres: Server, configured: Configured) -> None:
    """All of it at once: guards, grants, disk, identity and clock, each a sentence."""
    url = postgres.fresh()
    database = str(make_url(url).database)
    postgres.profile(url, "advisory")
    person = postgres.person(url)
    postgres.admin(
        "ALTER TABLE fedesk.audit DISABLE TRIGGER audit_no_delete",
        "REVOKE SELECT ON fedesk.anchors FROM fedesk_people",
        database=database,
    )
    later = datetime.now(tz=UTC) + timedelta(hours=1)
    config = configured(person, identity="carol")
    ended = run("store", "check", "--json", "--config", config, at=later)
    assert ended.code == 6
    said = "\n".join(ended.document("store-check")["problems"])
    for part in (
        "trigger audit_no_delete",
        "may not read anchors",
        "fsync off",
        "identity.principal is carol",
        "3600 s apart",
    ):
        assert part in said


def test_check_of_a_team_one_that_was_not_migrated(
    run: Run, postgres: Server, configured: Configured
) -> None:
    """The command that makes it is named, and nothing is made."""
    ended = run("store", "check", "--json", "--config", configured(postgres.empty()))
    assert ended.code == 6
    assert "fedesk store migrate" in ended.document("store-check")["problems"][0]


def test_backup_of_a_file(run: Run, configured: Configured, filled: Path, tmp_path: Path) -> None:
    """A copy of its own for its owner's eyes, whole and verified, and a store like any other."""
    target = tmp_path / "copy.sqlite3"
    ended = run("store", "backup", "--output", str(target), "--json", "--config", configured())
    found = ended.document("store-backup")
    assert (ended.code, found["records"], found["flaw"]) == (0, 6, None)
    assert found["size_bytes"] == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("copy.sqlite3-*"))
    assert content(target) == content(filled)
    verified = run("audit", "verify", "--deep", "--config", configured(f"sqlite:///{target}"))
    assert verified.code == 0
    assert found["head"] in verified.out


def test_backup_while_it_is_written_to(run: Run, configured: Configured, filled: Path) -> None:
    """The copy is of one moment: its log is whole, however busy the store is."""
    stop = Event()

    def write() -> None:
        with closing(SqlStore(filled)) as store:
            while not stop.is_set():
                store.append(draft_of(Phase.ACCESS))

    writer = Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            target = filled.with_name(f"copy-{number}.sqlite3")
            assert run("store", "backup", "--output", str(target), "--config", configured()).code == 0
            with closing(SqlStore(target)) as store:
                assert store.verify(deep=True).flaw is None
    finally:
        stop.set()
        writer.join()


def test_backup_never_over_a_file(run: Run, configured: Configured, filled: Path, tmp_path: Path) -> None:
    """What is there stays: a file, a link that leads nowhere, the store itself."""
    target, link = tmp_path / "kept", tmp_path / "link"
    target.write_text("kept")
    link.symlink_to(tmp_path / "nowhere")
    for there in (target, link, filled):
        ended = run("store", "backup", "--output", str(there), "--config", configured())
        assert (ended.code, ended.err) == (2, f"{there} is there already; name another\n")
    assert target.read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


def test_backup_where_it_cannot_be_written(run: Run, configured: Configured, filled: Path) -> None:
    """One sentence, and no half of a file."""
    target = filled.parent / "no" / "copy.sqlite3"
    ended = run("store", "backup", "--output", str(target), "--config", configured())
    assert (ended.code, ended.err) == (1, f"{target} could not be written: No such file or directory\n")


def test_backup_of_nothing(run: Run, configured: Configured, tmp_path: Path) -> None:
    """Where there is no store there is nothing to keep, and no empty file that looks like a backup."""
    target = tmp_path / "copy.sqlite3"
    ended = run("store", "backup", "--output", str(target), "--config", configured())
    assert ended.code == 1
    assert "is not there yet" in ended.err
    assert not target.exists()


def test_backup_of_a_log_that_was_altered(
    run: Run, configured: Configured, filled: Path, tmp_path: Path
) -> None:
    """The evidence is kept as it is, and the exit code says that it is no good log."""
    tampered(filled, "UPDATE audit SET hash = zeroblob(32) WHERE seq = 4")
    target = tmp_path / "copy.sqlite3"
    ended = run("store", "backup", "--output", str(target), "--json", "--config", configured())
    assert ended.code == 1
    assert ended.document("store-backup")["flaw"]["seq"] == 4
    assert content(target) == content(filled)


def test_backup_of_an_older_form(run: Run, configured: Configured, path: Path, tmp_path: Path) -> None:
    """Before one migrates: the store is not, and neither is the copy."""
    _made_by_schema_1(path)
    target = tmp_path / "copy.sqlite3"
    assert run("store", "backup", "--output", str(target), "--config", configured()).code == 0
    for one in (path, target):
        with closing(sqlite3.connect(one)) as database:
            assert database.execute("SELECT number FROM fedesk_schema").fetchone() == (1,)


def test_backup_of_a_team(run: Run, postgres: Server, configured: Configured, tmp_path: Path) -> None:
    """A person makes a file of it, whose log is byte for byte the team's, and can be verified anywhere."""
    url = postgres.fresh()
    with closing(PostgresStore(url)) as store:
        carried_out(store)
        store.append(draft_of(Phase.ACCESS, 2, reason="Zürich \u202e"))
    postgres.profile(url, "enforced")
    config, target = configured(postgres.person(url, "mara")), tmp_path / "team.sqlite3"
    ended = run("store", "backup", "--output", str(target), "--json", "--config", config)
    found = ended.document("store-backup")
    assert (ended.code, found["kind"], found["records"], found["flaw"]) == (0, "postgresql", 4, None)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.glob("team*")] == ["team.sqlite3"]
    assert content(target) == team_content(postgres, url)


def test_backup_of_a_team_that_cannot_be_reached(run: Run, configured: Configured, tmp_path: Path) -> None:
    """Nothing is left that could be taken for a backup."""
    config = configured("postgresql+psycopg://mara@127.0.0.1:1/fedesk")
    target = tmp_path / "team.sqlite3"
    assert run("store", "backup", "--output", str(target), "--config", config).code == 6
    assert not list(tmp_path.glob("team*"))


def test_copy_a_desk_moves_to_a_team(
    run: Run, postgres: Server, configured: Configured, filled: Path
) -> None:
    """Every row as it was, the log byte for byte, and a record of it behind it on both sides."""
    before, url = content(filled), postgres.owned()
    ended = run("store", "copy", "--to", url, "--json", "--config", configured())
    found = ended.document("store-copy")
    assert (ended.code, found["records"], found["recorded"]) == (0, 6, 7)
    assert "store" in ended.err
    after = team_content(postgres, url)
    for name in set(before) - {"audit", "audit_head"}:
        assert after[name] == before[name], name
    assert after["audit"][:6] == before["audit"]
    with closing(PostgresStore(url)) as store, closing(SqlStore(filled)) as file:
        assert store.verify(deep=True).records == file.verify(deep=True).records == 7
        (here,), (there,) = file.tail(1), store.tail(1)
        assert (here.draft.action, here.draft.phase) == ("store-copy", Phase.CONFIGURATION)
        assert (there.draft.action, there.draft.phase) == ("store-copy", Phase.CONFIGURATION)
        assert found["head"] in here.draft.result
        assert there.draft.actor.person == make_url(url).username
        # What ended unknown is still held there.
        assert [one.outcome for one in store.open_operations()] == [Outcome.UNKNOWN]
        carried_out(store, 9, reserves=("elsewhere",))


def test_copy_not_twice(run: Run, postgres: Server, configured: Configured, filled: Path) -> None:
    """A database with a state of its own takes no other, and keeps what it has."""
    url = postgres.owned()
    assert run("store", "copy", "--to", url, "--config", configured()).code == 0
    before = team_content(postgres, url)
    again = run("store", "copy", "--to", url, "--config", configured())
    assert again.code == 6
    assert "has a state of its own already" in again.err
    assert team_content(postgres, url) == before
    with closing(SqlStore(filled)) as file:
        assert file.verify(deep=True).records == 7


def test_copy_not_while_an_operation_lives(
    run: Run, postgres: Server, configured: Configured, path: Path
) -> None:
    """Its process would go on in the file: exit code 5, and nothing is there."""
    with closing(SqlStore(path)) as store:
        lease = claimed(store)
    url = postgres.owned()
    ended = run("store", "copy", "--to", url, "--config", configured(), at=NOW)
    assert ended.code == 5
    assert f"while operation {lease.operation} is under way" in ended.err
    assert team_content(postgres, url)["operations"] == []


def test_copy_not_a_log_that_was_altered(
    run: Run, postgres: Server, configured: Configured, filled: Path
) -> None:
    """Verified before: exit code 1 with the first bad record, and nothing is there."""
    tampered(filled, "UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 5")
    url = postgres.owned()
    ended = run("store", "copy", "--to", url, "--config", configured())
    assert ended.code == 1
    assert "record 5" in ended.err
    assert team_content(postgres, url)["audit"] == []


def test_copy_not_into_a_database_whose_guards_are_off(
    run: Run, postgres: Server, configured: Configured, filled: Path
) -> None:
    """Verified after, before anything is committed there."""
    url = postgres.owned()
    postgres.admin(
        "ALTER TABLE fedesk.audit DISABLE TRIGGER audit_no_delete", database=str(make_url(url).database)
    )
    ended = run("store", "copy", "--to", url, "--config", configured())
    assert ended.code == 1
    assert "trigger audit_no_delete" in ended.err
    assert team_content(postgres, url)["audit"] == []
    with closing(SqlStore(filled)) as file:
        assert len(file.tail(99)) == 6


def test_copy_not_by_a_person(run: Run, postgres: Server, configured: Configured, filled: Path) -> None:
    """Whoever could write other people's records could forge them: the owner alone."""
    url = postgres.owned()
    postgres.profile(url, "advisory")
    ended = run("store", "copy", "--to", postgres.person(url, "mara"), "--config", configured())
    assert ended.code == 6
    assert "does not let your role do this" in ended.err
    assert team_content(postgres, url)["audit"] == []
    with closing(SqlStore(filled)) as file:
        assert len(file.tail(99)) == 6


def test_copy_a_backup_of_a_team_is_put_into_a_new_database(
    run: Run, postgres: Server, configured: Configured, tmp_path: Path
) -> None:
    """There and back: what a team had, people included, is there again."""
    url, target = postgres.owned(), tmp_path / "team.sqlite3"
    with closing(PostgresStore(url)) as store:
        carried_out(store)
    team.put_person(url, str(make_url(url).username), "olga", draft_of(Phase.ACCESS).actor, NOW)
    assert run("store", "backup", "--output", str(target), "--config", configured(url)).code == 0
    kept, new = content(target), postgres.owned()
    ended = run("store", "copy", "--to", new, "--config", configured(f"sqlite:///{target}"))
    assert ended.code == 0, ended.err
    after = team_content(postgres, new)
    assert after["people"] == kept["people"] == [(make_url(url).username, "olga")]
    assert after["audit"][: len(kept["audit"])] == kept["audit"]
    with closing(PostgresStore(new)) as store:
        assert store.verify(deep=True).flaw is None


def test_copy_there_has_to_be_something_to_copy(
    run: Run, postgres: Server, configured: Configured, path: Path
) -> None:
    """No file is exit 1 and none is made; a team's state is no file, exit 2."""
    url = postgres.owned()
    ended = run("store", "copy", "--to", url, "--config", configured())
    assert (ended.code, ended.err) == (1, f"{path} is not there yet: the first change makes it\n")
    assert not path.exists()
    assert run("store", "copy", "--to", url, "--config", configured(url)).code == 2


@pytest.mark.parametrize("profile", ["advisory", "enforced"])
def test_grants_the_file_is_printed_as_it_is(run: Run, profile: str) -> None:
    """For psql; no configuration and no database is asked."""
    text = migrating.sql(f"{profile}.sql")
    assert run("store", "grants", profile).out == text
    document = run("store", "grants", profile, "--json").document("store-grants")
    assert (document["profile"], document["sql"]) == (profile, text)
    assert run("store", "grants", "none").code == 2


def test_grants_who_is_behind_a_role(run: Run, postgres: Server, configured: Configured) -> None:
    """Said once, and again with who it was before; a file has no roles."""
    url = postgres.owned()
    role = postgres.role()
    said = run("store", "person", role, "mara", "--url", url)
    assert (said.code, said.out) == (0, f"role {role} is mara\n")
    again = run("store", "person", role, "mara@finedge.example", "--json", "--config", configured(url))
    assert again.document("store-person")["before"] == "mara"
    assert run("store", "person", "nobody", "mara", "--url", url).code == 6
    assert run("store", "person", role, " ", "--url", url).code == 2
    ended = run("store", "person", role, "mara", "--config", configured())
    assert ended.code == 2
    assert "--url names" in ended.err
