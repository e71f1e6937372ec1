"""Which line of a log matters: errors are found as lines arrive, and one of them tells why the run failed.

A line is judged by its first characters alone, so a megabyte line costs what a short one costs. Phrases are
those that dbt, Python, Airflow, Jenkins, Kubernetes, Docker, pip and PostgreSQL clients print. A wrapper
("Bash command failed", "script returned exit code 1") says that something failed and ranks below what says
why.
"""

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

LOOKED_AT = 2_000
"""Characters of a line that are judged."""
ERRORS_KEPT = 1_000_000
"""Error lines of one log that are remembered by number, in eight bytes each."""


class Sign(StrEnum):
    """What kind of trouble a line speaks of."""

    RESOURCES = "resources"
    DATA_TEST = "data test"
    CHECKSUM = "checksum"
    SQL = "sql"
    POLICY = "policy"
    TIMEOUT = "timeout"
    NETWORK = "network"
    TEST = "test"
    EXCEPTION = "exception"
    FATAL = "fatal"
    ERROR = "error"
    WRAPPER = "wrapper"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that speaks of trouble. The heavier, the more it tells; of equals the first is taken."""

    sign: Sign
    weight: int


_WEIGHTS = {
    Sign.RESOURCES: 95,
    Sign.DATA_TEST: 90,
    Sign.CHECKSUM: 90,
    Sign.SQL: 88,
    Sign.POLICY: 84,
    Sign.TIMEOUT: 80,
    Sign.NETWORK: 78,
    Sign.TEST: 76,
    Sign.EXCEPTION: 74,
    Sign.FATAL: 72,
    Sign.ERROR: 60,
    Sign.WRAPPER: 30,
    Sign.ENDING: 20,
}

# In this order, the first that fits is taken: what says how it ended before what merely says "failed".
_PHRASES: tuple[tuple[Sign, tuple[str, ...]], ...] = (
    (
        Sign.RESOURCES,
        (
            r"\boomkilled|out of memory|outofmemoryerror|\bmemoryerror\b|cannot allocate memory",
            r"no space left on device|disk quota|too many open files|\bevicted\b.{0,80}\bmemory|\bsigkill\b",
            r"\b(?:code|status)[:= ]{1,3}137\b|^(?:.{0,200}: line \d+: +\d+ )?killed\b",
        ),
    ),
    (
        Sign.ENDING,
        (
            r"script returned exit code -?[1-9]|^finished: (?:failure|aborted)|marked build as failure",
            r"\bexited with (?:return )?(?:code )?-?[1-9]",
            r"completed with exit code -?[1-9]|marking task as failed",
            r"\bdone\. pass=\d+ warn=\d+ error=[1-9]",
            r"\bcompleted with [1-9]\d* error|failed with exit code [1-9]",
        ),
    ),
    (
        Sign.WRAPPER,
        (
            r"\bbash command failed|non-zero exit (?:code|status)",
            r"calledprocesserror|task failed with exception",
            r"\berror: command .{0,200} failed|\bmake: \*\*\* ",
        ),
    ),
    (
        Sign.DATA_TEST,
        (
            r"\bfailure in (?:test|unit_test|snapshot|model) |^\s*got \d+ results?, configured to fail",
            r"validation failed|expectation.{0,60} failed",
            r"data.quality.{0,60} failed|schema (?:check failed|mismatch)",
        ),
    ),
    (
        Sign.CHECKSUM,
        (
            r"(?:checksum|digest|sha-?256|hash)(?:es)?\b.{0,80}(?:mismatch|(?:do|does|did) not match|differ)",
            r"\bmismatch(?:ed)? (?:checksum|digest|hash)|do not match the hashes",
        ),
    ),
    (
        Sign.SQL,
        (
            r"\b(?:database|compilation|runtime|parsing) error in (?:test|model|seed|snapshot|macro|source)",
            r"\bsql compilation error|programmingerror\b|\bsyntax error\b|invalid identifier|\bora-\d{5}",
        ),
    ),
    (
        Sign.POLICY,
        (
            r"permission denied|access ?denied|insufficient privileges",
            r"not authorized|\bforbidden\b|\bunauthorized\b",
            r"\bpolic(?:y|ies)\b.{0,60}\b(?:denied|violat|failed|blocked)",
            r"\badmission webhook\b.{0,80}\bdenied",
            r"authentication failed|invalid credentials",
        ),
    ),
    (
        Sign.TIMEOUT,
        (
            r"\btimed out\b|\btimeouterror|tasktimeout|\bdeadline exceeded",
            r"\btimeout (?:after|expired|reached|exceeded|has been exceeded)",
        ),
    ),
    (
        Sign.NETWORK,
        (
            r"connection (?:refused|reset|aborted)|could not resolve",
            r"temporary failure in name|no route to host",
            r"name or service not known|\btoo many requests\b",
            r"\bmax retries exceeded|http/\d(?:\.\d)?\"? 5\d\d\b",
            r"\b(?:http|status|code|response)\b[^0-9]{0,20}\b5\d\d\b",
            r"\b5\d\d (?:server error|internal server|bad gateway|service unavail|gateway time)",
        ),
    ),
    (Sign.TEST, (r"^e   +\S|^failed \S+::\S|^fail: |\bassertionerror\b|^--- fail: ",)),
    (
        Sign.EXCEPTION,
        (
            r"^(?:[a-z_][\w.]{0,200}\.)?[a-z_]\w{0,100}(?:error|exception|fault|interrupt): \S",
            r"^caused by: |\bexception in thread\b|hudson\.abortexception|\bjava\.[\w.]{1,100}exception",
        ),
    ),
    (
        Sign.FATAL,
        (r"(?<![\w-])fatal\b|\bpanic:|\bcritical:|\bsegmentation fault|core dumped|\bunrecoverable\b",),
    ),
    (
        Sign.ERROR,
        (r"(?<![\w./'\"-])errors?(?=[\]:\s,.!]|$)|\berr!|(?<!['\"-])\b(?:failed|failure|fail)\b(?!['\"=])",),
    ),
)

_RULES = tuple((sign, re.compile("|".join(patterns), re.IGNORECASE)) for sign, patterns in _PHRASES)

_TRIGGERS = (
    *("err", "fail", "fatal", "panic", "critical", "exception", "fault", "interrupt", "dumped", "unrecover"),
    *("denied", "forbid", "authoriz", "privileges", "credentials", "killed", "137", "memory", "space left"),
    *("quota", "evicted", "too many", "timed out", "timeout", "exceeded", "mismatch", "not match", "differ"),
    *(
        "exit",
        "refused",
        "reset",
        "aborted",
        "resolve",
        "no route",
        "not known",
        "retries",
        "http/",
        "status",
    ),
    *("code 5", "code: 5", "code=5", "http 5", "response", "bad gateway", "service unavail", "got "),
    *("invalid id", "ora-", "caused by", "make: ", "severe", "e   ", "sigkill", "violat", "blocked"),
    *("gateway time", " 50", ":50", "=50", " 52"),
)
"""Lower-case words of which a line must hold one to be judged at all: plain searches let most lines pass."""
PHRASES: tuple[str, ...] = (
    *(phrase for _, phrases in _PHRASES for phrase in phrases),
    r"\b(?:error|fatal|critical|severe)\b",
)
"""Regular expressions, whatever the case: one fits in every line that is marked. The last are levels."""
TRACEBACK = "Traceback (most recent call last):"
"""What begins a traceback of Python: the lines that follow it are judged whatever they hold."""

# What loggers put before a message: Airflow's ``[time] {file:line} LEVEL - ``, dbt's ``HH:MM:SS  ``, Jenkins'
# ``[time] `` and ``[branch] ``, Maven's ``[LEVEL] ``.
_LEVELS = "(?:DEBUG|TRACE|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE)"
_PREFIX = re.compile(
    r"\s{0,8}(?:\[?\d{4}-\d\d-\d\d[T ]\d[\d:.,]{4,20}(?:Z|[+-]\d\d:?\d\d| UTC)?\]?\s*+)?"
    rf"(?:\[\d\d:\d\d:\d\d(?:\.\d+)?\]\s*+)?(?:\[(?!{_LEVELS}\])[\w ./:-]{{1,60}}\]\s*+)?"
    rf"(?:\{{[^}}\n]{{1,80}}\}}\s*+)?(?P<level>\[?{_LEVELS}\b\]?(?:\s?[-:|]\s|\s))?"
    r"\s{0,4}(?:\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?\s{1,2})?"
)
_LEVEL = re.compile(
    r"\s*\[?(?P<level>(?i:DEBUG|TRACE|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE)(?=\]|:|\s-\s)"
    r"|(?:DEBUG|TRACE|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE)(?=\s))"
)
_QUIET_LEVELS = ("DEBUG", "TRACE", "NOTICE", "WARN")
_LOUD_LEVELS = ("ERROR", "FATAL", "CRITICAL", "SEVERE")

_NOISE = re.compile(
    r"\b(?:0|no|zero|without|ignor\w{0,4}|any) (?:\w{1,20} )?"
    r"(?:errors?|failures?|failed|mismatch\w{0,4}|denied|violations?|timeouts?)\b"
    r"|\b(?:errors?|failures?|failed|fail|critical)[=: ]{1,3}0\b"
    r"|\b(?:errors?|failures?)\b[^:\n]{0,60}: (?:none|0)\b"
    r"|\berror[- _]?(?:handl\w*|level|rate|budget|log|count|threshold|mode|page|message|reporting)\b"
    r"|\berror code[=: ]{1,3}0\b|\bfail(?:ed|ure|ing)?[- _](?:fast|over|safe|silent\w*)"
    r"|\b(?:on|if|for|after|upon)[-_ ](?:error|fail(?:ed|ure)?)s?\b|\bset -e|\berrexit\b"
    r"|--(?:\w[\w-]{0,30}-)?(?:error|fail)\w*"
    r"|\b(?:exit|return) (?:code|status):? 0\b|\btimeout(?:=|: | set to | of )",
    re.IGNORECASE,
)
"""Words of trouble that speak of none: counts of zero, options, names of settings."""

_REPEATED = re.compile(
    r"\bwill (?:retry|be retried)\b|\bretrying\b|\bup_for_retry\b|\bretry (?:in|after) \d", re.IGNORECASE
)
"""An attempt that is made again is not why a run failed."""

_SHELL_TRACE = re.compile(r"\++ \S")
_EXCEPTION_LINE = re.compile(r"(?:[A-Za-z_][\w.]{0,200}\.)?[A-Z_a-z]\w{0,100}(?::|$)")


def _split(line: str) -> tuple[str, str]:
    """(level in capitals or "", message) of a line's beginning."""
    head = line[:LOOKED_AT]
    match = _PREFIX.match(head)
    if match is None:
        return "", head
    level = (match["level"] or "").strip(" -:|[]")
    return level, head[match.end() :]


def message_of(line: str) -> str:
    """A line's beginning without what its loggers put before the message: time, place, level."""
    return _split(line)[1]


def _indent_of(line: str) -> int:
    """White space in front of a message's first character, behind what its loggers put before it."""
    head = line[:LOOKED_AT]
    before = head[: len(head) - len(message_of(line).lstrip())]
    return len(before) - len(before.rstrip())


def mark_of(line: str) -> Mark | None:
    """How a line by itself speaks of trouble; None where it does not."""
    folded = line[:LOOKED_AT].lower()
    for trigger in _TRIGGERS:
        if trigger in folded:
            return _judge(line)
    return None


def _judge(line: str) -> Mark | None:
    level, message = _split(line)
    own = _LEVEL.match(message)
    if level in {"", "INFO"} and own is not None:
        level = own["level"].upper()
    if level.startswith(_QUIET_LEVELS) or _SHELL_TRACE.match(message) or _REPEATED.search(message):
        return None
    bare = _NOISE.sub(" ", message)
    for sign, pattern in _RULES:
        if pattern.search(bare):
            return Mark(sign, _WEIGHTS[sign])
    if level.startswith(_LOUD_LEVELS) and bare.strip():
        return Mark(Sign.ERROR, _WEIGHTS[Sign.ERROR])
    return None


class LogScan:
    """What is known of a log so far: fed line by line, in order; lines count from 0."""

    __slots__ = ("_traceback", "_weight", "errors", "lines", "sign", "telling")

    def __init__(self) -> None:
        self.lines = 0
        self.errors = array("Q")
        """Numbers of the lines that speak of trouble, in order; the first ``ERRORS_KEPT`` of them."""
        self.telling: int | None = None
        """The line that says why."""
        self.sign: Sign | None = None
        """What kind of trouble the telling line speaks of."""
        self._weight = 0
        self._traceback: int | None = None
        """The indent of the traceback that one is in."""

    @property
    def in_traceback(self) -> bool:
        """Whether the next line is judged whatever it holds."""
        return self._traceback is not None

    def skip(self, lines: int) -> None:
        """Pass over so many lines that hold no trigger; none may be in a traceback."""
        self.lines += lines

    def feed(self, lines: Iterable[str]) -> None:
        """Take the next lines."""
        for line in lines:
            mark = self._judge(line)
            if mark is not None:
                if len(self.errors) < ERRORS_KEPT:
                    self.errors.append(self.lines)
                if mark.weight > self._weight:
                    self.telling, self.sign, self._weight = self.lines, mark.sign, mark.weight
            self.lines += 1

    def _judge(self, line: str) -> Mark | None:
        if TRACEBACK in line[:LOOKED_AT]:
            self._traceback = _indent_of(line)
            return None
        if self._traceback is None:
            return mark_of(line)
        message = message_of(line)
        # Frames stand deeper than the traceback's first line, what was raised does not.
        if not message.strip() or _indent_of(line) > self._traceback:
            return None
        self._traceback = None
        mark = mark_of(message)
        if _EXCEPTION_LINE.match(message) and (mark is None or mark.sign in {Sign.ERROR, Sign.FATAL}):
            return Mark(Sign.EXCEPTION, _WEIGHTS[Sign.EXCEPTION])
        return mark
