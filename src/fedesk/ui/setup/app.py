"""The app of the first start: an offer, the first configuration, and what one chose in the end."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.message import Message

from fedesk.timezones import machine_zone
from fedesk.ui.base_app import TerminalApp
from fedesk.ui.screens.setup import SetupScreen, WelcomeScreen
from fedesk.ui.setup.answers import Setup, at
from fedesk.ui.setup.questions import Page
from fedesk.ui.setup.trials import Asks, Trials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fedesk.ports.sources import Clock
    from fedesk.setting_up import Saved


class KeyringKnown(Message):
    """Whether this machine has a keyring."""

    def __init__(self, *, there: bool) -> None:
        super().__init__()
        self.there = there


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What one chose."""

    demo: bool = False
    saved: Saved | None = None


class SetupApp(TerminalApp):
    """Asks, tries and writes; changes nothing before the last key."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        asking: bool,
        zone: str | None = None,
        asks: Asks = Asks(),  # noqa: B008 - a frozen value
        crash_folder: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``asking``: begin with the questions, not with the offer. ``zone``: instead of this machine's.

        ``asks``: how systems are asked, for tests.
        """
        super().__init__("setup.tcss", clock, crash_folder=crash_folder, environ=environ)
        filled = {Page.ENVIRONMENT: {"timezone": machine_zone() if zone is None else zone}}
        self.setup = at(Setup(path=path, there=os.path.lexists(path), filled=filled), Page.ENVIRONMENT)
        self.trials = Trials(self._hand_over, clock, asks)
        self.ending = Ending()
        self._asking = asking

    def get_default_screen(self) -> WelcomeScreen:
        """The offer is beneath everything."""
        return WelcomeScreen()

    def on_mount(self) -> None:
        """Look whether there is a keyring, which takes a moment."""
        self.leave_on_signals(self.leave)
        threading.Thread(target=self._look_for_keyring, name="look for a keyring", daemon=True).start()
        if self._asking:
            self.push_screen(SetupScreen())

    def _look_for_keyring(self) -> None:
        from fedesk.credentials import has_keyring

        try:
            there = has_keyring()
        except Exception:  # noqa: BLE001 - a backend that cannot even be looked at keeps nothing
            there = False
        self.post_message(KeyringKnown(there=there))

    def on_keyring_known(self, message: KeyringKnown) -> None:
        """Without one, the other places of a credential are offered alone."""
        self.setup = replace(self.setup, keyring=message.there)
        for screen in self.screen_stack:
            if isinstance(screen, SetupScreen):
                screen.draw()

    def _hand_over(self, message: Message) -> None:
        """An answer goes to the screen that asks, as long as it is there."""
        for screen in self.screen_stack:
            if isinstance(screen, SetupScreen):
                screen.post_message(message)

    # The end

    async def action_quit(self) -> None:
        """Leave; nothing was written."""
        self.leave()

    def action_help_quit(self) -> None:
        """Ctrl+C leaves, as it does in every terminal program."""
        self.leave()

    def leave(self) -> None:
        """Leave; nothing was written."""
        self.exit(0)

    def begin_demo(self) -> None:
        """Leave for the demo."""
        self.ending = Ending(demo=True)
        self.exit(0)

    def open_board(self, saved: Saved) -> None:
        """Leave for the board of what was written."""
        self.ending = Ending(saved=saved)
        self.exit(0)


def run_setup(path: Path, *, asking: bool) -> int:
    """Offer and ask until one chose; then the demo, the board, or a sentence. Gives the exit code."""
    from fedesk.services.clock import SystemClock

    app = SetupApp(path.expanduser().absolute(), SystemClock(), asking=asking)
    app.run()
    if app.refusal:
        sys.stderr.write(f"{app.refusal}\n")
        return app.return_code or 0
    ending, was_there = app.ending, app.setup.there
    path = app.setup.path
    # What was typed is not kept for as long as the board is open.
    del app
    if ending.demo:
        from fedesk.ui.demo import run_demo

        return run_demo()
    if ending.saved is None:
        was = "is as it was" if was_there else "is not there yet"
        sys.stderr.write(f"Nothing was written; {path} {was}. `fedesk config init` begins anew.\n")
        return 0
    return _open(ending.saved)


def _open(saved: Saved) -> int:
    from fedesk.ui.app import run_desk

    code = run_desk(saved.path, None)
    kept = f" What stood there before is {saved.kept}." if saved.kept is not None else ""
    sys.stderr.write(f"The configuration is {saved.path}.{kept}\n")
    return code
