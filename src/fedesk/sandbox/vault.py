"""The sandbox's Vault: what the desk reads of one, answered as Vault 1.21 was seen to answer.

``application(world).state.vault`` is the server's own state; ``world.vault_sealed`` seals it as well.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedesk.sandbox import vault_anchor
from fedesk.sandbox.clock import hexadecimal
from fedesk.sandbox.model import ENVIRONMENTS, Identity, Secret, SecretVersion
from fedesk.sandbox.vault_answers import DENIED, answer, body, errors, logged_in, mounts, time, unsupported
from fedesk.sandbox.vault_capabilities import capabilities_of
from fedesk.sandbox.vault_logins import Entered, Logins, Refused
from fedesk.sandbox.world import VAULT_VERSION, World

MOUNT = "kv"
TOKEN_TTL = timedelta(days=32)
LOGIN_TTL = timedelta(hours=1)
_HEALTH = {
    "active": 200,
    "standby": 429,
    "dr-secondary": 472,
    "performance-standby": 473,
    "uninitialised": 501,
    "sealed": 503,
}
"""Status of ``sys/health`` by mode."""
_ANONYMOUS = "permission denied"
_REFUSED = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"


@dataclass(slots=True, kw_only=True)
class Token:
    """A token that the server gave out. ``expires_at`` None: never."""

    identity: Identity
    display_name: str
    path: str
    created_at: datetime
    expires_at: datetime | None
    policies: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class VaultServer:
    """What the server itself holds. ``mode`` is a key of the statuses of ``sys/health``."""

    world: World
    mode: str = "active"
    tokens: dict[str, Token] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    """Path prefixes within the mount that nobody's policy allows."""
    requests: list[str] = field(default_factory=list)
    """Method and path of each request, so that a test can count them."""
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    logins: Logins = field(init=False)
    kept: vault_anchor.Kept = field(default_factory=vault_anchor.Kept)
    """Checkpoints of audit logs."""

    def __post_init__(self) -> None:
        self.logins = Logins(world=self.world)

    @property
    def present_mode(self) -> str:
        """The mode, or ``sealed`` where the world says so."""
        return "sealed" if self.world.vault_sealed and self.mode != "uninitialised" else self.mode

    def issue(
        self, identity: Identity, *, display_name: str, path: str, ttl: timedelta, token: str = ""
    ) -> str:
        """A token for someone, from now for ``ttl``."""
        now = self.world.now()
        text = token or f"hvs.sandbox{hexadecimal(60, self.world.seed, display_name, next(self.numbers))}"
        self.tokens[text] = Token(
            identity=identity,
            display_name=display_name,
            path=path,
            created_at=now,
            expires_at=now + ttl,
            policies=("default", "fedesk-writer" if identity.writer else "fedesk-reader"),
        )
        return text


def application(world: World) -> Starlette:
    """The server as an ASGI application; tokens of the world's identities last 32 days from here."""
    server = VaultServer(world=world)
    for identity in world.identities("vault"):
        server.issue(
            identity,
            display_name=f"token-{identity.user}",
            path="auth/token/create",
            ttl=TOKEN_TTL,
            token=identity.credential,
        )
    every = ["GET", "LIST", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(
        routes=[
            Route("/v1/sys/health", _health, methods=["GET", "HEAD"]),
            Route("/v1/sys/seal-status", _seal_status, methods=["GET"]),
            Route("/v1/auth/token/lookup-self", _lookup_self, methods=["GET"]),
            Route("/v1/sys/capabilities-self", _capabilities, methods=["POST", "PUT"]),
            Route("/v1/auth/{method}/login/{user}", _by_password, methods=["POST", "PUT"]),
            Route("/v1/auth/{method}/login", _by_body, methods=["POST", "PUT"]),
            Route("/v1/sys/internal/ui/mounts", _mounts, methods=["GET"]),
            Route("/v1/auth/oidc/oidc/auth_url", _oidc_auth_url, methods=["POST", "PUT"]),
            Route("/v1/auth/oidc/oidc/callback", _oidc_callback, methods=["GET"]),
            Route("/provider/authorize", _oidc_provider, methods=["GET"]),
            Route("/v1/sys/internal/ui/mounts/{path:path}", _mount, methods=["GET"]),
            Route(f"/v1/{MOUNT}/metadata/{vault_anchor.PREFIX}/{{path:path}}", _checkpoints, methods=every),
            Route(f"/v1/{MOUNT}/data/{vault_anchor.PREFIX}/{{path:path}}", _checkpoint, methods=every),
            Route(f"/v1/{MOUNT}/metadata/{{path:path}}", _metadata, methods=every),
            Route(f"/v1/{MOUNT}/metadata", _metadata, methods=every),
            Route(f"/v1/{MOUNT}/data/{{path:path}}", _data, methods=every),
            Route("/v1/transit/{verb:str}/{key:str}", _transit, methods=["POST", "PUT"]),
            Route("/{path:path}", _no_route, methods=every),
        ]
    )
    app.state.vault = server
    return app


# --- the server itself ----------------------------------------------------------------------------------


async def _health(request: Request) -> Response:
    server = _server(request)
    mode = server.present_mode
    initialized, sealed = mode != "uninitialised", mode in {"sealed", "uninitialised"}
    unknown = "unknown" if sealed else "disabled"
    return JSONResponse(
        {
            "initialized": initialized,
            "sealed": sealed,
            "standby": sealed or mode in {"standby", "performance-standby"},
            "performance_standby": mode == "performance-standby",
            "replication_performance_mode": unknown,
            "replication_dr_mode": "secondary" if mode == "dr-secondary" else unknown,
            "server_time_utc": int(server.world.now().timestamp()),
            "version": VAULT_VERSION,
            "enterprise": False,
            **({} if sealed else {"cluster_name": "vault-cluster-sandbox"}),
            "echo_duration_ms": 0,
            "clock_skew_ms": 0,
            "replication_primary_canary_age_ms": 0,
        },
        status_code=_HEALTH[mode],
        headers={"Cache-Control": "no-store"},
    )


async def _seal_status(request: Request) -> Response:
    mode = _server(request).present_mode
    initialized = mode != "uninitialised"
    return JSONResponse(
        {
            "type": "shamir",
            "initialized": initialized,
            "sealed": mode in {"sealed", "uninitialised"},
            "t": 3 if initialized else 0,
            "n": 5 if initialized else 0,
            "progress": 0,
            "nonce": "",
            "version": VAULT_VERSION,
            "migration": False,
            "recovery_seal": False,
            "storage_type": "inmem",
        }
    )


async def _no_route(request: Request) -> Response:
    server = _server(request)
    refusal = _closed(server)
    if refusal is not None:
        return refusal
    path = request.path_params["path"].removeprefix("v1/")
    if _caller(request) is None:
        return errors(403, _ANONYMOUS)
    return errors(404, f'no handler for route "{path}". route entry not found.')


# --- tokens and logins ----------------------------------------------------------------------------------


async def _lookup_self(request: Request) -> Response:
    server = _server(request)
    token = _entered(request)
    if isinstance(token, Response):
        return token
    now = server.world.now()
    left = 0 if token.expires_at is None else int((token.expires_at - now).total_seconds())
    span = timedelta(0) if token.expires_at is None else token.expires_at - token.created_at
    return answer(
        {
            "accessor": hexadecimal(24, server.world.seed, token.display_name),
            "creation_time": int(token.created_at.timestamp()),
            "creation_ttl": int(span.total_seconds()),
            "display_name": token.display_name,
            "entity_id": "",
            "expire_time": None if token.expires_at is None else time(token.expires_at),
            "explicit_max_ttl": 0,
            "id": request.headers["x-vault-token"],
            "issue_time": time(token.created_at),
            "meta": None,
            "num_uses": 0,
            "orphan": False,
            "path": token.path,
            "policies": list(token.policies),
            "renewable": token.expires_at is not None,
            "ttl": left,
            "type": "service",
        },
        mount_type="token",
    )


async def _capabilities(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    server, wanted = _server(request), (await body(request)).get("paths")
    return capabilities_of(
        wanted, MOUNT, writer=token.identity.writer, allows=lambda path: _allows(server, token, path)
    )


async def _by_password(request: Request) -> Response:
    server, user, method = _server(request), request.path_params["user"], request.path_params["method"]
    enter = {"userpass": server.logins.userpass, "ldap": server.logins.ldap}.get(method)
    if enter is None:
        return errors(403, _ANONYMOUS)
    found = enter(user, await body(request))
    return _closed(server) or _let_in(server, found, f"auth/{method}/login/{user}")


async def _by_body(request: Request) -> Response:
    server, method = _server(request), request.path_params["method"]
    enter = {"approle": server.logins.approle, "jwt": server.logins.jwt}.get(method)
    if enter is None:
        return errors(403, _ANONYMOUS)
    return _closed(server) or _let_in(server, enter(await body(request)), f"auth/{method}/login")


async def _oidc_auth_url(request: Request) -> Response:
    server = _server(request)
    closed = _closed(server)
    if closed is not None:
        return closed
    provider = f"{request.url.scheme}://{request.url.netloc}/provider/authorize"
    found = server.logins.auth_url(await body(request), provider)
    return errors(found.status, found.error) if isinstance(found, Refused) else answer({"auth_url": found})


async def _oidc_provider(request: Request) -> Response:
    """The identity provider, at which the person has signed in before."""
    back = _server(request).logins.provider(request.query_params)
    return Response(status_code=302, headers={"Location": back})


async def _oidc_callback(request: Request) -> Response:
    server = _server(request)
    return _closed(server) or _let_in(
        server, server.logins.callback(request.query_params), "auth/oidc/oidc/callback"
    )


def _let_in(server: VaultServer, outcome: Entered | Refused, path: str) -> Response:
    """The token of a login that was taken, or the refusal."""
    if isinstance(outcome, Refused):
        return errors(outcome.status, outcome.error)
    text = server.issue(outcome.identity, display_name=outcome.display_name, path=path, ttl=LOGIN_TTL)
    return logged_in(
        text,
        hexadecimal(24, text),
        list(server.tokens[text].policies),
        outcome.identity.user,
        int(LOGIN_TTL.total_seconds()),
    )


# --- KV version 2 ---------------------------------------------------------------------------------------


async def _mounts(request: Request) -> Response:
    """What a token's policies reach something of; cubbyhole is everybody's."""
    token = _entered(request)
    if isinstance(token, Response):
        return token
    return answer(mounts(MOUNT))


async def _mount(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    path = request.path_params["path"].strip("/")
    if path.split("/", 1)[0] != MOUNT:
        return errors(
            403,
            "preflight capability check returned 403, please ensure client's policies grant access to path "
            f'"{path}/"',
        )
    return answer({"accessor": "kv_sandbox", "options": {"version": "2"}, "path": f"{MOUNT}/", "type": "kv"})


async def _metadata(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    server, path = _server(request), request.path_params.get("path", "")
    if not _allows(server, token, path):
        return errors(403, DENIED)
    secrets = _secrets(server)
    if request.method == "LIST" or request.query_params.get("list") == "true":
        keys = _keys(secrets, path)
        return answer({"keys": keys}, mount_type="kv") if keys else errors(404)
    if request.method != "GET":
        return errors(403, DENIED) if not token.identity.writer else unsupported()
    secret = secrets.get(path)
    return errors(404) if secret is None else answer(_metadata_of(secret), mount_type="kv")


async def _data(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    server, path = _server(request), request.path_params["path"]
    if not token.identity.writer or not _allows(server, token, path):
        return errors(403, DENIED)
    if request.method != "GET":
        return unsupported()
    secret = _secrets(server).get(path)
    if secret is None:
        return errors(404)
    number = int(request.query_params.get("version") or 0) or secret.current_version
    version = next((found for found in secret.versions if found.version == number), None)
    if version is None:
        return errors(404)
    gone = version.destroyed or (
        version.deletion_time is not None and version.deletion_time <= server.world.now()
    )
    metadata = {
        "created_time": time(version.created_time),
        "custom_metadata": dict(secret.custom_metadata) or None,
        "deletion_time": "" if version.deletion_time is None else time(version.deletion_time),
        "destroyed": version.destroyed,
        "version": number,
    }
    value = None if gone else {"value": server.world.secret_value(secret, number)}
    return answer({"data": value, "metadata": metadata}, mount_type="kv", status=404 if gone else 200)


async def _checkpoints(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    if request.method != "LIST" and request.query_params.get("list") != "true":
        return errors(403, DENIED)
    folder = f"{vault_anchor.PREFIX}/{request.path_params['path']}"
    keys = _keys(_server(request).kept.written, folder)
    return answer({"keys": keys}, mount_type="kv") if keys else errors(404)


async def _checkpoint(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    server, path = _server(request), f"{vault_anchor.PREFIX}/{request.path_params['path']}"
    if request.method == "GET":
        found = server.kept.written.get(path)
        if found is None:
            return errors(404)
        data, at = found
        return answer({"data": data, "metadata": _first_version(at)}, mount_type="kv")
    if request.method not in {"POST", "PUT"}:
        return errors(403, DENIED)
    made = server.kept.create(path, await body(request), server.world.now())
    if isinstance(made, vault_anchor.Refusal):
        return errors(made.status, *made.errors)
    return answer(_first_version(made), mount_type="kv")


def _first_version(at: datetime) -> dict[str, Any]:
    made = {"created_time": time(at), "custom_metadata": None, "deletion_time": ""}
    return {**made, "destroyed": False, "version": 1}


async def _transit(request: Request) -> Response:
    token = _entered(request)
    if isinstance(token, Response):
        return token
    server, key = _server(request), request.path_params["key"]
    do = {"sign": vault_anchor.sign, "verify": vault_anchor.verify}.get(request.path_params["verb"])
    if do is None or key not in vault_anchor.KEYS:
        return errors(403, DENIED)
    found = do(server.world.seed, key, await body(request))
    if isinstance(found, vault_anchor.Refusal):
        return errors(found.status, *found.errors)
    return answer(found, mount_type="transit")


def _secrets(server: VaultServer) -> dict[str, Secret]:
    return {secret.path: secret for name in ENVIRONMENTS for secret in server.world.secrets(name)}


def _keys(secrets: Iterable[str], folder: str) -> list[str]:
    """What lies in a folder; folders in it end with a slash."""
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    found: set[str] = set()
    for path in secrets:
        if path.startswith(prefix):
            head, slash, _ = path[len(prefix) :].partition("/")
            found.add(head + slash)
    return sorted(found)


def _allows(server: VaultServer, token: Token, path: str) -> bool:
    """Whether the token's policies reach a path: all of finedge/, or one environment's part of it."""
    where = f"{path.strip('/')}/"
    reach = f"finedge/{token.identity.environment}/" if token.identity.environment else "finedge/"
    return where.startswith(reach) and not any(
        where.startswith(f"{prefix.strip('/')}/") for prefix in server.forbidden
    )


def _metadata_of(secret: Secret) -> dict[str, Any]:
    """``updated_time`` does not move with a new version (hashicorp/vault 32117): it is the creation's."""
    created = secret.versions[0].created_time
    return {
        "cas_required": secret.cas_required,
        "created_time": time(created),
        "current_version": secret.current_version,
        "custom_metadata": dict(secret.custom_metadata) or None,
        "delete_version_after": "0s",
        "last_updated_by": {"actor": "token-writer", "operation": "update", "client_id": ""},
        "max_versions": secret.max_versions,
        "oldest_version": 0,
        "updated_time": time(created),
        "versions": {str(version.version): _version_of(version) for version in secret.versions},
    }


def _version_of(version: SecretVersion) -> dict[str, Any]:
    return {
        "created_by": {"actor": "token-writer", "operation": "create", "client_id": ""},
        "created_time": time(version.created_time),
        "deleted_by": None,
        "deletion_time": "" if version.deletion_time is None else time(version.deletion_time),
        "destroyed": version.destroyed,
    }


# --- answers --------------------------------------------------------------------------------------------


def _server(request: Request) -> VaultServer:
    server: VaultServer = request.app.state.vault
    server.requests.append(f"{request.method} {request.url.path}")
    del server.requests[:-10_000]
    return server


def _closed(server: VaultServer) -> Response | None:
    mode = server.present_mode
    if mode == "sealed":
        return errors(503, "Vault is sealed")
    if mode == "uninitialised":
        return errors(400, "Vault is not initialized")
    if mode == "dr-secondary":
        return errors(400, "path disabled in replication DR secondary mode")
    return None


def _caller(request: Request) -> Token | None:
    server: VaultServer = request.app.state.vault
    token = server.tokens.get(request.headers.get("x-vault-token", ""))
    if token is None or (token.expires_at is not None and server.world.now() >= token.expires_at):
        return None
    return token


def _entered(request: Request) -> Token | Response:
    """Who asks; or the answer to one who may not."""
    refusal = _closed(request.app.state.vault)
    if refusal is not None:
        return refusal
    given = request.headers.get("x-vault-token", "")
    if not given:
        return errors(403, _ANONYMOUS)
    return _caller(request) or errors(403, _REFUSED)
