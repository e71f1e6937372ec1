"""What a list is made of, as values: columns, rows, what is said beside them, and how they are arranged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from textual.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fedesk.ui.actions import Target

Subject = TypeVar("Subject")
Subject_contra = TypeVar("Subject_contra", contravariant=True)

MARK = "◆"
GAP = 1
"""Cells between two columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its width in cells, and what goes first where there is no room."""

    title: str
    width: int
    importance: int = 9
    """Columns of the lowest importance are dropped first; 9 stays."""
    right: bool = False
    grow: int = 0
    """Share of the room that is left over; ``width`` is then the least."""
    name: str = ""
    """What it is called where it has no title."""
    number: bool = False
    """Whether ``Row.numbers`` orders it, and not what is displayed."""
    sorts: bool = True
    """Whether rows can be sorted by it."""

    @property
    def sorts_by(self) -> str:
        """The name by which rows are sorted by it; empty where they cannot be."""
        return (self.name or self.title) if self.sorts else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a stable key, a cell for each column, and what an action on it is aimed at."""

    key: str
    cells: tuple[Content, ...]
    target: Target
    dim: bool = False
    """Drawn dimmed: what it shows is not live."""
    gone: bool = False
    """Drawn struck: it is no longer there, and keeps its place until the list is let go."""
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    """What orders the columns of numbers, by their names."""

    @property
    def words(self) -> str:
        """What the filter looks in: all that is displayed, in lower case."""
        return " ".join(cell.plain for cell in self.cells).lower()

    def drawn(self) -> Row:
        """The row itself: it is made already."""
        return self

    def looks_like(self, other: Row) -> bool:
        """Whether both would be drawn alike."""
        return (
            self.dim == other.dim
            and self.gone == other.gone
            and len(self.cells) == len(other.cells)
            and all(mine.is_same(theirs) for mine, theirs in zip(self.cells, other.cells, strict=True))
        )


class Maker(Protocol[Subject_contra]):
    """Makes rows of what they are about, as things stand at one moment.

    One that makes thousands says words and numbers without making the row.
    """

    def row(self, subject: Subject_contra, /) -> Row:
        """The whole row."""
        ...

    def words(self, subject: Subject_contra, /) -> str:
        """What the filter looks in, in lower case."""
        return self.row(subject).words

    def numbers(self, subject: Subject_contra, /) -> Mapping[str, float | None]:
        """What orders the columns of numbers, by their names."""
        return self.row(subject).numbers


@dataclass(frozen=True, slots=True)
class Later(Generic[Subject]):
    """A row that is made when it is painted or acted on: of thousands, those that are seen."""

    key: str
    subject: Subject
    maker: Maker[Subject]
    gone: bool = False

    def drawn(self) -> Row:
        """The row, made now."""
        row = self.maker.row(self.subject)
        return replace(row, gone=True) if self.gone else row

    @property
    def target(self) -> Target:
        """What an action on it is aimed at."""
        return self.maker.row(self.subject).target

    @property
    def words(self) -> str:
        """What the filter looks in, in lower case."""
        return self.maker.words(self.subject)

    @property
    def numbers(self) -> Mapping[str, float | None]:
        """What orders the columns of numbers, by their names."""
        return self.maker.numbers(self.subject)


Listed: TypeAlias = Row | Later[Any]
"""A row of a list, made or not."""


def says_the_same(row: Listed, other: Listed) -> bool:
    """Whether a row that was made anew is of the same thing, drawn alike, and good for the same."""
    if row.key != other.key:
        return False
    mine, theirs = row.drawn(), other.drawn()
    return mine.target == theirs.target and mine.looks_like(theirs)


def later(subjects: Iterable[Subject], key: Callable[[Subject], str], maker: Maker[Subject]) -> list[Listed]:
    """A row for each subject, made when it is needed."""
    return [Later(key(subject), subject, maker) for subject in subjects]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """What a list says beside its rows: why there are none, and how far they can be trusted."""

    loading: bool = False
    why_empty: tuple[Content, ...] = ()
    """Shown where there is no row: why, and what would fill it, or which right is missing."""
    foot: Content | None = None
    """On the lower border: which source is stale, since when, next try when."""
    troubled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Rows sorted by a column."""

    column: str
    descending: bool = False

    @property
    def arrow(self) -> str:
        """Which way it goes."""
        return "↓" if self.descending else "↑"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How somebody has arranged a list."""

    filter: str = ""
    order: Order | None = None
    row: str = ""
    """Key of the row the cursor was put on; empty where nobody has moved."""


def holds_all(text: str, words: Sequence[str]) -> bool:
    """Whether a row whose filter looks in ``text`` is let through."""
    return all(word in text for word in words)


def next_order(order: Order | None, name: str) -> Order | None:
    """What choosing a column leads to: upwards, then downwards, then as the rows come."""
    if order is None or order.column != name:
        return Order(column=name)
    return None if order.descending else Order(column=name, descending=True)


def in_order(rows: Sequence[Listed], columns: Sequence[Column], order: Order | None) -> list[Listed]:
    """The rows sorted; those that have nothing in that column last, and what is alike as it came."""
    index = next((at for at, one in enumerate(columns) if order and one.sorts_by == order.column), None)
    if order is None or index is None:
        return list(rows)
    name, is_number = order.column, columns[index].number

    def value(row: Listed) -> float | str | None:
        if is_number:
            return row.numbers.get(name)
        return row.drawn().cells[index].plain.strip().casefold() or None

    valued = [(value(row), row) for row in rows]
    there = [(found, row) for found, row in valued if found is not None]
    there.sort(key=lambda pair: pair[0], reverse=order.descending)
    return [row for _, row in there] + [row for found, row in valued if found is None]


def fit(columns: Sequence[Column], width: int) -> dict[int, int]:
    """Width of each column that has room, by its index."""
    kept = list(range(len(columns)))
    while len(kept) > 1 and sum(columns[index].width + GAP for index in kept) - GAP > width:
        least = min(kept, key=lambda index: (columns[index].importance, -index))
        if columns[least].importance >= _STAYS:
            break
        kept.remove(least)
    widths = {index: columns[index].width for index in kept}
    spare = width - sum(widths.values()) - GAP * (len(kept) - 1)
    shares = sum(columns[index].grow for index in kept)
    for index in kept:
        if spare > 0 and columns[index].grow:
            taken = spare * columns[index].grow // shares
            widths[index] += taken
            spare -= taken
            shares -= columns[index].grow
    return widths


def line_of(
    cells: Sequence[Content], columns: Sequence[Column], widths: Mapping[int, int], *, marked: bool = False
) -> Content:
    """One line of a list: each cell in its column's width, those without a width left out."""
    parts: list[Content] = []
    for index, width in widths.items():
        cell = cells[index] if index < len(cells) else Content()
        cut = cell.truncate(width, ellipsis=True)
        missing = width - cut.cell_length
        if missing > 0:
            cut = cut.pad_left(missing) if columns[index].right else cut.pad_right(missing)
        parts.append(cut)
    line = Content(" " * GAP).join(parts)
    if not marked or len(parts) == 1:
        return line
    # The mark stands in the gap behind the first column, so that no width depends on it.
    before, _, after = line.divide([len(parts[0]), len(parts[0]) + GAP])
    return Content.assemble(before, (MARK, "bold $text-accent"), after)


_STAYS = 9
