"""Copying out of a desk inside the real tmux and the real GNU screen, as the terminal around them sees it."""

import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from fedesk.ui import clipboard

SCRIPT = Path(__file__).with_name("desk_in_a_terminal.py")
RUN = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"
TMUX, GNU_SCREEN = shutil.which("tmux"), shutil.which("screen")
OSC_52 = r"\x1b\]52;c?;([A-Za-z0-9+/=]+)(?:\x07|\x1b\\)"

Inside = Callable[..., pexpect.spawn]


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    """A terminal of 110 by 30 in which a command line runs, with a folder of programs of its own."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "sockets").mkdir(mode=0o700)
    started: list[pexpect.spawn] = []

    def run(command: str, program: str = "") -> pexpect.spawn:
        child = pexpect.spawn(
            f"{command} {program or f'{sys.executable} {SCRIPT} fine {tmp_path}'}",
            dimensions=(30, 110),
            encoding="utf-8",
            timeout=60,
            env={
                "TERM": "xterm-256color",
                "PATH": str(tmp_path / "bin"),
                "PYTHONPATH": str(SCRIPT.parent),
                "LANG": "C.UTF-8",
                "SHELL": "/bin/sh",
                "SCREENDIR": str(tmp_path / "sockets"),
                "TMUX_TMPDIR": str(tmp_path / "sockets"),
            },
        )
        if not program:
            started.append(child)
            child.expect("payments_daily")
        return child

    yield run
    for child in started:
        child.send("q")
        child.expect(pexpect.EOF)
        child.close()


def copied(child: pexpect.spawn) -> str:
    """What the terminal around gets when the id of the first row is copied."""
    child.send("yy")
    child.expect(OSC_52)
    return b64decode(child.match[1]).decode()


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_copying_out_of_tmux(inside: Inside, tmp_path: Path) -> None:
    """As it is configured by itself; with ``set-clipboard on``; and with ``allow-passthrough on`` alone."""
    assert TMUX is not None
    client = tmp_path / "bin" / "tmux"
    client.symlink_to(TMUX)
    child = inside(f"{TMUX} -f /dev/null new-session")

    def tmux(*words: str) -> str:
        environ = {**os.environ, "TMUX_TMPDIR": str(tmp_path / "sockets")}
        return subprocess.run([TMUX, *words], env=environ, capture_output=True, text=True, check=True).stdout

    assert copied(child) == RUN
    assert tmux("show-buffer") == RUN

    # Its client is not at hand any more: what is written to the terminal has to do.
    client.unlink()
    tmux("delete-buffer")
    tmux("set", "-g", "set-clipboard", "on")
    assert copied(child) == RUN
    assert tmux("show-buffer") == RUN

    tmux("delete-buffer")
    tmux("set", "-g", "set-clipboard", "off")
    tmux("set", "-g", "allow-passthrough", "on")
    assert copied(child) == RUN
    assert tmux("list-buffers") == ""


@pytest.mark.skipif(GNU_SCREEN is None, reason="GNU screen is not installed")
def test_copying_out_of_screen(inside: Inside) -> None:
    """What is copied in the desk reaches the terminal around screen."""
    assert copied(inside(f"{GNU_SCREEN} -c /dev/null -U")) == RUN


@pytest.mark.skipif(GNU_SCREEN is None, reason="GNU screen is not installed")
def test_a_long_text_out_of_screen(inside: Inside, tmp_path: Path) -> None:
    """Screen drops what is long; of the pieces its terminal makes one sequence."""
    text = "".join(f"{line} of a timeline\n" for line in range(600))
    (tmp_path / "written").write_text(clipboard.sequences(text, {"STY": "1"}), encoding="utf-8")
    child = inside(f"{GNU_SCREEN} -c /dev/null -U", f"/bin/cat {tmp_path / 'written'}")
    child.expect(OSC_52)
    assert b64decode(child.match[1]).decode() == text
    child.expect(pexpect.EOF)
    child.close()
