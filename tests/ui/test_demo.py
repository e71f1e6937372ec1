"""The demo, in a real terminal: one command, and nothing is left behind."""

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from fedesk.ui import demo


def alive(pid: int) -> bool:
    """Whether a process of this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_demo_opens_and_leaves_nothing(tmp_path: Path) -> None:
    """It says that the sandbox starts, shows the desk over it, and ends the sandbox when it is left."""
    home = {name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR")}
    for folder in home.values():
        Path(folder).mkdir()
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fedesk", "demo"],
        dimensions=(34, 120),
        encoding="utf-8",
        timeout=90,
        env={"TERM": "xterm-256color", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **home},
    )
    child.expect("Starting the sandbox")
    child.expect("payments_daily")
    served = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split()
    child.send("q")
    child.read()
    child.close()
    assert child.exitstatus == 0
    assert served
    assert not [pid for pid in map(int, served) if alive(pid)]
    assert not [path for path in (tmp_path / "TMPDIR").iterdir() if re.match("fedesk-sandbox", path.name)]


def test_sandbox_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that ends before it is there is told in its own last words."""
    monkeypatch.setattr(demo, "COMMAND", (sys.executable, "-c", "raise SystemExit('no port is free')"))
    sandbox = demo.SandboxProcess()
    try:
        with pytest.raises(demo.SandboxDidNotStartError, match="no port is free"):
            sandbox.configuration()
    finally:
        sandbox.end()
