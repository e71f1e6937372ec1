"""8,000 task instances in one run: memory beside the same desk without rows, a filter key until it is drawn.

Run it with ``PYTHONPATH=tests/ui:tests/unit:tests/contract:bench``. The desk is that of the tests, without
systems, on a terminal of 120 by 40; a whole process is measured, from the key to the bytes of the frame.
"""

import statistics
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from terminal import Terminal

if TYPE_CHECKING:
    from fedesk.domain.runs import Step

ROWS = 8_000
FEW = 8
ROUNDS = 15
IDLE = 10.0
"""Seconds of looking on."""
MEMORY_LIMIT, KEY_LIMIT = 25, 50
"""MiB more than without rows; milliseconds at the 95th percentile."""
_WORDS = ("extract_", "dbt_run_", "dbt_test_", "publish_")


def child(rows: int) -> None:
    """Show the desk of the tests, whose runs have so many tasks."""
    from memory_desk import MemoryDesk, MemoryReading, StillClock, front

    from fedesk.domain.names import RunName
    from fedesk.domain.runs import RunDetail
    from fedesk.ui.app import DeskApp

    class Many(MemoryReading):
        def detail(self, name: RunName) -> RunDetail:
            found = super().detail(name)
            return replace(found, steps=tuple(map(step, range(rows)))) if rows else found

    desk = MemoryDesk()
    desk.reading = Many(desk.reading.board)
    DeskApp(front(), lambda _name: desk, StillClock(), crash_folder=Path(tempfile.gettempdir())).run()


def step(number: int) -> "Step":
    """One task instance, each hundredth of them failed."""
    from memory_desk import NOW

    from fedesk.domain.runs import Step
    from fedesk.domain.states import State

    name = f"{_WORDS[number % len(_WORDS)]}{number // 40:04}"
    failed = number % 100 == 0
    return Step(
        id=name,
        name=name,
        state=State.FAILED if failed else State.SUCCEEDED,
        original_state="failed" if failed else "success",
        started_at=NOW - timedelta(minutes=30, seconds=number % 600),
        ended_at=NOW - timedelta(minutes=20, seconds=number % 300),
        map_index=number % 40,
        try_number=1 + failed,
        max_tries=3,
        operator="PythonOperator",
    )


def opened(rows: int) -> Terminal:
    """The desk with one run open that has so many tasks, once it is quiet."""
    terminal = Terminal([sys.executable, __file__, "--child", str(rows)])
    terminal.read_until(b"not_null_payments")
    terminal.press(b"\r")
    terminal.read_until(b"notify" if rows == 0 else b"dbt_run_0000")
    terminal.drain(0.5)
    return terminal


def key_times(terminal: Terminal) -> list[float]:
    """Milliseconds until each letter of a filter is drawn, the filter typed and dropped again and again."""
    found = []
    for _ in range(ROUNDS):
        terminal.press(b"/")
        terminal.drain(0.1)
        typed = b""
        for letter in (b"t", b"e", b"s", b"t"):
            typed += letter
            terminal.press(letter)
            found.append(terminal.read_until(b"/" + typed) * 1000)
            terminal.drain(0.05)
        terminal.press(b"\x1b")
        terminal.drain(0.2)
    return found


def main() -> None:
    """Print both figures, each beside its reference and its limit."""
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]))
        return
    empty, full = opened(0), opened(ROWS)
    more = full.resident() - empty.resident()
    print(
        f"memory: {full.resident():.0f} MiB; without rows: {empty.resident():.0f} MiB; {more:.1f} MiB more"
        f" (at most {MEMORY_LIMIT})"
    )
    before = full.spent()
    painted = full.painted(IDLE)
    print(
        f"idle: {(full.spent() - before) / IDLE * 100:.1f} % of a core, {painted / IDLE:.0f} bytes/s painted"
    )
    small = opened(FEW)
    mine, reference = key_times(full), key_times(small)
    p95 = statistics.quantiles(mine, n=20)[18]
    print(
        f"filter key over {ROWS:,} rows: median {statistics.median(mine):.0f} ms, p95 {p95:.0f} (at most"
        f" {KEY_LIMIT}); over {FEW} rows: median {statistics.median(reference):.0f} ms; ratio of medians"
        f" {statistics.median(mine) / statistics.median(reference):.1f}"
    )
    for one in (empty, full, small):
        one.end()


if __name__ == "__main__":
    main()
