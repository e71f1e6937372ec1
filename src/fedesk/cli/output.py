"""How the command line prints: documents for programs, tables that fit the width for people.

Text of tables is cleaned of whatever a terminal would act on. Documents keep names as they are: JSON writes
every character that is not ASCII as an escape.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TextIO
from zoneinfo import ZoneInfo

from fedesk.domain.states import FailureKind
from fedesk.domain.text import cell_width, clip, one_line
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.observation import Failure

Json = str | int | float | bool | None | Sequence["Json"] | dict[str, "Json"]

_LONGEST_CELL = 400
_LONGEST_LINE = 2000
_GAP = 2
_NARROWEST = 8
_SHORTEST_TEXT = 24
ALWAYS = 9
"""Importance of a column that is never dropped."""
_FEW_DAYS = 10
"""Below these, hours are told too."""
_COLOURS = {
    "failed": 31,
    "overdue": 31,
    "blocked": 31,
    "read-only": 33,
    "stale": 33,
    "due": 33,
    "unstable": 33,
    "waiting": 33,
    "running": 34,
    "queued": 34,
    "connecting": 34,
    "succeeded": 32,
    "live": 32,
    "compliant": 32,
    "unknown": 35,
    "undetermined": 35,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table."""

    title: str
    importance: int
    """The lowest is dropped first where the width does not do; those of ALWAYS stay."""
    is_text: bool = False
    """Whether it may be cut short before any column is dropped."""
    align: Literal["left", "right"] = "left"


def document(schema: str, environment: str | None, observed_at: datetime | None, **fields: Json) -> None:
    """Print one JSON document: ``schema``, ``environment``, ``observed_at``, then its own fields."""
    whole = {**_head(schema, environment, observed_at), **fields}
    sys.stdout.write(json.dumps(_well_formed(whole), indent=2) + "\n")


def on_one_line(schema: str, environment: str | None, observed_at: datetime | None, **fields: Json) -> str:
    """The same document as one line of ASCII, to be printed among other words."""
    return json.dumps(_well_formed({**_head(schema, environment, observed_at), **fields}))


def records(schema: str, environment: str | None, observed_at: datetime | None, **fields: Json) -> None:
    """Print the same document as one JSON record a line.

    A line is the document with one item in place of its lists, under the singular of the list's noun.
    """
    lists = {name: value for name, value in fields.items() if isinstance(value, list)}
    head = _head(schema, environment, observed_at)
    head |= {name: value for name, value in fields.items() if name not in lists}
    for name, items in lists.items():
        for item in items:
            sys.stdout.write(json.dumps(_well_formed({**head, singular(name): item})) + "\n")


def singular(noun: str) -> str:
    """``run`` of ``runs``, ``entry`` of ``entries``."""
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def _head(schema: str, environment: str | None, observed_at: datetime | None) -> dict[str, Json]:
    return {"schema": schema, "environment": environment, "observed_at": instant(observed_at)}


def _well_formed(value: Json) -> Json:
    """The same without lone surrogates, which are no Unicode text (RFC 8259 §8.2)."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {key: _well_formed(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_well_formed(item) for item in value]
    return value


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond where it has any."""
    if at is None:
        return None
    utc = at.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def seconds(length: timedelta | None) -> float | None:
    """A duration for a document, in seconds."""
    return None if length is None else round(length.total_seconds(), 3)


def when(at: datetime | None, zone: str) -> str:
    """A moment for a table, on the environment's clocks."""
    return "" if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def duration(length: timedelta | None) -> str:
    """``4m12s``, ``2h05m``, ``61d``; empty for None."""
    if length is None:
        return ""
    sign, total = ("-", -length) if length < timedelta(0) else ("", length)
    minutes, rest = divmod(int(total.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d{hours:02}h" if days < _FEW_DAYS else f"{sign}{days}d"
    if hours:
        return f"{sign}{hours}h{minutes:02}m"
    return f"{sign}{minutes}m{rest:02}s" if minutes else f"{sign}{rest}s"


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print a table that fits the terminal, or whole where there is none; ``empty`` stands for no rows."""
    cleaned = [[one_line(cell, _LONGEST_CELL) for cell in row] for row in rows]
    if not cleaned:
        sys.stdout.write(f"{empty}\n")
        return
    for line in lay_out(columns, cleaned, _width(sys.stdout), colour=has_colour(sys.stdout)):
        sys.stdout.write(f"{line}\n")


def lay_out(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None, *, colour: bool
) -> list[str]:
    """Lines of a table within ``width`` cells: texts are cut first, then columns dropped by importance."""
    kept = list(range(len(columns)))
    widths = [
        max([_cells(column.title), *(_cells(row[at]) for row in rows)]) for at, column in enumerate(columns)
    ]
    if width is not None:
        least = [
            min(widths[at], _SHORTEST_TEXT) if column.is_text else widths[at]
            for at, column in enumerate(columns)
        ]
        while _total(kept, least) > width and any(columns[at].importance < ALWAYS for at in kept):
            kept.remove(min(kept, key=lambda at: (columns[at].importance, -at)))
        _cut([at for at in kept if columns[at].is_text], kept, widths, width, _SHORTEST_TEXT)
        _cut(kept, kept, widths, width, _NARROWEST)
    titles = [column.title for column in columns]
    return [_line(columns, row, kept, widths, colour=colour and row is not titles) for row in (titles, *rows)]


def _cut(some: Sequence[int], kept: Sequence[int], widths: list[int], width: int, least: int) -> None:
    """Take from the widest of some columns until the whole fits, or none of them is wider than ``least``."""
    while some and _total(kept, widths) > width:
        widest = max(some, key=lambda at: widths[at])
        if widths[widest] <= least:
            return
        widths[widest] -= 1


def _total(kept: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[at] for at in kept) + _GAP * (len(kept) - 1)


def _cells(text: str) -> int:
    return len(text) if text.isascii() else sum(cell_width(character) for character in text)


def _line(
    columns: Sequence[Column], row: Sequence[str], kept: Sequence[int], widths: Sequence[int], *, colour: bool
) -> str:
    parts = []
    for at in kept:
        text = clip(row[at], widths[at])
        padding = " " * (widths[at] - _cells(text))
        shown = painted(text) if colour else text
        parts.append(padding + shown if columns[at].align == "right" else shown + padding)
    return (" " * _GAP).join(parts).rstrip()


def painted(word: str) -> str:
    """A state's word in its colour; any other text as it is."""
    code = _COLOURS.get(word)
    return word if code is None else f"\x1b[{code}m{word}\x1b[0m"


def has_colour(stream: TextIO) -> bool:
    """Whether colours are shown: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width(stream: TextIO) -> int | None:
    """Cells of a line; None where nothing limits it."""
    if os.environ.get("COLUMNS", "").isdecimal() or stream.isatty():
        return max(shutil.get_terminal_size().columns, _NARROWEST)
    return None


def line(text: str) -> None:
    """Print one line, cleaned of whatever a terminal would act on."""
    sys.stdout.write(f"{one_line(text, _LONGEST_LINE)}\n")


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print what is known of one thing: a word a line, and what it is beside it; whole, for it is read."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        sys.stdout.write(f"{name:<{width}}  {one_line(text, _LONGEST_LINE)}\n")


def harmless(text: str) -> str:
    """A text on one line, whole, without whatever a terminal would act on."""
    return one_line(text, len(text) + 1)


def blank() -> None:
    """An empty line between two tables."""
    sys.stdout.write("\n")


def narrate(sentence: str) -> None:
    """A sentence for the person, on stderr: it is no data."""
    sys.stderr.write(f"{one_line(sentence, _LONGEST_LINE)}\n")


def exit_for(failures: "Iterable[Failure]") -> Exit:
    """The exit code for what stood in the way: a missing credential, fedesk itself, a system."""
    kinds = {failure.kind for failure in failures}
    if FailureKind.CREDENTIAL in kinds:
        return Exit.USAGE
    if FailureKind.FAULT in kinds:
        return Exit.FAULT
    return Exit.UNREACHABLE if kinds else Exit.DONE
