"""What went wrong with one connection, as a value: the others' answers are there all the same."""

from dataclasses import replace

from fedesk.domain.observation import Failure
from fedesk.domain.states import FailureKind
from fedesk.ports.errors import SourceError
from fedesk.services.hiding import hidden


def failure_of(error: Exception, doing: str) -> Failure:
    """The system's own failure, or a fault of fedesk's while ``doing``; secrets hidden."""
    if isinstance(error, SourceError):
        failure = error.failure
    else:
        sentence = f"fedesk failed while {doing}: {type(error).__name__}; report it"
        failure = Failure(kind=FailureKind.FAULT, sentence=sentence)
    return replace(failure, sentence=hidden(failure.sentence))
