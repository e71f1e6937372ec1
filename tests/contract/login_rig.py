"""Logging in to an emulator or a real server: a connection, a keyring in memory, a browser that obeys."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import keyring
import requests
from memory_keyring import MemoryKeyring

from fedesk.config import load_config
from fedesk.config_types import ConnectionConfig
from fedesk.domain.identity import Identity
from fedesk.entrance import ConfiguredEntrance, SystemKeyring, account_of
from fedesk.ports.endpoint import SecretText
from fedesk.services.logging_in import LoggedIn, log_in

PLANTED = "planted-secret-that-must-not-be-seen"


@contextmanager
def memory_keyring(entries: dict[str, str] | None = None) -> Iterator[MemoryKeyring]:
    """The keyring of this process, until the block ends."""
    before = keyring.get_keyring()
    found = MemoryKeyring(entries)
    keyring.set_keyring(found)
    try:
        yield found
    finally:
        keyring.set_keyring(before)


def connection(folder: Path, system: str, **settings: object) -> ConnectionConfig:
    """A connection of prod, as a configuration with these settings has it."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    file = folder / "fedesk.toml"
    file.write_text("[environments.prod]\n" + f"[environments.prod.{system}]\n" + "\n".join(lines), "utf-8")
    (found,) = load_config(file).environments["prod"].connections()
    return found


@dataclass
class Browser:
    """Follows the address that it is shown, as a person's browser does, on a thread of its own."""

    change: Callable[[str], str] = str
    """Alters the address that the provider sends it back to."""
    shown: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    """Statuses of what the listener answered."""
    _threads: list[threading.Thread] = field(default_factory=list)

    def show(self, address: str) -> None:
        """Take an address, and go."""
        self.shown.append(address)
        thread = threading.Thread(target=self._go, args=(address,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _go(self, address: str) -> None:
        back = requests.get(address, allow_redirects=False, timeout=10).headers["Location"]
        for place in self.change(back).split(" then "):
            self.pages.append(requests.get(place, timeout=10).status_code)

    def leave(self) -> None:
        """Wait until it has been everywhere."""
        for thread in self._threads:
            thread.join(10)


def enter(
    configured: ConnectionConfig, given: str = "", *, browser: Browser | None = None, patience: float = 20.0
) -> LoggedIn:
    """``fedesk login`` without its terminal; the browser comes back to a free port."""

    def typed() -> SecretText:
        return SecretText(given)

    entrance = ConfiguredEntrance(configured, port=0, patience=patience)
    show = (browser or Browser()).show
    found = log_in(account_of(configured), entrance, SystemKeyring(), given=typed, show=show)
    if browser is not None:
        browser.leave()
    return found


def identity(configured: ConnectionConfig) -> Identity:
    """Who a desk is that reads the keyring now."""
    return ConfiguredEntrance(configured).whoami(None)
