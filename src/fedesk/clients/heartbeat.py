"""A service that tells people when it hears nothing any more: one GET or POST of an address, now and then.

Whoever knows such an address may write there, so it is a secret where the configuration only refers to it; no
sentence holds more of it than its host.
"""

from typing import Literal
from urllib.parse import urlsplit

from fedesk.clients.http import open_client, request
from fedesk.clients.tls import server_address
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import SourceError

_SECRET = 8
"""Characters from which on a part of an address may be what gives access."""


class Heartbeat:
    """``ports.notifying.Heart`` over one address."""

    def __init__(self, endpoint: Endpoint, method: Literal["GET", "POST"]) -> None:
        self._endpoint = endpoint
        self._method = method
        self._client = open_client(endpoint)

    def beat(self) -> None:
        """Send one request; what breaks is tried once more."""
        url = self._endpoint.url
        try:
            request(self._client, self._endpoint, self._method, url)
        except SourceError as error:
            said = str(error)
            for part in (url.removeprefix(server_address(url)), *urlsplit(url).path.split("/")):
                said = said.replace(part, "…") if len(part) >= _SECRET else said
            raise type(error)(said) from None

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()
