"""A list of rows that stays calm: drawn line by line, updated by key, nothing jumps.

Rows keep their place from the moment somebody moves in the list; what arrives since is counted and let in
when asked for, what has gone stays dimmed until then. The selection is by identity. Columns have fixed
widths and are dropped by importance where the terminal is narrow.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import (
    GAP,
    Arrangement,
    Column,
    Listed,
    ListState,
    Order,
    Row,
    fit,
    holds_all,
    in_order,
    line_of,
    next_order,
    says_the_same,
)

SKELETON_AFTER = 0.15
"""Seconds after which a list that still loads shows a skeleton; before that it shows nothing."""
_LONGEST_FILTER = 200


class RowList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under column titles, with a cursor, a filter and the five states of a list."""

    COMPONENT_CLASSES = {  # noqa: RUF012 - Textual's own declaration, read once
        "row-list--titles",
        "row-list--cursor",
        "row-list--dim",
        "row-list--quiet",
    }

    class Selected(Message):
        """The cursor is on another row, or on none, or its row has changed."""

        def __init__(self, row_list: "RowList", row: Listed | None) -> None:
            super().__init__()
            self.row_list = row_list
            self.row = row

        @property
        def control(self) -> "RowList":
            """The list."""
            return self.row_list

    class Opened(Message):
        """A row was clicked twice."""

    class Arranged(Message):
        """The rows are filtered or sorted in another way."""

    def __init__(self, columns: Sequence[Column], *, titled: bool = True, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.titled = titled
        self._heading = Content()
        self._about: Content | None = None
        self.filter_words = ""
        self.typing = False
        self.order: Order | None = None
        """What the rows are sorted by; None as they come."""
        self._wanted = ""
        self._marks: set[str] = set()
        self._held = False
        self._latest: tuple[Listed, ...] = ()
        self._order: list[Listed] = []
        self._words: list[str] = []
        """What the filter looks in, for each row of the order; empty until it is asked for."""
        self._news = (0, 0)
        """Rows that have arrived and are not shown, and rows that are shown and have gone."""
        self._visible: list[Listed] = []
        self._index = 0
        self._state = ListState(loading=True)
        self._skeleton = False
        self._widths: tuple[int, dict[int, int]] = (-1, {})
        self._told: Listed | None = None
        self._bordered = (Content(), Content())

    def on_mount(self) -> None:
        """Wait a moment before a skeleton is shown."""
        self.set_timer(SKELETON_AFTER, self._show_skeleton)

    def _show_skeleton(self) -> None:
        if self._state.loading and not self._order:
            self._skeleton = True
            self.refresh()

    # What is shown

    @property
    def row(self) -> Listed | None:
        """The row under the cursor."""
        return self._visible[self._index] if self._visible else None

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows that the filter lets through, in their order."""
        return tuple(row.drawn() for row in self._visible)

    @property
    def target(self) -> Target:
        """What an action is aimed at."""
        target = self.row.target if self.row else Target()
        return replace(target, marked=len(self._marks)) if self._marks else target

    @property
    def arrived(self) -> int:
        """Rows that wait to be let in."""
        return self._news[0]

    @property
    def is_loading(self) -> bool:
        """Whether nothing is known yet that it could list."""
        return self._state.loading

    @property
    def marked(self) -> int:
        """How many rows are marked, filtered out or not."""
        return len(self._marks)

    @property
    def meant(self) -> tuple[Listed, ...]:
        """The marked rows, in their order; where none is, the one under the cursor."""
        if self._marks:
            return tuple(row for row in self._order if row.key in self._marks)
        return (self.row,) if self.row else ()

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.row is None:
            return
        self._marks ^= {self.row.key}
        self.refresh_line(self._index + self._top)
        self.move(1)
        self._label()

    def clear_marks(self) -> bool:
        """Take all marks away; says whether there were any."""
        had = bool(self._marks)
        self._marks.clear()
        if had:
            self.refresh()
            self._label()
        return had

    def set_heading(self, heading: str, style: str = "bold") -> None:
        """What the list is of, on its upper border."""
        self._heading = Content.styled(heading, style)
        self._label()

    def say(self, about: Content | None) -> None:
        """Something about the row under the cursor, on the lower border where nothing else stands there."""
        if (about is None) != (self._about is None) or (
            about and self._about and not about.is_same(self._about)
        ):
            self._about = about
            self._label()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns, where they follow from what is shown."""
        if tuple(columns) != self.columns:
            self.columns = tuple(columns)
            self._widths = (-1, {})
            self.refresh()

    def show(self, rows: Sequence[Listed], state: ListState) -> None:
        """Show these rows; those that are there keep their place while the list is held."""
        is_known, self._latest = rows is self._latest, tuple(rows)
        if state != self._state:
            repaint = not self._order
            self._state = state
            self.set_class(state.troubled, "-troubled")
            if repaint:
                self.refresh()
        if is_known:  # The very tuple of the last time: thousands need not be put in order again.
            order = self._order
        elif self._held and self._order:
            fresh = {row.key: row for row in rows}
            order = [fresh.get(row.key) or replace(row, gone=True) for row in self._order]
        else:
            order = in_order(rows, self.columns, self.order)
        self._arrange(order)

    def drop(self, keys: Collection[str]) -> None:
        """Leave rows out for good, which were sent away here; the cursor goes on to the one below."""
        self._arrange([row for row in self._order if row.key not in keys])

    def let_in(self) -> None:
        """Let new rows in and those that have gone out; the cursor stays on its row."""
        self._arrange(in_order(self._latest, self.columns, self.order))

    # How they are arranged

    @property
    def arrangement(self) -> Arrangement:
        """Filter and order, and the row that the cursor was put on."""
        row = self.row if self._held else None
        return Arrangement(filter=self.filter_words, order=self.order, row=row.key if row else "")

    def recall(self, kept: Arrangement) -> None:
        """Arrange the rows as before, with the cursor on the row of then once it is there."""
        self.filter_words, self.order, self._wanted = kept.filter[:_LONGEST_FILTER], kept.order, kept.row
        self.let_in()
        self.refresh()

    def sort_by(self, name: str) -> None:
        """Sort by a column; once more turns it round, a third time the rows are as they come."""
        self.order = next_order(self.order, name)
        self.let_in()
        self.refresh()
        self._follow()
        self.post_message(self.Arranged())

    def _arrange(self, order: list[Listed]) -> None:
        key = self._wanted or (self.row.key if self.row and self._held else None)
        if order is not self._order:
            self._order, self._words = order, []
            shown = {row.key for row in order}
            arrived = sum(row.key not in shown for row in self._latest)
            self._news = arrived, sum(row.gone for row in order)
        if self._marks:
            self._marks &= {row.key for row in order}
        visible = self._let_through()
        before = self._visible
        old_index = self._index
        self._visible = visible
        at = next((index for index, row in enumerate(visible) if row.key == key), None) if key else None
        self._index = at if at is not None else min(old_index if self._held else 0, max(len(visible) - 1, 0))
        if self._wanted and visible:
            self._held, self._wanted = at is not None, ""
            self.call_after_refresh(self._follow)
        if len(before) != len(visible):
            self.virtual_size = Size(0, len(visible) + self._top)
            self.refresh()
        else:
            for index in self._painted(len(visible)):
                old, new = before[index], visible[index]
                if old is not new and not old.drawn().looks_like(new.drawn()):
                    self.refresh_line(index + self._top)
            if old_index != self._index:
                self.refresh_line(old_index + self._top)
                self.refresh_line(self._index + self._top)
        self._label()
        self._tell()

    def _let_through(self) -> list[Listed]:
        """The rows that hold every word of the filter."""
        words = self.filter_words.lower().split()
        if not words:
            return list(self._order)
        self._words = self._words or [row.words for row in self._order]
        return [row for row, text in zip(self._order, self._words, strict=True) if holds_all(text, words)]

    def _painted(self, count: int) -> range:
        """Indices of the rows that stand in the window, of so many."""
        top = self.scroll_offset.y
        return range(min(top, count), min(top + self.size.height, count))

    def _label(self) -> None:
        arrived, gone = self._news
        parts = [self._heading] if self._heading else []
        if self._marks:
            parts.append(Content.styled(f"{len(self._marks)} marked", "bold $text-accent"))
        if self.typing or self.filter_words:
            shown = f"{len(self._visible)} of {len(self._order)}"
            parts.append(
                Content.assemble((f"/{self.filter_words}{'▏' if self.typing else ''}", "bold"), f"  {shown}")
            )
        if self.order is not None:
            parts.append(Content.styled(f"by {self.order.column} {self.order.arrow}", "$text-accent"))
        if arrived:
            parts.append(Content.styled(f"{arrived} new, r lets them in", "bold $text-accent"))
        if gone:
            parts.append(Content.styled(f"{gone} gone", "$foreground-muted"))
        # Where there is no row, the list itself says why.
        silent = self._state.troubled and not self._order
        upper = Content("  ").join(parts)
        lower = (None if silent else self._state.foot) or self._about or Content()
        # A border that is set is painted again with all that is in it.
        if not (upper.is_same(self._bordered[0]) and lower.is_same(self._bordered[1])):
            self._bordered = (upper, lower)
            self.border_title, self.border_subtitle = upper or None, lower or None

    def _tell(self) -> None:
        row, told = self.row, self._told
        self._told = row
        if row is not told and not (row and told and says_the_same(row, told)):
            self.post_message(self.Selected(self, row))

    # Moving

    def move(self, by: int) -> None:
        """Move the cursor; from here on rows keep their place."""
        self._held = True
        self.move_to(self._index + by)

    def move_page(self, pages: int) -> None:
        """Move by what fits into the window."""
        self.move(pages * max(self.size.height - self._top - 1, 1))

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        old = self._index
        self._index = min(max(index, 0), max(len(self._visible) - 1, 0))
        if self._index != old:
            self.refresh_line(old + self._top)
            self.refresh_line(self._index + self._top)
        self._follow()
        self._tell()

    def go_first(self) -> None:
        """To the first row; the list is let go, and new rows come in by themselves until one moves again."""
        self._held = False
        self.let_in()
        self.move_to(0)

    def go_last(self) -> None:
        """To the last row."""
        self._held = True
        self.move_to(len(self._visible) - 1)

    def hold(self) -> None:
        """Keep every row in its place from now on."""
        self._held = True

    def _follow(self) -> None:
        window = self.size.height - self._top
        top = self.scroll_offset.y
        if self._index < top:
            top = self._index
        elif window > 0 and self._index >= top + window:
            top = self._index - window + 1
        self.scroll_to(y=top, animate=False, immediate=True)

    # The filter

    def start_filter(self) -> None:
        """Take what is typed as the filter, until Enter keeps it or Esc clears it."""
        self.typing = True
        self._label()

    def clear_filter(self) -> bool:
        """Show every row again; says whether there was a filter."""
        had = self.typing or bool(self.filter_words)
        self.typing = False
        if had:
            self._set_filter("")
        return had

    def _set_filter(self, words: str) -> None:
        row = self.row
        self.filter_words = words[:_LONGEST_FILTER]
        self._held = self._held or bool(words)
        self._arrange(self._order)
        if row is not None:
            places = (at for at, one in enumerate(self._visible) if one.key == row.key)
            self._index = next(places, self._index)
        self.refresh()
        self._follow()
        self._tell()
        self.post_message(self.Arranged())

    def take_key(self, event: events.Key) -> bool:
        """Take a key for the filter, where one is typed; says whether it was taken."""
        if not self.typing:
            return False
        if event.key == "enter":
            self.typing = False
            self._label()
        elif event.key == "escape":
            self.clear_filter()
        elif event.key == "backspace":
            self._set_filter(self.filter_words[:-1])
        elif event.key in {"ctrl+u", "ctrl+w"}:
            self._set_filter(self.filter_words.rpartition(" ")[0] if event.key == "ctrl+w" else "")
        elif event.is_printable and event.character:
            self._set_filter(self.filter_words + event.character)
        else:
            return False
        return True

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted while a filter is typed belongs to it."""
        if self.typing:
            self._set_filter(self.filter_words + " ".join(event.text.split()))
            event.stop()

    # The mouse

    def on_click(self, event: events.Click) -> None:
        """A click selects, a second one opens; on a column's title it sorts by it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < self._top and self._visible:
            self._sort_at(offset.x)
            return
        index = offset.y - self._top + self.scroll_offset.y
        if offset.y < self._top or not 0 <= index < len(self._visible):
            return
        self._held = True
        self.move_to(index)
        if event.chain == 2:  # noqa: PLR2004 - a double click
            self.post_message(self.Opened())

    def _sort_at(self, x: int) -> None:
        end = 0
        for index, width in self._widths[1].items():
            end += width + GAP
            if x < end:
                if self.columns[index].sorts_by:
                    self.sort_by(self.columns[index].sorts_by)
                return

    # Drawing

    @property
    def _top(self) -> int:
        return 1 if self.titled else 0

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._follow()

    def render_line(self, y: int) -> Strip:
        """One line: titles, a row, or what is said where there are no rows."""
        width = self.scrollable_content_region.width
        if self._widths[0] != width:
            self._widths = (width, fit(self.columns, width))
        if not self._visible:
            return self._message_line(y, width)
        if y < self._top:
            titles = [self._title(index) for index in range(len(self.columns))]
            line = line_of(titles, self.columns, self._widths[1])
            return self._strip(line, self.get_visual_style("row-list--titles"), width)
        index = y - self._top + self.scroll_offset.y
        if index >= len(self._visible):
            return self._strip(Content(), self.get_visual_style(), width)
        row = self._visible[index].drawn()
        line = line_of(row.cells, self.columns, self._widths[1], marked=row.key in self._marks)
        style = self.get_visual_style(*(["row-list--cursor"] if index == self._index else []))
        if row.dim or row.gone:
            line = Content(line.plain)
            style += self.get_visual_style("row-list--dim", partial=True)
        if row.gone:
            style += Style(strike=True)
        return self._strip(line, style, width)

    def _title(self, index: int) -> Content:
        column, order = self.columns[index], self.order
        if order is None or order.column != column.sorts_by:
            return Content(column.title)
        return Content(column.title[: max(self._widths[1].get(index, 1) - 1, 0)] + order.arrow)

    def _message_line(self, y: int, width: int) -> Strip:
        if self._state.loading:
            lines = self._why_lines(width)
            lines += [Content(), *present.skeleton(width - 2)] if self._skeleton and not lines else []
        elif self._order:
            lines = [
                Content(),
                Content(f"No row holds all of “{self.filter_words}”. Esc shows all {len(self._order)}."),
            ]
        else:
            lines = self._why_lines(width)
        line = lines[y] if y < len(lines) else Content()
        return self._strip(
            line.pad_left(1) if line else line, self.get_visual_style("row-list--quiet"), width
        )

    def _why_lines(self, width: int) -> list[Content]:
        wrapped = [line for part in self._state.why_empty for line in part.wrap(max(width - 2, 10))]
        return [Content(), *wrapped] if wrapped else []

    def _strip(self, line: Content, style: Style, width: int) -> Strip:
        segments = [
            Segment(piece, look.rich_style)
            for piece, look in line.render(style, end="", parse_style=self.app.stylesheet.parse_style)
        ]
        return Strip(segments).adjust_cell_length(width, style.rich_style)
