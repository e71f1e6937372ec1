"""The Jenkins adapter where what answers is slow, broken, or no Jenkins: one sentence each, in time."""

import socket
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fedesk.clients.jenkins import JenkinsClient
from fedesk.clients.jenkins_log import CHUNK
from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.runs import LogRequest
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    ServerFaultError,
    SourceError,
    UnreachableError,
)
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.jenkins import application
from fedesk.sandbox.jenkins_log import console_text, progressive_text
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer
    from raw_server import RawServer

NAME = ConnectionName("prod", "jenkins")
RUN = RunName(NAME, "a/b#1")
LOGIN_PAGE = "<html><head><title>Sign in to FinEdge</title></head><body>Corporate login</body></html>"


def endpoint(url: str, *, deadline: float = 30.0) -> Endpoint:
    return Endpoint(
        name=NAME,
        url=url,
        user="oncall",
        credential=lambda: SecretText("planted"),
        read_timeout=deadline,
        deadline=deadline,
    )


def hang(_: socket.socket, over: threading.Event) -> None:
    over.wait()


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b" ")


def drip_text(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Text-Size: 9\r\nContent-Length: 100000\r\n\r\n"
    connection.sendall(head)
    while not over.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("talk", [hang, drip])
def test_a_look_ends_by_its_deadline(raw_server: "RawServer", talk: "object") -> None:
    """A Jenkins that accepts and never answers, or drips its answer, ends as DeadlineError naming it."""
    client = JenkinsClient(endpoint(raw_server(talk), deadline=0.4))  # type: ignore[arg-type]  # one of the above
    with pytest.raises(DeadlineError, match=r"^prod/jenkins .*did not answer in time"):
        client.observe(None)


@pytest.mark.parametrize("talk", [hang, drip_text])
def test_a_log_ends_by_its_deadline(raw_server: "RawServer", talk: "object") -> None:
    """So does a log, which is read as a stream."""
    client = JenkinsClient(endpoint(raw_server(talk), deadline=0.4))  # type: ignore[arg-type]  # one of the above
    with pytest.raises(DeadlineError, match=r"^prod/jenkins .*did not answer in time"):
        client.log(LogRequest(run=RUN), "")


def answering(status: int, body: str | bytes, kind: str = "text/html", **headers: str) -> Starlette:
    """A server that gives one answer to everything."""

    def answer(_: Request) -> Response:
        return Response(body, status, media_type=kind, headers=headers)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


@pytest.mark.parametrize(
    ("application", "error", "words"),
    [
        (answering(200, LOGIN_PAGE), ProtocolError, '"Sign in to FinEdge Corporate login"; a login page'),
        (answering(302, "", Location="https://sso.example/login"), ProtocolError, "sends fedesk on to"),
        (answering(404, "nothing here", "text/plain"), NotFoundError, 'has no "/api/json"'),
        (
            answering(500, "<html><title>Oops</title><script>x()</script><h1>A problem occurred</h1></html>"),
            ServerFaultError,
            '"Oops A problem occurred"',
        ),
        (
            answering(503, "<html>Please wait while Jenkins is getting ready to work ...</html>"),
            ServerFaultError,
            "ready",
        ),
        (
            answering(403, "<b>no</b>", **{"X-Required-Permission": "hudson.model.Item.Read"}),
            ForbiddenError,
            "Item.Read",
        ),
        (answering(200, '{"jobs": [{"name"', "application/json"), ProtocolError, "not answer as Jenkins"),
        (answering(200, '{"jobs": "many"}', "application/json"), ProtocolError, "Expected `array"),
        (answering(200, '{"repositories": []}', "application/json"), ProtocolError, "names no jobs"),
        (answering(200, "[" * 100_000, "application/json"), ProtocolError, "not answer as Jenkins"),
    ],
)
def test_what_is_no_jenkins_is_said(
    asgi_server: "AsgiServer", application: Starlette, error: type[SourceError], words: str
) -> None:
    """Login pages, redirects, faults and foreign JSON become one clean sentence with the server's words."""
    served = asgi_server(application)
    with pytest.raises(error) as raised:
        JenkinsClient(endpoint(served.url)).observe(None)
    sentence = str(raised.value)
    assert words in sentence
    assert "prod/jenkins" in sentence
    assert "\n" not in sentence
    assert len(sentence) < 600
    assert "planted" not in sentence


def test_broken_text_in_json_is_replaced(asgi_server: "AsgiServer") -> None:
    """Invalid UTF-8 and lone surrogates in a name do not cost the look; what comes out can be encoded."""
    body = b'{"jobs":[{"fullName":"bad \xff\xfe \\ud83d name","color":"blue","builds":[]}],"items":[]}'
    served = asgi_server(answering(200, body, "application/json"))
    (job,) = JenkinsClient(endpoint(served.url)).observe(None).jobs
    assert job.name == "bad �� ? name"
    job.name.encode()


def test_nothing_listens() -> None:
    """A refused connection names the address and the system's own words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="Connection refused"):
        JenkinsClient(endpoint(url)).observe(None)


def test_credential_is_looked_up_once_when_opened() -> None:
    """What the look-up raises is what opening raises, before any byte is sent."""

    def credential() -> SecretText:
        raise CredentialError("the keyring is locked")

    with pytest.raises(CredentialError, match="the keyring is locked"):
        JenkinsClient(Endpoint(name=NAME, url="http://127.0.0.1:1", user="x", credential=credential))


def test_no_redirect_of_a_post_is_followed(asgi_server: "AsgiServer") -> None:
    """The 303 of a merged trigger and the 302 of a stop are the answer; nothing is asked at their target."""

    def trigger(request: Request) -> Response:
        return RedirectResponse("/queue/item/7/", status_code=int(request.path_params["status"]))

    routes = [Route("/job/x/{status}", trigger, methods=["POST"])]
    served = asgi_server(Starlette(routes=routes))
    session = JenkinsSession(endpoint(served.url))
    for status in (302, 303):
        answer = session.post(f"job/x/{status}", {})
        assert (answer.status_code, answer.headers["Location"]) == (status, "/queue/item/7/")
    posts = [request for request in served.requests if "crumbIssuer" not in request]
    assert posts == ["POST /job/x/302", "POST /job/x/303"]


def test_crumb_goes_with_its_session_and_is_renewed(asgi_server: "AsgiServer") -> None:
    """With a password a POST carries crumb and cookie; after a restart the crumb is had anew, once."""
    start = datetime(2026, 11, 20, 2, 43, tzinfo=UTC)
    world = World(clock=WorldClock(frozen_at=start), start=start, scale=0.1)
    controllers = [application(world)]

    async def current(scope: Scope, receive: Receive, send: Send) -> None:
        await controllers[-1](scope, receive, send)

    served = asgi_server(current)
    identity = world.identity("jenkins")
    session = JenkinsSession(
        Endpoint(
            name=NAME, url=served.url, user=identity.user, credential=lambda: SecretText(identity.password)
        )
    )
    assert session.post("api/json", {}).status_code == 200
    assert session.post("api/json", {}).status_code == 200
    assert served.requests == ["GET /crumbIssuer/api/json", "POST /api/json", "POST /api/json"]
    served.requests.clear()
    controllers.append(application(world))
    assert session.post("api/json", {}).status_code == 200
    assert served.requests == ["POST /api/json", "GET /crumbIssuer/api/json", "POST /api/json"]
    served.requests.clear()
    with pytest.raises(ForbiddenError, match=r"does not allow this to user \"oncall\" .*Item\.Build"):
        session.post(f"job/{world.jobs()[0].full_name.replace('/', '/job/')}/build", {})
    assert len(served.requests) == 1


class GrowingLog:
    """A Jenkins with one build, whose log the test writes."""

    def __init__(self) -> None:
        self.raw = b""
        self.complete = False

    def application(self) -> Starlette:
        """Serves the log as Jenkins does."""

        def progressive(request: Request) -> Response:
            start = int(request.query_params["start"])
            served = progressive_text(self.raw, start, complete=self.complete)
            return Response(served.body, media_type="text/plain;charset=UTF-8", headers=served.headers)

        def console(_: Request) -> Response:
            return PlainTextResponse(console_text(self.raw))

        base = "/job/a/job/b/1"
        return Starlette(
            routes=[
                Route(f"{base}/logText/progressiveText", progressive),
                Route(f"{base}/consoleText", console),
            ]
        )


def test_twelve_thousand_lines_while_building(asgi_server: "AsgiServer") -> None:
    """Over HTTP: lines beyond the 10,000th, and half a line, come later, once, and in order."""
    log = GrowingLog()
    client = JenkinsClient(endpoint(asgi_server(log.application()).url))
    lines = b"".join(b"line %d\n" % number for number in range(12_000))
    log.raw = lines + "halb fertig: größ".encode()[:-1]
    first = client.log(LogRequest(run=RUN), "")
    assert first.text.count("\n") == 10_000
    second = client.log(LogRequest(run=RUN), first.cursor)
    third = client.log(LogRequest(run=RUN), second.cursor)
    assert (third.text, third.complete) == ("", False)
    log.raw = lines + "halb fertig: größer\nend without a line feed".encode()
    log.complete = True
    last = client.log(LogRequest(run=RUN), third.cursor)
    assert last.complete
    assert first.text + second.text + last.text == log.raw.decode()


def test_a_long_finished_log_comes_in_pieces(asgi_server: "AsgiServer") -> None:
    """A log longer than a piece is handed on in pieces of whole lines, and no piece holds it all."""
    log = GrowingLog()
    log.complete = True
    log.raw = b"".join(b"%08d %s\n" % (number, b"x" * 90) for number in range(CHUNK // 30))
    client = JenkinsClient(endpoint(asgi_server(log.application()).url))
    cursor, pieces = "", []
    while True:
        chunk = client.log(LogRequest(run=RUN), cursor)
        pieces.append(chunk.text)
        cursor = chunk.cursor
        if chunk.complete:
            break
    assert "".join(pieces) == log.raw.decode()
    assert len(pieces) >= 3
    assert all(piece.endswith("\n") for piece in pieces)
