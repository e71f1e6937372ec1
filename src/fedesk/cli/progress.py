"""What is under way, on stderr: one line that is rewritten on a terminal, else a line now and then.

Nothing is said of what is soon done, and nothing is left on the terminal in the end.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fedesk.cli.output import narrate
from fedesk.domain.text import one_line

if TYPE_CHECKING:
    from fedesk.domain.names import ConnectionName

SOON = 0.4
"""Seconds before anything is said on a terminal."""
LATER = 10.0
"""Seconds between two lines where there is no terminal."""
_REFRESH = 0.1
_LONGEST = 200

Say = Callable[[str], None]
"""Replaces what is said to be under way."""


@contextmanager
def under_way(what: str) -> Iterator[Say]:
    """Say what is under way for as long as it lasts; what is given can replace it meanwhile."""
    said = [one_line(what, _LONGEST)]
    ended = threading.Event()
    tell = _on_a_terminal if _has_terminal() else _in_lines
    telling = threading.Thread(target=tell, args=(said, ended), name="progress", daemon=True)
    telling.start()
    try:
        yield lambda text: said.__setitem__(0, one_line(text, _LONGEST))
    finally:
        ended.set()
        telling.join()


@contextmanager
def looking(names: Sequence["ConnectionName"]) -> "Iterator[Callable[[ConnectionName], None]]":
    """The same for a look at several systems; what is given is told which of them was read."""
    waiting = list(names)

    def text() -> str:
        left = f", waiting for {', '.join(map(str, waiting))}" if waiting else ""
        return f"{len(names) - len(waiting)} of {len(names)} read{left}"

    with under_way(text()) as say:

        def read(name: "ConnectionName") -> None:
            waiting.remove(name)
            say(text())

        yield read


def _has_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _on_a_terminal(said: Sequence[str], ended: threading.Event) -> None:
    if ended.wait(SOON):
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    text = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    columns = (SpinnerColumn(), TimeElapsedColumn(), text)
    # Standard output is the data's: nothing that is printed there goes through the console.
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown:
        task = shown.add_task(said[0], total=None)
        while not ended.wait(_REFRESH):
            shown.update(task, description=said[0])


def _in_lines(said: Sequence[str], ended: threading.Event) -> None:
    began = time.monotonic()
    while not ended.wait(LATER):
        narrate(f"{said[0]}, {time.monotonic() - began:.0f} s so far")
