"""What is painted, and waiting for it."""

import time
from collections.abc import Callable

from textual import events
from textual.app import App
from textual.keys import _character_to_key
from textual.pilot import Pilot


async def until(pilot: Pilot[int] | Pilot[None], true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until the screen has come so far, ``seconds`` at most."""
    latest, span = time.monotonic() + seconds, 0.003
    while time.monotonic() < latest:
        if true():
            await pilot.pause()
            return
        await pilot.pause(span)
        span = min(span * 1.5, 0.04)
    raise AssertionError(f"what was waited for did not happen; the screen says\n{text_of(pilot.app)}")


async def type_in(pilot: Pilot[int] | Pilot[None], *keys: str) -> None:
    """Press keys in one go, as a terminal sends what is typed fast, and wait once for them all."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
        character = key if len(key) == 1 else {"tab": "\t", "space": " ", "enter": "\r"}.get(key)
        pilot.app.post_message(events.Key(name, character))
    await pilot.pause()


def flat(app: App[int]) -> str:
    """The screen as one line, without borders: for sentences that are wrapped."""
    return " ".join(text_of(app).translate(str.maketrans("│╭╮╰╯─▎", "       ")).split())


def said(app: App[int]) -> list[str]:
    """What was told in passing and is still shown, the oldest first."""
    return [str(one.message) for one in app._notifications]  # noqa: SLF001 - Textual has no other way to read them


def text_of(app: App[int] | App[None]) -> str:
    """The screen as it is painted, line by line."""
    width, height = app.size
    return "\n".join(
        "".join(segment.text for segment in line).rstrip()
        for line in app.screen._compositor.render_strips(app.size)  # noqa: SLF001 - what a terminal would be sent
    )[: (width + 1) * height]
