"""From the key to the plan, and from the confirming key to the first request of the warm runner.

The desk runs in a terminal of its own over a sandbox in another process, whose log of requests has the times.
Beside each figure stands what the machine itself takes: a bare request to the same server.
"""

import json
import os
import pty
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

ROUNDS = 5
ENVIRONMENT = "dev"
READING = 2.0
"""Seconds for which the plan is read before it is confirmed: nobody is faster, and the runner loads."""
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]|\x1b[=>]")


class Terminal:
    """A program in a pseudo-terminal of 120 × 36, and what it has drawn."""

    def __init__(self, arguments: list[str], home: str) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}
            os.environ |= {
                f"XDG_{kind}_HOME": f"{home}/{kind}" for kind in ("STATE", "CACHE", "CONFIG", "DATA")
            }
            os.execv(sys.executable, [sys.executable, "-m", "fedesk", *arguments])  # noqa: S606 - what is measured
        self._drawn = b""

    def press(self, keys: str) -> float:
        """Write keys; when that was, in seconds since the epoch."""
        self._drawn = b""
        at = time.time()
        os.write(self._end, keys.encode())
        return at

    def until(self, *words: str, seconds: float = 30.0) -> float:
        """Wait until one of some texts was drawn since the last key; when that was."""
        end = time.time() + seconds
        while time.time() < end:
            ready, _, _ = select.select([self._end], [], [], 0.2)
            if not ready:
                continue
            self._drawn += os.read(self._end, 65536)
            now = time.time()
            plain = _ESCAPES.sub(b"", self._drawn)
            if any(word.encode() in plain for word in words):
                return now
        told = _ESCAPES.sub(b" ", self._drawn).decode("utf-8", "replace")
        raise SystemExit(f"the desk did not show {' or '.join(words)}, but {told[-2000:]}")

    def read(self) -> None:
        """Read what was drawn meanwhile, or it waits to draw more."""
        while select.select([self._end], [], [], 0)[0]:
            self._drawn += os.read(self._end, 65536)

    def close(self) -> None:
        """Leave the program, and read what it still says."""
        os.write(self._end, b"q")
        try:
            while os.read(self._end, 65536):
                pass
        except OSError:
            # The terminal's other end is closed: the program has gone.
            pass
        os.close(self._end)
        os.waitpid(self.pid, 0)


@contextmanager
def sandbox(scale: float = 1.0) -> Iterator[tuple[Path, str]]:
    """All four systems in a process of their own: the configuration, and the address of the control port."""
    serve = ("sandbox", "serve", "--scale", str(scale), "--parent-pipe", "0")
    command = [sys.executable, "-m", "fedesk", *serve]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            config = Path(process.stdout.readline().strip())
            yield config, (config.parent / "control.url").read_text(encoding="utf-8").strip()
        finally:
            process.stdin.close()


def requests(control: str) -> list[tuple[float, str]]:
    """Every request to Airflow: when it began, and its method and path."""
    with urllib.request.urlopen(f"{control}/requests?system=airflow") as answer:  # noqa: S310 - loopback
        found = json.load(answer)["requests"]
    return [
        (datetime.fromisoformat(one["at"]).timestamp(), f"{one['method']} {one['path']}") for one in found
    ]


def bare(control: str) -> float:
    """Seconds of one request to the sandbox, from a process that is there."""
    began = time.time()
    with urllib.request.urlopen(f"{control}/clock") as answer:  # noqa: S310 - loopback
        answer.read()
    return time.time() - began


def forget(control: str) -> None:
    """Undo the change, so that each round finds the same failed run."""
    urllib.request.urlopen(urllib.request.Request(f"{control}/changes", method="DELETE"))  # noqa: S310 - loopback


def round_of(config: Path, control: str, run: str) -> tuple[float, float, float]:
    """Seconds: plan frame after the dry run, first request after the yes, the clear itself after it."""
    with tempfile.TemporaryDirectory() as home:
        for file in config.parent.glob("fedesk.sqlite3*"):
            file.unlink()
        desk = Terminal(["--config", str(config), "--env", ENVIRONMENT], home)
        desk.until("Triage")
        time.sleep(READING)
        desk.press(":")
        desk.press(f"rerun {run}\r")
        drawn = desk.until("expires in")
        dry_run = [at for at, what in requests(control) if "clearTaskInstances" in what][-1]
        time.sleep(READING)
        pressed = desk.press("\x19")
        desk.until("succeeded")
        after = [(at, what) for at, what in requests(control) if at > pressed]
        clear = next(at for at, what in after if "clearTaskInstances" in what and what.startswith("POST"))
        runner = _runners_first(after)
        desk.close()
    return drawn - dry_run, runner - pressed, clear - pressed


def _runners_first(after: list[tuple[float, str]]) -> float:
    """The first request that a poll of the desk would not make: the runner logs in before it looks."""
    return next(at for at, what in after if "/auth/token" in what or "clearTaskInstances" in what)


def failed_run(config: Path) -> str:
    """A failed run of Airflow."""
    said = subprocess.run(
        [sys.executable, "-m", "fedesk", "failures", "--env", ENVIRONMENT, "--since", "30d", "--json",
         "--config", str(config)],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    found = json.loads(said.stdout)["failures"]
    return next(str(one["run"]) for one in found if "/airflow:" in one["run"] and one["state"] == "failed")


def main() -> None:
    """Print each figure beside its limit."""
    with sandbox() as (config, control):
        run = failed_run(config)
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(round_of(config, control, run))
            forget(control)
        machine = statistics.median(bare(control) for _ in range(20))
    names = ("plan frame after the dry run's request", "first request after ctrl+y", "clear after ctrl+y")
    for name, limit, values in zip(names, (0.3, 0.15, None), zip(*rounds, strict=True), strict=True):
        middle = statistics.median(values)
        told = f"at most {limit:.2f}" if limit else "no limit"
        print(
            f"{name}: median {middle:.3f} s, {min(values):.3f} to {max(values):.3f} ({told}); "
            f"{middle / machine:.1f} × a bare request of {machine * 1000:.1f} ms"
        )


if __name__ == "__main__":
    main()
