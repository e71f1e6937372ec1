"""Health addresses of what a release changes, looked at: one GET without any credential.

The addresses come from the catalogue. A redirect is followed on the same server alone: elsewhere it would be
another system that answers for this one.
"""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import SplitResult, urljoin, urlsplit

from fedesk.clients.http import Answer, first_bytes, open_client
from fedesk.clients.tls import server_address
from fedesk.clients.wording import quoted
from fedesk.domain.text import clean
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotSentError, ProtocolError
from fedesk.ports.releasing import HealthSeen

_BODY = 4096
_REDIRECTS = 3
_REDIRECTION = frozenset({301, 302, 303, 307, 308})


class HealthClient:
    """``ports.releasing.HealthSource``. ``endpoint`` says how it is reached; its address is not asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = replace(
            endpoint, user="", credential=None, login="", client_certificate=None, client_key=None
        )
        self._client = open_client(self._endpoint)
        del self._client.headers["Accept"]

    def look(self, url: str) -> HealthSeen:
        """GET, and the beginning of what is answered, whatever its status. Raises SourceError."""
        first = _checked(url)
        at = replace(self._endpoint, url=server_address(url))
        for _ in range(_REDIRECTS + 1):
            self._client.cookies.clear()
            answer = first_bytes(self._client, at, url, _BODY)
            target = _target(answer, url)
            if target is None:
                body = clean(answer.body.decode("utf-8", "replace"))
                return HealthSeen(status=answer.status, body=body, observed_at=datetime.now(UTC))
            there = urlsplit(target)
            if (there.scheme, there.netloc) != (first.scheme, first.netloc):
                raise ProtocolError(
                    f"{quoted(url, limit=160)} sends fedesk on to {quoted(target, limit=160)}, which is "
                    "another server; if that is right, make it the address in the catalogue"
                )
            url = target
        raise ProtocolError(f"{quoted(url, limit=160)} sends fedesk on more than {_REDIRECTS} times")

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()


def _checked(url: str) -> SplitResult:
    """The parts of an address that may be asked; raises NotSentError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise NotSentError(f"{quoted(url, limit=160)} is no address of HTTP; correct it in the catalogue")
    if parts.username is not None or parts.password is not None:
        raise NotSentError(
            f"a health address of {quoted(parts.hostname or '', limit=80)} holds a login; it is asked without"
        )
    return parts


def _target(answer: Answer, url: str) -> str | None:
    location = answer.headers.get("location", "")
    return urljoin(url, location) if answer.status in _REDIRECTION and location else None
