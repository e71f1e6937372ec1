"""A Jenkins log of 100 MB in the desk: seconds from Enter to its end and to its first error, and memory.

The desk runs in a terminal of its own over a sandbox in another process, which makes the log while it sends
it. The first error stands at 60 % of it, and no other. Beside the figures stands what the machine takes to
download as much of the same log and to look at none of it. Memory is the process' own (RSS), before and
after.
"""

import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from pathlib import Path

import psutil

from confirm import Terminal, sandbox

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
LINES = 800_000
ERROR = 480_000
LINE = 128
"""Bytes of a line of the sandbox's long logs."""
PATIENCE = 120.0
"""Seconds after which a machine that is busy with other things is given up."""
AT_REST = 3.0
"""Percent of a core that a desk uses at most that has loaded all it shows."""
WITHIN = 1.0
"""Seconds until the first error is seen."""
MEMORY = 20.0
"""MiB more than before the log was opened."""


def failed_build(config: Path) -> tuple[str, str]:
    """A failed Jenkins build: its full name, and the address of its pages."""
    said = subprocess.run(
        [sys.executable, "-m", "fedesk", "failures", "--env", "prod", "--since", "60d", "--json",
         "--config", str(config)],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    for one in json.loads(said.stdout)["failures"]:
        if "/jenkins:" in one["run"] and one["state"] == "failed":
            return str(one["run"]), str(one["link"])
    raise SystemExit("the sandbox has no failed build")


def post(address: str, document: dict[str, object]) -> None:
    """Send a document to the sandbox's control port."""
    request = urllib.request.Request(address, json.dumps(document).encode(), method="POST")  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        answer.read()


def download(config: Path, link: str) -> float:
    """Seconds to download the log as far as its first error."""
    with config.open("rb") as file:
        settings = tomllib.load(file)["environments"]["prod"]["jenkins"]
    secret = Path(settings["credential"].rpartition(" ")[2]).read_text(encoding="utf-8").strip()
    login = base64.b64encode(f"{settings['user']}:{secret}".encode()).decode()
    address = f"{link}logText/progressiveText?start=0"
    request = urllib.request.Request(address, headers={"Authorization": f"Basic {login}"})  # noqa: S310 - loopback
    left, began = ERROR * LINE, time.perf_counter()
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        while left > 0 and (piece := answer.read(64 * 1024)):
            left -= len(piece)
    return time.perf_counter() - began


def rest(desk: Terminal, process: psutil.Process) -> None:
    """Wait until the desk has nothing to do: on a busy machine it is behind with the keys."""
    while process.cpu_percent(1) > AT_REST:
        desk.read()


def round_of(config: Path, run: str) -> tuple[float, float, float]:
    """Seconds to the end and to the first error, and MiB that were added."""
    with tempfile.TemporaryDirectory() as home:
        desk = Terminal(["--config", str(config), "--env", "prod"], home)
        desk.until("Triage")
        process = psutil.Process(desk.pid)
        rest(desk, process)
        before = process.memory_info().rss
        desk.press(f":log {run}")
        rest(desk, process)
        pressed = desk.press("\r")
        end = desk.until("not counted yet", f"checksum mismatch for part {ERROR:09}") - pressed
        error = desk.until(f"checksum mismatch for part {ERROR:09}", seconds=PATIENCE) - pressed
        desk.until("complete, 800,000", seconds=PATIENCE)
        time.sleep(1)
        grown = (process.memory_info().rss - before) / 2**20
        desk.close()
    return end, error, grown


def main() -> None:
    """Print each figure beside its limit and its reference."""
    with sandbox() as (config, control):
        run, link = failed_build(config)
        post(f"{control}/logs", {"name": run.partition(":")[2], "lines": LINES, "error": ERROR})
        rounds, references = [], []
        for _ in range(ROUNDS):
            rounds.append(round_of(config, run))
            references.append(download(config, link))
    end, error, grown = (statistics.median(values) for values in zip(*rounds, strict=True))
    bare = statistics.median(references)
    print(f"end of a log of {LINES * LINE / 1e6:.0f} MB: {end:.3f} s")
    print(
        f"its first error, at {ERROR / LINES:.0%}: {error:.3f} s (at most {WITHIN:g}); "
        f"downloading as much and looking at none of it: {bare:.3f} s; ratio {error / bare:.2f}"
    )
    print(f"memory: {grown:+.1f} MiB (at most {MEMORY:g})")


if __name__ == "__main__":
    main()
