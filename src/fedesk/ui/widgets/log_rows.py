"""The rows of a log as they are drawn, one by one; ``LogView`` scrolls them."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from fedesk.domain.states import State
from fedesk.ui.present import FACES
from fedesk.ui.widgets.log_buffer import LogBuffer, per_row, rows_of, visible

_TIME = re.compile(
    r"\s*\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?"
    r"(?: \{[^}]{1,60}\})?\s"
)
_CURRENT = "▸"
_ERROR = FACES[State.FAILED].glyph
_MATCH = "•"
_GOES_ON = "…"
_GUTTER_AT_LEAST = 4
_SELECTED_AT_MOST = 100_000


class LogRows(ScrollView):
    """What is seen of a log. Wrapped lines are laid out from the line at the top, for the screen alone."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-view--gutter",
        "log-view--time",
        "log-view--error",
        "log-view--telling",
        "log-view--current",
        "log-view--match",
        "log-view--dropped",
    }

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__()
        self._buffer = buffer
        self._wrapped = False
        self._laid_out: list[tuple[int, int, int]] = []
        self._within = 0
        """Rows of the line at the top that are above the screen, where lines wrap."""
        self.current: int | None = None
        """Number of the line that was jumped to."""

    @property
    def buffer(self) -> LogBuffer:
        """What is looked at."""
        return self._buffer

    @property
    def wrapped(self) -> bool:
        """Whether long lines wrap."""
        return self._wrapped

    @property
    def telling(self) -> int | None:
        """Number of the line that says why the run failed, where it is known and kept."""
        telling = self._buffer.text.telling
        return telling if telling is not None and telling >= self._buffer.first else None

    # Rows

    @property
    def _banner(self) -> int:
        """Rows above the first line: one that tells how many lines were let go of."""
        return 1 if self._buffer.first else 0

    @property
    def _gutter(self) -> int:
        """Cells of signs and line number, with the space behind."""
        return 3 + (max(_GUTTER_AT_LEAST, len(str(self._buffer.end))) if self._buffer.numbered else 0)

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    @property
    def _text_width(self) -> int:
        return max(1, self.scrollable_content_region.width - self._gutter)

    def _rows_at(self, row: int) -> int:
        """Rows of the screen that the line on a row takes."""
        row -= self._banner
        if not self._wrapped or not 0 <= row < self._buffer.rows:
            return 1
        return rows_of(self._buffer[self._buffer.at_row(row)], self._text_width)

    # Drawing

    def _style(self, part: str) -> Style:
        """The style of a part alone, to be laid over what is below."""
        return own_style(self, f"log-view--{part}")

    def _layout(self) -> list[tuple[int, int, int]]:
        """What stands on each row of the screen: (line, first character, last + 1); -1 for no line."""
        top, height, wrap = self.scroll_offset.y, self._height, self._text_width
        found: list[tuple[int, int, int]] = []
        row, within = top - self._banner, self._within
        while len(found) < height and row < self._buffer.rows:
            if row < 0:
                found.append((-1, 0, 0))
                row += 1
                continue
            number = self._buffer.at_row(row)
            line = self._buffer[number]
            step = per_row(line, wrap)
            for begin in range(within * step, max(len(line), 1), step):
                found.append((number, begin, begin + step))
                if len(found) == height:
                    break
            row, within = row + 1, 0
        return found

    def render_lines(self, crop: Region) -> list[Strip]:
        """The screen; where lines wrap it is laid out once for all its rows."""
        self._laid_out = self._layout() if self._wrapped else []
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        width = self.scrollable_content_region.width
        base = self.visual_style
        if self._wrapped:
            laid_out = self._laid_out or self._layout()
            if y >= len(laid_out):
                return Strip.blank(width, base.rich_style)
            number, first, last = laid_out[y]
            return self._dropped(width) if number < 0 else self._row_strip(number, first, last, width)
        row = self.scroll_offset.y + y - self._banner
        if row < 0:
            return self._dropped(width)
        if row >= self._buffer.rows:
            return Strip.blank(width, base.rich_style)
        number = self._buffer.at_row(row)
        first, last = visible(self._buffer[number], self.scroll_offset.x, self._text_width)
        return self._row_strip(number, first, last, width)

    def _dropped(self, width: int) -> Strip:
        dropped = f"{' ' * self._gutter}{self._buffer.first:,} earlier lines are not kept"
        style = self.visual_style + self._style("dropped")
        return Strip([Segment(dropped, style.rich_style)]).adjust_cell_length(
            width, self.visual_style.rich_style
        )

    def _row_strip(self, number: int, first: int, last: int, width: int) -> Strip:
        """A piece of a line behind its gutter."""
        line = self._buffer[number]
        goes_on = not self._wrapped and last < len(line)
        base = self._line_style(number, self.visual_style)
        text = Strip(self._text(line, number, first, last, base)).apply_offsets(
            first, number - self._buffer.first
        )
        gutter, style = self._gutter_of(number, continued=self._wrapped and first > 0, base=base)
        strip = Strip([Segment(gutter, style.rich_style), *text])
        strip = strip.adjust_cell_length(width - goes_on, base.rich_style)
        if goes_on:
            strip = Strip([*strip, Segment(_GOES_ON, (base + self._style("gutter")).rich_style)], width)
        return strip

    def _line_style(self, number: int, base: Style) -> Style:
        if holds(self._buffer.errors, number):
            base += self._style("telling" if number == self.telling else "error")
        return base + self._style("current") if number == self.current else base

    def _gutter_of(self, number: int, *, continued: bool, base: Style) -> tuple[str, Style]:
        style = base + self._style("gutter")
        room = self._gutter - 3
        if continued:
            return " " * (room + 3), style
        current = _CURRENT if number == self.current else " "
        sign = " "
        if holds(self._buffer.errors, number):
            sign = _ERROR
            style = base + self._style("error")
        elif holds(self._buffer.matches, number):
            sign = _MATCH
        told = f"{number + 1:>{room}}" if self._buffer.numbered else ""
        return f"{current}{sign}{told} ", style

    def _text(self, line: str, number: int, first: int, last: int, base: Style) -> list[Segment]:
        """The piece of a line from one character to another, cut where styles change."""
        piece = line[first:last]
        spans: list[tuple[int, int, Style]] = []
        time = _TIME.match(line[:200])
        if time is not None and time.end() > first and not holds(self._buffer.errors, number):
            spans.append((0, time.end() - first, self._style("time")))
        spans += [(begin, end, self._style("match")) for begin, end in self._buffer.spans(piece)]
        selection = self.text_selection
        if selection is not None:
            spans += self._selected(selection, number, first, len(piece))
        return segments(piece, spans, base)

    def _selected(
        self, selection: Selection, number: int, first: int, length: int
    ) -> list[tuple[int, int, Style]]:
        span = selection.get_span(number - self._buffer.first)
        if span is None:
            return []
        begin, end = span
        end = length if end == -1 else end - first
        style = own_style(self.screen, "screen--selection")
        return [(max(0, begin - first), end, style)] if end > max(0, begin - first) else []

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected with the mouse: whole lines of any length, so many of them at most."""
        first, buffer = self._buffer.first, self._buffer
        begin = selection.start.y if selection.start else 0
        end = selection.end.y if selection.end else len(buffer) - 1
        picked = []
        for row in range(begin, min(end + 1, len(buffer), begin + _SELECTED_AT_MOST)):
            span = selection.get_span(row)
            if span is not None:
                line = buffer[first + row]
                picked.append(line[span[0] : len(line) if span[1] == -1 else span[1]])
        return "\n".join(picked), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected."""
        del selection
        self.refresh()


def own_style(widget: Widget, component: str) -> Style:
    """What the sheet says of a component, and nothing of what is around it.

    ``get_visual_style(partial=True)`` of Textual 8.2 loses an opaque background.
    """
    styles = widget.get_component_styles(component)
    text = styles.text_style
    return Style(
        styles.background if styles.has_rule("background") else None,
        styles.color if styles.has_rule("color") else None,
        bold=text.bold,
        dim=text.dim,
        italic=text.italic,
        underline=text.underline,
    )


def rank(numbers: Sequence[int], number: int) -> int:
    """Which of ``numbers``, counted from 1, is ``number``; 0 if it is none of them."""
    index = bisect_left(numbers, number)
    return index + 1 if index < len(numbers) and numbers[index] == number else 0


def holds(numbers: Sequence[int], number: int) -> bool:
    """Whether a number is among ``numbers``, which are in order."""
    return rank(numbers, number) > 0


def segments(text: str, spans: Sequence[tuple[int, int, Style]], base: Style) -> list[Segment]:
    """``text`` cut at the borders of the spans, later spans laid over earlier ones."""
    borders = sorted({0, len(text), *(min(max(at, 0), len(text)) for span in spans for at in span[:2])})
    cut = []
    for begin, end in pairwise(borders):
        style = base
        for span_begin, span_end, span_style in spans:
            if span_begin <= begin and end <= span_end:
                style += span_style
        cut.append(Segment(text[begin:end], style.rich_style))
    return cut
