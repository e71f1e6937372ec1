"""Each way of logging in to Snowflake: right, wrong, expired, missing; with connector 4."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from asgi_server import AsgiServer
from login_rig import PLANTED, Browser, connection, enter, identity, memory_keyring
from memory_keyring import MemoryKeyring

from fedesk.config_types import ConnectionConfig
from fedesk.ports.errors import CredentialError, DeadlineError, UnauthenticatedError
from fedesk.sandbox import snowflake as emulator
from fedesk.sandbox.snowflake_login import Users, oauth_token
from fedesk.sandbox.vaults import private_key
from fedesk.sandbox.world import World

LOGIN = "fedesk login prod.snowflake"


@dataclass(frozen=True, kw_only=True)
class Served:
    """The account, and its users looked at from behind."""

    port: int
    users: Users
    key: str
    oauth: str


@pytest.fixture(scope="module")
def served(asgi_server: AsgiServer) -> Served:
    world = World()
    app = emulator.application(world)
    reader = world.identity("snowflake")
    port = int(asgi_server(app).url.rpartition(":")[2])
    return Served(port=port, users=app.state.account.users, key=reader.credential, oauth=oauth_token(reader))


@pytest.fixture
def entries() -> Iterator[MemoryKeyring]:
    with memory_keyring() as found:
        yield found


def configured(folder: Path, served: Served, auth: str) -> ConnectionConfig:
    """The connection that logs in so, its credential under the connection's name."""
    named = {} if auth == "externalbrowser" else {"credential": "keyring:prod/snowflake"}
    return connection(
        folder,
        "snowflake",
        account="finedge",
        host="127.0.0.1",
        port=served.port,
        protocol="http",
        user="FEDESK_READER",
        auth=auth,
        **named,
    )


@pytest.mark.parametrize("auth", ["key-pair", "oauth"])
def test_what_is_right_is_kept_and_good_for_the_desk(
    tmp_path: Path, served: Served, entries: MemoryKeyring, auth: str
) -> None:
    """User and role of the session, which wakes no warehouse; the credential in the keyring."""
    here, given = configured(tmp_path, served, auth), served.key if auth == "key-pair" else served.oauth
    found = enter(here, given)
    assert (found.identity.user, found.identity.roles) == ("FEDESK_READER", ("FEDESK_READER",))
    assert entries.entries == {("fedesk", "prod/snowflake"): given}
    assert identity(here) == found.identity


@pytest.mark.parametrize("auth", ["key-pair", "oauth"])
def test_what_is_wrong_is_not_kept(tmp_path: Path, served: Served, entries: MemoryKeyring, auth: str) -> None:
    """Another user's key, a token that nobody has: in Snowflake's words, with what to run."""
    given = private_key("somebody else") if auth == "key-pair" else PLANTED
    with pytest.raises(UnauthenticatedError, match=f"refuses the login.*run `{LOGIN}`") as refused:
        enter(configured(tmp_path, served, auth), given)
    assert given not in str(refused.value)
    assert entries.entries == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (PLANTED, "no private key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAA%\n-----END PRIVATE KEY-----", "PEM is damaged"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot use|damaged"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            "an encrypted private key",
        ),
    ],
)
def test_a_key_that_is_none_is_told_before_anything_is_sent(
    tmp_path: Path, served: Served, entries: MemoryKeyring, given: str, words: str
) -> None:
    """A mistake of what was given, and not a refusal."""
    with pytest.raises(CredentialError, match=words):
        enter(configured(tmp_path, served, "key-pair"), given)
    assert entries.entries == {}


def test_an_access_token_that_expired_is_told_in_snowflakes_words(
    tmp_path: Path, served: Served, entries: MemoryKeyring
) -> None:
    """And not kept."""
    served.users.ended.add("an old token")
    with pytest.raises(UnauthenticatedError, match=f"OAuth access token expired.*{LOGIN}"):
        enter(configured(tmp_path, served, "oauth"), "an old token")
    assert entries.entries == {}


@pytest.mark.parametrize("auth", ["key-pair", "oauth", "externalbrowser"])
def test_what_is_missing_names_the_login(
    tmp_path: Path, served: Served, entries: MemoryKeyring, auth: str
) -> None:
    """A desk without an entry opens no browser by itself: it says the command."""
    with pytest.raises(CredentialError, match=f"holds no fedesk/prod/snowflake: run `{LOGIN}`"):
        identity(configured(tmp_path, served, auth))
    assert entries.entries == {}


def test_a_browser_brings_a_token_that_the_desk_uses(
    tmp_path: Path, served: Served, entries: MemoryKeyring, capsys: pytest.CaptureFixture[str]
) -> None:
    """The connector's own flow; what it would print on stdout, where data belongs, is not printed."""
    here, browser = configured(tmp_path, served, "externalbrowser"), Browser()
    found = enter(here, browser=browser)
    assert found.identity.user == "FEDESK_READER"
    assert browser.pages == [200]
    assert entries.entries["fedesk", "prod/snowflake"]
    assert identity(here) == found.identity
    assert capsys.readouterr().out == ""


def test_a_token_of_a_browser_that_expired_opens_no_browser(
    tmp_path: Path, served: Served, entries: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the login: a look every hour must not take a person's screen."""
    here = configured(tmp_path, served, "externalbrowser")
    opened: list[str] = []
    enter(here, browser=Browser())
    served.users.end_id_tokens()
    monkeypatch.setattr("webbrowser.open_new", opened.append)
    with pytest.raises(UnauthenticatedError, match=f"expired or was revoked; run `{LOGIN}`"):
        identity(here)
    assert opened == []
    assert len(entries.entries) == 1


def test_an_answer_of_somebody_else_is_refused(
    tmp_path: Path, served: Served, entries: MemoryKeyring
) -> None:
    """What the provider says belongs to the login that it was asked for."""
    with pytest.raises(UnauthenticatedError, match="SAML"):
        enter(
            configured(tmp_path, served, "externalbrowser"),
            browser=Browser(change=lambda address: re.sub("token=.", "token=x", address)),
        )
    assert entries.entries == {}


def test_a_browser_that_never_comes_ends_the_login(
    tmp_path: Path, served: Served, entries: MemoryKeyring
) -> None:
    """In its time, with nothing kept; what comes later keeps nothing either."""
    browser = Browser(change=lambda _: f"http://127.0.0.1:{served.port}/telemetry/send")
    with pytest.raises(DeadlineError):
        enter(configured(tmp_path, served, "externalbrowser"), browser=browser, patience=0.5)
    (port,) = parse_qs(urlsplit(browser.shown[0]).query)["port"]
    assert requests.get(f"http://localhost:{port}/?token=late", timeout=10).ok
    assert entries.entries == {}
