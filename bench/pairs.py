"""Times two commands in turn, A B A B …, so that a drift of the machine's speed falls on both alike."""

import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of each run, and of its reference in the same round."""

    what: str
    seconds: tuple[float, ...]
    reference: str
    reference_seconds: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of the ratios, round by round."""
        return statistics.median(
            mine / other for mine, other in zip(self.seconds, self.reference_seconds, strict=True)
        )

    def show(self, limit: float) -> None:
        """Print the figures, the reference and the limit on one line."""
        print(
            f"{self.what}: {statistics.median(self.seconds):.3f} s; {self.reference}: "
            f"{statistics.median(self.reference_seconds):.3f} s; ratio {self.ratio:.2f} (at most {limit:g})"
        )


def in_turn(
    what: str,
    measure: Callable[[], float],
    reference: str,
    measure_reference: Callable[[], float],
    rounds: int,
) -> Figures:
    """Both measured ``rounds`` times in turn, after one round that does not count."""
    measure(), measure_reference()
    rows = [(measure(), measure_reference()) for _ in range(rounds)]
    return Figures(what, tuple(row[0] for row in rows), reference, tuple(row[1] for row in rows))


def whole_process(command: Sequence[str]) -> float:
    """Seconds from start to exit of a command that succeeds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def until_shown(
    command: Sequence[str],
    marker: bytes,
    *,
    environment: Mapping[str, str] | None = None,
    deadline: float = 60.0,
) -> float:
    """Seconds from start until a command, on a terminal of 120 by 40, shows ``marker``; then kill it."""
    pid, terminal = pty.fork()
    started = time.perf_counter()
    if pid == 0:
        os.environ.update(
            {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"} | dict(environment or {})
        )
        os.execvp(command[0], list(command))  # noqa: S606 - a bench starts what it measures
    seen = b""
    try:
        while marker not in seen:
            ready, _, _ = select.select([terminal], [], [], deadline)
            if not ready:
                sys.exit(f"{command} did not show {marker!r} within {deadline:g} s")
            seen = seen[-10_000:] + os.read(terminal, 65536)
        return time.perf_counter() - started
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
