"""What a first connection is tried with: a knock that says nothing of who one is, and what to choose from."""

from dataclasses import dataclass
from typing import Protocol

from fedesk.ports.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """Something of the kind that was meant answered."""

    version: str = ""
    """As the system says it; empty where it does not."""


class Door(Protocol):
    """An address, asked without a credential."""

    def knock(self) -> Knock:
        """Ask who is there; raises SourceError, ProtocolError where it is another system than was meant."""

    def close(self) -> None:
        """Let go of sockets; never waits for the network."""


class PartSource(Source, Protocol):
    """A system of which an environment may hold a part."""

    def parts(self) -> tuple[str, ...]:
        """Names by which a part is told, in order: folders, tags, mounts. Raises SourceError."""
