"""A log on screen: any length, drawn row by row, with the line that matters marked.

One scrolls by lines, also where they wrap: what is below the top line is laid out for the screen alone, so
a log of a million lines needs no table of its rows. Text arrives cleaned (``domain.text.clean``) and is
drawn as plain segments, never as markup. Only the part of a line that is seen is cut out, measured and
styled.
"""

from dataclasses import dataclass

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from fedesk.domain.log_times import Times
from fedesk.ui.widgets.log_buffer import LogBuffer, next_of, previous_of
from fedesk.ui.widgets.log_rows import LogRows, holds, rank

_SEARCH_AT_ONCE = 0.03
_SEARCH_PAUSE = 0.005
"""Seconds for which a long log is searched before keys are heard again, and until it goes on."""
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


class LogView(LogRows, can_focus=True, inherit_bindings=False):
    """Lines of a log. Follows its end until one moves away from it."""

    class Moved(Message):
        """Something that ``position`` tells has changed."""

        def can_replace(self, message: Message) -> bool:
            """One of several that wait is enough."""
            return isinstance(message, LogView.Moved)

    def __init__(self, buffer: LogBuffer | None = None) -> None:
        super().__init__(LogBuffer() if buffer is None else buffer)
        self._adjusting = False
        self._searching = False
        self._wanted: int | None = None
        """Where the first match is wanted from, while it is looked for."""
        self.following = True
        """Whether the view keeps to the end as lines arrive."""

    # What is shown

    @property
    def top(self) -> int:
        """Number of the line at the top."""
        return self._line_at(self.scroll_offset.y)

    @property
    def searching(self) -> bool:
        """Whether there are lines that were not searched yet."""
        return self._searching

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
            error=0 if self.current is None else rank(buffer.errors, self.current),
            errors=len(buffer.errors),
            match=0 if self.current is None else rank(buffer.matches, self.current),
            matches=len(buffer.matches),
            following=self.following,
        )

    def show(self, buffer: LogBuffer, *, top: int | None = None) -> None:
        """Look at another log, from its line ``top`` on, or at its end; search, filter and times stay."""
        buffer.looked_at_as(self._buffer)
        self._buffer = buffer
        self.current = None
        self.following = top is None
        self._within = 0
        self._resize_content()
        self._search()
        if top is None:
            self._to_end()
        else:
            self._scroll_row(self._row(top))
        self._changed()

    def grew(self) -> None:
        """The log has more lines; where one looks stays, unless one follows the end."""
        first = self._buffer.first
        top = self._line_at(self.scroll_offset.y)
        if self.current is not None and self.current < first:
            self.current = None
        self._search()
        self._resize_content()
        if self.following:
            self._to_end()
        elif top < first:
            self._scroll_row(self._row(first))
        self._changed()

    def search(self, needle: str) -> None:
        """Mark what is searched for and go to the first match from here on."""
        self._wanted = self._here() if needle else None
        self._buffer.search(needle)
        self._search()
        self._resize_content()
        self._changed()

    def _search(self) -> None:
        """Search for a moment, and go on when the keys that wait were heard."""
        done = self._buffer.search_on(_SEARCH_AT_ONCE)
        self._go_to_wanted(done=done)
        if not done and not self._searching:
            self.set_timer(_SEARCH_PAUSE, self._search_on)
        self._searching = not done

    def _search_on(self) -> None:
        if not self.is_attached:
            return
        self._searching = False
        self._search()
        self._resize_content()
        self._changed()

    def _go_to_wanted(self, *, done: bool) -> None:
        if self._wanted is None:
            return
        matches, wanted = self._buffer.matches, self._wanted
        if matches and matches[-1] >= wanted:
            self._wanted = None
            self._jump(next_of(matches, wanted - 1))
        elif done:
            self._wanted = None
            self._jump(next_of(matches, wanted))

    def select(self, *, only: bool, context: int = 0) -> None:
        """Show only lines that match, and ``context`` around each, or all; the same line stays in view."""
        here = self.current if self.current is not None else self._line_at(self.scroll_offset.y)
        self._buffer.select(only=only, context=context)
        self._within = 0
        self._resize_content()
        if not self.following:
            self._scroll_row(self._row(here) - self._height // _LEAD)
        self._changed()

    def tell_times(self, times: Times) -> None:
        """Show the times of lines in another way."""
        self._buffer.times = times
        self._resize_content()
        self._changed()

    def go_to(self, number: int) -> None:
        """Go to a line and mark it as the current one."""
        self._jump(number)

    def go_to_telling(self) -> None:
        """Go to the line that says why."""
        if self.telling is not None:
            self._jump(self.telling)

    # Moving

    def move(self, rows: int) -> None:
        """Scroll by rows; upwards stops following."""
        top, self._within = self._stepped(self.scroll_offset.y, self._within, rows)
        self._scroll_row(top, by_hand=True)

    def move_page(self, pages: int) -> None:
        """Scroll by screens, one row less so that one is seen twice."""
        self.move(pages * max(1, self._height - 1))

    def _stepped(self, top: int, within: int, rows: int) -> tuple[int, int]:
        """Where one is so many rows further: the row at the top, and how much of it is above the screen."""
        if not self._wrapped:
            return top + rows, 0
        within += rows
        while within < 0 and top > 0:
            top -= 1
            within += self._rows_at(top)
        while within >= (taken := self._rows_at(top)) and top < self.max_scroll_y:
            within -= taken
            top += 1
        return top, max(within, 0)

    def move_sideways(self, steps: int) -> None:
        """Scroll by half a width."""
        self.scroll_to(x=self.scroll_offset.x + steps * (self.size.width // 2), animate=False)

    def go_first(self) -> None:
        """Go to the oldest line."""
        self.current, self._within = None, 0
        self._scroll_row(0, by_hand=True)
        self.scroll_to(x=0, animate=False)

    def go_last(self) -> None:
        """Go to the end and follow it."""
        self.current = None
        self.following = True
        self._to_end()
        self._changed()

    def stay(self) -> None:
        """Follow the end no more."""
        self.following = False
        self._changed()

    def next_error(self) -> None:
        """Go to the line that says why; from there to the next error, and from the last to the first."""
        errors = self._buffer.errors
        if self.telling is not None and (self.current is None or not holds(errors, self.current)):
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
        self._wrapped, self._within = not self._wrapped, 0
        self._resize_content()
        if self.following:
            self._to_end()
        else:
            self._scroll_row(self._row(top))
        self.scroll_to(x=0, animate=False)
        self._changed()

    # Rows and scrolling

    def _row(self, number: int) -> int:
        return self._banner + self._buffer.row_of(number)

    def _line_at(self, row: int) -> int:
        row = min(max(row - self._banner, 0), max(self._buffer.rows - 1, 0))
        return self._buffer.at_row(row) if self._buffer.rows else self._buffer.first

    def _here(self) -> int:
        """The line that a jump starts from: the current one while it is seen, else the one at the top."""
        top = self.scroll_offset.y
        if self.current is not None and top <= self._row(self.current) < top + max(self._height, 1):
            return self.current
        return self._line_at(top) - 1

    def _resize_content(self) -> None:
        rows = self._buffer.rows + self._banner
        width = 0 if self._wrapped else self._buffer.width + self._gutter
        if self._wrapped:
            rows = self._last_top()[0] + self._height
        size = Size(width, rows)
        if size != self.virtual_size:
            self._adjusting = True
            self.virtual_size = size
            self._adjusting = False
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The screen; one can scroll sideways to the end of each line that was drawn."""
        lines = super().render_lines(crop)
        if not self._wrapped and self._buffer.width + self._gutter > self.virtual_size.width:
            self.call_after_refresh(self._resize_content)
        return lines

    def _last_top(self) -> tuple[int, int]:
        """Where one is at the very end: the row at the top, and how much of it is above the screen."""
        row, left = self._buffer.rows + self._banner, self._height
        while row > 0 and left > 0:
            row -= 1
            left -= self._rows_at(row)
        return row, max(-left, 0)

    def _to_end(self) -> None:
        if self._wrapped:
            self._within = self._last_top()[1]
        self._scroll_row(self.max_scroll_y)

    def _keep_in_view(self) -> None:
        if self.following:
            self._to_end()
        else:
            self._bring_into_view()

    def _scroll_row(self, row: int, *, by_hand: bool = False) -> None:
        row = min(max(row, 0), self.max_scroll_y)
        # Textual scrolls nothing whose scroll bar is not there yet; it is once the new lines were laid out.
        self.call_after_refresh(self._scroll_now, row)
        if by_hand:
            self.following = row >= self.max_scroll_y and (
                not self._wrapped or self._within >= self._last_top()[1]
            )
            self._changed()

    def _scroll_now(self, row: int) -> None:
        self._adjusting = True
        self.scroll_to(y=self.max_scroll_y if self.following else row, animate=False, immediate=True)
        self._adjusting = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel and the scroll bar move away from the end, or back to it, as the keys do."""
        super().watch_scroll_y(old_value, new_value)
        if not self._adjusting and round(old_value) != round(new_value):
            self._within = 0
            self.following = round(new_value) >= self.max_scroll_y
            self._changed()

    def watch_show_vertical_scrollbar(self) -> None:
        """What was scrolled to before there was a scroll bar was not scrolled to: it is, now."""
        self.call_after_refresh(self._keep_in_view)

    def watch_show_horizontal_scrollbar(self) -> None:
        """It takes the last row."""
        self.call_after_refresh(self._keep_in_view)

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
        if self._wrapped:
            shown = [one for one, _, _ in self._layout()[: self._height - 1]]
            if self.current not in shown:
                above, self._within = self._stepped(row, 0, -(self._height // _LEAD))
                self._scroll_row(above)
        elif not top <= row < top + self._height - 1:
            self._scroll_row(row - self._height // _LEAD)

    def _changed(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self, _event: events.Resize) -> None:
        """Rows follow the width where lines wrap; the end, or the line that was jumped to, stays in view."""
        if self._wrapped:
            self._within = 0
            self._resize_content()
        self.call_after_refresh(self._keep_in_view)
