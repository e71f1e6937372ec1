"""What a list is made of, as values: columns, rows, what is said beside them, and how they are arranged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.content import Content

    from fedesk.ui.actions import Target

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

    def looks_like(self, other: Row) -> bool:
        """Whether both would be drawn alike."""
        return (
            self.dim == other.dim
            and self.gone == other.gone
            and len(self.cells) == len(other.cells)
            and all(mine.is_same(theirs) for mine, theirs in zip(self.cells, other.cells, strict=True))
        )


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


def next_order(order: Order | None, name: str) -> Order | None:
    """What choosing a column leads to: upwards, then downwards, then as the rows come."""
    if order is None or order.column != name:
        return Order(column=name)
    return None if order.descending else Order(column=name, descending=True)


def in_order(rows: Sequence[Row], columns: Sequence[Column], order: Order | None) -> list[Row]:
    """The rows sorted; those that have nothing in that column last, and what is alike as it came."""
    index = next((at for at, one in enumerate(columns) if order and one.sorts_by == order.column), None)
    if order is None or index is None:
        return list(rows)
    name, is_number = order.column, columns[index].number

    def value(row: Row) -> float | str | None:
        return row.numbers.get(name) if is_number else row.cells[index].plain.strip().casefold() or None

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


_STAYS = 9
