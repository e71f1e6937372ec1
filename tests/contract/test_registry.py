"""A registry of images, asked for manifests: logins by token and by password, and what it has not."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from live_registry import PASSWORD, USER, LiveRegistry
from raw_server import RawServer, drip, hang, heard, say
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedesk import composition
from fedesk.clients.oci_registry import RegistryClient
from fedesk.config import load_config
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.examination import complaints
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    ConflictError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    NotSentError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.runner_credentials import lookups_of
from fedesk.sandbox import registry as emulated
from fedesk.sandbox.release_line import REGISTRY
from fedesk.sandbox.server import Sandbox
from fedesk.services.examining import examine

if TYPE_CHECKING:
    from asgi_server import AsgiServer, ServedApp

PLANTED = "planted-registry-secret"
DIGEST = f"sha256:{'0a' * 32}"
Opened = Callable[..., tuple[RegistryClient, "ServedApp"]]


def endpoint(
    url: str, *, user: str = "fedesk", secret: str | None = PLANTED, deadline: float = 20.0
) -> Endpoint:
    return Endpoint(
        name=ConnectionName("prod", "registry"),
        url=url,
        user=user,
        credential=None if secret is None else lambda: SecretText(secret),
        read_timeout=deadline,
        deadline=deadline,
    )


@pytest.fixture
def opened(sandbox: Sandbox, asgi_server: "AsgiServer") -> Iterator[Opened]:
    """The sandbox's registry with a client over it: ``opened(auth="basic", secret=None, …)``."""
    clients: list[RegistryClient] = []
    identity = sandbox.world.identity("registry")

    def made(
        *, auth: str = "bearer", seconds: float = 300.0, **more: Any
    ) -> tuple[RegistryClient, "ServedApp"]:
        served = asgi_server(emulated.application(sandbox.world, auth=auth, token_seconds=seconds))
        given = {"user": identity.user, "secret": identity.credential} | more
        clients.append(RegistryClient(endpoint(served.url, **given), names=(REGISTRY,)))
        return clients[-1], served

    yield made
    for client in clients:
        client.close()


def image_of(sandbox: Sandbox) -> tuple[str, str]:
    """An image that is there, and its digest."""
    plan = sandbox.world.builds("finedge/prod/deploy-payments", 1)[0]
    return f"{REGISTRY}/payments", plan.digest


@pytest.mark.parametrize(("auth", "first"), [("bearer", 3), ("basic", 2)])
def test_a_manifest_is_there_by_digest_and_by_tag(
    sandbox: Sandbox, opened: Opened, auth: str, first: int
) -> None:
    """HEAD, the challenge met once; a token serves again until it ends. What is not there is None."""
    client, served = opened(auth=auth)
    image, digest = image_of(sandbox)
    found = client.manifest(image, digest)
    assert found is not None
    assert (found.digest, found.media_type) == (digest, "application/vnd.oci.image.manifest.v1+json")
    assert len(served.requests) == first
    again = client.manifest("payments", "latest")
    assert again is not None
    assert again.digest.startswith("sha256:")
    assert client.manifest(image, DIGEST) is None
    assert client.manifest(f"{REGISTRY}/no-such-service", "1.0") is None
    assert all(one.split()[0] in ("HEAD", "GET") for one in served.requests)


def test_a_token_that_has_ended_is_renewed(sandbox: Sandbox, opened: Opened) -> None:
    """Each look takes one of its own where tokens live no longer than that."""
    client, served = opened(seconds=0.0)
    with pytest.raises(UnauthenticatedError):
        client.manifest(*image_of(sandbox))
    assert sum("/auth/token" in one for one in served.requests) == 1
    client, served = opened(seconds=300.0)
    client.manifest(*image_of(sandbox))
    client.manifest(*image_of(sandbox))
    assert sum("/auth/token" in one for one in served.requests) == 1


@pytest.mark.parametrize("auth", ["bearer", "basic"])
@pytest.mark.parametrize("secret", [PLANTED, None])
def test_a_wrong_or_missing_login_is_one_sentence(
    sandbox: Sandbox, opened: Opened, auth: str, secret: str | None
) -> None:
    """It names the registry and never the secret."""
    client, _ = opened(auth=auth, secret=secret)
    with pytest.raises(UnauthenticatedError, match=r"^prod/registry") as caught:
        client.manifest(*image_of(sandbox))
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    ("image", "reference", "words"),
    [
        ("other.example/payments", "1.0", "is not of prod/registry"),
        ("localhost/payments", "1.0", "is not of prod/registry"),
        (f"{REGISTRY}/../v2/_catalog", "1.0", "is no image"),
        (f"{REGISTRY}/payments", "../../tags/list", "is no image"),
        (f"{REGISTRY}/Payments", "1.0", "is no image"),
        ("", "", "is no image"),
    ],
)
def test_what_is_no_image_of_it_is_not_asked(opened: Opened, image: str, reference: str, words: str) -> None:
    """Another registry's image, a path that climbs, names that the specification has not."""
    client, served = opened()
    with pytest.raises(NotSentError, match=words):
        client.manifest(image, reference)
    assert served.requests == []


def break_off(connection: socket.socket, _: threading.Event) -> None:
    heard(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    connection.shutdown(socket.SHUT_RDWR)


def telling(answer: Callable[[Request], Response]) -> Starlette:
    """A server of one function."""

    async def answered(request: Request) -> Response:
        return answer(request)

    return Starlette(routes=[Route("/{path:path}", answered, methods=["GET", "HEAD"])])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProtocolError),
        (403, ForbiddenError),
        (409, ConflictError),
        (429, RateLimitedError),
        (500, ServerFaultError),
        (503, ServerFaultError),
        (307, ProtocolError),
    ],
)
def test_other_statuses_are_the_errors_of_all_clients(
    asgi_server: "AsgiServer", status: int, error: type[SourceError]
) -> None:
    """One request, and none of them is taken for absence."""
    served = asgi_server(telling(lambda _: Response("", status, headers={"Location": "https://x.example"})))
    with pytest.raises(error, match=r"^prod/registry"):
        RegistryClient(endpoint(served.url)).manifest("payments", DIGEST)
    assert len(served.requests) == 1


def test_what_is_no_registry_is_not_reached(opened: Opened, asgi_server: "AsgiServer") -> None:
    """The API's root with the login; elsewhere a sentence that names the address."""
    client, _ = opened()
    client.reach()
    served = asgi_server(telling(lambda _: Response("nothing here", 404)))
    with pytest.raises(NotFoundError, match="see whether its `url` is right"):
        RegistryClient(endpoint(served.url)).reach()


def test_a_404_of_something_else_is_no_absence(asgi_server: "AsgiServer") -> None:
    """Only the registry's own code says that an image is not there."""
    served = asgi_server(telling(lambda _: Response("404 page not found", 404)))
    with pytest.raises(NotFoundError, match="does not answer as a registry does"):
        RegistryClient(endpoint(served.url)).manifest("payments", DIGEST)
    for code in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN"):
        body = {"errors": [{"code": code, "message": "x"}]}
        served = asgi_server(telling(lambda _, body=body: JSONResponse(body, 404)))  # type: ignore[misc]  # binds the loop's value
        assert RegistryClient(endpoint(served.url)).manifest("payments", DIGEST) is None


def test_a_head_without_a_digest_is_followed_by_a_get(asgi_server: "AsgiServer") -> None:
    """The digest of what is got counts; one that is not what was asked for is said."""
    body = b'{"schemaVersion": 2}'
    served = asgi_server(telling(lambda _: Response(body, media_type="application/json")))
    client = RegistryClient(endpoint(served.url))
    found = client.manifest("payments", "1.0")
    assert found is not None
    assert found.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert [one.split()[0] for one in served.requests] == ["HEAD", "GET"]
    with pytest.raises(ProtocolError, match="with the digest"):
        client.manifest("payments", DIGEST)


@pytest.mark.parametrize(
    "realm",
    ["https://evil.example/token", "http://user:pw@{host}/token", "ftp://{host}/token", "//{host}/token", ""],
)
def test_a_login_is_sent_to_no_other_server(asgi_server: "AsgiServer", realm: str) -> None:
    """The realm is the answerer's; without a configured one it has to be the registry's own server."""
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.headers.get("authorization", ""))
        told = realm.format(host=request.url.netloc)
        return Response("", 401, headers={"WWW-Authenticate": f'Bearer realm="{told}",service="x"'})

    served = asgi_server(telling(answer))
    with pytest.raises(UnauthenticatedError, match="set `token_realm`"):
        RegistryClient(endpoint(served.url)).manifest("payments", DIGEST)
    assert asked == [""]


def test_a_configured_realm_elsewhere_is_used(asgi_server: "AsgiServer") -> None:
    """The token service has the login, the registry its token alone; an odd challenge is understood."""
    seen: dict[str, list[str]] = {"token": [], "registry": []}

    def tokens(request: Request) -> Response:
        seen["token"].append(request.headers.get("authorization", ""))
        return JSONResponse({"access_token": f"for {request.query_params['scope']}"})

    realm = asgi_server(telling(tokens)).url

    def answer(request: Request) -> Response:
        seen["registry"].append(request.headers.get("authorization", ""))
        if not seen["registry"][-1]:
            scope = 'scope="repository:payments:pull"'
            challenge = f'Basic realm="x", Bearer service = "a, b" ,realm="{realm}/t",{scope}'
            return Response("", 401, headers={"WWW-Authenticate": challenge})
        return Response("", headers={"Docker-Content-Digest": DIGEST})

    served = asgi_server(telling(answer))
    client = RegistryClient(endpoint(served.url), token_realm=f"{realm}/t")
    assert client.manifest("payments", DIGEST) is not None
    assert [one.partition(" ")[0] for one in seen["token"]] == ["Basic"]
    assert seen["registry"] == ["", "Bearer for repository:payments:pull"]


def test_a_right_that_is_missing_is_forbidden(asgi_server: "AsgiServer") -> None:
    """A token that does not do for the scope is not a wrong login."""

    def answer(request: Request) -> Response:
        if request.url.path == "/token":
            return JSONResponse({"token": "t"})
        refused = f'Bearer realm="{request.base_url}token",service="x",scope="y",error="insufficient_scope"'
        return Response("", 401, headers={"WWW-Authenticate": refused})

    served = asgi_server(telling(answer))
    with pytest.raises(ForbiddenError):
        RegistryClient(endpoint(served.url)).manifest("payments", DIGEST)


@pytest.mark.parametrize("token", [b"", b"[]", b'{"token": 7}', b'{"token": "a\\nb"}', b"[" * 50_000])
def test_a_token_service_that_gives_none_is_one_sentence(asgi_server: "AsgiServer", token: bytes) -> None:
    """Whatever else it answers."""

    def answer(request: Request) -> Response:
        if request.url.path == "/token":
            return Response(token)
        return Response("", 401, headers={"WWW-Authenticate": f'Bearer realm="{request.base_url}token"'})

    served = asgi_server(telling(answer))
    with pytest.raises(ProtocolError, match="token service"):
        RegistryClient(endpoint(served.url)).manifest("payments", DIGEST)


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (hang, DeadlineError),
        (drip(b"HTTP/1.1 200 OK\r\n"), DeadlineError),
        (break_off, UnreachableError),
        (say(b"no HTTP\r\n\r\n"), SourceError),
    ],
)
def test_a_registry_that_does_not_answer_ends_in_time(
    raw_server: RawServer, talk: Any, error: type[SourceError]
) -> None:
    """Hanging, dripping, half an answer, no HTTP."""
    url = raw_server(talk)
    with pytest.raises(error, match=r"^prod/registry"):
        RegistryClient(replace(endpoint(url, deadline=0.4), connect_timeout=0.4)).manifest("payments", DIGEST)


def test_an_environments_jenkins_comes_with_its_registry(full_sandbox: Sandbox) -> None:
    """As the configuration has it, with its credential; a runner is given that with a connection's."""
    config = load_config(full_sandbox.config_path)
    by_environment = composition.connections_of(config, Catalogue())
    (jenkins,) = (one for one in by_environment["prod"] if one.system is System.JENKINS)
    assert jenkins.registry is not None
    image, digest = image_of(full_sandbox)
    found = jenkins.registry.call(lambda registry: registry.manifest(image, digest))
    assert found is not None
    assert found.digest == digest
    (checkup,) = examine([jenkins])
    assert (checkup.failure, checkup.no_registry) == (None, None)
    full_sandbox.control.fault("registry", kind="status", status=503)
    (checkup,) = examine([jenkins])
    assert checkup.no_registry is not None
    assert checkup.no_registry.sentence.startswith("prod/registry")
    assert checkup.no_registry.sentence in {
        one.sentence for one in complaints(checkup, full_sandbox.world.now(), production=True)
    }
    full_sandbox.control.clear_faults()
    jenkins.close()
    with pytest.raises(SourceError):
        jenkins.registry.call(lambda registry: registry.manifest(image, digest))
    secret = full_sandbox.world.identity("registry").credential
    given = lookups_of(config, [jenkins.name], composition.reference_of, None, lambda _: None)()
    assert given["prod/registry"].reveal() == secret
    assert "staging/registry" not in given
    assert secret not in repr(given)


@pytest.mark.live
def test_a_real_registry_answers_like_the_sandboxs(live_registry: LiveRegistry) -> None:
    """Debian's: by digest and tag, absent manifests and repositories, a wrong password, nobody's login."""
    there = endpoint(live_registry.url, user=USER, secret=PASSWORD)
    client, image = RegistryClient(there, names=(REGISTRY,)), f"{REGISTRY}/{live_registry.repository}"
    for reference in (live_registry.digest, "1.0"):
        found = client.manifest(image, reference)
        assert found is not None
        assert (found.digest, found.media_type) == (
            live_registry.digest,
            "application/vnd.oci.image.manifest.v1+json",
        )
    assert client.manifest(image, DIGEST) is None
    assert client.manifest(image, "2.0") is None
    assert client.manifest("no-such/repository", "1.0") is None
    for secret in ("wrong", None):
        with pytest.raises(UnauthenticatedError):
            RegistryClient(endpoint(live_registry.url, secret=secret)).manifest("payments", "1.0")
