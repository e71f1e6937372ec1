"""Text made fit to be kept: what is stored holds no half of a pair, no secret, and nothing without an end."""

import re

from fedesk.domain.redaction import redact

TEXT_LIMIT = 4096
"""Characters that are kept of a free text: a reason, a result, a sentence."""
NAME_LIMIT = 1024
"""Characters that are kept of a name: an environment, a target, a person."""
_LOOKED_AT = 1 << 20
"""Characters of a free text that are searched for secrets; what lies beyond is never kept."""
_CUT = "<cut>"
_LONGEST_WORD = 256
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")


def kept_name(text: str, limit: int | None = NAME_LIMIT) -> str:
    """A name as it is stored: lone surrogates are U+FFFD, NUL is ``␀`` (PostgreSQL has no place for it)."""
    if not text.isascii() or "\0" in text:
        text = _NOT_STORED.sub(lambda match: "␀" if match[0] == "\0" else "\N{REPLACEMENT CHARACTER}", text)
    return text if limit is None else _cut(text, limit)


def kept_text(text: str) -> str:
    """A free text as it is stored: like a name, secrets hidden, at most TEXT_LIMIT characters.

    Secrets are hidden before the text is cut, so that no half of one is left. What was kept once stays the
    same when it is kept again.
    """
    return _cut(redact(kept_name(text[:_LOOKED_AT], None)).text, TEXT_LIMIT)


def _cut(text: str, limit: int) -> str:
    """Between words where there are some; the mark is nothing that redaction takes for a value."""
    if len(text) <= limit:
        return text
    head = text[: limit - len(_CUT)]
    word = head.rfind(" ", limit - _LONGEST_WORD) + 1
    return (head[:word] if word else head) + _CUT
