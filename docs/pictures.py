"""Makes the pictures of the README from the running app over the sandbox: ``python docs/pictures.py``.

The world stands still at one moment, so that the same code gives the same pictures. The font of the exported
SVG is replaced by the reader's own monospaced one: pages that show it load nothing from elsewhere.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from fedesk.composition import front_page
from fedesk.domain.observation import Snapshot
from fedesk.domain.states import Standing
from fedesk.execution import open_desk
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import start
from fedesk.sandbox.world import World
from fedesk.ui.app import DeskApp

FOLDER = Path(__file__).with_name("pictures")
MOMENT = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
SIZE = (120, 30)
PATIENCE = 60.0
SHOWN = {
    "triage": ((), "not_null"),
    "pipelines": (("2",), "card_settlement"),
    "secrets": (("3",), "compliant"),
    "run": (("1", "enter"), "dbt_test"),
    "log": (("escape", "l"), "complete"),
}
"""Name of each picture: the keys that lead there from the one before, and what is then on screen."""


class StillClock:
    """The moment at which the world stands; latencies read as a local network's."""

    def __init__(self) -> None:
        self._ticks = 0.0

    def now(self) -> datetime:
        """The moment."""
        return MOMENT

    def monotonic(self) -> float:
        """Each reading is a few milliseconds after the one before."""
        self._ticks += 0.007
        return self._ticks


async def until(pilot: Pilot[int], true: Callable[[], object]) -> None:
    """Wait until the screen has come so far."""
    for _ in range(int(PATIENCE / 0.05)):
        if true():
            await pilot.pause()
            return
        await pilot.pause(0.05)
    raise TimeoutError("the screen did not come so far")


def painted(app: DeskApp) -> str:
    """The screen as text."""
    lines = app.screen._compositor.render_strips(app.size)  # noqa: SLF001 - what a terminal would be sent
    return "\n".join(line.text for line in lines)


async def make(config: Path) -> None:
    """Open the desk, walk through it, and keep a picture at each stop."""
    clock = StillClock()
    app = DeskApp(
        front_page(config, None),
        lambda name: open_desk(config, name, clock),
        clock,
        environ={"TERM": "xterm-256color"},
    )
    async with app.run_test(size=SIZE) as pilot:
        await until(
            pilot,
            lambda: app.board and all(map(read_whole, app.board.snapshots)),
        )
        for name, (keys, said) in SHOWN.items():
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await until(pilot, partial(shows, app, said))
            (FOLDER / f"{name}.svg").write_text(still(app.export_screenshot(), name), encoding="utf-8")
        await pilot.press("q")


def read_whole(snapshot: Snapshot) -> bool:
    """Whether a system has been read, its history included."""
    known = snapshot.observation
    return snapshot.standing is Standing.LIVE and known is not None and known.complete


def shows(app: DeskApp, said: str) -> bool:
    """Whether this is on screen."""
    return said in painted(app)


def still(svg: str, name: str) -> str:
    """The picture without fonts from elsewhere, and without what differs from one making to the next."""
    bare = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    family = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    bare = re.sub(r"font-family: (?:Fira Code|arial)[^;]*;", f"font-family: {family};", bare)
    bare = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:48080", bare)
    bare = re.sub(r"terminal-\d+", name, bare)
    return bare.replace("<text ", '<text xml:space="preserve" ')


def main() -> None:
    """Start the sandbox, make the pictures, end the sandbox."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        sandbox = start(World(seed=7, scale=1.0, clock=WorldClock(MOMENT)))
        try:
            asyncio.run(make(sandbox.config_path))
        finally:
            sandbox.close()


if __name__ == "__main__":
    main()
