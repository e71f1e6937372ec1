"""Which lines of a log are wanted: all, the last ones, those that match or speak of trouble."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fedesk.domain.runs import LogChunk, LogEnd, LogRequest
from fedesk.services.log_pattern import LogPattern
from fedesk.services.log_text import LogText, MemoryPages, Pages


class Reader(Protocol):
    """The reads that a log is made of; they raise SourceError, StoreError."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``."""

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """The last lines of a long log that was opened."""

    def pages(self) -> Pages:
        """Where a log may be put."""


class Piece(NamedTuple):
    """A piece of a log as it is read."""

    text: str
    caught_up: bool
    """Whether this is all there is so far."""


class Line(NamedTuple):
    """A line as it is shown: cleaned, secrets hidden."""

    number: int | None
    """From 0; None in the end of a long log, which was had without the lines ahead of it."""
    text: str
    matches: bool
    """Whether it was looked for, and does not just stand beside one that was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines."""

    pattern: LogPattern | None = None
    errors: bool = False
    """Only lines that speak of trouble."""
    tail: int | None = None
    """Only the last so many of them."""
    before: int = 0
    after: int = 0
    """Lines shown ahead of and behind each that matches."""

    @property
    def is_everything(self) -> bool:
        """Whether no line is left out for what it says."""
        return self.pattern is None and not self.errors


def pieces(reading: Reader, request: LogRequest) -> Iterator[Piece]:
    """A log as far as it goes now, piece by piece. Raises SourceError, StoreError."""
    cursor = ""
    while True:
        chunk = reading.log(request, cursor)
        done = chunk.complete or chunk.cursor == cursor
        yield Piece(chunk.text, caught_up=done)
        if done:
            return
        cursor = chunk.cursor


def last_lines(reading: Reader, request: LogRequest, count: int) -> list[Line] | None:
    """The last ``count`` lines of a long log without reading the rest; None where that cannot be done."""
    # Reading begins at the start, which is what is recorded where reading has to be.
    first = reading.log(request, "")
    end = None if first.complete else reading.log_end(request)
    if end is None or end.text.count("\n") < count:
        return None
    text = LogText(MemoryPages())
    text.append(end.text)
    return [Line(None, line, matches=True) for line in text.lines(text.end - count, text.end)]


def select(read: Iterable[Piece], pages: Pages, wanted: Wanted) -> Iterator[Line]:
    """The lines that are wanted of what is read, in order, as they come; in memory that does not grow."""
    held: deque[Line] | None = None if wanted.tail is None else deque(maxlen=wanted.tail)
    text = LogText(pages)
    choose = _everything if wanted.is_everything else _Matching(wanted)
    try:
        for piece in read:
            begin = text.end
            text.append(piece.text)
            lines = choose(text, begin)
            if held is None:
                yield from lines
                continue
            held.extend(lines)
            if piece.caught_up:
                yield from held
                held = None
        if held is not None:
            yield from held
    finally:
        text.close()


Chooser = Callable[[LogText, int], Iterator[Line]]


def _everything(text: LogText, begin: int) -> Iterator[Line]:
    for number, line in enumerate(text.lines(begin, text.end), max(begin, text.first)):
        yield Line(number, line, matches=True)


class _Matching:
    """Lines that match, and what stands around them; remembers what was shown from piece to piece."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._shown = 0
        """Lines before this number were shown, or are not."""
        self._owed = 0
        """Lines before this number are shown as they come."""

    def __call__(self, text: LogText, begin: int) -> Iterator[Line]:
        wanted = self._wanted
        for match in self._matches(text, begin):
            yield from self._beside(text, min(self._owed, match))
            self._shown = max(self._shown, match - wanted.before)
            yield from self._beside(text, match)
            yield Line(match, text[match], matches=True)
            self._shown, self._owed = match + 1, match + 1 + wanted.after
        yield from self._beside(text, min(self._owed, text.end))

    def _beside(self, text: LogText, end: int) -> Iterator[Line]:
        for number in range(self._shown, end):
            yield Line(number, text[number], matches=False)
        self._shown = max(self._shown, end)

    def _matches(self, text: LogText, begin: int) -> Iterator[int]:
        wanted = self._wanted
        errors = text.take_errors() if wanted.errors else ()
        if wanted.pattern is None:
            yield from errors
        elif wanted.errors:
            yield from (number for number in errors if wanted.pattern.in_line(text[number]))
        else:
            yield from (number for number in text.find(wanted.pattern, begin) if number is not None)
