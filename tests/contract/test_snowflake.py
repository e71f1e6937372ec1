"""The Snowflake client against the sandbox's account, with connector 4.8 and (tests/snowflake5.sh) 5.x."""

import contextlib
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import snowflake.connector
from raw_server import RawServer, Talk
from snowflake_rig import NAME, Account, client, connect, served

from fedesk.clients import snowflake as client_module
from fedesk.clients.snowflake import QUERY_TAG
from fedesk.clients.snowflake_rows import as_load
from fedesk.clients.snowflake_users import as_secret, describe_statement
from fedesk.domain.observation import Observation
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    ServerFaultError,
    SourceError,
    TlsError,
    UnauthenticatedError,
    UnreachableError,
)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with served() as found:
        yield found


# --- what is read ---------------------------------------------------------------------------------------


def test_loads_of_the_last_thirty_days_newest_first(account: Account) -> None:
    """Every column of formats.md, times aware and in UTC, running ones without an end."""
    loads = client(account.url, account.reader).observe(None).loads
    assert len(loads) > 1000
    started = [load.started_at for load in loads if load.started_at is not None]
    assert started == sorted(started, reverse=True)
    assert started[0] - started[-1] <= timedelta(days=30)
    assert {load.status for load in loads} >= {"success", "failed", "running"}
    done = next(load for load in loads if load.status == "success")
    assert done.ended_at is not None
    assert done.ended_at.tzinfo is UTC
    assert done.rows_loaded is not None
    assert done.run_id
    assert done.pipeline
    assert done.partition
    running = next(load for load in loads if load.status == "running")
    assert (running.ended_at, running.rows_loaded) == (None, None)


def test_a_look_costs_one_query_with_a_tag(account: Account) -> None:
    """Login and DESCRIBE wake nothing; the one SELECT carries the query tag."""
    before = account.statements()
    with connect(account) as connection, connection.cursor() as cursor:
        cursor.execute("describe table PIPELINE_RUNS")
        cursor.execute("show tables")
        cursor.fetchall()
    assert account.statements() == before
    client(account.url, account.reader).observe(None)
    ran = account.statements()[len(before) :]
    assert len(ran) == 1
    assert ran[0].startswith("select RUN_ID, ")
    assert account.warehouses()["OPS_XS"]["tags"][-1] == QUERY_TAG


def test_a_later_look_reads_what_is_new_or_may_have_changed(account: Account) -> None:
    """Older rows are taken over; a run that has ended meanwhile is seen to have ended, once."""
    desk = client(account.url, account.reader)
    first = desk.observe(None)
    running = next(load for load in first.loads if load.status == "running")
    account.advance(3600)
    second = desk.observe(first)
    now = [
        load for load in second.loads if (load.run_id, load.pipeline) == (running.run_id, running.pipeline)
    ]
    assert [load.status for load in now] != ["running"]
    assert len(now) == 1
    keys = [(load.run_id, load.pipeline) for load in second.loads]
    assert len(set(keys)) == len(keys)
    assert set(second.loads) == set(client(account.url, account.reader).observe(None).loads)
    assert "::timestamp_ntz" in account.statements()[-2]
    assert second.loads[-1] in first.loads


def test_a_cursor_of_another_make_is_read_as_none(account: Account) -> None:
    """A stored observation of another version must not end the look."""
    seen = client(account.url, account.reader).observe(None)
    odd = Observation(loads=seen.loads[:10], cursor="'; drop table x; --")
    assert len(client(account.url, account.reader).observe(odd).loads) == len(seen.loads)


def test_more_rows_than_the_limit_are_a_problem_that_says_so(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are kept."""
    monkeypatch.setattr(client_module, "ROWS", 50)
    observation = client(account.url, account.reader).observe(None)
    assert len(observation.loads) == 50
    assert [problem.kind for problem in observation.problems] == ["limit"]


def test_a_table_with_four_columns_is_enough(account: Account) -> None:
    """The mission's metadata table: run_id, start_time, status, rows_loaded; the rest stays empty."""
    with connect(account, writer=True) as connection, connection.cursor() as cursor:
        cursor.execute("create schema if not exists FINEDGE_DEV.NIGHTLY")
        cursor.execute(
            "create or replace table FINEDGE_DEV.NIGHTLY.PIPELINE_RUNS "
            "(run_id text, start_time timestamp_tz, status text, rows_loaded number)"
        )
        cursor.execute(
            "insert into FINEDGE_DEV.NIGHTLY.PIPELINE_RUNS values "
            "('[red]x\x1b[31m', '2026-11-19 22:00:00', 'success', 7), "
            "(null, '2026-11-19 21:00:00', null, null)"
        )
    loads = client(account.url, account.reader, database="FINEDGE_DEV", schema="NIGHTLY").observe(None).loads
    assert [(load.run_id, load.status, load.rows_loaded) for load in loads] == [
        ("[red]x", "success", 7),
        ("", "", None),
    ]
    assert loads[0].started_at == datetime(2026, 11, 19, 22, tzinfo=UTC)
    assert (loads[0].pipeline, loads[0].partition, loads[0].ended_at) == ("", "", None)


def test_a_table_without_what_is_needed_is_named(account: Account) -> None:
    """One sentence with the columns that are missing."""
    with connect(account, writer=True) as connection, connection.cursor() as cursor:
        cursor.execute("create schema if not exists FINEDGE_DEV.ODD")
        cursor.execute("create or replace table FINEDGE_DEV.ODD.PIPELINE_RUNS (run_id text)")
    with pytest.raises(ProtocolError, match="START_TIME, STATUS"):
        client(account.url, account.reader, database="FINEDGE_DEV", schema="ODD").observe(None)


def test_text_and_times_of_any_make_become_plain_values() -> None:
    """Lone surrogates and escapes go, a text that is no date is no moment, odd numbers are none."""
    columns = ("RUN_ID", "START_TIME", "END_TIME", "ROWS_LOADED", "PARTITION")
    load = as_load(
        columns,
        ("a\ud800\x1b]0;x\x07", "2026-11-19T22:00:00", "soon", "many", datetime(2026, 11, 19, tzinfo=UTC)),
    )
    assert load.run_id == "a\ufffd"
    assert load.started_at == datetime(2026, 11, 19, 22, tzinfo=UTC)
    assert (load.ended_at, load.rows_loaded) == (None, None)
    assert load.partition.startswith("2026-11-19")


# --- ages of keys ----------------------------------------------------------------------------------------

BEGIN = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
"""When the served world begins (``snowflake_server.NOW``)."""


def describe(account: Account, statement: str) -> dict[str, tuple[str, ...]]:
    """What the account answers to a DESCRIBE USER: value, default and description by property."""
    with connect(account) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        assert [column[0] for column in cursor.description] == ["property", "value", "default", "description"]
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


@pytest.mark.parametrize(
    "statement",
    ["describe user SVC_PAYMENTS", 'DESC USER "SVC_PAYMENTS";', "\n desc  User svc_payments ; "],
)
def test_the_emulator_describes_a_user_as_snowflake_does(account: Account, statement: str) -> None:
    """Four columns of text, an empty slot is the text null; a plain name is read in upper case."""
    found = describe(account, statement)
    assert (found["NAME"][0], found["TYPE"][0], found["DISABLED"][0]) == ("SVC_PAYMENTS", "SERVICE", "false")
    assert re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=", found["RSA_PUBLIC_KEY_FP"][0])
    assert found["RSA_PUBLIC_KEY_LAST_SET_TIME"][0] == "2026-09-20 02:43:10.000"
    assert {found[f"RSA_PUBLIC_KEY_2{end}"][0] for end in ("", "_FP", "_LAST_SET_TIME")} == {"null"}


@pytest.mark.parametrize("name", ["NOBODY", "FEDESK_WRITER", '"svc_payments"'])
def test_the_emulator_does_not_say_whether_a_user_is_missing_or_hidden(account: Account, name: str) -> None:
    """002003 either way; a name in quotation marks is read in the case it is written in."""
    with pytest.raises(snowflake.connector.errors.ProgrammingError) as caught:
        describe(account, f"describe user {name}")
    assert caught.value.errno == 2003
    assert f"User '{name.strip(chr(34))}' does not exist or not authorized." in str(caught.value)


def test_a_key_counts_from_the_older_of_the_slots_that_hold_one(account: Account) -> None:
    """In the midst of a rotation the old key is still accepted, so it is the one that ages."""
    users = ("SVC_PAYMENTS", "svc_ledger", "FEDESK_READER")
    secrets = client(account.url, account.reader, users=users).observe(None).secrets
    assert [(one.name, one.age_from, one.problem) for one in secrets] == [
        ("snowflake:SVC_PAYMENTS", BEGIN - timedelta(days=61), ""),
        ("snowflake:svc_ledger", BEGIN - timedelta(days=47), ""),
        ("snowflake:FEDESK_READER", BEGIN - timedelta(days=20), ""),
    ]
    assert {one.connection for one in secrets} == {NAME}


def test_ages_of_keys_wake_no_warehouse(account: Account) -> None:
    """The one statement that a warehouse ran is the SELECT, users or not; without a warehouse all is told."""
    before = account.statements()
    client(account.url, account.reader, users=("SVC_PAYMENTS", "SVC_LEDGER", "NOBODY")).observe(None)
    ran = account.statements()[len(before) :]
    assert len(ran) == 1
    assert ran[0].startswith("select RUN_ID, ")
    with connect(account, warehouse="") as connection, connection.cursor() as cursor:
        cursor.execute("describe user SVC_PAYMENTS")
        rows = cursor.fetchall()
    assert as_secret(NAME, "SVC_PAYMENTS", rows).age_from == BEGIN - timedelta(days=61)
    assert account.statements() == [*before, *ran]


def test_ages_of_a_few_keys_are_one_statement_each_and_nothing_else(account: Account) -> None:
    """As a look has them; users of another account are not asked for, and without any nobody logs in."""
    before = account.statements()
    asked = client(account.url, account.reader, users=("SVC_PAYMENTS", "SVC_LEDGER"))
    found = asked.ages(("snowflake:SVC_PAYMENTS", "snowflake:SVC_OTHER"))
    assert account.statements() == before, "no warehouse is woken"
    assert [one.name for one in found] == ["snowflake:SVC_PAYMENTS"]
    assert found[0] in asked.observe(None).secrets
    assert client("http://127.0.0.1:9", account.reader).ages(("snowflake:SVC_PAYMENTS",)) == ()


def test_a_user_that_cannot_be_described_fails_nothing_else(account: Account) -> None:
    """Missing, hidden or no name: undetermined, with Snowflake's words; loads and other users are read."""
    evil = 'X"; drop table PIPELINE_RUNS; --'
    users = ("NOBODY", "FEDESK_WRITER", evil, "SVC_PAYMENTS")
    observation = client(account.url, account.reader, users=users).observe(None)
    assert len(observation.loads) > 1000
    assert observation.problems == ()
    nobody, writer, nameless, payments = observation.secrets
    assert {one.age_from for one in (nobody, writer, nameless)} == {None}
    assert "User 'NOBODY' does not exist or not authorized" in nobody.problem
    assert "User 'FEDESK_WRITER' does not exist or not authorized" in writer.problem
    assert (nameless.name, nameless.problem) == (
        f"snowflake:{evil}",
        "its name is not that of a Snowflake user",
    )
    assert payments.age_from is not None


def test_a_snowflake_too_slow_for_all_users_is_not_asked_for_the_rest(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read beside them is kept, and each that was not asked for says so."""
    monkeypatch.setattr(client_module, "SHARE", -1.0)
    observation = client(account.url, account.reader, users=("SVC_PAYMENTS",)).observe(None)
    assert len(observation.loads) > 1000
    assert [(one.age_from, "too slow" in one.problem) for one in observation.secrets] == [(None, True)]


def test_a_connection_lost_between_loads_and_users_keeps_the_loads(
    account: Account, raw_server: RawServer
) -> None:
    """The third statement, the first DESCRIBE USER, is never answered: no user is waited for twice."""
    host, port = account.url.removeprefix("http://").split(":")
    asked = 0

    def forward(connection: socket.socket, over: threading.Event) -> None:
        nonlocal asked
        with socket.create_connection((host, int(port))) as behind:

            def answers() -> None:
                with contextlib.suppress(OSError):
                    while answer := behind.recv(65536):
                        connection.sendall(answer)

            back = threading.Thread(target=answers, daemon=True)
            back.start()
            while request := connection.recv(65536):
                asked += request.count(b"POST /queries/v1/query-request")
                if asked > 2:
                    over.wait()
                    break
                behind.sendall(request)
            behind.shutdown(socket.SHUT_RDWR)
            back.join(timeout=5)

    users = ("SVC_PAYMENTS", "SVC_LEDGER")
    observation = client(raw_server(forward), account.reader, deadline=1.0, users=users).observe(None)
    assert len(observation.loads) > 1000
    assert [one.age_from for one in observation.secrets] == [None, None]
    assert all("the connection was lost before" in one.problem for one in observation.secrets)


@pytest.mark.parametrize(
    ("first", "second", "age_from", "problem"),
    [
        (("a", "2026-11-01 00:00:00.000"), ("null", "2026-01-01 00:00:00.000"), "2026-11-01", ""),
        (("a", "2026-11-01 00:00:00.000"), ("b", "2026-10-01 00:00:00.000"), "2026-10-01", ""),
        (("null", "null"), ("b", "2026-10-01 00:00:00.000"), "2026-10-01", ""),
        (("null", "2026-11-01 00:00:00.000"), (None, None), "", "none of its two slots holds a key"),
        (("a", "2026-11-01 00:00:00.000"), ("b", "null"), "", "when its RSA_PUBLIC_KEY_2 was set"),
        (("a", "1969-12-31 23:59:59.999"), ("", ""), "", "when its RSA_PUBLIC_KEY was set"),
        (("a", "292278994-08-17 07:12:55.807"), ("", ""), "", "when its RSA_PUBLIC_KEY was set"),
        (("a", "soon \x1b[31m"), ("", ""), "", "when its RSA_PUBLIC_KEY was set"),
    ],
)
def test_a_slot_that_was_emptied_keeps_its_time_and_does_not_count(
    first: tuple[str, str], second: tuple[str | None, str | None], age_from: str, problem: str
) -> None:
    """The fingerprint tells whether a slot holds a key; a time that is not known leaves all undetermined."""
    rows = [
        ("RSA_PUBLIC_KEY_FP", first[0]),
        ("RSA_PUBLIC_KEY_LAST_SET_TIME", first[1]),
        ("RSA_PUBLIC_KEY_2_FP", second[0]),
        ("RSA_PUBLIC_KEY_2_LAST_SET_TIME", second[1]),
    ]
    secret = as_secret(NAME, "SVC", rows)
    wanted = datetime.fromisoformat(age_from).replace(tzinfo=UTC) if age_from else None
    assert secret.age_from == wanted
    assert problem in secret.problem
    assert bool(secret.problem) == (wanted is None)


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("svc_payments", 'describe user "SVC_PAYMENTS"'),
        ("svc-payments", 'describe user "svc-payments"'),
        ("robot@finedge.example", 'describe user "robot@finedge.example"'),
        ("", None),
        ('a"b', None),
        ("a;b", None),
        ("a b", None),
        ("a\n", None),
        ("é", None),
        ("x" * 256, None),
    ],
)
def test_only_a_name_goes_into_a_statement(name: str, statement: str | None) -> None:
    """Plain names in upper case, others as they are, all in quotation marks; nothing that could end them."""
    assert describe_statement(name) == statement


# --- who may ---------------------------------------------------------------------------------------------


def test_an_oauth_token_logs_in(account: Account) -> None:
    """Auth = "oauth": the credential is the access token."""
    assert client(account.url, account.oauth, auth="oauth").observe(None).loads


def test_the_reader_may_not_write(account: Account) -> None:
    """The emulator refuses as Snowflake does; nothing has to be believed of the client."""
    with connect(account) as connection, connection.cursor() as cursor:
        with pytest.raises(snowflake.connector.errors.ProgrammingError) as caught:
            cursor.execute("delete from PIPELINE_RUNS")
        assert caught.value.errno == 3001
        assert "Insufficient privileges" in str(caught.value)


def other_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_another_key_is_unauthenticated(account: Account) -> None:
    """Snowflake's own words, no key in them."""
    with pytest.raises(UnauthenticatedError, match="JWT token is invalid"):
        client(account.url, other_key()).observe(None)


@pytest.mark.parametrize(
    ("credential", "auth", "words"),
    [
        ("", "key-pair", "empty credential"),
        ("planted", "key-pair", "no private key in PEM"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            "key-pair",
            "encrypted",
        ),
        ("-----BEGIN PRIVATE KEY-----\n?planted?\n-----END PRIVATE KEY-----", "key-pair", "damaged"),
        ("-----BEGIN PRIVATE KEY-----\ncGxhbnRlZA==\n-----END PRIVATE KEY-----", "key-pair", "cannot use"),
        ("planted", "password", "fedesk knows"),
    ],
)
def test_a_credential_of_the_wrong_kind_is_a_mistake_of_configuration(
    account: Account, credential: str, auth: str, words: str
) -> None:
    """Told by its kind, with what to do, and never repeated."""
    with pytest.raises(CredentialError, match=words) as caught:
        client(account.url, credential, auth=auth).observe(None)
    assert "planted" not in str(caught.value)


def test_a_database_and_a_warehouse_that_are_not_there_are_named(account: Account) -> None:
    """As Snowflake, the login works and the statement does not."""
    with pytest.raises(NotFoundError, match="`database`"):
        client(account.url, account.reader, database="NOPE").observe(None)
    with pytest.raises(ForbiddenError, match="`warehouse`"):
        client(account.url, account.reader, warehouse="NOPE").observe(None)


def test_a_ca_bundle_is_refused_with_what_to_do_instead(account: Account, tmp_path: Path) -> None:
    """The connector has no such parameter; leaving it out unsaid would be worse."""
    with pytest.raises(CredentialError, match="REQUESTS_CA_BUNDLE"):
        client(account.url, account.reader, ca_bundle=tmp_path / "ca.pem")


# --- faults ----------------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def hang(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    over.wait()


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not over.wait(0.05):
        connection.sendall(b"x")


def answering(head: Callable[[bytes], bytes | None]) -> Talk:
    """A server that answers each request by its first line, and hangs where there is no answer."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            received = b""
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            headers, _, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", headers, re.IGNORECASE)
            while length is not None and len(body) < int(length[1]):
                body += connection.recv(65536)
            answer = head(headers.split(b"\r\n")[0])
            if answer is None:
                over.wait()
                return
            connection.sendall(answer)

    return talk


NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
LOGIN = json.dumps(
    {
        "data": {
            "token": "t",
            "masterToken": "m",
            "sessionId": 1,
            "validityInSeconds": 3600,
            "masterValidityInSeconds": 3600,
            "parameters": [],
            "sessionInfo": {},
        },
        "success": True,
    }
).encode()
LOGGED_IN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(LOGIN) + LOGIN
)


def test_a_refusing_snowflake_is_unreachable_at_once(account: Account) -> None:
    """The connector alone would try again until its time is up and not say why."""
    port = closed_port()
    with pytest.raises(UnreachableError, match="Connection refused"):
        client(f"http://127.0.0.1:{port}", account.reader).observe(None)


@pytest.mark.parametrize("talk", [hang, drip])
def test_a_snowflake_that_hangs_or_drips_ends_at_the_deadline(
    account: Account, raw_server: RawServer, talk: Talk
) -> None:
    """By itself, before the connector is asked."""
    with pytest.raises(DeadlineError, match="did not answer in time"):
        client(raw_server(talk), account.reader, deadline=0.5).observe(None)


@pytest.mark.parametrize("auth", ["key-pair", pytest.param("oauth", marks=pytest.mark.soak)])
def test_a_login_that_hangs_ends_within_the_connectors_bounds(
    account: Account, raw_server: RawServer, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    """A server that is reachable and then says nothing: the connector's timeouts are set to the deadline."""
    # With a key 4.x waits ten seconds for a login whatever it was given; its own variable shortens that.
    monkeypatch.setenv("JWT_CNXN_WAIT_TIME", "1")
    talk = answering(lambda line: NOTHING if line.startswith(b"HEAD") else None)
    credential = account.reader if auth == "key-pair" else account.oauth
    with pytest.raises(DeadlineError):
        client(raw_server(talk), credential, auth=auth, deadline=1.0).observe(None)


def test_a_query_that_hangs_ends_within_the_connectors_bounds(
    account: Account, raw_server: RawServer
) -> None:
    """The login is answered, the first statement is not."""

    def head(line: bytes) -> bytes | None:
        if line.startswith(b"HEAD") or b"delete=true" in line:
            return NOTHING
        if b"login-request" in line:
            return LOGGED_IN
        return None

    with pytest.raises(DeadlineError):
        client(raw_server(answering(head)), account.reader, deadline=1.0).observe(None)


def test_a_server_that_fails_is_told_by_its_status(account: Account, raw_server: RawServer) -> None:
    """503 in front of Snowflake."""
    talk = answering(lambda _: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ServerFaultError, match="HTTP 503"):
        client(raw_server(talk), account.reader).observe(None)


def test_something_that_is_no_snowflake_is_named_so(account: Account, raw_server: RawServer) -> None:
    """A web server that knows nothing of it."""
    with pytest.raises((NotFoundError, ProtocolError), match="404"):
        client(raw_server(answering(lambda _: NOTHING)), account.reader, deadline=2.0).observe(None)


def test_a_server_without_tls_is_a_tls_error(account: Account, raw_server: RawServer) -> None:
    """Https to a port that speaks plain HTTP."""

    def plain(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(NOTHING)

    url = raw_server(plain).replace("http:", "https:")
    with pytest.raises(TlsError, match="TLS"):
        client(url, account.reader, deadline=2.0).observe(None)


def test_a_planted_secret_is_in_no_error_no_repr_and_no_log(
    account: Account, raw_server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither private key nor OAuth token, in what is raised, what hangs off it, the client or its logs."""
    key = other_key()
    line = key.splitlines()[3]
    caplog.set_level(logging.DEBUG)
    cases = [
        (account.url, key, "key-pair", line),
        (account.url, "planted-oauth-token", "oauth", "planted-oauth-token"),
        (raw_server(answering(lambda _: NOTHING)), "planted-oauth-token", "oauth", "planted-oauth-token"),
        (f"http://127.0.0.1:{closed_port()}", key, "key-pair", line),
    ]
    for url, credential, auth, planted in cases:
        desk = client(url, credential, auth=auth, deadline=2.0)
        with pytest.raises(SourceError) as caught:
            desk.observe(None)
        error: BaseException | None = caught.value
        while error is not None:
            assert planted not in f"{error!r} {error} {error.args}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        assert planted not in repr(desk)
        assert planted not in repr(vars(desk))
        assert planted not in caplog.text


def test_the_connector_writes_nothing_on_the_terminal(
    account: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line of its log would land in the middle of the screen."""
    with pytest.raises(SourceError):
        client(account.url, other_key()).observe(None)
    client(account.url, account.reader).observe(None)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
