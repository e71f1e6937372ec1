"""How the desk is drawn: what the configuration and the terminal say, and the theme that was chosen."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.color import Color, ColorParseError
from textual.theme import Theme

from fedesk.domain.text import one_line
from fedesk.ui import present
from fedesk.ui.colours import Palette, palette_of
from fedesk.ui.terminal import AsciiOnly, FewColours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from textual.filter import LineFilter

    from fedesk.domain.front import Appearance

_REDUCED = ("REDUCE_MOTION", "PREFERS_REDUCED_MOTION", "NO_MOTION")
_OFF = frozenset({"", "0", "false", "no"})
_LONGEST_NAME = 100


def filters_of(appearance: Appearance, environ: Mapping[str, str]) -> Iterator[LineFilter]:
    """What every line goes through for the terminal there is."""
    palette = palette_of(environ)
    if palette is not Palette.MANY:
        yield FewColours(any_at_all=palette is Palette.SIXTEEN)
    encoding = getattr(sys.__stdout__, "encoding", None)
    poor = appearance.glyphs != "unicode" and present.poor_terminal(environ, encoding)
    if poor or appearance.glyphs == "ascii":
        yield AsciiOnly()


def is_still(appearance: Appearance, environ: Mapping[str, str]) -> bool:
    """Whether nothing is to move by itself; Textual reads TEXTUAL_ANIMATIONS on its own."""
    asked = any(environ.get(name, "").lower() not in _OFF for name in _REDUCED)
    return appearance.motion == "reduced" or asked


def own_themes(appearance: Appearance) -> tuple[list[Theme], list[str]]:
    """The user's themes, and a sentence for each that is none."""
    made, wrong = [], []
    for name, keys in appearance.themes.items():
        try:
            dark = keys.get("dark") is not False
            colours = {key: str(value) for key, value in keys.items() if key != "dark"}
            for colour in colours.values():
                Color.parse(colour)
            made.append(Theme(name=name, dark=dark, **colours))  # type: ignore[arg-type]  # colours alone
        except (TypeError, ColorParseError) as error:
            wrong.append(f"The theme {one_line(name, 60)} cannot be used: {one_line(str(error), 160)}.")
    return made, wrong


class ThemeChoice:
    """The name of the theme that was chosen last, in a file of one line. Losing it costs nothing."""

    def __init__(self, file: Path | None = None) -> None:
        self._given = file

    @property
    def _file(self) -> Path:
        if self._given is None:
            import platformdirs

            self._given = platformdirs.user_state_path("fedesk") / "theme"
        return self._given

    def read(self) -> str:
        """The name; empty where none was chosen."""
        with suppress(OSError), self._file.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST_NAME).strip()
        return ""

    def write(self, name: str) -> None:
        """Keep a name."""
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(f"{name}\n")
