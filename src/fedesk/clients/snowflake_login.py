"""How fedesk logs in to Snowflake, as parameters of the connector's ``connect``."""

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from fedesk.clients.snowflake_browser import id_token_parameters
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import CredentialError

_PEM = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]*PRIVATE KEY)-----(?P<body>.*?)-----END (?P=label)-----", re.DOTALL
)


def login_parameters(endpoint: Endpoint, auth: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Authenticator and credential, beside the ``parameters`` of every session; raises CredentialError.

    key-pair: the credential is the private key as PEM (PKCS #8 or PKCS #1, unencrypted), as
    ``command:cat KEYFILE`` gives it; oauth: an access token; externalbrowser: the ID token that a person's
    login brought.
    """
    if auth == "key-pair":
        return {"authenticator": "SNOWFLAKE_JWT", "private_key": _der(endpoint, _credential(endpoint))}
    if auth == "oauth":
        return {"authenticator": "oauth", "token": _credential(endpoint)}
    if auth == "externalbrowser":
        return id_token_parameters(endpoint, parameters, _credential(endpoint))
    raise CredentialError(
        f"{endpoint.name} has auth = {auth!r}; fedesk knows key-pair, oauth and externalbrowser"
    )


def _credential(endpoint: Endpoint) -> str:
    if endpoint.credential is None:
        raise CredentialError(f"{endpoint.name} has no `credential`; add one, like keyring:{endpoint.name}")
    text = endpoint.credential().reveal().strip()
    if not text:
        raise CredentialError(f"{endpoint.name} has an empty credential; see what `credential` points to")
    return text


def _der(endpoint: Endpoint, pem: str) -> bytes:
    """The key's DER: both majors of the connector take it, PKCS #8 and PKCS #1 alike."""
    found = _PEM.search(pem)
    if found is None:
        raise CredentialError(
            f"{endpoint.name} has a credential that is no private key in PEM; with key-pair it is the key "
            "itself, like command:cat KEYFILE"
        )
    if "ENCRYPTED" in found["label"] or "ENCRYPTED" in found["body"]:
        raise CredentialError(
            f"{endpoint.name} has an encrypted private key; let the credential decrypt it, like "
            "command:openssl pkey -in KEYFILE -passin file:PASSFILE"
        )
    try:
        return base64.b64decode("".join(found["body"].split()), validate=True)
    except (binascii.Error, ValueError):
        damaged = f"{endpoint.name} has a private key whose PEM is damaged; see `credential`"
        raise CredentialError(damaged) from None


def proxy_parameters(endpoint: Endpoint) -> dict[str, Any]:
    """The connector's own words for a proxy; raises CredentialError for one without a host."""
    if not endpoint.proxy:
        return {}
    parts = urlsplit(endpoint.proxy)
    if not parts.hostname:
        raise CredentialError(
            f"{endpoint.name} has a `proxy` without a host; write it like http://proxy:3128"
        )
    parameters: dict[str, Any] = {"proxy_host": parts.hostname, "proxy_port": str(parts.port or 80)}
    if parts.username:
        parameters |= {"proxy_user": unquote(parts.username), "proxy_password": unquote(parts.password or "")}
    return parameters
