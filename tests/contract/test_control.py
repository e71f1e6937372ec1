"""The sandbox as a process and its control port, seen by raw clients."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML
from starlette.types import Message, Receive, Scope, Send

from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.control import FaultsAreOffError
from fedesk.sandbox.faults import Fault, FaultBoard, FaultKind, Faulty
from fedesk.sandbox.model import BuildResult
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.traffic import TrafficLog
from fedesk.sandbox.world import World

CRUMB = "/crumbIssuer/api/json"
PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """What a raw client got: status line and headers, and the body as far as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


def address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


@contextmanager
def asked(
    url: str, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> Iterator[socket.socket]:
    """A connection over which one request went, and no answer has been read."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: sandbox",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with closing(socket.create_connection(address(url), timeout=PATIENCE)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        yield connection


def read_all(connection: socket.socket) -> bytes:
    got = bytearray()
    while piece := connection.recv(65536):
        got += piece
    return bytes(got)


def parsed(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return Answer(int(first.split()[1]), headers, body)


def ask(url: str, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    with asked(url, path, method, body, **headers) as connection:
        return parsed(read_all(connection))


def told(url: str, path: str, method: str = "GET", document: object = None) -> Any:
    """The JSON that the control port answers."""
    body = b"" if document is None else json.dumps(document).encode()
    answer = ask(url, path, method, body, Content_Type="application/json")
    assert answer.status < 300, answer.body
    return json.loads(answer.body) if answer.body else None


def refused(url: str) -> bool:
    try:
        socket.create_connection(address(url), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


# --- the log of requests ------------------------------------------------------------------------------------


def test_request_log_is_exact(sandbox: Sandbox) -> None:
    """Each request is noted once, in order, with method, path, status and the bytes of its body."""
    answers = [ask(sandbox.urls["vault"], "/v1/sys/health"), ask(sandbox.urls["jenkins"], "/nothing?a=b%20c")]
    noted = sandbox.control.requests()
    assert [(item.system, item.method, item.path) for item in noted] == [
        ("vault", "GET", "/v1/sys/health"),
        ("jenkins", "GET", "/nothing?a=b%20c"),
    ]
    assert [(item.status, item.bytes_out) for item in noted] == [
        (answer.status, len(answer.body)) for answer in answers
    ]
    assert sandbox.control.requests("vault") == noted[:1]


def test_request_log_counts_bytes_as_they_went(sandbox: Sandbox) -> None:
    """A compressed answer counts with its compressed bytes, and a request's body with its own."""
    login = json.dumps(
        {"username": "oncall", "password": sandbox.world.identity("airflow").credential}
    ).encode()
    answer = ask(sandbox.urls["airflow"], "/prod/auth/token", "POST", login, Content_Type="application/json")
    token = json.loads(answer.body)["access_token"]
    with asked(
        sandbox.urls["airflow"],
        "/prod/api/v2/dags",
        Authorization=f"Bearer {token}",
        Accept_Encoding="gzip",
    ) as connection:
        got = parsed(read_all(connection))
    first, second = sandbox.control.requests("airflow")
    assert got.headers["content-encoding"] == "gzip"
    assert first.bytes_in == len(login)
    assert second.bytes_out == int(got.headers["content-length"]) == len(got.body)


def test_request_log_tells_who_asked(sandbox: Sandbox) -> None:
    """Basic users, Vault tokens and bearer tokens are noted by name, never by credential."""
    vault = sandbox.world.identity("vault")
    ask(sandbox.urls["jenkins"], "/api/json", Authorization="Basic b25jYWxsOnh5eg==")
    ask(sandbox.urls["vault"], "/v1/auth/token/lookup-self", X_Vault_Token=vault.credential)
    noted = sandbox.control.requests()
    assert [item.identity for item in noted] == ["oncall", "reader"]
    assert vault.credential not in repr(noted)


# --- the control port ---------------------------------------------------------------------------------------


def test_control_port_shows_and_clears_requests(sandbox: Sandbox) -> None:
    """GET /requests tells what came, DELETE forgets it, and the port's own requests are not among them."""
    ask(sandbox.urls["vault"], "/v1/sys/health")
    url = sandbox.urls["control"]
    (noted,) = told(url, "/requests")["requests"]
    assert (noted["system"], noted["path"], noted["status"]) == ("vault", "/v1/sys/health", 200)
    assert told(url, "/requests?system=jenkins") == {"requests": []}
    told(url, "/requests", "DELETE")
    assert told(url, "/requests") == {"requests": []}


def test_control_port_turns_the_clock(sandbox: Sandbox) -> None:
    """POST /clock freezes, sets, advances and lets run; the world's answers follow."""
    url = sandbox.urls["control"]
    assert told(url, "/clock", "POST", {"freeze": "2026-11-20T02:00:00Z"}) == {
        "now": "2026-11-20T02:00:00+00:00",
        "frozen": True,
    }
    assert told(url, "/clock", "POST", {"advance": 90})["now"] == "2026-11-20T02:01:30+00:00"
    assert told(url, "/clock", "POST", {"set": "2026-11-21T00:00:00+01:00"})["now"].startswith(
        "2026-11-20T23:"
    )
    assert told(url, "/world")["now"] == "2026-11-20T23:00:00+00:00"
    assert told(url, "/clock", "POST", {"run": True})["frozen"] is False


def test_control_port_tells_of_the_world_and_seals_the_vault(sandbox: Sandbox) -> None:
    """GET /world summarises; POST seals the Vault, which then answers 503."""
    url = sandbox.urls["control"]
    summary = told(url, "/world")
    assert (summary["seed"], summary["pipelines"], summary["jobs"]) == (7, 40, 124)
    assert told(url, "/world", "POST", {"vault_sealed": True})["vault_sealed"] is True
    assert ask(sandbox.urls["vault"], "/v1/sys/health").status == 503


def test_control_port_quiets_jenkins_and_disables_a_job(sandbox: Sandbox) -> None:
    """What someone triggers is held back by a shutdown that is prepared; a disabled job takes nothing."""
    url, job = sandbox.urls["control"], "finedge/dev/ledger-ci"
    assert told(url, "/world", "POST", {"jenkins_quieting_down": True})["jenkins_quieting_down"] is True
    item = sandbox.control.trigger_build(job, values={"BRANCH": "fix"})
    sandbox.control.clock.advance(timedelta(minutes=1))
    waits = {one.build.queue_id: one.why for one in sandbox.world.queue()}
    assert waits[item] == "Jenkins is about to shut down"
    told(url, "/world", "POST", {"jenkins_quieting_down": False, "disabled_job": job})
    assert item not in {one.build.queue_id for one in sandbox.world.queue()}
    with pytest.raises(ValueError, match="not buildable"):
        sandbox.control.trigger_build(job)


def test_control_port_makes_releases_bad_and_images_go(sandbox: Sandbox) -> None:
    """A bad release deploys, and its service says that it is down; a collected image is not deployed."""
    world, url = sandbox.world, sandbox.urls["control"]
    older, newest = world.releases("payments")[-2:]
    told(url, "/world", "POST", {"bad_release": "payments:health", "collected_image": older.digest})
    job, health = "finedge/staging/deploy-payments", sandbox.urls["health"]
    assert ask(health, "/staging/payments/health").status == 200
    for release, result in ((older, BuildResult.FAILURE), (newest, BuildResult.SUCCESS)):
        image = f"{release.image}@{release.digest}"
        item = sandbox.control.trigger_build(job, values={"IMAGE": image})
        sandbox.control.clock.advance(timedelta(minutes=6))
        assert next(one for one in world.builds(job, 20) if one.queue_id == item).result is result
    answer = ask(health, "/staging/payments/health")
    assert (answer.status, json.loads(answer.body)) == (503, {"status": "down", "version": newest.version})
    assert ask(health, "/staging/nothing/health").status == 404


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/clock", {"rewind": 1}),
        ("/world", {}),
        ("/world", {"disabled_job": "nowhere"}),
        ("/world", {"bad_release": "payments:everything"}),
        ("/world", {"bad_release": "nothing"}),
        ("/clock", {"set": "2026-11-20T02:00:00"}),
        ("/clock", []),
        ("/world", {"jenkins_sealed": True}),
        ("/faults", {"system": "jenkins", "kind": "sulk"}),
        ("/faults", {"system": "oracle", "kind": "hang"}),
        ("/faults", {"system": "vault", "kind": "status", "status": 299}),
        ("/faults", {"system": "vault", "kind": "hang", "match": "("}),
        ("/faults", {"system": "vault", "kind": "hang", "colour": "red"}),
        ("/faults", {"kind": "hang"}),
    ],
)
def test_control_port_refuses_nonsense(sandbox: Sandbox, path: str, document: object) -> None:
    """What makes no sense is 400 with the reason, and changes nothing."""
    answer = ask(sandbox.urls["control"], path, "POST", json.dumps(document).encode())
    assert answer.status == 400
    assert json.loads(answer.body)["error"]
    assert sandbox.control.board.faults() == ()


# --- faults -------------------------------------------------------------------------------------------------


def test_fault_status_in_the_systems_words(sandbox: Sandbox) -> None:
    """The status asked for comes in the system's own shape, on the paths that match, as often as asked."""
    url = sandbox.urls["control"]
    fault = {"system": "vault", "kind": "status", "status": 429, "match": "health", "times": 2}
    told(url, "/faults", "POST", fault)
    assert len(told(url, "/faults")["faults"]) == 1
    vault = sandbox.urls["vault"]
    statuses = [ask(vault, path).status for path in ("/v1/sys/seal-status", *["/v1/sys/health"] * 3)]
    assert statuses == [200, 429, 429, 200]
    assert told(url, "/faults") == {"faults": []}
    assert [item.fault for item in sandbox.control.requests("vault")] == ["", "status", "status", ""]


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault"])
def test_every_status_of_every_system(sandbox: Sandbox, system: str, status: int) -> None:
    """Jenkins answers HTML, the others JSON; a 429 says when to come back, a Jenkins 401 how to log in."""
    sandbox.control.fault(system, "status", status=status, times=1)
    answer = ask(sandbox.urls[system], "/any")
    assert answer.status == status
    if system == "jenkins":
        assert answer.headers["content-type"].startswith("text/html")
        assert ("www-authenticate" in answer.headers) == (status == 401)
    else:
        assert isinstance(json.loads(answer.body), dict)
    assert ("retry-after" in answer.headers) == (status == 429)


def test_fault_slow(sandbox: Sandbox) -> None:
    """The whole answer comes, not before its time."""
    sandbox.control.fault("vault", "slow", seconds=0.3, times=1)
    began = time.monotonic()
    assert ask(sandbox.urls["vault"], "/v1/sys/health").status == 200
    assert time.monotonic() - began >= 0.3


def test_fault_hang_until_cleared(sandbox: Sandbox) -> None:
    """The request is taken and not a byte comes back; clearing the faults closes the connection."""
    sandbox.control.fault("vault", "hang")
    with asked(sandbox.urls["vault"], "/v1/sys/health") as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(PATIENCE)
        assert ask(sandbox.urls["jenkins"], "/login").status
        sandbox.control.clear_faults()
        assert connection.recv(1) == b""
    assert ask(sandbox.urls["vault"], "/v1/sys/health").status == 200
    hung = sandbox.control.requests("vault")[0]
    assert (hung.fault, hung.status, hung.bytes_out) == ("hang", 0, 0)


def test_fault_drip(sandbox: Sandbox) -> None:
    """Headers at once, then single bytes, each its interval after the last; a clear ends it."""
    sandbox.control.fault("vault", "drip", seconds=0.05)
    with asked(sandbox.urls["vault"], "/v1/sys/health") as connection:
        got = bytearray()
        while b"\r\n\r\n" not in got:
            got += connection.recv(4096)
        del got[: got.index(b"\r\n\r\n") + 4]
        while len(got) < 5:
            piece = connection.recv(4096)
            assert len(piece) == 1
            got += piece
        assert got == b'{"ini'
        sandbox.control.clear_faults("vault")
        rest = read_all(connection)
        assert len(rest) < 50


def test_fault_drip_goes_on_to_the_end(sandbox: Sandbox) -> None:
    """Whoever waits long enough gets the whole answer."""
    whole = ask(sandbox.urls["vault"], "/v1/sys/seal-status")
    sandbox.control.fault("vault", "drip", seconds=0.001, times=1)
    assert ask(sandbox.urls["vault"], "/v1/sys/seal-status").body == whole.body


def test_fault_truncate(sandbox: Sandbox) -> None:
    """Half of the body comes, less than its Content-Length promises."""
    whole = ask(sandbox.urls["vault"], "/v1/sys/health")
    sandbox.control.fault("vault", "truncate", times=1)
    half = ask(sandbox.urls["vault"], "/v1/sys/health")
    assert half.status == 200
    assert half.body == whole.body[: len(half.body)]
    assert len(half.body) == len(whole.body) // 2
    assert int(half.headers["content-length"]) == len(whole.body)


@pytest.mark.parametrize("kind", ["close", "drop_after_commit"])
def test_fault_closes_without_an_answer(sandbox: Sandbox, kind: str) -> None:
    """The connection ends in order, and nothing came over it."""
    sandbox.control.fault("vault", kind, times=1)
    with asked(sandbox.urls["vault"], "/v1/sys/health") as connection:
        assert read_all(connection) == b""
    assert sandbox.control.requests("vault")[0].fault == kind


@pytest.mark.parametrize("kind", ["reset", "reset_after_commit"])
def test_fault_reset(sandbox: Sandbox, kind: str) -> None:
    """The connection ends with a TCP reset."""
    sandbox.control.fault("vault", kind, times=1)
    with asked(sandbox.urls["vault"], "/v1/sys/health") as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert ask(sandbox.urls["vault"], "/v1/sys/health").status == 200


@pytest.mark.parametrize(
    ("kind", "effects"),
    [("drop_after_commit", 1), ("reset_after_commit", 1), ("close", 0), ("reset", 0), ("status", 0)],
)
async def test_what_takes_effect(kind: str, effects: int) -> None:
    """Only what is lost after the commit lets the request happen; of its answer nothing is sent."""
    happened: list[str] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        happened.append(scope["path"])
        await receive()
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"made"})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    board = FaultBoard()
    board.add(Fault(system="jenkins", kind=FaultKind(kind), times=1))
    faulty = Faulty(app, system="jenkins", board=board, log=TrafficLog())
    scope = {"type": "http", "path": "/job/x/build", "client": ("127.0.0.1", 1)}
    await faulty(scope, receive, send)
    assert len(happened) == effects
    assert b"made" not in b"".join(message.get("body", b"") for message in sent)
    await faulty(scope, receive, send)
    assert len(happened) == effects + 1


def test_one_systems_fault_leaves_the_others_alone(sandbox: Sandbox) -> None:
    """While Jenkins hangs, Airflow and Vault answer."""
    sandbox.control.fault("jenkins", "hang")
    with asked(sandbox.urls["jenkins"], "/api/json"):
        assert ask(sandbox.urls["vault"], "/v1/sys/health").status == 200
        assert ask(sandbox.urls["airflow"], "/prod/api/v2/version").status == 200


# --- beginning and end --------------------------------------------------------------------------------------


def test_without_faults_there_is_no_fault_port() -> None:
    """Faults are off unless asked for: no such path, and the object says so."""
    world = World(seed=7, scale=0.1, clock=WorldClock(datetime(2026, 11, 20, tzinfo=UTC)))
    sandbox = start(world, faults=False, systems=("vault",))
    try:
        assert ask(sandbox.urls["control"], "/faults").status == 404
        with pytest.raises(FaultsAreOffError):
            sandbox.control.fault("vault", "hang")
    finally:
        sandbox.close()


def test_close_leaves_nothing_behind_even_while_something_hangs() -> None:
    """After ``close`` there is no port, no thread and no directory, whatever was under way; twice is once."""
    before = set(threading.enumerate())
    world = World(seed=7, scale=0.1, clock=WorldClock(datetime(2026, 11, 20, tzinfo=UTC)))
    sandbox = start(world, systems=("vault",))
    folder = sandbox.config_path.parent
    sandbox.control.fault("vault", "hang")
    with asked(sandbox.urls["vault"], "/v1/sys/health") as connection:
        while not sandbox.control.requests("vault"):
            time.sleep(0.005)
        sandbox.close()
        sandbox.close()
        assert connection.recv(1) == b""
    assert all(refused(url) for url in sandbox.urls.values())
    assert set(threading.enumerate()) <= before
    assert not folder.exists()


def test_an_emulators_own_failure_is_not_silent(caplog: pytest.LogCaptureFixture) -> None:
    """An exception inside an emulator is a 500 to the client and a traceback in the sandbox's log."""
    world = World(seed=7, scale=0.1, clock=WorldClock(datetime(2026, 11, 20, tzinfo=UTC)))
    sandbox = start(world, systems=("vault",))
    try:
        world.secrets = None  # type: ignore[assignment,method-assign]  # breaks the emulator on purpose
        token = world.identity("vault").credential
        answer = ask(sandbox.urls["vault"], "/v1/kv/metadata/finedge/prod?list=true", X_Vault_Token=token)
    finally:
        sandbox.close()
    assert answer.status == 500
    assert "the sandbox's vault failed at GET /v1/kv/metadata/finedge/prod" in caplog.text
    assert "TypeError" in caplog.text


def test_files_point_at_the_sandbox(tmp_path: Path) -> None:
    """fedesk.toml names three environments; Jenkins and Airflow are come to as who may change them.

    Credentials are private; a given folder stays.
    """
    world = World(seed=7, clock=WorldClock(datetime(2026, 11, 20, tzinfo=UTC)))
    sandbox = start(world, systems=("jenkins", "airflow", "vault"), state=tmp_path)
    try:
        config = tomllib.loads(sandbox.config_path.read_text())
        assert config["default_environment"] == "prod"
        modes = {name: (table["production"], table["mode"]) for name, table in config["environments"].items()}
        assert modes == {
            "prod": (True, "read-only"),
            "staging": (False, "guarded"),
            "dev": (False, "guarded"),
        }
        prod = config["environments"]["prod"]
        assert prod["airflow"]["url"] == sandbox.urls["airflow"] + "/prod"
        assert prod["jenkins"]["folders"] == ["finedge/prod"]
        for system in ("jenkins", "airflow", "vault"):
            command = prod[system]["credential"].removeprefix("command:").split()
            assert stat.S_IMODE(Path(command[1]).stat().st_mode) == 0o600
            planted = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            assert planted == world.identity(system, writer=system != "vault").credential
            assert planted not in sandbox.config_path.read_text()
    finally:
        sandbox.close()
    assert sandbox.config_path.exists()


def test_catalogue_describes_most_pipelines(sandbox: Sandbox) -> None:
    """37 of 40 pipelines are described, all with runbooks that exist, owners of three kinds, three tiers."""
    folder = sandbox.config_path.parent
    catalogue = YAML(typ="safe").load(folder / "catalog.yaml")
    pipelines = catalogue["pipelines"]
    assert len(pipelines) == 37
    assert {item["owner"] for item in pipelines.values()} == {"engineering", "qa", "client:acme_07"}
    assert {item["tier"] for item in pipelines.values()} == {1, 2, 3}
    assert all((folder / item["runbook"]).read_text().startswith("# ") for item in pipelines.values())
    assert {item["service"] for item in pipelines.values()} <= set(catalogue["services"])
    assert {name for item in pipelines.values() for name in item.get("upstream", ())} <= set(pipelines)
    assert pipelines["payments_daily"]["deadline"] == "06:00 Europe/London"


# --- as a process of its own --------------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from fedesk.sandbox.server import serve

def ready(path: Path) -> None:
    print(path, flush=True)

pipe = int(sys.argv[1]) if len(sys.argv) > 1 else None
serve(seed=7, scale=0.2, state=None, faults=True, ready=ready, parent_pipe=pipe)
"""


@contextmanager
def served(*arguments: str, pass_fds: tuple[int, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A sandbox in a process of its own, and the path of its configuration."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )
    try:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()


def ports_of(config: Path) -> set[str]:
    found = set(re.findall(r"http://127\.0\.0\.1:\d+", config.read_text()))
    found |= {
        f"http://127.0.0.1:{port}" for port in re.findall(r"^port = (\d+)", config.read_text(), re.MULTILINE)
    }
    return found | {(config.parent / "control.url").read_text().strip()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_on_a_signal_and_leaves_nothing(number: signal.Signals) -> None:
    """All systems answer on loopback; after the signal no process, port or directory is left, exit 0."""
    with served() as (process, config):
        ports = ports_of(config)
        assert len(ports) == 6
        assert not any(refused(url) for url in ports)
        own = psutil.Process(process.pid)
        assert {item.laddr.ip for item in own.net_connections() if item.status == psutil.CONN_LISTEN} == {
            "127.0.0.1"
        }
        children = own.children(recursive=True)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")
    assert all(refused(url) for url in ports)
    assert not config.parent.exists()
    assert not any(child.is_running() for child in children)


def test_serve_ends_with_its_parent() -> None:
    """When the parent's end of the pipe closes, however the parent died, the sandbox goes too."""
    reading, writing = os.pipe()
    with served(str(reading), pass_fds=(reading,)) as (process, config):
        os.close(reading)
        os.write(writing, b"still here")
        assert told((config.parent / "control.url").read_text().strip(), "/world")["seed"] == 7
        assert process.poll() is None
        os.close(writing)
        assert process.wait(timeout=PATIENCE) == 0
    assert not config.parent.exists()


def test_serve_follows_real_time_by_default() -> None:
    """Without a frozen moment the world's clock is the real one."""
    with served() as (_, config):
        url = (config.parent / "control.url").read_text().strip()
        now = datetime.fromisoformat(told(url, "/world")["now"])
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=2)
