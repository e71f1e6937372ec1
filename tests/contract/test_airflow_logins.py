"""Each way of logging in to Airflow: right, wrong, expired, missing; emulated and real (``-m live``)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from airflow_server import JWT_SECRET, AirflowServer
from asgi_server import AsgiServer
from login_rig import PLANTED, connection, enter, identity, memory_keyring
from memory_keyring import MemoryKeyring
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from fedesk.config_types import ConnectionConfig
from fedesk.ports.errors import CredentialError, UnauthenticatedError
from fedesk.sandbox.airflow import Airflow
from fedesk.sandbox.airflow_login import DAY, Login
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.world import World

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
LOGIN = "fedesk login prod.airflow"


@dataclass(frozen=True, kw_only=True)
class Server:
    """An Airflow 3 to log in to, and a token that it gave out and takes no longer."""

    url: str
    user: str
    password: str
    ended: str

    def bearer(self) -> str:
        """A token as single sign-on would give it."""
        login = {"username": self.user, "password": self.password}
        with httpx.Client(trust_env=False) as direct:
            return str(direct.post(f"{self.url}/auth/token", json=login).json()["access_token"])


def emulated(serve: AsgiServer) -> Server:
    world = World(clock=WorldClock(NOW))
    who = world.identity("airflow", writer=True)
    airflow = Airflow(world, Login.of(world.identities("airflow"), DAY))
    ended = Login(airflow.login.identities, seconds=-60, key=airflow.login.key).token(who)
    url = f"{serve(airflow.application()).url}/prod"
    return Server(url=url, user=who.user, password=who.credential, ended=ended)


def real(server: AirflowServer) -> Server:
    """With a token that is signed by its own key, and over for a minute."""
    now = int(time.time())
    claims = {
        "sub": server.user,
        "aud": "apache-airflow",
        "iat": now - 120,
        "nbf": now - 120,
        "exp": now - 60,
    }
    signed = (
        f"{_coded({'alg': 'HS512', 'typ': 'JWT', 'kid': 'not-used'})}.{_coded({**claims, 'role': 'admin'})}"
    )
    digest = hmac.new(JWT_SECRET.encode(), signed.encode(), hashlib.sha512).digest()
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return Server(url=server.url, user=server.user, password=server.password, ended=f"{signed}.{signature}")


def _coded(document: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


@pytest.fixture(
    params=["emulator", pytest.param("real", marks=[pytest.mark.live, pytest.mark.timeout(1800)])]
)
def server(request: pytest.FixtureRequest) -> Server:
    """One contract for both."""
    if request.param == "real":
        return real(request.getfixturevalue("live_airflow"))
    return emulated(request.getfixturevalue("asgi_server"))


@pytest.fixture
def entries() -> Iterator[MemoryKeyring]:
    with memory_keyring() as found:
        yield found


def configured(
    folder: Path, server: Server, auth: str, credential: str = "keyring:prod/airflow"
) -> ConnectionConfig:
    """The connection that logs in so."""
    return connection(folder, "airflow", url=server.url, auth=auth, user=server.user, credential=credential)


@pytest.mark.parametrize("auth", ["password", "token"])
def test_what_is_right_is_kept_and_good_for_the_desk(
    tmp_path: Path, server: Server, entries: MemoryKeyring, auth: str
) -> None:
    """Who one is, until when, and the credential in the keyring, from where the desk logs in."""
    given = server.password if auth == "password" else server.bearer()
    here = configured(tmp_path, server, auth)
    found = enter(here, given)
    assert found.identity.user == server.user
    assert found.identity.roles == ("admin",)
    assert found.identity.until is not None
    assert timedelta(0) < found.identity.until - datetime.now(UTC) <= timedelta(days=1)
    assert entries.entries == {("fedesk", "prod/airflow"): given}
    assert identity(here).user == server.user


@pytest.mark.parametrize("auth", ["password", "token", "basic"])
def test_what_is_wrong_is_not_kept(tmp_path: Path, server: Server, entries: MemoryKeyring, auth: str) -> None:
    """The sentence says where, in Airflow's words, and what to run; it does not repeat the credential."""
    with pytest.raises(UnauthenticatedError) as refused:
        enter(configured(tmp_path, server, auth), PLANTED)
    sentence = str(refused.value)
    assert LOGIN in sentence
    assert "HTTP 40" in sentence
    assert PLANTED not in sentence
    assert entries.entries == {}


def test_basic_is_refused_by_airflow_3(tmp_path: Path, server: Server, entries: MemoryKeyring) -> None:
    """The right password too: ``basic`` is for an Airflow 2."""
    with pytest.raises(UnauthenticatedError, match=LOGIN):
        enter(configured(tmp_path, server, "basic"), server.password)
    assert entries.entries == {}


def test_a_token_that_expired_says_when(tmp_path: Path, server: Server, entries: MemoryKeyring) -> None:
    """By the end that it names itself; and it is not kept."""
    with pytest.raises(UnauthenticatedError, match=rf"It expired at [-\d ]*\d\d:\d\d UTC\. Run `{LOGIN}`\.$"):
        enter(configured(tmp_path, server, "token"), server.ended)
    assert entries.entries == {}


async def airflow_2(scope: Scope, receive: Receive, send: Send) -> None:
    """What an Airflow 2.11 answers to HTTP Basic at its API, which is another than that of Airflow 3."""
    request = Request(scope, receive)
    right = f"Basic {base64.b64encode(b'oncall:right').decode()}"
    if request.url.path != "/api/v1/dags":
        found = JSONResponse({"detail": None, "status": 404, "title": "Not Found"}, status_code=404)
    elif request.headers.get("authorization") != right:
        found = JSONResponse({"detail": None, "status": 401, "title": "Unauthorized"}, status_code=401)
    else:
        found = JSONResponse({"dags": [], "total_entries": 0})
    await found(scope, receive, send)


def test_basic_is_taken_by_airflow_2(tmp_path: Path, asgi_server: AsgiServer, entries: MemoryKeyring) -> None:
    """Right is kept, and wrong is not."""
    url = asgi_server(airflow_2).url
    here = connection(
        tmp_path, "airflow", url=url, auth="basic", user="oncall", credential="keyring:prod/airflow"
    )
    with pytest.raises(UnauthenticatedError, match=LOGIN):
        enter(here, "wrong")
    assert entries.entries == {}
    assert enter(here, "right").identity.user == "oncall"
    assert entries.entries == {("fedesk", "prod/airflow"): "right"}


@pytest.mark.parametrize("auth", ["password", "token", "basic"])
def test_what_is_missing_names_the_login(
    tmp_path: Path, server: Server, entries: MemoryKeyring, auth: str
) -> None:
    """A desk whose keyring has no entry says the command that makes one."""
    with pytest.raises(CredentialError, match=f"holds no fedesk/prod/airflow: run `{LOGIN}`"):
        identity(configured(tmp_path, server, auth))
    assert entries.entries == {}


@pytest.mark.parametrize("good", [True, False])
def test_a_command_is_run_and_what_it_prints_is_tried(
    tmp_path: Path, server: Server, entries: MemoryKeyring, *, good: bool
) -> None:
    """Single sign-on: nothing is asked, nothing is kept."""
    token = tmp_path / "token"
    token.write_text(server.bearer() if good else server.ended, encoding="utf-8")
    here = configured(tmp_path, server, "token", f"command:cat {token}")
    if good:
        found = enter(here)
        assert (found.stored, found.identity.user) == (False, server.user)
    else:
        with pytest.raises(UnauthenticatedError, match="It expired at"):
            enter(here)
    assert entries.entries == {}


def test_a_desk_takes_a_new_login_at_its_next_try(
    tmp_path: Path, server: Server, entries: MemoryKeyring
) -> None:
    """What was refused is read anew from the keyring: no desk is started again after `fedesk login`."""
    from fedesk.composition import connection_of, reference_of

    entries.set_password("fedesk", "prod/airflow", server.ended)
    desk = connection_of(configured(tmp_path, server, "token"), (), reference_of)
    assert desk.identity is not None
    with pytest.raises(UnauthenticatedError, match=LOGIN):
        desk.identity.call(lambda system: system.whoami())
    entries.set_password("fedesk", "prod/airflow", server.bearer())
    assert desk.identity.call(lambda system: system.whoami()).user == server.user
    desk.source.close()
