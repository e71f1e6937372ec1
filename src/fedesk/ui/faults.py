"""A fault of fedesk itself: kept in a file without the values of any variable, told in one sentence."""

import os
import sys
import traceback
from datetime import datetime
from pathlib import Path

EXIT_FAULT = 70
_KEPT = 20


def write_crash(error: BaseException, now: datetime, folder: Path | None = None) -> Path | None:
    """Write the traceback, readable by its owner alone, no locals in it; None where it cannot be written.

    The message of the error is left out of all but its type: it may quote what must not be kept.
    """
    if folder is None:
        import platformdirs

        folder = platformdirs.user_state_path("fedesk") / "crashes"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"fedesk {_version()}, Python {sys.version.split()[0]}, {now.isoformat()}\n"]
    lines += traceback.format_list(frames)
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}\n")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
        for old in sorted(folder.glob("crash-*.txt"))[:-_KEPT]:
            old.unlink()
    except OSError:
        return None
    return path


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fedesk")
    except PackageNotFoundError:
        return "unknown"


def sentence(error: BaseException, kept: Path | None) -> str:
    """What the person is told."""
    where = f"What happened is in {kept}; please report it." if kept else "No crash file could be written."
    began = "What it began: `fedesk operations list`."
    return f"fedesk failed and has ended ({type(error).__name__}). {began} {where}"
