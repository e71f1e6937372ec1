"""The sandbox's registry answers as the OCI distribution specification says, and as ``registry`` does."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.images import DOCKER, OCI
from fedesk.sandbox.registry import application
from fedesk.sandbox.release_line import REGISTRY
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer, ServedApp

START = datetime(2026, 11, 20, 2, 43, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared_world() -> World:
    return World(clock=WorldClock(frozen_at=START), start=START, scale=0.3)


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.forget_changes()


@pytest.fixture(scope="module")
def served(shared_world: World, asgi_server: "AsgiServer") -> "ServedApp":
    return asgi_server(application(shared_world))


@pytest.fixture
def anonymous(served: "ServedApp") -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, headers={"Accept": OCI}, trust_env=False, timeout=30) as client:
        yield client


def login(world: World) -> tuple[str, str]:
    identity = world.identity("registry")
    return identity.user, identity.credential


@pytest.fixture
def client(anonymous: httpx.Client, world: World) -> httpx.Client:
    """Somebody with a token that lets pull from some repositories."""
    scopes = [f"repository:{name}:pull" for name in ("payments", "kyc", "nothing")]
    given = anonymous.get("/auth/token", params={"service": REGISTRY, "scope": scopes}, auth=login(world))
    anonymous.headers["Authorization"] = f"Bearer {given.json()['token']}"
    return anonymous


def code(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/json"
    found: str = answer.json()["errors"][0]["code"]
    return found


def test_who_comes_without_a_token_is_told_where_to_get_one(anonymous: httpx.Client, world: World) -> None:
    """401 with realm, service, scope; the token service takes Basic; a token is good for its scopes alone."""
    path = "/v2/payments/manifests/latest"
    refused = anonymous.get(path)
    assert (refused.status_code, code(refused)) == (401, "UNAUTHORIZED")
    assert refused.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="http://')
    assert f'service="{REGISTRY}",scope="repository:payments:pull"' in challenge
    realm = challenge.partition('realm="')[2].partition('"')[0]
    scope = {"service": REGISTRY, "scope": "repository:payments:pull"}
    bad = anonymous.get(realm, params=scope, auth=("oncall", "wrong"))
    assert (bad.status_code, bad.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    given = anonymous.get(realm, params=scope, auth=login(world))
    assert given.json()["expires_in"] == 300
    bearer = {"Authorization": f"Bearer {given.json()['token']}"}
    assert anonymous.get(path, headers=bearer).status_code == 200
    assert anonymous.get("/v2/", headers=bearer).status_code == 200
    other = anonymous.get("/v2/kyc/manifests/latest", headers=bearer)
    assert (other.status_code, 'error="insufficient_scope"' in other.headers["WWW-Authenticate"]) == (
        401,
        True,
    )
    invalid = anonymous.get("/v2/", headers={"Authorization": "Bearer nonsense"})
    assert (invalid.status_code, 'error="invalid_token"' in invalid.headers["WWW-Authenticate"]) == (
        401,
        True,
    )


def test_a_manifest_by_digest_and_by_tag(client: httpx.Client, world: World) -> None:
    """HEAD and GET give type, length and digest, and the digest is that of the bytes."""
    for release in (world.releases("payments")[0], world.releases("payments")[-1]):
        for reference in (release.digest, release.version):
            head = client.head(f"/v2/payments/manifests/{reference}")
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["Docker-Content-Digest"] == release.digest
            assert head.headers["Content-Type"] == OCI
        whole = client.get(f"/v2/payments/manifests/{release.digest}")
        assert f"sha256:{hashlib.sha256(whole.content).hexdigest()}" == release.digest
        assert head.headers["Content-Length"] == str(len(whole.content))
        document = whole.json()
        sizes = [document["config"]["size"], *(layer["size"] for layer in document["layers"])]
        assert sum(sizes) == release.size_bytes
        again = client.get(
            f"/v2/payments/manifests/{release.digest}", headers={"If-None-Match": whole.headers["ETag"]}
        )
        assert again.status_code == 304


def test_what_is_not_there(client: httpx.Client, world: World) -> None:
    """MANIFEST_UNKNOWN for a tag, a digest, a repository, what was garbage-collected, and a wrong Accept."""
    release = world.releases("payments")[-1]
    unknown = f"sha256:{'0' * 64}"
    for name, reference, detail in (
        ("payments", "no-such-tag", {"Tag": "no-such-tag"}),
        ("payments", unknown, {"Name": "payments", "Revision": unknown}),
        ("nothing", "latest", {"Tag": "latest"}),
        ("kyc", release.digest, {"Name": "kyc", "Revision": release.digest}),
    ):
        answer = client.get(f"/v2/{name}/manifests/{reference}")
        assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")
        assert answer.json()["errors"][0]["detail"] == detail
    for accept in ("*/*", DOCKER):
        answer = client.head(f"/v2/payments/manifests/{release.digest}", headers={"Accept": accept})
        assert answer.status_code == 404
    world.collect_image(release.digest)
    assert client.head(f"/v2/payments/manifests/{release.digest}").status_code == 404
    assert client.head(f"/v2/payments/manifests/{release.version}").status_code == 404
    assert client.get("/v2/payments/manifests/bad*tag").text == "404 page not found\n"
    assert (refused := client.delete(f"/v2/payments/manifests/{release.digest}")).status_code == 405
    assert code(refused) == "UNSUPPORTED"


def test_a_tag_has_moved(client: httpx.Client, world: World) -> None:
    """A version's tag of kyc points to another image than the one that was built as that version."""
    moved = next(release for release in world.releases("kyc") if release.position == 140)
    head = client.head(f"/v2/kyc/manifests/{moved.version}")
    assert head.headers["Docker-Content-Digest"] not in ("", moved.digest)
    assert client.head(f"/v2/kyc/manifests/{moved.digest}").status_code == 200


def test_tags_come_in_pages(client: httpx.Client) -> None:
    """Sorted, ``n`` at a time, and a Link to the next page while there is one."""
    found, path = list[str](), "/v2/payments/tags/list?n=60"
    for _ in range(9):
        page = client.get(path)
        found += page.json()["tags"]
        if "next" not in page.links:
            break
        path = page.links["next"]["url"]
        assert parse_qs(urlsplit(path).query)["n"] == ["60"]
    whole = client.get("/v2/payments/tags/list").json()
    assert whole == {"name": "payments", "tags": found}
    assert sorted(found) == found
    assert "latest" in found
    assert code(client.get("/v2/nothing/tags/list")) == "NAME_UNKNOWN"
    assert client.get("/v2/payments/tags/list?n=-1").status_code == 400


def test_a_registry_with_passwords(world: World, asgi_server: "AsgiServer") -> None:
    """Configured with htpasswd it asks for Basic and takes nothing else."""
    address = asgi_server(application(world, auth="basic")).url
    refused = httpx.get(f"{address}/v2/", trust_env=False)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, f'Basic realm="{REGISTRY}"')
    assert httpx.get(f"{address}/v2/", auth=login(world), trust_env=False).json() == {}
    digest = world.releases("payments")[-1].digest
    found = httpx.head(
        f"{address}/v2/payments/manifests/{digest}",
        auth=login(world),
        headers={"Accept": OCI},
        trust_env=False,
    )
    assert found.headers["Docker-Content-Digest"] == digest
