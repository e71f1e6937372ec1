"""A listener on loopback for the answer that a browser brings from an identity provider (RFC 8252)."""

import hmac
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from fedesk.ports.errors import CredentialError, DeadlineError

HOST = "127.0.0.1"
_STALLED = 5.0
"""Seconds that a connection may say nothing: another one may be the browser."""
_DONE = b"You are logged in. Go back to the terminal; this page may be closed.\n"
_FAILED = b"The login did not succeed. The terminal says why; this page may be closed.\n"


class Loopback:
    """Listens from its making until it is left. ``port`` 0 takes a free one; raises CredentialError."""

    def __init__(self, path: str, port: int) -> None:
        self._path = path
        self._state = ""
        self._answer: dict[str, str] | None = None
        try:
            self._server = HTTPServer((HOST, port), self._handler())
        except OSError as error:
            raise CredentialError(
                f"Port {port} of this machine is taken ({error.strerror}), where the browser would bring the "
                "login back: end what listens there, perhaps another login, and try again"
            ) from None

    @property
    def address(self) -> str:
        """Where the browser is sent back to; ``localhost`` is what roles are usually given."""
        return f"http://localhost:{self._server.server_port}{self._path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def answer(self, state: str, seconds: float) -> Mapping[str, str]:
        """What the browser brings for this state; anything else is turned away. Raises DeadlineError."""
        self._state = state
        until = time.monotonic() + seconds
        while self._answer is None:
            left = until - time.monotonic()
            if left <= 0:
                raise DeadlineError(f"No browser came back within {seconds:g} s; run the login again")
            self._server.timeout = left
            self._server.handle_request()
        return self._answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _STALLED

            def do_GET(self) -> None:
                status, text = loopback._taken(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the signature is the library's)
                """Say nothing: the line would hold the code."""

        return Handler

    def _taken(self, target: str) -> tuple[int, bytes]:
        """Status and page for what was asked for; the first that carries the state is the answer."""
        parts = urlsplit(target)
        given = dict(parse_qsl(parts.query))
        if parts.path != self._path:
            return 404, b"There is nothing here.\n"
        if not hmac.compare_digest(given.get("state", "").encode(), self._state.encode()):
            return 400, b"This is not the login that the terminal waits for.\n"
        self._answer = given
        return (200, _DONE) if given.get("code") else (200, _FAILED)
