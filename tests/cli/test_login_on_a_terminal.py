"""``fedesk login`` in a process and on a terminal of its own: nothing shows a credential but the keyring."""

import json
import os
import sys
from pathlib import Path

import pexpect
import psutil
import pytest
from command_line import Changed

from fedesk.sandbox.server import Sandbox


class Terminal:
    """A login that runs on a pseudo-terminal, its keyring in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.keyring = folder / "keyring.json"
        self.home = folder / "home"
        self.home.mkdir()
        kinds = {f"XDG_{kind}_HOME": str(self.home) for kind in ("CACHE", "STATE", "CONFIG", "DATA")}
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "fedesk", "login", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "PYTHONPATH": str(Path(__file__).parent),
                "PYTHON_KEYRING_BACKEND": "filed_keyring.FiledKeyring",
                "FEDESK_TEST_KEYRING": str(self.keyring),
                **kinds,
            },
            encoding="utf-8",
            timeout=60,
        )

    def end(self) -> tuple[int, str]:
        """Its exit code and all that it wrote since the question."""
        self.process.expect(pexpect.EOF)
        written = str(self.process.before)
        self.process.close()
        return int(self.process.exitstatus or 0), written

    def processes(self) -> str:
        """Command lines and environments of it and its children."""
        found = [psutil.Process(self.process.pid)]
        found += found[0].children(recursive=True)
        return repr([(one.cmdline(), one.environ()) for one in found])

    def left(self) -> bytes:
        """All that it left on disk beside the keyring."""
        return b"\0".join(file.read_bytes() for file in self.home.rglob("*") if file.is_file())


@pytest.fixture
def config(changed: Changed) -> str:
    pattern = r'(\[environments\.prod\.(vault|jenkins)\].*?\ncredential = )"[^\n]*"'
    return str(changed((pattern, r'\1"keyring:prod/\2"')))


def test_what_is_typed_is_shown_nowhere(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    """Not on the terminal, in no command line, no environment, no file but the keyring."""
    token = sandbox.world.identity("vault").credential
    login = Terminal(tmp_path, "prod.vault", "--config", config)
    login.process.expect_exact("prod/vault, token: ")
    seen = login.processes()
    login.process.sendline(token)
    code, written = login.end()
    assert code == 0, written
    assert "token-reader" in written
    assert "kept as keyring:prod/vault" in written
    assert json.loads(login.keyring.read_text("utf-8")) == {"fedesk prod/vault": token}
    assert token not in seen + written
    assert token.encode() not in login.left()


def test_a_password_for_a_token_is_shown_nowhere(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    """Neither it nor the token that Jenkins makes, and not in the store, where the records are."""
    password = sandbox.world.identity("jenkins", writer=True).password
    login = Terminal(tmp_path, "prod.jenkins", "--make-token", "--config", config)
    login.process.expect_exact("prod/jenkins, password of releaser: ")
    seen = login.processes()
    login.process.sendline(password)
    code, written = login.end()
    assert code == 0, written
    (token,) = json.loads(login.keyring.read_text("utf-8")).values()
    store = b"".join(file.read_bytes() for file in sandbox.config_path.parent.glob("fedesk.sqlite3*"))
    assert b"login-token" in store
    for secret in (password, token):
        assert secret not in seen + written
        assert secret.encode() not in login.left() + store


def test_leaving_at_the_question_changes_nothing(sandbox: Sandbox, config: str, tmp_path: Path) -> None:
    """Ctrl+C is 130, with no traceback, and nothing was sent."""
    sandbox.control.clear_requests()
    login = Terminal(tmp_path, "prod.vault", "--config", config)
    login.process.expect_exact("prod/vault, token: ")
    login.process.sendintr()
    code, written = login.end()
    assert code == 130
    assert "Traceback" not in written
    assert not login.keyring.exists()
    assert not [one for one in sandbox.control.requests() if one.system == "vault"]
