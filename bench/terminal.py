"""A command on a pseudo-terminal of 120 by 40: keys in, bytes out, and what the process costs meanwhile."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT = 120, 40


class Terminal:
    """One command, started at once and killed at the end."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            size = {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
            os.environ.update({"TERM": "xterm-256color"} | size | dict(environment or {}))
            os.execvp(command[0], list(command))  # noqa: S606 - a bench starts what it measures
        fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._handle, keys)

    def read_until(self, marker: bytes, deadline: float = 60.0) -> float:
        """Seconds until the marker is painted."""
        began, seen = time.perf_counter(), b""
        while marker not in seen:
            if (
                time.perf_counter() - began > deadline
                or not select.select([self._handle], [], [], deadline)[0]
            ):
                sys.exit(f"{marker!r} was not shown within {deadline:g} s")
            seen = seen[-20_000:] + os.read(self._handle, 65536)
        return time.perf_counter() - began

    def drain(self, quiet: float) -> int:
        """Read until nothing has come for so many seconds, ten times as many at most; how many bytes came."""
        came, until = 0, time.monotonic() + quiet * 10
        while time.monotonic() < until and select.select([self._handle], [], [], quiet)[0]:
            came += len(os.read(self._handle, 65536))
        return came

    def painted(self, seconds: float) -> int:
        """Bytes that come within so many seconds."""
        came, until = 0, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._handle], [], [], left)[0]:
                came += len(os.read(self._handle, 65536))
        return came

    def resident(self) -> float:
        """MiB of memory that the process holds."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) / 1024
        sys.exit("the kernel does not tell what a process holds")

    def spent(self) -> float:
        """Seconds of processor that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Kill it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._handle)
