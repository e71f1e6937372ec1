"""Logins to the sandbox's Vault, worded as the auth methods of Vault 1.21 word them in their source.

Passwords, secret ids, JWTs and the identity provider's codes belong to the world's Vault identities. A JWT's
role is ``fedesk-reader`` or ``fedesk-writer``, the first by default; mounts have their methods' names.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

from fedesk.sandbox.clock import hexadecimal
from fedesk.sandbox.model import Identity
from fedesk.sandbox.vaults import private_key
from fedesk.sandbox.world import World

LOCKOUT_AFTER = 5
"""Failed logins of one user after which Vault lets nobody in by that name, by default."""
LOCKOUT = timedelta(minutes=15)
STATE_LASTS = timedelta(minutes=10)
REDIRECTS = ("http://localhost:8250/oidc/callback",)
"""What the role's allowed_redirect_uris holds; ports of loopback addresses are not compared (RFC 8252)."""
INVALID_ROLE = "invalid role or secret ID"
_DEFAULT_LEEWAY = 150.0
_JWT_LASTS = timedelta(hours=2)
_LOGIN_FAILED = "Vault login failed."
_BAD_SIGNATURE = (
    "error validating token: error verifying token signature: no known key successfully validated the "
    "token signature"
)


@dataclass(frozen=True, slots=True)
class Entered:
    """A login that was taken: for whom, and the display name of the token."""

    identity: Identity
    display_name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One that was not."""

    status: int
    error: str


@dataclass(slots=True)
class _Attempts:
    failed: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OidcState:
    role: str
    nonce: str
    redirect_uri: str
    client_nonce: str
    made_at: datetime


@dataclass(slots=True, kw_only=True)
class Logins:
    """The auth methods of one server, and the identity provider behind ``oidc``."""

    world: World
    ended_secret_ids: set[str] = field(default_factory=set)
    """Role ids whose secret id has outlived its TTL."""
    provider_says: str = ""
    """An OAuth error with which the provider ends its logins; empty where it lets people in."""
    _attempts: dict[tuple[str, str], _Attempts] = field(default_factory=dict)
    _states: dict[str, _OidcState] = field(default_factory=dict)
    _codes: dict[str, str] = field(default_factory=dict)

    def userpass(self, user: str, given: Mapping[str, object]) -> Entered | Refused:
        """``auth/userpass/login/USER``."""
        return self._by_password("userpass", user, given, "invalid username or password")

    def ldap(self, user: str, given: Mapping[str, object]) -> Entered | Refused:
        """``auth/ldap/login/USER``; the directory has the same passwords."""
        if not given.get("password"):
            words = "password cannot be of zero length when passwordless binds are being denied"
            return Refused(400, words)
        return self._by_password("ldap", user, given, "ldap operation failed: failed to bind as user")

    def approle(self, given: Mapping[str, object]) -> Entered | Refused:
        """``auth/approle/login``. A secret id that ended is one that never was."""
        for name in ("role_id", "secret_id"):
            if not str(given.get(name) or "").strip():
                return Refused(400, f"missing {name}")
        role, secret = str(given["role_id"]).strip(), str(given["secret_id"]).strip()
        known = self._identity(role)
        if known is None:
            return Refused(400, INVALID_ROLE)
        right = role not in self.ended_secret_ids and _same(login_secret(known), secret)
        if self._is_refused("approle", role, right=right):
            return Refused(403, "permission denied")
        return Entered(known, "approle") if right else Refused(400, INVALID_ROLE)

    def jwt(self, given: Mapping[str, object]) -> Entered | Refused:
        """``auth/jwt/login``, for a token that ``jwt_for`` signs."""
        import jwt

        token, role = str(given.get("jwt") or ""), str(given.get("role") or "fedesk-reader")
        if not token:
            return Refused(400, "missing token")
        identity = self._of_role(role)
        if identity is None:
            return Refused(400, f'role "{role}" could not be found')
        try:
            claims = jwt.decode(
                token,
                _keys()[1],
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return Refused(400, _BAD_SIGNATURE)
        over = _untimely(claims, self.world.now().timestamp())
        if over:
            return Refused(400, f"error validating token: {over}")
        if claims["sub"] != identity.user:
            return Refused(400, "error validating token: invalid subject (sub) claim")
        return Entered(identity, f"jwt-{identity.user}")

    def auth_url(self, given: Mapping[str, object], provider: str) -> str | Refused:
        """``auth/oidc/oidc/auth_url``; empty for a redirect that the role does not allow."""
        role = str(given.get("role") or "fedesk-reader")
        redirect_uri = str(given.get("redirect_uri") or "")
        if not redirect_uri:
            return Refused(400, "missing redirect_uri")
        if self._of_role(role) is None:
            return Refused(400, f'role "{role}" could not be found')
        if _portless(redirect_uri) not in map(_portless, REDIRECTS):
            return ""
        state = _OidcState(
            role=role,
            nonce=secrets.token_hex(20),
            redirect_uri=redirect_uri,
            client_nonce=str(given.get("client_nonce") or ""),
            made_at=self.world.now(),
        )
        name = f"st_{secrets.token_hex(20)}"
        self._states[name] = state
        asked = {
            "client_id": "vault",
            "nonce": state.nonce,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": name,
        }
        return f"{provider}?{urlencode(asked)}"

    def provider(self, asked: Mapping[str, str]) -> str:
        """Where the identity provider sends the browser of a person who has signed in."""
        back, state = asked.get("redirect_uri", ""), asked.get("state", "")
        if self.provider_says:
            told = {"error": self.provider_says, "error_description": "The user said no.", "state": state}
            return f"{back}?{urlencode(told)}"
        code = secrets.token_urlsafe(24)
        self._codes[code] = asked.get("nonce", "")
        return f"{back}?{urlencode({'code': code, 'state': state})}"

    def callback(self, asked: Mapping[str, str]) -> Entered | Refused:
        """``auth/oidc/oidc/callback``: each state and each code is good for once."""
        state = self._states.pop(asked.get("state", ""), None)
        if state is None or self.world.now() - state.made_at > STATE_LASTS:
            return Refused(400, f"{_LOGIN_FAILED} Expired or missing OAuth state.")
        if state.client_nonce and asked.get("client_nonce", "") != state.client_nonce:
            return Refused(400, "invalid client_nonce")
        nonce = self._codes.pop(asked.get("code", ""), None)
        if nonce is None:
            words = 'Error exchanging oidc code: "oauth2: \\"invalid_grant\\"".'
            return Refused(400, f"{_LOGIN_FAILED} {words}")
        if nonce != state.nonce:
            return Refused(400, "Token verification failed. Invalid ID token nonce.")
        identity = self._of_role(state.role)
        if identity is None:
            return Refused(400, f"{_LOGIN_FAILED} Role could not be found")
        return Entered(identity, f"oidc-{identity.user}")

    def _by_password(
        self, method: str, user: str, given: Mapping[str, object], words: str
    ) -> Entered | Refused:
        known = self._identity(user)
        right = known is not None and _same(login_secret(known), str(given.get("password") or ""))
        if self._is_refused(method, user, right=right):
            return Refused(403, "permission denied")
        return Entered(known, f"{method}-{user}") if known is not None and right else Refused(400, words)

    def _is_refused(self, method: str, user: str, *, right: bool) -> bool:
        """Count an attempt; whether the user is locked out, whatever was sent."""
        tried, now = self._attempts.setdefault((method, user), _Attempts()), self.world.now()
        if tried.last is not None and now - tried.last >= LOCKOUT:
            tried.failed = 0
        if tried.failed >= LOCKOUT_AFTER:
            return True
        tried.failed, tried.last = (0, None) if right else (tried.failed + 1, now)
        return False

    def _identity(self, user: str) -> Identity | None:
        return next((one for one in self.world.identities("vault") if one.user == user), None)

    def _of_role(self, role: str) -> Identity | None:
        wanted = {"fedesk-reader": False, "fedesk-writer": True}.get(role)
        return None if wanted is None else self.world.identity("vault", writer=wanted)


def _untimely(claims: Mapping[str, float], now: float) -> str:
    """What Vault says of a token before or after its time; empty within."""
    # Of one that names its end alone, Vault takes this for its beginning.
    if claims.get("nbf", claims["exp"] - _DEFAULT_LEEWAY) > now:
        return "invalid not before (nbf) claim: token not yet valid"
    return "invalid expiration time (exp) claim: token is expired" if claims["exp"] <= now else ""


def login_secret(identity: Identity) -> str:
    """Password and AppRole secret id of an identity; worth nothing outside this process."""
    return identity.password or f"sandbox-{hexadecimal(32, identity.credential)}"


def jwt_for(identity: Identity, until: datetime) -> str:
    """A JWT that ``auth/jwt`` takes for an identity until then."""
    import jwt

    began = (until - _JWT_LASTS).timestamp()
    claims = {"sub": identity.user, "iat": began, "nbf": began, "exp": until.timestamp()}
    return jwt.encode(claims, _keys()[0], algorithm="RS256")


def issuer_key() -> str:
    """The public key with which ``auth/jwt`` checks what ``jwt_for`` signs, in PEM."""
    return _keys()[1].decode("ascii")


@lru_cache(maxsize=1)
def _keys() -> tuple[str, bytes]:
    """The issuer's private key, and its public half."""
    from cryptography.hazmat.primitives import serialization

    pem = private_key("vault-jwt-issuer")
    public = serialization.load_pem_private_key(pem.encode("ascii"), password=None).public_key()
    return pem, public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _portless(uri: str) -> str:
    """An address without its port, where it is a loopback one."""
    if urlsplit(uri).hostname not in {"localhost", "127.0.0.1", "::1"}:
        return uri
    return re.sub(r":\d+(?=/|$)", "", uri, count=1)
