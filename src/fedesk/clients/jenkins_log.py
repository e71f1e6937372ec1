r"""Reading a growing log of Jenkins by offset without losing or doubling a line.

``progressiveText`` has traps (``contracts/jenkins_plugins.md`` 4, read in Stapler's LargeText): while a build
runs, the body stops at the last full line and after 10,000 lines, yet ``X-Text-Size`` is the size of the
whole log; a lone LF arrives as CRLF; broken bytes arrive as U+FFFD; older controllers strip console notes,
newer do not. So an offset in the raw log cannot be had from ``X-Text-Size`` alone, and counting what was
received is exact only for a log of LF lines in sound UTF-8 without stripped notes. The rule here:

1. The next offset is where the answer began plus the bytes received, CRLF counted as one and U+FFFD as the
   one byte it stands for at least. So it may fall short of the true one, and is never beyond it.
2. Where that count meets ``X-Text-Size``, it is proven: each distortion that lacks a byte would have fallen
   short, and U+FFFD, which adds some, is ruled out.
3. Elsewhere the next request starts some lines earlier, and its body has to hold exactly those lines, near
   its beginning. They were found once in the answer before, so that an earlier place is not taken for theirs;
   where they stand in it twice they prove nothing.
4. Where nothing is proven, the whole log is read and as many lines are skipped as were handed on: every form
   of the log has the same LFs.
5. The log of a build that has ended is one answer, which is held open between two pieces. Where it was
   lost, it is asked for once more from where it began, and the lines of it that were handed on are skipped,
   as in 4.

The end of a log needs no proof: it is shown before the lines ahead of it are counted.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from fedesk.clients.jenkins_session import JenkinsSession, Piece, TextAnswer
from fedesk.domain.runs import LogChunk, LogEnd
from fedesk.ports.errors import ProtocolError, UnreachableError

CHUNK = 2 * 1024 * 1024
"""Bytes after which a long log that grows is handed on, and read on from there."""
PIECE = 256 * 1024
"""The same of a log that has ended: small enough that what is read stays in the processor's cache."""

FIRST = 256 * 1024
"""Bytes of the first piece: what is small is there at once, and of what is long the end is wanted first."""
END = 128 * 1024
"""Bytes of the end of a long log that are read ahead of the rest."""

_WHOLE = 48 * 1024 * 1024
_SERVED_LINES = 10_000
_UNPROVEN = "0"
_WINDOW_LINES = 20
_WINDOW_BYTES = 4096
_NOTE = re.compile(r"\x1b\[8mha:[^\n]*?\x1b\[0m")
_REPLACED = "\N{REPLACEMENT CHARACTER}".encode()
_NUMBER = "([0-9]{1,18})"
_CURSOR = re.compile(rf"{':'.join([_NUMBER] * 5)}:([0-9a-f]*)(?:\+{_NUMBER})?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on in a log."""

    offset: int = 0
    """Bytes in the raw log; where there is a window it may fall short of the true one."""
    lines: int = 0
    """Lines handed on."""
    window: int = 0
    """Bytes before ``offset`` that are read again as a proof; 0 where the offset is sure."""
    shown: int = 0
    """Bytes as which the window arrives, CRLF counted as one."""
    slack: int = 0
    """Bytes of an answer in which the window may begin later: so far the offset may have fallen short."""
    proof: str = ""
    """Digest of these; ``0`` where the offset is not known, and is the size of the log at that time."""
    skip: int = 0
    """Lines behind ``offset`` that were handed on."""

    def __str__(self) -> str:
        more = f"+{self.skip}" if self.skip else ""
        return f"{self.offset}:{self.lines}:{self.window}:{self.shown}:{self.slack}:{self.proof}{more}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read a cursor, ``""`` for the start; raises ProtocolError for one that is no cursor of Jenkins'."""
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise ProtocolError(f"{text!r} is no place in a log of Jenkins; read the log from its start")
        offset, lines, window, shown, slack = (int(match[group]) for group in range(1, 6))
        if window > offset:
            raise ProtocolError(f"{text!r} is no place in a log of Jenkins; read the log from its start")
        return cls(offset, lines, window, shown, slack, match[6], int(match[7] or 0))

    @property
    def start(self) -> int:
        """The offset to ask for."""
        return self.offset - self.window


class Answer(NamedTuple):
    """What ``progressiveText`` answered."""

    body: bytes
    size: int
    """``X-Text-Size``: bytes of the raw log."""
    growing: bool
    """``X-More-Data``: whether the build still writes."""
    cut: bool = False
    """Whether fedesk stopped reading before the end of the body."""


class Body(Protocol):
    """The body of an answer that is read piece by piece."""

    def read(self, limit: int) -> Piece:
        """Its next whole lines, ``limit`` bytes of them or a few more."""


class Read(NamedTuple):
    """Whole lines, ended by LF, and where they end."""

    text: bytes
    place: Place
    complete: bool


def advance(place: Place, answer: Answer) -> Read | None:
    """What an answer at ``place.start`` adds of a log that grows.

    None where the place does not fit (rule 4).
    """
    if place.proof == _UNPROVEN and answer.size == place.offset:
        return Read(b"", place, complete=False)
    if place.skip or not _may_fit(place, answer.size):
        return None
    received = _lf_only(answer.body)
    begin = _aligned(place, received)
    return None if begin is None else _whole_lines(place, answer, received, begin)


def finish(place: Place, size: int, body: Body, limit: int) -> Read | None:
    """The first piece that an answer at ``place.start`` adds of a log that has ended (rule 5).

    None where the place does not fit (rule 4). ``size`` is its ``X-Text-Size``.
    """
    if not _may_fit(place, size):
        return None
    piece = body.read(limit)
    received = _lf_only(piece.body)
    begin = _aligned(place, received)
    if begin is None:
        return None
    new, skip = received[begin:], place.skip
    while piece.cut and (lines := new.count(b"\n")) <= skip:
        skip -= lines
        piece = body.read(limit)
        new = _lf_only(piece.body)
    behind = _end_of_line(new, skip)
    return None if behind is None else _handed_on(place, size, new[behind:], cut=piece.cut)


def go_on(place: Place, size: int, body: Body, limit: int) -> Read:
    """The next piece of an answer that was held since ``place``."""
    piece = body.read(limit)
    return _handed_on(place, size, _lf_only(piece.body), cut=piece.cut)


def _handed_on(place: Place, size: int, new: bytes, *, cut: bool) -> Read:
    lines = new.count(b"\n")
    if not cut:
        return Read(new, Place(size, place.lines + lines), complete=True)
    return Read(new, replace(place, lines=place.lines + lines, skip=place.skip + lines), complete=False)


def _may_fit(place: Place, size: int) -> bool:
    return place.proof != _UNPROVEN and size >= place.start


def _lf_only(received: bytes) -> bytes:
    """CRLF as LF: where there are as many CRs as LFs, all are of such pairs, since no LF arrives alone."""
    bare = received.translate(None, b"\r")
    paired = len(received) - len(bare) == bare.count(b"\n")
    return bare if paired else received.replace(b"\r\n", b"\n")


def _aligned(place: Place, received: bytes) -> int | None:
    """Where in an answer the part begins that is new; None where what was read last is not found (rule 3)."""
    if not place.window:
        return 0
    at = 0
    while at <= place.slack:
        if _digest(received[at : at + place.shown]) == place.proof:
            return at + place.shown
        at = received.find(b"\n", at) + 1
        if at == 0:
            break
    return None


def _whole_lines(place: Place, answer: Answer, received: bytes, begin: int) -> Read | None:
    """Of a log that goes on: the lines that have ended (rules 1 to 3)."""
    end = received.rfind(b"\n") + 1
    if end <= begin:
        # A carriage return ends a line for Jenkins: 10,000 updates of a progress bar hide what follows them.
        return None if received.count(b"\r", begin) >= _SERVED_LINES else Read(b"", place, complete=False)
    whole = received[begin:end]
    lines = place.lines + whole.count(b"\n")
    replaced = received.count(_REPLACED, 0, end)
    if not answer.cut and _REPLACED not in received and place.start + len(received) == answer.size:
        return Read(whole, Place(place.start + end, lines), complete=False)
    window = _window(received[:end])
    if _occurs_before(window, received[:end]):
        return None
    # The window is longer than what it arrives as, where raw bytes were replaced; it may begin earlier.
    offset = place.start + end - 2 * replaced
    slack = end - len(window)
    return Read(
        whole,
        Place(offset, lines, min(len(window), offset), len(window), slack, _digest(window)),
        complete=False,
    )


def realign(place: Place, log: bytes, size: int, *, growing: bool) -> Read:
    """The same from the whole log as ``consoleText`` gives it: raw line ends, notes stripped.

    ``size`` is the ``X-Text-Size`` of an answer from before: where no offset can be proven it tells whether
    there is something new at all.
    """
    end = log.rfind(b"\n") + 1 if growing else len(log)
    handed_on = _end_of_line(log, place.lines)
    if handed_on is None or handed_on > end:
        # Fewer lines than were handed on: the server does not show them yet, or the log was replaced.
        return Read(b"", place, complete=not growing)
    rest = log[handed_on:end]
    lines = place.lines + rest.count(b"\n")
    window = _window(log[:end])
    if not window or _occurs_before(window, log[:end]):
        known = Place(size, lines, proof=_UNPROVEN)
    else:
        shown = window.decode("utf-8", "replace").encode().replace(b"\r\n", b"\n")
        known = Place(end, lines, len(window), len(shown), 0, _digest(shown))
    return Read(rest.replace(b"\r\n", b"\n"), known, complete=not growing)


def read_log(session: JenkinsSession, path: str, cursor: str, *, whole: str) -> LogChunk:
    """The piece after ``cursor`` of the log at ``path``; ``whole`` is where the same log is had entire."""
    place = Place.parse(cursor)
    held = session.held.take(f"{path} {cursor}")
    if held is not None:
        # A server waits for its reader only so long: what it has broken off is asked for anew.
        with suppress(UnreachableError):
            return _held_on(session, path, held, go_on(place, _size(path, held.headers), held, PIECE))
    answer = session.text_answer(f"{path}/progressiveText?start={place.start}")
    size, growing = _size(path, answer.headers), _grows(answer.headers)
    if growing:
        piece = answer.read(CHUNK if cursor else FIRST)
        answer.close()
        read = advance(place, Answer(piece.body, size, growing, piece.cut))
    else:
        read = finish(place, size, answer, PIECE if cursor else FIRST)
        if read is not None:
            return _held_on(session, path, answer, read)
        answer.close()
    if read is None:
        log = session.text(whole, limit=_WHOLE)
        read = realign(place, log.body, size, growing=growing or log.cut)
        if log.cut and not read.text:
            raise ProtocolError(
                f"the log at /{path} is longer than {_WHOLE // 2**20} MiB, and no place in it can be proven "
                f"behind line {place.lines:,}: read it in Jenkins' own pages, or stage by stage"
            )
    return LogChunk(text=plain(read.text), cursor=str(read.place), complete=read.complete)


def _held_on(session: JenkinsSession, path: str, answer: TextAnswer, read: Read) -> LogChunk:
    """What was read, and the answer held for whoever reads on."""
    if read.complete:
        answer.close()
    else:
        session.held.keep(f"{path} {read.place}", answer)
    return LogChunk(text=plain(read.text), cursor=str(read.place), complete=read.complete)


def read_end(session: JenkinsSession, path: str) -> LogEnd | None:
    """The last lines of a long log, had without the rest; None for one that is short."""
    begin = _ask(session, f"{path}/progressiveText?start=0", limit=1)
    if not begin.cut or begin.size <= 2 * END:
        return None
    for wanted in (END, END // 16):
        answer = _ask(session, f"{path}/progressiveText?start={begin.size - wanted}", limit=8 * END)
        received = answer.body.replace(b"\r\n", b"\n")
        # While a build runs no more lines are sent at once: then what arrived may end before the end.
        if not answer.growing or len(re.findall(rb"[\r\n]", received)) < _SERVED_LINES:
            break
    end = received.rfind(b"\n") + 1 if answer.growing else len(received)
    text = plain(received[received.find(b"\n") + 1 : end])
    return LogEnd(text=text, size=answer.size, complete=not answer.growing)


def _ask(session: JenkinsSession, path: str, *, limit: int) -> Answer:
    piece = session.text(path, limit=limit)
    return Answer(piece.body, _size(path, piece.headers), _grows(piece.headers), piece.cut)


def _size(path: str, headers: Mapping[str, str]) -> int:
    size = headers.get("X-Text-Size", "")
    if not size.isdecimal():
        raise ProtocolError(f"Jenkins sent a log without X-Text-Size at /{path}; a proxy may have removed it")
    return int(size)


def _grows(headers: Mapping[str, str]) -> bool:
    return headers.get("X-More-Data", "").lower() == "true"


def plain(text: bytes) -> str:
    """Log bytes as text: broken bytes replaced, console notes taken out."""
    told = text.decode("utf-8", "replace")
    return _NOTE.sub("", told) if "\x1b" in told else told


def _window(lines: bytes) -> bytes:
    """The last whole lines, few but not too few to be told from others; at least one."""
    start = len(lines)
    for _ in range(_WINDOW_LINES):
        before = lines.rfind(b"\n", 0, max(start - 1, 0)) + 1
        if start < len(lines) and len(lines) - before > _WINDOW_BYTES:
            break
        start = before
        if start == 0:
            break
    return lines[start:]


def _end_of_line(text: bytes, lines: int) -> int | None:
    """The offset behind so many line feeds; None where there are fewer."""
    end = 0
    for _ in range(lines):
        end = text.find(b"\n", end) + 1
        if end == 0:
            return None
    return end


def _occurs_before(window: bytes, text: bytes) -> bool:
    """Whether what stands at the end of a text stands in it earlier, too."""
    return text.find(window) != len(text) - len(window)


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=12).hexdigest()
