"""What services need to follow an operation through the systems."""

from typing import Protocol

from fedesk.domain.traces import Looked, Sought


class TraceSource(Protocol):
    """A system that may carry an operation's id. Raises SourceError; changes nothing."""

    def trace(self, sought: Sought) -> Looked:
        """Everything it says of an operation; what could not be looked at is among the limits."""
