"""One HTTP request with httpx, ended in bounded time, its failure told in one sentence.

httpx has timeouts for each read, not for a request: a server that drips a byte a second is never late. So the
connections read through a network backend that knows the moment by which the request must have ended, headers
included. Proxies and credentials come from the configuration alone, and no redirect is followed: it would
carry the credential to wherever it points.
"""

import json
import ssl
import threading
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpcore

from fedesk.clients.lean_httpx import httpx
from fedesk.clients.measuring import date_of
from fedesk.clients.tls import server_address, tls_context
from fedesk.clients.wording import quoted, status_error
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import (
    ConnectDeadlineError,
    DeadlineError,
    HandshakeError,
    NotSentError,
    ProtocolError,
    SourceError,
    TlsError,
    UnreachableError,
)

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of one decoded answer; more is a ProtocolError."""

_ATTEMPTS = 2
_RETRY_WAIT = 0.05

Query = Iterable[tuple[str, str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with a status of 2xx, or one that was expected, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes
    """Decompressed."""
    transferred: int
    """Bytes of the body as they came over the wire."""

    @property
    def at(self) -> datetime | None:
        """The server's own clock (``Date``), to the second, aware; None where it does not say.

        Where a server in front has added one of its own, the last is the one of the system behind.
        """
        said = self.headers.get_list("date")
        return date_of(said[-1]) if said else None


class _Deadline(threading.local):
    """The moment (monotonic seconds) by which the request of this thread must have ended."""

    until: float = float("inf")

    def bound(self, timeout: float | None) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline of the request has passed")
        return left if timeout is None else min(timeout, left)


_DEADLINE = _Deadline()


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every read and write ends with the request's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _DEADLINE.bound(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _DEADLINE.bound(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _DEADLINE.bound(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore.NetworkBackend):
    """httpcore's own sockets, under the deadline of the request that uses them."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _TimedStream(
            self._backend.connect_tcp(host, port, _DEADLINE.bound(timeout), local_address, socket_options)
        )


def open_client(endpoint: Endpoint) -> httpx.Client:
    """A client for one system; opens no connection. Raises CredentialError for unusable certificate files."""
    transport = httpx.HTTPTransport(
        verify=tls_context(endpoint),
        proxy=httpx.Proxy(endpoint.proxy) if endpoint.proxy else None,
        trust_env=False,
        limits=httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=30.0),
    )
    # httpx hands no network backend through; a test proves that headers which drip are ended.
    transport._pool._network_backend = _TimedBackend()  # noqa: SLF001
    return httpx.Client(
        transport=transport,
        base_url=endpoint.url,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "fedesk", "Accept": "application/json", "Accept-Encoding": "gzip"},
        timeout=httpx.Timeout(endpoint.read_timeout, connect=endpoint.connect_timeout),
    )


def request(  # noqa: PLR0913  (one for each part of a request)
    client: httpx.Client,
    endpoint: Endpoint,
    method: str,
    path: str,
    *,
    query: Query = (),
    content: object = None,
    headers: Mapping[str, str] | None = None,
    again: bool = True,
    expected: Container[int] = (),
) -> Answer:
    """Send one request and read the whole answer within ``endpoint.deadline`` seconds.

    ``content`` goes out as JSON. ``again`` says that sending it twice does no harm: what breaks is then tried
    once more. Raises the SourceError that fits what went wrong; an answer outside 2xx is one, too, except for
    the statuses that are ``expected``.
    """
    outer = _DEADLINE.until
    _DEADLINE.until = min(outer, time.monotonic() + endpoint.deadline)
    prepared = client.build_request(
        method,
        path,
        params=[(key, str(value)) for key, value in query] or None,
        json=content,
        headers=dict(headers or {}),
    )
    first = True
    try:
        try:
            return _send(client, endpoint, prepared, expected)
        except httpx.TransportError as error:
            if not again or not _may_pass(error):
                raise
            first = isinstance(error, _CONNECTING)
        return _send_again(client, endpoint, prepared, expected)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        raise translate(error, endpoint, first=first) from None
    finally:
        _DEADLINE.until = outer


def first_bytes(client: httpx.Client, endpoint: Endpoint, url: str, limit: int) -> Answer:
    """GET an address, once; of the body so many bytes. Whatever the status, it is an answer.

    Raises SourceError where there is none.
    """
    with _within(endpoint):
        response = client.send(client.build_request("GET", url), stream=True)
        body = bytearray()
        try:
            for piece in response.iter_bytes(limit):
                body += piece
                _DEADLINE.bound(None)
                if len(body) >= limit:
                    break
        finally:
            response.close()
    return Answer(
        status=response.status_code,
        headers=response.headers,
        body=bytes(body[:limit]),
        transferred=response.num_bytes_downloaded,
    )


class LineStream:
    """The body of an answer in whole lines, read piece by piece; each piece has the time of a request."""

    def __init__(self, response: httpx.Response, endpoint: Endpoint) -> None:
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._response = response
        self._endpoint = endpoint
        self._chunks = response.iter_bytes()
        self._rest = b""

    def read(self, limit: int) -> tuple[bytes, bool]:
        """The next lines, ``limit`` bytes or a few more, and whether more are to come. Raises SourceError."""
        read = bytearray(self._rest)
        with _within(self._endpoint):
            for chunk in self._chunks:
                read += chunk
                if len(read) >= limit and b"\n" in chunk:
                    end = read.rfind(b"\n") + 1
                    self._rest = bytes(read[end:])
                    return bytes(read[:end]), True
                _bound_body(read, self._endpoint)
        return bytes(read), False

    def close(self) -> None:
        """Let go of the socket; what was not read is not sent."""
        self._response.close()


def open_stream(
    client: httpx.Client, endpoint: Endpoint, path: str, *, query: Query, headers: Mapping[str, str]
) -> LineStream:
    """GET an answer of lines, of which nothing is read yet; to be closed. Raises as ``request`` does."""
    with _within(endpoint):
        prepared = client.build_request(
            "GET", path, params=[(key, str(value)) for key, value in query] or None, headers=dict(headers)
        )
        response = client.send(prepared, stream=True)
        if not response.is_success:
            raise _refusal(endpoint, response, _body_of(response, endpoint, prepared))
    return LineStream(response, endpoint)


@contextmanager
def _within(endpoint: Endpoint) -> Iterator[None]:
    """What this thread reads and writes ends by the deadline; what breaks is a SourceError."""
    outer = _DEADLINE.until
    _DEADLINE.until = min(outer, time.monotonic() + endpoint.deadline)
    try:
        yield
    except httpcore.ReadTimeout as error:
        raise translate(httpx.ReadTimeout(str(error)), endpoint) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        raise translate(error, endpoint) from None
    finally:
        _DEADLINE.until = outer


def _send_again(
    client: httpx.Client, endpoint: Endpoint, prepared: httpx.Request, expected: Container[int]
) -> Answer:
    import stamina  # 60 ms to import, for a case that is rare

    left = max(_DEADLINE.until - time.monotonic(), 0.0)
    for attempt in stamina.retry_context(
        on=_may_pass, attempts=_ATTEMPTS, timeout=left, wait_initial=_RETRY_WAIT, wait_jitter=_RETRY_WAIT
    ):
        with attempt:
            return _send(client, endpoint, prepared, expected)
    raise AssertionError("stamina either returns or raises")


def _may_pass(error: Exception) -> bool:
    """A connection that broke or was refused, other than by TLS or by time."""
    broken = isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))
    return broken and not any(isinstance(cause, ssl.SSLError) for cause in _causes(error))


def _send(
    client: httpx.Client, endpoint: Endpoint, prepared: httpx.Request, expected: Container[int]
) -> Answer:
    response = client.send(prepared, stream=True)
    body = _body_of(response, endpoint, prepared)
    if not response.is_success and response.status_code not in expected:
        raise _refusal(endpoint, response, body)
    return Answer(
        status=response.status_code,
        headers=response.headers,
        body=body,
        transferred=response.num_bytes_downloaded,
    )


def _body_of(response: httpx.Response, endpoint: Endpoint, prepared: httpx.Request) -> bytes:
    try:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            _bound_body(body, endpoint)
            _DEADLINE.bound(None)
        return bytes(body)
    except httpcore.ReadTimeout as error:
        raise httpx.ReadTimeout(str(error), request=prepared) from None
    finally:
        response.close()


def _bound_body(body: bytearray, endpoint: Endpoint) -> None:
    if len(body) > BODY_LIMIT:
        raise ProtocolError(
            f"{_where(endpoint)} sent more than {BODY_LIMIT // 2**20} MiB in one answer; "
            "look at it in the system's own pages"
        )


def _refusal(endpoint: Endpoint, response: httpx.Response, body: bytes) -> SourceError:
    if response.is_redirect:
        target = response.headers.get("location", "")
        return ProtocolError(
            f"{_where(endpoint)} sends fedesk on to {quoted(target)} (HTTP {response.status_code}); "
            "if that is right, make it the `url`"
        )
    return status_error(_where(endpoint), response.status_code, own_words(body), login=endpoint.login)


def own_words(body: bytes) -> str:
    """What an error's body says: the sentence inside JSON or HTML where there is one, else the text."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        lowered = text.lower()
        start, end = lowered.find("<title>"), lowered.find("</title>")
        return text[start + len("<title>") : end] if 0 <= start < end else text
    if isinstance(document, dict):
        for key in ("detail", "message", "error", "title"):
            if document.get(key):
                return _told(document[key])
    return text


def _told(value: object) -> str:
    """FastAPI's ``detail``: a sentence, or a list of {loc, msg} for each field it does not accept."""
    if isinstance(value, list):
        return "; ".join(_told(each) for each in value)
    if isinstance(value, dict) and "msg" in value:
        place = value.get("loc")
        field = ".".join(str(part) for part in place) if isinstance(place, list) else ""
        return f"{field}: {value['msg']}" if field else str(value["msg"])
    return value if isinstance(value, str) else json.dumps(value, default=str)


def translate(error: Exception, endpoint: Endpoint, *, first: bool = True) -> SourceError:
    """What httpx raised, as one sentence of fedesk's own tree of errors.

    It is a NotSentError where httpx failed while connecting and nothing was sent before (``first``).
    """
    causes = tuple(_causes(error))
    words = quoted(_innermost(causes))
    unsent = first and isinstance(error, _CONNECTING)
    if any(isinstance(cause, ssl.SSLError) for cause in causes) and not isinstance(error, _LATE):
        return (HandshakeError if unsent else TlsError)(
            f"{_where(endpoint)} has a certificate or TLS that is not accepted: {words}; "
            "see `ca_bundle` and `url`"
        )
    if isinstance(error, _LATE):
        return (ConnectDeadlineError if unsent else DeadlineError)(
            f"{_where(endpoint)} did not answer in time (connect {endpoint.connect_timeout:g} s, read "
            f"{endpoint.read_timeout:g} s, in all {endpoint.deadline:g} s); see whether the server is up, or "
            "allow it more time with `timeout` in the configuration"
        )
    for kinds, what, todo in _SENTENCES:
        if isinstance(error, kinds):
            raised = NotSentError if unsent else UnreachableError
            return raised(f"{_where(endpoint)} {what}: {words}; {todo}")
    return ProtocolError(
        f"{_where(endpoint)} does not answer as documented: {words}; see whether its `url` is right"
    )


_LATE = (httpx.TimeoutException, TimeoutError)
_CONNECTING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
)
"""What httpx raises before the first byte of a request is written, TLS included."""
_SENTENCES: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    ((httpx.ProxyError,), "cannot be reached through its proxy", "see `proxy`"),
    ((httpx.InvalidURL, httpx.UnsupportedProtocol), "has no usable address", "correct its `url`"),
    (
        (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError),
        "broke off its answer",
        "see whether the server is well",
    ),
    ((httpx.NetworkError, OSError), "cannot be reached", "see whether it is up and its `url` is right"),
)
"""The first that fits says what it is."""


def _where(endpoint: Endpoint) -> str:
    return f"{endpoint.name} at {server_address(endpoint.url)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what lies under it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _innermost(causes: tuple[BaseException, ...]) -> str:
    """The words of the deepest error that has any: ``Connection refused`` rather than httpx's repr."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return next((str(cause) for cause in reversed(causes) if str(cause)), type(causes[0]).__name__)
