"""A log as long as one likes, made while it is served: all lines are of one length, any range is computed.

Making it has to cost little beside reading it, or the sandbox is what a bench of logs measures: a block of
lines is a copy of a template, into whose columns the digits of time and number are written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

LINE = 128
"""Bytes of a line, its LF included."""
_BLOCK = 1_000
"""Lines that are made at once, and that bear the same time."""
_USUAL = "read chunk %09d: 50000 rows of s3://finedge-curated/ledger, none left out"
_ERROR = "ERROR: checksum mismatch for part %09d: the artifact was changed after it was built"
_CLOCK = len("2026-11-20T")
_NUMBER = len(f"2026-11-20Thh:mm:ss.250Z [base] {_USUAL.partition('%')[0]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LongLog:
    """A log of ``lines`` lines, of which number ``error`` (from 0) speaks of trouble and no other.

    It grows evenly from ``began`` to ``ends``, and has ended then.
    """

    lines: int
    error: int
    began: datetime
    ends: datetime

    def written(self, now: datetime) -> int:
        """Lines that are there at a moment."""
        if now >= self.ends:
            return self.lines
        grown = (now - self.began) / (self.ends - self.began)
        return min(max(int(self.lines * grown), 0), self.lines)

    def read(self, begin: int, end: int, *, line_end: bytes = b"\n") -> Iterator[bytes]:
        """Bytes of the log from one offset to another, in blocks, with each LF as ``line_end``."""
        longer = len(line_end) - 1
        at = begin
        while at < end:
            number, first = divmod(at, _BLOCK * LINE)
            last = min(first + end - at, _BLOCK * LINE)
            block = self._block(number, line_end)
            yield bytes(block[first + first // LINE * longer : last + last // LINE * longer])
            at += last - first

    def _block(self, number: int, line_end: bytes) -> bytearray:
        block, width = bytearray(_template(line_end)), LINE - 1 + len(line_end)
        columns = ((_CLOCK, _clock(number)), (_NUMBER, f"{number:06}"))
        for column, digits in columns:
            for place, digit in enumerate(digits.encode(), column):
                block[place::width] = bytes((digit,)) * _BLOCK
        line = self.error - number * _BLOCK
        if 0 <= line < _BLOCK:
            block[line * width : (line + 1) * width] = _line(_clock(number), _ERROR % self.error, line_end)
        return block


def _clock(block: int) -> str:
    return f"{block // 3600 % 24:02}:{block // 60 % 60:02}:{block % 60:02}"


def _line(clock: str, said: str, line_end: bytes) -> bytes:
    return f"2026-11-20T{clock}.250Z [base] {said:<{LINE}}"[: LINE - 1].encode("ascii") + line_end


@cache
def _template(line_end: bytes) -> bytes:
    """The first block of a log without an error."""
    return b"".join(_line(_clock(0), _USUAL % number, line_end) for number in range(_BLOCK))
