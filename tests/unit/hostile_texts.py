"""Texts that systems and people may send, that want to be more than text, and what none of them may become.

The corpus is data: a name for what it tries, and the text. Each has a secret planted in it, in a form that is
known as one, beside or within what it tries.
"""

import random
import re
import string
import unicodedata
from collections.abc import Iterator

_CHANCE = random.Random(20261128)  # noqa: S311 - the same secret in each run
SECRET = "".join(_CHANCE.choices(string.ascii_letters + string.digits, k=36))
PIECE = 8
"""Characters of the secret that are looked for together: what is cut or wrapped is found too."""
_TOKEN = f"ghp_{SECRET}"
MEGABYTE = "x" * 500_000 + f" password={SECRET} [red] " + "\x1b[31m界" * 70_000
"""One line of a megabyte in UTF-8."""

CORPUS = {
    "markup": f"[bold red]x[/] [/nope] [@click=app.quit]y[/] [link=http://x]z[/] token={_TOKEN}",
    "markup that never ends": f"[red][[[]] \\[ [$x] [{_TOKEN}",
    "colours": f"\x1b[31;1mred\x1b[0m \x1b[1mpassword\x1b[0m=\x1b[31m{SECRET}\x1b[0m",
    "moves and wipes": f"a\x1b[2J\x1b[H\x1b[10;10Hb\x1b[?1049l\x1bc{_TOKEN}",
    "title and colours of the terminal": f"\x1b]0;owned\x07\x1b]11;#f00\x1b\\ {_TOKEN}",
    "a link": f"\x1b]8;;http://evil.example/{_TOKEN}\x1b\\click\x1b]8;;\x1b\\",
    "the clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07done",
    "device strings": f"\x1bP+q544e\x1b\\\x1b_Gf=100;AAAA\x1b\\\x1b^x\x1b\\ secret={SECRET}",
    "queries": "\x1b[6n\x1b[c\x1b[>q\x1b]10;?\x07\x05",
    "unfinished": f"\x1b]0;{_TOKEN}\x1b[",
    "C1": f"\x9b31mred\x9d0;owned\x9c\x85\x90x\x9c {_TOKEN}",
    "bidi": f"\u202etxt.exe\u202c \u2066a\u2067b\u2069 \u200f\u061c pass\u200bword={SECRET}",
    "no width": f"pay\u200bments\ufeff\u2060\u00ad\U000e0041\U000e007f {_TOKEN}",
    "a pile": "Z" + "\u0301\u0328\u20dd" * 60 + " \u0301leading",
    "wide": "日本語ＡＢＣ한국 ｶﾅ 界" * 6,
    "emoji": "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 ☺️ ☺ 🇬🇧🇬 1️⃣ ❤️ ✌🏽" * 3,
    "scripts": "क्षि தமிழ் ไทยกำ กิ่ אבג العربية ﷽ ꧅",
    "lone surrogates": f"\ud800a\udfff\ud83d {_TOKEN}\udc80",
    "controls": f"nul\x00bell\x07\x08\x08\x7f\x0e\x0f\x11\x13\x1a {_TOKEN}",
    "overprinting": f"failed\rsucceeded\x08\x08 ok\r\n\x0b\x0cnext token={_TOKEN}",
    "tabs and lines": f"a\tb\t\tc\n\n\u2028d\u2029e\r\nf\tsecret={SECRET}",
    "broken UTF-8": b"caf\xe9 \xff\xfe \xc0\xaf \xed\xa0\x80 \xf5".decode("utf-8", "replace") + f" {_TOKEN}",
    "broken UTF-8, escaped": b"caf\xe9 \xff\xfe".decode("utf-8", "surrogateescape") + f" {_TOKEN}",
    "format strings": f"{{}} {{0}} {{name!r:>{{width}}}} %s %(x)s %n ${{HOME}} $HOME {{operation}} {_TOKEN}",
    "HTML": f"<script>alert(1)</script><img src=x onerror=y> &lt; -- > </pre> {_TOKEN}",
    "Markdown": f"# a | b\n> | --- | `x` ```\n[x](javascript:y) ![z](http://x/{_TOKEN})",
    "a sheet": f'=HYPERLINK("http://x","y") +1 -1 @SUM(1) {_TOKEN}',
    "a shell": f"'; rm -rf / #\n$(id) `id` && x | y > z \\ \" !! -rf --yes {_TOKEN}",
    "SQL": f"'; DROP TABLE operations; -- {_TOKEN}",
    "YAML": f"a: b # c\n- &x *y !!python/object:os.system {_TOKEN}\n---\n? {{",
    "a path": f"../../../etc/passwd\x00.log C:\\x {_TOKEN}",
    "an address": f"https://etl:{SECRET}@db.example/%1b%5b31m?token={_TOKEN}",
    "nothing": "",
    "blanks": " \u00a0\u2003 ",
    "long": "z" * 20_000 + f" {_TOKEN}",
    "a megabyte": MEGABYTE,
}

_SGR = re.compile(r"\x1b\[[0-9;]*m")
_JOINERS = "\u200c\u200d"
"""What scripts and emoji are written with; they turn nothing round and hide nothing."""


def pieces() -> Iterator[str]:
    """Parts of the secret that stand nowhere."""
    for begin in range(0, len(SECRET) - PIECE + 1, PIECE // 2):
        yield SECRET[begin : begin + PIECE]


def controls(text: str, *, lines: bool = False) -> list[str]:
    """Characters that act on a terminal or hide: controls, overrides, half pairs; LF with ``lines`` not."""
    return sorted(
        {
            character
            for character in text
            if not character.isascii() or not character.isprintable()
            if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
            and character not in _JOINERS
            and not (lines and character == "\n")
        }
    )


def leaks(text: str) -> list[str]:
    """Parts of the secret that stand in a text."""
    return [piece for piece in pieces() if piece in text]


def flaws(where: str, text: str, *, lines: bool = False) -> Iterator[str]:
    """What is wrong with a text that is shown, written or copied; it may have colours of fedesk's own."""
    found = controls(_SGR.sub("", text), lines=lines)
    if found:
        yield f"{where}: controls {found!r}"
    if leaks(text):
        yield f"{where}: the secret"


def everything() -> tuple[str, ...]:
    """All texts but the one of a megabyte, which is put where it tells something."""
    return tuple(text for text in CORPUS.values() if text is not MEGABYTE)
