"""A registry of images on loopback: what reads of the OCI distribution specification 1.1 are answered.

Statuses, headers and words are those of ``registry`` 3 (distribution/distribution: registry/api/errcode,
registry/auth/token, registry/handlers/manifests.go). The token service and the registry are one process here.
Images are those of the world's releases. What would change something is unsupported, and blobs are not kept.
"""

import base64
import binascii
import hmac
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fedesk.sandbox import images
from fedesk.sandbox.model import Identity
from fedesk.sandbox.release_line import REGISTRY, MadeRelease
from fedesk.sandbox.traffic import IDENTITY_KEY
from fedesk.sandbox.world import World

TOKEN_PATH = "/auth/token"  # noqa: S105 - an address
TOKEN_SECONDS = 300.0
MOVED_TAG = ("kyc", 140)
"""Service and place of the release whose version's tag was pushed again, for the release after it."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]{32,}")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_MANIFEST = re.compile(rf"(?P<name>{_NAME})/manifests/(?P<reference>[^/]+)")
_TAGS = re.compile(rf"(?P<name>{_NAME})/tags/list")
_BLOB = re.compile(rf"(?P<name>{_NAME})/blobs/(?P<reference>[^/]+)")
_ERRORS = {
    "UNAUTHORIZED": (401, "authentication required"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "UNSUPPORTED": (405, "The operation is unsupported."),
    "PAGINATION_NUMBER_INVALID": (400, "invalid number of results requested"),
}


def application(world: World, *, auth: str = "bearer", token_seconds: float = TOKEN_SECONDS) -> Starlette:
    """The ASGI application. ``auth`` is how it lets somebody in: ``bearer`` or ``basic``."""
    registry = Registry(world, auth=auth, token_seconds=token_seconds)

    def threaded(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(answer, request)

        return endpoint

    return Starlette(
        routes=[
            Route(TOKEN_PATH, threaded(registry.token), methods=["GET"]),
            Route("/v2/{path:path}", threaded(registry.answer), methods=_METHODS),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Token:
    user: str
    access: frozenset[tuple[str, str]]
    """Repository and action."""
    until: float


@dataclass(slots=True)
class Registry:
    """The routes over one world."""

    world: World
    auth: str
    token_seconds: float
    _tokens: dict[str, _Token] = field(default_factory=dict)

    def token(self, request: Request) -> Response:
        """The token service: a bearer token for the scopes that are asked for, to whoever has a password."""
        identity = self._basic(request)
        if identity is None:
            refused = _error("UNAUTHORIZED")
            refused.headers["WWW-Authenticate"] = f'Basic realm="{REGISTRY}"'
            return refused
        request.scope[IDENTITY_KEY] = identity.user
        token = secrets.token_urlsafe(48)
        access = frozenset(
            (name, action)
            for scope in request.query_params.getlist("scope")
            for kind, _, rest in [scope.partition(":")]
            for name, _, actions in [rest.rpartition(":")]
            for action in actions.split(",")
            if kind == "repository" and (action == "pull" or identity.writer)
        )
        until = time.monotonic() + self.token_seconds
        self._tokens[token] = _Token(identity.user, access, until)
        issued = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        written = {
            "token": token,
            "access_token": token,
            "expires_in": int(self.token_seconds),
            "issued_at": issued,
        }
        return Response(json.dumps(written), media_type="application/json")

    def answer(self, request: Request) -> Response:
        """Everything below ``/v2/``."""
        path = str(request.path_params["path"])
        if not path:
            found = self._refused(request, "") or _json({})
        elif match := _MANIFEST.fullmatch(path):
            found = self._refused(request, match["name"]) or self._manifest(request, **match.groupdict())
        elif match := _TAGS.fullmatch(path):
            found = self._refused(request, match["name"]) or self._tags(request, match["name"])
        elif match := _BLOB.fullmatch(path):
            found = self._refused(request, match["name"]) or _error("BLOB_UNKNOWN", match["reference"])
        else:
            found = PlainTextResponse("404 page not found\n", status_code=404)
        found.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        found.headers["X-Content-Type-Options"] = "nosniff"
        return found

    def _refused(self, request: Request, name: str) -> Response | None:
        """A challenge, unless whoever asks may pull from the repository."""
        error = ""
        if self.auth == "basic":
            identity = self._basic(request)
            if identity is not None:
                request.scope[IDENTITY_KEY] = identity.user
                return None
            challenge = f'Basic realm="{REGISTRY}"'
        else:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            if kind.lower() == "bearer" and given:
                known = self._tokens.get(given)
                if known is None or known.until < time.monotonic():
                    error = ',error="invalid_token"'
                elif name and (name, "pull") not in known.access:
                    error = ',error="insufficient_scope"'
                else:
                    request.scope[IDENTITY_KEY] = known.user
                    return None
            realm = f"{request.url.scheme}://{request.url.netloc}{TOKEN_PATH}"
            scope = f',scope="repository:{name}:pull"' if name else ""
            challenge = f'Bearer realm="{realm}",service="{REGISTRY}"{scope}{error}'
        wanted = [{"Type": "repository", "Class": "", "Name": name, "Action": "pull"}] if name else None
        refused = _error("UNAUTHORIZED", wanted)
        refused.headers["WWW-Authenticate"] = challenge
        return refused

    def _basic(self, request: Request) -> Identity | None:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        for identity in self.world.identities("registry"):
            if identity.user == user and hmac.compare_digest(identity.credential.encode(), secret.encode()):
                return identity
        return None

    def _manifest(self, request: Request, name: str, reference: str) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _unsupported()
        is_digest = _DIGEST.fullmatch(reference) is not None
        if not is_digest and not _TAG.fullmatch(reference):
            return PlainTextResponse("404 page not found\n", status_code=404)
        found = self._image(name, reference if is_digest else self._tagged(name).get(reference, ""))
        if found is None:
            detail = {"Name": name, "Revision": reference} if is_digest else {"Tag": reference}
            return _error("MANIFEST_UNKNOWN", detail)
        if request.headers.get("if-none-match", "").strip('"') == found.digest:
            return Response(status_code=304)
        kind = images.media_type(name)
        if kind == images.OCI and kind not in _accepted(request):
            words = "OCI manifest found, but accept header does not support OCI manifests"
            return _error("MANIFEST_UNKNOWN", words=words)
        headers = {"Docker-Content-Digest": found.digest, "Etag": f'"{found.digest}"'}
        body = images.manifest(self.world.seed, name, found.position)
        return Response(body, media_type=kind, headers=headers)

    def _image(self, name: str, digest: str) -> MadeRelease | None:
        """The release of a digest, if its image is there."""
        if name not in self.world.services or not self.world.deployments.pullable(name, digest):
            return None
        return self.world.deployments.release(name, digest)

    def _tagged(self, name: str) -> dict[str, str]:
        """Digests by tag: each release's version, and ``latest`` for the newest."""
        if name not in self.world.services:
            return {}
        kept = [
            found
            for found in self.world.releases(name)
            if self.world.deployments.pullable(name, found.digest)
        ]
        tags = {found.version: found.digest for found in kept}
        places = {found.position: found for found in kept}
        service, position = MOVED_TAG
        if name == service and position in places and position + 1 in places:
            tags[places[position].version] = places[position + 1].digest
        return tags | ({"latest": kept[-1].digest} if kept else {})

    def _tags(self, request: Request, name: str) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _unsupported()
        tags = sorted(self._tagged(name))
        if not tags:
            return _error("NAME_UNKNOWN", {"name": name})
        last, wanted = request.query_params.get("last", ""), request.query_params.get("n")
        if wanted is not None and not (wanted.isdecimal() and int(wanted) > 0):
            return _error("PAGINATION_NUMBER_INVALID", {"n": wanted})
        after = [tag for tag in tags if tag > last]
        page = after[: int(wanted)] if wanted is not None else after
        answer = _json({"name": name, "tags": page})
        if len(page) < len(after):
            answer.headers["Link"] = f'</v2/{name}/tags/list?last={page[-1]}&n={wanted}>; rel="next"'
        return answer


def _accepted(request: Request) -> set[str]:
    """Media types that are named; ``*/*`` names none."""
    given = ",".join(request.headers.getlist("accept"))
    return {one.partition(";")[0].strip().lower() for one in given.split(",")}


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document) + "\n", status_code=status, media_type="application/json")


def _error(code: str, detail: object = None, *, words: str = "") -> Response:
    status, message = _ERRORS[code]
    error: dict[str, object] = {"code": code, "message": words or message}
    if detail is not None:
        error["detail"] = detail
    return _json({"errors": [error]}, status)


def _unsupported() -> Response:
    refused = _error("UNSUPPORTED")
    refused.headers["Allow"] = "GET, HEAD"
    return refused
