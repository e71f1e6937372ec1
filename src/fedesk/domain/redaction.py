"""Secrets in text from outside are hidden before it is shown, copied or exported.

Each detector has a trigger, a few lower-case words of which one must occur before its pattern is tried, so
that an ordinary line costs some substring searches. Every pattern begins at a fixed word and every repetition
is bounded or possessive: time is linear in the line. Formats are those the issuers document (AWS IAM
identifiers, RFC 7519 for JWT, HashiCorp Vault token prefixes, GitHub and Slack token formats, RFC 7468 for
PEM, RFC 3986 for user information in addresses). Digests and commits are no secrets.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from fedesk.domain.text import clean, is_plain

_MARK = "[hidden: {}]"
_MARKED = "[hidden:"


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret was found. Says which detector saw it, never what it saw."""

    detector: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text with every secret replaced by a mark that names its detector, and the secrets found in order."""

    text: str
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class _Detector:
    name: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    """What it matches is hidden; where there is a group ``secret``, that group alone."""
    holds: Callable[[str], bool] = lambda _secret: True
    """Whether what was found is a secret after all."""


def _is_mixed(text: str) -> bool:
    """Random text of a base-62 or base-64 alphabet; not a word, and no hexadecimal digest."""
    return (
        any(c.isdigit() for c in text) and any(c.isupper() for c in text) and any(c.islower() for c in text)
    )


def _is_value(text: str) -> bool:
    """Not a placeholder: a mask, a reference to a variable or template, an empty value."""
    bare = text.strip("\\\"'")
    return bool(
        bare.strip("*x•.-<>?")
        and bare.lower()
        not in {"none", "null", "nil", "true", "false", "undefined", "redacted", "masked", "hidden"}
        and not bare.startswith(("${", "$(", "{{", "<", "%(", _MARKED))
    )


def _is_token_value(text: str) -> bool:
    """A value, and no word of a sentence: parsers say ``unexpected token: SELECT``."""
    bare = text.strip("\\\"'")
    return _is_value(text) and len(bare) > 3 and not (bare.isalpha() and len(bare) < 16)  # noqa: PLR2004  # lengths of words


_KEY_END = r"(?:[_-]?(?:access[_-]?key|key(?:[_-]base)?|value|content|text|id|\d{1,3}))?"
_ASSIGNED = r"\\{0,2}[\"']?\s{0,8}(?:=>|:=|[=:])\s{0,8}"
_VALUE = (
    r"(?P<secret>\\{0,2}\"[^\"]{1,4096}\"|\\{0,2}'[^']{1,4096}'"
    r"|[^\s,;&\"')}\]][^\s,;&\"'}]*+)"
)

_DETECTORS = (
    _Detector(
        "private-key",
        ("private key-----",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    ),
    _Detector(
        "aws-access-key", ("akia", "asia"), re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")
    ),
    _Detector(
        "aws-secret-key",
        ("aws", "secretaccesskey", "akia", "asia"),
        re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
        _is_mixed,
    ),
    _Detector(
        "jwt",
        ("eyj",),
        re.compile(r"(?<![A-Za-z0-9_-])eyJ[\w-]{5,}+\.[\w-]{8,}+(?:\.[\w-]*+){1,3}", re.ASCII),
    ),
    _Detector(
        "vault-token", ("hvs.", "hvb.", "hvr."), re.compile(r"(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{20,}+")
    ),
    _Detector(
        "vault-token",
        ("s.", "b."),
        re.compile(r"(?<![A-Za-z0-9._/-])[sb]\.[A-Za-z0-9]{24}(?![A-Za-z0-9])"),
        _is_mixed,
    ),
    _Detector(
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}"),
    ),
    _Detector("gitlab-token", ("glpat-",), re.compile(r"glpat-[A-Za-z0-9_-]{20,255}")),
    _Detector(
        "slack-token",
        ("xox", "hooks.slack.com"),
        re.compile(
            r"xox[abeoprs]-[A-Za-z0-9-]{10,255}|hooks\.slack\.com/services/(?P<secret>[A-Za-z0-9/]{20,255})"
        ),
    ),
    _Detector(
        "url-password",
        ("://",),
        re.compile(r"://[^\s/:@\"'<>]{0,256}+:(?P<secret>[^\s/\"'<>]{1,1024})@"),
        _is_value,
    ),
    _Detector(
        "authorization",
        ("authorization", "bearer "),
        re.compile(
            r"(?:authorization\\{0,2}[\"']?\s{0,8}[=:]\s{0,8}\\{0,2}[\"']?(?:(?:bearer|basic|token|digest|negotiate)\s{1,8})?"
            r"|\bbearer\s{1,8}(?=[\w.~+/-]{16}))(?P<secret>[^\s\"',;\\]{4,8192})",
            re.IGNORECASE,
        ),
        _is_value,
    ),
    _Detector(
        "password",
        ("pass", "pwd"),
        re.compile(
            rf"(?:password|passwd|passphrase|passcode|pwd){_KEY_END}{_ASSIGNED}{_VALUE}", re.IGNORECASE
        ),
        _is_value,
    ),
    _Detector(
        "secret",
        ("token", "secret", "key", "credential"),
        re.compile(
            rf"(?:token|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credentials?){_KEY_END}"
            rf"{_ASSIGNED}{_VALUE}",
            re.IGNORECASE,
        ),
        _is_token_value,
    ),
    _Detector(
        "password",
        ("--pass", "--token", "--secret", "--api-key"),
        re.compile(
            r"--(?:password|passphrase|token|secret|api-key)[= ]\s{0,8}(?P<secret>[^\s\-][^\s]*+)",
            re.IGNORECASE,
        ),
        _is_value,
    ),
    _Detector(
        "password",
        ("curl",),
        re.compile(r"\s(?:-u|--user)[= ]?\s{0,8}[\"']?[^\s:\"']{1,256}:(?P<secret>[^\s\"']{1,1024})"),
        _is_value,
    ),
)

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_LINES_AT_MOST = 400
"""A 16384-bit RSA key has some 200 lines; a block that never ends must not hide the rest of a log."""


def redact(line: str) -> Redacted:
    """One line, or one text, with its secrets replaced by marks like ``[hidden: jwt]``.

    An escape sequence or a character of no width may part a secret from the word that gives it away, and is
    gone when it is shown: what the text then reads like is judged, and given where it tells one.
    """
    if not is_plain(line) and (shown := _redacted(clean(line))).hits:
        return shown
    return _redacted(line)


def _redacted(line: str) -> Redacted:
    folded = line.lower()
    hits: list[Hit] = []
    for detector in _DETECTORS:
        for trigger in detector.triggers:
            if trigger in folded:
                line = _hide(line, detector, hits)
                break
    return Redacted(line, tuple(hits))


def _hide(line: str, detector: _Detector, hits: list[Hit]) -> str:
    parts: list[str] = []
    done = 0
    group = "secret" if "secret" in detector.pattern.groupindex else 0
    for match in detector.pattern.finditer(line):
        shown = group if match[group] is not None else 0
        secret = match[shown]
        if secret.startswith(_MARKED) or not detector.holds(secret):
            continue
        begin, end = match.span(shown)
        parts += (line[done:begin], _MARK.format(detector.name))
        hits.append(Hit(detector.name))
        done = end
    return "".join((*parts, line[done:]))


class LineRedactor:
    """Redacts a log line by line and also hides the body of a private key that runs over several lines."""

    __slots__ = ("_key_lines",)

    def __init__(self) -> None:
        self._key_lines = 0

    def __call__(self, line: str) -> Redacted:
        """The next line of the log, redacted. A key counts as one hit, at its first line."""
        if self._key_lines:
            end = _KEY_ENDS.search(line)
            if end is None:
                self._key_lines = (self._key_lines + 1) % _KEY_LINES_AT_MOST
                return Redacted(_MARK.format("private-key"))
            self._key_lines = 0
            rest = self(line[end.end() :])
            return Redacted(_MARK.format("private-key") + rest.text, rest.hits)
        if "-----BEGIN " in line:
            begins = [match.end() for match in _KEY_BEGINS.finditer(line)]
            if begins and _KEY_ENDS.search(line, begins[-1]) is None:
                self._key_lines = 1
        return redact(line)
