"""The systems' own words inside fedesk's sentences, and which error an HTTP status is."""

from fedesk.domain.text import one_line
from fedesk.ports.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
)

_QUOTED = 240
_WHOLE = 4096


def clean(text: str) -> str:
    """Text from outside on one line, without escapes and control characters; at most 4,096 characters."""
    return one_line(text, _WHOLE)


def quoted(words: str | bytes, *, limit: int = _QUOTED) -> str:
    """A system's own words between quotation marks: one line, clean, at most ``limit`` characters."""
    text = words[: limit * 8].decode("utf-8", "replace") if isinstance(words, bytes) else words[: limit * 8]
    return f'"{one_line(text, limit)}"'


_STATUS: dict[int, tuple[type[SourceError], str]] = {
    400: (ProtocolError, "does not understand the request"),
    401: (UnauthenticatedError, "refuses the login; see the connection's `user` and `credential`"),
    403: (ForbiddenError, "does not allow this to the connection's user; ask for the right to read it"),
    404: (NotFoundError, "does not have this, or hides it; see the address and the connection's scope"),
    407: (UnauthenticatedError, "is behind a proxy that wants a login; see `proxy` in the configuration"),
    409: (ConflictError, "refuses because of the state it is in"),
    429: (RateLimitedError, "has had too many requests; fedesk asks again later"),
}


def status_error(where: str, status: int, words: str | bytes = "") -> SourceError:
    """The error that an HTTP status outside 2xx is, as one sentence; ``words`` is what the body says."""
    kind, meaning = _STATUS.get(status, (ProtocolError, "answers in a way that fedesk does not know"))
    if status >= 500:  # noqa: PLR2004  (the class of statuses that RFC 9110 calls server errors)
        kind, meaning = ServerFaultError, "failed by itself; see the server's own log"
    said = f": {quoted(words)}" if words.strip() else ""
    return kind(f"{where} {meaning} (HTTP {status}{said})")
