"""Whom a connection trusts, and how an address is named in a sentence."""

import ssl
from urllib.parse import urlsplit

from fedesk.clients.wording import quoted
from fedesk.domain.text import clean
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import CredentialError


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """The CA bundle where one is configured, else the system's trust store, and our own certificate.

    For a plain ``http://`` address a context that trusts nobody: reading the store takes tens of
    milliseconds. Raises CredentialError where a file of the configuration cannot be used.
    """
    try:
        if endpoint.ca_bundle is not None:
            context = ssl.create_default_context(cafile=endpoint.ca_bundle)
        elif endpoint.url.startswith("http://") and not endpoint.proxy.startswith("https://"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            import truststore

            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if endpoint.client_certificate is not None:
            context.load_cert_chain(endpoint.client_certificate, endpoint.client_key)
    except (OSError, ssl.SSLError) as error:
        raise CredentialError(
            f"{endpoint.name} cannot use its `ca_bundle`, `client_certificate` or `client_key`: "
            f"{quoted(str(error))}"
        ) from None
    return context


def server_address(url: str) -> str:
    """Scheme, host and port of an address: no path, and nobody's name or password."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return clean(f"{parts.scheme}://{parts.hostname or ''}{port}")
