"""A requests.Session for the clients that are built on requests: python-jenkins and hvac.

What requests does not do by itself: a total deadline for each request, TLS by the system's trust store, a cap
on the body, redirects that never repeat a POST and never carry a credential to another server. Proxies and
credentials are not taken from the environment or from ~/.netrc: the configuration alone says them.
"""

import http.client
import io
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

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

Timeout: TypeAlias = float | tuple[float | None, float | None] | None

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of one decoded answer; more is a ProtocolError."""


class BodyTooLargeError(requests.RequestException):
    """An answer is longer than the session allows."""


class RedirectRefusedError(requests.RequestException):
    """A GET was answered with a redirect to another server, which would be given our credential."""


class UnsentError(requests.RequestException):
    """A request ended before its first byte left; the error that ended it is the cause."""


class _Deadline(threading.local):
    """The request of this thread: the moment (monotonic seconds) by which it must end, and how far it is."""

    until: float = math.inf
    sending: bool = False
    """Whether a byte of it may have left; what opens a tunnel through a proxy does not count."""
    redirected: bool = False
    """Whether a request that begins now is a redirect of one that is under way."""
    socket: "_TimedSocket | None" = None
    """Over which its last request was sent."""

    def left(self) -> float:
        return self.until - time.monotonic()


_DEADLINE = _Deadline()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All requests of this thread end within so many seconds together; one that begins later is unsent."""
    outer = _DEADLINE.until
    _DEADLINE.until = min(outer, time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.until = outer


class _TimedReader(io.RawIOBase):
    """Bytes of a socket; each read waits for the read timeout or for what is left of the deadline."""

    def __init__(self, timed: "_TimedSocket") -> None:
        super().__init__()
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.recv_into(buffer)


class _TimedSocket:
    """A connected socket, plain or TLS, whose reading ends at ``until`` however slowly bytes drip in.

    urllib3 and http.client read by ``makefile`` only and set the read timeout by ``settimeout``. All else
    goes to the socket itself; sending and the TLS handshake are bounded in total by Python already.
    """

    def __init__(self, wrapped: socket.socket, until: float) -> None:
        self._wrapped = wrapped
        self._readers = 0
        self._closing = False
        self.until = until
        self.read_timeout = wrapped.gettimeout()

    def settimeout(self, seconds: float | None) -> None:
        self.read_timeout = seconds
        self._wrapped.settimeout(self._bounded())

    def recv_into(self, buffer: Any) -> int:
        self._wrapped.settimeout(self._bounded())
        return self._wrapped.recv_into(buffer)

    def _bounded(self) -> float | None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the request has passed")
        seconds = left if self.read_timeout is None else min(self.read_timeout, left)
        return None if seconds == math.inf else seconds

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        self._readers += 1
        return _CountedReader(_TimedReader(self), self)

    def reader_closed(self) -> None:
        self._readers -= 1
        if self._closing and self._readers <= 0:
            self._wrapped.close()

    def close(self) -> None:
        """As socket.close: an answer that is still being read keeps the socket until it is closed, too."""
        self._closing = True
        if self._readers <= 0:
            self._wrapped.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


class _CountedReader(io.BufferedReader):
    """The buffer over a timed socket; tells it when it is closed."""

    def __init__(self, raw: _TimedReader, timed: _TimedSocket) -> None:
        super().__init__(raw, 64 * 1024)
        self._timed = timed

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._timed.reader_closed()


class _TimedConnection(HTTPConnection):
    """urllib3's connection with the deadline of the request that uses it."""

    def connect(self) -> None:
        super().connect()
        _put_under_deadline(self)

    def _tunnel(self) -> None:
        try:
            with _tunnel_under_deadline(self):
                super()._tunnel()
        finally:
            _DEADLINE.sending = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _DEADLINE.sending = True
        super().send(data)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _renew_deadline(self)
        super().request(*args, **kwargs)
        _DEADLINE.socket = self.sock if isinstance(self.sock, _TimedSocket) else None


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    """The same over TLS: what comes next in the order of its bases is urllib3's own HTTPS."""


def _put_under_deadline(connection: http.client.HTTPConnection) -> None:
    if not isinstance(connection.sock, _TimedSocket):
        connection.sock = _TimedSocket(connection.sock, _DEADLINE.until)


def _renew_deadline(connection: http.client.HTTPConnection) -> None:
    if isinstance(connection.sock, _TimedSocket):
        connection.sock.until = _DEADLINE.until


@contextmanager
def _tunnel_under_deadline(connection: http.client.HTTPConnection) -> Iterator[None]:
    """The proxy's answer to CONNECT is under the deadline; TLS then wants the bare socket back."""
    bare = connection.sock
    _put_under_deadline(connection)
    try:
        yield
    finally:
        if connection.sock is not None:
            connection.sock = bare


class _TimedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


_POOLS = {"http": _TimedPool, "https": _TimedTlsPool}


class BoundedResponse(requests.Response):
    """A response whose body may have ``limit`` bytes and no more, compressed or not."""

    limit = BODY_LIMIT
    seconds = 0.0
    """What each piece of it has to end within, as its request had."""
    socket: _TimedSocket | None = None
    _size = 0

    def iter_content(self, *args: Any, **keywords: Any) -> Iterator[Any]:
        """As requests' own; raises BodyTooLargeError."""
        for chunk in super().iter_content(*args, **keywords):
            self._size += len(chunk)
            if self._size > self.limit:
                self.close()
                raise BodyTooLargeError(f"more than {self.limit} bytes", response=self)
            yield chunk

    def renew(self) -> None:
        """Have the time and the bytes of a request anew: of a body in pieces each is one answer."""
        self._size = 0
        if self.socket is not None:
            self.socket.until = min(_DEADLINE.until, time.monotonic() + self.seconds)


class _TimedAdapter(HTTPAdapter):
    """requests' adapter with fedesk's pools, its TLS context and its cap on a body."""

    def __init__(self, context: ssl.SSLContext, body_limit: int, seconds: float) -> None:
        self._context = context
        self._body_limit = body_limit
        self._seconds = seconds
        super().__init__(pool_connections=2, pool_maxsize=8)

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        """The pools of urllib3, with fedesk's connections in them."""
        super().init_poolmanager(*args, ssl_context=self._context, **keywords)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """The same by way of a proxy."""
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **keywords)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: the context already says whom to trust, and certifi's list is not to be added to it."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """A response with a cap on its body."""
        response = BoundedResponse()
        response.__dict__.update(super().build_response(req, resp).__dict__)
        response.limit, response.seconds, response.socket = (
            self._body_limit,
            self._seconds,
            _DEADLINE.socket,
        )
        return response


class TimedSession(requests.Session):
    """A session in which every request ends by its deadline, in seconds, dripping bodies included.

    With ``stream=True`` the deadline holds for reading the body as well. Redirects are followed for GET and
    HEAD only, and only on the same scheme, host and port; one to elsewhere raises RedirectRefusedError.
    """

    def __init__(self, endpoint: Endpoint, *, body_limit: int = BODY_LIMIT) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 5
        self.deadline = endpoint.deadline
        self.timeouts = (endpoint.connect_timeout, endpoint.read_timeout)
        if endpoint.proxy:
            self.proxies = {"http": endpoint.proxy, "https": endpoint.proxy}
        adapter = _TimedAdapter(tls_context(endpoint), body_limit, endpoint.deadline)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def send(self, request: requests.PreparedRequest, **keywords: Any) -> requests.Response:
        """As requests' send, under the deadline; a redirect shares that of its first request.

        Raises UnsentError where it ended before its first byte left.
        """
        connect, read = self._timeouts(keywords.get("timeout"))
        outer, redirected = _DEADLINE.until, _DEADLINE.redirected
        if not redirected:
            _DEADLINE.sending = False
        _DEADLINE.redirected = True
        _DEADLINE.until = min(outer, time.monotonic() + self.deadline)
        try:
            if outer <= time.monotonic():
                raise requests.Timeout("the time for it was up before it began", request=request)
            left = max(_DEADLINE.left(), 0.001)
            keywords["timeout"] = (min(connect, left), min(read, left))
            # Neither bundle nor certificate of a caller's: hvac takes them from VAULT_CACERT and its like.
            keywords["verify"], keywords["cert"] = True, None
            if request.method not in {"GET", "HEAD", "LIST"}:
                keywords["allow_redirects"] = False
            return super().send(request, **keywords)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if _DEADLINE.sending or isinstance(error, UnsentError):
                raise
            raise UnsentError(request=request) from error
        finally:
            _DEADLINE.until, _DEADLINE.redirected = outer, redirected

    def _timeouts(self, asked: Timeout) -> tuple[float, float]:
        connect, read = asked if isinstance(asked, tuple) else (asked, asked)
        return (connect or self.timeouts[0], read or self.timeouts[1])

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The address a GET goes on at; raises RedirectRefusedError where that is another server."""
        target = super().get_redirect_target(resp)
        if target is None or resp.request.method not in {"GET", "HEAD", "LIST"}:
            return None
        here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            resp.close()
            raise RedirectRefusedError(f"{there.scheme}://{there.hostname}{there.path}", response=resp)
        return target


def translate(error: Exception, endpoint: Endpoint) -> SourceError:
    """What requests or urllib3 raised, as one sentence of fedesk's own tree of errors.

    An ``HTTPError`` (``raise_for_status``) becomes the error of its status, with the body's words. What
    ended a request before its first byte left is a NotSentError.
    """
    if isinstance(error, SourceError):
        return error
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return status_error(str(endpoint.name), error.response.status_code, error.response.content)
    chain = tuple(_causes(error))
    where = f"{endpoint.name} at {server_address(endpoint.url)}"
    for kinds, sentence in _SENTENCES:
        if any(isinstance(cause, kinds) for cause in chain):
            unsent = any(isinstance(cause, UnsentError) for cause in chain)
            # Where a part of the request had left, the system had been reached.
            say = _broken_off if sentence is _refused and not unsent else sentence
            found = say(where, quoted(_innermost(chain)), endpoint)
            return _unsent(found) if unsent else found
    return ProtocolError(f"{where} does not answer as documented: {quoted(_innermost(chain))}")


def _unsent(error: SourceError) -> SourceError:
    kind = _UNSENT.get(type(error))
    return error if kind is None else kind(str(error))


_UNSENT: dict[type[SourceError], type[NotSentError]] = {
    UnreachableError: NotSentError,
    DeadlineError: ConnectDeadlineError,
    TlsError: HandshakeError,
}


def _too_large(where: str, words: str, _: Endpoint) -> SourceError:
    return ProtocolError(f"{where} sent an answer of {words}; see whether its `url` is what was meant")


def _sent_on(where: str, words: str, _: Endpoint) -> SourceError:
    return ProtocolError(f"{where} sends fedesk on to {words}; if that is right, make it the `url`")


def _refused(where: str, words: str, _: Endpoint) -> SourceError:
    return UnreachableError(
        f"{where} cannot be reached: {words}; see whether it is up and its `url` is right"
    )


def _broken_off(where: str, words: str, _: Endpoint) -> SourceError:
    return UnreachableError(f"{where} broke off its answer: {words}; see whether the server is well")


def _late(where: str, _: str, endpoint: Endpoint) -> SourceError:
    return DeadlineError(
        f"{where} did not answer in time (connect {endpoint.connect_timeout:g} s, read "
        f"{endpoint.read_timeout:g} s, in all {endpoint.deadline:g} s); see whether the server is up, or "
        "allow it more time with `timeout` in the configuration"
    )


def _untrusted(where: str, words: str, _: Endpoint) -> SourceError:
    return TlsError(
        f"{where} has a certificate or TLS that is not accepted: {words}; see `ca_bundle` and `url`"
    )


def _proxy(where: str, words: str, _: Endpoint) -> SourceError:
    return UnreachableError(f"{where} cannot be reached through its `proxy`: {words}")


def _no_address(where: str, words: str, _: Endpoint) -> SourceError:
    return UnreachableError(f"{where} has no usable address: {words}; correct its `url`")


def _undocumented(where: str, words: str, _: Endpoint) -> SourceError:
    return ProtocolError(f"{where} does not answer as documented: {words}; see whether its `url` is right")


_SENTENCES: tuple[
    tuple[tuple[type[BaseException], ...], Callable[[str, str, Endpoint], SourceError]], ...
] = (
    ((BodyTooLargeError,), _too_large),
    ((RedirectRefusedError,), _sent_on),
    ((requests.exceptions.ProxyError,), _proxy),
    ((ConnectionError,), _refused),
    ((requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError), _late),
    ((requests.exceptions.SSLError, ssl.SSLError), _untrusted),
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), _broken_off),
    (
        (
            requests.exceptions.InvalidURL,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
        ),
        _no_address,
    ),
    (
        (
            requests.exceptions.ContentDecodingError,
            requests.exceptions.InvalidHeader,
            requests.exceptions.TooManyRedirects,
            http.client.BadStatusLine,
            ValueError,
        ),
        _undocumented,
    ),
    ((requests.RequestException, urllib3.exceptions.HTTPError, OSError), _refused),
)
"""The first that fits anything in an error's chain says what it is."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies under it: causes, contexts, and what urllib3 carries as arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]


def _innermost(chain: tuple[BaseException, ...]) -> str:
    """The words of the deepest error that has any: ``Connection refused`` rather than a pool's repr."""
    for cause in reversed(chain):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    for cause in reversed(chain):
        if str(cause):
            return str(cause)
    return type(chain[0]).__name__
