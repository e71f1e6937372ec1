"""A log written into a file, as it is shown: cleaned, secrets hidden."""

import os
from collections.abc import Iterable
from pathlib import Path


class NotSavedError(Exception):
    """The file could not be written; the sentence says why."""


def save_lines(lines: Iterable[str], target: Path) -> int:
    """Write lines into a new file of 0600; gives their number.

    What is there is never written over. Raises NotSavedError; then nothing is left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(target, flags, 0o600)
    except FileExistsError:
        raise NotSavedError(f"{target} is there already; name a new file") from None
    except OSError as error:
        raise NotSavedError(f"{target} cannot be written: {error.strerror}") from None
    count = 0
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            for line in lines:
                stream.write(f"{line}\n")
                count += 1
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NotSavedError(f"{target} could not be written: {error.strerror}") from None
        raise
    return count
