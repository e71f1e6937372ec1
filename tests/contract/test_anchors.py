"""Every sink and signer of checkpoints against real servers on this machine: files, sockets, HTTP, Vault.

Vault is the sandbox's emulator, and a real one with ``-m live``.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import live_vault
import pytest
from anchored_log import MARA, allow, make_key, needs_ssh_keygen
from asgi_server import AsgiServer
from raw_server import RawServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedesk.anchors.file import FileAnchor
from fedesk.anchors.ssh import SshSigner
from fedesk.anchors.syslog import Receiver, SyslogAnchor, message
from fedesk.clients import vault_anchor
from fedesk.clients.https_anchor import HttpsAnchor
from fedesk.clients.vault_anchor import KvPlace, TransitSigner, VaultAnchor
from fedesk.domain.audit_chain import Mark
from fedesk.domain.checkpoints import Checkpoint, Signature, Signed, checkpoint_bytes, line_of, signed_of
from fedesk.domain.names import ConnectionName
from fedesk.kit import PERMISSIONS
from fedesk.ports.anchoring import Anchor, Signer
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    SourceError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.sandbox import vault as emulator
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.world import World

AT = datetime(2026, 11, 20, 2, 44, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "audit.md"
PLANTED = "planted-bearer-that-must-not-be-seen"
PLACE = KvPlace("kv", "fedesk/checkpoints")


def checkpoint(seq: int, *, log: str = "desk", content: int = 0) -> Checkpoint:
    return Checkpoint(
        log=log,
        first="0" * 63 + "1",
        mark=Mark(seq=seq, hash=f"{content:032x}{seq:032x}"),
        at=AT + timedelta(minutes=seq),
    )


def line(seq: int, *, log: str = "desk", content: int = 0) -> bytes:
    return line_of(Signed(checkpoint=checkpoint(seq, log=log, content=content)))


def kept(anchor: Anchor, log: str = "desk") -> list[int]:
    """Numbers of the checkpoints of a log that an anchor has."""
    found = [signed_of(one).checkpoint for one in anchor.lines(log)]
    return [one.mark.seq for one in found if one.log == log]


# --- HTTPS ----------------------------------------------------------------------------------------------


def endpoint(url: str, *, user: str = "", token: str = PLANTED, deadline: float = 5.0) -> Endpoint:
    return Endpoint(
        name=ConnectionName("audit", "anchor"),
        url=url,
        user=user,
        credential=lambda: SecretText(token),
        connect_timeout=1.0,
        read_timeout=deadline,
        deadline=deadline,
    )


def collector(authorization: str = f"Bearer {PLANTED}") -> Starlette:
    """An endpoint that appends what it is sent, and lists it; a refusal tells the caller's header."""
    app = Starlette()
    app.state.kept = []

    async def both(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if given != authorization:
            return JSONResponse({"error": f"who is {given}?"}, status_code=401)
        if request.method == "POST":
            app.state.kept.append(await request.json())
            return Response(status_code=201)
        return JSONResponse(app.state.kept)

    app.router.routes.append(Route("/checkpoints", both, methods=["GET", "POST"]))
    return app


# --- Vault ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Vault:
    """A Vault that takes checkpoints and signs them."""

    url: str
    token: str

    def endpoint(self, *, token: str = "") -> Endpoint:
        given = endpoint(self.url, token=token or self.token)
        return replace(given, name=ConnectionName("prod", "vault"))

    def anchor(self) -> VaultAnchor:
        return VaultAnchor(self.endpoint(), "token", PLACE)

    def signer(self, key: str = "fedesk", token: str = "") -> TransitSigner:
        return TransitSigner(self.endpoint(token=token), "token", mount="transit", key=key)


@pytest.fixture(scope="module")
def live() -> Iterator[Vault]:
    with live_vault.running() as server:
        server.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        server.call("POST", "sys/mounts/transit", {"type": "transit"})
        server.call("POST", "transit/keys/fedesk", {"type": "ed25519"})
        policy = PERMISSIONS.text("vault-executor.hcl")
        server.call("PUT", "sys/policies/acl/anchor", {"policy": policy})
        token = server.call("POST", "auth/token/create", {"policies": ["anchor"]})["auth"]["client_token"]
        yield Vault(url=server.url, token=token)


@pytest.fixture(params=["emulated", pytest.param("live", marks=pytest.mark.live)])
def vault(request: pytest.FixtureRequest, asgi_server: AsgiServer) -> Vault:
    """The emulator's address and its reader; or a real server, with the policy of the documentation."""
    if request.param == "live":
        found: Vault = request.getfixturevalue("live")
        return found
    app = emulator.application(World(clock=WorldClock(AT)))
    reader = app.state.vault.world.identity("vault")
    return Vault(url=asgi_server(app).url, token=reader.credential)


# --- what every sink that is read does --------------------------------------------------------------------


@pytest.fixture(
    params=["file", "https", "vault", pytest.param("live vault", marks=pytest.mark.live)],
)
def anchors(request: pytest.FixtureRequest, tmp_path: Path, asgi_server: AsgiServer) -> Callable[[], Anchor]:
    """Opens one and the same place, as another process would."""
    kind = request.param
    if kind == "file":
        return lambda: FileAnchor(tmp_path / "anchor.jsonl")
    if kind == "https":
        url = f"{asgi_server(collector()).url}/checkpoints"
        return lambda: HttpsAnchor(endpoint(url))
    if kind == "live vault":
        # One server serves the module: each test has a place of its own on it.
        place = KvPlace("kv", f"fedesk/checkpoints/{request.node.originalname}")
        there: Vault = request.getfixturevalue("live")
        return lambda: VaultAnchor(there.endpoint(), "token", place)
    app = emulator.application(World(clock=WorldClock(AT)))
    token = app.state.vault.world.identity("vault").credential
    served = asgi_server(app).url
    return lambda: Vault(url=served, token=token).anchor()


def test_what_is_put_is_read_back_in_order(anchors: Callable[[], Anchor]) -> None:
    """Nothing at first, then each as it was given, byte for byte in what it says, by another process too."""
    first, second = anchors(), anchors()
    assert kept(first) == []
    for seq in (1, 9, 10, 1000):
        first.put("desk", seq, line(seq))
    assert kept(second) == [1, 9, 10, 1000]
    assert [signed_of(one) for one in second.lines("desk")] == [
        signed_of(line(seq)) for seq in (1, 9, 10, 1000)
    ]
    first.close()
    second.close()


def test_logs_share_a_sink(anchors: Callable[[], Anchor]) -> None:
    """Each is found by its name."""
    anchor = anchors()
    anchor.put("desk", 3, line(3))
    anchor.put("other", 4, line(4, log="other"))
    assert kept(anchor) == [3]
    assert kept(anchor, "other") == [4]
    anchor.close()


def test_the_same_again_does_no_harm(anchors: Callable[[], Anchor]) -> None:
    """Two desks that are due at once give the same checkpoint."""
    anchor = anchors()
    anchor.put("desk", 3, line(3))
    anchor.put("desk", 3, line(3))
    assert set(kept(anchor)) == {3}
    anchor.close()


# --- a file ---------------------------------------------------------------------------------------------


def test_a_file_is_appended_to_by_many_at_once(tmp_path: Path) -> None:
    """Whole lines, whoever writes, and on the disk; its owner and group alone may read it."""
    path = tmp_path / "anchor.jsonl"

    def write(start: int) -> None:
        anchor = FileAnchor(path)
        for seq in range(start, start + 20):
            anchor.put("desk", seq, line(seq))

    threads = [threading.Thread(target=write, args=(start,)) for start in (1, 101, 201)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(FileAnchor(path))) == 60
    assert path.stat().st_mode & 0o007 == 0


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    """A machine that lost power in mid-write: the next checkpoint stands on a line of its own."""
    path = tmp_path / "anchor.jsonl"
    path.write_bytes(line(1) + b"\n" + line(2)[:30])
    FileAnchor(path).put("desk", 3, line(3))
    assert FileAnchor(path).lines("desk") == (line(1), line(2)[:30], line(3))


def test_a_file_without_its_storage_is_told(tmp_path: Path) -> None:
    """No folder is made in the place of storage that is not mounted; to write and to read."""
    away = FileAnchor(tmp_path / "away" / "anchor.jsonl")
    for use in (lambda: away.put("desk", 1, line(1)), lambda: away.lines("desk")):
        with pytest.raises(UnreachableError, match="storage"):
            use()
    assert not (tmp_path / "away").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told() -> None:
    """What could not be written whole is not there."""
    with pytest.raises(UnreachableError, match="for checkpoints cannot be used"):
        FileAnchor(Path("/dev/full")).put("desk", 1, line(1))


# --- syslog ---------------------------------------------------------------------------------------------


def frame(received: bytes) -> bytes:
    """The text of an RFC 5424 message whose header is as it has to be."""
    header, text = received[: received.index(b"{")], received[received.index(b"{") :]
    priority, time, host, app, pid, kind, structured, rest = header.split(b" ")
    assert priority == b"<85>1"
    assert datetime.fromisoformat(time.decode()).tzinfo is not None
    assert host
    assert (app, kind, structured, rest) == (b"fedesk", b"checkpoint", b"-", b"")
    assert pid == str(os.getpid()).encode()
    return text


def test_syslog_over_udp() -> None:
    """One datagram a checkpoint."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        anchor = SyslogAnchor(Receiver("udp", "127.0.0.1", receiver.getsockname()[1]))
        anchor.put("desk", 7, line(7))
        assert frame(receiver.recv(65536)) == line(7)


def test_syslog_over_tcp(raw_server: RawServer) -> None:
    """A counted frame (RFC 6587)."""
    received: list[bytes] = []
    done = threading.Event()

    def talk(connection: socket.socket, _: threading.Event) -> None:
        while data := connection.recv(65536):
            received.append(data)
        done.set()

    host, port = raw_server(talk).removeprefix("http://").split(":")
    SyslogAnchor(Receiver("tcp", host, int(port))).put("desk", 7, line(7))
    assert done.wait(10)
    length, _, rest = b"".join(received).partition(b" ")
    assert int(length) == len(rest)
    assert frame(rest) == line(7)


def test_syslog_over_a_local_socket(tmp_path: Path) -> None:
    """A datagram to a path, as /dev/log is."""
    path = tmp_path / "log"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(10)
        SyslogAnchor(Receiver("unix", str(path))).put("desk", 7, line(7))
        assert frame(receiver.recv(65536)) == line(7)


def test_a_receiver_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Over TCP and a local socket; over UDP nobody could tell."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for receiver in (Receiver("tcp", "127.0.0.1", port), Receiver("unix", str(tmp_path / "none"))):
        with pytest.raises(UnreachableError, match="syslog at"):
            SyslogAnchor(receiver).put("desk", 1, line(1))
    with pytest.raises(ProtocolError, match="--checkpoints"):
        SyslogAnchor(Receiver("udp", "127.0.0.1", port)).lines("desk")


def test_a_host_without_a_sound_name_is_still_a_message() -> None:
    """No space and no character beyond ASCII in the header."""
    sent = message(line(1), AT, "dësk one", 1)
    assert sent.startswith(b"<85>1 2026-11-20T02:44:00.000000Z d-sk-one fedesk 1 checkpoint - {")


# --- an HTTPS endpoint ----------------------------------------------------------------------------------


def test_an_endpoint_is_asked_for_one_log(asgi_server: AsgiServer) -> None:
    """One POST a checkpoint, one GET with the log's name, no more; the credential is the configured one."""
    served = asgi_server(collector())
    anchor = HttpsAnchor(endpoint(f"{served.url}/checkpoints"))
    anchor.put("desk", 1, line(1))
    anchor.lines("desk")
    anchor.close()
    assert served.requests == ["POST /checkpoints", "GET /checkpoints?log=desk"]


def test_an_endpoint_takes_user_and_password(asgi_server: AsgiServer) -> None:
    """Basic, where a user is configured."""
    served = asgi_server(collector("Basic bWFyYTpwdw=="))
    anchor = HttpsAnchor(endpoint(f"{served.url}/checkpoints", user="mara", token="pw"))
    anchor.put("desk", 1, line(1))
    assert kept(anchor) == [1]
    anchor.close()


def test_an_endpoint_may_wrap_its_list(asgi_server: AsgiServer) -> None:
    """A list, or an object with one under ``checkpoints``; anything else is told."""
    answers: list[Any] = [{"checkpoints": [json.loads(line(1))]}, {"a": 1}, 3, None]

    async def get(_: Request) -> Response:
        return JSONResponse(answers.pop(0))

    app = Starlette(routes=[Route("/", get)])
    anchor = HttpsAnchor(endpoint(asgi_server(app).url))
    assert kept(anchor) == [1]
    for _ in range(3):
        with pytest.raises(ProtocolError, match="list of checkpoints"):
            anchor.lines("desk")
    anchor.close()


def test_an_endpoint_that_refuses_or_is_away_is_told(asgi_server: AsgiServer, raw_server: RawServer) -> None:
    """By its kind; one that hangs ends at the deadline."""
    url = f"{asgi_server(collector()).url}/checkpoints"
    refused = HttpsAnchor(endpoint(url, token="another"))
    with pytest.raises(UnauthenticatedError):
        refused.put("desk", 1, line(1))
    refused.close()

    def hang(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        over.wait()

    hanging = HttpsAnchor(endpoint(raw_server(hang), deadline=0.5))
    with pytest.raises(DeadlineError):
        hanging.put("desk", 1, line(1))
    hanging.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = HttpsAnchor(endpoint(f"http://127.0.0.1:{port}"))
    with pytest.raises(UnreachableError):
        gone.lines("desk")
    gone.close()


@pytest.mark.parametrize("token", ["", " ", "two\nlines", "ünicode"])
def test_a_credential_that_is_none_is_told_without_it(asgi_server: AsgiServer, token: str) -> None:
    """By its kind, and nothing is sent."""
    served = asgi_server(collector())
    anchor = HttpsAnchor(endpoint(f"{served.url}/checkpoints", token=token))
    with pytest.raises(CredentialError) as caught:
        anchor.put("desk", 1, line(1))
    anchor.close()
    assert served.requests == []
    assert not token.strip() or token not in str(caught.value)


# --- Vault ----------------------------------------------------------------------------------------------


def test_vault_overwrites_nothing(vault: Vault) -> None:
    """The policy gives ``create`` alone: another checkpoint of a record that has one is refused."""
    anchor = vault.anchor()
    anchor.put("kept", 5, line(5, log="kept"))
    with pytest.raises(ForbiddenError):
        anchor.put("kept", 5, line(5, log="kept", content=1))
    (found,) = anchor.lines("kept")
    assert signed_of(found) == signed_of(line(5, log="kept"))
    anchor.close()


def test_vault_gives_the_newest_back(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request each: beyond so many, the oldest are left out."""
    monkeypatch.setattr(vault_anchor, "NEWEST", 3)
    anchor = vault.anchor()
    for seq in (2, 30, 400, 5000, 60000):
        anchor.put("many", seq, line(seq, log="many"))
    assert kept(anchor, "many") == [400, 5000, 60000]
    anchor.close()


def test_transit_signs_and_verifies(vault: Vault) -> None:
    """By a key that never leaves Vault; another checkpoint, a broken signature and another's do not count."""
    signer = vault.signer()
    made = signer.sign(checkpoint_bytes(checkpoint(7)))
    assert made.by == "transit:fedesk"
    assert signer.flaw(checkpoint(7), made) == ""
    assert "not signed" in signer.flaw(checkpoint(8), made)
    for text in ("", "nonsense", "vault:v1:????", "vault:v9:" + made.text[9:], "vault:v1:AAAA"):
        assert signer.flaw(checkpoint(7), replace(made, text=text)) != ""
    assert "ssh:mara" in signer.flaw(checkpoint(7), replace(made, by="ssh:mara"))
    signer.close()


def test_transit_says_what_is_missing(vault: Vault) -> None:
    """A key that may not be used, and a token that is none."""
    for signer, kind in (
        (vault.signer("other"), ForbiddenError),
        (vault.signer(token=PLANTED), UnauthenticatedError),
    ):
        with pytest.raises(kind) as caught:
            signer.sign(b"x")
        assert PLANTED not in str(caught.value)
        signer.close()


# --- OpenSSH --------------------------------------------------------------------------------------------


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
@pytest.mark.parametrize("half", ["public", "private"])
def test_a_key_file_signs(tmp_path: Path, kind: str, half: str) -> None:
    """Named by either half; what is signed is that checkpoint, in that namespace, by that person."""
    key = make_key(tmp_path / "keys", "mara", kind=kind)
    signers = allow(tmp_path / "signers", (MARA, key))
    named = key if half == "public" else key.with_suffix("")
    signer = SshSigner(principal=MARA, key=named, allowed_signers=signers)
    made = signer.sign(checkpoint_bytes(checkpoint(7)))
    assert made.by == f"ssh:{MARA}"
    assert signer.flaw(checkpoint(7), made) == ""
    assert f"not signed by {MARA}" in signer.flaw(checkpoint(8), made)
    assert "not signed by eve" in signer.flaw(checkpoint(7), replace(made, by="ssh:eve"))
    assert signer.flaw(checkpoint(7), replace(made, text="nonsense")) != ""
    assert "transit:x" in signer.flaw(checkpoint(7), replace(made, by="transit:x"))


@needs_ssh_keygen
def test_the_vector_of_the_documentation(tmp_path: Path) -> None:
    """What docs/audit.md prints: the bytes, who may sign, and a signature that counts here, too."""
    text = DOCS.read_text(encoding="utf-8").partition("## Checkpoints")[2]
    signers, raw, armored = (
        block[1] for block in re.finditer(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    )
    file = tmp_path / "allowed_signers"
    file.write_text(signers, encoding="utf-8")
    fields = json.loads(raw)
    told = Checkpoint(
        log=fields["log"],
        first=fields["first"],
        mark=Mark(seq=fields["seq"], hash=fields["hash"]),
        at=datetime.fromisoformat(fields["time"]),
    )
    assert checkpoint_bytes(told) == raw.strip().encode()
    signer = SshSigner(principal=MARA, key=None, allowed_signers=file)
    assert signer.flaw(told, Signature(by=f"ssh:{MARA}", text=armored)) == ""


@needs_ssh_keygen
def test_a_signature_for_another_purpose_does_not_count(tmp_path: Path) -> None:
    """Whoever gets somebody to sign a commit has no checkpoint of theirs: the namespace is another."""
    key = make_key(tmp_path / "keys", "mara")
    signer = SshSigner(principal=MARA, key=key, allowed_signers=allow(tmp_path / "signers", (MARA, key)))
    made = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", key, "-n", "git"],
        input=checkpoint_bytes(checkpoint(7)),
        capture_output=True,
        check=True,
    )
    signature = Signature(by=f"ssh:{MARA}", text=made.stdout.decode())
    assert "not signed" in signer.flaw(checkpoint(7), signature)


@needs_ssh_keygen
def test_a_key_counts_while_it_was_allowed(tmp_path: Path) -> None:
    """By the checkpoint's own time: what was signed before a key was given up still counts."""
    key = make_key(tmp_path / "keys", "mara")
    text = f'{MARA} valid-before="20261120024830" {key.read_text()}'
    signers = tmp_path / "signers"
    signers.write_text(text)
    signer = SshSigner(principal=MARA, key=key, allowed_signers=signers)
    for seq, counts in ((2, True), (7, False)):
        made = signer.sign(checkpoint_bytes(checkpoint(seq)))
        assert (signer.flaw(checkpoint(seq), made) == "") is counts


@needs_ssh_keygen
@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="no ssh-agent")
def test_an_agent_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private half is in the agent alone, as a hardware key's is on its token."""
    key = make_key(tmp_path / "keys", "mara")
    place = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.PIPE) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()
            monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
            private = key.with_suffix("")
            subprocess.run(["ssh-add", "-q", private], check=True, stdin=subprocess.DEVNULL)
            private.unlink()
            signers = allow(tmp_path / "signers", (MARA, key))
            signer = SshSigner(principal=MARA, key=key, allowed_signers=signers)
            made = signer.sign(checkpoint_bytes(checkpoint(7)))
            assert signer.flaw(checkpoint(7), made) == ""
        finally:
            agent.terminate()


@needs_ssh_keygen
def test_a_key_that_wants_a_passphrase_is_told_and_never_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on a terminal nor by a window, whatever SSH_ASKPASS says."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    asked = tmp_path / "asked"
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\ntouch {asked}\necho wrong\n")
    askpass.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(askpass))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("DISPLAY", ":0")
    key = make_key(tmp_path / "keys", "mara")
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "s3cret-phrase", "-f", key.with_suffix("")], check=True
    )
    signer = SshSigner(principal=MARA, key=key, allowed_signers=allow(tmp_path / "signers", (MARA, key)))
    with pytest.raises(CredentialError, match="ssh-add"):
        signer.sign(b"x")
    assert not asked.exists()


def test_a_machine_without_openssh_is_told(tmp_path: Path) -> None:
    """One sentence that says what to install, or what to sign with instead."""
    (tmp_path / "signers").write_text("")
    signer: Signer = SshSigner(
        principal=MARA, key=tmp_path / "key", allowed_signers=tmp_path / "signers", program="ssh-keygen-none"
    )
    with pytest.raises(NotFoundError, match="transit:CONNECTION:KEY"):
        signer.sign(b"x")
    with pytest.raises(NotFoundError, match="OpenSSH"):
        signer.flaw(checkpoint(1), Signature(by=f"ssh:{MARA}", text="x"))
    (tmp_path / "signers").unlink()
    with pytest.raises(NotFoundError, match="allowed_signers"):
        signer.flaw(checkpoint(1), Signature(by=f"ssh:{MARA}", text="x"))


def test_a_signer_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that nobody touches: its time ends, and so does the program with all it started."""
    program = tmp_path / "hangs"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setattr("fedesk.anchors.openssh.SIGNING_SECONDS", 0.3)
    signer = SshSigner(
        principal=MARA, key=tmp_path / "key", allowed_signers=tmp_path / "signers", program=str(program)
    )
    with pytest.raises(DeadlineError, match="was not done within"):
        signer.sign(b"x")


def test_no_sink_shows_its_credential(asgi_server: AsgiServer, vault: Vault) -> None:
    """Neither in what is raised nor in what hangs off it, nor in a repr."""
    app = collector("Bearer other")
    with ExitStack() as stack:
        https = HttpsAnchor(endpoint(f"{asgi_server(app).url}/wrong"))
        kv = VaultAnchor(vault.endpoint(token=PLANTED), "token", PLACE)
        for anchor in (https, kv):
            stack.callback(anchor.close)
            with pytest.raises(SourceError) as caught:
                anchor.lines("desk")
            error: BaseException | None = caught.value
            while error is not None:
                shown = None if error.__suppress_context__ else error.__context__
                assert PLANTED not in f"{error!r} {error} {error.args}"
                error = error.__cause__ or shown
            assert PLANTED not in f"{anchor!r} {vars(anchor)!r}"
