"""Makes the pictures of README and docs/screens.md from the running apps: ``python docs/pictures.py``.

The world stands still at one moment, so that the same code gives the same pictures. The font of the exported
SVG is replaced by the reader's own monospaced one: pages that show it load nothing from elsewhere.
"""

import asyncio
import os
import re
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from textual import events
from textual.app import App
from textual.keys import _character_to_key
from textual.pilot import Pilot

from fedesk.composition import front_page
from fedesk.domain.observation import Snapshot
from fedesk.domain.states import Standing
from fedesk.domain.windows import WindowKind
from fedesk.execution import Desk, open_desk
from fedesk.ports.endpoint import SecretText
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import start
from fedesk.sandbox.world import World
from fedesk.services.windows import Asked
from fedesk.ui.app import DeskApp
from fedesk.ui.setup.app import SetupApp

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
    "attempts": (("b",), "try 3"),
    "plan": (("escape", "escape", "R"), "expires in"),
    "confirm": ((*"prod", "tab", *"INC-2041 flaky test"), "ARMED"),
    "watch": (("ctrl+y",), "cleared."),
    "audit": (("escape", "escape", "4"), "override"),
    "record": (("enter",), "hash"),
    "operations": (("escape", "u"), "clear"),
    "trace": (("escape", *":trace ", "{operation}", "enter"), "audit log"),
    "runs": (("escape", *":runs payments_daily", "enter"), "partition"),
    "incident": (
        ("escape", *":incident open INC-4711 late", "enter", *":incident show INC-4711", "enter"),
        "Incident INC-4711",
    ),
    "incidents": (("escape", *":incident list", "enter"), "INC-4711"),
    "environments": (("escape", "1", "e"), "staging"),
    "releases": (("escape", "5"), "1.342.0"),
    "service": (("enter",), "What was deployed here"),
    "promotion": (("escape", "P"), "gate unit"),
    "batch": (
        (
            "escape",
            "slash",
            *"fx_rates",
            "enter",
            "space",
            "escape",
            "slash",
            *"lending",
            "enter",
            "space",
            "escape",
            "slash",
            *"loyalty",
            "enter",
            "space",
            "escape",
            "P",
        ),
        "one after the other",
    ),
    "timeline": (
        ("escape", "escape", "slash", *"loyalty", "enter", "P", "{planned}", "ctrl+y", "{begun}", "p"),
        "Timeline",
    ),
    "windows": (("escape", "escape", "escape", "w"), "year end"),
    "handover": (("escape", *":handover", "enter"), "Open findings"),
    "command": (("escape", *":rerun led"), "ledger_load"),
    "runbook": (("escape", "1", "o"), "When it fails"),
    "help": (("escape", "question_mark"), "Look at another environment"),
}
"""Name of each picture: the keys that lead there from the one before, and what is then on screen."""
ASKED = {
    "welcome": ((), "config init"),
    "setup-environment": (("c",), "Europe/London"),
    "setup-jenkins": (("pagedown", "{jenkins}"), "Jenkins 2."),
}
"""The same of the questions that make a first configuration."""
AWAITED = {"{planned}": "ARMED", "{begun}": "quiet period"}
"""What has to be on screen before the next key is pressed."""
OPERATION, DIGEST = "01a1f7f2-8a30-7c41-9b5e-2f8a63d0c7e4", "7c68d02c4240"
"""What stands in the pictures for an id and a digest, which are new each time."""
_MOMENT_SAID = r"2026-11-20\g<1>02:43\g<2>UTC."
"""The adapters' own clock does not stand still."""
FREEZE = Asked(
    kind=WindowKind.FREEZE,
    environment="prod",
    begins="2026-12-24T18:00",
    until="2027-01-02T08:00",
    zone="Europe/London",
    reason="year end",
)
IDENTITY = '\n[identity]\nprincipal = "mara@finedge.example"\n'


class StillClock:
    """The moment at which the world stands; latencies read as a local network's."""

    def __init__(self) -> None:
        self._ticks = threading.local()

    def now(self) -> datetime:
        """The moment."""
        return MOMENT

    def monotonic(self) -> float:
        """Each reading of a thread is a few milliseconds after its one before."""
        self._ticks.now = getattr(self._ticks, "now", 0.0) + 0.007
        return float(self._ticks.now)


class Inline:
    """Executes in this process, at the moment at which the world stands."""

    where = ""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> "Inline":
        """There is nothing to load."""
        credentials()
        return self

    def go(self, operation: str) -> None:
        """Execute it, and go on with it for as long as there is a world: in this one no build ends."""
        threading.Thread(target=self._desk.execute, args=(operation,), daemon=True).start()

    def trouble(self) -> str:
        """There is none."""
        return ""

    def delay(self) -> float:
        """None: it has loaded."""
        return 0.0

    def cancel(self) -> None:
        """Nothing waits."""


def opened(config: Path, name: str | None, clock: StillClock) -> Desk:
    """A desk that acts in this process."""
    desk = open_desk(config, name, clock)
    desk.__dict__["launcher"] = Inline(desk)
    return desk


async def until(pilot: Pilot[int], true: Callable[[], object]) -> None:
    """Wait until the screen has come so far."""
    for _ in range(int(PATIENCE / 0.05)):
        if true():
            await pilot.pause()
            return
        await pilot.pause(0.05)
    raise TimeoutError(f"the screen did not come so far:\n{painted(pilot.app)}")


def painted(app: App[int]) -> str:
    """The screen as text."""
    lines = app.screen._compositor.render_strips(app.size)  # noqa: SLF001 - what a terminal would be sent
    return "\n".join(line.text for line in lines)


async def make(config: Path) -> None:
    """Open the desk, walk through it, and keep a picture at each stop."""
    clock = StillClock()
    app = DeskApp(
        front_page(config, None),
        lambda name: opened(config, name, clock),
        clock,
        environ={"TERM": "xterm-256color"},
    )
    async with app.run_test(size=SIZE) as pilot:
        await until(
            pilot,
            lambda: app.board and all(map(read_whole, app.board.snapshots)),
        )
        cast("Desk", app.desk).windows.add(FREEZE)
        await walk(pilot, SHOWN)
        await pilot.press("q")


async def ask(config: Path, jenkins: str) -> None:
    """Walk through the questions of a first configuration."""
    app = SetupApp(
        config, StillClock(), asking=False, zone="Europe/London", environ={"TERM": "xterm-256color"}
    )
    async with app.run_test(size=SIZE) as pilot:
        await walk(
            pilot,
            {
                name: (tuple(jenkins if key == "{jenkins}" else key for key in keys), said)
                for name, (keys, said) in ASKED.items()
            },
        )


async def walk(pilot: Pilot[int], stops: Mapping[str, tuple[Sequence[str], str]]) -> None:
    """Go from stop to stop, and keep a picture at each."""
    for name, (keys, said) in stops.items():
        for key in keys:
            await press(pilot, key)
        await until(pilot, partial(shows, pilot.app, said))
        (FOLDER / f"{name}.svg").write_text(still(pilot.app.export_screenshot(), name), encoding="utf-8")


async def press(pilot: Pilot[int], key: str) -> None:
    """One key by its name or its character; a longer text is pasted, and what is awaited is waited for."""
    if key in AWAITED:
        await until(pilot, partial(shows, pilot.app, AWAITED[key]))
        return
    if key == "{operation}" and isinstance(pilot.app, DeskApp) and pilot.app.desk is not None:
        key = next(iter(pilot.app.desk.store.operations())).plan.operation
    if len(key) > len("ctrl+y") and not key.isidentifier():
        pilot.app.post_message(events.Paste(key))
    else:
        await pilot.press(_character_to_key(key) if len(key) == 1 else key)
    await pilot.pause()


def read_whole(snapshot: Snapshot) -> bool:
    """Whether a system has been read, its history included."""
    known = snapshot.observation
    return snapshot.standing is Standing.LIVE and known is not None and known.complete


def shows(app: App[int], said: str) -> bool:
    """Whether this is on screen."""
    return said in painted(app)


def still(svg: str, name: str) -> str:
    """The picture without fonts from elsewhere, and without what differs from one making to the next."""
    bare = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    family = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    bare = re.sub(r"font-family: (?:Fira Code|arial)[^;]*;", f"font-family: {family};", bare)
    bare = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:48080", bare)
    bare = re.sub(r"terminal-\d+", name, bare)
    bare = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", OPERATION, bare)
    bare = re.sub(r"\b20\d\d-\d\d-\d\d(&#160;| )\d\d:\d\d(&#160;| )UTC\.", _MOMENT_SAID, bare)
    bare = re.sub(r"process&#160;\d+&#160;on&#160;[\w.-]+", "process&#160;4242&#160;on&#160;desk-3", bare)
    if name in ("plan", "confirm", "watch"):
        bare = re.sub(r"\b(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{12}\b", DIGEST, bare)
    return bare.replace("<text ", '<text xml:space="preserve" ')


def main() -> None:
    """Start the sandbox, make the pictures, end the sandbox."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as cache:
        os.environ |= {f"XDG_{kind}_HOME": cache for kind in ("CACHE", "CONFIG", "STATE")}
        sandbox = start(World(seed=7, scale=1.0, clock=WorldClock(MOMENT)))
        config = sandbox.config_path
        config.write_text(config.read_text(encoding="utf-8") + IDENTITY, encoding="utf-8")
        try:
            asyncio.run(make(config))
            asyncio.run(ask(Path(cache, "fedesk.toml"), sandbox.urls["jenkins"]))
        finally:
            sandbox.close()


if __name__ == "__main__":
    main()
