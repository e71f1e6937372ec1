"""Who fedesk is to an Airflow 3, and requests in that name.

The simple auth manager answers HTTP Basic with 401 whatever the password; it wants the token of
``POST /auth/token``. Behind single sign-on there is no such address: a command gives the bearer.
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Literal, TypeVar
from urllib.parse import quote

from fedesk.clients.bearer import claims_of, expiry_of
from fedesk.clients.held_answers import HeldAnswers
from fedesk.clients.http import Answer, LineStream, Query, open_client, open_stream, request
from fedesk.clients.wording import refused_token
from fedesk.domain.identity import Identity
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    CredentialError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    SourceError,
    UnauthenticatedError,
)

T = TypeVar("T")

Auth = Literal["password", "token", "basic"]

NDJSON = "application/x-ndjson"
RENEW_BEFORE = 60.0
"""Seconds before its end at which a token is replaced; a tenth of its life where that is shorter."""
_ABOUT_THE_TOKEN = ("token", "jwt", "expired", "signature", "credential")


class AirflowSession:
    """Requests to one Airflow. Safe to use from several threads; a token is fetched once for all of them."""

    def __init__(self, endpoint: Endpoint, auth: Auth) -> None:
        self.endpoint = endpoint
        self._auth = auth
        self._client = open_client(endpoint)
        self._lock = threading.Lock()
        self._authorization: SecretText | None = None
        self._renew_at = float("inf")
        self.held = HeldAnswers[LineStream]()
        """Long logs that are under way."""
        self.requests = 0
        """Requests sent so far, logins included."""
        self.transferred = 0
        """Bytes of bodies received so far, as they came over the wire."""

    def get(self, path: str, query: Query = ()) -> Answer:
        """``GET /api/v2`` + ``path``; raises SourceError."""
        return self._authorized(lambda headers: self._send("GET", f"/api/v2{path}", headers, query=query))

    def lines(self, path: str, query: Query = ()) -> LineStream:
        """``GET`` as a stream of JSON lines where the server has one; to be closed. Raises SourceError."""

        def send(headers: dict[str, str]) -> LineStream:
            self.requests += 1
            wanted = headers | {"Accept": NDJSON}
            return open_stream(self._client, self.endpoint, f"/api/v2{path}", query=query, headers=wanted)

        return self._authorized(send)

    def knock(self, path: str) -> None:
        """``GET`` what only who is logged in may see; of an Airflow 2 with ``basic``, whose API is v1."""
        try:
            self.get(path)
        except NotFoundError:
            if self._auth != "basic":
                raise
            self._authorized(lambda headers: self._send("GET", f"/api/v1{path}", headers))

    def list(self, path: str, body: dict[str, object]) -> Answer:
        """``POST /api/v2`` + ``path`` of a batch read, which changes nothing; raises SourceError."""
        return self._authorized(lambda headers: self._send("POST", f"/api/v2{path}", headers, content=body))

    def dry_run(self, path: str, body: dict[str, object]) -> Answer:
        """``POST /api/v2`` + ``path`` as a dry run, which changes nothing whatever ``body`` says."""
        asked = body | {"dry_run": True}
        return self._authorized(lambda headers: self._send("POST", f"/api/v2{path}", headers, content=asked))

    @property
    def identity(self) -> Identity:
        """Whom the token that was last used names: Airflow's API has no way to ask."""
        held = self._authorization
        token = "" if held is None else held.reveal().removeprefix("Bearer ")
        claims = claims_of(token)
        named = "" if self._auth == "token" else self.endpoint.user
        role = claims.get("role")
        return Identity(
            user=one_line(named or str(claims.get("sub", "")) or self.endpoint.user, 120),
            roles=(one_line(role, 120),) if isinstance(role, str) else (),
            until=expiry_of(token),
        )

    def close(self) -> None:
        """Close the sockets."""
        self.held.close()
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        *,
        query: Query = (),
        content: object = None,
        again: bool = True,
    ) -> Answer:
        self.requests += 1
        answer = request(
            self._client,
            self.endpoint,
            method,
            path,
            query=query,
            content=content,
            headers=headers,
            again=again,
        )
        self.transferred += answer.transferred
        return answer

    def _authorized(self, send: Callable[[dict[str, str]], T]) -> T:
        """Send; where the token is refused, take a new one and send once more."""
        used = self._current()
        try:
            return send({"Authorization": used.reveal()})
        except UnauthenticatedError as error:
            refused: SourceError = error
        except ForbiddenError as error:
            if self._auth == "basic" or not _is_about_the_token(str(error)):
                raise
            refused = error
        renewed = self._renewed(used)
        if renewed == used:
            raise self._not_taken(refused)
        try:
            return send({"Authorization": renewed.reveal()})
        except (UnauthenticatedError, ForbiddenError) as error:
            if isinstance(error, ForbiddenError) and not _is_about_the_token(str(error)):
                raise
            if self._auth != "password":
                raise self._not_taken(error) from None
            raise UnauthenticatedError(
                f"{error}; a new token was refused as well, so this server does not accept tokens "
                f'that `auth = "{self._auth}"` yields'
            ) from None

    def _not_taken(self, error: SourceError) -> UnauthenticatedError:
        """The refusal of what the credential still gives; of a token, with the end that it names itself."""
        if self._auth != "token":
            return UnauthenticatedError(str(error))
        said = str(error)[str(error).rfind("(HTTP ") + 1 :].removesuffix(")")
        return refused_token(self.endpoint, said, self.identity.until)

    def _current(self) -> SecretText:
        with self._lock:
            if self._authorization is None or time.time() >= self._renew_at:
                self._log_in()
            return self._held()

    def _renewed(self, refused: SecretText) -> SecretText:
        """A token other than the refused one; a thread that comes second takes what the first has brought."""
        with self._lock:
            if self._authorization == refused:
                self._log_in()
            return self._held()

    def _held(self) -> SecretText:
        if self._authorization is None:
            raise CredentialError(f"{self.endpoint.name} has no token; see `auth` and `credential`")
        return self._authorization

    def _log_in(self) -> None:
        secret = self._credential().reveal()
        self._renew_at = float("inf")
        if self._auth == "basic":
            pair = base64.b64encode(f"{self.endpoint.user}:{secret}".encode()).decode("ascii")
            self._authorization = SecretText(f"Basic {pair}")
            return
        token = secret.strip() if self._auth == "token" else self._token_for(secret)
        if not token or not token.isascii() or not token.isprintable():
            raise CredentialError(
                f"{self.endpoint.name} was given no usable bearer token: see what `credential` yields"
            )
        self._authorization = SecretText(f"Bearer {token}")
        ends, now = _expiry(token), time.time()
        self._renew_at = ends - min(RENEW_BEFORE, max(ends - now, 0.0) / 10)

    def _credential(self) -> SecretText:
        if self.endpoint.credential is None:
            raise CredentialError(
                f"{self.endpoint.name} has no credential; set `credential` of the connection"
            )
        return self.endpoint.credential()

    def _token_for(self, password: str) -> str:
        login = {"username": self.endpoint.user, "password": password}
        try:
            answer = self._send("POST", "/auth/token", {}, content=login)
        except NotFoundError as error:
            raise UnauthenticatedError(
                f'{error}; it has no /auth/token: behind single sign-on set `auth = "token"` and a '
                "`credential` command that prints a bearer token"
            ) from None
        try:
            document = json.loads(answer.body)
            return str(document["access_token"])
        except (ValueError, KeyError, TypeError):
            raise ProtocolError(
                f"{self.endpoint.name} answered the login without a token; see whether `url` is an Airflow 3"
            ) from None


def _is_about_the_token(sentence: str) -> bool:
    """A 403 for a token that is invalid says so; one for a missing right says ``Forbidden``."""
    return any(word in sentence.lower() for word in _ABOUT_THE_TOKEN)


def _expiry(token: str) -> float:
    """When a token ends, in seconds since 1970; infinite for what is no JWT or tells no end."""
    ends = expiry_of(token)
    return float("inf") if ends is None else ends.timestamp()


def quoted_path(*parts: str | int) -> str:
    """Segments of a path, each escaped whole: a run id holds ``:`` and ``+``, and may hold ``/``."""
    return "".join(f"/{quote(str(part), safe='~')}" for part in parts)
