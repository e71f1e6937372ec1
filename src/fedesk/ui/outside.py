"""What leaves the desk for the person's own machine: a text for the clipboard, an address for the browser.

Programs are asked on threads; whatever comes of it is said in one sentence, with the way to the text where
no clipboard took it.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from fedesk.ui import clipboard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fedesk.ui.app import DeskApp


class Outside:
    """The roads out of one desk. ``write`` writes to its terminal."""

    def __init__(self, app: DeskApp, write: Callable[[str], None], environ: Mapping[str, str]) -> None:
        self._app = app
        self._write = write
        self._environ = environ
        self._file = clipboard.CopiedFile()

    def copy(self, text: str, called: str) -> None:
        """Put a text on the clipboard; ``called`` is what it is said to be."""
        if not clipboard.fits(text):
            self._keep(text, f"Terminals do not take as much; {called} is")
            return
        commands = clipboard.programs(self._environ)
        if commands:
            self._behind(partial(self._hand_over, text, called, commands))
        else:
            self._by_terminal(text, called)

    def _hand_over(self, text: str, called: str, commands: tuple[tuple[str, ...], ...]) -> None:
        taken = clipboard.hand_over(text, commands, self._environ)
        then = partial(self._say, f"Copied {called}") if taken else partial(self._by_terminal, text, called)
        self._app.call_later(then)

    def _by_terminal(self, text: str, called: str) -> None:
        if clipboard.takes_sequences(self._environ):
            self._write(clipboard.sequences(text, self._environ))
            self._say(f"Copied {called}")
        else:
            self._keep(text, f"This terminal takes no copies; {called} is")

    def write_down(self, text: str) -> None:
        """Put a text into a file, for a terminal that takes none and does not say so."""
        self._keep(text, "It is")

    def _keep(self, text: str, what: str) -> None:
        try:
            path = self._file.write(text)
        except OSError as error:
            self._say(f"{what} in no file either: {error.strerror or error}.")
        else:
            self._say(f"{what} in {path} until the desk is left.")

    def open(self, address: str) -> None:
        """Open an address in the browser; where there is none, or it is not to be opened, copy it."""
        from fedesk.ui import browsing

        reason = browsing.unfit(address)
        command = () if reason else browsing.opener(self._environ)
        if reason:
            self._say(f"Not opened, {reason}: {address}")
        elif command:
            self._behind(partial(self._open, address, command))
        else:
            self._app.copy(address)

    def _open(self, address: str, command: tuple[str, ...]) -> None:
        from fedesk.ui import browsing

        problem = browsing.open_address(address, command, self._environ)
        if problem:
            self._app.call_later(self._say, f"{problem}; the address is copied instead.")
            self._app.call_later(self._app.copy, address)
        else:
            self._app.call_later(self._say, f"Opened {address}")

    def _say(self, text: str) -> None:
        self._app.say(text)

    @staticmethod
    def _behind(work: Callable[[], None]) -> None:
        threading.Thread(target=work, name="reach the person's machine", daemon=True).start()

    def close(self) -> None:
        """Take the file away."""
        self._file.remove()
