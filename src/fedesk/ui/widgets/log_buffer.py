"""The lines of a log that are kept, how many rows they take on screen, and where marks and matches stand.

Knows no widget. Lines are numbered from 0 for the whole log; the oldest are let go of beyond the bounds, and
the others keep their numbers.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice

from rich.cells import cell_len

MAX_LINES = 200_000
MAX_CHARACTERS = 64_000_000
_MEASURED_AT_MOST = 4_096
"""Characters up to which a line with wide or combining characters is measured exactly when it arrives."""
_STRIDE = 500
"""Characters measured at a time in a longer one; Rich remembers the width of texts up to 512 characters."""


def cells_at_most(line: str) -> int:
    """Cells that a line takes; for a long line that is not ASCII an upper bound, at no cost."""
    if line.isascii():
        return len(line)
    return cell_len(line) if len(line) <= _MEASURED_AT_MOST else 2 * len(line)


def visible(line: str, cell: int, width: int) -> tuple[int, int]:
    """(first, last + 1) character of the part of ``line`` that is seen ``width`` cells wide from ``cell`` on.

    A wide character that the left border cuts is left out.
    """
    if line.isascii():
        return cell, cell + width
    at = position = 0
    while at < cell and position < len(line):
        step = line[position : position + _STRIDE]
        cells = cell_len(step)
        if at + cells <= cell:
            at += cells
            position += len(step)
            continue
        for character in step:
            if at >= cell:
                break
            at += cell_len(character)
            position += 1
    first = position
    while position < len(line) and (taken := cell_len(line[position])) + at <= cell + width:
        at += taken
        position += 1
    return first, position


class LogBuffer:
    """Lines by number, bounded; rows by line and back, with or without wrapping; matches of one search."""

    def __init__(self, max_lines: int = MAX_LINES, max_characters: int = MAX_CHARACTERS) -> None:
        self._max_lines = max_lines
        self._max_characters = max_characters
        self._lines: list[str] = []
        self._characters = 0
        self._wrap = 0
        self._row_ends: list[int] = []
        self._needle = ""
        self.first = 0
        """Number of the oldest line that is kept: so many were let go of."""
        self.width = 0
        """Cells of the widest line there was, or more."""
        self.errors: list[int] = []
        """Numbers of error lines, in order."""
        self.matches: list[int] = []
        """Numbers of the lines that hold what is searched for, in order."""

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.first + len(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, number: int) -> str:
        return self._lines[number - self.first]

    def emptied(self) -> "LogBuffer":
        """An empty one with the same bounds and the same wrapping."""
        fresh = LogBuffer(self._max_lines, self._max_characters)
        fresh.wrap(self._wrap)
        return fresh

    def text(self) -> str:
        """All that is kept."""
        return "\n".join(self._lines)

    def append(self, lines: Sequence[str], errors: Iterable[int] = ()) -> None:
        """Add the next lines and the numbers of the error lines among them."""
        begin = self.end
        self._lines += lines
        self._characters += sum(map(len, lines))
        self.width = max(self.width, max(map(cells_at_most, lines), default=0))
        self.errors += errors
        self.matches += self._matching(begin)
        if self._wrap:
            last = self._row_ends[-1] if self._row_ends else 0
            self._row_ends += islice(accumulate(map(self._rows_of, lines), initial=last), 1, None)
        self._let_go()

    def _let_go(self) -> None:
        """Drop the oldest lines, a tenth beyond what must go, so that it is done seldom."""
        if len(self._lines) <= self._max_lines and self._characters <= self._max_characters:
            return
        keep_lines = self._max_lines - self._max_lines // 10
        keep_characters = self._max_characters - self._max_characters // 10
        gone = max(0, len(self._lines) - keep_lines)
        left = self._characters - sum(map(len, islice(self._lines, gone)))
        while left > keep_characters and gone < len(self._lines) - 1:
            left -= len(self._lines[gone])
            gone += 1
        del self._lines[:gone]
        self._characters = left
        self.first += gone
        del self.errors[: bisect_left(self.errors, self.first)]
        del self.matches[: bisect_left(self.matches, self.first)]
        if self._wrap:
            self.wrap(self._wrap)

    # Rows

    def wrap(self, width: int) -> None:
        """Wrap lines at ``width`` cells; 0 gives each line one row."""
        self._wrap = width
        self._row_ends = list(accumulate(map(self._rows_of, self._lines))) if width else []

    def _per_row(self, line: str) -> int:
        """Characters on a row of a wrapped line: half as many where some are wide."""
        if line.isascii() or all(cell_len(character) <= 1 for character in set(line)):
            return self._wrap
        return max(1, self._wrap // 2)

    def _rows_of(self, line: str) -> int:
        return 1 if len(line) * 2 <= self._wrap else max(1, -(-len(line) // self._per_row(line)))

    @property
    def rows(self) -> int:
        """Rows that all lines take."""
        if not self._wrap:
            return len(self._lines)
        return self._row_ends[-1] if self._row_ends else 0

    def row_of(self, number: int) -> int:
        """The first row of a line."""
        index = min(max(number - self.first, 0), len(self._lines))
        if not self._wrap:
            return index
        return self._row_ends[index - 1] if index else 0

    def at_row(self, row: int) -> tuple[int, int, int]:
        """(number, first character, last character + 1) of what stands on a row; -1 for the line's end."""
        if not self._wrap:
            return self.first + row, 0, -1
        index = bisect_right(self._row_ends, row)
        within = row - (self._row_ends[index - 1] if index else 0)
        step = self._per_row(self._lines[index])
        return self.first + index, within * step, (within + 1) * step

    # Search

    def search(self, needle: str) -> None:
        """Find all lines that hold ``needle``; case counts only where it has a capital letter."""
        self._needle = needle
        self.matches = list(self._matching(self.first))

    @property
    def needle(self) -> str:
        """What is searched for; empty for nothing."""
        return self._needle

    def _matching(self, begin: int) -> Iterator[int]:
        needle = self._needle
        if not needle:
            return
        fresh = enumerate(islice(self._lines, begin - self.first, None), begin)
        if needle == needle.lower():
            yield from (number for number, line in fresh if needle in line.lower())
        else:
            yield from (number for number, line in fresh if needle in line)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the needle stands in a piece of a line."""
        if self._needle:
            flags = re.IGNORECASE if self._needle == self._needle.lower() else 0
            yield from (match.span() for match in re.finditer(re.escape(self._needle), text, flags))


def next_of(numbers: Sequence[int], after: int) -> int | None:
    """The first of ``numbers`` beyond ``after``, behind the last the first; None if there is none."""
    if not numbers:
        return None
    return numbers[bisect_right(numbers, after) % len(numbers)]


def previous_of(numbers: Sequence[int], before: int) -> int | None:
    """The last of ``numbers`` ahead of ``before``, ahead of the first the last; None if there is none."""
    if not numbers:
        return None
    return numbers[bisect_left(numbers, before) - 1]
