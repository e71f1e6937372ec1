"""What is looked for in a log: a text as it is typed, or a regular expression that takes linear time.

RE2 tries no alternatives one after the other: whatever is typed, a line of a megabyte takes milliseconds. It
has no backreferences and no lookaround, and says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

from fedesk.domain.log_lines import PHRASES, TRACEBACK

_MEMORY = 64 * 1024 * 1024
"""Bytes that RE2 may use for what it has compiled."""
_CONDITION = re.compile(r"(?<!\[)\^|\(\?<?[!=](?:\[(?:\\.|[^\]\\])*\]|\\.|[^()\[\]\\])*\)")


class PatternError(Exception):
    """What was typed is no pattern that RE2 takes; the sentence says why."""


def _compiled(pattern: bytes, *, ignore_case: bool, literal: bool = False) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = not ignore_case
    options.literal = literal
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(pattern, options)


def suspects() -> Any:
    """Finds in bytes what may make a line an error line (``domain.log_lines``): all of them, and a few more.

    RE2 looks for all phrases in one pass. It has no lookaround, and the beginning of a message is not that of
    its line, so conditions of both kinds are left out.
    """
    phrases = [_CONDITION.sub("", phrase) for phrase in PHRASES]
    return _compiled("|".join((*phrases, re2.escape(TRACEBACK))).encode(), ignore_case=True)


@dataclass(frozen=True)
class LogPattern:
    """What a line has to hold. Made by ``text`` or ``expression``."""

    typed: str
    ignore_case: bool
    literal: bool

    @classmethod
    def text(cls, typed: str, *, ignore_case: bool | None = None) -> "LogPattern":
        """A text as it is; case counts where it has a capital letter, unless ``ignore_case`` says."""
        return cls(typed, typed == typed.lower() if ignore_case is None else ignore_case, literal=True)

    @classmethod
    def expression(cls, typed: str, *, ignore_case: bool = False) -> "LogPattern":
        """A regular expression of RE2; raises PatternError."""
        made = cls(typed, ignore_case, literal=False)
        _ = made._search
        return made

    @cached_property
    def _search(self) -> Any:
        options = re2.Options()
        options.case_sensitive = not self.ignore_case
        options.literal = self.literal
        options.log_errors = False
        options.max_mem = _MEMORY
        try:
            return re2.compile(self.typed, options)
        except (re2.error, UnicodeEncodeError) as error:
            said = error.args[0] if error.args else error
            why = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
            raise PatternError(f"{self.typed!r} is no regular expression of RE2: {why}") from None

    @cached_property
    def _in_page(self) -> Any:
        """The expression for a page of lines at once; None where it speaks of the text's beginning or end."""
        if not self.typed.isascii() or "\\A" in self.typed or "\\z" in self.typed:
            return None
        return _compiled(f"(?m:{self.typed})".encode(), ignore_case=self.ignore_case)

    @cached_property
    def _folded(self) -> str:
        return self.typed.lower() if self.ignore_case else self.typed

    def in_line(self, line: str) -> bool:
        """Whether a line as it is shown holds it."""
        if self.literal:
            return self._folded in (line.lower() if self.ignore_case else line)
        return self._search.search(line) is not None

    def may_be_in(self, page: bytes) -> bool:
        """Whether some line of a page of printable ASCII may hold it; no promise that one does."""
        if not self.literal:
            return self._in_page is None or self._in_page.search(page) is not None
        if not self.typed.isascii():
            return False
        return self._folded.encode() in (page.lower() if self.ignore_case else page)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it stands in a piece of a line, in characters; matches of nothing are left out."""
        if self.typed:
            yield from (found.span() for found in self._search.finditer(text) if found.end() > found.start())
