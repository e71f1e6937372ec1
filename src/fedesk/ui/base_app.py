"""What both apps are: drawn for the terminal there is, held by none that goes away, one word for a fault."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from fedesk.domain.front import Appearance
from fedesk.domain.text import one_line
from fedesk.ui import present
from fedesk.ui.appearance import ThemeChoice, filters_of, is_still, own_themes
from fedesk.ui.colours import readable
from fedesk.ui.faults import EXIT_FAULT, sentence, write_crash
from fedesk.ui.keys import KeyedApp
from fedesk.ui.styles import styles_folder
from fedesk.ui.terminal import lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from textual.driver import Driver
    from textual.theme import Theme

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
        appearance: Appearance | None = None,
    ) -> None:
        # Textual makes its driver's class within.
        self._asks = not present.poor_terminal(environ, "utf-8")
        super().__init__(css_path=styles_folder() / style_sheet)
        self.clock = clock
        self.refusal: str = ""
        """Why it could not go on; said on stderr once the terminal is restored."""
        self._crash_folder = crash_folder
        self._dress(appearance or Appearance(), environ)

    def _dress(self, appearance: Appearance, environ: Mapping[str, str]) -> None:
        self._filters += filters_of(appearance, environ)
        if is_still(appearance, environ):
            self.animation_level = "none"
        self.mouse = appearance.mouse
        """Whether the mouse is the desk's; else it is the terminal's, which selects text with it."""
        self._choice = ThemeChoice()
        self._named = appearance.theme
        own, self._missing = own_themes(appearance)
        for theme in own:
            self.register_theme(theme)
        wanted = self._named or self._choice.read()
        if wanted in self.available_themes:
            self.theme = wanted
        elif self._named:
            self._missing.append(f"There is no theme {one_line(wanted, 60)!r}; ctrl+p has all.")

    def on_mount(self) -> None:
        """Say what could not be had, and remember what is chosen from now on."""
        self.theme_changed_signal.subscribe(self, self._theme_chosen)
        for said in self._missing:
            self.notify(said, markup=False)

    def _theme_chosen(self, theme: Theme) -> None:
        if self._named:
            said = f"{theme.name} until the desk is left; the configuration names {self._named}."
            self.notify(said, markup=False)
        else:
            self._choice.write(theme.name)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that Textual's themes do not name; a theme may set its own."""
        return dict(present.VARIABLES[self.current_theme.dark])

    def get_css_variables(self) -> dict[str, str]:
        """The theme's, where need be moved until text can be read."""
        self.theme_variables = readable(super().get_css_variables(), dark=self.current_theme.dark)
        return self.theme_variables

    def get_driver_class(self) -> type[Driver]:
        """The platform's, for a terminal that may go away, and may understand little."""
        return lasting(super().get_driver_class(), asks=self._asks)

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
