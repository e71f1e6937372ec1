"""From domain values to text: the one place where states, ages, times and names get their look.

Everything is built from plain strings as ``Content``, never from markup. Colours are theme variables, those
of Textual and the two that ``VARIABLES`` adds; each state has a glyph and a word beside its colour, so that a
monochrome terminal loses nothing. Every glyph is one cell wide and has an ASCII one beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from textual.content import Content

from fedesk.domain.states import Severity, State, Verdict
from fedesk.domain.text import one_line

if TYPE_CHECKING:
    from fedesk.domain.runs import Run

MUTED = "$foreground-muted"
DIM = "$foreground-disabled"
ACCENT = "$text-accent"
LONGEST = 2_000
"""Characters of one foreign text that are looked at; nobody reads more on one line."""


@dataclass(frozen=True, slots=True)
class Face:
    """How a state looks: glyph, the ASCII one, the word, and the style (theme variables)."""

    glyph: str
    ascii: str
    word: str
    style: str

    @property
    def mark(self) -> Content:
        """The glyph in its colour."""
        return Content.styled(self.glyph, self.style)

    @property
    def named(self) -> Content:
        """Glyph and word."""
        return Content.styled(f"{self.glyph} {self.word}", self.style)


FACES: Mapping[State, Face] = {
    State.QUEUED: Face("◷", "q", "queued", "$text-primary"),
    State.RUNNING: Face("◐", "~", "running", "$text-primary"),
    State.WAITING: Face("⏸", "=", "waiting", "$text-warning"),
    State.SUCCEEDED: Face("✓", "+", "succeeded", "$state-quiet-green"),
    State.UNSTABLE: Face("▲", "!", "unstable", "$text-warning"),
    State.FAILED: Face("✗", "x", "failed", "$text-error"),
    State.BLOCKED: Face("⊘", "#", "blocked", "$text-warning"),
    State.ABORTED: Face("■", "o", "aborted", MUTED),
    State.SKIPPED: Face("–", "-", "skipped", MUTED),
    State.UNKNOWN: Face("?", "?", "unknown", "$state-violet"),
}
_WORST_FIRST = (
    State.FAILED,
    State.UNKNOWN,
    State.BLOCKED,
    State.UNSTABLE,
    State.ABORTED,
    State.WAITING,
    State.RUNNING,
    State.QUEUED,
    State.SUCCEEDED,
    State.SKIPPED,
)
STATE_ORDER: Mapping[State, int] = {state: at for at, state in enumerate(_WORST_FIRST)}
"""What sorting by state puts first."""
VERDICTS: Mapping[Verdict, Face] = {
    Verdict.COMPLIANT: Face("✓", "+", "compliant", "$state-quiet-green"),
    Verdict.DUE: Face("▲", "!", "due", "$text-warning"),
    Verdict.OVERDUE: Face("✗", "x", "overdue", "$text-error"),
    Verdict.UNDETERMINED: Face("?", "?", "unknown age", "$state-violet"),
}
SEVERITIES: Mapping[Severity, str] = {
    Severity.PAGE: "bold $text-error",
    Severity.TICKET: "",
    Severity.LISTED: MUTED,
}
LIVE = Face("●", "*", "live", "$text-success")
STALE = Face("●", "*", "stale", "$text-warning")
CONNECTING = Face("○", "o", "connecting", MUTED)
DOWN = Face("✗", "x", "down", "$text-error")
NOTHING = Face("∅", "-", "empty", MUTED)
HELD = Face("☑", "@", "held", "$text-accent")
LONGER = Face("▲", "!", "longer than usual", "$text-warning")

HEIGHTS = "▁▂▃▄▅▆▇"
"""Cells of a run that succeeded, by its duration: the second took as long as usual, the last four times."""

VARIABLES: Mapping[bool, Mapping[str, str]] = {
    True: {
        "state-violet": "mediumpurple",
        "state-quiet-green": "darkseagreen",
        "foreground-disabled": "ansi_default",
        "on-error": "white",
    },
    False: {
        "state-violet": "indigo",
        "state-quiet-green": "darkgreen",
        "foreground-disabled": "ansi_default",
        "on-error": "white",
    },
}
"""Theme variables for dark themes (True) and light ones; a theme may set its own. Textual's themes of
a terminal's own colours lack the third; the fourth is what text on the error colour is drawn in."""

ASCII: Mapping[int, str] = str.maketrans(
    {face.glyph: face.ascii for face in FACES.values()}
    | {face.glyph: face.ascii for face in (*VERDICTS.values(), LIVE, CONNECTING, NOTHING, HELD, LONGER)}
    | dict(zip(HEIGHTS, "__.-=##", strict=True))
    | dict.fromkeys("│┃║▎▏▌▊┆", "|")
    | dict.fromkeys("─━═▔", "-")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛", "+")
    | dict(zip("…×·↑↓→█░▼“”▸•≡◆", '~x-^v>#.v"">*=*', strict=True))
)
"""One cell for one cell: what a poor terminal is given instead."""


def skeleton(width: int) -> list[Content]:
    """What stands where something is still read: grey bars."""
    return [Content.styled("░" * min(length, max(width, 0)), MUTED) for length in (34, 42, 28, 38)]


def waiting(said: str, width: int) -> list[Content]:
    """What is waited for, and bars in the place of the answer."""
    return [*Content.styled(said, MUTED).wrap(max(width, 1)), Content(), *skeleton(width)]


def dimmed(lines: Iterable[Content]) -> list[Content]:
    """What is not live, in one grey."""
    return [Content.styled(line.plain, DIM) for line in lines]


def poor_terminal(environ: Mapping[str, str], encoding: str | None) -> bool:
    """Whether only ASCII can be trusted to be drawn."""
    unicode = (encoding or "").lower().replace("-", "").replace("_", "") in {"utf8", "utf16", "utf32"}
    return environ.get("TERM", "") in {"linux", "dumb", "vt100", "vt220"} or not unicode


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC where the machine does not know it."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def text(foreign: str, limit: int = LONGEST) -> str:
    """Foreign text on one line, harmless and of bounded length."""
    return one_line(foreign[: limit * 4], limit)


def plain(foreign: str, style: str = "") -> Content:
    """Foreign text on one line as content."""
    return Content.styled(text(foreign), style)


def age(since: datetime | None, now: datetime) -> str:
    """Time since a moment in at most four cells: ``45s``, ``12m``, ``9h``, ``23d``; empty where unknown."""
    return "" if since is None else length_of(now - since)


def length_of(length: timedelta) -> str:
    """A length of time in its largest unit: ``45s``, ``12m``, ``9h``, ``23d``."""
    seconds = int(max(length, timedelta(0)).total_seconds())
    for unit, size, below in (("s", 1, 60), ("m", 60, 3_600), ("h", 3_600, 48 * 3_600)):
        if seconds < below:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"


def duration(length: timedelta | None) -> str:
    """A duration in two units: ``42s``, ``4m12s``, ``2h05m``, ``3d04h``; empty where there is none."""
    if length is None:
        return ""
    seconds = int(max(length, timedelta(0)).total_seconds())
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h"
    if hours:
        return f"{hours}h{minute:02}m"
    return f"{minutes}m{second:02}s" if minutes else f"{second}s"


def clock_time(moment: datetime | None, now: datetime, where: tzinfo) -> str:
    """``02:41`` in a zone, with the day before it where it is another day than ``now``: ``19 Nov 02:41``."""
    if moment is None:
        return ""
    there = moment.astimezone(where)
    if there.date() == now.astimezone(where).date():
        return there.strftime("%H:%M")
    day = f"{there.day} {there:%b}" + (f" {there.year}" if there.year != now.astimezone(where).year else "")
    return f"{day} {there:%H:%M}"


def until(moment: datetime | None, now: datetime) -> str:
    """``in 20s``, ``in 2h``; ``due`` when it has passed; empty where there is none."""
    if moment is None:
        return ""
    return "due" if moment <= now else f"in {length_of(moment - now)}"


def latency(seconds: float) -> str:
    """``  41ms`` or ``  1.2s``, always six cells: widths do not dance."""
    if seconds < 1:
        return f"{max(round(seconds * 1000), 1):>4}ms"
    return f"{seconds:>5.1f}s" if seconds < 1000 else " >999s"  # noqa: PLR2004 - six cells


def digest(value: str) -> str:
    """An image digest, twelve characters of its hash."""
    return text(value.removeprefix("sha256:"))[:12]


def commit(value: str) -> str:
    """A commit, eight characters."""
    return text(value)[:8]


def run_label(run: Run) -> str:
    """What a run is called beside its job: ``#1841``, or the run id of a DAG run."""
    return text(run.name.id.removeprefix(run.job).lstrip("/") or run.name.id)


def run_short(run: Run, where: tzinfo) -> str:
    """What a run is called beside others of its job: the partition it loads, else its number or id."""
    return partition(run.partition, where) if run.partition else run_label(run)


def partition(value: str, where: tzinfo) -> str:
    """A partition's day where it is a moment: the start of the data interval, in the zone."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return text(value)
    there = moment.astimezone(where) if moment.tzinfo else moment
    return f"{there:%Y-%m-%d}" if (there.hour, there.minute) == (0, 0) else f"{there:%Y-%m-%d %H:%M}"


def strip_cell(run: Run, usual: timedelta | None) -> Content:
    """One run in one cell: how long it took if it succeeded, else its glyph."""
    if run.state is not State.SUCCEEDED:
        return FACES[run.state].mark
    took = run.ended_at - run.started_at if run.started_at and run.ended_at else None
    height = 1
    if took is not None and usual:
        ratio = took / usual
        height = min(max(round(1 + (ratio - 1) * _CELLS_A_USUAL), 0), len(HEIGHTS) - 1)
    return Content.styled(HEIGHTS[height], FACES[State.SUCCEEDED].style)


def against_usual(took: timedelta | None, usual: timedelta | None) -> Content:
    """``▲ 2.1×`` where a run takes much longer than usual, muted ``0.9×`` where it does not."""
    if took is None or not usual:
        return Content()
    ratio = took / usual
    said = f"{ratio:.1f}×" if ratio < 9.95 else f"{min(ratio, 999):.0f}×"  # noqa: PLR2004 - four cells
    if ratio >= _MUCH_LONGER:
        return Content.styled(f"{LONGER.glyph} {said}", LONGER.style)
    return Content.styled(said, MUTED)


_MUCH_LONGER = 1.5
_CELLS_A_USUAL = 5 / 3
