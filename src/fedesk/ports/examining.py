"""Examining a connection: what its server is, and what one may do there. Nothing is changed by it."""

from typing import Protocol

from fedesk.domain.examination import Chain, Examination
from fedesk.ports.sources import IdentitySource


class ExaminedSource(IdentitySource, Protocol):
    """A system that can be examined. Raises SourceError; blocking, on the bulkhead's threads only."""

    def chain(self) -> Chain:
        """The certificates that the server presents, trusted or not. Needs no login, and raises nothing."""

    def examine(self) -> Examination:
        """Version, latency, clock and rights, by requests that change nothing whatever they are answered."""
