"""How fedesk gets a Vault token: given as one, or by a login."""

import hashlib
import time
from collections.abc import Callable

import hvac

from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import CredentialError, UnauthenticatedError

REFUSED_AGE = 900.0
"""Seconds for which a login that was refused is not tried again with the same credential.

Vault locks a user out after five failed logins for 15 minutes (its default), and a board looks every minute.
"""

Login = Callable[[hvac.Client, str, str], object]
"""Logs in with user and credential; hvac keeps the token in the client."""


def _approle(client: hvac.Client, user: str, credential: str) -> object:
    """``user`` is the role id; or the credential is ``ROLE_ID:SECRET_ID``."""
    if user:
        return client.auth.approle.login(role_id=user, secret_id=credential)
    role_id, _, secret_id = credential.partition(":")
    return client.auth.approle.login(role_id=role_id, secret_id=secret_id)


def _userpass(client: hvac.Client, user: str, credential: str) -> object:
    return client.auth.userpass.login(username=user, password=credential)


def _ldap(client: hvac.Client, user: str, credential: str) -> object:
    return client.auth.ldap.login(username=user, password=credential)


def _jwt(client: hvac.Client, user: str, credential: str) -> object:
    """``user`` is the role; empty for the mount's default one."""
    return client.auth.jwt.jwt_login(role=user or None, jwt=credential)


_LOGINS: dict[str, Login] = {"approle": _approle, "userpass": _userpass, "ldap": _ldap, "jwt": _jwt}


def login_for(endpoint: Endpoint, auth: str) -> Login | None:
    """The login of an ``auth``, None for a token; raises CredentialError for one that is not known.

    With ``oidc`` the credential is the token that a person's login brought (``vault_oidc``).
    """
    if auth in {"token", "oidc"}:
        return None
    if auth not in _LOGINS:
        raise CredentialError(
            f"{endpoint.name} has auth = {auth!r}; fedesk knows token, approle, userpass, ldap, jwt and oidc"
        )
    if auth in {"userpass", "ldap"} and not endpoint.user:
        raise CredentialError(f'{endpoint.name} has auth = "{auth}" and no `user`; add it to the connection')
    return _LOGINS[auth]


def credential_of(endpoint: Endpoint) -> SecretText:
    """The connection's credential; raises CredentialError where it has none or an empty one."""
    name = endpoint.name
    if endpoint.credential is None:
        raise CredentialError(f"{name} has no `credential`; add one, like keyring:{name}")
    text = endpoint.credential().reveal().strip()
    if not text:
        raise CredentialError(f"{name} has an empty credential; see what `credential` points to")
    if not text.isprintable():
        raise CredentialError(f"{name} has a credential of several lines or with control characters, not one")
    return SecretText(text)


class RefusedLogins:
    """Remembers the one credential that was refused last, as a digest, and for how long."""

    def __init__(self) -> None:
        self._digest = b""
        self._until = 0.0
        self._sentence = ""

    def check(self, credential: SecretText) -> None:
        """Raise the refusal again, unsent, while it is fresh and the credential is the same."""
        if time.monotonic() < self._until and _digest(credential) == self._digest:
            raise UnauthenticatedError(self._sentence)

    def note(self, credential: SecretText, sentence: str) -> UnauthenticatedError:
        """A login with this credential was refused; gives the error to raise."""
        self._digest, self._sentence = _digest(credential), sentence
        self._until = time.monotonic() + REFUSED_AGE
        return UnauthenticatedError(sentence)


def _digest(credential: SecretText) -> bytes:
    return hashlib.sha256(credential.reveal().encode("utf-8", "surrogatepass")).digest()
