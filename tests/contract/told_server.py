"""A receiver of notices over real HTTP: down for as long as a test says, then with the answers it says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Told:
    """What was received. Until ``up`` is called its port refuses every connection."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        """Statuses of the next answers; 202 once they are used up."""
        self.before: Callable[[], None] = lambda: None
        """Called with each request, before it is answered."""
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        """Method, path, and the body where it is JSON."""
        self._server: ThreadingHTTPServer | None = None
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.take(self)

            def do_GET(self) -> None:
                told.take(self)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        # Bound, and not listening yet: nobody else gets the port.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.server_bind()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread: threading.Thread | None = None

    def up(self) -> None:
        """Begin to listen."""
        assert self._server is not None
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length)
        self.requests.append((handler.command, handler.path, json.loads(body) if body else {}))
        self.before()
        status = self.answers.pop(0) if self.answers else 202
        with suppress(OSError):
            handler.send_response(status)
            handler.send_header("content-length", "2")
            handler.end_headers()
            handler.wfile.write(b"{}")

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was received, in order."""
        return [body for _, _, body in self.requests]

    @property
    def alerts(self) -> dict[str, str]:
        """What PagerDuty makes of it: by dedup key, whether it is triggered or resolved."""
        return {body["dedup_key"]: body["event_action"] for body in self.bodies if "dedup_key" in body}

    def close(self) -> None:
        """Stop listening."""
        assert self._server is not None
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join(5)
        self._server.server_close()


@pytest.fixture
def told() -> Iterator[Told]:
    """A receiver that is down."""
    receiver = Told()
    yield receiver
    receiver.close()
