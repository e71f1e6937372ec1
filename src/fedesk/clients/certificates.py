"""The certificates that a server presents over TLS, and whether the connection's settings trust them."""

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from fedesk.clients.tls import server_address, tls_context
from fedesk.clients.wording import clean, quoted
from fedesk.domain.examination import Certificate, Chain
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import CredentialError

_HTTPS = 443
_SHOWN = 120
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def chain_of(endpoint: Endpoint) -> Chain:
    """What the server presents, its own certificate first. Behind a proxy it is not looked at."""
    parts = urlsplit(endpoint.url)
    if parts.scheme != "https":
        return Chain(encrypted=False, local=parts.hostname in _LOOPBACK)
    if endpoint.proxy:
        return Chain()
    address = (parts.hostname or "", parts.port or _HTTPS)
    try:
        return Chain(certificates=_presented(address, tls_context(endpoint), endpoint.connect_timeout))
    except CredentialError as error:
        return Chain(trouble=str(error))
    except ssl.SSLError as error:
        return Chain(certificates=_unverified(address, endpoint), trouble=_why(endpoint, error))
    except OSError:
        # It cannot be reached at all, which the examination tells in better words.
        return Chain()


def _why(endpoint: Endpoint, error: ssl.SSLError) -> str:
    said = getattr(error, "verify_message", "") or error.reason or str(error)
    return (
        f"{server_address(endpoint.url)} is not trusted: {quoted(said)}. See `ca_bundle`, "
        "and whether `url` has the name that stands in the certificate."
    )


def _unverified(address: tuple[str, int], endpoint: Endpoint) -> tuple[Certificate, ...]:
    """What is presented all the same. Nothing is sent over this connection: it is made to look at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return _presented(address, context, endpoint.connect_timeout)
    except OSError:
        return ()


def _presented(address: tuple[str, int], context: ssl.SSLContext, patience: float) -> tuple[Certificate, ...]:
    with (
        socket.create_connection(address, timeout=patience) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secured,
    ):
        return tuple(_certificate(der) for der in _ders(secured))


def _ders(secured: ssl.SSLSocket) -> tuple[bytes, ...]:
    """The chain as DER. Python has it in public from 3.13 on; before, behind the socket's own object."""
    public: Any = getattr(secured, "get_unverified_chain", None)
    if public is not None:
        return tuple(public())
    inner: Any = getattr(secured, "_sslobj", None)
    chain: Any = getattr(inner, "get_unverified_chain", None)
    if chain is None:
        leaf = secured.getpeercert(binary_form=True)
        return () if leaf is None else (leaf,)
    return tuple(ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain() or ())


def _certificate(der: bytes) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    return Certificate(
        subject=_name(parsed.subject), issuer=_name(parsed.issuer), expires_at=parsed.not_valid_after_utc
    )


def _name(name: x509.Name) -> str:
    """The common name, or the whole where there is none."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return clean(str(common[0].value) if common else name.rfc4514_string())[:_SHOWN]
