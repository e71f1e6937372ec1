r"""Logs as Jenkins keeps and serves them.

The raw log holds console notes (``\x1b[8mha:…\x1b[0m``). ``progressiveText`` is Stapler's LargeText, quirks
included: CR and LF both end a line, a growing log is cut after 10,000 of them and at the last full one while
``X-Text-Size`` is the size of everything, a lone LF becomes CRLF, and notes stay in (core 2.509 and later).
"""

import base64
import re
from collections.abc import Iterable
from typing import NamedTuple

SERVED_LINES = 10_000

_NOTE = re.compile(rb"\x1b\[8mha:[^\n]*?\x1b\[0m")
_LINE_END = re.compile(rb"[\r\n]")
_LONE_LF = re.compile(r"(?<!\r)\n")


class Served(NamedTuple):
    """An answer of ``progressiveText``."""

    body: bytes
    headers: dict[str, str]


def progressive_text(raw: bytes, start: int, *, complete: bool) -> Served:
    """The log from ``start`` on; beyond its end it begins anew. Raises ValueError below 0 (a 500)."""
    if start < 0:
        raise ValueError(f"cannot skip to {start}")
    start = 0 if start > len(raw) else start
    part = raw[start:] if complete else raw[start : _last_served(raw, start)]
    headers = {"X-Text-Size": str(len(raw))}
    if not complete:
        headers["X-More-Data"] = "true"
    return Served(_LONE_LF.sub("\r\n", part.decode("utf-8", "replace")).encode(), headers)


def console_text(raw: bytes) -> bytes:
    """The whole log with the notes taken out, line ends and bytes as they are."""
    return _NOTE.sub(b"", raw)


def raw_log(lines: Iterable[str]) -> bytes:
    """Lines as Jenkins writes them: pipeline steps and causes carry a note in front of their words."""
    return b"".join(_encoded(_with_note(line)) + b"\n" for line in lines)


def _encoded(line: str) -> bytes:
    """Surrogate escapes are the bytes they stand for; of any other lone surrogate Java makes a ``?``."""
    try:
        return line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace")


def _last_served(raw: bytes, start: int) -> int:
    end = start
    for count, match in enumerate(_LINE_END.finditer(raw, start), start=1):
        end = match.end()
        if count == SERVED_LINES:
            break
    return end


def _with_note(line: str) -> str:
    if line.startswith("[Pipeline]"):
        return _note("NewNodeConsoleNote", line) + line
    if line.startswith("Started by "):
        return f"Started by {_note('ModelHyperlinkNote', line)}{line.removeprefix('Started by ')}"
    return line


def _note(kind: str, line: str) -> str:
    """A note as it looks in a log: serialised, signed and encoded; what is in it matters to nobody here."""
    encoded = base64.b64encode(f"{kind} {len(line)}".encode()).decode("ascii")
    return f"\x1b[8mha:////{encoded}\x1b[0m"
