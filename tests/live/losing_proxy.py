"""A way to an HTTP server on which one request is lost: before it arrives, or with its answer."""

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Loss(Enum):
    """What is lost of a request; whoever sent it sees its connection reset each time."""

    REQUEST = "the request never arrives"
    WAITING = "the connection breaks as soon as the server has the whole request"
    ANSWER = "the connection breaks when the server answers"


@dataclass
class Way:
    """A proxy that runs. ``url`` ends without a slash."""

    url: str
    lost: list[str] = field(default_factory=list)
    """Bodies of the requests that were lost."""


@contextmanager
def losing_proxy(server: str, loss: Loss, path: str, *, body: bytes) -> Iterator[Way]:
    """A proxy that loses the first POST to a ``...path`` with ``body`` in it; all others pass."""
    proxy = _Proxy(urlsplit(server).netloc, loss, path, body)
    thread = threading.Thread(target=proxy.serve_forever, name="losing proxy", daemon=True)
    thread.start()
    try:
        yield proxy.way
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, loss: Loss, path: str, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = host
        self.loss = loss
        self.way = Way(f"http://127.0.0.1:{self.server_address[1]}")
        self._path = path
        self._body = body
        self._lock = threading.Lock()

    def loses(self, method: str, path: str, body: bytes) -> bool:
        """Whether this request is the one."""
        with self._lock:
            if self.way.lost or method != "POST" or not path.endswith(self._path) or self._body not in body:
                return False
            self.way.lost.append(body.decode())
            return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        loss = self.server.loss if self.server.loses(self.command, self.path, body) else None
        if loss is Loss.REQUEST:
            self._break_off()
            return
        with contextlib.closing(http.client.HTTPConnection(self.server.host, timeout=30)) as there:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            there.request(self.command, self.path, body or None, headers)
            if loss is Loss.WAITING:
                self._break_off()
            answer = there.getresponse()
            document = answer.read()
        if loss is None:
            self._answer(answer, document)
        elif loss is Loss.ANSWER:
            self._break_off()

    def _answer(self, answer: http.client.HTTPResponse, document: bytes) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def _break_off(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # What was made of the socket to read from holds it open.
        self.rfile.close()
        self.connection.close()
