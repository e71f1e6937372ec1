"""A log on screen: any length, drawn row by row, with the line that matters marked.

Text arrives cleaned (``domain.text.clean``) and is drawn as plain segments, never as markup. Only the part of
a line that is seen is cut out, measured and styled.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from fedesk.domain.states import State
from fedesk.ui.present import FACES
from fedesk.ui.widgets.log_buffer import LogBuffer, next_of, previous_of, visible

_TIME = re.compile(
    r"\s*\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?"
    r"(?: \{[^}]{1,60}\})?\s"
)
_CURRENT = "▸"
_ERROR = FACES[State.FAILED].glyph
_MATCH = "•"
_GOES_ON = "…"
_GUTTER_AT_LEAST = 4
_LEAD = 3
"""A line that is jumped to stands this part of the height below the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where one is in a log; all numbers count from 1, 0 stands for none."""

    line: int
    lines: int
    error: int
    errors: int
    match: int
    matches: int
    following: bool


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines of a log. Follows its end until one moves away from it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-view--gutter",
        "log-view--time",
        "log-view--error",
        "log-view--telling",
        "log-view--current",
        "log-view--match",
        "log-view--dropped",
    }

    class Moved(Message):
        """Something that ``position`` tells has changed."""

        def can_replace(self, message: Message) -> bool:
            """One of several that wait is enough."""
            return isinstance(message, LogView.Moved)

    def __init__(self, buffer: LogBuffer | None = None) -> None:
        super().__init__()
        self._buffer = LogBuffer() if buffer is None else buffer
        self._wrapped = False
        self._adjusting = False
        self.current: int | None = None
        """Number of the line that was jumped to."""
        self.telling: int | None = None
        """Number of the line that says why the run failed."""
        self.following = True
        """Whether the view keeps to the end as lines arrive."""

    # What is shown

    @property
    def buffer(self) -> LogBuffer:
        """The lines that are kept."""
        return self._buffer

    @property
    def position(self) -> Position:
        """Where one is, for a status line."""
        buffer = self._buffer
        if self.current is not None:
            line = self.current
        elif self.following:
            line = buffer.end - 1
        else:
            line = self._line_at(self.scroll_offset.y)
        return Position(
            line=line + 1,
            lines=buffer.end,
            error=0 if self.current is None else _rank(buffer.errors, self.current),
            errors=len(buffer.errors),
            match=0 if self.current is None else _rank(buffer.matches, self.current),
            matches=len(buffer.matches),
            following=self.following,
        )

    def append(self, lines: Sequence[str], errors: Iterable[int] = (), telling: int | None = None) -> None:
        """Add the next lines, cleaned; the numbers of error lines among them; the line that says why."""
        first, top = self._buffer.first, self._line_at(self.scroll_offset.y)
        self._buffer.append(lines, errors)
        self.telling = telling
        if self.current is not None and self.current < self._buffer.first:
            self.current = None
        self._resize_content()
        if self.following:
            self._to_end()
        elif self._buffer.first != first:
            self._scroll_row(self._row(max(top, self._buffer.first)))
        self._changed()

    def clear(self) -> None:
        """Begin an empty log; bounds, wrapping and what is searched for stay."""
        needle = self._buffer.needle
        self._buffer = self._buffer.emptied()
        self._buffer.search(needle)
        self.current = self.telling = None
        self.following = True
        self._resize_content()
        self._scroll_row(0)
        self._changed()

    def search(self, needle: str) -> bool:
        """Mark what is searched for and go to the first match from here on; False where there is none."""
        self._buffer.search(needle)
        self._changed()
        if not needle:
            return True
        return self._jump(next_of(self._buffer.matches, self._here() - 1))

    def go_to(self, number: int) -> None:
        """Go to a line and mark it as the current one."""
        self._jump(number)

    def go_to_telling(self) -> None:
        """Go to the line that says why, where it is known and kept."""
        if self.telling is not None and self.telling >= self._buffer.first:
            self._jump(self.telling)

    # Moving

    def move(self, rows: int) -> None:
        """Scroll by rows; upwards stops following."""
        self._scroll_row(self.scroll_offset.y + rows, by_hand=True)

    def move_page(self, pages: int) -> None:
        """Scroll by screens, one row less so that one is seen twice."""
        self._scroll_row(self.scroll_offset.y + pages * max(1, self._height - 1), by_hand=True)

    def move_sideways(self, steps: int) -> None:
        """Scroll by half a width."""
        self.scroll_to(x=self.scroll_offset.x + steps * (self.size.width // 2), animate=False)

    def go_first(self) -> None:
        """Go to the oldest line."""
        self.current = None
        self._scroll_row(0, by_hand=True)
        self.scroll_to(x=0, animate=False)

    def go_last(self) -> None:
        """Go to the end and follow it."""
        self.current = None
        self.following = True
        self._to_end()
        self._changed()

    def next_error(self) -> None:
        """Go to the line that says why; from there to the next error, and from the last to the first."""
        errors = self._buffer.errors
        if self.telling is not None and self.telling >= self._buffer.first and self.current not in errors:
            self._jump(self.telling)
        else:
            self._jump(next_of(errors, self._here()))

    def next_match(self) -> None:
        """Go to the next match."""
        self._jump(next_of(self._buffer.matches, self._here()))

    def previous_match(self) -> None:
        """Go to the previous match."""
        self._jump(previous_of(self._buffer.matches, self._here()))

    def toggle_wrap(self) -> None:
        """Wrap long lines, or show them on one row each; the line at the top stays there."""
        top = self._line_at(self.scroll_offset.y)
        self._wrapped = not self._wrapped
        self._rewrap()
        if self.following:
            self._to_end()
        else:
            self._scroll_row(self._row(top))
        self.scroll_to(x=0, animate=False)
        self._changed()

    # Rows and scrolling

    @property
    def _banner(self) -> int:
        """Rows above the first line: one that tells how many lines were let go of."""
        return 1 if self._buffer.first else 0

    @property
    def _gutter(self) -> int:
        """Cells of signs and line number, with the space behind."""
        return 3 + max(_GUTTER_AT_LEAST, len(str(self._buffer.end)))

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    @property
    def _text_width(self) -> int:
        return max(1, self.scrollable_content_region.width - self._gutter)

    def _row(self, number: int) -> int:
        return self._banner + self._buffer.row_of(number)

    def _line_at(self, row: int) -> int:
        row = min(max(row - self._banner, 0), max(self._buffer.rows - 1, 0))
        return self._buffer.at_row(row)[0] if len(self._buffer) else self._buffer.first

    def _here(self) -> int:
        """The line that a jump starts from: the current one while it is seen, else the one at the top."""
        top = self.scroll_offset.y
        if self.current is not None and top <= self._row(self.current) < top + max(self._height, 1):
            return self.current
        return self._line_at(top) - 1

    def _rewrap(self) -> None:
        self._buffer.wrap(self._text_width if self._wrapped else 0)
        self._resize_content()

    def _resize_content(self) -> None:
        width = 0 if self._wrapped else self._buffer.width + self._gutter
        size = Size(width, self._buffer.rows + self._banner)
        if size != self.virtual_size:
            self._adjusting = True
            self.virtual_size = size
            self._adjusting = False
        self.refresh()

    def _to_end(self) -> None:
        self._scroll_row(self.max_scroll_y)

    def _keep_to_end(self) -> None:
        if self.following:
            self._to_end()

    def _scroll_row(self, row: int, *, by_hand: bool = False) -> None:
        row = min(max(row, 0), self.max_scroll_y)
        # Textual scrolls nothing whose scroll bar is not there yet; it is once the new lines were laid out.
        self.call_after_refresh(self._scroll_now, row)
        if by_hand:
            self.following = row >= self.max_scroll_y
            self._changed()

    def _scroll_now(self, row: int) -> None:
        self._adjusting = True
        self.scroll_to(y=self.max_scroll_y if self.following else row, animate=False, immediate=True)
        self._adjusting = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel and the scroll bar move away from the end, or back to it, as the keys do."""
        super().watch_scroll_y(old_value, new_value)
        if not self._adjusting and round(old_value) != round(new_value):
            self.following = round(new_value) >= self.max_scroll_y
            self._changed()

    def _jump(self, number: int | None) -> bool:
        if number is None:
            self.app.bell()
            return False
        self.current = number
        self.following = False
        self._bring_into_view()
        self._changed()
        return True

    def _bring_into_view(self) -> None:
        """Scroll to the line that was jumped to, unless it is seen."""
        if self.current is None:
            return
        row = self._row(self.current)
        top = self.scroll_offset.y
        if not top <= row < top + self._height - 1:
            self._scroll_row(row - self._height // _LEAD)

    def _changed(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self, _event: events.Resize) -> None:
        """Rows follow the width where lines wrap; the end, or the line that was jumped to, stays in view."""
        if self._wrapped:
            top = self._line_at(self.scroll_offset.y)
            self._rewrap()
            self._scroll_row(self._row(top))
        self.call_after_refresh(self._keep_to_end if self.following else self._bring_into_view)

    # Drawing

    def _style(self, part: str) -> Style:
        """The style of a part alone, to be laid over what is below."""
        return _own_style(self, f"log-view--{part}")

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        scroll_x, scroll_y = self.scroll_offset
        width = self.scrollable_content_region.width
        row = scroll_y + y - self._banner
        base = self.visual_style
        blank = base.rich_style
        if row < 0:
            dropped = f"{' ' * self._gutter}{self._buffer.first:,} earlier lines are not kept"
            style = base + self._style("dropped")
            return Strip([Segment(dropped, style.rich_style)]).adjust_cell_length(width, blank)
        if row >= self._buffer.rows:
            return Strip.blank(width, blank)
        number, first, last = self._buffer.at_row(row)
        line = self._buffer[number]
        continued = first > 0
        goes_on = False
        if last < 0:
            first, last = visible(line, scroll_x, self._text_width)
            goes_on = last < len(line)
        base = self._line_style(number, base)
        text = Strip(self._text(line, number, first, last, base)).apply_offsets(
            first, number - self._buffer.first
        )
        gutter, style = self._gutter_of(number, continued=continued, base=base)
        strip = Strip([Segment(gutter, style.rich_style), *text])
        strip = strip.adjust_cell_length(width - goes_on, base.rich_style)
        if goes_on:
            strip = Strip([*strip, Segment(_GOES_ON, (base + self._style("gutter")).rich_style)], width)
        return strip

    def _line_style(self, number: int, base: Style) -> Style:
        if _holds(self._buffer.errors, number):
            base += self._style("telling" if number == self.telling else "error")
        return base + self._style("current") if number == self.current else base

    def _gutter_of(self, number: int, *, continued: bool, base: Style) -> tuple[str, Style]:
        style = base + self._style("gutter")
        room = self._gutter - 3
        if continued:
            return " " * (room + 3), style
        current = _CURRENT if number == self.current else " "
        sign = " "
        if _holds(self._buffer.errors, number):
            sign = _ERROR
            style = base + self._style("error")
        elif _holds(self._buffer.matches, number):
            sign = _MATCH
        return f"{current}{sign}{number + 1:>{room}} ", style

    def _text(self, line: str, number: int, first: int, last: int, base: Style) -> list[Segment]:
        """The piece of a line from one character to another, cut where styles change."""
        piece = line[first:last]
        spans: list[tuple[int, int, Style]] = []
        time = _TIME.match(line[:200])
        if time is not None and time.end() > first and not _holds(self._buffer.errors, number):
            spans.append((0, time.end() - first, self._style("time")))
        spans += [(begin, end, self._style("match")) for begin, end in self._buffer.spans(piece)]
        selection = self.text_selection
        if selection is not None:
            spans += self._selected(selection, number, first, len(piece))
        return _segments(piece, spans, base)

    def _selected(
        self, selection: Selection, number: int, first: int, length: int
    ) -> list[tuple[int, int, Style]]:
        span = selection.get_span(number - self._buffer.first)
        if span is None:
            return []
        begin, end = span
        end = length if end == -1 else end - first
        style = _own_style(self.screen, "screen--selection")
        return [(max(0, begin - first), end, style)] if end > max(0, begin - first) else []

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected with the mouse, whole lines of any length included."""
        return selection.extract(self._buffer.text()), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected."""
        del selection
        self.refresh()


def _own_style(widget: Widget, component: str) -> Style:
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


def _rank(numbers: Sequence[int], number: int) -> int:
    """Which of ``numbers``, counted from 1, is ``number``; 0 if it is none of them."""
    index = bisect_left(numbers, number)
    return index + 1 if index < len(numbers) and numbers[index] == number else 0


def _holds(numbers: Sequence[int], number: int) -> bool:
    return _rank(numbers, number) > 0


def _segments(text: str, spans: Sequence[tuple[int, int, Style]], base: Style) -> list[Segment]:
    """``text`` cut at the borders of the spans, later spans laid over earlier ones."""
    borders = sorted({0, len(text), *(min(max(at, 0), len(text)) for span in spans for at in span[:2])})
    segments = []
    for begin, end in pairwise(borders):
        style = base
        for span_begin, span_end, span_style in spans:
            if span_begin <= begin and end <= span_end:
                style += span_style
        segments.append(Segment(text[begin:end], style.rich_style))
    return segments
