"""The systems' own words inside fedesk's sentences, and which error an HTTP status is."""

from datetime import UTC, datetime

from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint
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


_UNAUTHORIZED = 401
_STATUS: dict[int, tuple[type[SourceError], str]] = {
    400: (ProtocolError, "does not understand the request"),
    401: (UnauthenticatedError, "refuses the login; see the connection's `user` and `credential`"),
    403: (ForbiddenError, "does not allow this to the connection's user; ask for the right to read it"),
    404: (NotFoundError, "does not have this, or hides it; see the address and the connection's scope"),
    407: (UnauthenticatedError, "is behind a proxy that wants a login; see `proxy` in the configuration"),
    409: (ConflictError, "refuses because of the state it is in"),
    429: (RateLimitedError, "has had too many requests; fedesk asks again later"),
}


def log_in_anew(endpoint: Endpoint, see: str = "`user` and `credential`") -> str:
    """What to do about a credential that is refused: the command that gives a new one, else what to see."""
    return f"run `{endpoint.login}`" if endpoint.login else f"see its {see}"


def refused_token(endpoint: Endpoint, said: str, until: datetime | None) -> UnauthenticatedError:
    """The refusal of a token that ends ``until``, if that is known; ``said`` is how the system words it."""
    now = datetime.now(UTC)
    how = "is wrong, expired or revoked"
    if until is not None and until <= now:
        how = f"expired at {'' if until.date() == now.date() else f'{until:%Y-%m-%d} '}{until:%H:%M} UTC"
    cure = f"Run `{endpoint.login}`." if endpoint.login else "See its `credential`."
    return UnauthenticatedError(f"{endpoint.name} refuses the token ({said}). It {how}. {cure}")


def status_error(where: str, status: int, words: str | bytes = "", *, login: str = "") -> SourceError:
    """The error that an HTTP status outside 2xx is, as one sentence; ``words`` is what the body says.

    ``login`` is the command line that gives a new credential, where there is one.
    """
    kind, meaning = _STATUS.get(status, (ProtocolError, "answers in a way that fedesk does not know"))
    if status == _UNAUTHORIZED and login:
        meaning = f"refuses the login; run `{login}`"
    if status >= 500:  # noqa: PLR2004  (the class of statuses that RFC 9110 calls server errors)
        kind, meaning = ServerFaultError, "failed by itself; see the server's own log"
    said = f": {quoted(words)}" if words.strip() else ""
    return kind(f"{where} {meaning} (HTTP {status}{said})")
