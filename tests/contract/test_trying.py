"""A connection that is being typed, tried on each system: who is there, who one is, what there is to see."""

import re
import socket
import threading
import tomllib
from pathlib import Path

import pytest
from raw_server import RawServer, heard

from fedesk import setting_up
from fedesk.config import read_connection
from fedesk.config_types import ConnectionConfig
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import FailureKind, System
from fedesk.ports.endpoint import SecretText
from fedesk.sandbox.server import Sandbox
from fedesk.services.clock import SystemClock
from fedesk.services.trying import Tried

CLOCK = SystemClock()
WRONG = {
    "jenkins": "planted-1f9c",
    "airflow": "planted-2a77",
    "vault": "hvs.planted-3c01",
    "snowflake": "-----BEGIN PRIVATE KEY-----\nplanted/4d\n-----END PRIVATE KEY-----",
}
PATIENT = {"timeout": {"connect": 30.0, "read": 60.0}}
"""A busy machine is no reason to fail."""
NOBODY = "http://127.0.0.1:9"


def typed(sandbox: Sandbox, system: str, **other: object) -> ConnectionConfig:
    """A connection of the whole system, as it is typed; ``other`` are keys that differ."""
    table = tomllib.loads(sandbox.config_path.read_text(encoding="utf-8"))["environments"]["prod"][system]
    whole = {key: value for key, value in table.items() if key not in {"folders", "tags", "kv"}}
    found, mistakes = read_connection(
        ConnectionName("prod", system), System(system), {**whole, **PATIENT, **other}, Path("/fedesk.toml")
    )
    assert found is not None
    assert not mistakes
    return found


def right(sandbox: Sandbox, system: str) -> SecretText:
    """The credential that the sandbox takes."""
    folder = sandbox.config_path.parent / "credentials"
    return SecretText((folder / system).read_text(encoding="utf-8"))


def elsewhere(sandbox: Sandbox, system: str) -> dict[str, object]:
    """The keys of an address at which another system is."""
    url = sandbox.urls["vault" if system != "vault" else "jenkins"]
    return {"url": url}


def failed(tried: Tried) -> FailureKind | None:
    """How it failed, if it did."""
    return tried.failure.kind if tried.failure is not None else None


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault", "snowflake"])
def test_each_is_known_at_its_door_without_a_credential(full_sandbox: Sandbox, system: str) -> None:
    """A knock says who is there, and no credential leaves; with one the system is seen as somebody."""
    configured = typed(full_sandbox, system)
    knocked = setting_up.knock(configured, CLOCK)
    assert failed(knocked) is None, knocked
    assert bool(knocked.version) == (system != "snowflake")
    looked = setting_up.look(configured, right(full_sandbox, system), CLOCK)
    assert failed(looked) is None, looked
    assert looked.identity is not None
    assert looked.identity.user


def test_a_knock_sends_nothing_of_who_one_is(sandbox: Sandbox, raw_server: RawServer) -> None:
    """No head of its request has a user, a token or a password, whatever the connection refers to."""
    heads: list[bytes] = []

    def listen(connection: socket.socket, _over: threading.Event) -> None:
        heads.append(heard(connection))
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    address = raw_server(listen)
    for system in ("jenkins", "airflow", "vault"):
        setting_up.knock(typed(sandbox, system, url=address, user="mara"), CLOCK)
    assert len(heads) == 3
    assert not [head for head in heads if re.search(rb"(?i)authorization|x-vault-token|mara", head)]


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault", "snowflake"])
def test_a_wrong_credential_is_told_in_the_systems_words(full_sandbox: Sandbox, system: str) -> None:
    """It is no answer of who one is, and what was typed stands in no sentence."""
    secret = SecretText(WRONG[system])
    tried = setting_up.look(typed(full_sandbox, system), secret, CLOCK)
    assert tried.failure is not None
    assert failed(tried) in {FailureKind.UNAUTHENTICATED, FailureKind.CREDENTIAL}, tried
    assert tried.identity is None
    assert "planted" not in repr(tried)


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault"])
def test_a_wrong_address_is_told_from_a_wrong_system(sandbox: Sandbox, system: str) -> None:
    """Nobody there and somebody else there are two different sentences."""
    nobody = setting_up.knock(typed(sandbox, system, url=NOBODY), CLOCK)
    other = setting_up.knock(typed(sandbox, system, **elsewhere(sandbox, system)), CLOCK)
    assert (failed(nobody), failed(other)) == (FailureKind.UNREACHABLE, FailureKind.PROTOCOL)
    assert other.failure is not None
    assert (
        f"not as {'an' if system == 'airflow' else 'a'} {system.capitalize()} does" in other.failure.sentence
    )


def test_what_there_is_to_choose_from(sandbox: Sandbox) -> None:
    """Folders on the way to jobs, tags of DAGs, KV engines; and of a part only what is in it is seen."""
    jenkins = setting_up.look(typed(sandbox, "jenkins"), right(sandbox, "jenkins"), CLOCK)
    assert jenkins.parts == ("finedge", "finedge/dev", "finedge/prod", "finedge/staging")
    airflow = setting_up.look(typed(sandbox, "airflow"), right(sandbox, "airflow"), CLOCK)
    assert "prod" in airflow.parts
    assert airflow.parts == tuple(sorted(airflow.parts))
    vault = setting_up.look(typed(sandbox, "vault"), right(sandbox, "vault"), CLOCK)
    assert vault.parts == ("kv",)
    part = setting_up.look(
        typed(sandbox, "jenkins", folders=["finedge/prod", "finedge/nowhere"]),
        right(sandbox, "jenkins"),
        CLOCK,
    )
    assert jenkins.seen is not None
    assert part.seen is not None
    assert 0 < part.seen.jobs < jenkins.seen.jobs
    assert "finedge/nowhere" in part.seen.problems[0]
