"""A Vault token by OIDC: the person signs in with a browser, which comes back to a listener on loopback.

The state binds the browser's answer to this login, Vault compares the nonce with the ID token's, and a nonce
of this process's own keeps anybody else from fetching the token with what the browser brought.
"""

import secrets
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec

from fedesk.clients.loopback import Loopback
from fedesk.clients.vault_session import VaultSession
from fedesk.clients.wording import quoted
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import ProtocolError, UnauthenticatedError

PATH = "/oidc/callback"


class _AuthUrl(msgspec.Struct, frozen=True):
    auth_url: str = ""


class _Auth(msgspec.Struct, frozen=True):
    client_token: str


class _Entered(msgspec.Struct, frozen=True):
    auth: _Auth


def oidc_token(endpoint: Endpoint, show: Callable[[str], None], *, port: int, patience: float) -> SecretText:
    """Have the person sign in at the address that ``show`` is given; raises SourceError.

    ``port`` is listened on for the browser, ``patience`` are the seconds it may take. ``endpoint.user`` is
    the role; the mount's default one where it is empty.
    """
    session = VaultSession(endpoint, "token")
    try:
        with Loopback(PATH, port) as loopback:
            own = secrets.token_urlsafe(24)
            address = _address(session, endpoint, loopback.address, own)
            asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
            if not asked.get("state") or not asked.get("nonce"):
                raise session.undocumented("its address for signing in has no state and nonce")
            show(address)
            given = loopback.answer(asked["state"], patience)
        return _redeemed(session, endpoint, given, asked["nonce"], own)
    finally:
        session.close()


def _address(session: VaultSession, endpoint: Endpoint, back: str, own: str) -> str:
    """Where the person signs in."""
    body = {"role": endpoint.user, "redirect_uri": back, "client_nonce": own}
    answer = session.enter(lambda: session.vault.adapter.post("/v1/auth/oidc/oidc/auth_url", json=body))
    address = session.data(answer, _AuthUrl).auth_url
    if not address:
        raise ProtocolError(
            f"{endpoint.name} gives no address to sign in at: its role must have {back} among its "
            "allowed_redirect_uris, and its provider must be reachable for Vault"
        )
    if urlsplit(address).scheme not in {"http", "https"} or not address.isprintable():
        raise session.undocumented(f"its address for signing in is {quoted(address, limit=80)}")
    return address


def _redeemed(
    session: VaultSession, endpoint: Endpoint, found: Mapping[str, str], nonce: str, own: str
) -> SecretText:
    """The token for what the browser brought."""
    if not found.get("code"):
        words = found.get("error_description") or found.get("error") or "no code came back"
        raise UnauthenticatedError(
            f"{endpoint.name} was not logged in to: the provider says {quoted(words)}; "
            f"run `{endpoint.name.login}` again"
        )
    query = {"state": found["state"], "nonce": nonce, "code": found["code"], "client_nonce": own}
    answer = session.enter(lambda: session.vault.adapter.get("/v1/auth/oidc/oidc/callback", params=query))
    return SecretText(session.shaped(answer, _Entered).auth.client_token)
