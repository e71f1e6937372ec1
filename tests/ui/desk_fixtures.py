"""Fixtures of the screens: the app over a desk without systems."""

from collections.abc import Callable
from pathlib import Path

import pytest
from memory_desk import MemoryDesk, StillClock, front
from textual import _wait

from fedesk.ui.app import DeskApp

# Textual's pilot waits until a span has passed in which the process did next to nothing, twice for each key.
# A span of 10 ms instead of 20, by the same share of work: two of them still hold a frame of the screen.
_wait.SLEEP_GRANULARITY, _wait.SLEEP_IDLE = 1 / 100, 1 / 2000

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
        )

    return make
