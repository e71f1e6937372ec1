"""An HTTPS endpoint as a sink of checkpoints: POST takes one document, GET gives the list of them back."""

import base64
import json

from fedesk.clients.http import open_client, request
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import CredentialError, ProtocolError


class HttpsAnchor:
    """``ports.anchoring.Anchor`` over one address. It sends the credential there and nowhere else."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client = open_client(endpoint)

    def put(self, log: str, seq: int, line: bytes) -> None:
        """POST one document; what breaks is tried once more, since the same again does no harm."""
        del log, seq
        request(
            self._client,
            self._endpoint,
            "POST",
            self._endpoint.url,
            content=json.loads(line),
            headers=self._headers(),
        )

    def lines(self, log: str) -> tuple[bytes, ...]:
        """GET the documents: a list, or an object whose ``checkpoints`` is one. ``?log=`` says whose."""
        answer = request(
            self._client,
            self._endpoint,
            "GET",
            self._endpoint.url,
            query=(("log", log),),
            headers=self._headers(),
        )
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            found = found.get("checkpoints")
        if not isinstance(found, list):
            raise ProtocolError(
                f"{self._endpoint.name} does not give a list of checkpoints back; "
                "see whether its `url` is right"
            )
        return tuple(json.dumps(document).encode("ascii") for document in found)

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()

    def _headers(self) -> dict[str, str]:
        """Bearer, or Basic where a user is configured; nothing without a credential."""
        endpoint = self._endpoint
        if endpoint.credential is None:
            return {}
        secret = endpoint.credential().reveal().strip()
        if not secret.isascii() or not secret.isprintable() or not secret:
            raise CredentialError(f"{endpoint.name} was given no usable credential: see what it refers to.")
        if endpoint.user:
            pair = base64.b64encode(f"{endpoint.user}:{secret}".encode()).decode("ascii")
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": f"Bearer {secret}"}
