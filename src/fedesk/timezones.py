"""Names of time zones that people write: whether this machine's IANA database has them."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from fedesk.mistakes import nearest


def timezone_mistake(name: str) -> str:
    """What is wrong with the name of a zone, in one sentence; empty where it is one."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        zones = available_timezones()
        if not zones:
            return "cannot be checked: this machine has no time zone data; install tzdata"
        like = nearest(name, zones)
        return f"no IANA time zone; did you mean {like}?" if like else "no IANA time zone, like Europe/London"
    return ""


def machine_zone(local: Path = Path("/etc/localtime"), said: Path = Path("/etc/timezone")) -> str:
    """The zone this machine's clock is set to, by TZ, the link or the file that say so; else UTC."""
    link = str(local.resolve()).rpartition("/zoneinfo/")[2] if local.is_symlink() else ""
    try:
        written = said.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        written = ""
    named = (os.environ.get("TZ", "").lstrip(":"), link, written)
    return next((name for name in named if name and not timezone_mistake(name)), "UTC")
