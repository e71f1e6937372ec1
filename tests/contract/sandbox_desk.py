"""A desk over the sandbox: at the sandbox's moment, and with less patience than a person has."""

import re
from datetime import datetime
from pathlib import Path

from fedesk.sandbox.server import Sandbox
from fedesk.services.clock import SystemClock


class SandboxClock(SystemClock):
    """The moment of the sandbox's world; durations are real."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._world = sandbox.world

    def now(self) -> datetime:
        return self._world.now()


def impatient(config: Path, folder: Path, *, seconds: int = 3, system: str = r"(?!snowflake)\w+") -> Path:
    """The same configuration in a folder of its own, with short timeouts for a system, or for all but one.

    Snowflake keeps its patience: its emulator fills its tables at the first request.
    """
    text = re.sub(
        rf"(?m)^(\[environments\.\w+\.{system}\])$",
        rf"\1\ntimeout = {{ connect = 1, read = {seconds} }}",
        config.read_text(encoding="utf-8"),
    )
    other = folder / "impatient.toml"
    other.write_text(text.replace('catalog = "', f'catalog = "{config.parent}/'), encoding="utf-8")
    return other
