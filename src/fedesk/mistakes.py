"""Mistakes in a file that a person wrote: each named by file, line and key, all of them at once."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Place = tuple[str | int, ...]
"""Where something stands in a file: keys and list positions from the top, ``("environments", "prod")``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing to put right."""

    file: Path
    line: int | None
    """Counted from 1; None where it is about the file as a whole."""
    key: str
    """Dotted, as one would write it; empty where it is about the file as a whole."""
    sentence: str

    def __str__(self) -> str:
        where = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.sentence}" if self.key else f"{where}: {self.sentence}"


class ConfigurationError(Exception):
    """The configuration or the catalogue cannot be used; one line a mistake, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class ConfigurationMissingError(ConfigurationError):
    """There is no configuration file where one was looked for."""


class UnknownEnvironmentError(ConfigurationError):
    """An environment was named that the configuration does not have."""


@dataclass(slots=True)
class Findings:
    """Mistakes of one file while it is read."""

    file: Path
    lines: Mapping[Place, int]
    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, place: Place, sentence: str) -> None:
        """Note a mistake at a place; a key that is absent stands at the line of its table."""
        self.mistakes.append(
            Mistake(file=self.file, line=self.line(place), key=dotted(place), sentence=sentence)
        )

    def add_first(self, place: Place, sentence: str) -> None:
        """Note a mistake at a place where none was noted yet."""
        key = dotted(place)
        if all(mistake.key != key for mistake in self.mistakes):
            self.add(place, sentence)

    def keys_below(self, place: Place) -> set[str]:
        """First keys below a place that hold a mistake."""
        start = dotted(place) + "."
        return {
            mistake.key.removeprefix(start).split(".")[0].split("[")[0]
            for mistake in self.mistakes
            if mistake.key.startswith(start)
        }

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest one around it that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)

    def in_order(self) -> tuple[Mistake, ...]:
        """Each mistake once, by line."""
        return tuple(sorted(dict.fromkeys(self.mistakes), key=lambda mistake: mistake.line or 0))


def dotted(place: Place) -> str:
    """``environments.prod.kv[0].mount``; keys that are no bare words are quoted."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if part.replace("-", "").replace("_", "").isalnum() else f'"{printable(part, 60)}"'
            text += f".{word}" if text else word
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like this one; empty where none is alike."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold()[:100], by_folded, n=1, cutoff=0.55)
    return by_folded[found[0]] if found else ""


def unknown(kind: str, known: Iterable[str], word: str) -> str:
    """The sentence for a word that is none of the known: it names the nearest one, or else all."""
    known = tuple(known)
    like = nearest(word, known)
    if like:
        return f"unknown {kind}; did you mean {like}?"
    return f"unknown {kind}; known are {', '.join(known)}" if known else f"unknown {kind}"


def printable(text: str, limit: int) -> str:
    """Text for one line of a message: nothing that a terminal acts on, cut at ``limit`` characters."""
    cleaned = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"
