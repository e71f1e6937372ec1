"""Web addresses: opened in the browser of the desktop one sits at, where there is one. Never by a shell."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from fedesk.domain.redaction import redact
from fedesk.ui.clipboard import is_remote

_PATIENCE = 3.0
"""Seconds after which an opener that still runs has opened it: some stay as long as the browser does."""
_OPENERS = (
    ("darwin", "", ("open",)),
    ("linux", "WSL_DISTRO_NAME", ("wslview",)),
    ("linux", "WAYLAND_DISPLAY", ("xdg-open",)),
    ("linux", "DISPLAY", ("xdg-open",)),
    ("linux", "WAYLAND_DISPLAY", ("gio", "open")),
    ("linux", "DISPLAY", ("gio", "open")),
)
"""Platform, the variable that says there is a desktop, and the command; best first."""
_ENVIRONMENT = frozenset(
    {"HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "DISPLAY", "XAUTHORITY",
     "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION", "WSL_DISTRO_NAME", "WSL_INTEROP"}
)  # fmt: skip
_FAMILIES = ("XDG_", "LC_", "KDE_", "GNOME_", "GTK_", "QT_")
"""What a browser inherits. TERM and BROWSER stay behind: none is to be chosen that draws in a terminal."""


def unfit(address: str) -> str:
    """Why an address is not opened; empty where it may be. A system's own word is not taken for it."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or not address.isprintable() or " " in address:
        return "it is no web address"
    return "it holds a secret" if redact(address).hits else ""


def opener(
    environ: Mapping[str, str], platform: str = sys.platform, path: str | None = None
) -> tuple[str, ...]:
    """The command that opens an address here; empty where the person sits elsewhere or has no desktop."""
    if is_remote(environ):
        return ()
    for named, where, command in _OPENERS:
        if platform == named and (not where or environ.get(where)):
            found = shutil.which(command[0], path=path or environ.get("PATH"))
            if found:
                return (found, *command[1:])
    return ()


def open_address(address: str, command: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """Open it, and wait whether the opener fails; gives what is wrong, empty where nothing is. Blocks.

    In a session of its own, so that neither output nor a closed terminal reaches the browser or the desk.
    """
    inherited = {
        name: value for name, value in environ.items() if name in _ENVIRONMENT or name.startswith(_FAMILIES)
    }
    name = command[0].rpartition("/")[2]
    try:
        process = subprocess.Popen(  # noqa: S603 - from the table above, the address is checked, and no shell
            (*command, address),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=inherited,
            start_new_session=True,
        )
    except OSError as error:
        return f"{name} cannot be started: {error.strerror or error}"
    try:
        code = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="wait for the browser", daemon=True).start()
        return ""
    return f"{name} failed ({code})" if code else ""
