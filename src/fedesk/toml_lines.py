"""On which line each key of a TOML text stands: ``tomllib`` keeps no positions (TOML 1.0, toml.io)."""

import contextlib
import tomllib
from bisect import bisect_left

from fedesk.mistakes import Place

_BLANK = " \t"
_BLANK_LINES = " \t\r\n"
_AFTER_SCALAR = ",]}#\r\n"


def locate(text: str) -> dict[Place, int]:
    """The line, from 1, of every key, table and list item of a text that ``tomllib`` accepts.

    Of a text it does not accept, what stands before the first thing that is not understood.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    # The text ends early, or nests deeper than Python does: what was found serves.
    with contextlib.suppress(IndexError, RecursionError, tomllib.TOMLDecodeError):
        scanner.document()
    return scanner.lines


class _Scanner:
    """Walks over the text once; ``position`` is the next character to look at."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Place, int] = {}
        self._breaks = [index for index, character in enumerate(text) if character == "\n"]
        self._items: dict[Place, int] = {}
        """Last position of each array of tables."""

    def document(self) -> None:
        table: Place = ()
        while self._skip(_BLANK_LINES):
            if self._take("[["):
                table = self._table(self._key(), array=True)
                self._skip_line()
            elif self._take("["):
                table = self._table(self._key(), array=False)
                self._skip_line()
            else:
                self._pair(table)

    def _table(self, key: tuple[str, ...], *, array: bool) -> Place:
        place: Place = ()
        for depth, part in enumerate(key, start=1):
            place = (*place, part)
            self._note(place)
            last = depth == len(key)
            if last and array:
                self._items[place] = self._items.get(place, -1) + 1
            if place in self._items:
                place = (*place, self._items[place])
                self._note(place)
        return place

    def _pair(self, table: Place) -> None:
        start = self.position
        place = table
        for part in self._key():
            place = (*place, part)
            self._note(place, start)
        self._skip(_BLANK)
        self.position += 1  # the equals sign
        self._skip(_BLANK)
        self._value(place)

    def _value(self, place: Place) -> None:
        self._note(place)
        character = self.text[self.position]
        if character in "\"'":
            self._string()
        elif character == "[":
            self.position += 1
            item = 0
            while self._skip(_BLANK_LINES) and not self._take("]"):
                self._value((*place, item))
                item += 1
                self._skip(_BLANK_LINES)
                self._take(",")
        elif character == "{":
            self.position += 1
            while self._skip(_BLANK_LINES) and not self._take("}"):
                self._pair(place)
                self._skip(_BLANK_LINES)
                self._take(",")
        else:
            start = self.position
            while self.position < len(self.text) and self.text[self.position] not in _AFTER_SCALAR:
                self.position += 1
            if self.position == start:
                raise IndexError(start)

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            start = self.position
            if self.text[start] in "\"'":
                self._string()
                parts.append(str(tomllib.loads(f"key = {self.text[start : self.position]}")["key"]))
            else:
                while self.text[self.position].isalnum() or self.text[self.position] in "_-":
                    self.position += 1
                if self.position == start:
                    raise IndexError(start)
                parts.append(self.text[start : self.position])
            self._skip(_BLANK)
            if not self._take("."):
                return tuple(parts)

    def _string(self) -> None:
        quote = self.text[self.position]
        end = quote * 3 if self.text.startswith(quote * 3, self.position) else quote
        self.position += len(end)
        while not self.text.startswith(end, self.position):
            self.position += 2 if quote == '"' and self.text[self.position] == "\\" else 1
            if self.position >= len(self.text):
                raise IndexError(self.position)
        self.position += len(end)
        while len(end) > 1 and self.text.startswith(quote, self.position):
            self.position += 1  # a multi-line string may end in quotes of its own

    def _skip(self, characters: str) -> bool:
        """Pass blanks, and comments where line ends are among them; False at the end of the text."""
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "#" and "\n" in characters:
                self._skip_line()
            elif character not in characters:
                return True
            else:
                self.position += 1
        return False

    def _skip_line(self) -> None:
        end = self.text.find("\n", self.position)
        self.position = len(self.text) if end < 0 else end

    def _take(self, word: str) -> bool:
        if self.text.startswith(word, self.position):
            self.position += len(word)
            return True
        return False

    def _note(self, place: Place, position: int | None = None) -> None:
        at = self.position if position is None else position
        self.lines.setdefault(place, bisect_left(self._breaks, at) + 1)
