"""Triggers of Jenkins without an answer: what was done is looked up, nothing is sent twice."""

import asyncio
import re
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from jenkins_rig import LEDGER, PAYMENTS, POSTS, Rig, endpoint_of, posts, rig_over
from raw_server import heard
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedesk.clients.jenkins_changes import JenkinsChanges
from fedesk.domain.operations import Settled
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import (
    DeadlineError,
    NotSentError,
    ServerFaultError,
    SourceError,
    UnreachableError,
)
from fedesk.sandbox.jenkins import application
from fedesk.sandbox.server import Sandbox

if TYPE_CHECKING:
    from asgi_server import AsgiServer
    from raw_server import RawServer


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[Rig]:
    yield from rig_over(sandbox)


def test_a_password_needs_a_crumb_and_a_stale_one_is_renewed_once(
    asgi_server: "AsgiServer", rig: Rig
) -> None:
    """What the crumb filter refused is sent anew, with one effect: the job never saw the first."""
    controllers = [application(rig.world)]

    async def current(scope: Scope, receive: Receive, send: Send) -> None:
        await controllers[-1](scope, receive, send)

    served = asgi_server(current)
    identity = rig.world.identity("jenkins", writer=True)
    password = replace(rig.endpoint, url=served.url, credential=lambda: SecretText(identity.password))
    changing = JenkinsChanges(password)
    changing.apply(rig.call(LEDGER, "op-1"))
    controllers.append(application(rig.world))
    call = rig.call(LEDGER, "op-2")
    served.requests.clear()
    changing.apply(call)
    assert [one.split("?")[0] for one in served.requests] == [
        "POST /job/finedge/job/prod/job/ledger-ci/buildWithParameters",
        "GET /crumbIssuer/api/json",
        "POST /job/finedge/job/prod/job/ledger-ci/buildWithParameters",
    ]
    assert [len(rig.ours(LEDGER, one)) for one in ("op-1", "op-2")] == [1, 1]


@pytest.mark.parametrize("kind", ["hang", "reset", "close", "status"])
def test_without_a_crumb_nothing_is_sent(sandbox: Sandbox, rig: Rig, kind: str) -> None:
    """Whatever befalls the crumb's own request, the trigger has not left."""
    call = rig.call(LEDGER)
    sandbox.control.fault("jenkins", kind, match="crumbIssuer", status=503)
    sandbox.control.clear_requests()
    with pytest.raises(NotSentError):
        JenkinsChanges(endpoint_of(rig.world, rig.endpoint.url, deadline=0.5)).apply(call)
    assert posts(sandbox) == []


def test_crumb_and_trigger_share_one_deadline(sandbox: Sandbox, rig: Rig) -> None:
    """A slow crumb uses the trigger's time up: whoever settles after the deadline is not overtaken."""
    call = rig.call(LEDGER)
    sandbox.control.fault("jenkins", "slow", match="crumbIssuer", seconds=0.4)
    sandbox.control.fault("jenkins", "hang", match=POSTS)
    changing = JenkinsChanges(endpoint_of(rig.world, rig.endpoint.url, deadline=0.8))
    done = threading.Event()
    times: list[float] = []

    def apply() -> None:
        start = time.monotonic()
        with pytest.raises(DeadlineError):
            changing.apply(call)
        times.append(time.monotonic() - start)
        done.set()

    threading.Thread(target=apply, daemon=True).start()
    assert done.wait(10)
    assert times[0] < 1.1


@pytest.mark.parametrize(
    ("kind", "error", "state"),
    [
        ("drop_after_commit", UnreachableError, Settled.DONE),
        ("truncate", SourceError, Settled.DONE),
        ("close", UnreachableError, Settled.NOT_DONE),
        ("reset", UnreachableError, Settled.NOT_DONE),
        ("status", ServerFaultError, Settled.NOT_DONE),
        ("hang", DeadlineError, Settled.NOT_DONE),
    ],
)
@pytest.mark.parametrize("job", [LEDGER, PAYMENTS], ids=["with the id", "without it"])
def test_an_answer_that_did_not_come_is_looked_up(
    sandbox: Sandbox, rig: Rig, job: str, kind: str, error: type[SourceError], state: Settled
) -> None:
    """Lost after the commit, or never received: settling says which, by GETs alone; nothing is repeated."""
    call = rig.call(job)
    sandbox.control.fault("jenkins", kind, match=POSTS, times=1)
    sandbox.control.clear_requests()
    changing = JenkinsChanges(endpoint_of(rig.world, rig.endpoint.url, deadline=1.0))
    with pytest.raises(error) as raised:
        changing.apply(call)
    assert not isinstance(raised.value, NotSentError)
    assert len(posts(sandbox)) == 1
    sandbox.control.clear_faults()
    sandbox.control.clear_requests()
    settled = rig.changing.settle(call)
    assert settled.state is state
    assert posts(sandbox) == []
    mine = rig.by(job, rig.endpoint.user)
    assert len(mine) == (state is Settled.DONE)
    if mine:
        assert settled.reference == f"queue:{mine[0].queue_id}"
        rig.world.clock.advance(timedelta(minutes=1))
        assert rig.changing.settle(call).reference == f"build:{mine[0].number}"
    assert all(one.source.startswith("prod/jenkins ") for one in settled.evidence)


WITHIN_HEAD, AFTER_BODY, BEFORE_ANSWER, WITHIN_ANSWER = range(4)


def resetting(backend: str, point: int) -> Callable[[socket.socket, threading.Event], None]:
    """A way to Jenkins on which each POST to a job is reset at one point."""
    there = urlsplit(backend)

    def onward(request: bytes) -> bytes:
        with socket.create_connection((there.hostname or "", there.port or 0)) as server:
            server.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
            return b"".join(iter(lambda: server.recv(65536), b""))

    def talk(connection: socket.socket, _: threading.Event) -> None:
        while begun := connection.recv(9, socket.MSG_PEEK):
            if begun != b"POST /job":
                connection.sendall(onward(whole(connection)))
                continue
            request = connection.recv(20) if point == WITHIN_HEAD else whole(connection)
            if point >= BEFORE_ANSWER:
                answer = onward(request)
                connection.sendall(answer[:30] if point == WITHIN_ANSWER else b"")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return

    return talk


def whole(connection: socket.socket) -> bytes:
    """A request with its body."""
    request = heard(connection)
    length = re.search(rb"(?i)content-length: *(\d+)", request)
    missing = (int(length[1]) if length else 0) - len(request.partition(b"\r\n\r\n")[2])
    while missing > 0:
        more = connection.recv(missing)
        request, missing = request + more, missing - len(more)
    return request


@pytest.mark.parametrize(
    ("point", "state"),
    [
        (WITHIN_HEAD, Settled.NOT_DONE),
        (AFTER_BODY, Settled.NOT_DONE),
        (BEFORE_ANSWER, Settled.DONE),
        (WITHIN_ANSWER, Settled.DONE),
    ],
    ids=["within the head", "after the body", "before the answer", "within the answer"],
)
def test_a_reset_at_each_point(raw_server: "RawServer", rig: Rig, point: int, state: Settled) -> None:
    """Wherever the connection is reset, looking tells whether Jenkins had acted."""
    call = rig.call(LEDGER)
    url = raw_server(resetting(rig.endpoint.url, point))
    with pytest.raises(SourceError) as raised:
        JenkinsChanges(replace(rig.endpoint, url=url)).apply(call)
    assert not isinstance(raised.value, NotSentError)
    assert len(rig.ours(LEDGER)) == (state is Settled.DONE)
    assert rig.changing.settle(call).state is state


def test_a_refused_connection_is_not_sent(rig: Rig) -> None:
    """Nobody listens: certainly nothing was done."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(NotSentError):
        JenkinsChanges(replace(rig.endpoint, url=url)).apply(rig.call(LEDGER))


class Wayward:
    """ASGI middleware: a POST to a job takes effect, and its answer is another one, or comes when told."""

    def __init__(self, app: ASGIApp, *, status: int = 0) -> None:
        self._app = app
        self._status = status
        self.go = threading.Event()
        self.committed = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await receive()

        async def again() -> Message:
            return body

        async def nothing(_: Message) -> None:
            pass

        if not self._status:
            await asyncio.to_thread(self.go.wait, 30)
        await self._app(scope, again, nothing)
        self.committed.set()
        response = Response("<h1>Oops</h1>", self._status or 500, media_type="text/html")
        await response(scope, receive, send)


def test_a_500_after_the_commit(asgi_server: "AsgiServer", rig: Rig) -> None:
    """A fault does not say that nothing was done: it is looked up, and was."""
    served = asgi_server(Wayward(application(rig.world), status=500))
    call = rig.call(LEDGER)
    changing = JenkinsChanges(replace(rig.endpoint, url=served.url))
    with pytest.raises(ServerFaultError):
        changing.apply(call)
    served.requests.clear()
    assert changing.settle(call).state is Settled.DONE
    assert all(one.startswith("GET ") for one in served.requests)
    assert len(rig.ours(LEDGER)) == 1


def test_a_server_that_commits_after_our_deadline(asgi_server: "AsgiServer", rig: Rig) -> None:
    """While it has not committed there is nothing, and that is what is said; afterwards it is found."""
    wayward = Wayward(application(rig.world))
    served = asgi_server(wayward)
    call = rig.call(LEDGER)
    endpoint = endpoint_of(rig.world, served.url, deadline=0.5)
    with pytest.raises(DeadlineError) as raised:
        JenkinsChanges(endpoint).apply(call)
    assert not isinstance(raised.value, NotSentError)
    assert rig.changing.settle(call).state is Settled.NOT_DONE
    wayward.go.set()
    assert wayward.committed.wait(10)
    assert rig.changing.settle(call).state is Settled.DONE


@pytest.mark.parametrize("kind", ["drop_after_commit", "reset", "status", "hang", "truncate"])
def test_no_exception_shows_the_token(sandbox: Sandbox, rig: Rig, kind: str) -> None:
    """Neither the sentence nor the traceback, with the locals' reprs that a crash report would show."""
    planted = rig.world.identity("jenkins", writer=True).credential
    call = rig.call(LEDGER)
    sandbox.control.fault("jenkins", kind, match=POSTS, status=500)
    changing = JenkinsChanges(endpoint_of(rig.world, rig.endpoint.url, deadline=0.5))
    with pytest.raises(SourceError) as raised:
        changing.apply(call)
    error: BaseException | None = raised.value
    report = traceback.TracebackException.from_exception(raised.value, compact=True)
    assert planted not in str(raised.value)
    assert planted not in "".join(report.format())
    while error is not None:
        assert planted not in repr(error)
        error = error.__cause__
    assert raised.value.__cause__ is None
