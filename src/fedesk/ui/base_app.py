"""What both apps are: ASCII for poor terminals, no hold on one that goes away, one sentence for a fault."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from fedesk.ui import present
from fedesk.ui.faults import EXIT_FAULT, sentence, write_crash
from fedesk.ui.keys import KeyedApp
from fedesk.ui.styles import styles_folder
from fedesk.ui.terminal import AsciiOnly, lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from textual.driver import Driver

    from fedesk.ports.sources import Clock


class TerminalApp(KeyedApp[int]):
    """An app of fedesk's in a terminal."""

    TITLE = "fedesk"

    def __init__(
        self,
        style_sheet: str,
        clock: Clock,
        *,
        crash_folder: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(css_path=styles_folder() / style_sheet)
        self.clock = clock
        self.refusal: str = ""
        """Why it could not go on; said on stderr once the terminal is restored."""
        self._crash_folder = crash_folder
        if present.poor_terminal(environ, getattr(sys.__stdout__, "encoding", None)):
            self._filters.append(AsciiOnly())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that Textual's themes do not name; a theme may set its own."""
        return dict(present.VARIABLES[self.current_theme.dark])

    def get_driver_class(self) -> type[Driver]:
        """The platform's, for a terminal that may go away."""
        return lasting(super().get_driver_class())

    def leave_on_signals(self, leave: Callable[[], None]) -> None:
        """Restore the terminal when somebody ends the process or the terminal goes."""
        if self._loop is not None and not self.is_headless:
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._loop.add_signal_handler(number, leave)

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print a traceback with the values of all variables; secrets may be among them.
        if not self.refusal:
            kept = write_crash(error, self.clock.now(), self._crash_folder)
            self.refusal = sentence(error, kept)
            self._exception = error
            self._exception_event.set()
        self._return_value = EXIT_FAULT
        self._return_code = EXIT_FAULT
        self._close_messages_no_wait()
