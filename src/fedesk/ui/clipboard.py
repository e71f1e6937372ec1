"""Roads to the clipboard of the terminal one sits at, as data; nothing here knows Textual.

By OSC 52 (xterm's "Manipulate Selection Data"), over SSH too. tmux and GNU screen keep what a program inside
them writes, so there it is wrapped in what they pass on. By default tmux takes neither; its own client is
asked first where it is at hand, as are the programs of a desktop. Where no road is known there is a file.
"""

import os
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LARGEST = 74_994
"""Bytes that are copied at most: 100,000 in base64, which is what many terminals take."""
PATIENCE = 2.0
"""Seconds that a program may take."""
_PIECE = 500
"""Bytes of one string to GNU screen, which drops what is beyond its MAXSTR (768 in 4.x)."""
_TAKE_NONE = frozenset({"", "dumb", "linux", "unknown", "vt100", "vt102", "vt220"})
_ENVIRONMENT = frozenset(
    {"HOME", "USER", "PATH", "LANG", "TERM", "TMUX", "TMUX_PANE", "TMUX_TMPDIR", "TMPDIR", "DISPLAY",
     "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"}
)  # fmt: skip
"""What such a program inherits, beside LC_*: nothing that could hold a credential."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that takes a text on stdin, where one of these variables says that it can."""

    where: str
    command: tuple[str, ...]
    over_ssh: bool = False


PROGRAMS = (
    Program("TMUX", ("tmux", "load-buffer", "-w", "-"), over_ssh=True),
    Program("WAYLAND_DISPLAY", ("wl-copy",)),
    Program("DISPLAY", ("xclip", "-selection", "clipboard")),
    Program("DISPLAY", ("xsel", "--clipboard", "--input")),
    Program("__CFBundleIdentifier", ("pbcopy",)),
)
"""Best first. ``-w`` has tmux (3.2) give the text to its terminal as well."""


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether the person sits at another machine."""
    return any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


def programs(environ: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The commands that may take a text here, best first; whether they are installed is found out."""
    remote = is_remote(environ)
    return tuple(one.command for one in PROGRAMS if environ.get(one.where) and (one.over_ssh or not remote))


def hand_over(text: str, commands: Sequence[tuple[str, ...]], environ: Mapping[str, str]) -> bool:
    """Give the text to the first program that takes it; blocks for PATIENCE each. Says whether one did."""
    inherited = {
        name: value for name, value in environ.items() if name in _ENVIRONMENT or name.startswith("LC_")
    }
    for command in commands:
        # Those of a desktop go on in the background as long as the text may be pasted; a pipe would keep us.
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(  # noqa: S603 - from the table above, and no shell
                command,
                input=text.encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=inherited,
                timeout=PATIENCE,
                check=False,
            )
            if done.returncode == 0:
                return True
    return False


def fits(text: str) -> bool:
    """Whether terminals take as much."""
    return len(text.encode("utf-8", "replace")) <= LARGEST


def takes_sequences(environ: Mapping[str, str]) -> bool:
    """Whether the terminal may know OSC 52; most do not say."""
    known = environ.get("TMUX") or environ.get("STY") or environ.get("TERM", "") not in _TAKE_NONE
    return bool(known) and environ.get("TERM_PROGRAM") != "Apple_Terminal"


def sequences(text: str, environ: Mapping[str, str]) -> str:
    """What to write to the terminal. A multiplexer that is only guessed by TERM is given both forms."""
    plain = f"\x1b]52;c;{b64encode(text.encode('utf-8', 'replace')).decode()}\x07"
    term = environ.get("TERM", "")
    if environ.get("STY"):
        return _for_screen(plain)
    if environ.get("TMUX") or term.startswith("tmux"):
        return plain + _for_tmux(plain)
    # ``screen`` was tmux's own TERM too; it drops the strings that are meant for the other.
    return plain + _for_screen(plain) if term.startswith("screen") else plain


def _for_tmux(sequence: str) -> str:
    """Passed on where ``allow-passthrough`` is on; escapes in it are doubled."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def _for_screen(sequence: str) -> str:
    """Device control strings, which screen hands to its terminal as they are."""
    pieces = (sequence[at : at + _PIECE] for at in range(0, len(sequence), _PIECE))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


class CopiedFile:
    """A file for what no terminal takes: the user's alone, one a desk, and gone when the desk is left."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def write(self, text: str) -> Path:
        """Put the text there, in place of what was; raises OSError."""
        if self._path is None:
            folder = os.environ.get("XDG_RUNTIME_DIR")
            there = folder if folder and os.access(folder, os.W_OK) else None
            handle, name = tempfile.mkstemp(prefix="fedesk-copied-", suffix=".txt", dir=there)
            os.close(handle)
            self._path = Path(name)
        self._path.write_text(f"{text}\n", encoding="utf-8", errors="replace")
        return self._path

    def remove(self) -> None:
        """Take it away again."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
            self._path = None
