"""All tries of a task side by side: which line each of them failed at, and what stood around it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from fedesk.domain.log_lines import message_of
from fedesk.domain.runs import LogChunk, LogRequest
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.operation_store import StoreError
from fedesk.services.log_text import LogText, Pages

_READ_AT_MOST = 64_000_000
"""Characters of one try's log that are looked through."""
BEFORE, BEHIND = 6, 6
"""Lines around the telling one that are shown."""
_NUMBERS = re.compile(r"\b[0-9a-f]{8,}\b|\d+")


class Reader(Protocol):
    """The reads that a comparison is made of."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``."""

    def pages(self) -> Pages:
        """Where a log may be put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: how it went, as its log tells."""

    number: int
    lines: int = 0
    telling: int | None = None
    """Number of the line that says why, from 0."""
    begin: int = 0
    """Number of the first line in ``shown``."""
    shown: tuple[str, ...] = ()
    """The telling line and what stands around it; of a try without one its last lines."""
    ended: bool = True
    problem: str = ""
    """Why its log could not be read, in one sentence."""

    @property
    def telling_line(self) -> str:
        """The line that says why; empty where there is none."""
        return "" if self.telling is None else self.shown[self.telling - self.begin]


def read_attempt(reading: Reader, request: LogRequest, number: int) -> Attempt:
    """Read the log of one try; what stands in the way is told in it."""
    if request.task is None:
        raise NotFoundError(f"{request.run} has one log for all it does: a build has no tries")
    wanted = replace(request, task=replace(request.task, try_number=number))
    text = LogText(reading.pages())
    cursor, read, complete = "", 0, False
    try:
        while not complete and read < _READ_AT_MOST:
            chunk = reading.log(wanted, cursor)
            text.append(chunk.text)
            read += len(chunk.text)
            complete = chunk.complete
            if chunk.cursor == cursor:
                break
            cursor = chunk.cursor
        middle = text.end - 1 if text.telling is None else text.telling
        begin = max(middle - BEFORE, text.first, 0)
        shown = tuple(text.lines(begin, middle + BEHIND + 1))
        return Attempt(
            number=number, lines=text.end, telling=text.telling, begin=begin, shown=shown, ended=complete
        )
    except (SourceError, StoreError) as error:
        return Attempt(number=number, problem=str(error))
    finally:
        text.close()


def alike(line: str) -> str:
    """What is left of a line that is the same in every try: no time, no number, no digest."""
    return _NUMBERS.sub("#", message_of(line)).strip()


def own_lines(attempts: Sequence[Attempt]) -> tuple[frozenset[int], ...]:
    """For each try the lines of ``shown`` that stand in no other try's, times and numbers aside."""
    bare = [{alike(line) for line in one.shown} for one in attempts]
    count = Counter(line for lines in bare for line in lines)
    return tuple(
        frozenset(number for number, line in enumerate(one.shown, one.begin) if count[alike(line)] == 1)
        for one in attempts
    )


def same_cause(attempts: Sequence[Attempt]) -> bool:
    """Whether all tries that failed say the same, times and numbers aside."""
    told = {alike(one.telling_line) for one in attempts if one.telling is not None}
    return len(told) == 1 and sum(one.telling is not None for one in attempts) > 1
