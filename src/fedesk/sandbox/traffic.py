"""What each emulator was asked and answered: an exact log, kept by ASGI middleware in front of it."""

import base64
import binascii
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedesk.sandbox.model import Identity

_LOGGER = logging.getLogger("fedesk.sandbox")
IDENTITY_KEY = "fedesk.identity"
"""An emulator that knows better who asked puts the name here in the request's scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that an emulator received."""

    number: int
    """Counts from 1 over all systems; later requests have higher ones."""
    at: datetime
    """Real time, aware UTC, whatever the world's clock says."""
    system: str
    method: str
    path: str
    """Undecoded, with its query."""
    identity: str = ""
    """Who the credential names, believed or not; empty for none."""
    status: int = 0
    """0 until an answer has begun, and for ever where none did."""
    bytes_in: int = 0
    """Bytes of the body received, as they came (perhaps compressed)."""
    bytes_out: int = 0
    """Bytes of the body sent, as they went (perhaps compressed), headers left aside."""
    fault: str = ""
    """Kind of the fault that was played, if any."""


class TrafficLog:
    """Requests in the order they came; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[int, Request] = {}
        self._number = 0

    def begin(self, system: str, method: str, path: str, identity: str) -> int:
        """Note a request; its number is its handle."""
        with self._lock:
            self._number += 1
            self._requests[self._number] = Request(
                number=self._number,
                at=datetime.now(UTC),
                system=system,
                method=method,
                path=path,
                identity=identity,
            )
            return self._number

    def amend(self, number: int, change: Callable[[Request], Request]) -> None:
        """Change what is noted of a request; nothing where it was cleared meanwhile."""
        with self._lock:
            known = self._requests.get(number)
            if known is not None:
                self._requests[number] = change(known)

    def requests(self, system: str = "") -> tuple[Request, ...]:
        """What one system received, or all of them."""
        with self._lock:
            return tuple(request for request in self._requests.values() if system in ("", request.system))

    def clear(self) -> None:
        """Forget everything; numbers go on counting."""
        with self._lock:
            self._requests.clear()


def path_of(scope: Scope) -> str:
    """Path and query of a request as they came over the wire."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (raw + b"?" + query if query else raw).decode("latin-1")


def claimed_identity(scope: Scope, tokens: dict[str, str]) -> str:
    """Who a request says it is from: a Basic user, a token's owner, or the subject of a bearer token."""
    headers = dict(scope["headers"])
    vault = headers.get(b"x-vault-token", b"").decode("latin-1")
    if vault:
        return tokens.get(vault, "unknown token")
    kind, _, rest = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest).decode("utf-8", "replace").partition(":")[0]
        except binascii.Error:
            return "unreadable"
    if kind.lower() == "bearer":
        return tokens.get(rest) or _subject(rest)
    return "session" if rest else ""


def _subject(token: str) -> str:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims and signature of a JWT
        return "unknown token"
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return "unknown token"
    return str(claims.get("sub", "unknown token")) if isinstance(claims, dict) else "unknown token"


def owners(identities: tuple[Identity, ...]) -> dict[str, str]:
    """Token to user, for what carries a token only."""
    return {identity.credential: identity.user for identity in identities}


class Recording:
    """ASGI middleware: everything that passes is noted in a log."""

    def __init__(self, app: ASGIApp, *, system: str, log: TrafficLog, tokens: dict[str, str]) -> None:
        self._app = app
        self._system = system
        self._log = log
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on and note."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = self._log.begin(
            self._system, scope["method"], path_of(scope), claimed_identity(scope, self._tokens)
        )
        scope["fedesk.request"] = number

        async def noting_receive() -> Message:
            message = await receive()
            size = len(message.get("body", b""))
            if size:
                self._log.amend(number, lambda known: replace(known, bytes_in=known.bytes_in + size))
            return message

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                who = scope.get(IDENTITY_KEY)
                self._log.amend(
                    number, lambda known: replace(known, status=status, identity=who or known.identity)
                )
            elif message["type"] == "http.response.body":
                size = len(message.get("body", b""))
                self._log.amend(number, lambda known: replace(known, bytes_out=known.bytes_out + size))
            await send(message)

        try:
            await self._app(scope, noting_receive, noting_send)
        except Exception:
            _LOGGER.exception(
                "the sandbox's %s failed at %s %s", self._system, scope["method"], path_of(scope)
            )
            raise
