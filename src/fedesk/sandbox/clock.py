"""The sandbox's clock: real time unless the tests hold it still, and how chance is had from a seed."""

import hashlib
import struct
import threading
from datetime import UTC, datetime, timedelta


class WorldClock:
    """Aware UTC. Runs with real time, or stands still once frozen; may be set and advanced either way."""

    def __init__(self, frozen_at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._frozen = frozen_at
        self._shift = timedelta(0)

    def now(self) -> datetime:
        """The moment it is in the world."""
        with self._lock:
            return self._frozen or datetime.now(UTC) + self._shift

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen is not None

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still, here or at ``at``."""
        moment = at or self.now()
        with self._lock:
            self._frozen = moment

    def run(self) -> None:
        """Go on from the present moment at the pace of real time."""
        with self._lock:
            if self._frozen is not None:
                self._shift = self._frozen - datetime.now(UTC)
                self._frozen = None

    def set(self, at: datetime) -> None:
        """Jump to a moment; frozen stays frozen."""
        with self._lock:
            if self._frozen is None:
                self._shift = at - datetime.now(UTC)
            else:
                self._frozen = at

    def advance(self, by: timedelta) -> None:
        """Jump by a span, negative ones included; frozen stays frozen."""
        with self._lock:
            if self._frozen is None:
                self._shift += by
            else:
                self._frozen += by


def fractions(*parts: object) -> tuple[float, float, float, float]:
    """Four numbers in [0, 1) that follow from ``parts`` alone, on every machine and in every process."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()
    a, b, c, d = struct.unpack("<4I", digest)
    return a / 2**32, b / 2**32, c / 2**32, d / 2**32


def hexadecimal(length: int, *parts: object) -> str:
    """A hexadecimal text of ``length`` (at most 64) that follows from ``parts`` alone."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:length]
