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

The end of a log needs no proof: it is shown before the lines ahead of it are counted.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.domain.runs import LogChunk, LogEnd
from fedesk.ports.errors import ProtocolError

CHUNK = 2 * 1024 * 1024
"""Bytes after which a long log is handed on, and read on from there."""

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
_CURSOR = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}):([0-9a-f]*)")


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

    def __str__(self) -> str:
        return f"{self.offset}:{self.lines}:{self.window}:{self.shown}:{self.slack}:{self.proof}"

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
        return cls(offset, lines, window, shown, slack, match[6])

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


class Read(NamedTuple):
    """Whole lines, ended by LF, and where they end."""

    text: bytes
    place: Place
    complete: bool


def advance(place: Place, answer: Answer) -> Read | None:
    """What an answer to a request at ``place.start`` adds; None where the place does not fit (rule 4)."""
    if place.proof == _UNPROVEN and answer.growing and answer.size == place.offset:
        return Read(b"", place, complete=False)
    if place.proof == _UNPROVEN or answer.size < place.start:
        return None
    received = answer.body.replace(b"\r\n", b"\n")
    begin = _aligned(place, received)
    if begin is None:
        return None
    if answer.growing or answer.cut:
        return _whole_lines(place, answer, received, begin)
    body = received[begin:]
    return Read(body, Place(answer.size, place.lines + body.count(b"\n")), complete=True)


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
    answer = _ask(session, f"{path}/progressiveText?start={place.start}", limit=CHUNK if cursor else FIRST)
    read = advance(place, answer)
    if read is None:
        log = session.text(whole, limit=_WHOLE)
        read = realign(place, log.body, answer.size, growing=answer.growing or log.cut)
        if log.cut and not read.text:
            raise ProtocolError(
                f"the log at /{path} is longer than {_WHOLE // 2**20} MiB, and no place in it can be proven "
                f"behind line {place.lines:,}: read it in Jenkins' own pages, or stage by stage"
            )
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
    size = piece.headers.get("X-Text-Size", "")
    if not size.isdecimal():
        raise ProtocolError(f"Jenkins sent a log without X-Text-Size at /{path}; a proxy may have removed it")
    growing = piece.headers.get("X-More-Data", "").lower() == "true"
    return Answer(piece.body, int(size), growing, piece.cut)


def plain(text: bytes) -> str:
    """Log bytes as text: broken bytes replaced, console notes taken out."""
    return _NOTE.sub("", text.decode("utf-8", "replace"))


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
