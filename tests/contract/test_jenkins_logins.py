"""Logging in to Jenkins by API token: right, wrong, revoked, missing; and tokens that Jenkins makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from asgi_server import AsgiServer
from login_rig import PLANTED, connection, enter, identity, memory_keyring
from memory_keyring import MemoryKeyring

from fedesk.composition import connection_of, reference_of
from fedesk.config_types import ConnectionConfig
from fedesk.entrance import ConfiguredEntrance
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import CredentialError, ForbiddenError, UnauthenticatedError
from fedesk.sandbox import jenkins as emulator
from fedesk.sandbox.model import Identity
from fedesk.sandbox.world import World

LOGIN = "fedesk login prod.jenkins"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A controller, and one of its users."""

    url: str
    who: Identity


@pytest.fixture(scope="module")
def served(asgi_server: AsgiServer) -> Served:
    world = World()
    who = world.identity("jenkins")
    return Served(url=asgi_server(emulator.application(world)).url, who=who)


@pytest.fixture
def entries() -> Iterator[MemoryKeyring]:
    with memory_keyring() as found:
        yield found


@pytest.fixture
def here(tmp_path: Path, served: Served) -> ConnectionConfig:
    """The connection, its token under the connection's name."""
    return connection(
        tmp_path, "jenkins", url=served.url, user=served.who.user, credential="keyring:prod/jenkins"
    )


def test_what_is_right_is_kept_and_good_for_the_desk(
    here: ConnectionConfig, served: Served, entries: MemoryKeyring
) -> None:
    """User and groups; a token of Jenkins tells no end."""
    found = enter(here, served.who.credential)
    assert (found.identity.user, found.identity.roles) == (served.who.user, ("authenticated",))
    assert found.identity.until is None
    assert entries.entries == {("fedesk", "prod/jenkins"): served.who.credential}
    assert identity(here) == found.identity


def test_what_is_wrong_is_not_kept(here: ConnectionConfig, entries: MemoryKeyring) -> None:
    """The sentence says where, in Jenkins' words, and what to run; it does not repeat the credential."""
    with pytest.raises(UnauthenticatedError, match=f"Invalid password/token.*run `{LOGIN}`") as refused:
        enter(here, PLANTED)
    assert PLANTED not in str(refused.value)
    assert entries.entries == {}


def test_what_is_missing_names_the_login(here: ConnectionConfig, entries: MemoryKeyring) -> None:
    """A desk whose keyring has no entry says the command that makes one."""
    with pytest.raises(CredentialError, match=f"holds no fedesk/prod/jenkins: run `{LOGIN}`"):
        identity(here)
    assert entries.entries == {}


def test_a_connection_without_a_user_has_nothing_to_log_in_with(
    tmp_path: Path, served: Served, entries: MemoryKeyring
) -> None:
    """It reads as anonymous; the sentence says what to add."""
    with pytest.raises(CredentialError, match=r'has no credential.*"keyring:prod/jenkins"'):
        enter(connection(tmp_path, "jenkins", url=served.url), PLANTED)
    assert entries.entries == {}


def test_a_made_token_is_good_until_it_is_revoked(here: ConnectionConfig, served: Served) -> None:
    """Made with the password, crumb and session included; revoked it is refused like a wrong one."""
    entrance, password = ConfiguredEntrance(here), SecretText(served.who.password)
    made = entrance.make_token(password, "fedesk on a test's machine")
    assert entrance.whoami(made.secret).user == served.who.user
    entrance.revoke_token(password, made)
    with pytest.raises(UnauthenticatedError, match=LOGIN):
        entrance.whoami(made.secret)
    assert made.secret.reveal() not in repr(made)


def test_nobody_makes_a_token_for_somebody_else(served: Served) -> None:
    """The emulator refuses it as Jenkins does, with a crumb and all."""
    with requests.Session() as session:
        session.auth = (served.who.user, served.who.password)
        crumb = session.get(f"{served.url}/crumbIssuer/api/json", timeout=10).json()["crumb"]
        place = "descriptorByName/jenkins.security.ApiTokenProperty/generateNewToken"
        form, head = {"newTokenName": "x"}, {"Jenkins-Crumb": crumb}
        refused = session.post(f"{served.url}/user/releaser/{place}", data=form, headers=head, timeout=10)
    assert refused.status_code == 403


def test_a_wrong_password_makes_nothing(here: ConnectionConfig) -> None:
    """It is refused where the crumb is asked for, before anything is sent that makes a token."""
    with pytest.raises((UnauthenticatedError, ForbiddenError), match=LOGIN):
        ConfiguredEntrance(here).make_token(SecretText(PLANTED), "no token")


def test_a_desk_takes_a_new_login_at_its_next_try(
    here: ConnectionConfig, served: Served, entries: MemoryKeyring
) -> None:
    """What was refused is read anew from the keyring: no desk is started again after `fedesk login`."""
    entries.set_password("fedesk", "prod/jenkins", PLANTED)
    desk = connection_of(here, (), reference_of)
    assert desk.identity is not None
    for _ in range(2):
        with pytest.raises(UnauthenticatedError, match=LOGIN):
            desk.identity.call(lambda system: system.whoami())
    entries.set_password("fedesk", "prod/jenkins", served.who.credential)
    assert desk.identity.call(lambda system: system.whoami()).user == served.who.user
    desk.source.close()
