"""What an examination of a connection finds, and that it changes nothing."""

import contextlib
import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from own_certificate import self_signed, server_context
from raw_server import RawServer

from fedesk import composition
from fedesk.clients.certificates import chain_of
from fedesk.config import load_config
from fedesk.domain.examination import Checkup
from fedesk.domain.names import ConnectionName
from fedesk.domain.rights import Grant
from fedesk.domain.states import FailureKind, System
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox.server import Sandbox
from fedesk.services.examining import examine

NAME = ConnectionName("prod", "jenkins")


def examined(sandbox: Sandbox, system: System, *, writer: bool) -> Checkup:
    """A connection of the sandbox's prod, examined as its reader or its writer."""
    configured = next(
        one
        for one in load_config(sandbox.config_path).environments["prod"].connections()
        if one.system is system
    )
    identity = sandbox.world.identity(system.value, writer=writer)
    secret = identity.credential
    settings = msgspec.structs.replace(configured.settings, user=identity.user)
    connection = composition.connection_of(
        replace(configured, settings=settings), (), lambda _: lambda: SecretText(secret)
    )
    try:
        return examine([connection])[0]
    finally:
        connection.source.close()


def granted(checkup: Checkup) -> dict[str, Grant]:
    """Each right by the system's own name."""
    assert checkup.failure is None, checkup.failure
    assert checkup.examination is not None
    return {right.need.id: right.grant for right in checkup.examination.rights}


def test_a_reader_of_jenkins_may_read_and_not_build(sandbox: Sandbox) -> None:
    """The probe of Job/Build is a GET, which builds nothing whatever it is answered."""
    as_reader = granted(examined(sandbox, System.JENKINS, writer=False))
    as_writer = granted(examined(sandbox, System.JENKINS, writer=True))
    assert as_reader["job-read"] is Grant.GRANTED
    assert as_reader["job-build"] is Grant.REFUSED
    assert as_writer["job-build"] is Grant.GRANTED


def test_what_the_probes_send_changes_nothing(sandbox: Sandbox) -> None:
    """Jenkins gets GETs alone; of Airflow's POSTs beside the login each is a dry run."""
    sandbox.control.clear_requests()
    examined(sandbox, System.JENKINS, writer=True)
    examined(sandbox, System.AIRFLOW, writer=True)
    sent = [(one.method, one.path) for one in sandbox.control.requests()]
    assert sent
    posts = {path.rpartition("/")[2] for method, path in sent if method != "GET"}
    assert posts == {"token", "clearTaskInstances"}


def test_a_reader_of_airflow_may_read_and_not_clear(sandbox: Sandbox) -> None:
    """Who may not edit task instances is refused the dry run of a run that does not exist."""
    as_reader = granted(examined(sandbox, System.AIRFLOW, writer=False))
    as_writer = granted(examined(sandbox, System.AIRFLOW, writer=True))
    assert as_reader["dags-read"] is Grant.GRANTED
    assert as_reader["task-logs-read"] is Grant.GRANTED
    assert as_reader["tasks-edit"] is Grant.REFUSED
    assert as_writer["tasks-edit"] is Grant.GRANTED


def test_a_system_that_is_down_says_why_and_holds_up_no_other(sandbox: Sandbox) -> None:
    """A failure is the checkup's own; who one is and what one may do stay empty."""
    sandbox.control.fault("jenkins", "status", status=500)
    found = examined(sandbox, System.JENKINS, writer=False)
    assert found.failure is not None
    assert found.failure.kind is FailureKind.SERVER
    assert found.examination is None


def test_version_clock_and_latency_are_told(full_sandbox: Sandbox) -> None:
    """Each system's own version, how far its clock is off, and how long a small answer takes."""
    for system, version in ((System.JENKINS, "2."), (System.AIRFLOW, "3."), (System.SNOWFLAKE, "10.")):
        found = examined(full_sandbox, system, writer=False).examination
        assert found is not None
        assert found.version.startswith(version)
        assert found.latency > timedelta(0)
        assert found.ahead is not None


def presented(raw_server: RawServer, pem: Path) -> str:
    """The address of a server that shows this certificate."""
    context = server_context(pem)

    def talk(connection: socket.socket, over: threading.Event) -> None:
        with contextlib.suppress(ssl.SSLError, OSError), context.wrap_socket(connection, server_side=True):
            over.wait(0)

    return raw_server(talk).replace("http:", "https:")


def test_a_chain_is_told_whether_it_is_trusted_or_not(raw_server: RawServer, tmp_path: Path) -> None:
    """With the bundle it is trusted; without, why it is not, and until when it would be good."""
    pem = self_signed(tmp_path, lasts=timedelta(days=9))
    url = presented(raw_server, pem)
    trusted = chain_of(Endpoint(name=NAME, url=url, ca_bundle=pem))
    assert trusted.trouble == ""
    assert [one.subject for one in trusted.certificates] == ["fedesk test"]
    stranger = chain_of(Endpoint(name=NAME, url=url))
    assert "is not trusted" in stranger.trouble
    assert [one.expires_at for one in stranger.certificates] == [trusted.certificates[0].expires_at]


def test_an_expired_certificate_is_told_with_its_date(raw_server: RawServer, tmp_path: Path) -> None:
    """What is refused for its age is looked at all the same."""
    pem = self_signed(tmp_path, lasts=timedelta(days=-2))
    chain = chain_of(Endpoint(name=NAME, url=presented(raw_server, pem), ca_bundle=pem))
    assert "expired" in chain.trouble
    assert chain.certificates[0].expires_at < datetime.now(UTC)


@pytest.mark.parametrize(("url", "is_local"), [("http://127.0.0.1:1", 1), ("http://ci.example", 0)])
def test_what_is_spoken_to_in_clear_has_no_chain(url: str, is_local: int) -> None:
    """No certificate, and whether anybody could be in between."""
    chain = chain_of(Endpoint(name=NAME, url=url))
    assert (chain.encrypted, chain.local, chain.certificates) == (False, bool(is_local), ())
