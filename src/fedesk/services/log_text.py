"""A log of any length in little memory: pages of raw text, an index of lines, and what was noticed.

Pages are spilled (to a temporary file without a name, or compressed into memory where nothing may lie on a
disk) and read back a few at a time. Secrets are hidden and control characters made harmless when a page is
read back: a log of 100 MB has a million lines, of which some hundred are looked at.
"""

import os
import re
import tempfile
import threading
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Protocol

from fedesk.domain.log_lines import LOOKED_AT, LogScan
from fedesk.domain.redaction import LineRedactor
from fedesk.domain.text import clean
from fedesk.services.log_pattern import LogPattern, suspects

PAGE = 64 * 1024
"""Bytes of a page; one that holds a longer line is longer."""
_PAGES_SHOWN = 24
"""Pages that are kept as they are shown."""
_COUNTED_AT_MOST = 1_500_000
"""Bytes of a log of which all secrets are counted: as much as is kept as it is shown."""
_KEPT_IN_MEMORY = 64 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n?")
_PLAIN = bytes((0x0A, *range(0x20, 0x7F)))
"""What is shown as it is: LF and printable ASCII."""


class Pages(Protocol):
    """Where the pages of a log are put. Numbered from 0."""

    @property
    def first(self) -> int:
        """The oldest page that is kept."""

    def add(self, page: bytes) -> None:
        """Put down the next page."""

    def read(self, number: int) -> bytes:
        """A page that is kept. From any thread."""

    def close(self) -> None:
        """Let go of all."""


class FilePages:
    """In a file of 0600 that has no name: it is gone with the process, however that ends."""

    first = 0

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._closed = False
        self._ends = array("Q", [0])

    def add(self, page: bytes) -> None:
        """Put down the next page; raises OSError where the disk is full."""
        if self._closed:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="fedesk-log-", buffering=0)  # noqa: SIM115  # closed by close
        written, end = 0, self._ends[-1]
        while written < len(page):
            written += os.pwrite(self._file.fileno(), page[written:], end + written)
        self._ends.append(end + len(page))

    def read(self, number: int) -> bytes:
        """A page."""
        if self._file is None or self._closed:
            return b""
        begin, end = self._ends[number], self._ends[number + 1]
        return os.pread(self._file.fileno(), end - begin, begin)

    def close(self) -> None:
        """Give the space back; what is added from then on is dropped."""
        self._closed = True
        if self._file is not None:
            self._file.close()


class MemoryPages:
    """Compressed, in memory alone: for logs that may not lie on a disk. Beyond a bound the oldest go."""

    def __init__(self, at_most: int = _KEPT_IN_MEMORY) -> None:
        self._at_most = at_most
        self._bytes = 0
        self._pages: dict[int, bytes] = {}
        self._count = 0
        self.first = 0

    def add(self, page: bytes) -> None:
        """Put down the next page."""
        packed = zlib.compress(page, 1)
        self._pages[self._count] = packed
        self._count += 1
        self._bytes += len(packed)
        while self._bytes > self._at_most and self.first < self._count - 1:
            self._bytes -= len(self._pages.pop(self.first))
            self.first += 1

    def read(self, number: int) -> bytes:
        """A page."""
        packed = self._pages.get(number)
        return b"" if packed is None else zlib.decompress(packed)

    def close(self) -> None:
        """Forget all."""
        self._pages.clear()


class LogText:
    """The lines of a log, by number from 0. One thread appends, any thread reads."""

    def __init__(self, pages: Pages | None = None) -> None:
        self._pages: Pages = MemoryPages() if pages is None else pages
        self._sealed = 0
        self._open = b""
        self._firsts = array("Q")
        self._scan = LogScan()
        self._suspects = suspects()
        self._shown: OrderedDict[tuple[int, int], tuple[str, ...]] = OrderedDict()
        self._hidden: dict[int, int] = {}
        self._lock = threading.RLock()
        self.size = 0
        """Bytes so far."""
        self.width = 0
        """Bytes of the longest line that was looked at: none of them takes more cells, but for tabs and marks
        of secrets."""

    @property
    def first(self) -> int:
        """The oldest line that is kept."""
        with self._lock:
            kept = self._pages.first
            return self._firsts[kept] if kept < len(self._firsts) else 0

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self._scan.lines

    @property
    def errors(self) -> Sequence[int]:
        """Numbers of lines that speak of trouble, in order; grows at its end."""
        return self._scan.errors

    def take_errors(self) -> Sequence[int]:
        """The error lines since this was asked last, which are forgotten: of a log that is read but once."""
        taken, self._scan.errors = self._scan.errors, array("Q")
        return taken

    @property
    def telling(self) -> int | None:
        """The line that says why, as far as is known."""
        return self._scan.telling

    @property
    def hidden(self) -> int:
        """Secrets hidden in what was looked at."""
        return sum(self._hidden.values())

    def append(self, text: str) -> None:
        """Add the next lines; what has no end yet at the end of ``text`` gets one."""
        data = text.encode("utf-8", "surrogatepass")
        if b"\r" in data:
            data = _LINE_END.sub(b"\n", data)
        if data and not data.endswith(b"\n"):
            data += b"\n"
        for piece in _pieces(data):
            with self._lock:
                self._append(piece)

    def _append(self, piece: bytes) -> None:
        if self._open and len(self._open) + len(piece) > PAGE:
            self._pages.add(self._open)
            self._sealed += 1
            self._open = b""
        if not self._open:
            self._firsts.append(self._scan.lines)
        self._open += piece
        self.size += len(piece)
        self._look_at(piece)

    def _look_at(self, piece: bytes) -> None:
        """Have the lines judged that may speak of trouble, and count the others."""
        scan, at = self._scan, 0
        while at < len(piece):
            if not scan.in_traceback:
                found = self._suspects.search(piece, at)
                if found is None:
                    scan.skip(piece.count(b"\n", at))
                    break
                begin = max(piece.rfind(b"\n", at, found.start()) + 1, at)
                scan.skip(piece.count(b"\n", at, begin))
                at = begin
            stop = piece.find(b"\n", at) + 1
            looked_at = piece[at : min(stop - 1, at + 4 * LOOKED_AT)]
            scan.feed((clean(looked_at.decode("utf-8", "replace")),))
            at = stop

    # Reading back

    def __getitem__(self, number: int) -> str:
        """A line as it is shown; empty for one that is not kept."""
        with self._lock:
            page = bisect_right(self._firsts, number) - 1
            begin = self._firsts[page]
        lines = self._page(page)
        return lines[number - begin] if number - begin < len(lines) else ""

    def lines(self, begin: int, end: int) -> Iterator[str]:
        """Lines from one number up to another, as they are shown."""
        for number in range(max(begin, self.first), min(end, self.end)):
            yield self[number]

    def find(self, pattern: LogPattern, begin: int = 0) -> Iterator[int | None]:
        """Numbers of lines from ``begin`` on that hold a pattern as they are shown; None between pages."""
        page = max(bisect_right(self._firsts, begin) - 1, self._pages.first)
        while page < len(self._firsts):
            first, raw = self._firsts[page], self._raw(page)
            if raw.translate(None, _PLAIN) or pattern.may_be_in(raw):
                for number, line in enumerate(self._page(page), first):
                    if number >= begin and pattern.in_line(line):
                        yield number
            yield None
            page += 1

    def look_over(self) -> None:
        """Have the secrets counted of a log that is not long; those of a long one are as it is looked at."""
        if self.size <= _COUNTED_AT_MOST:
            for page in range(self._pages.first, len(self._firsts)):
                self._page(page)

    def _raw(self, page: int) -> bytes:
        with self._lock:
            return self._open if page == self._sealed else self._pages.read(page)

    def _page(self, page: int) -> tuple[str, ...]:
        raw = self._raw(page)
        key = (page, len(raw))
        known = self._shown.get(key)
        if known is not None:
            with suppress(KeyError):
                self._shown.move_to_end(key)
            return known
        redact = LineRedactor()
        if page > self._pages.first:
            # A private key may run on from the page before; none is longer than a page.
            before = self._raw(page - 1)
            begins = before.rfind(b"-----BEGIN ")
            if begins >= 0:
                for line in _shown(before[before.rfind(b"\n", 0, begins) + 1 :]):
                    redact(line)
        redacted = [redact(line) for line in _shown(raw)]
        self._hidden[page] = sum(len(one.hits) for one in redacted)
        lines = tuple(one.text for one in redacted)
        width = max(map(len, raw.split(b"\n")))
        with self._lock:
            self.width = max(self.width, width)
            self._shown[key] = lines
            while len(self._shown) > _PAGES_SHOWN:
                self._shown.popitem(last=False)
        return lines

    def close(self) -> None:
        """Let go of what was spilled."""
        with self._lock:
            self._pages.close()


def _shown(raw: bytes) -> list[str]:
    return clean(raw.decode("utf-8", "surrogatepass").removesuffix("\n")).split("\n") if raw else []


def _pieces(data: bytes) -> Iterator[bytes]:
    """Pieces of at most a page that end with a line; a longer line is a piece by itself."""
    at = 0
    while at < len(data):
        end = len(data) if len(data) - at <= PAGE else data.rfind(b"\n", at, at + PAGE) + 1
        if end <= at:
            end = data.find(b"\n", at) + 1
        yield data[at:end]
        at = end
