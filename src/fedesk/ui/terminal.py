"""Terminals that are poor in glyphs, colours or answers, and those that have gone, which hold nobody up."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import IO, Any

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.driver import Driver
from textual.filter import LineFilter

from fedesk.ui.colours import contrast
from fedesk.ui.present import ASCII

_QUERY = re.compile(r"\x1b\[(?:\?\d+\$p|[<>=]\d*u|\?u)")
"""What asks a terminal for what it can, or switches the keyboard protocol of kitty on and off."""
_LONGEST_QUERY = 16


class _Lasting:
    """A terminal to write to. Once it has gone, what is written goes nowhere.

    Textual's thread that writes would die of the error, and its queue, once full, hold everything for ever.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._is_gone = False

    def write(self, text: str) -> int:
        """Write, as long as there is somebody to read it."""
        if not self._is_gone:
            try:
                self._file.write(text)
            except OSError:
                self._is_gone = True
        return len(text)

    def flush(self) -> None:
        """The same for what was kept back."""
        if not self._is_gone:
            try:
                self._file.flush()
            except OSError:
                self._is_gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lasting(driver: type[Driver], *, asks: bool = True) -> type[Driver]:
    """The same driver for a terminal that may go away at any moment.

    ``asks`` is false for one that draws what it does not know: then it is asked nothing.
    """

    class LastingDriver(driver):  # type: ignore[misc, valid-type]  # chosen by the platform
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            file = getattr(self, "_file", None)
            if file is not None:
                self._file = _Lasting(file)

        def write(self, data: str) -> None:
            if asks or len(data) > _LONGEST_QUERY or _QUERY.fullmatch(data) is None:
                super().write(data)

    return LastingDriver


class AsciiOnly(LineFilter):
    """Replaces glyphs, borders and bars cell by cell; foreign text is left as it is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """The same segments in the poorer alphabet."""
        return [
            Segment(text.translate(ASCII) if not text.isascii() else text, style, control)
            for text, style, control in segments
        ]


_RAISED = 1.25
"""Contrast from which on a background is taken for one that means something: a cursor, a mark, production."""
_FAINT = 4.0
"""Contrast below which text is taken for dimmed."""


class FewColours(LineFilter):
    """Colours for terminals of sixteen, or none: what colour said, weight, dimness and reversal then say."""

    def __init__(self, *, any_at_all: bool) -> None:
        super().__init__()
        self._alike: Callable[[Style, Color], Style] = _sixteen if any_at_all else _colourless

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with fewer colours."""
        return [
            Segment(text, self._alike(style, background) if style is not None else None, control)
            for text, style, control in segments
        ]


def _looks(style: Style, background: Color) -> tuple[Color | None, Color]:
    """The colours of text and ground as they are seen; text is None where it has none of its own."""
    text, ground = style.color, style.bgcolor
    if style.reverse:
        text, ground = ground, text
    return _seen(text), _seen(ground) or background


def _seen(colour: RichColor | None) -> Color | None:
    return None if colour is None or colour.is_default else Color.from_rich_color(colour)


@lru_cache(4096)
def _colourless(style: Style, background: Color) -> Style:
    text, ground = _looks(style, background)
    return Style(
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        dim=text is not None and contrast(text, ground) < _FAINT,
        reverse=contrast(ground, background) > _RAISED,
    )


@lru_cache(4096)
def _sixteen(style: Style, background: Color) -> Style:
    """The nearest by hue, where Rich takes the nearest by distance and makes grey of a soft red."""
    text, ground = _looks(style, background)
    is_dark = background.brightness < _HALF
    if contrast(ground, background) <= _RAISED:
        painted = 0 if is_dark else 15
    else:
        painted = hue if (hue := _hue(ground)) is not None else 8 if is_dark else 7
    colours = Style(bgcolor=_ansi(painted), reverse=False)
    if text is not None:
        number = _written(text, ground)
        colours += Style(color=_ansi(number if number != painted else 7 if is_dark else 0))
    return style.without_color + colours


def _written(text: Color, ground: Color) -> int:
    """The number of a colour of text: bright on what is dark."""
    hue = _hue(text)
    if hue is not None:
        return hue + (8 if ground.brightness < _HALF else 0)
    if contrast(text, ground) < _FAINT:
        return 8
    return (0, 0, 7, 15)[min(int(text.brightness * 4), 3)]


_HALF = 0.5
_GREY = 0.2
_HUES = ((0.06, 1), (0.2, 3), (0.46, 2), (0.53, 6), (0.68, 4), (0.93, 5), (1.0, 1))
"""Where on the colour circle ANSI's red, yellow, green, cyan, blue, magenta and red again end."""


def _hue(colour: Color) -> int | None:
    """The number of the colour with that hue; None for a grey."""
    hue, saturation, _ = colour.hsl
    return None if saturation < _GREY else next(number for end, number in _HUES if hue <= end)


def _ansi(number: int) -> RichColor:
    return RichColor(f"ansi {number}", ColorType.STANDARD, number=number)
