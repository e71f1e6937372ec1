"""What goes wrong on the way to an Airflow ends in the right error, in bounded time, in one sentence."""

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import pytest
from own_certificate import self_signed, server_context
from raw_server import RawServer, Talk, drip, hang, heard, say

from fedesk.clients import airflow_session, http
from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_session import RENEW_BEFORE, Auth
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.runs import LogChunk, LogRequest
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    ConflictError,
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotSentError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    SourceError,
    TlsError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.sandbox.airflow import Airflow, application
from fedesk.sandbox.airflow_login import Login
from fedesk.sandbox.world import World


class Served(Protocol):
    """A running application."""

    url: str


AsgiServer = Callable[[object], Served]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def endpoint(url: str, **more: object) -> Endpoint:
    facts: dict[str, object] = {
        "name": ConnectionName("prod", "airflow"),
        "url": url,
        "user": "oncall",
        "credential": lambda: SecretText("a.bearer.token"),
        "connect_timeout": 2.0,
        "read_timeout": 0.8,
        "deadline": 1.0,
    }
    return Endpoint(**(facts | more))  # type: ignore[arg-type]  # the fields are Endpoint's own


def failure(where: Endpoint, auth: Auth = "token") -> SourceError:
    """How a first look at this address ends; the sentence is fit to be shown."""
    client = AirflowClient(where, auth=auth)
    with pytest.raises(SourceError) as caught:
        client.observe(None)
    client.close()
    said = str(caught.value)
    assert said.startswith("prod/airflow")
    assert said.isprintable()
    assert len(said) < 700
    assert "a.bearer.token" not in said
    return caught.value


def sized(body: bytes, head: bytes = OK) -> bytes:
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(hang, id="accepts and never answers"),
        pytest.param(drip(b""), id="drips its status line"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips a header"),
        pytest.param(drip(OK + b"Content-Length: 999999\r\n\r\n"), id="drips its body"),
    ],
)
def test_a_server_that_hangs_or_drips_ends_at_the_deadline(raw_server: RawServer, talk: Talk) -> None:
    """However slowly bytes come, a request ends by itself when its time is up."""
    error = failure(endpoint(raw_server(talk), read_timeout=60.0, deadline=0.4))
    assert isinstance(error, DeadlineError)
    assert "did not answer in time" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProtocolError),
        (403, ForbiddenError),
        (409, ConflictError),
        (429, RateLimitedError),
        (500, ServerFaultError),
        (503, ServerFaultError),
        (302, ProtocolError),
    ],
)
def test_a_status_is_one_kind_of_error(raw_server: RawServer, status: int, kind: type[SourceError]) -> None:
    """Each status outside 2xx has its kind of error and quotes the server; a redirect is not followed."""
    head = f"HTTP/1.1 {status} Odd\r\nLocation: https://elsewhere.example/\r\n".encode()
    error = failure(endpoint(raw_server(say(sized(b'{"detail": "no\\u001b[31m luck"}', head)))))
    assert type(error) is kind
    assert ("elsewhere.example" if status == 302 else "luck") in str(error)
    assert str(status) in str(error)


def test_the_title_of_an_error_page_is_quoted(raw_server: RawServer) -> None:
    """A proxy in front that answers with a page is told by the page's title."""
    page = b"<html><head><title>504 Gateway\nTime-out</title></head><body>" + b"x" * 5000
    error = failure(endpoint(raw_server(say(sized(page, b"HTTP/1.1 504 Gateway Time-out\r\n")))))
    assert isinstance(error, ServerFaultError)
    assert '"504 Gateway Time-out"' in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b"",
        b"null",
        b"[]",
        b'{"dags": 5, "total_entries": "many"}',
        b"<!doctype html><title>Airflow</title>",
        b'{"dags": [{"dag_id": null}], "total_entries": 1}',
        b"[" * 100_000,
    ],
)
def test_what_airflow_does_not_document_is_a_protocol_error(raw_server: RawServer, body: bytes) -> None:
    """An answer that is no JSON, or JSON of another shape, is named as such."""
    error = failure(endpoint(raw_server(say(sized(body)))))
    assert isinstance(error, ProtocolError)
    assert "as Airflow 3 documents" in str(error)


def test_what_is_no_http_is_an_unreachable_server(raw_server: RawServer) -> None:
    """A server that speaks something else broke off its answer."""
    error = failure(endpoint(raw_server(say(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))))
    assert isinstance(error, UnreachableError)


def test_an_answer_that_breaks_off_is_unreachable(raw_server: RawServer) -> None:
    """A connection that is closed within its body is told, not taken for the whole."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        heard(connection)
        connection.sendall(OK + b'Content-Length: 900\r\n\r\n{"dags": [')

    error = failure(endpoint(raw_server(talk)))
    assert isinstance(error, UnreachableError)
    assert "broke off" in str(error)


def test_a_refused_connection_is_unreachable() -> None:
    """A port nobody listens on is named with the system's own words."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    error = failure(endpoint(f"http://127.0.0.1:{port}"))
    assert isinstance(error, UnreachableError)
    assert "Connection refused" in str(error)
    assert f"127.0.0.1:{port}" in str(error)


def test_a_connection_that_breaks_once_is_tried_again(raw_server: RawServer) -> None:
    """A read whose connection is closed without an answer is sent once more; a second time it is told."""
    asked: list[bytes] = []

    def talk(connection: socket.socket, _: threading.Event) -> None:
        asked.append(heard(connection))
        if len(asked) > 1:
            connection.sendall(sized(b"{}", b"HTTP/1.1 500 Odd\r\nConnection: close\r\n"))

    assert isinstance(failure(endpoint(raw_server(talk))), ServerFaultError)
    assert len(asked) == 2
    assert all(request.startswith(b"GET ") for request in asked)


def test_a_connection_that_keeps_breaking_is_told(raw_server: RawServer) -> None:
    """Trying again has an end."""
    asked: list[int] = []

    def talk(connection: socket.socket, _: threading.Event) -> None:
        heard(connection)
        asked.append(1)

    assert isinstance(failure(endpoint(raw_server(talk))), UnreachableError)
    assert 2 <= len(asked) <= 3


def test_https_to_a_server_without_tls_is_a_tls_error(raw_server: RawServer) -> None:
    """A handshake that fails is no broken connection, and is not tried again."""
    asked: list[int] = []

    def talk(connection: socket.socket, _: threading.Event) -> None:
        asked.append(len(connection.recv(65536)))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    error = failure(endpoint(raw_server(talk).replace("http:", "https:")))
    assert isinstance(error, TlsError)
    assert isinstance(error, NotSentError)
    assert "ca_bundle" in str(error)
    assert len(asked) == 1


def test_a_certificate_is_trusted_by_the_bundle_alone(raw_server: RawServer, tmp_path: Path) -> None:
    """A certificate of one's own authority is refused, and accepted with ``ca_bundle``."""
    pem = self_signed(tmp_path)
    context = server_context(pem)

    def talk(connection: socket.socket, over: threading.Event) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secured:
            say(sized(b"null"))(secured, over)

    url = raw_server(talk).replace("http:", "https:")
    refused = failure(endpoint(url))
    assert isinstance(refused, TlsError)
    assert "certificate" in str(refused)
    assert isinstance(failure(endpoint(url, ca_bundle=pem)), ProtocolError)


def test_a_bomb_of_a_body_is_not_unpacked(raw_server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What decompresses to more than the cap is refused, however small it came."""
    monkeypatch.setattr(http, "BODY_LIMIT", 1024 * 1024)
    packed = gzip.compress(b" " * 8 * 1024 * 1024)
    error = failure(endpoint(raw_server(say(sized(packed, OK + b"Content-Encoding: gzip\r\n")))))
    assert isinstance(error, ProtocolError)
    assert "more than 1 MiB" in str(error)


def test_a_body_that_is_not_what_its_encoding_says(raw_server: RawServer) -> None:
    """Broken gzip is a protocol error."""
    error = failure(endpoint(raw_server(say(sized(b"no gzip", OK + b"Content-Encoding: gzip\r\n")))))
    assert isinstance(error, ProtocolError)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "no-address",
        "http://127.0.0.1:99999",
        "ftp://127.0.0.1",
        pytest.param("http://127.0.0.1:9", id="nobody listens"),
        pytest.param("http://fedesk.invalid", id="no such host"),
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    """What cannot be connected to is told in one sentence, and certainly nothing was sent."""
    assert isinstance(failure(endpoint(url)), NotSentError)


def test_no_connection_in_time_is_nothing_sent() -> None:
    """A handshake that never comes (a full backlog) ends late, and certainly nothing was sent."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        error = failure(endpoint(url, connect_timeout=0.3, deadline=5.0))
    assert isinstance(error, DeadlineError)
    assert isinstance(error, NotSentError)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(hang, id="never answers"),
        pytest.param(lambda connection, _: heard(connection), id="hears, then closes"),
        pytest.param(lambda connection, _: connection.close(), id="accepts and closes"),
    ],
)
def test_what_may_have_been_heard_is_not_called_unsent(raw_server: RawServer, talk: Talk) -> None:
    """Once a connection stood, nobody can tell whether the request was heard: no NotSentError."""
    assert not isinstance(failure(endpoint(raw_server(talk))), NotSentError)


def test_a_second_try_that_is_refused_does_not_hide_the_first() -> None:
    """A request that was heard, broke off, and found nobody at the second try may have been carried out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def once() -> None:
            connection, _ = listener.accept()
            listener.close()
            with connection:
                heard(connection)

        thread = threading.Thread(target=once, daemon=True)
        thread.start()
        error = failure(endpoint(url))
        thread.join(timeout=5)
    assert isinstance(error, UnreachableError)
    assert not isinstance(error, NotSentError)


def test_files_that_cannot_be_used_are_mistakes_of_configuration(tmp_path: Path) -> None:
    """A CA bundle that is no certificate is told when the client is made."""
    (tmp_path / "corp.pem").write_text("no certificate")
    with pytest.raises(CredentialError, match="ca_bundle"):
        AirflowClient(endpoint("https://127.0.0.1:1", ca_bundle=tmp_path / "corp.pem"))


def test_no_credential_is_a_mistake_of_configuration() -> None:
    """A connection without a credential says which setting is missing."""
    assert isinstance(failure(endpoint("http://127.0.0.1:1", credential=None)), CredentialError)


def test_a_proxy_is_used_and_named(raw_server: RawServer) -> None:
    """Requests go by the configured proxy; one of the environment's is not asked."""
    seen: list[bytes] = []

    def talk(connection: socket.socket, _: threading.Event) -> None:
        seen.append(heard(connection))
        connection.sendall(sized(b"{}", b"HTTP/1.1 407 Proxy Authentication Required\r\n"))

    error = failure(endpoint("http://airflow.finedge.example", proxy=raw_server(talk)))
    assert isinstance(error, UnauthenticatedError)
    assert seen[0].startswith(b"GET http://airflow.finedge.example/api/v2/dags?")


def test_a_proxy_of_the_environment_is_not_used(
    raw_server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration alone says how to get there."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert isinstance(failure(endpoint(raw_server(say(sized(b"null"))))), ProtocolError)


def test_without_auth_token_one_is_told_of_single_sign_on(raw_server: RawServer) -> None:
    """A server without /auth/token wants a bearer from a command: that is said."""
    answer = sized(b'{"detail": "Not Found"}', b"HTTP/1.1 404 Not Found\r\n")
    error = failure(endpoint(raw_server(say(answer))), auth="password")
    assert isinstance(error, UnauthenticatedError)
    assert 'auth = "token"' in str(error)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"nonsense"])
def test_a_login_without_a_token_is_a_protocol_error(raw_server: RawServer, body: bytes) -> None:
    """A login that answers 200 and gives no token is not Airflow 3's."""
    assert isinstance(failure(endpoint(raw_server(say(sized(body)))), auth="password"), ProtocolError)


# --- tokens that end ------------------------------------------------------------------------------------


def test_a_token_is_renewed_before_it_ends(asgi_server: AsgiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token near its end is replaced by a login; no request is refused for it."""
    world = World(scale=0.2)
    identity = world.identity("airflow")
    url = asgi_server(application(world, token_seconds=3600)).url
    client = AirflowClient(
        endpoint(
            f"{url}/prod",
            user=identity.user,
            credential=lambda: SecretText(identity.credential),
            deadline=20.0,
            read_timeout=20.0,
        )
    )
    client.runs(world.dags("prod")[0].dag_id, 1)
    logins = client.session.requests - 1
    near = time.time() + 3600 - RENEW_BEFORE
    monkeypatch.setattr(airflow_session, "time", SimpleNamespace(time=lambda: near))
    client.runs(world.dags("prod")[0].dag_id, 1)
    client.close()
    assert (logins, client.session.requests) == (1, 4)


def test_a_token_that_the_server_calls_expired_is_replaced(asgi_server: AsgiServer) -> None:
    """A 401 for an expired token is answered with a new one, once."""
    world = World(scale=0.2)
    login = Login.of(world.identities("airflow"), 600)
    expired = Login(login.identities, -5, login.key)
    identity = world.identity("airflow")
    tokens = iter([expired.token(identity), login.token(identity)])
    url = asgi_server(Airflow(world, login).application()).url
    client = AirflowClient(
        endpoint(
            f"{url}/prod", credential=lambda: SecretText(next(tokens)), deadline=20.0, read_timeout=20.0
        ),
        auth="token",
    )
    assert client.runs(world.dags("prod")[0].dag_id, 1)
    client.close()


def test_a_missing_right_is_no_reason_to_log_in_again(raw_server: RawServer) -> None:
    """``Forbidden`` is about the right, not about the token: it is told at once."""
    asked: list[int] = []

    def talk(connection: socket.socket, _: threading.Event) -> None:
        while heard(connection):
            asked.append(1)
            connection.sendall(sized(b'{"detail": "Forbidden"}', b"HTTP/1.1 403 Forbidden\r\n"))

    assert isinstance(failure(endpoint(raw_server(talk))), ForbiddenError)
    assert len(asked) == 1


# --- what is in a log -----------------------------------------------------------------------------------


def log_of(raw_server: RawServer, body: bytes) -> LogChunk:
    """The log that a server gives which answers every request alike."""
    instance = b'"task_id": "t", "dag_id": "d", "dag_run_id": "r", "state": "failed", "try_number": 1'
    instance += b', "start_date": "2026-11-20T00:00:00Z", "max_tries": 0, '
    client = AirflowClient(endpoint(raw_server(say(sized(b"{" + instance + body)))), auth="token")
    with contextlib.closing(client):
        return client.log(
            LogRequest(run=RunName(client.session.endpoint.name, "d/r"), task=TaskName("t")), ""
        )


def test_broken_bytes_in_a_log_are_replaced(raw_server: RawServer) -> None:
    """Bytes that are no UTF-8, and surrogates without a partner, become U+FFFD; all else stays."""
    body = b'"content": [{"event": "a\xff\xfeb \xc3 \\ud800 \\ud83d\\ude00 z"}], "continuation_token": null}'
    chunk = log_of(raw_server, body)
    assert chunk.text == "a\ufffd\ufffdb \ufffd \ufffd \U0001f600 z\n"
    assert chunk.complete


def test_a_line_of_a_megabyte_arrives_whole(raw_server: RawServer) -> None:
    """Size alone is no fault."""
    line = "x" * 1_000_000
    chunk = log_of(raw_server, f'"content": [{{"event": "{line}"}}], "continuation_token": null}}'.encode())
    assert chunk.text == f"{line}\n"


def test_lines_within_an_event_and_odd_events(raw_server: RawServer) -> None:
    """An event may have lines of its own, no text at all, or be a plain text, as older servers give it."""
    events = [
        {"event": "one\r\ntwo\rthree", "level": "warning", "timestamp": "T"},
        {"event": None},
        {"event": {"a": 1}, "rows": 3, "where": "x\ny"},
        "plain",
    ]
    body = f'"content": {json.dumps(events)}, "continuation_token": null}}'.encode()
    assert log_of(raw_server, body).text == (
        'T WARNING one\ntwo\nthree\nnull\n{"a": 1} rows=3 where=x y\nplain\n'
    )


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """The client starts no threads of its own."""
    before = set(threading.enumerate())
    yield
    ours = [each for each in threading.enumerate() if each not in before and "fedesk" in each.name]
    assert not ours
