"""The whole desk over a sandbox: views switched at scale 10, and what the board costs when nobody touches it.

Scale 10 is 400 pipelines and 1,200 jobs. The reference of a switch is the same desk at scale 1; what is
measured is the process on a terminal of 120 by 40, from the key to the bytes of the frame.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from confirm import sandbox
from terminal import Terminal

ROUNDS = 12
SWITCH_LIMIT, IDLE_LIMIT = 100, 2.0
"""Milliseconds at the 95th percentile; percent of a core."""
VIEWS = ((b"2", b"usual"), (b"3", b"left"), (b"1", b"owner"))
"""Keys of the views, and what each paints that the one before does not."""
CAUGHT_UP, LOOKED_ON = 45.0, 60.0
"""Seconds until all history has been read, and seconds of looking on."""


def opened(config: Path, folder: str) -> Terminal:
    """The desk, once its history has been read."""
    home = {f"XDG_{kind}_HOME": folder for kind in ("CACHE", "STATE")}
    terminal = Terminal([sys.executable, "-m", "fedesk", "--config", str(config)], home)
    terminal.read_until(b"PROD")
    terminal.painted(CAUGHT_UP)
    return terminal


def switches(terminal: Terminal) -> list[float]:
    """Milliseconds from each key until its view is painted; the round that makes them does not count."""
    found = []
    for number in range(ROUNDS + 1):
        for key, marker in VIEWS:
            terminal.press(key)
            took = terminal.read_until(marker) * 1000
            terminal.painted(0.3)
            found += [took] if number else []
    return found


def main() -> None:
    """Print both figures, each beside its reference and its limit."""
    with tempfile.TemporaryDirectory() as small, sandbox(1) as (config, _):
        desk = opened(config, small)
        before, began = desk.spent(), time.monotonic()
        bytes_painted = desk.painted(LOOKED_ON)
        seconds = time.monotonic() - began
        share = (desk.spent() - before) / seconds * 100
        print(
            f"idle, 40 pipelines: {share:.1f} % of a core (at most {IDLE_LIMIT:g}),"
            f" {bytes_painted / seconds:.0f} bytes a second painted"
        )
        reference = switches(desk)
        desk.end()
    with tempfile.TemporaryDirectory() as large, sandbox(10) as (config, _):
        desk = opened(config, large)
        mine = switches(desk)
        desk.end()
    p95 = statistics.quantiles(mine, n=20)[18]
    print(
        f"a view, 400 pipelines: median {statistics.median(mine):.0f} ms, p95 {p95:.0f} (at most"
        f" {SWITCH_LIMIT}); 40 pipelines: median {statistics.median(reference):.0f} ms; ratio of medians"
        f" {statistics.median(mine) / statistics.median(reference):.1f}"
    )


if __name__ == "__main__":
    main()
