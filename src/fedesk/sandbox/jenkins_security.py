"""Who comes in to Jenkins, and with which crumb (``contracts/jenkins.md``, auth and crumbs).

The order is that of the filters: bad credentials are a 401 wherever they are sent, then a POST without a
crumb is a 403, and only then the resource answers. A crumb is bound to user and HTTP session; an API token
needs none.
"""

import base64
import binascii
import hashlib
import hmac
import html
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from fedesk.sandbox.jenkins_tokens import ApiTokens
from fedesk.sandbox.model import Identity

CRUMB_FIELD = "Jenkins-Crumb"
VERSION = "2.579"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request. ``identity`` is None for anonymous."""

    identity: Identity | None
    by_token: bool
    session: str

    @property
    def name(self) -> str:
        """As Jenkins calls the user."""
        return "anonymous" if self.identity is None else self.identity.user

    @property
    def is_writer(self) -> bool:
        """Whether it has Job/Build and Job/Cancel beside reading."""
        return self.identity is not None and self.identity.writer


@dataclass(slots=True)
class Gate:
    """The filters before every resource. Sessions live as long as the process, as Jetty's do for a while."""

    identities: tuple[Identity, ...]
    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    session_key: str = field(default_factory=lambda: f"JSESSIONID.{secrets.token_hex(4)}")
    sessions: set[str] = field(default_factory=set)
    tokens: ApiTokens = field(default_factory=ApiTokens)
    """Those that users have made themselves, beside the planted ones."""

    @classmethod
    def of(cls, identities: Iterable[Identity]) -> "Gate":
        """For the Jenkins ones among a world's identities."""
        return cls(tuple(identity for identity in identities if identity.system == "jenkins"))

    def enter(self, request: Request) -> Caller | Response:
        """The caller, or the answer that a filter gives in the resource's place."""
        header = request.headers.get("authorization")
        session = request.cookies.get(self.session_key, "")
        session = session if session in self.sessions else ""
        if header is None:
            caller = Caller(None, by_token=False, session=session)
        else:
            found = self._authenticated(header, session)
            if found is None:
                return bad_credentials()
            caller = found
        if request.method == "POST" and not caller.by_token and not self._has_crumb(request, caller):
            return error_page(403, "No valid crumb was included in the request")
        return caller

    def _authenticated(self, header: str, session: str) -> Caller | None:
        scheme, _, encoded = header.partition(" ")
        try:
            user, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if scheme.lower() != "basic" or not colon:
            return None
        for identity in self.identities:
            if identity.user != user:
                continue
            planted = hmac.compare_digest(identity.credential.encode(), secret.encode())
            if planted or self.tokens.is_of(user, secret):
                return Caller(identity, by_token=True, session=session)
            if identity.password and hmac.compare_digest(identity.password.encode(), secret.encode()):
                return Caller(identity, by_token=False, session=session)
        return None

    def _has_crumb(self, request: Request, caller: Caller) -> bool:
        given = request.headers.get(CRUMB_FIELD, "")
        return bool(caller.session) and hmac.compare_digest(self.crumb(caller.name, caller.session), given)

    def crumb(self, user: str, session: str) -> str:
        """SHA-256 over user and session with the process's salt."""
        return hashlib.sha256(f"{user};{session}{self.salt}".encode()).hexdigest()

    def new_session(self) -> str:
        """A session's id, known from here on."""
        session = f"node0{secrets.token_hex(12)}"
        self.sessions.add(session)
        return session


def who_am_i(caller: Caller) -> dict[str, object]:
    """``whoAmI``, which anonymous may read as well (hudson.security.WhoAmI)."""
    known = caller.identity is not None
    return {
        "_class": "hudson.security.WhoAmI",
        "anonymous": not known,
        "authenticated": True,
        "authorities": ["authenticated"] if known else ["anonymous"],
        "name": caller.name,
    }


def bad_credentials() -> Response:
    """401, even for what anonymous may read."""
    page = error_page(401, "Invalid password/token for user")
    page.headers["WWW-Authenticate"] = 'Basic realm="Jenkins"'
    return page


def forbidden(request: Request, caller: Caller, permission: str) -> Response:
    """403 for a missing permission; to anonymous it is a page that leads to the login."""
    headers = {"X-You-Are-Authenticated-As": caller.name, "X-Required-Permission": permission}
    if caller.identity is not None:
        page = error_page(403, f"{caller.name} is missing the {permission} permission")
        page.headers.update(headers)
        return page
    if request.headers.get("x-requested-with") == "XMLHttpRequest":
        return Response(status_code=403, headers=headers)
    login = f"/login?from={quote(request.url.path, safe='')}"
    return HTMLResponse(
        f"<html><head><meta http-equiv='refresh' content='1;url={login}'/>"
        f"<script id='redirect' data-redirect-url='{login}' src='/static/redirect.js'></script></head>"
        "<body style='background-color:white; color:white;'>Authentication required\n<!--\n"
        f"You are authenticated as: {caller.name}\nGroups that you are in:\n  \n"
        f"Permission you need to have (but didn't): {permission}\n-->\n</body></html>",
        status_code=403,
        headers=headers,
    )


def error_page(status: int, words: str) -> Response:
    """An error as Jetty or Stapler shows it: HTML."""
    text = html.escape(words)
    return HTMLResponse(
        f"<html><head><title>Error {status} {text}</title></head>"
        f"<body><h2>HTTP ERROR {status} {text}</h2></body></html>",
        status_code=status,
    )
