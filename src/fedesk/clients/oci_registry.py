"""A registry of images by the OCI distribution specification: does a manifest exist, and what is its digest.

One HEAD answers; a GET follows where the registry has to be asked for its own words: on a 404, which is none
of its where it comes from something else, and where a HEAD names no digest.
"""

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fedesk.clients.http import Answer, open_client, request
from fedesk.clients.registry_login import Challenge, Token, basic, challenge_of, fetch_token
from fedesk.clients.wording import quoted, status_error
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotFoundError, NotSentError, ProtocolError, UnauthenticatedError
from fedesk.ports.releasing import Manifest

_ACCEPT = (
    "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json,"
    "application/vnd.docker.distribution.manifest.v2+json"
)
_ABSENT = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"})
"""Codes of the specification, and the one that some registries have in their place."""
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_REFERENCE = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{32,}"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class RegistryClient:
    """``ports.releasing.RegistrySource``. ``names`` are those that images call it by, beside its address'.

    Blocking; safe to use from several threads.
    """

    def __init__(self, endpoint: Endpoint, *, names: tuple[str, ...] = (), token_realm: str = "") -> None:
        self._endpoint = endpoint
        self._names = frozenset({urlsplit(endpoint.url).netloc.lower(), *(name.lower() for name in names)})
        self._token_realm = token_realm
        self._client = open_client(endpoint)
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}
        """By path: a registry gives one for each repository."""

    def manifest(self, image: str, reference: str) -> Manifest | None:
        """The manifest by digest or tag; None where the registry says that there is none."""
        path = self._path(image, reference)
        answer = self._ask("HEAD", path)
        if answer.status == _NOT_FOUND:
            self._check_absent(path)
            return None
        digest = answer.headers.get("docker-content-digest", "").strip()
        if not digest:
            answer = self._ask("GET", path)
            digest = answer.headers.get("docker-content-digest", "").strip() or _digest_of(answer.body)
        named = reference if ":" in reference else digest
        if _DIGEST.fullmatch(digest) is None or digest != named:
            raise ProtocolError(
                f"{self._endpoint.name} answers for {quoted(reference, limit=90)} with the digest "
                f"{quoted(digest, limit=140)}; see whether `url` is a registry"
            )
        return Manifest(
            digest=digest,
            media_type=answer.headers.get("content-type", "").partition(";")[0].strip(),
            observed_at=datetime.now(UTC),
            link=f"{self._endpoint.url}{path}",
        )

    def reach(self) -> None:
        """Ask for the API's root, with the login; raises SourceError."""
        answer = self._ask("GET", "/v2/")
        if answer.status == _NOT_FOUND:
            raise self._no_registry(answer)

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()

    def _path(self, image: str, reference: str) -> str:
        """Raises NotSentError for an image that is another registry's, or no image."""
        registry, slash, rest = image.partition("/")
        is_named = bool(slash) and (any(mark in registry for mark in ".:") or registry == "localhost")
        name = rest if is_named else image
        if is_named and registry.lower() not in self._names:
            raise NotSentError(
                f"{quoted(image, limit=120)} is not of {self._endpoint.name}, which has "
                f"{quoted(', '.join(sorted(self._names)), limit=160)}; if it is the same, add it to `names`"
            )
        if _NAME.fullmatch(name) is None or _REFERENCE.fullmatch(reference) is None:
            said = quoted(f"{name} {reference}", limit=200)
            raise NotSentError(f"{said} is no image that {self._endpoint.name} could have; nothing was asked")
        return f"/v2/{name}/manifests/{reference}"

    def _check_absent(self, path: str) -> None:
        """Raises NotFoundError where it is not the registry's own words that it is not there."""
        answer = self._ask("GET", path)
        if answer.status == _NOT_FOUND and not _codes(answer.body) & _ABSENT:
            raise self._no_registry(answer)

    def _no_registry(self, answer: Answer) -> NotFoundError:
        return NotFoundError(
            f"{self._endpoint.name} does not answer as a registry does at {self._endpoint.url}/v2/ "
            f"(HTTP 404: {quoted(answer.body)}); see whether its `url` is right"
        )

    def _ask(self, method: str, path: str) -> Answer:
        """The answer, 404 included. One that wants a login is asked once more with it."""
        with self._lock:
            held = self._tokens.get(path)
        answer = self._send(method, path, held.secret.reveal() if held is not None and held.is_good else "")
        if answer.status == _UNAUTHORIZED:
            answer = self._send(method, path, self._login(path, challenge_of(answer), answer))
        if answer.status != _UNAUTHORIZED:
            return answer
        # A token was given and does not do: that is a right which is missing, whatever the status says.
        lacks = (refused := challenge_of(answer)) is not None and refused.error == "insufficient_scope"
        status = _FORBIDDEN if lacks else _UNAUTHORIZED
        raise status_error(str(self._endpoint.name), status, answer.body)

    def _send(self, method: str, path: str, authorization: str) -> Answer:
        headers: Mapping[str, str] = {"Accept": _ACCEPT} | (
            {"Authorization": authorization} if authorization else {}
        )
        return request(
            self._client,
            self._endpoint,
            method,
            path,
            headers=headers,
            expected=(_UNAUTHORIZED, _NOT_FOUND),
        )

    def _login(self, path: str, challenge: Challenge | None, answer: Answer) -> str:
        if challenge is None:
            raise status_error(str(self._endpoint.name), _UNAUTHORIZED, answer.body)
        if challenge.scheme == "bearer":
            token = fetch_token(self._client, self._endpoint, challenge, self._token_realm)
            with self._lock:
                self._tokens[path] = token
            return token.secret.reveal()
        login = basic(self._endpoint)
        if login is None:
            raise UnauthenticatedError(
                f"{self._endpoint.name} lets nobody in without a login; give it `user` and `credential`"
            )
        return login.reveal()


def _codes(body: bytes) -> frozenset[str]:
    """The codes of an error as the specification has it."""
    try:
        errors = json.loads(body)["errors"]
        return frozenset(str(error["code"]) for error in errors)
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()


def _digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}" if body else ""
