"""A growing log of Jenkins, read by offset: no line is lost, none is doubled."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedesk.clients.jenkins_log import Answer, Place, advance, finish, go_on, plain, read_end, realign
from fedesk.clients.jenkins_session import JenkinsSession, Piece
from fedesk.sandbox.jenkins_log import console_text, progressive_text
from fedesk.sandbox.long_log import LINE, LongLog

NOTE = b"\x1b[8mha:////AbC+/=\x1b[0m"

_LINES = st.lists(
    st.sampled_from(
        [
            b"tick\n",
            b"tick\n",
            b"\n",
            b"+ dbt run\r\n",
            b"10%\r20%\r30%\r\n",
            NOTE + b"[Pipeline] sh\n",
            "zażółć € \U0001f600\n".encode(),
            b"broken \xff\xfe\xc3 bytes\n",
            b"\xe2\x82",
            b"no line end yet",
            b"\r",
        ]
    ),
    max_size=40,
)


def shown(log: bytes) -> str:
    """What a reader of ``consoleText`` sees."""
    return console_text(log).decode("utf-8", "replace").replace("\r\n", "\n")


class Sent:
    """The body of an answer, read in pieces of some bytes each."""

    def __init__(self, body: bytes, limit: int) -> None:
        self._body, self._limit = body, limit

    def read(self, limit: int) -> Piece:
        """The next whole lines, as ``TextAnswer`` reads them."""
        end = self._body.find(b"\n", min(self._limit, limit) - 1) + 1
        end = end if 0 < end < len(self._body) else len(self._body)
        piece, self._body = self._body[:end], self._body[end:]
        return Piece(body=piece, headers={}, cut=bool(self._body))


def read(log: bytes, place: Place, *, strips_notes: bool, cut: int | None) -> tuple[str, Place]:
    """One look at a log that grows, as the client makes it; ``cut`` ends the reading of a body early."""
    served = progressive_text(log, place.start, complete=False)
    piece = Sent(console_text(served.body) if strips_notes else served.body, cut or len(log) + 1).read(10**9)
    answer = Answer(piece.body, int(served.headers["X-Text-Size"]), growing=True, cut=piece.cut)
    found = advance(place, answer)
    if found is None:
        found = realign(place, console_text(log), answer.size, growing=True)
    return plain(found.text), Place.parse(str(found.place))


def read_out(
    log: bytes, place: Place, *, strips_notes: bool, cut: int | None, lost: Sequence[bool] = ()
) -> list[str]:
    """The rest of a log that has ended, piece by piece; some of the answers that are held are lost."""
    losses, pieces = iter(lost), list[str]()
    answer: Sent | None = None
    while True:
        if answer is None:
            served = progressive_text(log, place.start, complete=True)
            body = console_text(served.body) if strips_notes else served.body
            answer = Sent(body, cut or len(log) + 1)
            found = finish(place, len(log), answer, 10**9)
        else:
            found = go_on(place, len(log), answer, 10**9)
        if found is None:
            found = realign(place, console_text(log), len(log), growing=False)
        pieces.append(plain(found.text))
        place = Place.parse(str(found.place))
        if found.complete:
            return pieces
        assert found.text.endswith(b"\n")
        answer = None if next(losses, False) else answer


@settings(max_examples=120, deadline=None)
@given(
    _LINES,
    st.lists(st.integers(0, 400)),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 60)),
    st.lists(st.booleans(), max_size=5),
)
@example([b"tick\r\n"] * 5 + [b"tick\n"] * 30, [20, 60, 100], False, None, [True])  # noqa: FBT003  (an example of what is drawn)
@example([b"\r\n", b"\n"], [2, 3], False, None, [True])  # noqa: FBT003  (an example of what is drawn)
@example([b"same line\r\n"] * 40, [33, 66, 99, 121, 132, 264], False, 22, [True])  # noqa: FBT003  (as above)
@example([b"broken \xff\n"] * 8, [9, 18, 27], False, None, [True])  # noqa: FBT003  (an example of what is drawn)
@example([NOTE + b"[Pipeline] sh\n"] * 9, [40, 80, 120], True, None, [True])  # noqa: FBT003  (an example of what is drawn)
def test_no_line_is_lost_or_doubled(
    lines: list[bytes],
    sizes: list[int],
    strips_notes: bool,  # noqa: FBT001  (hypothesis draws it)
    cut: int | None,
    lost: list[bool],
) -> None:
    """However a log grows, whatever its bytes and line ends, the pieces are the log that consoleText has.

    While it grows each piece ends with a line. Once it has ended it is one answer, which may be lost.
    """
    log, place, pieces = b"".join(lines), Place(), []
    for size in sorted(sizes):
        text, place = read(log[:size], place, strips_notes=strips_notes, cut=cut)
        assert text == "" or text.endswith("\n")
        pieces.append(text)
    pieces += read_out(log, place, strips_notes=strips_notes, cut=cut, lost=lost)
    assert "".join(pieces) == shown(log)


@pytest.mark.parametrize(
    "line",
    [b"%06d zeile mit \xff\xfe bytes\n", b"%06d with its own line end\r\n", NOTE + b"[Pipeline] sh %06d\n"],
)
@pytest.mark.parametrize("strips_notes", [True, False])
def test_a_log_is_read_on_by_offset_whatever_falls_short(line: bytes, strips_notes: bool) -> None:  # noqa: FBT001  # a parameter
    """Broken bytes, CRLF and notes that are taken out cost no reading of the whole log."""
    log = b"".join(line % number for number in range(3_000))
    place, pieces = Place(), list[str]()
    for _ in range(60):
        served = progressive_text(log, place.start, complete=False)
        body = console_text(served.body) if strips_notes else served.body
        piece = Sent(body, 9_000).read(10**9)
        found = advance(place, Answer(piece.body, len(log), growing=True, cut=piece.cut))
        assert found is not None
        place = Place.parse(str(found.place))
        pieces.append(plain(found.text))
        if not piece.cut:
            break
    assert "".join(pieces) == shown(log)


def test_twelve_thousand_lines_while_building() -> None:
    """The 2,000 lines that Jenkins leaves out while it says that all was sent are read next."""
    log = b"".join(b"line %d of a growing log\n" % number for number in range(12_000))
    first, place = read(log, Place(), strips_notes=False, cut=None)
    assert first.count("\n") == 10_000
    second, place = read(log, place, strips_notes=False, cut=None)
    assert first + second == log.decode()
    assert read(log, place, strips_notes=False, cut=None)[0] == ""


def test_ten_thousand_updates_of_a_progress_bar() -> None:
    """A bar of carriage returns that fills a whole answer does not hide the lines behind it."""
    log = b"50%\r" * 10_100 + b"done\nnext\n"
    text, _ = read(log, Place(), strips_notes=False, cut=None)
    assert text.endswith("done\nnext\n")


def test_a_log_that_began_anew_is_not_mixed_up() -> None:
    """A log shorter than the place (start beyond the size) adds nothing until it has more lines."""
    _, place = read(b"one\ntwo\nthree\n", Place(), strips_notes=False, cut=None)
    assert read(b"one\n", place, strips_notes=False, cut=None)[0] == ""
    whole = b"one\ntwo\nthree\nfour\n"
    assert read_out(whole, place, strips_notes=False, cut=None) == ["four\n"]


class Served:
    """A controller that serves one long log by range, and counts the bytes it sends."""

    def __init__(self, log: LongLog, moment: datetime) -> None:
        self._log, self._now = log, moment
        self.sent = 0

    def text(self, path: str, *, limit: int) -> Piece:
        start, size = int(path.rpartition("=")[2]), self._log.written(self._now) * LINE
        growing = size < self._log.lines * LINE
        end = min(size, (start // LINE + 10_000) * LINE) if growing else size
        body = b""
        for block in self._log.read(start, end, line_end=b"\r\n"):
            body += block
            if len(body) >= limit:
                break
        self.sent += len(body)
        headers = {"X-Text-Size": str(size)} | ({"X-More-Data": "true"} if growing else {})
        return Piece(body=body, headers=headers, cut=len(body) < end - start)


@pytest.mark.parametrize("written", [1.0, 0.5])
def test_the_end_of_a_long_log_is_had_by_range(written: float) -> None:
    """Of 100 MB, ended or growing, the last lines cost some hundred kilobytes; the first is whole."""
    begun = datetime(2026, 11, 20, tzinfo=UTC)
    log = LongLog(lines=800_000, error=-1, began=begun, ends=begun + timedelta(seconds=100))
    served = Served(log, begun + timedelta(seconds=100 * written))
    end = read_end(cast("JenkinsSession", served), "job/x/1/logText")
    assert end is not None
    lines = end.text.splitlines()
    assert (end.size, end.complete) == (int(800_000 * written) * LINE, written == 1.0)
    assert f"chunk {int(800_000 * written) - 1:09}:" in lines[-1]
    assert all(len(line) == LINE - 1 for line in lines)
    assert served.sent < 600_000


def test_a_short_log_has_no_end_of_its_own() -> None:
    """What is small is read from its start at once."""
    begun = datetime(2026, 11, 20, tzinfo=UTC)
    served = Served(LongLog(lines=100, error=-1, began=begun, ends=begun), begun)
    assert read_end(cast("JenkinsSession", served), "job/x/1/logText") is None
