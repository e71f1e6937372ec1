"""What a log tells, and the lines it is made of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStory:
    """What a log tells: the name of a template in ``log_text`` and the words that fill it."""

    kind: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a log, written at ``at``.

    ``text`` may hold anything a task can print. Bytes that are no UTF-8 stand as surrogate escapes
    (``encode("utf-8", "surrogateescape")`` gives them back); other lone surrogates only in hostile worlds.
    """

    at: datetime
    level: str
    text: str
    logger: str = ""
    stage: str = ""
    """Node id of the stage it was written in; Jenkins only."""
