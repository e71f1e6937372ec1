"""Snowflake by a person's identity provider: once with a browser, then by the ID token that comes of it.

The connector's own way opens a browser whenever a session is made, which a look every hour must not. Its core
in Rust (5.x) has neither of the two pieces that this is made of.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import snowflake.connector

from fedesk.clients.wording import log_in_anew
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import CredentialError, UnauthenticatedError

_FIRST_WITHOUT = 5
_APPLICATION = "fedesk"
WANTS_TOKEN = {"CLIENT_STORE_TEMPORARY_CREDENTIAL": True}
"""The session's parameter with which Snowflake gives an ID token out."""


class _Shown:
    """What the connector takes for the module ``webbrowser``: the address goes to the person."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def open_new(self, address: str) -> bool:
        self._show(address)
        return True


def browser_parameters(
    endpoint: Endpoint, parameters: dict[str, Any], show: Callable[[str], None]
) -> dict[str, Any]:
    """What ``connect`` needs beside ``parameters`` to have a person sign in."""
    entering = _pieces(endpoint).AuthByWebBrowser(webbrowser_pkg=_Shown(show), **_place(endpoint, parameters))
    # It would keep the token in a file of its own.
    entering.consent_cache_id_token = False
    wanted = {**parameters["session_parameters"], **WANTS_TOKEN}
    return {"auth_class": entering, "session_parameters": wanted}


def id_token_parameters(endpoint: Endpoint, parameters: dict[str, Any], token: str) -> dict[str, Any]:
    """What ``connect`` needs to log in with an ID token; one that is refused opens no browser."""
    entering = _pieces(endpoint).AuthByIdToken(id_token=token, **_place(endpoint, parameters))

    def refuse(**_: object) -> None:
        raise UnauthenticatedError(
            f"{endpoint.name} refuses the token of the last login by browser, it has expired or was revoked; "
            f"{log_in_anew(endpoint)}"
        )

    entering.reauthenticate = refuse
    return {"auth_class": entering}


def id_token_of(endpoint: Endpoint, connection: Any) -> SecretText:
    """The ID token that a session came with; raises CredentialError where the account gives none."""
    token = connection.rest.id_token
    if not token:
        raise CredentialError(
            f"{endpoint.name} let you in and gave no token to keep: have ALLOW_ID_TOKEN set on the account, "
            'or use auth = "key-pair"'
        )
    return SecretText(str(token))


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """The connector tells its progress on stdout, where data belongs."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _place(endpoint: Endpoint, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "application": _APPLICATION,
        "protocol": parameters.get("protocol", "https"),
        "host": endpoint.url.partition("://")[2].rpartition(":")[0],
        "port": parameters.get("port", 443),
        "timeout": parameters["login_timeout"],
    }


def _pieces(endpoint: Endpoint) -> Any:
    """The connector's ways of authenticating, of which 5.x has no module."""
    if int(snowflake.connector.__version__.split(".")[0]) >= _FIRST_WITHOUT:
        raise CredentialError(
            f'{endpoint.name} has auth = "externalbrowser", which takes snowflake-connector-python 4; '
            'install that, or use auth = "key-pair" or "oauth"'
        )
    return import_module("snowflake.connector.auth")
