"""A desk without systems in a real terminal, going wrong as its first argument says. Run by several tests."""

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from memory_desk import MemoryDesk, StillClock, front

from fedesk.domain.front import Appearance
from fedesk.ui.app import DeskApp, finish
from fedesk.ui.desk import Desk
from fedesk.ui.screens.main import MainScreen


class ConfigurationMistakeError(Exception):
    """Stands for the configuration's own error."""


def fail(_screen: MainScreen) -> None:
    """A handler with a fault, while a secret is at hand."""
    password = "hunter" + str(2)
    raise RuntimeError(f"the value {password} was not understood")


def main() -> int:
    """Run until left; the exit code is the app's."""
    mode, folder = sys.argv[1], Path(sys.argv[2])
    desk = MemoryDesk()
    if mode == "hung":
        desk.reading.hang = threading.Event()

    def opener(_environment: str | None) -> Desk:
        if mode == "mistake":
            raise ConfigurationMistakeError("fedesk.toml, line 3: unknown key `modee`; did you mean `mode`?")
        if mode == "slow":
            time.sleep(3600)
        return desk

    if mode == "fault":
        setattr(MainScreen, "do_refresh", fail)  # noqa: B010  # the fault that is planted
    page = replace(front(), appearance=Appearance(mouse=mode != "without a mouse"))
    app = DeskApp(page, opener, StillClock(), mistakes=(ConfigurationMistakeError,), crash_folder=folder)
    return finish(app)


if __name__ == "__main__":
    sys.exit(main())
