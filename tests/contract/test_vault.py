"""The Vault client against the sandbox's emulator, and against a real Vault (``-m live``)."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import live_vault
import pytest
from raw_server import RawServer, Talk
from starlette.applications import Starlette
from starlette.types import ASGIApp

from fedesk.clients import vault as vault_module
from fedesk.clients.vault import KvScope, VaultClient
from fedesk.clients.vault_metadata import Metadata, Version, age_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Observation
from fedesk.domain.secrets import SecretMetadata
from fedesk.kit import PERMISSIONS
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    ProtocolError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.sandbox import vault as emulator
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.vault_logins import login_secret
from fedesk.sandbox.world import World

ServeApp = Callable[[ASGIApp], str]

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
NAME = ConnectionName("prod", "vault")
PROD = KvScope("kv", "finedge/prod")
NAMES = (
    "card-network", "dbt", "fx-provider", "github-app", "identity-provider", "ledger-archive", "partner-api",
    "regulator-upload", "smtp-relay", "webhook", "sftp/acme_07", "sftp/acme_12",
)  # fmt: skip
PLANTED = "hvs.planted-token-that-must-not-be-seen"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Vault to be read: the emulator or a real one, with the same secrets below finedge/prod."""

    url: str
    reader: str
    userpass: tuple[str, str]
    approle: tuple[str, str]
    seal: Callable[[], None]
    unseal: Callable[[], None]


def client(
    url: str, token: str, *, kv: tuple[KvScope, ...] = (PROD,), auth: str = "token", user: str = ""
) -> VaultClient:
    return VaultClient(endpoint(url, token, user=user), auth=auth, kv=kv)


def endpoint(url: str, token: str, *, user: str = "", deadline: float = 10.0) -> Endpoint:
    return Endpoint(
        name=NAME,
        url=url,
        user=user,
        credential=lambda: SecretText(token),
        connect_timeout=1.0,
        read_timeout=deadline,
        deadline=deadline,
    )


@pytest.fixture
def serve_app(asgi_server: Callable[[ASGIApp], Any]) -> ServeApp:
    """An emulator's address; it ends with the module."""
    return lambda app: str(asgi_server(app).url)


def emulated() -> Starlette:
    return emulator.application(World(clock=WorldClock(NOW), hostile=True))


def state_of(app: Starlette) -> emulator.VaultServer:
    state: emulator.VaultServer = app.state.vault
    return state


def emulated_server(serve_app: ServeApp) -> Server:
    app = emulated()
    world = state_of(app).world
    reader = world.identity("vault")

    def seal(*, sealed: bool) -> None:
        world.vault_sealed = sealed

    return Server(
        url=serve_app(app),
        reader=reader.credential,
        userpass=(reader.user, login_secret(reader)),
        approle=(reader.user, login_secret(reader)),
        seal=lambda: seal(sealed=True),
        unseal=lambda: seal(sealed=False),
    )


@pytest.fixture(scope="module")
def live_server() -> Iterator[Server]:
    """A real Vault, filled with what the sandbox's has."""
    with live_vault.running() as vault:
        vault.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        world = World(clock=WorldClock(NOW))
        for secret in world.secrets("prod"):
            for version in secret.versions:
                value = world.secret_value(secret, version.version)
                vault.call("POST", f"kv/data/{secret.path}", {"data": {"value": value}})
            vault.call(
                "POST", f"kv/metadata/{secret.path}", {"custom_metadata": dict(secret.custom_metadata)}
            )
            if any(version.deletion_time for version in secret.versions):
                vault.call("DELETE", f"kv/data/{secret.path}")
        policy = PERMISSIONS.text("vault-reader.hcl")
        vault.call("PUT", "sys/policies/acl/reader", {"policy": policy})
        token = vault.call(
            "POST", "auth/token/create", {"policies": ["reader"], "ttl": "768h", "display_name": "reader"}
        )
        vault.call("POST", "sys/auth/userpass", {"type": "userpass"})
        vault.call(
            "POST", "auth/userpass/users/reader", {"password": "planted", "token_policies": ["reader"]}
        )
        vault.call("POST", "sys/auth/approle", {"type": "approle"})
        vault.call("POST", "auth/approle/role/reader", {"token_policies": ["reader"], "token_ttl": "1h"})
        role = vault.call("GET", "auth/approle/role/reader/role-id")["data"]["role_id"]
        secret_id = vault.call("POST", "auth/approle/role/reader/secret-id")["data"]["secret_id"]
        yield Server(
            url=vault.url,
            reader=token["auth"]["client_token"],
            userpass=("reader", "planted"),
            approle=(role, secret_id),
            seal=vault.seal,
            unseal=vault.unseal,
        )


@pytest.fixture(
    params=["emulator", pytest.param("live", marks=[pytest.mark.live, pytest.mark.timeout(1800)])]
)
def server(request: pytest.FixtureRequest, serve_app: ServeApp) -> Server:
    """One contract for both."""
    if request.param == "live":
        found: Server = request.getfixturevalue("live_server")
        return found
    return emulated_server(serve_app)


def by_name(observation: Observation) -> dict[str, SecretMetadata]:
    return {secret.name: secret for secret in observation.secrets}


# --- one contract, emulated and live --------------------------------------------------------------------


def test_what_a_token_may_do_is_told_by_its_capabilities(server: Server) -> None:
    """A reader of metadata has all that is needed and no more; on another prefix it has nothing."""
    found = client(server.url, server.reader, kv=(PROD, KvScope("kv", "others"))).examine()
    assert found.version == "1.21.0"
    assert found.ahead is not None
    assert [(right.need.id, right.grant.value) for right in found.rights] == [
        ("lookup-self", "granted"),
        ("metadata-list", "granted"),
        ("metadata-read", "granted"),
        ("metadata-list", "refused"),
        ("metadata-read", "refused"),
    ]
    assert found.excess == ()


def test_every_secret_below_a_prefix_is_found_with_its_age(server: Server) -> None:
    """Folders are walked to the leaves; names are relative to the mount; nothing is read but metadata."""
    observation = client(server.url, server.reader).observe(None)
    assert sorted(by_name(observation)) == sorted(f"kv:finedge/prod/{name}" for name in NAMES)
    assert observation.problems == ()
    assert observation.complete
    assert observation.server_version == "1.21.0"
    smtp = by_name(observation)["kv:finedge/prod/smtp-relay"]
    assert (smtp.version, smtp.owner, smtp.problem) == (9, "engineering", "")
    assert smtp.age_from is not None


def test_an_older_rotation_in_custom_metadata_is_what_the_age_counts_from(server: Server) -> None:
    """A version that was written by an edit does not make a secret young."""
    secret = by_name(client(server.url, server.reader).observe(None))["kv:finedge/prod/github-app"]
    assert secret.age_from is not None
    assert abs(secret.age_from - (NOW - timedelta(days=120))) < timedelta(seconds=1)


def test_a_deleted_current_version_leaves_the_age_undetermined(server: Server) -> None:
    """The last version that still lives is not what consumers read; the sentence says what is the matter."""
    secret = by_name(client(server.url, server.reader).observe(None))["kv:finedge/prod/ledger-archive"]
    assert secret.age_from is None
    assert secret.problem == "its current version 3 is deleted"


def test_the_token_says_who_it_is_and_when_it_ends(server: Server) -> None:
    """What the header shows as time left."""
    token = client(server.url, server.reader).observe(None).token
    assert token is not None
    assert token.display_name == "token-reader"
    assert token.renewable
    assert token.expires_at is not None


@pytest.mark.parametrize("auth", ["userpass", "approle"])
def test_a_login_gives_a_token_of_its_own(server: Server, auth: str) -> None:
    """Approle takes the role id as user, or ``ROLE_ID:SECRET_ID`` as the credential."""
    user, secret = server.userpass if auth == "userpass" else server.approle
    token = client(server.url, secret, auth=auth, user=user).observe(None).token
    assert token is not None
    assert token.display_name.startswith(auth)
    if auth == "approle":
        assert client(server.url, f"{user}:{secret}", auth=auth).observe(None).secrets


def test_a_prefix_that_may_not_be_listed_leaves_the_others_read(server: Server) -> None:
    """It is a problem that names it and an undetermined secret, so that no check calls it compliant."""
    elsewhere = KvScope("kv", "elsewhere/prod")
    observation = client(server.url, server.reader, kv=(elsewhere, PROD)).observe(None)
    (problem,) = observation.problems
    assert (problem.kind, problem.where) == ("forbidden", "kv/elsewhere/prod")
    assert "permission denied" in problem.text
    assert by_name(observation)["kv:elsewhere/prod/"].age_from is None
    assert len(observation.secrets) == len(NAMES) + 1


def test_a_prefix_without_secrets_is_not_green(server: Server) -> None:
    """A slip of the pen in ``kv`` would otherwise look like perfect order."""
    observation = client(server.url, server.reader, kv=(KvScope("kv", "finedge/prod/sftpp"),)).observe(None)
    assert [problem.kind for problem in observation.problems] == ["empty"]
    assert [secret.age_from for secret in observation.secrets] == [None]


@pytest.mark.parametrize("token", ["nonsense", "s.planted.namespace", "hvs.CAESIJplanted"])
def test_a_wrong_token_is_unauthenticated_in_one_sentence(server: Server, token: str) -> None:
    """Vault says it with 403, or with 500 where it cannot even read the token; no sentence repeats it."""
    with pytest.raises(UnauthenticatedError) as caught:
        client(server.url, token).observe(None)
    assert "prod/vault" in str(caught.value)
    assert "`credential`" in str(caught.value)
    assert token not in str(caught.value)


def test_a_refused_login_is_not_repeated_until_the_credential_changes(server: Server) -> None:
    """Vault locks a user out after five failures, and a board looks every minute."""
    given = [SecretText("wrong")]
    where = Endpoint(name=NAME, url=server.url, user=server.userpass[0], credential=lambda: given[0])
    vault = VaultClient(where, auth="userpass", kv=(PROD,))
    for _ in range(7):
        with pytest.raises(UnauthenticatedError, match="invalid username or password"):
            vault.observe(None)
    given[0] = SecretText(server.userpass[1])
    assert vault.observe(None).secrets


def test_a_sealed_vault_is_an_observation_that_says_so(server: Server) -> None:
    """Health answers while it is sealed; what was seen before still holds, since nothing can change it."""
    vault = client(server.url, server.reader)
    before = vault.observe(None)
    server.seal()
    try:
        fresh = client(server.url, server.reader).observe(None)
        after = vault.observe(before)
    finally:
        server.unseal()
    (problem,) = after.problems
    assert problem.kind == "sealed"
    assert "key shares given" in problem.text
    assert after.secrets == before.secrets
    assert fresh.secrets == ()
    assert vault.observe(after).problems == ()


# --- states and faults, emulated ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["standby", "performance-standby"])
def test_a_standby_is_read_like_an_active_one(serve_app: ServeApp, mode: str) -> None:
    """429 and 473 of sys/health are states there, no rate limit."""
    app = emulated()
    state_of(app).mode = mode
    observation = client(serve_app(app), state_of(app).world.identity("vault").credential).observe(None)
    assert len(observation.secrets) == len(NAMES)
    assert observation.problems == ()


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [("uninitialised", "sealed", "not initialised"), ("dr-secondary", "standby", "disaster recovery")],
)
def test_a_vault_that_reads_nothing_says_why(serve_app: ServeApp, mode: str, kind: str, words: str) -> None:
    """501 and 472: an observation with a problem, without secrets."""
    app = emulated()
    state_of(app).mode = mode
    observation = client(serve_app(app), "any").observe(None)
    assert [problem.kind for problem in observation.problems] == [kind]
    assert words in observation.problems[0].text
    assert observation.secrets == ()


def test_a_token_ends_and_a_new_one_is_taken_from_the_credential(serve_app: ServeApp) -> None:
    """An expired token is unauthenticated; the credential is looked up again at the next look."""
    app = emulated()
    state = state_of(app)
    given = [SecretText(state.world.identity("vault").credential)]
    where = Endpoint(name=NAME, url=serve_app(app), credential=lambda: given[0])
    vault = VaultClient(where, auth="token", kv=(PROD,))
    seen = vault.observe(None)
    state.world.clock.advance(emulator.TOKEN_TTL)
    with pytest.raises(UnauthenticatedError, match="expired"):
        vault.observe(seen)
    reader = state.world.identity("vault")
    given[0] = SecretText(
        state.issue(reader, display_name="token-new", path="auth/token/create", ttl=timedelta(hours=1))
    )
    token = vault.observe(seen).token
    assert token is not None
    assert token.display_name == "token-new"


def test_a_login_is_renewed_once_when_its_token_ends(serve_app: ServeApp) -> None:
    """Between two looks the token of a login expired: one more login, and nobody notices."""
    app = emulated()
    state = state_of(app)
    reader = state.world.identity("vault")
    vault = client(serve_app(app), login_secret(reader), auth="userpass", user=reader.user)
    seen = vault.observe(None)
    state.world.clock.advance(emulator.LOGIN_TTL)
    assert vault.observe(seen).token is not None
    logins = [request for request in state.requests if "login" in request]
    assert len(logins) == 2


def test_no_value_is_read_and_metadata_is_not_read_twice(
    serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look costs health, token and one listing a folder; older metadata is read again."""
    app = emulated()
    state = state_of(app)
    vault = client(serve_app(app), state.world.identity("vault").credential)
    first = vault.observe(None)
    assert len(state.requests) == 2 + 2 + len(NAMES)
    state.requests.clear()
    second = vault.observe(first)
    assert second.secrets == first.secrets
    assert state.requests == [
        "GET /v1/sys/health",
        "GET /v1/auth/token/lookup-self",
        "LIST /v1/kv/metadata/finedge/prod",
        "LIST /v1/kv/metadata/finedge/prod/sftp",
    ]
    monkeypatch.setattr(vault_module, "METADATA_AGE", -1.0)
    vault.observe(second)
    assert len(state.requests) == 4 + 4 + len(NAMES)
    assert not [request for request in state.requests if "/data/" in request]


def test_more_secrets_than_the_limit_are_a_problem_that_says_so(
    serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left out is undetermined, never silently fine."""
    monkeypatch.setattr(vault_module, "PATHS", 5)
    app = emulated()
    observation = client(serve_app(app), state_of(app).world.identity("vault").credential).observe(None)
    assert [problem.kind for problem in observation.problems] == ["limit"]
    assert len(observation.secrets) == 6
    assert by_name(observation)["kv:finedge/prod/"].age_from is None


def test_a_look_that_runs_out_of_time_goes_on_in_the_next(
    serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not read yet is undetermined, and the observation is not complete."""
    app = emulated()
    vault = client(serve_app(app), state_of(app).world.identity("vault").credential)
    moments = itertools.count(0.0, 0.5)
    monkeypatch.setattr(vault_module, "monotonic", lambda: next(moments))
    first = vault.observe(None)
    monkeypatch.undo()
    assert not first.complete
    unread = [secret for secret in first.secrets if secret.problem.startswith("not read yet")]
    assert 0 < len(unread) < len(NAMES)
    assert vault.observe(first).complete


def test_hostile_names_and_owners_arrive_as_plain_text(serve_app: ServeApp) -> None:
    """Escapes and markup in names and custom metadata are text, and the secret is read all the same."""
    app = emulated()
    scope = KvScope("kv", "finedge/dev")
    observation = client(
        serve_app(app), state_of(app).world.identity("vault").credential, kv=(scope,)
    ).observe(None)
    secret = by_name(observation)["kv:finedge/dev/[red]x[/]"]
    assert secret.age_from is not None
    assert secret.owner == "[/] owner"


def scripted(answers: dict[str, bytes]) -> Talk:
    """A server that answers by path, JSON with status 200, and 404 for all else."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            received = b""
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            path = received.split(b" ", 2)[1].decode()
            body = answers.get(path)
            status = b"404 Not Found" if body is None else b"200 OK"
            body = b'{"errors":[]}' if body is None else body
            head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                status,
                len(body),
            )
            connection.sendall(head + body)

    return talk


HEALTH = b'{"initialized":true,"sealed":false,"version":"1.21.0\xff","server_time_utc":1795250198}'
LOOKUP = b'{"data":{"display_name":"\\ud800\xff","ttl":0,"expire_time":null}}'


def test_broken_text_in_names_is_replaced_and_never_ends_the_look(raw_server: RawServer) -> None:
    """Lone surrogates and invalid UTF-8 in keys; a key that climbs out of its folder is not followed."""
    url = raw_server(
        scripted(
            {
                "/v1/sys/health": HEALTH,
                "/v1/auth/token/lookup-self": LOOKUP,
                "/v1/kv/metadata/p": b'{"data":{"keys":["a\\ud800","..","../","ok","ok"]}}',
                "/v1/kv/metadata/p/ok": b'{"data":{"current_version":1,'
                b'"versions":{"1":{"created_time":"yesterday"}}}}',
            }
        )
    )
    observation = client(url, PLANTED, kv=(KvScope("kv", "p"),)).observe(None)
    found = by_name(observation)
    assert "no valid text" in found["kv:p/a\ufffd"].problem
    assert found["kv:p/.."].problem == "its name is no path"
    assert found["kv:p/ok"].problem == 'the created_time of version 1 is no date: "yesterday"'
    assert all(secret.age_from is None for secret in observation.secrets)
    assert observation.token is not None
    assert observation.token.display_name == "\ufffd\ufffd"
    assert observation.server_version == "1.21.0\ufffd"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"/v1/sys/health": b"<html>not a vault</html>"}, id="a page of something else"),
        pytest.param({"/v1/sys/health": b"[]"}, id="another shape"),
        pytest.param(
            {
                "/v1/sys/health": HEALTH,
                "/v1/auth/token/lookup-self": b'{"data":{"ttl":"soon"}}',
            },
            id="another type",
        ),
    ],
)
def test_what_is_no_vault_is_a_protocol_error(raw_server: RawServer, answers: dict[str, bytes]) -> None:
    """One sentence that names the connection, no traceback of a decoder."""
    with pytest.raises(ProtocolError, match="prod/vault"):
        client(raw_server(scripted(answers)), PLANTED).observe(None)


def hang(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    over.wait()


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b" ")


@pytest.mark.parametrize("talk", [hang, drip])
def test_a_vault_that_hangs_or_drips_ends_at_the_deadline(raw_server: RawServer, talk: Talk) -> None:
    """By itself, without the bulkhead."""
    with pytest.raises(DeadlineError, match="did not answer in time"):
        VaultClient(endpoint(raw_server(talk), PLANTED, deadline=0.5), auth="token", kv=(PROD,)).observe(None)


def test_a_server_in_front_that_fails_is_told_apart_from_a_sealed_vault(raw_server: RawServer) -> None:
    """503 without Vault's words is a load balancer's."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nno backend")

    with pytest.raises(ServerFaultError, match="no backend"):
        client(raw_server(talk), PLANTED).observe(None)


def test_nobody_there_is_unreachable() -> None:
    """With the address in the sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}"):
        client(f"http://127.0.0.1:{port}", PLANTED).observe(None)


@pytest.mark.parametrize(
    ("auth", "user", "words"),
    [("userpass", "", "no `user`"), ("magic", "", "fedesk knows")],
)
def test_a_login_that_cannot_be_done_is_told_before_anything_is_sent(
    auth: str, user: str, words: str
) -> None:
    """A mistake of the configuration costs no failed login."""
    with pytest.raises(CredentialError, match=words):
        client("http://127.0.0.1:1", PLANTED, auth=auth, user=user)


@pytest.mark.parametrize("credential", ["", "  ", "two\nlines", "esc\x1b"])
def test_a_credential_that_is_no_line_of_text_is_a_mistake_of_configuration(
    serve_app: ServeApp, credential: str
) -> None:
    """It is told by its kind, and not repeated."""
    with pytest.raises(CredentialError) as caught:
        client(serve_app(emulated()), credential).observe(None)
    assert not credential.strip() or credential not in str(caught.value)


def test_neither_token_nor_settings_come_from_the_environment(
    serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VAULT_ADDR and VAULT_TOKEN of a shell must not send a desk's request elsewhere or as someone else."""
    app = emulated()
    writer = state_of(app).world.identity("vault", writer=True)
    monkeypatch.setenv("VAULT_TOKEN", writer.credential)
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    with pytest.raises(CredentialError):
        client(serve_app(app), "").observe(None)


def test_a_planted_token_is_in_no_error_and_no_repr(serve_app: ServeApp, raw_server: RawServer) -> None:
    """Neither in what is raised, nor in what hangs off it, nor in the client."""
    cases: list[tuple[str, str, str]] = [
        (serve_app(emulated()), "token", ""),
        (serve_app(emulated()), "userpass", "reader"),
        (serve_app(emulated()), "approle", "reader"),
        (raw_server(scripted({"/v1/sys/health": HEALTH})), "token", ""),
        (raw_server(hang), "token", ""),
        ("http://127.0.0.1:1", "token", ""),
    ]
    for url, auth, user in cases:
        vault = VaultClient(endpoint(url, PLANTED, user=user, deadline=0.5), auth=auth, kv=(PROD,))
        with pytest.raises(SourceError) as caught:
            vault.observe(None)
        error: BaseException | None = caught.value
        while error is not None:
            shown = None if error.__suppress_context__ else error.__context__
            assert PLANTED not in f"{error!r} {error} {error.args}"
            error = error.__cause__ or shown
        assert PLANTED not in repr(vault)
        assert PLANTED not in repr(vars(vault))


# --- the rule of ages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "age_from", "problem"),
    [
        (Metadata(current_version=0), None, "it has no version yet"),
        (
            Metadata(current_version=2, versions={"1": Version()}),
            None,
            "Vault does not list its current version 2",
        ),
        (
            Metadata(
                current_version=1,
                versions={"1": Version(created_time="2026-11-01T00:00:00Z", destroyed=True)},
            ),
            None,
            "its current version 1 is destroyed",
        ),
        (
            Metadata(
                current_version=1,
                versions={
                    "1": Version(created_time="2026-11-01T00:00:00Z", deletion_time="2026-12-01T00:00:00Z")
                },
            ),
            datetime(2026, 11, 1, tzinfo=UTC),
            "",
        ),
        (
            Metadata(
                current_version=1,
                versions={"1": Version(created_time="2026-11-01T00:00:00.123456789Z")},
                custom_metadata={"rotated_at": "2026-11-02"},
            ),
            datetime(2026, 11, 1, 0, 0, 0, 123456, tzinfo=UTC),
            "",
        ),
        (
            Metadata(
                current_version=1,
                versions={"1": Version(created_time="2026-11-01T00:00:00Z")},
                custom_metadata={"rotated_at": "last week"},
            ),
            None,
            'its rotated_at is no date: "last week"',
        ),
    ],
    ids=[
        "no version",
        "unlisted",
        "destroyed",
        "to be deleted later",
        "newer rotated_at",
        "broken rotated_at",
    ],
)
def test_the_moment_an_age_counts_from(metadata: Metadata, age_from: datetime | None, problem: str) -> None:
    """formats.md: created_time of the current version, or rotated_at where that is older."""
    secret = age_of(NAME, "finedge/prod/x", metadata, NOW)
    assert (secret.age_from, secret.problem) == (age_from, problem)
