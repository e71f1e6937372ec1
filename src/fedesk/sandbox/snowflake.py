"""The sandbox's Snowflake: fakesnow's HTTP server, and in front of it what fakesnow lacks and the desk reads.

That is key-pair logins with whole answers, roles that may not write, DESCRIBE USER, warehouses that sleep
and wake, the history of queries with their tags, and ``OPS.PIPELINE_RUNS`` in a database for each
environment, where the world is at every statement.
"""

import gzip
import itertools
import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message, Receive

from fedesk.sandbox.model import Identity
from fedesk.sandbox.snowflake_arrow import keep_null_timestamps
from fedesk.sandbox.snowflake_history import History, HistoryRefusedError, Statement
from fedesk.sandbox.snowflake_login import LoginRefusedError, Users
from fedesk.sandbox.snowflake_tables import DATABASES, PipelineRuns
from fedesk.sandbox.snowflake_users import NoSuchUserError, describe, described_user
from fedesk.sandbox.snowflake_warehouses import Warehouses
from fedesk.sandbox.world import World

ACCOUNT = "finedge"
SERVER_VERSION = "9.30.0"
WAREHOUSES = ("OPS_XS", "ETL_L")
_CONTEXT = re.compile(r"\s*select\s+(?:current_\w+\(\)\s*,?\s*)+;?\s*", re.IGNORECASE)
"""Context functions alone, which the services layer answers."""
_WITHOUT_WAREHOUSE = frozenset(
    {"SHOW", "DESCRIBE", "DESC", "USE", "ALTER", "SET", "UNSET", "BEGIN", "COMMIT", "ROLLBACK"}
)
_READS = frozenset(
    {
        "SELECT",
        "WITH",
        "SHOW",
        "DESCRIBE",
        "DESC",
        "USE",
        "SET",
        "UNSET",
        "EXPLAIN",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
    }
)
_COMMENT = re.compile(r"\s*(?:--[^\n]*\n|/\*.*?\*/|\()", re.DOTALL)
_USE_WAREHOUSE = re.compile(r"\s*use\s+warehouse\s+\"?(\w+)\"?", re.IGNORECASE)
_VALIDITY = 3600
_MASTER_VALIDITY = 4 * 3600


@dataclass(slots=True)
class _Session:
    identity: Identity
    database: str
    warehouse: str
    tag: str


@dataclass(slots=True)
class Account:
    """The account behind one application, also for tests: ``application(world).state.account``."""

    world: World
    users: Users
    warehouses: Warehouses
    runs: PipelineRuns
    history: History
    fake_snow: Any
    sessions: dict[str, _Session] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1000))
    lock: threading.Lock = field(default_factory=threading.Lock)


def application(world: World) -> Starlette:
    """The account as an ASGI application. The first one costs a second: fakesnow is imported here."""
    from fakesnow.instance import FakeSnow
    from fakesnow.server import app as behind

    keep_null_timestamps()
    fake_snow = FakeSnow()
    runs = PipelineRuns(fake_snow, world)
    fake_snow.create_database_on_connect = False
    fake_snow.create_schema_on_connect = False
    users = Users(ACCOUNT, world.identities("snowflake"))
    account = Account(
        world=world,
        users=users,
        warehouses=Warehouses(*WAREHOUSES),
        runs=runs,
        history=History(world),
        fake_snow=fake_snow,
    )
    app = Starlette(
        routes=[
            Route("/session/v1/login-request", _login, methods=["POST"]),
            Route("/session/authenticator-request", _begin_by_browser, methods=["POST"]),
            Route("/provider/sso", _provider),
            Route("/session", _end_session, methods=["POST"]),
            Route("/queries/v1/query-request", _query, methods=["POST"]),
            Route("/telemetry/send", _telemetry, methods=["POST"]),
            Mount("/", app=behind),
        ]
    )
    app.state.account = account
    return app


async def _begin_by_browser(request: Request) -> Response:
    data: dict[str, Any] = (await _body(request)).get("data") or {}
    proof = request.app.state.account.users.begin(data)
    asked = urlencode({"port": data.get("BROWSER_MODE_REDIRECT_PORT", ""), "proof": proof})
    place = f"{request.url.scheme}://{request.url.netloc}/provider/sso?{asked}"
    found = {"ssoUrl": place, "proofKey": proof, "tokenUrl": None}
    return JSONResponse({"data": found, "code": None, "message": None, "success": True})


async def _provider(request: Request) -> Response:
    """The identity provider, at which the person has signed in before."""
    token = request.app.state.account.users.assertion(request.query_params["proof"])
    back = f"http://localhost:{int(request.query_params['port'])}/?{urlencode({'token': token})}"
    return Response(status_code=302, headers={"Location": back})


async def _login(request: Request) -> Response:
    from fakesnow.server import sessions

    account: Account = request.app.state.account
    data: dict[str, Any] = (await _body(request)).get("data") or {}
    try:
        identity = account.users.enter(data)
    except LoginRefusedError as refused:
        return _failure(refused.code, refused.message, {"authnMethod": data.get("AUTHENTICATOR", "")})
    database = _identifier(request.query_params.get("databaseName"))
    schema = _identifier(request.query_params.get("schemaName"))
    warehouse = _identifier(request.query_params.get("warehouse"))
    parameters: dict[str, Any] = data.get("SESSION_PARAMETERS") or {}
    # One connector sends a boolean, the other a text.
    telemetry = str(parameters.get("CLIENT_TELEMETRY_ENABLED", True)).lower() == "true"
    token = secrets.token_urlsafe(32)
    keeps = str(parameters.get("CLIENT_STORE_TEMPORARY_CREDENTIAL", False)).lower() == "true"
    by_browser = str(data.get("AUTHENTICATOR") or "").upper() == "EXTERNALBROWSER"
    known = database in DATABASES.values()
    sessions[token] = await run_in_threadpool(
        account.fake_snow.connect, database if known else None, schema if known else None
    )
    account.sessions[token] = _Session(
        identity=identity,
        database=database if known else "",
        warehouse=warehouse if warehouse in account.warehouses else "",
        tag=str(parameters.get("QUERY_TAG", "")),
    )
    return JSONResponse(
        {
            "data": {
                "token": token,
                "masterToken": secrets.token_urlsafe(32),
                "idToken": account.users.id_token(identity) if by_browser and keeps else None,
                "validityInSeconds": _VALIDITY,
                "masterValidityInSeconds": _MASTER_VALIDITY,
                "sessionId": next(account.numbers),
                "displayUserName": identity.user,
                "serverVersion": SERVER_VERSION,
                "firstLogin": False,
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": True},
                    {"name": "TIMEZONE", "value": "Etc/UTC"},
                    {
                        "name": "CLIENT_TELEMETRY_ENABLED",
                        "value": telemetry,
                    },
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                ],
                "sessionInfo": {
                    "databaseName": database if known else None,
                    "schemaName": schema if known else None,
                    "warehouseName": account.sessions[token].warehouse or None,
                    "roleName": identity.user,
                },
            },
            "code": None,
            "message": None,
            "success": True,
        }
    )


async def _end_session(request: Request) -> Response:
    from fakesnow.server import session

    if request.query_params.get("delete"):
        request.app.state.account.sessions.pop(_token(request), None)
    response: Response = await session(request)
    return response


async def _telemetry(_: Request) -> Response:
    return JSONResponse({"data": "Log Received", "code": None, "message": None, "success": True})


async def _query(request: Request) -> Response:
    from fakesnow.server import query_request

    account: Account = request.app.state.account
    raw = await request.body()
    body = await _body(request)
    session = account.sessions.get(_token(request))
    if session is None:
        return _failure("390104", "User must login again to access the service.", None, status=401)
    statement = str(body.get("sqlText") or "")
    refusal = _refusal(account, session, statement, describe_only=bool(body.get("describeOnly")))
    if refusal is not None:
        return refusal
    user = described_user(statement)
    if user is not None:
        return await run_in_threadpool(_describe_user, account, session, user)
    for database in {session.database, *_databases_in(statement)}:
        await run_in_threadpool(account.runs.catch_up, database)
    try:
        answered = await run_in_threadpool(account.history.answered, statement)
    except HistoryRefusedError as refused:
        return _failure("000903", str(refused), {"errorCode": "000903", "sqlState": "42601"})
    if answered != statement:
        raw = _encoded(body | {"sqlText": answered}, request)
    began = account.world.now()
    response: Response = await query_request(Request(request.scope, _again(raw)))
    if not body.get("describeOnly"):
        account.history.note(_noted(account, session, statement, began, json.loads(bytes(response.body))))
    return response


def _noted(
    account: Account, session: _Session, statement: str, began: datetime, answer: dict[str, Any]
) -> Statement:
    """A statement that was answered, as the history keeps it."""
    return Statement(
        query_id=str((answer.get("data") or {}).get("queryId") or f"01b2c3d4-{next(account.numbers):012d}"),
        kind=_verb(statement),
        text=statement,
        tag=session.tag,
        user=session.identity.user,
        warehouse="" if _verb(statement) in _WITHOUT_WAREHOUSE else session.warehouse,
        status="SUCCESS" if answer.get("success") else "FAILED_WITH_ERROR",
        started_at=began,
        ended_at=account.world.now(),
    )


def _refusal(account: Account, session: _Session, statement: str, *, describe_only: bool) -> Response | None:
    """What Snowflake refuses before it runs anything; None where the statement goes on."""
    verb = _verb(statement)
    altered_session = re.match(r"\s*alter\s+session\b", statement, re.IGNORECASE) is not None
    if not session.identity.writer and verb not in _READS and not altered_session:
        return _failure(
            "003001",
            f"SQL access control error:\nInsufficient privileges to operate on {_target(statement)}",
            {"errorCode": "003001", "sqlState": "42501"},
        )
    used = _USE_WAREHOUSE.match(statement)
    if used is not None:
        name = used[1].upper()
        if name not in account.warehouses:
            return _failure(
                "002043",
                "SQL compilation error:\nObject does not exist, or operation cannot be performed.",
                {"errorCode": "002043", "sqlState": "02000"},
            )
        session.warehouse = name
    if verb in _WITHOUT_WAREHOUSE or describe_only or _CONTEXT.fullmatch(statement):
        return None
    if not session.warehouse:
        return _failure(
            "000606",
            "No active warehouse selected in the current session.  Select an active warehouse with the 'use "
            "warehouse' command.\n",
            {"errorCode": "000606", "sqlState": "57P03"},
        )
    account.warehouses.run(session.warehouse, statement, session.tag, account.world.now())
    return None


def _describe_user(account: Account, session: _Session, user: str) -> Response:
    try:
        data = describe(account.world, session.identity, user)
    except NoSuchUserError:
        return _failure(
            "002003",
            f"SQL compilation error:\nUser '{user}' does not exist or not authorized.",
            {"errorCode": "002003", "sqlState": "02000"},
        )
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


def _verb(statement: str) -> str:
    text = statement
    while (skipped := _COMMENT.match(text)) is not None:
        text = text[skipped.end() :]
    words = text.split(maxsplit=1)
    return words[0].upper().rstrip(";") if words else ""


def _target(statement: str) -> str:
    found = re.search(r"\b(?:table|into|update|from)\s+([\w.\"]+)", statement, re.IGNORECASE)
    return f"table '{found[1].rpartition('.')[2].upper()}'" if found else "schema 'OPS'"


def _databases_in(statement: str) -> set[str]:
    return {name for name in DATABASES.values() if re.search(rf"\b{name}\b", statement, re.IGNORECASE)}


def _identifier(text: str | None) -> str:
    """An identifier as Snowflake reads it: upper case, unless it stands in quotation marks."""
    if not text:
        return ""
    return text[1:-1] if text.startswith('"') and text.endswith('"') else text.upper()


def _token(request: Request) -> str:
    """Of ``Authorization: Snowflake Token="…"``."""
    return request.headers.get("authorization", "").removeprefix('Snowflake Token="').removesuffix('"')


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    text = gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _encoded(body: dict[str, Any], request: Request) -> bytes:
    """A body as the request's headers say that it is."""
    raw = json.dumps(body).encode()
    return gzip.compress(raw) if request.headers.get("content-encoding") == "gzip" else raw


def _again(body: bytes) -> Receive:
    """The body of a request once more, for the application behind."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _failure(code: str, message: str, data: dict[str, Any] | None, *, status: int = 200) -> Response:
    return JSONResponse(
        {"data": data, "code": code, "message": message, "success": False, "headers": None},
        status_code=status,
    )
