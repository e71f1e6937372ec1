"""Who may log in to the sandbox's Snowflake: key pairs (JWT), OAuth tokens, browsers, and no passwords.

Codes are those that Snowflake answers and the connectors know (390144, 390303, 390318, 390195, 390100). The
identity provider takes whoever comes for the user that the login began for.
"""

import base64
import hashlib
import hmac
import secrets
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
        self._proofs: dict[str, str] = {}
        self._asserted: dict[str, str] = {}
        self._id_tokens: dict[str, str] = {}
        self.ended: set[str] = set()
        """OAuth access tokens that have expired."""

    def begin(self, login: dict[str, object]) -> str:
        """The proof key of a login by browser; the provider is told of it by the address."""
        proof = secrets.token_urlsafe(32)
        self._proofs[proof] = str(login.get("LOGIN_NAME") or "").upper()
        return proof

    def assertion(self, proof: str) -> str:
        """What the identity provider sends the browser back with."""
        token = secrets.token_urlsafe(48)
        self._asserted[token] = proof
        return token

    def id_token(self, identity: Identity) -> str:
        """A token with which a user comes in later without a browser."""
        token = secrets.token_urlsafe(48)
        self._id_tokens[token] = identity.user.upper()
        return token

    def end_id_tokens(self) -> None:
        """All of them have expired."""
        self._id_tokens.clear()

    def enter(self, login: dict[str, object]) -> Identity:
        """The user of a login request's ``data``; raises LoginRefusedError as Snowflake refuses."""
        name = str(login.get("LOGIN_NAME") or "").upper()
        token = str(login.get("TOKEN") or "")
        match str(login.get("AUTHENTICATOR") or "SNOWFLAKE").upper():
            case "SNOWFLAKE_JWT":
                return self._by_key(name, token)
            case "EXTERNALBROWSER":
                return self._by_assertion(name, token, str(login.get("PROOF_KEY") or ""))
            case "ID_TOKEN":
                if self._id_tokens.get(token) != name or name not in self._by_name:
                    raise LoginRefusedError(code="390195", message="The provided ID Token is invalid.")
                return self._by_name[name]
            case "OAUTH":
                if token in self.ended:
                    raise LoginRefusedError(code="390318", message="OAuth access token expired. [sandbox]")
                for identity in self._by_name.values():
                    if hmac.compare_digest(oauth_token(identity).encode(), token.encode()):
                        return identity
                raise LoginRefusedError(code="390303", message="Invalid OAuth access token. [sandbox]")
            case _:
                # Users of type SERVICE have no password, whatever one sends.
                raise LoginRefusedError(
                    code="390100", message="Incorrect username or password was specified."
                )

    def _by_assertion(self, name: str, token: str, proof: str) -> Identity:
        given = self._asserted.pop(token, None)
        known = self._proofs.pop(proof, None)
        if given is None or given != proof or known != name or name not in self._by_name:
            words = "There was an error related to the SAML Identity Provider account parameter."
            raise LoginRefusedError(code="390190", message=words)
        return self._by_name[name]

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
