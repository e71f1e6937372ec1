"""What is painted, and waiting for it."""

from collections.abc import Callable

from textual.pilot import Pilot

from fedesk.ui.app import DeskApp


async def until(pilot: Pilot[int], true: Callable[[], object]) -> None:
    """Wait until the screen has come so far; a test that waits in vain runs into its timeout."""
    for _ in range(400):
        if true():
            await pilot.pause()
            return
        await pilot.pause(0.01)
    raise AssertionError("what was waited for did not happen")


def text_of(app: DeskApp) -> str:
    """The screen as it is painted, line by line."""
    width, height = app.size
    return "\n".join(
        "".join(segment.text for segment in line).rstrip()
        for line in app.screen._compositor.render_strips(app.size)  # noqa: SLF001 - what a terminal would be sent
    )[: (width + 1) * height]
