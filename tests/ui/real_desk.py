"""The real program in a pseudo-terminal: every byte that it wrote, and the screen that these bytes make."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pexpect
import psutil
import pyte

PATIENCE = 30.0
SIZE = (34, 120)
"""Rows and columns."""
PASTE = "\x1b[200~{}\x1b[201~"
"""What a terminal sends for text that is pasted (xterm's bracketed paste)."""
CONFIRM = "\x19"
"""``ctrl+y``."""
ESCAPE = "\x1b"


class RealDesk:
    """``fedesk`` in a terminal of its own. Whatever is waited for, its output is read meanwhile."""

    def __init__(
        self,
        config: Path | None,
        environment: str,
        variables: Mapping[str, str],
        *,
        size: tuple[int, int] = SIZE,
        words: tuple[str, ...] = (),
        patience: float = PATIENCE,
    ) -> None:
        """Without a configuration it is started with ``words`` alone. ``size`` is in rows and columns."""
        if config is not None:
            words = ("--config", str(config), "--env", environment)
        self._patience = patience
        self.received = bytearray()
        self.sent = bytearray()
        self.screens: list[str] = []
        """The screen each time something was waited for, without borders and blanks."""
        self._screen = pyte.Screen(size[1], size[0])
        self._stream = pyte.ByteStream(self._screen)
        self._lines: list[str] = []
        """The screen as it is, or nothing where it has to be asked for again."""
        self.process = pexpect.spawn(
            sys.executable,
            ["-P", "-m", "fedesk", *words],
            dimensions=size,
            timeout=PATIENCE,
            env=dict(variables),
        )

    def text(self) -> str:
        """The screen, line by line."""
        return "\n".join(self._display())

    def flat(self) -> str:
        """The screen as one line, without borders: for sentences that are wrapped."""
        return " ".join(self.text().translate(str.maketrans("│╭╮╰╯─▎┃", "        ")).split())

    def header(self) -> str:
        """The first line of the screen."""
        return self._display()[0]

    def _display(self) -> list[str]:
        self._lines = self._lines or list(self._screen.display)
        return self._lines

    def read(self, seconds: float = 0.02) -> None:
        """Take what it writes, waiting a moment at most."""
        try:
            got = self.process.read_nonblocking(1 << 16, seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.received += got
        self._stream.feed(got)
        self._lines = []

    def until(self, true: Callable[[], object] | str) -> None:
        """Wait until something holds, or stands on the screen."""
        end = time.monotonic() + self._patience
        holds = (lambda: true in self.flat()) if isinstance(true, str) else true
        while not holds():
            if time.monotonic() > end or not self.process.isalive():
                raise AssertionError(f"{true!r} did not come about:\n{self.text()}")
            self.read()
        self.screens.append(self.flat().replace(" ", ""))

    def press(self, keys: str) -> None:
        """Send keys as a terminal does."""
        self.sent += keys.encode()
        self.process.send(keys.encode())

    def command(self, line: str) -> None:
        """Type a line after ``:``, and Enter; all at once, as text keeps its order."""
        self.press(f":{line}\r")

    def leave(self) -> int | None:
        """``q``; how it ended."""
        self.press("q")
        return self.ended()

    def ended(self) -> int | None:
        """Its exit code, once it has ended; everything it wrote was read."""
        end = time.monotonic() + PATIENCE
        while self.process.isalive() or not self.process.flag_eof:
            if time.monotonic() > end:
                raise AssertionError(f"it did not end:\n{self.text()}")
            try:
                self.received += self.process.read_nonblocking(1 << 16, 0.05)
            except pexpect.EOF:
                self.process.wait()
            except pexpect.TIMEOUT:
                continue
        self.process.close()
        code: int | None = self.process.exitstatus
        return code

    def kill(self) -> None:
        """SIGKILL; it is gone then."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def hang_up(self) -> None:
        """Close the other end of its terminal, and wait until it has ended for that."""
        self.process.ptyproc.fileobj.close()
        self.process.wait()

    def close(self) -> None:
        """However far it came: no process is left."""
        if self.process.isalive():
            self.kill()
        self.process.close()


def variables(home: Path, **more: str) -> dict[str, str]:
    """A person's environment, with folders of its own below ``home``."""
    folders = {name: home / name.lower() for name in ("CACHE", "STATE", "CONFIG", "DATA")}
    temporary = home / "tmp"
    for folder in (*folders.values(), temporary):
        folder.mkdir(parents=True, exist_ok=True)
    return {
        **{f"XDG_{name}_HOME": str(folder) for name, folder in folders.items()},
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "TERM": "xterm-256color",
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        **more,
    }


def runners(config: Path) -> list[psutil.Process]:
    """Processes that execute operations for the desk of these variables, the one that waits among them."""
    state = str(config.parent)
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            is_ours = "execute" in words and process.environ().get("HOME", "").startswith(state)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if is_ours:
            found.append(process)
    return found


def until(holds: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it did not come about")
        time.sleep(0.01)
