"""What was typed into the ``:`` line, kept over restarts: one command a line, the newest last.

Secrets are hidden before anything is kept. The file is the user's alone, bounded, and may be lost: where it
cannot be read or written, the history is that of this desk.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fedesk.domain.text import clean

KEPT = 1_000
"""Commands that are kept; the file may hold twice as many before it is cut."""
LONGEST = 1_000
"""Characters of one command."""
_READ = 2 * KEPT * LONGEST


def _one_line(line: str) -> str:
    return clean(line[:LONGEST]).replace("\n", " ")


class CommandHistory:
    """The commands of this desk and, below them, those of earlier ones. Read when it is first asked for."""

    def __init__(self, file: Path | None = None) -> None:
        self._given = file
        self._lines: list[str] | None = None

    @property
    def lines(self) -> Sequence[str]:
        """The oldest first, no two alike in a row."""
        if self._lines is None:
            self._lines = self._read()
        return self._lines

    def add(self, line: str) -> None:
        """Keep a command; one that begins with a space is not kept, as in a shell."""
        from fedesk.domain.redaction import redact

        known = self.lines
        kept = _one_line(redact(line).text)
        if not kept.strip() or line[:1].isspace() or known[-1:] == [kept]:
            return
        self._lines = [*known, kept][-KEPT:]
        with suppress(OSError):
            self._append(kept)

    def find(self, needle: str, at: int, by: int, *, anywhere: bool = False) -> int | None:
        """Where the next command stands that begins with ``needle``, or holds it ``anywhere``.

        Looks from ``at`` in steps of ``by``; a command that reads like the one there is no news.
        """
        lines, wanted = self.lines, needle.casefold()
        shown = lines[at] if at < len(lines) else None
        for index in range(at + by, len(lines) if by > 0 else -1, by):
            line = lines[index].casefold()
            if (wanted in line if anywhere else line.startswith(wanted)) and lines[index] != shown:
                return index
        return None

    # The file

    @property
    def _file(self) -> Path:
        if self._given is None:
            import platformdirs

            self._given = platformdirs.user_state_path("fedesk") / "command_history"
        return self._given

    def _read(self) -> list[str]:
        try:
            with self._file.open("rb") as file:
                file.seek(-min(_READ, os.fstat(file.fileno()).st_size), os.SEEK_END)
                found = file.read(_READ).decode("utf-8", errors="replace").splitlines()
        except OSError:
            return []
        lines = [kept for line in found if (kept := _one_line(line)).strip()]
        if len(lines) > 2 * KEPT:
            with suppress(OSError):
                self._rewrite(lines[-KEPT:])
        return lines[-KEPT:]

    def _append(self, line: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            # One write, so that two desks do not write into each other's line.
            file.write(f"{line}\n".encode("utf-8", errors="replace"))

    def _rewrite(self, lines: Sequence[str]) -> None:
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write("".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace"))
        beside.replace(self._file)
