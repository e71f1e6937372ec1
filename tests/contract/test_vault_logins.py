"""Each way of logging in to Vault: right, wrong, expired, locked, missing; emulated and real (-m live)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import live_vault
import pytest
from asgi_server import AsgiServer
from login_rig import PLANTED, Browser, connection, enter, identity, memory_keyring
from memory_keyring import MemoryKeyring

from fedesk.composition import connection_of, reference_of
from fedesk.config_types import ConnectionConfig
from fedesk.ports.errors import CredentialError, DeadlineError, UnauthenticatedError, UnreachableError
from fedesk.ports.sources import Connection
from fedesk.sandbox import vault as emulator
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.vault_logins import Logins, issuer_key, jwt_for, login_secret
from fedesk.sandbox.world import World

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
LOGIN = "fedesk login prod.vault"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way of logging in, with who does it and what lets them in."""

    auth: str
    user: str
    secret: str
    expired: str = ""
    """Lets nobody in any more; empty where nothing of it expires."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Vault to log in to."""

    url: str
    ways: dict[str, Way]


class Emulated:
    """The emulator, and the means to look behind it."""

    def __init__(self, serve: AsgiServer, began: datetime = NOW) -> None:
        self.clock = WorldClock(began)
        app = emulator.application(World(clock=self.clock))
        self.state: emulator.VaultServer = app.state.vault
        self.url = serve(app).url

    @property
    def logins(self) -> Logins:
        return self.state.logins

    @property
    def server(self) -> Server:
        reader = self.state.world.identity("vault")
        secret, user = login_secret(reader), reader.user
        issue = self.state.issue
        old = issue(reader, display_name="old", path="auth/token/create", ttl=timedelta(0))
        good, over = jwt_for(reader, NOW + timedelta(hours=1)), jwt_for(reader, NOW - timedelta(hours=1))
        ways = (
            Way(auth="token", user="", secret=reader.credential, expired=old),
            Way(auth="approle", user=user, secret=secret),
            Way(auth="userpass", user=user, secret=secret),
            Way(auth="ldap", user=user, secret=secret),
            Way(auth="jwt", user="fedesk-reader", secret=good, expired=over),
        )
        return Server(url=self.url, ways={way.auth: way for way in ways})


@pytest.fixture
def emulated(asgi_server: AsgiServer) -> Emulated:
    return Emulated(asgi_server)


def _jwt_of(call: Callable[..., dict[str, Any]]) -> Way:
    """A role that takes what the sandbox's issuer signs."""
    reader = World(clock=WorldClock(NOW)).identity("vault")
    now = datetime.now(UTC)
    call("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [issuer_key()], "default_role": "reader"})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_subject": reader.user, "token_ttl": "1h"}
    call("POST", "auth/jwt/role/reader", role)
    good, over = jwt_for(reader, now + timedelta(hours=1)), jwt_for(reader, now - timedelta(hours=1))
    return Way(auth="jwt", user="reader", secret=good, expired=over)


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    """A real Vault with a user of each method that it has."""
    with live_vault.running() as vault:
        call = vault.call
        token = call("POST", "auth/token/create", {"ttl": "1h"})["auth"]["client_token"]
        gone = call("POST", "auth/token/create", {"ttl": "1h"})["auth"]["client_token"]
        call("POST", "auth/token/revoke", {"token": gone})
        for method in ("userpass", "approle", "jwt"):
            call("POST", f"sys/auth/{method}", {"type": method})
        call("POST", "auth/userpass/users/reader", {"password": "planted-password"})
        call("POST", "auth/approle/role/reader", {"token_ttl": "1h"})
        role = call("GET", "auth/approle/role/reader/role-id")["data"]["role_id"]
        secret_id = call("POST", "auth/approle/role/reader/secret-id")["data"]["secret_id"]
        ways = (
            Way(auth="token", user="", secret=token, expired=gone),
            Way(auth="approle", user=role, secret=secret_id),
            Way(auth="userpass", user="reader", secret="planted-password"),
            _jwt_of(call),
        )
        yield Server(url=vault.url, ways={way.auth: way for way in ways})


every_way = pytest.mark.parametrize("way", ["token", "approle", "userpass", "ldap", "jwt"], indirect=True)
ways_that_end = pytest.mark.parametrize("way", ["token", "jwt"], indirect=True)
ways_that_lock = pytest.mark.parametrize("way", ["approle", "userpass", "ldap"], indirect=True)
"""A token or a JWT names nobody whom Vault could lock out."""


@pytest.fixture(
    params=["emulator", pytest.param("real", marks=[pytest.mark.live, pytest.mark.timeout(1800)])]
)
def server(request: pytest.FixtureRequest) -> Server:
    """One contract for both."""
    if request.param == "real":
        found: Server = request.getfixturevalue("real")
        return found
    emulator_: Emulated = request.getfixturevalue("emulated")
    return emulator_.server


@pytest.fixture
def way(request: pytest.FixtureRequest, server: Server) -> Way:
    """Each way that the server has."""
    if request.param not in server.ways:
        pytest.skip(f"the real server of these tests has no {request.param}")
    return server.ways[request.param]


@pytest.fixture
def entries() -> Iterator[MemoryKeyring]:
    with memory_keyring() as found:
        yield found


def configured(folder: Path, server: Server, way: Way) -> ConnectionConfig:
    """The connection that logs in so."""
    user = {"user": way.user} if way.user else {}
    return connection(folder, "vault", url=server.url, auth=way.auth, credential="keyring:prod/vault", **user)


@every_way
def test_what_is_right_is_kept_and_good_for_the_desk(
    tmp_path: Path, server: Server, way: Way, entries: MemoryKeyring
) -> None:
    """Who one is, until when, and the credential in the keyring, from where the desk logs in."""
    found = enter(configured(tmp_path, server, way), way.secret)
    assert found.stored
    assert found.identity.user
    assert "default" in found.identity.roles or "root" in found.identity.roles
    assert found.identity.until is not None
    assert entries.entries == {("fedesk", "prod/vault"): way.secret}
    assert identity(configured(tmp_path, server, way)).user == found.identity.user


@every_way
def test_what_is_wrong_is_not_kept(tmp_path: Path, server: Server, way: Way, entries: MemoryKeyring) -> None:
    """The sentence says where, in Vault's words, and what to run; it does not repeat the credential."""
    with pytest.raises(UnauthenticatedError) as refused:
        enter(configured(tmp_path, server, way), PLANTED)
    sentence = str(refused.value)
    assert sentence.startswith("prod/vault refuses the ")
    assert LOGIN in sentence
    assert PLANTED not in sentence
    assert entries.entries == {}


@ways_that_end
def test_what_has_expired_is_not_kept(
    tmp_path: Path, server: Server, way: Way, entries: MemoryKeyring
) -> None:
    """A token or a JWT that is over is refused like one that never was."""
    with pytest.raises(UnauthenticatedError, match=LOGIN):
        enter(configured(tmp_path, server, way), way.expired)
    assert entries.entries == {}


@ways_that_lock
def test_who_failed_five_times_is_locked_out(
    tmp_path: Path, server: Server, way: Way, entries: MemoryKeyring
) -> None:
    """Then the right credential is refused as well, for a quarter of an hour, and not kept."""
    here = configured(tmp_path, server, way)
    for _ in range(5):
        with pytest.raises(UnauthenticatedError):
            enter(here, PLANTED)
    with pytest.raises(UnauthenticatedError, match="permission denied"):
        enter(here, way.secret)
    assert entries.entries == {}


@every_way
def test_what_is_missing_names_the_login(
    tmp_path: Path, server: Server, way: Way, entries: MemoryKeyring
) -> None:
    """A desk whose keyring has no entry says the command that makes one."""
    with pytest.raises(CredentialError, match=f"holds no fedesk/prod/vault: run `{LOGIN}`"):
        identity(configured(tmp_path, server, way))
    assert entries.entries == {}


def test_a_secret_id_outlives_its_ttl(tmp_path: Path, emulated: Emulated, entries: MemoryKeyring) -> None:
    """Vault does not say that it expired: it is worded like a wrong one."""
    server = emulated.server
    emulated.logins.ended_secret_ids.add(server.ways["approle"].user)
    with pytest.raises(UnauthenticatedError, match="invalid role or secret ID"):
        enter(configured(tmp_path, server, server.ways["approle"]), server.ways["approle"].secret)
    assert entries.entries == {}


def test_a_vault_that_is_away_is_told_as_such(tmp_path: Path, entries: MemoryKeyring) -> None:
    """Nothing is kept of what could not be tried."""
    here = connection(
        tmp_path, "vault", url="http://127.0.0.1:9", auth="token", credential="keyring:prod/vault"
    )
    with pytest.raises(UnreachableError):
        enter(here, PLANTED)
    assert entries.entries == {}


# --- OIDC -----------------------------------------------------------------------------------------------


@pytest.fixture
def oidc(tmp_path: Path, emulated: Emulated) -> ConnectionConfig:
    """A connection that is logged in to with a browser; no credential is named."""
    return connection(tmp_path, "vault", url=emulated.url, auth="oidc", user="fedesk-reader")


def test_a_browser_brings_a_token_that_the_desk_uses(oidc: ConnectionConfig, entries: MemoryKeyring) -> None:
    """The token is kept under the connection's name, and is the credential from then on."""
    browser = Browser()
    found = enter(oidc, browser=browser)
    assert found.identity.user == "oidc-reader"
    assert found.identity.until == NOW + timedelta(hours=1)
    assert browser.pages == [200]
    assert entries.entries["fedesk", "prod/vault"].startswith("hvs.")
    assert identity(oidc).user == "oidc-reader"


def test_a_token_of_a_browser_that_expired_names_the_login(
    oidc: ConnectionConfig, emulated: Emulated, entries: MemoryKeyring
) -> None:
    """And so does a desk that has none yet."""
    with pytest.raises(CredentialError, match=LOGIN):
        identity(oidc)
    enter(oidc, browser=Browser())
    emulated.clock.advance(timedelta(hours=2))
    with pytest.raises(UnauthenticatedError, match=LOGIN):
        identity(oidc)
    assert len(entries.entries) == 1


def test_another_state_is_turned_away(oidc: ConnectionConfig, entries: MemoryKeyring) -> None:
    """A page that was not asked for does not end the login, and the right one still does."""

    def change(address: str) -> str:
        return f"{address.replace('state=', 'state=x')} then {address.replace('/oidc/', '/')} then {address}"

    browser = Browser(change=change)
    assert enter(oidc, browser=browser).stored
    assert browser.pages == [400, 404, 200]
    assert len(entries.entries) == 1


def test_a_code_is_good_for_this_login_alone(oidc: ConnectionConfig, entries: MemoryKeyring) -> None:
    """A code of somebody else's login is refused by Vault."""
    with pytest.raises(UnauthenticatedError, match=r"Error exchanging oidc code.*fedesk login"):
        enter(oidc, browser=Browser(change=lambda address: address.replace("code=", "code=x")))
    assert entries.entries == {}


def test_a_person_who_says_no_is_told_in_the_providers_words(
    oidc: ConnectionConfig, emulated: Emulated, entries: MemoryKeyring
) -> None:
    """Nothing is kept."""
    emulated.logins.provider_says = "access_denied"
    with pytest.raises(UnauthenticatedError, match="The user said no"):
        enter(oidc, browser=Browser())
    assert entries.entries == {}


def test_a_browser_that_never_comes_ends_the_login(
    oidc: ConnectionConfig, emulated: Emulated, entries: MemoryKeyring
) -> None:
    """In its time, with nothing kept and the port free again."""
    with pytest.raises(DeadlineError, match="No browser came back"):
        enter(oidc, browser=Browser(change=lambda _: f"{emulated.url}/v1/sys/health"), patience=0.2)
    assert entries.entries == {}


def test_a_role_that_is_not_there_is_told(tmp_path: Path, emulated: Emulated, entries: MemoryKeyring) -> None:
    """Before any browser is sent."""
    browser = Browser()
    here = connection(tmp_path, "vault", url=emulated.url, auth="oidc", user="nobody")
    with pytest.raises(UnauthenticatedError, match="could not be found"):
        enter(here, browser=browser)
    assert browser.shown == []
    assert entries.entries == {}


# --- a desk that goes on --------------------------------------------------------------------------------


def desk_of(here: ConnectionConfig) -> Connection:
    """The connection as a desk holds it, over many looks."""
    return connection_of(here, (), reference_of)


@pytest.mark.parametrize("auth", ["token", "userpass"])
def test_a_desk_takes_a_new_login_at_its_next_try(
    tmp_path: Path, emulated: Emulated, entries: MemoryKeyring, auth: str
) -> None:
    """What was refused is read anew; a password that is still the same is not sent again."""
    way = emulated.server.ways[auth]
    entries.set_password("fedesk", "prod/vault", PLANTED)
    desk = desk_of(configured(tmp_path, emulated.server, way))
    for _ in range(2):
        with pytest.raises(UnauthenticatedError, match=LOGIN):
            desk.source.call(lambda vault: vault.observe(None))
    asked = [one for one in emulated.state.requests if "/login/" in one]
    assert len(asked) == (1 if auth == "userpass" else 0)
    entries.set_password("fedesk", "prod/vault", way.secret)
    assert desk.source.call(lambda vault: vault.observe(None)).token is not None
    desk.source.close()


@pytest.mark.parametrize("again", [False, True])
def test_a_token_that_expired_says_when(
    tmp_path: Path, asgi_server: AsgiServer, entries: MemoryKeyring, *, again: bool
) -> None:
    """Vault itself does not say: it is remembered from the last look, also over a restart."""
    began = datetime.now(UTC) - timedelta(hours=2)
    emulated = Emulated(asgi_server, began)
    reader = emulated.state.world.identity("vault")
    token = emulated.state.issue(
        reader, display_name="short", path="auth/token/create", ttl=timedelta(hours=1)
    )
    entries.set_password("fedesk", "prod/vault", token)
    here = configured(tmp_path, emulated.server, Way(auth="token", user="", secret=token))
    desk = desk_of(here)
    seen = desk.source.call(lambda vault: vault.observe(None))
    emulated.clock.advance(timedelta(minutes=90))
    if again:
        desk.source.close()
        desk = desk_of(here)
    ended = began + timedelta(hours=1)
    with pytest.raises(UnauthenticatedError, match=rf"It expired at .*{ended:%H:%M} UTC\. Run `{LOGIN}`\.$"):
        desk.source.call(lambda vault: vault.observe(seen))
    desk.source.close()
