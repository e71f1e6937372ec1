"""How a registry of images lets one in: Basic, or a bearer token from a service that it names itself.

``WWW-Authenticate: Bearer realm="…",service="…",scope="…"`` says where a token is had (distribution's token
authentication). The realm belongs to whoever answers, so the login goes to the registry's own server, or to
the one realm that the configuration names, and to no other.
"""

import base64
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fedesk.clients.http import Answer, request
from fedesk.clients.lean_httpx import httpx
from fedesk.clients.wording import quoted
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import CredentialError, ProtocolError, UnauthenticatedError

_CHALLENGE = re.compile(r"(?:^|,)\s*(Bearer|Basic)(?=\s|,|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'(?<![A-Za-z_])([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_LIFE = 60.0
"""Seconds that a token lives where the service does not say (distribution's token specification)."""
_LONGEST = 4096
"""Characters of a challenge that are looked at."""
_EARLY = 0.1
"""The part of a token's life before whose end it is renewed."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    """``bearer`` or ``basic``."""
    realm: str = ""
    service: str = ""
    scope: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token for one scope."""

    secret: SecretText
    until: float
    """By the monotonic clock."""

    @property
    def is_good(self) -> bool:
        """Whether it still lives."""
        return time.monotonic() < self.until


def challenge_of(answer: Answer) -> Challenge | None:
    """The challenge of a 401; a bearer's where there are several, None where there is none."""
    headers = answer.headers.get_list("www-authenticate")
    found = [one for header in headers for one in _challenges(header[:_LONGEST])]
    return next((one for one in found if one.scheme == "bearer"), found[0] if found else None)


def _challenges(header: str) -> Sequence[Challenge]:
    starts = list(_CHALLENGE.finditer(header))
    ends = [start.start() for start in starts[1:]] + [len(header)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        given = {
            name.lower(): quoted_value or bare
            for name, quoted_value, bare in _PARAMETER.findall(header[start.end() : end])
        }
        known = {key: given.get(key, "") for key in ("realm", "service", "scope", "error")}
        found.append(Challenge(scheme=start[1].lower(), **known))
    return found


def basic(endpoint: Endpoint) -> SecretText | None:
    """The header of the configured login; None where none is configured. Raises CredentialError."""
    if endpoint.credential is None:
        return None
    secret = endpoint.credential().reveal()
    if not secret or not secret.isprintable():
        raise CredentialError(f"{endpoint.name} was given no usable credential: see what it refers to")
    pair = base64.b64encode(f"{endpoint.user}:{secret}".encode()).decode("ascii")
    return SecretText(f"Basic {pair}")


def fetch_token(client: httpx.Client, endpoint: Endpoint, challenge: Challenge, token_realm: str) -> Token:
    """A token for what a challenge asks: one request, with the login where there is one."""
    _check_realm(endpoint, challenge.realm, token_realm)
    login = basic(endpoint)
    wanted = (("service", challenge.service), ("scope", challenge.scope))
    answer = request(
        client,
        endpoint,
        "GET",
        challenge.realm,
        query=[(key, value) for key, value in wanted if value],
        headers={} if login is None else {"Authorization": login.reveal()},
    )
    try:
        document = json.loads(answer.body)
        secret = document.get("token") or document["access_token"]
        life = float(document.get("expires_in") or _LIFE)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ProtocolError(
            f"{endpoint.name} has a token service that answers without a token; see `token_realm`"
        ) from None
    if not isinstance(secret, str) or not secret.isascii() or not secret.isprintable():
        raise ProtocolError(f"{endpoint.name} has a token service whose token cannot be sent")
    return Token(SecretText(f"Bearer {secret}"), time.monotonic() + life * (1 - _EARLY))


def _check_realm(endpoint: Endpoint, realm: str, token_realm: str) -> None:
    """Raises UnauthenticatedError for a realm that the login is not to be sent to."""
    allowed = {_origin(endpoint.url), *([_origin(token_realm)] if token_realm else [])}
    if _origin(realm) in allowed:
        return
    raise UnauthenticatedError(
        f"{endpoint.name} sends fedesk to {quoted(realm, limit=120)} for a token, which is neither its own "
        "server nor the configured one; if that is right, set `token_realm`"
    )


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        # A login in an address would be sent, too; and is none that was configured.
        return (parts.scheme, "" if "@" in parts.netloc else parts.netloc.lower())
    except ValueError:
        return ("", "")
