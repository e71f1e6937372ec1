"""Colours that can be read, whatever theme they come from, and terminals that have few of them or none.

Contrast is that of WCAG 2: the ratio of relative luminances; text wants 4.5. A theme's colours stay as they
are where they have it. Else text is moved towards white (or black on a light theme) as far as it takes, and a
background that would leave no room for that is moved towards the theme's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache, partial

from textual.color import Color

READABLE = 4.5
"""Least contrast of text (WCAG 2, 1.4.3)."""
DIMMED = 3.0
"""Least contrast of what does not serve now, which the rule leaves out."""
_RAISED = 1.6
"""Contrast of a raised background with the theme's own, at most: text has to be read on both."""
_STEPS = 20
_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)

BACKGROUNDS = ("surface", "surface-lighten-1", "surface-lighten-2", "surface-lighten-3")
"""What text stands on, beside ``background`` itself."""
TEXTS = (
    "foreground", "foreground-muted", "text-primary", "text-warning", "text-error", "text-success",
    "text-accent", "state-violet", "state-quiet-green",
)  # fmt: skip
"""What text is drawn in."""


class Palette(Enum):
    """How many colours a terminal has."""

    NONE = 0
    SIXTEEN = 16
    MANY = 256


_WITHOUT = frozenset({"dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320"})
_MANY_WORDS = ("256color", "kitty", "truecolor", "direct")


def palette_of(environ: Mapping[str, str]) -> Palette:
    """What a terminal says of itself (NO_COLOR, COLORTERM, TERM); as Rich tells them, and monochrome."""
    term = environ.get("TERM", "")
    if "NO_COLOR" in environ or term in _WITHOUT or term.endswith(("-m", "-mono")):
        return Palette.NONE
    if environ.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}:
        return Palette.MANY
    if environ.get("TEXTUAL_COLOR_SYSTEM", "") in {"256", "truecolor"} or term.endswith(_MANY_WORDS):
        return Palette.MANY
    return Palette.SIXTEEN


@lru_cache(maxsize=4096)
def luminance(red: int, green: int, blue: int) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2)."""
    linear = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - as it defines them
        for value in (red / 255, green / 255, blue / 255)
    )
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: Color, other: Color) -> float:
    """Contrast of two opaque colours, 1 to 21."""
    darker, lighter = sorted((luminance(*one.rgb), luminance(*other.rgb)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(variables: Mapping[str, str], *, dark: bool) -> dict[str, str]:
    """The variables of a theme, its texts readable on all of its backgrounds.

    Also ``on-error``, which text on the error colour is drawn in. A theme that leaves its colours to the
    terminal gets backgrounds that can be seen, and keeps its texts.
    """
    made = dict(variables)
    background = _parsed(variables["background"])
    if background is None:
        raised = dict.fromkeys(BACKGROUNDS[1:], "ansi_bright_black" if dark else "ansi_white")
        return made | raised | {"on-error": "ansi_bright_white"}
    pole = max(_BLACK, _WHITE, key=partial(contrast, background))
    grounds = [background]
    for name in BACKGROUNDS:
        ground = background + (_parsed(variables[name]) or background)
        ground = _moved(ground, background, partial(_leaves_room, background, pole))
        made[name] = ground.hex
        grounds.append(ground)
    for name, least in (*((text, READABLE) for text in TEXTS), ("foreground-disabled", DIMMED)):
        colour = _parsed(variables[name])
        if colour is not None and _worst(colour, grounds) < least:
            made[name] = _moved(background + colour, pole, partial(_reads, grounds, least)).hex
    error = _parsed(variables["error"])
    if error is not None:
        made["on-error"] = max(_BLACK, _WHITE, key=partial(contrast, error)).hex
    return made


def _parsed(value: str) -> Color | None:
    """An opaque or a translucent colour; None for one that only the terminal knows."""
    colour = Color.parse(value)
    return None if colour.ansi is not None else colour


def _leaves_room(background: Color, pole: Color, ground: Color) -> bool:
    return contrast(ground, background) <= _RAISED and contrast(ground, pole) >= READABLE


def _worst(colour: Color, grounds: Sequence[Color]) -> float:
    return min(contrast(ground + colour, ground) for ground in grounds)


def _reads(grounds: Sequence[Color], least: float, colour: Color) -> bool:
    return _worst(colour, grounds) >= least


def _moved(colour: Color, towards: Color, until: Callable[[Color], bool]) -> Color:
    """The colour moved as little as it takes; ``towards`` itself where nothing less does."""
    steps = (colour.blend(towards, step / _STEPS, alpha=1) for step in range(_STEPS))
    return next((one for one in steps if until(one)), towards)
