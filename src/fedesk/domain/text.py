"""Text from outside made fit to be shown: no escape sequence, no control character, no half of a pair.

What arrives in a log, a job name or an error belongs to somebody else. All functions take time linear in
their input: every repetition in the patterns is possessive and ends where the next escape begins.
"""

import re
import unicodedata

_ELLIPSIS = "…"
_TAB_STOP = 8

# ECMA-48: CSI parameters, intermediates and final byte; strings end in BEL or ST. A string that never ends
# loses its introducer alone, so that nobody hides the rest of a line behind one.
_ESCAPE = re.compile(
    r"\x1b\[8mha:[^\x1b\n]*+\x1b\[0m"  # a console note of Jenkins: a serialised object in concealed text
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[\]PX^_\[]"
    r"|\x1b[ -/]*+[0-~]"
)
_LINE_END = re.compile(r"\r\n?")

_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_WHITE = re.compile(r"\s++")


_SHOWN: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(range(0x80, 0xA0)),
    **dict.fromkeys((0x85, 0x2028, 0x2029), " "),
    # Directional marks, embeddings, overrides and isolates; zero-width and tag characters.
    **dict.fromkeys((0xAD, 0x061C, 0x200B, 0x200E, 0x200F, 0xFEFF)),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC))),
    **dict.fromkeys(range(0xE0000, 0xE0080)),
    **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}"),
}


def is_plain(text: str) -> bool:
    """Whether it reads as it is written: ``clean`` would alter nothing but its tabs."""
    return _SUSPECT.search(text) is None


def clean(text: str) -> str:
    """Text that can be drawn as it is; may hold several lines, parted by LF alone.

    Lone surrogates become U+FFFD, ANSI escape sequences go, CR and CRLF become LF, tabs become spaces (stops
    of eight), other control characters their visible picture (``␀``); directional overrides and zero-width
    characters go (they make text read other than it is, CVE-2021-42574). ``clean(clean(x)) == clean(x)``.
    """
    if not is_plain(text):
        text = _ESCAPE.sub("", text)
        text = _LINE_END.sub("\n", text)
        text = text.translate(_SHOWN)
    return text.expandtabs(_TAB_STOP) if "\t" in text else text


def cell_width(character: str) -> int:
    """Terminal cells of one character: 0 for combining ones, 2 for wide ones (UAX #11), else 1."""
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def clip(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells; what was cut off is marked by an ellipsis."""
    if width <= 0:
        return ""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + _ELLIPSIS
    used = 0
    fits = 0
    for position, character in enumerate(text):
        used += cell_width(character)
        if used > width:
            return text[:fits] + _ELLIPSIS
        if used <= width - 1:
            fits = position + 1
    return text


def one_line(text: str, limit: int) -> str:
    """``text`` cleaned, on one line, of at most ``limit`` characters, the ellipsis included."""
    line = _WHITE.sub(" ", clean(text)).strip()
    return line if len(line) <= limit else line[: max(limit - 1, 0)] + _ELLIPSIS
