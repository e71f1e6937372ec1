"""A line of bash up to the cursor as words, and an answer as bash puts it in.

Bash gives a completion its line, and replaces with the answer what stands behind the last character of
``COMP_WORDBREAKS``, or behind an open quote. So ``prod/airflow:pay`` is answered with ``payments_daily``.
What is put in is quoted here, since bash quotes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

_PLAIN = frozenset("_./:+=@%,-")
_ENDS = ";|&()<>"


@dataclass(slots=True)
class Line:
    """A line up to the cursor."""

    words: list[str] = field(default_factory=list)
    """Whole words, quotes taken off; the last is the one being typed, empty behind a blank."""
    quote: str = ""
    """The quote that is open there."""
    fixed: int = 0
    """Characters of the last word that bash leaves as they are."""

    def put_in(self, texts: Iterable[str]) -> list[str]:
        """What bash is to put behind the fixed part for each of some words that the last one may become."""
        return [put for text in texts if (put := self._quoted(text[self.fixed :])) is not None]

    def _quoted(self, text: str) -> str | None:
        """The text as it has to be typed; None where that cannot be in the quote that is open."""
        if self.quote == "'":
            return None if "'" in text else text
        if self.quote == '"':
            # A history expansion cannot be kept from happening there.
            return None if "!" in text else "".join(f"\\{one}" if one in '\\"$`' else one for one in text)
        return "".join(one if one.isalnum() or one in _PLAIN else f"\\{one}" for one in text)


def split(text: str, breaks: str) -> Line:
    """Read a line; ``breaks`` is ``COMP_WORDBREAKS``."""
    line = Line(words=[""])
    escaped = False
    for one in text:
        if escaped:
            escaped = False
            line.words[-1] += one if not line.quote or one in '\\"$`' else f"\\{one}"
        elif one == "\\" and line.quote != "'":
            escaped = True
        elif line.quote:
            if one == line.quote:
                line.quote = ""
            else:
                line.words[-1] += one
        elif one in "'\"":
            line.quote, line.fixed = one, len(line.words[-1])
        elif one.isspace() or one in _ENDS:
            if line.words[-1]:
                line.words.append("")
            line.fixed = 0
        else:
            line.words[-1] += one
            if one in breaks:
                line.fixed = len(line.words[-1])
    return line
