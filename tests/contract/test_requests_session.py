"""The session under python-jenkins and hvac: bounded in time and size, and careful with redirects."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
import requests
from own_certificate import self_signed, server_context
from raw_server import RawServer, Talk, drip, hang, heard, say

from fedesk.clients.requests_session import TimedSession, translate
from fedesk.clients.tls import tls_context
from fedesk.clients.wording import quoted, status_error
from fedesk.domain.names import ConnectionName
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    HandshakeError,
    NotSentError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    SourceError,
    TlsError,
    UnauthenticatedError,
    UnreachableError,
)


def endpoint(url: str, *, deadline: float = 0.6, ca_bundle: Path | None = None, proxy: str = "") -> Endpoint:
    return Endpoint(
        name=ConnectionName("test", "jenkins"),
        url=url,
        connect_timeout=0.5,
        read_timeout=0.4,
        deadline=deadline,
        ca_bundle=ca_bundle,
        proxy=proxy,
    )


def failure_of(where: Endpoint, *, method: str = "GET", body_limit: int = 1024) -> SourceError:
    """What a request to a bad server ends in; a wrong answer is no error and fails the test."""
    session = TimedSession(where, body_limit=body_limit)
    try:
        with pytest.raises(requests.RequestException) as caught:
            session.request(method, where.url)
        return translate(caught.value, where)
    finally:
        session.close()


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(hang, id="never answers"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips a header"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), id="drips a body of known length"
        ),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n"), id="drips a body without an end"),
    ],
)
def test_a_server_that_hangs_or_drips_ends_at_the_deadline(raw_server: RawServer, talk: Talk) -> None:
    """Each byte comes well within the read timeout, and the request as a whole ends all the same."""
    error = failure_of(endpoint(raw_server(talk)))
    assert type(error) is DeadlineError
    assert "did not answer in time" in str(error)
    assert "in all 0.6 s" in str(error)


def test_the_deadline_holds_on_a_connection_that_is_used_again(raw_server: RawServer) -> None:
    """The first answer is whole and keeps the connection; the second drips, and has a deadline of its own."""
    connections: list[int] = []

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connections.append(1)
        heard(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")(connection, over)

    where = endpoint(raw_server(talk))
    session = TimedSession(where)
    assert session.get(where.url).text == "ok"
    with pytest.raises(requests.RequestException) as caught:
        session.get(where.url)
    assert isinstance(translate(caught.value, where), DeadlineError)
    assert connections == [1]
    session.close()


def test_a_streamed_body_is_under_the_deadline_too(raw_server: RawServer) -> None:
    """With stream=True reading goes on after send has returned; the deadline goes with it."""
    where = endpoint(raw_server(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")))
    session = TimedSession(where)
    response = session.get(where.url, stream=True)
    with pytest.raises(requests.RequestException) as caught:
        for _ in response.iter_content(1):
            pass
    assert isinstance(translate(caught.value, where), DeadlineError)
    session.close()


def test_a_proxy_that_drips_its_answer_to_connect_ends_at_the_deadline(raw_server: RawServer) -> None:
    """The tunnel to an https server is made under the deadline as well, and is no part of the request."""
    proxy = raw_server(drip(b"HTTP/1.1 200 Connection established\r\nX-Slow: "))
    error = failure_of(endpoint("https://jenkins.invalid", proxy=proxy))
    assert isinstance(error, DeadlineError)
    assert isinstance(error, NotSentError)


def test_a_refused_connection_is_unreachable_and_says_so() -> None:
    """Nobody listens on the port: the system's own words, and the address; certainly nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure_of(endpoint(f"http://127.0.0.1:{port}"))
    assert isinstance(error, NotSentError)
    assert f"test/jenkins at http://127.0.0.1:{port} cannot be reached" in str(error)
    assert "Connection refused" in str(error)


def test_a_connection_that_breaks_before_or_within_the_answer_is_unreachable(raw_server: RawServer) -> None:
    """Both end as UnreachableError, never as a traceback of urllib3's."""

    def hang_up(connection: socket.socket, _: threading.Event) -> None:
        heard(connection)

    def break_off(connection: socket.socket, _: threading.Event) -> None:
        heard(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")

    assert type(failure_of(endpoint(raw_server(hang_up)))) is UnreachableError
    error = failure_of(endpoint(raw_server(break_off)))
    assert type(error) is UnreachableError
    assert "broke off" in str(error)


def test_what_is_no_http_is_a_protocol_error(raw_server: RawServer) -> None:
    """Escapes in the other side's words do not reach the sentence."""
    error = failure_of(endpoint(raw_server(say(b"SSH-2.0-\x1b[31mOpenSSH\r\n\r\n"))))
    assert isinstance(error, ProtocolError)
    assert "\x1b" not in str(error)


def test_https_to_a_server_without_tls_is_a_tls_error(raw_server: RawServer) -> None:
    """The sentence names the settings that decide it."""

    def plain(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    error = failure_of(endpoint(raw_server(plain).replace("http:", "https:")))
    assert isinstance(error, TlsError)
    assert isinstance(error, NotSentError)
    assert "`ca_bundle`" in str(error)


@pytest.mark.parametrize("length", [b"Content-Length: 2000\r\n", b""], ids=["known length", "until closed"])
def test_a_body_beyond_the_limit_is_not_read_to_its_end(raw_server: RawServer, length: bytes) -> None:
    """The answer is dropped at the cap."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        heard(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * 2000)

    error = failure_of(endpoint(raw_server(talk)), body_limit=1000)
    assert isinstance(error, ProtocolError)
    assert "more than 1000 bytes" in str(error)


def test_a_post_is_never_repeated_by_a_redirect(raw_server: RawServer) -> None:
    """The redirect itself is the answer, even where the caller says allow_redirects."""
    where = endpoint(
        raw_server(say(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"))
    )
    session = TimedSession(where)
    response = session.post(where.url, data=b"x", allow_redirects=True)
    assert response.status_code == 307
    assert response.history == []
    session.close()


def test_a_get_is_not_redirected_to_another_server(raw_server: RawServer) -> None:
    """Headers with a credential would go along: it ends in a sentence that names the other address."""
    error = failure_of(
        endpoint(
            raw_server(
                say(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/x\r\nContent-Length: 0\r\n\r\n")
            )
        )
    )
    assert isinstance(error, ProtocolError)
    assert "http://evil.example/x" in str(error)


def test_a_get_is_redirected_within_its_server(raw_server: RawServer) -> None:
    """A path that gained a slash is no reason to fail."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        while request := heard(connection):
            if request.startswith(b"GET /new"):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            else:
                connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n")

    where = endpoint(raw_server(talk))
    session = TimedSession(where)
    assert session.get(where.url + "/old").text == "ok"
    session.close()


def test_proxy_and_netrc_of_the_environment_are_not_used(
    raw_server: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the configuration decides where requests go and as whom."""
    seen: list[bytes] = []

    def talk(connection: socket.socket, _: threading.Event) -> None:
        seen.append(heard(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login planted password planted\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    where = endpoint(raw_server(talk))
    session = TimedSession(where)
    session.get(where.url)
    assert b"Authorization" not in seen[0]
    session.close()


def test_tls_is_trusted_by_the_ca_bundle_alone_and_under_the_deadline(
    raw_server: RawServer, tmp_path: Path
) -> None:
    """A certificate unknown to the system is refused; with the bundle it is taken, and a drip still ends."""
    pem = self_signed(tmp_path)
    context = server_context(pem)

    def talk(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            heard(secure)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")(secure, over)

    url = raw_server(talk).replace("http:", "https:")
    assert isinstance(failure_of(endpoint(url)), HandshakeError)
    trusting = endpoint(url, ca_bundle=pem)
    session = TimedSession(trusting)
    assert session.get(url).text == "ok"
    with pytest.raises(requests.RequestException) as caught:
        session.get(url)
    assert isinstance(translate(caught.value, trusting), DeadlineError)
    session.close()


def test_a_client_that_is_refused_after_its_request_left_may_have_been_heard(
    raw_server: RawServer, tmp_path: Path
) -> None:
    """TLS 1.3 refuses a missing client certificate once the request is on its way: no NotSentError."""
    pem = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pem)
    context.load_verify_locations(pem)
    context.verify_mode = ssl.CERT_REQUIRED

    def talk(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            heard(secure)

    error = failure_of(endpoint(raw_server(talk).replace("http:", "https:"), ca_bundle=pem))
    assert not isinstance(error, NotSentError)


def test_a_ca_bundle_that_cannot_be_read_is_a_mistake_of_configuration(tmp_path: Path) -> None:
    """Named by its keys, before anything is sent."""
    with pytest.raises(CredentialError, match="`ca_bundle`"):
        tls_context(endpoint("https://jenkins.invalid", ca_bundle=tmp_path / "none.pem"))
    assert tls_context(endpoint("https://jenkins.invalid")).verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UnauthenticatedError),
        (403, ForbiddenError),
        (429, RateLimitedError),
        (500, ServerFaultError),
        (599, ServerFaultError),
        (418, ProtocolError),
    ],
)
def test_a_status_is_one_kind_of_error(status: int, kind: type[SourceError]) -> None:
    """The sentence quotes the body, on one line."""
    error = status_error("prod/vault", status, b"no\n\xff way")
    assert type(error) is kind
    assert str(error).endswith(f'(HTTP {status}: "no \N{REPLACEMENT CHARACTER} way")')


def test_words_from_outside_are_cleaned_and_clipped() -> None:
    """Escapes, lone surrogates, direction marks and megabytes do not reach a sentence."""
    assert quoted("a\x1b[31m\ud800\u202eb") == '"a\ufffdb"'
    assert len(quoted("x" * 1_000_000)) == 242
