"""The whole desk over a sandbox: views switched at scale 10, and what the board costs when nobody touches it.

Scale 10 is 400 pipelines and 1,200 jobs. The reference of a switch is the same desk at scale 1; what is
measured is the process on a terminal of 120 by 40, from the key to the bytes of the frame. ``idle`` or
``views`` as argument measures that alone.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confirm import requests, sandbox
from terminal import Terminal

ROUNDS = 12
SWITCH_LIMIT, IDLE_LIMIT = 100, 2.0
"""Milliseconds at the 95th percentile; percent of a core."""
VIEWS = ((b"2", b"usual"), (b"3", b"left"), (b"1", b"owner"))
"""Keys of the views, and what each paints that the one before does not."""
LOOKED_ON = 60.0
"""Seconds of looking on."""
QUIET, PATIENCE = 20.0, 300.0
"""Seconds without a request for history after which all has been read, and until that is given up."""


@contextmanager
def desk(scale: float) -> Iterator[Terminal]:
    """A desk over a sandbox of its own, once it has read its history."""
    with tempfile.TemporaryDirectory() as folder, sandbox(scale) as (config, control):
        home = {f"XDG_{kind}_HOME": folder for kind in ("CACHE", "STATE")}
        terminal = Terminal([sys.executable, "-m", "fedesk", "--config", str(config)], home)
        began = time.time()
        terminal.read_until(b"PROD")
        while time.time() - max([began, *history(control)]) < QUIET:
            terminal.painted(2.0)
            if time.time() - began > PATIENCE:
                sys.exit(f"the history was not read within {PATIENCE:g} s")
        yield terminal
        terminal.end()


def history(control: str) -> list[float]:
    """When history was asked for."""
    return [at for at, asked in requests(control) if asked.endswith("/dagRuns/list")]


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


def idle() -> None:
    """Print what the board costs that nobody touches."""
    with desk(1) as terminal:
        before, began = terminal.spent(), time.monotonic()
        bytes_painted = terminal.painted(LOOKED_ON)
        seconds = time.monotonic() - began
        share = (terminal.spent() - before) / seconds * 100
    print(
        f"idle, 40 pipelines: {share:.1f} % of a core (at most {IDLE_LIMIT:g}),"
        f" {bytes_painted / seconds:.0f} bytes a second painted"
    )


def views() -> None:
    """Print how long a view takes, beside the same with a tenth of the pipelines."""
    with desk(1) as terminal:
        reference = switches(terminal)
    with desk(10) as terminal:
        mine = switches(terminal)
    p95, few = (statistics.quantiles(found, n=20)[18] for found in (mine, reference))
    print(
        f"a view, 400 pipelines: median {statistics.median(mine):.0f} ms, p95 {p95:.0f} (at most"
        f" {SWITCH_LIMIT}); 40 pipelines: median {statistics.median(reference):.0f} ms, p95 {few:.0f}; ratio"
        f" of medians {statistics.median(mine) / statistics.median(reference):.1f}"
    )


if __name__ == "__main__":
    chosen = sys.argv[1:]
    for measure in (idle, views):
        if not chosen or measure.__name__ in chosen:
            measure()
