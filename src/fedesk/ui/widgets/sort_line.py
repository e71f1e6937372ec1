"""By which column the rows of a list are sorted."""

from __future__ import annotations

from string import ascii_lowercase
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.widgets.foot_line import PASSED, FootLine

if TYPE_CHECKING:
    from textual import events

    from fedesk.ui.screens.base import DeskScreen
    from fedesk.ui.widgets.row_list import RowList

KEYS = "123456789" + ascii_lowercase.replace("s", "")
CLOSES = frozenset({"escape", "enter", "s"})


class SortLine(FootLine):
    """A key for each column. It stays until another key: the same column again turns the order round."""

    def __init__(self, screen: DeskScreen, rows: RowList) -> None:
        super().__init__(screen)
        self._rows = rows

    @property
    def _columns(self) -> dict[str, str]:
        names = [column.sorts_by for column in self._rows.columns if column.sorts_by]
        return dict(zip(KEYS, names, strict=False))

    def content_of(self, width: int) -> Content:
        """``Sort by  1 state  2 age ↑  3 what  Esc done``."""
        order = self._rows.order
        parts = [Content.styled("Sort by", "bold")]
        for key, name in self._columns.items():
            chosen = order is not None and order.column == name
            said = f" {name} {order.arrow}" if order is not None and chosen else f" {name}"
            parts.append(
                Content.assemble((key, "bold $text-accent"), (said, "bold" if chosen else present.MUTED))
            )
        parts.append(Content.assemble(("Esc", "bold $text-accent"), (" done", present.MUTED)))
        return Content("\n").join(Content("  ").join(parts).wrap(width))

    def take_key(self, event: events.Key) -> bool:
        """Sort by the column of the key; any other key closes the line, and does what it does."""
        if event.key in PASSED:
            return False
        name = self._columns.get(event.key)
        if name is None:
            self._of.close_foot()
            return event.key in CLOSES
        self._rows.sort_by(name)
        self.draw()
        return True
