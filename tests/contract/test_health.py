"""Health addresses, looked at without a login: statuses as they are, and no other server."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from raw_server import RawServer, drip, hang
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fedesk.clients.health import HealthClient
from fedesk.domain.names import ConnectionName
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import DeadlineError, NotSentError, ProtocolError, UnreachableError

if TYPE_CHECKING:
    from asgi_server import AsgiServer

ENDPOINT = Endpoint(
    name=ConnectionName("prod", "jenkins"),
    url="https://jenkins.finedge.example",
    user="oncall",
    credential=lambda: SecretText("planted"),
    connect_timeout=2.0,
    read_timeout=5.0,
    deadline=5.0,
)


def application(heard: list[Request]) -> Starlette:
    async def answer(request: Request) -> Response:
        heard.append(request)
        path = request.url.path
        if path.startswith("/status/"):
            return Response("x" * 1_000_000 if path.endswith("200") else "down\x1b[31m", int(path[8:]))
        target = request.query_params.get("to", "/circle")
        found = RedirectResponse(target)
        found.set_cookie("session", "abc")
        return found

    return Starlette(routes=[Route("/{path:path}", answer)])


def test_what_is_answered_is_seen_whatever_the_status(asgi_server: "AsgiServer") -> None:
    """The status, and the beginning of the body as clean text; no login and no cookie goes along."""
    heard: list[Request] = []
    served = asgi_server(application(heard))
    client = HealthClient(ENDPOINT)
    large = client.look(f"{served.url}/status/200")
    assert (large.status, large.body) == (200, "x" * 4096)
    assert [client.look(f"{served.url}/status/{status}").status for status in (401, 404, 429, 503)] == [
        401,
        404,
        429,
        503,
    ]
    assert client.look(f"{served.url}/status/503").body == "down"
    moved = client.look(f"{served.url}/go?to=/status/202")
    assert moved.status == 202
    assert all("authorization" not in one.headers and "cookie" not in one.headers for one in heard)


def test_a_redirect_to_another_server_is_not_followed(asgi_server: "AsgiServer") -> None:
    """Nor one that goes round in a circle; each is said."""
    heard: list[Request] = []
    served, other = asgi_server(application(heard)), asgi_server(application([]))
    client = HealthClient(ENDPOINT)
    for target in (f"{other.url}/status/200", "https://elsewhere.example/"):
        with pytest.raises(ProtocolError, match="which is another server"):
            client.look(f"{served.url}/go?to={target}")
    assert other.requests == []
    with pytest.raises(ProtocolError, match="more than 3 times"):
        client.look(f"{served.url}/circle")
    assert len(heard) <= 8


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/",
        "file:///etc/passwd",
        "x.example/health",
        "https://",
        "https://u:planted@x.example/",
        "h\x00",
    ],
)
def test_an_address_that_is_none_is_not_asked(url: str) -> None:
    """Only HTTP, with a host and without a login in it."""
    with pytest.raises(NotSentError) as caught:
        HealthClient(ENDPOINT).look(url)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("talk", [hang, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")])
def test_a_look_ends_by_its_deadline(raw_server: RawServer, talk: Any) -> None:
    """However it is held up; what is not there is said with its address."""
    client = HealthClient(replace(ENDPOINT, read_timeout=0.3, deadline=0.4))
    with pytest.raises(DeadlineError):
        client.look(f"{raw_server(talk)}/health")
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        client.look("http://127.0.0.1:1/health")
