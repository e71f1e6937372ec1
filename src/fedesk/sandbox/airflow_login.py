"""Who comes in to an Airflow: the simple auth manager's tokens, as 3.3 issues and refuses them.

HTTP Basic is answered 401 whatever the password; a token that ended is a 401, one that never was a 403.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from fedesk.sandbox.model import Identity

DAY = 86_400.0
_ALL_ADMINS = "This method is only allowed if ``[core] simple_auth_manager_all_admins`` is True"


class RefusedError(Exception):
    """A request that ends with this status and ``{"detail": ...}``."""

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail

    @property
    def response(self) -> Response:
        """The same as an answer."""
        return JSONResponse({"detail": self.detail}, status_code=self.status)


@dataclass(frozen=True, slots=True)
class Login:
    """Tokens for an Airflow's identities, by real time: a client compares ``exp`` with its own clock."""

    identities: tuple[Identity, ...]
    seconds: float = DAY
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def of(cls, identities: Iterable[Identity], seconds: float) -> "Login":
        """For a world's identities of Airflow; tokens live for ``seconds``."""
        return cls(tuple(identities), seconds)

    async def answer(self, request: Request, environment: str) -> Response:
        """``/auth/token``."""
        if request.method != "POST":
            return JSONResponse({"detail": _ALL_ADMINS}, status_code=403)
        try:
            body = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("Internal Server Error", status_code=500)
        given = body if isinstance(body, dict) else {}
        for name in ("username", "password"):
            if name not in given:
                shown = f"input_value={given!r}, input_type=dict"
                return JSONResponse(
                    {
                        "detail": f"1 validation error for LoginBody\n{name}\n"
                        f"  Field required [type=missing, {shown}]"
                    },
                    status_code=422,
                )
        for identity in self._of(environment):
            if identity.user == given["username"] and _same(identity.credential, str(given["password"])):
                return JSONResponse({"access_token": self.token(identity)}, status_code=201)
        return JSONResponse({"detail": "Invalid credentials"}, status_code=401)

    def token(self, identity: Identity) -> str:
        """A JWT as the simple auth manager signs it (HS512)."""
        now = int(time.time())
        claims: dict[str, object] = {
            "sub": identity.user,
            "role": "admin" if identity.writer else "viewer",
            "teams": [],
            "jti": secrets.token_hex(16),
            "aud": "apache-airflow",
            "nbf": now,
            "exp": now + self.seconds,
            "iat": now,
        }
        signed = f"{_coded({'alg': 'HS512', 'kid': 'not-used', 'typ': 'JWT'})}.{_coded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def enter(self, request: Request, environment: str) -> Identity:
        """Who sends a request; raises RefusedError."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RefusedError(401, "Not authenticated")
        signed, _, signature = token.strip().rpartition(".")
        if not _same(self._signature(signed), signature):
            raise RefusedError(403, "Invalid JWT token")
        claims = json.loads(_decoded(signed.partition(".")[2]))
        if time.time() >= claims["exp"]:
            raise RefusedError(401, "Token Expired")
        for identity in self._of(environment):
            if identity.user == claims["sub"]:
                return identity
        raise RefusedError(403, "Invalid JWT token")

    def seal(self, document: dict[str, object]) -> str:
        """A text that nobody else can make, as itsdangerous seals a log's continuation token."""
        payload = _coded(document)
        return f"{payload}.{self._signature(payload)[:27]}"

    def unseal(self, text: str) -> dict[str, object]:
        """What was sealed; raises RefusedError."""
        payload, _, signature = text.rpartition(".")
        if not _same(self._signature(payload)[:27], signature):
            raise RefusedError(400, "Bad Signature. Please use only the tokens provided by the API.")
        found = json.loads(_decoded(payload))
        return found if isinstance(found, dict) else {}

    def _of(self, environment: str) -> Iterable[Identity]:
        return (each for each in self.identities if each.environment in ("", environment))

    def _signature(self, text: str) -> str:
        digest = hmac.new(self.key, text.encode("utf-8", "replace"), hashlib.sha512).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _coded(document: object) -> str:
    text = json.dumps(document, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
