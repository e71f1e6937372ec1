"""The rows of a log on screen: all its lines, or those alone that hold what is searched for.

Knows no widget. Lines are numbered from 0 for the whole log; a row is a line that is shown, wrapped or not.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from datetime import UTC
from typing import TYPE_CHECKING

from rich.cells import cell_len

from fedesk.domain.log_times import Times, timed, told
from fedesk.services.log_pattern import LogPattern
from fedesk.services.log_text import LogText

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, tzinfo

CONTEXTS = (0, 3, 20)
"""Lines around a match that may be shown with it."""
_STRIDE = 500
"""Characters measured at a time in a longer line; Rich remembers the width of texts up to 512 characters."""
_FIRST_TIME_WITHIN = 50
"""Lines at the beginning of a log in which the time is looked for that others are told from."""


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


def per_row(line: str, width: int) -> int:
    """Characters on a row of a line that wraps at ``width`` cells: half as many where some are wide."""
    if line.isascii() or all(cell_len(character) <= 1 for character in set(line)):
        return width
    return max(1, width // 2)


def rows_of(line: str, width: int) -> int:
    """Rows that a line takes that wraps at ``width`` cells."""
    return 1 if 2 * len(line) <= width else max(1, -(-len(line) // per_row(line, width)))


class LogBuffer:
    """A log as it is looked at: its times as one wants them, one search, and which lines are shown."""

    def __init__(self, text: LogText | None = None, *, numbered: bool = True, zone: tzinfo = UTC) -> None:
        """``numbered``: whether lines have their numbers; the end of a log that is read ahead has not yet."""
        self.text = LogText() if text is None else text
        self.numbered = numbered
        self.times = Times.AS_WRITTEN
        self.matches: list[int] = []
        """Numbers of the lines that hold what is searched for, in order, as far as was searched."""
        self._zone = zone
        self._start: datetime | None = None
        self._pattern: LogPattern | None = None
        self._searched = 0
        self._finding: Iterator[int | None] | None = None
        self._upto = 0
        self._only = False
        self._context = 0
        self._kept: list[int] = []

    def looked_at_as(self, other: LogBuffer) -> None:
        """Take over how another one is looked at: times, search, filter."""
        self.times = other.times
        self.search(other.needle)
        self.select(only=other.only, context=other.context)

    # Lines

    @property
    def first(self) -> int:
        """Number of the oldest line that is kept."""
        return self.text.first

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.text.end

    @property
    def errors(self) -> Sequence[int]:
        """Numbers of error lines, in order."""
        return self.text.errors

    @property
    def width(self) -> int:
        """Cells of the widest line that was looked at, or more."""
        return self.text.width

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, number: int) -> str:
        line = self.text[number]
        if self.times is Times.AS_WRITTEN:
            return line
        return told(line, self.times, self._zone, self._began())

    def _began(self) -> datetime | None:
        """The first time in the log."""
        if self._start is None:
            times = (timed(line).at for line in self.text.lines(0, _FIRST_TIME_WITHIN))
            self._start = next((at for at in times if at is not None), None)
        return self._start

    # Rows

    @property
    def rows(self) -> int:
        """How many lines are shown."""
        return len(self._kept) if self._only else len(self)

    def row_of(self, number: int) -> int:
        """The row of a line, or of the next one that is shown."""
        if self._only:
            return bisect_left(self._kept, number)
        return min(max(number - self.first, 0), len(self))

    def at_row(self, row: int) -> int:
        """The number of the line on a row."""
        return self._kept[row] if self._only else self.first + row

    @property
    def only(self) -> bool:
        """Whether only lines that match are shown, with what stands around them."""
        return self._only

    @property
    def context(self) -> int:
        """How many lines around a match are shown with it."""
        return self._context

    def select(self, *, only: bool, context: int = 0) -> None:
        """Show only lines that match and ``context`` lines around each, or all."""
        self._only, self._context = only, context
        self._kept = []
        if only:
            self._keep(self.matches)

    def _keep(self, matches: Sequence[int]) -> None:
        for match in matches:
            behind = self._kept[-1] + 1 if self._kept else self.first
            begin = max(match - self._context, behind)
            self._kept += range(begin, min(match + self._context + 1, self.end))

    # Search

    @property
    def needle(self) -> str:
        """What is searched for; empty for nothing."""
        return "" if self._pattern is None else self._pattern.typed

    def search(self, needle: str) -> None:
        """Look for ``needle``, by ``search_on``; case counts only where it has a capital letter."""
        self._pattern = LogPattern.text(needle) if needle else None
        self.matches, self._searched, self._finding = [], self.first, None
        self.select(only=self._only, context=self._context)

    def search_on(self, seconds: float) -> bool:
        """Search lines that were not yet, for about so long; whether all there are were."""
        if self._pattern is None:
            return True
        until, found = time.perf_counter() + seconds, list[int]()
        while self._finding is not None or self._searched < self.end:
            if self._finding is None:
                self._upto = self.end
                self._finding = self.text.find(self._pattern, self._searched)
            for number in self._finding:
                if number is None:
                    if time.perf_counter() > until:
                        self._take(found)
                        return False
                elif number >= self._upto:
                    break
                else:
                    found.append(number)
            self._finding, self._searched = None, self._upto
        self._take(found)
        return True

    def _take(self, found: list[int]) -> None:
        self.matches += found
        if self._only:
            self._keep(found)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the needle stands in a piece of a line."""
        if self._pattern is not None:
            yield from self._pattern.spans(text)


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
