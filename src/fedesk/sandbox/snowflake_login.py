"""Who may log in to the sandbox's Snowflake: key pairs (JWT), OAuth tokens, and no passwords.

Codes and messages are those that Snowflake answers and the connectors know (390144, 390303, 390100).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fedesk.sandbox.model import Identity

_LEEWAY = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefusedError(Exception):
    """A login that Snowflake does not take."""

    code: str
    message: str


class Users:
    """The users of the account, with the public half of their keys and its fingerprint.

    What ``auth = "oauth"`` logs in with is planted: ``oauth_token`` of the user's identity.
    """

    def __init__(self, account: str, identities: Iterable[Identity]) -> None:
        self._account = account.upper()
        self._by_name = {identity.user.upper(): identity for identity in identities}
        self._public = {name: public_half(identity.credential) for name, identity in self._by_name.items()}

    def enter(self, login: dict[str, object]) -> Identity:
        """The user of a login request's ``data``; raises LoginRefusedError as Snowflake refuses."""
        name = str(login.get("LOGIN_NAME") or "").upper()
        token = str(login.get("TOKEN") or "")
        match str(login.get("AUTHENTICATOR") or "SNOWFLAKE").upper():
            case "SNOWFLAKE_JWT":
                return self._by_key(name, token)
            case "OAUTH":
                for identity in self._by_name.values():
                    if hmac.compare_digest(oauth_token(identity).encode(), token.encode()):
                        return identity
                raise LoginRefusedError(code="390303", message="Invalid OAuth access token. [sandbox]")
            case _:
                # Users of type SERVICE have no password, whatever one sends.
                raise LoginRefusedError(
                    code="390100", message="Incorrect username or password was specified."
                )

    def _by_key(self, name: str, token: str) -> Identity:
        refused = LoginRefusedError(code="390144", message="JWT token is invalid. [sandbox]")
        if name not in self._by_name:
            raise refused
        public, fingerprint = self._public[name]
        try:
            claims = jwt.decode(
                token,
                public,
                algorithms=["RS256"],
                leeway=_LEEWAY,
                options={"require": ["iss", "sub", "exp"]},
            )
        except jwt.InvalidTokenError:
            raise refused from None
        subject = f"{self._account}.{name}"
        if claims["sub"] != subject or claims["iss"] != f"{subject}.{fingerprint}":
            raise refused
        return self._by_name[name]


def oauth_token(identity: Identity) -> str:
    """The OAuth access token of a user; worth nothing outside this process, like its key."""
    return f"sandbox-oauth-{hashlib.sha256(identity.credential.encode()).hexdigest()}"


def public_half(pem: str) -> tuple[rsa.RSAPublicKey, str]:
    """The public key and its fingerprint as Snowflake writes it: SHA256: and base64 of the DER's digest."""
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the sandbox's Snowflake users have RSA keys")
    public = key.public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public, f"SHA256:{base64.b64encode(hashlib.sha256(der).digest()).decode('ascii')}"
