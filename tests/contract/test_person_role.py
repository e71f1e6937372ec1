"""What a person's own login role can do to a team's database, in each profile: with psql, past every desk."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import NOW
from operation_values import OWNER, draft_of, operation_id
from postgres_server import Server
from psycopg import errors
from sqlalchemy.engine import make_url
from storing import LASTS, carried_out, claimed, entry, submission, told

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.audit_chain import canonical_flaw, record_bytes
from fedesk.domain.operations import Outcome, StepState
from fedesk.ports.operation_store import StoreError
from fedesk.store.postgres_store import PostgresStore

PROFILES = ("advisory", "enforced")
Connected = Callable[..., psycopg.Connection]


@pytest.fixture(params=PROFILES)
def url(request: pytest.FixtureRequest, postgres: Server) -> str:
    """A team's database in each profile, with an operation that its owner has carried out."""
    team = postgres.owned()
    with closing(PostgresStore(team)) as store:
        carried_out(store)
        store.append(draft_of(Phase.ACCESS, 2))
    postgres.profile(team, request.param)
    return team


@pytest.fixture
def connect(postgres: Server, url: str) -> Iterator[Connected]:
    """A connection of a person's own, as psql makes one; each of another person."""
    opened: list[psycopg.Connection] = []

    def connect_it(group: str = "fedesk_people", principal: str = "") -> psycopg.Connection:
        address = make_url(postgres.person(url, principal, group=group))
        opened.append(psycopg.connect(postgres.conninfo(str(address.database), address.username)))
        opened[-1].autocommit = True
        return opened[-1]

    yield connect_it
    for connection in opened:
        connection.close()


@pytest.fixture
def person(connect: Connected) -> psycopg.Connection:
    return connect()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """The same database, for its owner's desk."""
    with closing(PostgresStore(url)) as opened:
        yield opened


def log_of(url: str) -> tuple[AuditRecord, ...]:
    """The whole audit log, which is as it should be."""
    with closing(PostgresStore(url)) as store:
        assert store.verify(deep=True).flaw is None
        return store.tail(1_000)


def written(draft: dict[str, object] | str | bytes) -> tuple[bytes, tuple[str]]:
    text = json.dumps(draft) if isinstance(draft, dict) else draft
    return b"SELECT fedesk.append(%s::json)", (text if isinstance(text, str) else text.decode(),)


def access(**other: object) -> dict[str, object]:
    """A draft as a desk sends it."""
    draft: dict[str, object] = json.loads(record_bytes(draft_of(Phase.ACCESS), 0))
    return draft | other


FORBIDDEN = (
    "UPDATE fedesk.audit SET record = record",
    "UPDATE fedesk.audit SET hash = hash WHERE seq = 1",
    "DELETE FROM fedesk.audit",
    "TRUNCATE fedesk.audit CASCADE",
    "INSERT INTO fedesk.audit (seq, record, hash) SELECT 9, record, hash FROM fedesk.audit WHERE seq = 1",
    "INSERT INTO fedesk.audit (seq, record, hash) VALUES (4, '', '') ON CONFLICT DO NOTHING",
    "MERGE INTO fedesk.audit USING fedesk.audit_head ON audit.seq = audit_head.seq WHEN MATCHED THEN DELETE",
    "COPY fedesk.audit (seq, record, hash) FROM STDIN",
    "WITH gone AS (DELETE FROM fedesk.audit RETURNING seq) SELECT count(*) FROM gone",
    "SELECT * FROM fedesk.audit FOR UPDATE",
    "LOCK TABLE fedesk.audit IN ROW EXCLUSIVE MODE",
    "UPDATE fedesk.audit_head SET seq = seq + 1",
    "UPDATE fedesk.audit_head SET hash = hash",
    "INSERT INTO fedesk.audit_head VALUES (1, 0, ''::bytea)",
    "DELETE FROM fedesk.audit_head",
    "TRUNCATE fedesk.audit_head",
    "SELECT * FROM fedesk.audit_head FOR SHARE",
    "LOCK TABLE fedesk.audit_head IN ROW EXCLUSIVE MODE",
    "CREATE TEMP VIEW mine AS SELECT * FROM fedesk.audit; UPDATE mine SET seq = 9",
    "CREATE TRIGGER mine BEFORE INSERT ON fedesk.audit FOR EACH ROW EXECUTE FUNCTION fedesk.tell()",
    "CREATE RULE mine AS ON INSERT TO fedesk.audit DO INSTEAD NOTHING",
    "ALTER TABLE fedesk.audit DISABLE TRIGGER ALL",
    "ALTER TABLE fedesk.audit OWNER TO CURRENT_USER",
    "ALTER TABLE fedesk.audit ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE fedesk.audit ADD COLUMN mine text",
    "DROP TABLE fedesk.audit CASCADE",
    "DROP SCHEMA fedesk CASCADE",
    "DROP TRIGGER audit_no_update ON fedesk.audit",
    "ALTER FUNCTION fedesk.append(json) SECURITY INVOKER",
    "ALTER FUNCTION fedesk.append(json) SET search_path = pg_temp, fedesk",
    "CREATE OR REPLACE FUNCTION fedesk.author() RETURNS text LANGUAGE sql AS $$ SELECT 'carol' $$",
    "CREATE FUNCTION fedesk.mine() RETURNS text LANGUAGE sql AS $$ SELECT 'carol' $$",
    "CREATE TABLE fedesk.mine (id int)",
    "GRANT UPDATE ON fedesk.audit TO CURRENT_USER; UPDATE fedesk.audit SET hash = hash",
    "GRANT fedesk_executor TO CURRENT_USER",
    "GRANT ALL ON SCHEMA fedesk TO CURRENT_USER; CREATE TABLE fedesk.mine (id int)",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE carol",
    "SET session_replication_role = replica",
    "SET allow_system_table_mods = on",
    "SET SESSION AUTHORIZATION postgres",
    "SET ROLE postgres",
    "UPDATE pg_catalog.pg_proc SET prosecdef = false WHERE proname = 'append'",
    "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D'",
    "INSERT INTO fedesk.people VALUES (session_user, 'carol')",
    "UPDATE fedesk.people SET principal = 'carol'",
    "DELETE FROM fedesk.people",
    "UPDATE fedesk.fedesk_schema SET profile = 'advisory'",
    "UPDATE fedesk.fedesk_schema SET number = 1",
    "DELETE FROM fedesk.fedesk_schema",
    "UPDATE fedesk.operations SET plan = plan",
    "UPDATE fedesk.operations SET confirmation = confirmation, digest = digest",
    "UPDATE fedesk.operations SET guards = guards",
    "DELETE FROM fedesk.operations",
    "DELETE FROM fedesk.journal",
    "UPDATE fedesk.journal SET said = 'it was not me'",
    "UPDATE fedesk.decisions SET choice = 'stop'",
    "DELETE FROM fedesk.decisions",
    "DELETE FROM fedesk.incident_notes",
    "UPDATE fedesk.incident_notes SET said = 'it was not me'",
    "UPDATE fedesk.incidents SET title = 'nothing'",
    "UPDATE fedesk.operation_reserves SET reserve = ''",
    "SELECT lo_import('/etc/passwd')",
    "COPY fedesk.audit TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
    "DO LANGUAGE plpgsql $$ BEGIN EXECUTE 'DELETE FROM fedesk.audit'; END $$",
    "SELECT query_to_xml('DELETE FROM fedesk.audit RETURNING 1', true, true, '')",
)
ENFORCED = (
    "UPDATE fedesk.operations SET stage = 'running'",
    "UPDATE fedesk.operations SET lease_until = '2999-01-01T00:00:00.000000Z'",
    "UPDATE fedesk.operations SET outcome = 'failed'",
    "SELECT * FROM fedesk.operations FOR UPDATE",
    "INSERT INTO fedesk.reservations SELECT reserve, operation FROM fedesk.operation_reserves",
    "DELETE FROM fedesk.reservations",
    "INSERT INTO fedesk.journal SELECT * FROM fedesk.journal",
    "INSERT INTO fedesk.anchors VALUES ('file', 1, ''::bytea, '2026-11-20T02:43:10.000000Z')",
    "UPDATE fedesk.anchors SET seq = 0",
    "INSERT INTO fedesk.operations (operation, stage) SELECT 'x', 'running'",
    "INSERT INTO fedesk.operations (operation, fence) SELECT 'x', 900",
    "SELECT fedesk.claim('x', '{}', NULL, '1 min', true, '[]')",
    "SELECT fedesk.write('x', 1, '[]', NULL)",
    "SELECT fedesk.finish('x', 1, '[]', '{}', 'failed', '', '')",
    "INSERT INTO fedesk.used_nonces VALUES ('n', 'x')",
    "UPDATE fedesk.used_nonces SET nonce = 'other'",
    "DELETE FROM fedesk.used_nonces",
    "UPDATE fedesk.approvals SET action = 'approve'",
    "DELETE FROM fedesk.approvals",
    "INSERT INTO fedesk.windows (\"window\", kind) VALUES ('w', 'maintenance')",
    "UPDATE fedesk.windows SET closed_why = 'over'",
    "DELETE FROM fedesk.windows",
    "DELETE FROM fedesk.marks",
    "UPDATE fedesk.reviews SET said = 'fine'",
    "DELETE FROM fedesk.outbox",
    "UPDATE fedesk.leaders SET fence = fence + 1",
)


def test_what_a_role_may_not_do(url: str, connect: Connected) -> None:
    """Each is refused, in a transaction of its own, and the log is byte for byte what it was."""
    before = log_of(url)
    person = connect()
    for statement in FORBIDDEN:
        with pytest.raises((errors.InsufficientPrivilege, errors.FeatureNotSupported)):
            refused(person, statement)
    if profile_of(url) == "enforced":
        for statement in ENFORCED:
            with pytest.raises(errors.InsufficientPrivilege):
                refused(person, statement)
    assert log_of(url) == before


def refused(person: psycopg.Connection, statement: str) -> None:
    with person.transaction(force_rollback=True):
        if "FROM STDIN" in statement:
            with person.cursor().copy(statement.encode()):
                pass
        person.execute(statement.encode())
    pytest.fail(f"it was done: {statement}")


def profile_of(url: str) -> str:
    address = make_url(url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string()) as connection:
        (found,) = connection.execute("SELECT profile FROM fedesk.fedesk_schema").fetchone() or ("",)
    return str(found)


def test_the_author_is_the_session(url: str, connect: Connected) -> None:
    """Whatever the draft says of person and of how they are known; ``SET ROLE`` changes nothing."""
    person = connect(principal="mara@finedge.example")
    forged = {"person": "carol@finedge.example", "known_by": "configuration", "host": "desk-9", "pid": 1}
    person.execute("SET ROLE fedesk_people")
    person.execute(*written(access(actor=forged)))
    actor = log_of(url)[-1].draft.actor
    role = person.info.user
    assert (actor.person, actor.known_by) == ("mara@finedge.example", f"database role {role}")
    other = connect()
    other.execute(*written(access(actor=forged)))
    assert log_of(url)[-1].draft.actor.person == other.info.user


def test_number_and_hash_are_the_databases(url: str, connect: Connected) -> None:
    """A draft's own number, version and further fields are dropped; the record is of the one form."""
    before = log_of(url)
    connect().execute(*written(access(seq=900, v=7, hash="00", mine="x")))
    after = log_of(url)
    assert [one.seq for one in after] == [*(one.seq for one in before), len(before) + 1]


SHADOWS = """
SET search_path = {schema}, pg_temp, fedesk, pg_catalog;
CREATE TEMP TABLE audit_head (id int, seq bigint, hash bytea);
INSERT INTO audit_head VALUES (1, 900, '\\x00');
CREATE TEMP TABLE audit (seq bigint, record bytea, hash bytea);
CREATE TEMP TABLE people (role text, principal text);
INSERT INTO people VALUES (session_user, 'carol');
CREATE TEMP TABLE fedesk_schema (profile text);
INSERT INTO fedesk_schema VALUES ('advisory');
CREATE FUNCTION {schema}.quoted(value text) RETURNS text LANGUAGE sql AS $$ SELECT '"carol"' $$;
CREATE FUNCTION {schema}.author() RETURNS text LANGUAGE sql AS $$ SELECT 'carol' $$;
CREATE FUNCTION {schema}.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$;
CREATE FUNCTION {schema}.pg_has_role(name, text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION {schema}.moment(timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
CREATE FUNCTION {schema}.joined(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'carol' $$;
CREATE OPERATOR {schema}.|| (FUNCTION = {schema}.joined, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION {schema}.got(json, text) RETURNS text LANGUAGE sql AS $$ SELECT 'carol' $$;
CREATE OPERATOR {schema}.->> (FUNCTION = {schema}.got, LEFTARG = json, RIGHTARG = text);
"""


def test_nothing_of_the_session_is_taken_for_the_databases_own(
    postgres: Server, url: str, connect: Connected
) -> None:
    """Tables, functions and operators of a person's own, first on their search path, are not asked."""
    person = connect(principal="mara")
    role = person.info.user
    postgres.admin(f"CREATE SCHEMA {role} AUTHORIZATION {role}", database=str(make_url(url).database))
    person.execute(SHADOWS.format(schema=role).encode())
    count = len(log_of(url))
    person.execute(*written(access(reason="shadowed")))
    last = log_of(url)[-1]
    assert (last.seq, last.draft.actor.person, last.draft.reason) == (count + 1, "mara", "shadowed")
    with pytest.raises(errors.InsufficientPrivilege):
        person.execute(*submitted(by="carol"))


SETTINGS = (
    "application_name = 'psql'",
    "standard_conforming_strings = off",
    "DateStyle = 'SQL, DMY'",
    "TimeZone = 'Asia/Kathmandu'",
    "IntervalStyle = 'sql_standard'",
    "bytea_output = 'escape'",
    "client_encoding = 'LATIN1'",
    "transform_null_equals = on",
    "default_transaction_isolation = 'serializable'",
    "row_security = off",
    "quote_all_identifiers = on",
    "synchronous_commit = off",
)
POISON: tuple[dict[str, object], ...] = (
    {"time": "d2026-dd-ddTdd:dd:ddxddddddZ"},
    {"time": "dddd-dd-ddTdd:dd:dd.ddddddZ"},
    {"time": "2026-99-99T99:99:99.000000Z"},
    {"time": "2026-11-20T24:00:00.000000Z"},
    {"time": "2026-11-20T02:43:60.000000Z"},
    {"time": "0000-11-20T02:43:10.000000Z"},
    {"time": "2026-11-20T02:43:10.000000Z\n"},
    {"time": None},
    {"phase": "victory"},
    {"phase": None},
    {"phase": ["access"]},
    {"actor": {"host": "h", "pid": "many"}},
    {"actor": {"host": "h", "pid": 1.5}},
    {"actor": {"host": "h", "pid": None}},
    {"actor": {"pid": 1}},
    {"actor": []},
    {"links": "none"},
    {"links": {"a": 1}},
    {"reason": None},
    {"reason": "x" * 1_100_000},
    {"target": "nul \0 within"},
)


def test_a_record_that_nobody_could_read_is_refused(url: str, connect: Connected) -> None:
    """Whatever the session has set: what is in the log, everybody can read, and verify."""
    count = len(log_of(url))
    for setting in SETTINGS:
        person = connect()
        person.execute(f"SET {setting}".encode())
        for poison in POISON:
            with pytest.raises(psycopg.Error):
                person.execute(*written(access(**poison)))
        person.execute(*written(access(reason=setting)))
    assert [one.draft.reason for one in log_of(url)[count:]] == list(SETTINGS)


TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
FIELDS = ("time", "actor", "environment", "action", "target", "operation", "plan_digest", "reason", "result")


@given(st.dictionaries(st.sampled_from((*FIELDS, "links", "seq", "v")), ANYTHING, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_draft_becomes_a_record_of_the_one_form_or_none(
    store: PostgresStore, person: psycopg.Connection, other: dict[str, object]
) -> None:
    """Anything in any field: it is refused and leaves no gap, or its bytes are canonical and can be read."""
    (before,) = store.tail(1)
    try:
        person.execute(*written(access(**other)))
    except psycopg.Error:
        assert store.tail(1) == (before,)
        return
    (after,) = store.tail(1)
    assert after.seq == before.seq + 1
    assert canonical_flaw(after.raw) == ""


def test_what_was_rolled_back_leaves_no_gap(url: str, connect: Connected) -> None:
    """Neither a transaction, nor a part of one, nor a connection that breaks."""
    person, other = connect(), connect()
    count = len(log_of(url))
    with person.transaction(force_rollback=True):
        person.execute(*written(access()))
    with person.transaction():
        person.execute(*written(access(reason="kept 1")))
        with person.transaction(force_rollback=True):
            person.execute(*written(access()))
        person.execute(*written(access(reason="kept 2")))
    person.autocommit = False
    person.execute(*written(access()))
    person.close()
    other.execute(*written(access(reason="kept 3")))
    assert [one.draft.reason for one in log_of(url)[count:]] == ["kept 1", "kept 2", "kept 3"]


def test_two_roles_at_once_leave_no_gap(url: str, connect: Connected) -> None:
    """Each append waits for the one before it to be durable, or not to be; numbers are without gaps."""
    count = len(log_of(url))

    def append(person: psycopg.Connection) -> None:
        for number in range(40):
            with person.transaction(force_rollback=number % 4 == 0):
                person.execute(*written(access(reason=str(number))))

    people = [connect(), connect(), connect()]
    with ThreadPoolExecutor(len(people)) as threads:
        list(threads.map(append, people))
    records = log_of(url)[count:]
    assert len(records) == 90
    assert {one.draft.actor.person for one in records} == {one.info.user for one in people}


def submitted(number: int = 5, by: str = "mara") -> tuple[bytes, dict[str, object]]:
    """A proposal as a desk submits it, in somebody's name."""
    proposal = submission(number)
    statement = (
        b"INSERT INTO fedesk.operations"
        b" (operation, kind, environment, digest, plan, guards, confirmation, confirmed_at)"
        b" VALUES (%(id)s, 'x', 'prod', %(digest)s, '', '[]', %(confirmation)s, '')"
    )
    confirmation = json.dumps({"by": by}).encode()
    return statement, {"id": operation_id(number), "digest": proposal.digest, "confirmation": confirmation}


INCIDENT = (
    "INSERT INTO fedesk.incidents (incident, environment, title, opened_at, opened_by, opened_record,"
    " closed_by, summary) VALUES ('INC-{}', 'prod', 't', '2026-11-20T02:43:10.000000Z', '{}', 1, '', '')"
)
CLOSED = (
    "UPDATE fedesk.incidents SET closed_at = '2026-11-20T02:43:10.000000Z', closed_by = '{}',"
    " closed_record = 1, summary = '{}'"
)
NOTE = (
    "INSERT INTO fedesk.incident_notes VALUES"
    " ('INC-1', 1, '2026-11-20T02:43:10.000000Z', '{}', 'note', '', '', '')"
)
DECISION = (
    "INSERT INTO fedesk.decisions VALUES ('{}', 's', 'proceed', '', '{}', '2026-11-20T02:43:10.000000Z')"
)


def test_nobody_writes_in_anothers_name(connect: Connected) -> None:
    """A confirmation, a decision, an incident, a note, a closing: by whom is who the session is."""
    person = connect(principal="mara")
    mara: list[str | tuple[bytes, dict[str, object]]] = [
        submitted(),
        INCIDENT.format(1, "mara"),
        NOTE.format("mara"),
        DECISION.format(operation_id(1), "mara"),
        CLOSED.format("mara", "done"),
    ]
    carol: list[str | tuple[bytes, dict[str, object]]] = [
        submitted(6, "carol"),
        INCIDENT.format(2, "carol"),
        NOTE.format("carol"),
        DECISION.format(operation_id(1), "carol"),
        CLOSED.format("carol", "done"),
    ]
    for own, anothers in zip(mara, carol, strict=True):
        with pytest.raises(errors.InsufficientPrivilege, match="it knows you as mara"):
            execute(person, anothers)
        execute(person, own)
    with pytest.raises(errors.IntegrityConstraintViolation, match="what was closed stays as it is"):
        execute(person, CLOSED.format("mara", "otherwise"))


def test_what_nobody_decided_is_the_runners_to_write(url: str, connect: Connected) -> None:
    """A step whose time ran out is decided by nobody; when it is enforced, a person cannot say so."""
    nobody = DECISION.format(operation_id(1), "")
    if profile_of(url) == "enforced":
        with pytest.raises(errors.InsufficientPrivilege):
            execute(connect(), nobody)
    execute(connect(group="fedesk_executor"), nobody)


def execute(person: psycopg.Connection, statement: str | tuple[bytes, dict[str, object]]) -> None:
    if isinstance(statement, str):
        person.execute(statement.encode())
    else:
        person.execute(*statement)


@pytest.mark.parametrize("url", ["enforced"], indirect=True)
def test_a_person_proposes_and_the_executor_runs(postgres: Server, url: str) -> None:
    """What was done is the executor's to write, with its own records; the proposal stays the person's."""
    with (
        closing(PostgresStore(postgres.person(url, "mara"))) as person,
        closing(PostgresStore(postgres.person(url, group="fedesk_executor"))) as executor,
    ):
        assert (person.only_proposes(), executor.only_proposes()) == (True, False)
        proposal = submission(2)
        person.check()
        person.submit(proposal)
        for attempt in (
            lambda: person.claim(operation_id(2), OWNER, NOW, LASTS, dead=None),
            lambda: person.append(told(proposal, Phase.INTENT)),
            lambda: person.append(told(proposal, Phase.OUTCOME)),
            lambda: person.append(told(proposal, Phase.SETTLEMENT)),
        ):
            with pytest.raises(StoreError, match="does not let your role do this"):
                attempt()
        lease = executor.claim(operation_id(2), OWNER, NOW, LASTS, dead=None)
        with pytest.raises(StoreError, match="does not let your role do this"):
            person.write(lease, [entry("clear", StepState.INTENDED)], told(proposal, Phase.INTENT))
        executor.write(lease, [entry("clear", StepState.INTENDED)], told(proposal, Phase.INTENT))
        executor.end(lease, Outcome.SUCCEEDED, "", NOW, [], told(proposal, Phase.OUTCOME))
        found = person.operation(operation_id(2))
        assert found is not None
        assert (found.outcome, found.confirmation.by) == (Outcome.SUCCEEDED, "mara")
        assert person.verify(deep=True).flaw is None


@pytest.mark.parametrize("url", ["enforced"], indirect=True)
def test_the_executor_proposes_in_no_name_but_its_own(postgres: Server, url: str) -> None:
    """It may do more than a person, and still not speak for one."""
    with closing(PostgresStore(postgres.person(url, group="fedesk_executor"))) as executor:
        with pytest.raises(StoreError, match="your desk says mara"):
            claimed(executor, 2)
        assert executor.open_operations() == ()


@pytest.mark.parametrize("url", ["advisory"], indirect=True)
def test_who_may_do_both_does_not_only_propose(postgres: Server, url: str) -> None:
    """Where people's own desks carry changes out, the store enforces nothing, and says so."""
    with closing(PostgresStore(postgres.person(url, "mara"))) as person:
        assert not person.only_proposes()


def test_a_name_that_is_hard_to_quote(postgres: Server, url: str) -> None:
    """A role's name is text like any other; the record is canonical and can be read."""
    role = "ma\"ra\\ 'x\u00e9\u202e"
    quoted = '"' + role.replace('"', '""') + '"'
    postgres.admin(f"CREATE ROLE {quoted} LOGIN IN ROLE fedesk_people")
    try:
        with psycopg.connect(postgres.conninfo(str(make_url(url).database)), user=role) as person:
            person.execute(*written(access()))
    finally:
        postgres.admin(f"DROP ROLE {quoted}")
    actor = log_of(url)[-1].draft.actor
    assert (actor.person, actor.known_by) == (role, f"database role {role}")


def test_a_time_is_the_desks_and_an_order_the_databases(url: str, connect: Connected) -> None:
    """When is what the desk's clock says; what came first is the number, which no desk can say."""
    person = connect()
    for at in ("1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z", "1998-01-01T00:00:00.000000Z"):
        person.execute(*written(access(time=at)))
    *_, first, second, third = log_of(url)
    assert (second.seq, third.seq) == (first.seq + 1, first.seq + 2)
    assert third.draft.at == datetime.fromisoformat("1998-01-01T00:00:00+00:00")
