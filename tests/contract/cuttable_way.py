"""A way to PostgreSQL that can be cut: at any exchange, with its question or its answer; or that swallows.

A socket of its own in front of the server's. What passes is counted in exchanges: a question (a login, or
what ends in a Query or Sync message), and the answer up to ReadyForQuery.
"""

import contextlib
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sqlalchemy.engine import make_url

_SOCKET = ".s.PGSQL.5432"
_LENGTH = struct.Struct("!I")
_ENDS_QUESTION = b"QS"
_ENDS_ANSWER = b"Z"


class Cut(Enum):
    """What is lost at an exchange."""

    QUESTION = "its question never arrives"
    ANSWER = "it is done, and its answer is lost"
    ALL = "it is done, its answer is lost, and nothing passes any more"


@dataclass
class Way:
    """Between one client and the server. All that was cut is well again after ``mend``."""

    folder: str
    asked: list[str] = field(default_factory=list)
    """The statements of the exchanges so far, each by its beginning; ``login`` for a login."""
    at: int = -1
    """The exchange that is cut."""
    cut: Cut = Cut.ANSWER
    cuts: int = 0
    is_closed: bool = False
    """Nobody is let in."""
    is_swallowing: bool = False
    """What is asked never arrives, and nobody hears of it."""
    lines: list[socket.socket] = field(default_factory=list)

    def to(self, url: str) -> str:
        """The same store, this way."""
        return make_url(url).set(host=None, query={"host": self.folder}).render_as_string()

    def close(self) -> None:
        """Hang up on everybody, and let nobody in."""
        self.is_closed = True
        for line in tuple(self.lines):
            _hang_up(line)

    def mend(self) -> None:
        """Let everything pass again."""
        self.at, self.is_closed, self.is_swallowing = -1, False, False


@contextmanager
def way_to(server: str) -> Iterator[Way]:
    """A way to the server whose socket is in a folder."""
    with tempfile.TemporaryDirectory(prefix="fedesk-way-") as folder:
        way = Way(folder)
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(Path(folder) / _SOCKET))
        door.listen(64)

        def enter() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near, _ = door.accept()
                    _let_in(way, near, str(Path(server) / _SOCKET))

        threading.Thread(target=enter, name="way", daemon=True).start()
        try:
            yield way
        finally:
            door.shutdown(socket.SHUT_RDWR)
            door.close()
            for line in tuple(way.lines):
                _hang_up(line)


def _let_in(way: Way, near: socket.socket, server: str) -> None:
    if way.is_closed:
        near.close()
        return
    far = socket.socket(socket.AF_UNIX)
    far.connect(server)
    way.lines += [near, far]
    exchange = _Exchange(way, near, far)
    for name, work in (("questions", exchange.questions), ("answers", exchange.answers)):
        threading.Thread(target=work, name=name, daemon=True).start()


@dataclass
class _Exchange:
    """One connection: its questions go one way, its answers the other."""

    way: Way
    near: socket.socket
    far: socket.socket
    number: int = -1

    def questions(self) -> None:
        said, is_login = b"", True
        for head, body in _messages(self.near, begins_bare=True):
            said += body
            if not (is_login or head[:1] in _ENDS_QUESTION):
                self._pass_on(self.far, head + body)
                continue
            self.number = len(self.way.asked)
            self.way.asked.append("login" if is_login else _statement(said))
            said, is_login = b"", False
            if self.number == self.way.at and self.way.cut is Cut.QUESTION:
                self.way.cuts += 1
                break
            self._pass_on(self.far, head + body)
        self._end()

    def answers(self) -> None:
        for head, body in _messages(self.far, begins_bare=False):
            # The whole answer is lost: the server has done what it was asked when it begins to speak of it.
            if self.number == self.way.at and self.way.cut is not Cut.QUESTION:
                if head[:1] not in _ENDS_ANSWER:
                    continue
                self.way.cuts += 1
                if self.way.cut is Cut.ALL:
                    self.way.close()
                break
            self._pass_on(self.near, head + body)
        self._end()

    def _pass_on(self, to: socket.socket, message: bytes) -> None:
        if not self.way.is_swallowing:
            with contextlib.suppress(OSError):
                to.sendall(message)

    def _end(self) -> None:
        """Hang up; who holds the line last closes it."""
        for line in (self.near, self.far):
            _hang_up(line)
            with contextlib.suppress(ValueError):
                self.way.lines.remove(line)


def _messages(line: socket.socket, *, begins_bare: bool) -> Iterator[tuple[bytes, bytes]]:
    """Messages of the protocol as (head, body), until the line ends; the first question has no type."""
    bare = begins_bare
    with contextlib.suppress(OSError, ConnectionError), line.makefile("rb") as file:
        while True:
            head = file.read(4 if bare else 5)
            if len(head) < (4 if bare else 5):
                return
            (length,) = _LENGTH.unpack(head[-4:])
            yield head, file.read(length - 4)
            bare = False


def _statement(said: bytes) -> str:
    """The beginning of what is asked, for people."""
    return next(
        (" ".join(part.decode(errors="replace").split()[:4]) for part in said.split(b"\0") if part), ""
    )


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
