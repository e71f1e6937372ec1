"""Fixtures of the screens: the app over a desk without systems."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import textual.app
import textual.pilot
import textual.screen
from memory_desk import MemoryDesk, StillClock, front
from rich.console import RenderableType
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual._styles_cache import StylesCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

from fedesk.services import operation_watch
from fedesk.ui import views
from fedesk.ui.app import DeskApp
from fedesk.ui.screens import log, operation, settle, texts
from fedesk.ui.view_memory import ViewMemory
from fedesk.ui.widgets import row_list

UTF8 = {"TERM": "xterm-256color"}


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., DeskApp]:
    """An app over the desks given; the first is opened, the others by their environment's name."""

    def make(*desks: MemoryDesk, environ: dict[str, str] | None = None, opening: str = "") -> DeskApp:
        known = desks or (MemoryDesk(),)
        by_name = {desk.environment.name: desk for desk in reversed(known)}
        return DeskApp(
            front(known[0].environment),
            lambda name: by_name[name] if name else known[0],
            StillClock(),
            crash_folder=tmp_path / "crashes",
            environ=environ or UTF8,
            opening=opening,
            memory=ViewMemory("a configuration", tmp_path / "state" / "views.json"),
        )

    return make


WAITS = {
    operation_watch: ("PERIOD", "AWAY_PERIOD", "LIVENESS_PERIOD"),
    views: ("DEBOUNCE", "SKELETON_AFTER"),
    operation: ("SKELETON_AFTER",),
    row_list: ("SKELETON_AFTER",),
    settle: ("SKELETON_AFTER",),
    texts: ("SKELETON_AFTER",),
    log: ("_LOADING_AFTER",),
}
"""How long the desk waits until it looks again, says that it reads, and reads where the cursor stands."""


@pytest.fixture(autouse=True)
def impatient_desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tests of the screens the desk waits a tenth as long: nobody looks at it meanwhile."""
    if request.path.parent.name == "ui":
        for module, names in WAITS.items():
            for name in names:
                monkeypatch.setattr(module, name, getattr(module, name) / 10)


@pytest.fixture(autouse=True)
def unseen_frames(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal Textual throws each frame away: where nobody looks none is made.

    What a test looks at is painted when it looks (``painting.text_of``, pictures). One marked ``every_frame``
    is about painting itself, or goes through more states than it looks at.
    """
    if request.path.parent.name != "ui" or request.node.get_closest_marker("every_frame"):
        return
    made = Compositor.render_update

    def unseen(
        compositor: Compositor,
        full: bool = False,  # noqa: FBT001, FBT002 - Textual's own
        screen_stack: list[Screen[object]] | None = None,
        simplify: bool = False,  # noqa: FBT001, FBT002 - likewise
    ) -> RenderableType | None:
        if full:
            return made(compositor, full, screen_stack, simplify)
        visible_screen_stack.set(screen_stack or [])
        compositor._dirty_regions.clear()  # noqa: SLF001 - as it does itself
        return None

    monkeypatch.setattr(Compositor, "render_update", unseen)


@pytest.fixture(autouse=True)
def nothing_painted_stays() -> Iterator[None]:
    """A cache of Textual's has widgets' paint in its keys: that of a thousand would stay for all of a run."""
    yield
    StylesCache.get_inner_outer.cache_clear()


SPAN = 0.002
"""Seconds in which nothing is done by a loop that is taken to be idle."""
FRAME = 1 / 250
"""Seconds between two frames of the screen, at most: a test waits for one after each key."""


async def idle(min_sleep: float = SPAN, max_sleep: float = 1.0) -> None:
    """Wait until nothing is left to do, ``max_sleep`` seconds at most, in the place of Textual's own.

    That one waits for 20 ms in which the process did next to nothing, twice for each key, and takes a process
    that the machine lets wait for an idle one. Here the loop is asked as well: nothing is ready to run, and
    no timer is due before the next frame.
    """
    loop: Any = asyncio.get_running_loop()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < max_sleep:
        spent = time.process_time()
        await asyncio.sleep(SPAN)
        due = loop.time() + FRAME
        is_quiet = not loop._ready and not any(  # noqa: SLF001 - asyncio has no other way to ask
            timer.when() < due and not timer.cancelled()
            for timer in loop._scheduled  # noqa: SLF001 - likewise
        )
        if is_quiet and passed >= min_sleep - SPAN and time.process_time() - spent < SPAN / 10:
            return


_parse = Stylesheet._parse_rules  # noqa: SLF001 - what each sheet keeps for itself
_parsed: dict[object, list[RuleSet]] = {}


def parsed_once(
    sheet: Stylesheet,
    css: str,
    read_from: tuple[str, str],
    is_default_rules: bool = False,  # noqa: FBT001, FBT002 - likewise
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    """The rules of a text of CSS, parsed once for all apps of a theme: they only read them."""
    how = (css, read_from, is_default_rules, tie_breaker, scope)
    key = (frozenset(sheet._variables.items()), how)  # noqa: SLF001 - the theme's
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *how)
    return _parsed[key]


Stylesheet._parse_rules = parsed_once  # type: ignore[assignment, method-assign]  # noqa: SLF001 - likewise
textual.screen.UPDATE_PERIOD = FRAME  # type: ignore[misc] # Textual's own is 1/60
textual.app.wait_for_idle = textual.pilot.wait_for_idle = idle  # type: ignore[attr-defined]
