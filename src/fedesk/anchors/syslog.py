"""A syslog receiver as a sink (RFC 5424), over UDP, TCP (counted frames, RFC 6587) or a local socket.

It is written to and cannot be read back. Over UDP and a local datagram socket nobody says that it arrived.
"""

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from fedesk.ports.errors import ProtocolError, UnreachableError

SECONDS = 5.0
PRIORITY = 10 * 8 + 5
"""Facility authpriv, severity notice."""
MESSAGE_ID = "checkpoint"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go."""

    transport: Literal["udp", "tcp", "unix"]
    place: str
    """A host, or the path of a socket."""
    port: int = 0

    def __str__(self) -> str:
        return (
            f"unix://{self.place}"
            if self.transport == "unix"
            else f"{self.transport}://{self.place}:{self.port}"
        )


class SyslogAnchor:
    """``ports.anchoring.Anchor``, for writing alone."""

    def __init__(self, receiver: Receiver, *, seconds: float = SECONDS) -> None:
        self._receiver = receiver
        self._seconds = seconds

    def put(self, log: str, seq: int, line: bytes) -> None:
        """Send one message. Raises UnreachableError where it certainly did not arrive."""
        del log, seq
        sent = message(line, datetime.now(UTC), socket.gethostname(), os.getpid())
        try:
            self._send(sent)
        except OSError as error:
            said = error.strerror or str(error) or type(error).__name__
            raise UnreachableError(
                f"syslog at {self._receiver} cannot be reached: {said}. "
                "See whether it receives, and audit.anchors.address."
            ) from None

    def _send(self, sent: bytes) -> None:
        receiver = self._receiver
        match receiver.transport:
            case "tcp":
                with socket.create_connection((receiver.place, receiver.port), self._seconds) as stream:
                    stream.sendall(b"%d %s" % (len(sent), sent))
                    stream.shutdown(socket.SHUT_WR)
                    # Whoever has closed its side has taken all: a receiver that is gone resets here.
                    _drain(stream)
            case "udp":
                family, kind, number, _, address = socket.getaddrinfo(
                    receiver.place, receiver.port, type=socket.SOCK_DGRAM
                )[0]
                with socket.socket(family, kind, number) as datagram:
                    datagram.settimeout(self._seconds)
                    datagram.sendto(sent, address)
            case "unix":
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
                    datagram.settimeout(self._seconds)
                    datagram.connect(receiver.place)
                    datagram.sendall(sent)

    def lines(self, log: str) -> tuple[bytes, ...]:
        """Raises ProtocolError: syslog is not read back."""
        del log
        raise ProtocolError(
            f"syslog at {self._receiver} cannot be read back. Give what it has kept to "
            "`fedesk audit verify --checkpoints FILE`."
        )

    def close(self) -> None:
        """Nothing is held."""


def _drain(stream: socket.socket) -> None:
    """Wait for the other side's end, a moment at most: many receivers keep their side open."""
    stream.settimeout(0.2)
    try:
        while stream.recv(1024):
            pass
    except TimeoutError:
        return


def message(line: bytes, at: datetime, host: str, pid: int) -> bytes:
    """The message of RFC 5424; the line is its text, ASCII, behind the last space of the header."""
    name = "".join(character if "!" <= character <= "~" else "-" for character in host)[:255] or "-"
    time = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f"<{PRIORITY}>1 {time} {name} fedesk {pid} {MESSAGE_ID} - ".encode("ascii") + line
