"""Faults on purpose: ASGI middleware that makes an emulator slow, silent, wrong or rude.

A fault hits requests whose path (with its query) its pattern is found in, a number of times or until it is
cleared. Faults that break a connection do it on the socket itself, which ``TrackedProtocol`` lets them find.
"""

import asyncio
import contextlib
import itertools
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from fedesk.sandbox.traffic import TrafficLog, path_of


class FaultKind(StrEnum):
    """What goes wrong."""

    SLOW = "slow"
    """The request takes effect after ``seconds``, whether or not somebody still waits for the answer."""
    HANG = "hang"
    """Accepts, reads, and never answers."""
    DRIP = "drip"
    """Headers at once, then a byte every ``seconds``."""
    DROP_AFTER_COMMIT = "drop_after_commit"
    """The request takes effect; the connection is closed without an answer."""
    RESET_AFTER_COMMIT = "reset_after_commit"
    """The same with a TCP reset."""
    STATUS = "status"
    """Answers ``status`` in the system's own words; the request has no effect."""
    STATUS_AFTER_COMMIT = "status_after_commit"
    """The request takes effect; the answer is ``status`` all the same, as from a proxy that gave up."""
    TRUNCATE = "truncate"
    """Half of the answer, then the connection is closed."""
    CLOSE = "close"
    """The connection is closed at once, without an answer or an effect."""
    RESET = "reset"
    """The same with a TCP reset."""


STATUSES = frozenset({400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503, 504})
SYSTEMS = ("jenkins", "airflow", "vault", "snowflake", "registry", "health")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault to be played. Raises ValueError for what makes no sense."""

    system: str
    kind: FaultKind
    match: str = ""
    """Regular expression, searched in path and query; everything for ``""``."""
    times: int = 0
    """How often it hits; 0 means until it is cleared."""
    after: int = 0
    """Requests that its pattern is found in and that pass before it hits."""
    status: int = 500
    seconds: float = 1.0
    number: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise ValueError(f"{self.system!r} is no system; there are {', '.join(SYSTEMS)}")
        tells_status = self.kind in (FaultKind.STATUS, FaultKind.STATUS_AFTER_COMMIT)
        if tells_status and self.status not in STATUSES:
            raise ValueError(f"status {self.status} is not offered; there are {sorted(STATUSES)}")
        if min(self.times, self.after, self.seconds) < 0:
            raise ValueError("times, after and seconds cannot be negative")
        try:
            re.compile(self.match)
        except re.error as error:
            raise ValueError(f"match {self.match!r} is no regular expression: {error}") from error


class FaultBoard:
    """The faults that wait for requests; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[int, Fault] = {}
        self._numbers = itertools.count(1)
        self._standing: set[int] = set()
        self._systems: dict[int, str] = {}
        self._listeners: list[Callable[[], None]] = []

    def add(self, fault: Fault) -> Fault:
        """Set one up; the one with its number comes back."""
        with self._lock:
            numbered = replace(fault, number=next(self._numbers))
            self._faults[numbered.number] = numbered
            self._standing.add(numbered.number)
            self._systems[numbered.number] = numbered.system
            return numbered

    def clear(self, system: str = "") -> None:
        """Take all down, or one system's; what hangs or drips at the time is let go (its socket closes)."""
        with self._lock:
            gone = {number for number, name in self._systems.items() if system in ("", name)}
            self._standing -= gone
            self._faults = {number: fault for number, fault in self._faults.items() if number not in gone}
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()

    def faults(self) -> tuple[Fault, ...]:
        """Those that still wait."""
        with self._lock:
            return tuple(self._faults.values())

    def stands(self, fault: Fault) -> bool:
        """Whether a fault has not been cleared, used up or not."""
        with self._lock:
            return fault.number in self._standing

    def strike(self, system: str, path: str) -> Fault | None:
        """The oldest fault that hits a request, counted down."""
        with self._lock:
            for number, fault in tuple(self._faults.items()):
                if fault.system != system or not re.search(fault.match, path):
                    continue
                if fault.after:
                    self._faults[number] = replace(fault, after=fault.after - 1)
                    continue
                if fault.times == 1:
                    del self._faults[number]
                elif fault.times:
                    self._faults[number] = replace(fault, times=fault.times - 1)
                return fault
        return None

    @contextlib.contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call this after every clear, from the thread that clears."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP protocol, whose transports can be found by the client's address."""

    transports: dict[tuple[str, int], asyncio.Transport] = {}  # noqa: RUF012 - one table for all on purpose
    _peer: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base
        """Remember the transport."""
        super().connection_made(transport)
        self._peer = transport.get_extra_info("peername")
        if self._peer is not None:
            self.transports[self._peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        if self._peer is not None:
            self.transports.pop(self._peer, None)
        super().connection_lost(exc)


def close_connection(scope: Scope, *, reset: bool) -> None:
    """Close the connection a request came over: politely, or with a TCP reset."""
    transport = TrackedProtocol.transports.get(tuple(scope["client"]))
    if transport is None:
        return
    if reset:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


class Faulty:
    """ASGI middleware that plays the faults of a board on one system."""

    def __init__(self, app: ASGIApp, *, system: str, board: FaultBoard, log: TrafficLog) -> None:
        self._app = app
        self._system = system
        self._board = board
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or play a fault."""
        fault = self._board.strike(self._system, path_of(scope)) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        self._log.amend(scope.get("fedesk.request", 0), lambda known: replace(known, fault=fault.kind.value))
        await self._play(fault, scope, receive, send)

    async def _play(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case FaultKind.SLOW:
                heard = await _heard(receive)
                await asyncio.sleep(fault.seconds)
                await self._app(scope, _repeating(heard, receive), send)
            case FaultKind.HANG:
                await self._until_cleared(fault, receive)
                close_connection(scope, reset=False)
                await _gone(receive)
            case FaultKind.DRIP:
                await self._drip(fault, scope, receive, send)
            case FaultKind.DROP_AFTER_COMMIT | FaultKind.RESET_AFTER_COMMIT:
                await self._app(scope, receive, _swallow)
                close_connection(scope, reset=fault.kind is FaultKind.RESET_AFTER_COMMIT)
                await _gone(receive)
            case FaultKind.STATUS:
                await _answer(self._system, fault.status, send)
            case FaultKind.STATUS_AFTER_COMMIT:
                await self._app(scope, receive, _swallow)
                await _answer(self._system, fault.status, send)
            case FaultKind.TRUNCATE:
                await self._truncate(scope, receive, send)
            case FaultKind.CLOSE | FaultKind.RESET:
                close_connection(scope, reset=fault.kind is FaultKind.RESET)
                await _gone(receive)

    async def _until_cleared(self, fault: Fault, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        cleared = asyncio.Event()
        with self._board.listening(lambda: _wake(loop, cleared)):
            gone = asyncio.ensure_future(_gone(receive))
            waits = asyncio.ensure_future(cleared.wait())
            while self._board.stands(fault) and not gone.done():
                await asyncio.wait({gone, waits}, return_when=asyncio.FIRST_COMPLETED)
                cleared.clear()
                if waits.done():
                    waits = asyncio.ensure_future(cleared.wait())
            gone.cancel()
            waits.cancel()

    async def _drip(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _collect(self._app, scope, receive)
        await send(start)
        gone = asyncio.ensure_future(_gone(receive))
        for position in range(len(body)):
            if gone.done() or not self._board.stands(fault):
                break
            await send(
                {"type": "http.response.body", "body": body[position : position + 1], "more_body": True}
            )
            await asyncio.wait({gone}, timeout=fault.seconds)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            gone.cancel()
            return
        gone.cancel()
        close_connection(scope, reset=False)
        await _gone(receive)

    async def _truncate(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _collect(self._app, scope, receive)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(max(len(body), 1)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        close_connection(scope, reset=False)
        await _gone(receive)


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it what waited
        loop.call_soon_threadsafe(event.set)


async def _gone(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _heard(receive: Receive) -> list[Message]:
    """The whole request."""
    heard = [await receive()]
    while heard[-1].get("more_body"):
        heard.append(await receive())
    return heard


def _repeating(heard: list[Message], receive: Receive) -> Receive:
    """A request that was heard, once more."""
    left = iter(heard)

    async def repeating() -> Message:
        return next(left, None) or await receive()

    return repeating


async def _swallow(_message: Message) -> None:
    """Take an answer that nobody is to see."""


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Let the request happen and keep its whole answer back."""
    start: Message = {"type": "http.response.start", "status": 500, "headers": []}
    body = bytearray()

    async def keep(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    return start, bytes(body)


_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


async def _answer(system: str, status: int, send: Send) -> None:
    """An error as the system words it: HTML from Jenkins, JSON of its own shape from the others."""
    words = _WORDS.get(status, "Error")
    headers = [(b"connection", b"close")]
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        headers.append((b"retry-after", b"1"))
    if system == "jenkins":
        body = f"<html><head><title>Error {status} {words}</title></head><body><h2>{words}</h2></body></html>"
        kind = b"text/html;charset=utf-8"
        if status == 401:  # noqa: PLR2004 - Unauthorized
            headers.append((b"www-authenticate", b'Basic realm="Jenkins"'))
    else:
        kind = b"application/json"
        documents: dict[str, object] = {
            "airflow": {"detail": words},
            "vault": {"errors": [words.lower()]},
            "health": {"status": words.lower()},
            "registry": {"errors": [{"code": "UNKNOWN", "message": words.lower()}]},
            "snowflake": {"data": None, "code": str(status), "message": words, "success": False},
        }
        body = json.dumps(documents[system])
    raw = body.encode()
    headers += [(b"content-type", kind), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})
