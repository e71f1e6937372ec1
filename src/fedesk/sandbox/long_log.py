"""A log as long as one likes, made while it is served: all lines are of one length, any range is computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

LINE = 128
"""Bytes of a line, its LF included."""
_BLOCK = 512
"""Lines that are made at once, and that bear the same time."""
_ERROR = "ERROR: checksum mismatch for part %09d: the artifact was changed after it was built"


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
        at = begin
        while at < end:
            first = at // LINE
            last = min((first // _BLOCK + 1) * _BLOCK, -(-end // LINE))
            block = "".join(self._block(first, last)).encode("ascii")
            piece = block[at - first * LINE : end - first * LINE]
            at = min(last * LINE, end)
            yield piece if line_end == b"\n" else piece.replace(b"\n", line_end)

    def _block(self, first: int, last: int) -> list[str]:
        """Lines of one block."""
        seconds = first // _BLOCK
        clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        start = f"2026-11-20T{clock}.250Z [base] "
        usual = (
            f"{start}{'read chunk %09d: 50000 rows of s3://finedge-curated/ledger, none left out':<{LINE}}"
        )
        made = [(usual % number)[: LINE - 1] + "\n" for number in range(first, last)]
        if first <= self.error < last:
            made[self.error - first] = f"{start}{_ERROR % self.error:<{LINE}}"[: LINE - 1] + "\n"
        return made
