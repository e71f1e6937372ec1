"""The ``:`` line: one command, with history and completion; what may follow stands above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.command_line import CommandError, Completion, complete, parse
from fedesk.ui.widgets.foot_line import PASSED, FootLine

if TYPE_CHECKING:
    from textual import events

    from fedesk.ui.screens.base import DeskScreen

_SHOWN = 6
"""Candidates that are shown at once."""
_LONGEST = 1_000


class CommandLine(FootLine):
    """What is typed, where the cursor is in it, and how it may go on."""

    def __init__(self, screen: DeskScreen) -> None:
        super().__init__(screen)
        self.text = ""
        self.problem = ""
        self._cursor = 0
        self._history = screen.desk_app.command_history
        self._at = len(self._history.lines)
        self._needle: str | None = None
        self._completion = Completion(start=0)
        self._chosen: int | None = None
        self._complete()

    # What is typed

    def take_key(self, event: events.Key) -> bool:
        """Every key belongs to the line, except those that leave the desk."""
        if event.key in PASSED:
            return False
        act = {
            "escape": self._close,
            "enter": self._run,
            "tab": lambda: self._tab(1),
            "shift+tab": lambda: self._tab(-1),
            "up": lambda: self._recall(-1),
            "down": lambda: self._recall(1),
            "ctrl+r": lambda: self._recall(-1, anywhere=True),
            "left": lambda: self._move(self._cursor - 1),
            "right": lambda: self._move(self._cursor + 1),
            "home": lambda: self._move(0),
            "ctrl+a": lambda: self._move(0),
            "end": lambda: self._move(len(self.text)),
            "ctrl+e": lambda: self._move(len(self.text)),
            "backspace": self._rub_out,
            "delete": lambda: self._set(
                self.text[: self._cursor] + self.text[self._cursor + 1 :], self._cursor
            ),
            "ctrl+u": lambda: self._set(self.text[self._cursor :], 0),
            "ctrl+w": self._rub_out_word,
        }.get(event.key)
        if act is not None:
            act()
        elif event.is_printable and event.character:
            self._insert(event.character)
        return True

    def take_paste(self, text: str) -> None:
        """What is pasted is typed, on one line; it is not run."""
        self._insert(" ".join(text.split()))

    def _insert(self, text: str) -> None:
        text = present.text(text, _LONGEST) if len(text) > 1 else text
        line = self.text[: self._cursor] + text + self.text[self._cursor :]
        self._set(line[:_LONGEST], self._cursor + len(text))

    def _set(self, text: str, cursor: int) -> None:
        self._at, self._needle = len(self._history.lines), None
        self._put(text, cursor)

    def _put(self, text: str, cursor: int) -> None:
        self.text = text
        self._cursor = min(max(cursor, 0), len(text))
        self.problem = ""
        self._complete()
        self.draw()

    def _move(self, cursor: int) -> None:
        self._cursor = min(max(cursor, 0), len(self.text))
        self.draw()

    def _rub_out(self) -> None:
        """One character; of an empty line the line itself."""
        if not self.text:
            self._close()
        elif self._cursor:
            self._set(self.text[: self._cursor - 1] + self.text[self._cursor :], self._cursor - 1)

    def _rub_out_word(self) -> None:
        before = self.text[: self._cursor].rstrip()
        kept = before[: before.rfind(" ") + 1]
        self._set(kept + self.text[self._cursor :], len(kept))

    # What may follow

    def _complete(self) -> None:
        from fedesk.ui.commands import known_of

        self._chosen = None
        self._completion = complete(self.text, known_of(self._of))

    def _tab(self, by: int) -> None:
        """As far as all candidates agree; then from one to the next."""
        candidates = self._completion.candidates
        if not candidates:
            return
        if self._chosen is None:
            grown = self._completion.common(self.text)
            if grown != self.text:
                self._set(grown, len(grown))
                return
        following = (0 if by > 0 else -1) if self._chosen is None else self._chosen + by
        self._chosen = following % len(candidates)
        self.text = self.text[: self._completion.start] + candidates[self._chosen].text
        self._cursor = len(self.text)
        self.draw()

    def _recall(self, by: int, *, anywhere: bool = False) -> None:
        """An older or newer command that begins with what was typed, or holds it; at the end that."""
        lines = self._history.lines
        needle = self.text if self._needle is None else self._needle
        at = self._history.find(needle, self._at, by, anywhere=anywhere)
        if at is None and by < 0:
            which = "with" if anywhere else "that begins with"
            self.problem = f"There is no older command {which} {needle!r}." if needle else ""
            self.draw()
            return
        self._at = len(lines) if at is None else at
        self._needle = None if at is None else needle
        line = needle if at is None else lines[at]
        self._put(line, len(line))

    # What it does

    def _close(self) -> None:
        self._of.close_foot()

    def _run(self) -> None:
        from fedesk.ui.commands import perform

        try:
            parsed = parse(self.text)
        except CommandError as error:
            self.problem = str(error)
            self.draw()
            return
        self._close()
        if parsed is None:
            return
        self._history.add(self.text.rstrip())
        perform(self._of, parsed)

    # Drawing

    def content_of(self, width: int) -> Content:
        """The candidates, what is wrong with the line, and the line."""
        return Content("\n").join([*self._above(width), self._typed(width)])

    def _above(self, width: int) -> list[Content]:
        if self.problem:
            return Content.styled(present.text(self.problem), "$text-warning").wrap(width)
        candidates = self._completion.candidates
        chosen = self._chosen
        top = max(0, min((chosen or 0) - _SHOWN + 1, len(candidates) - _SHOWN)) if chosen is not None else 0
        shown = candidates[top : top + _SHOWN]
        longest = max((len(one.text) for one in shown), default=0)
        column = min(longest, max(width - 34, width // 2)) if any(one.about for one in shown) else width
        lines = []
        for index, one in enumerate(shown, start=top):
            word = present.plain(one.text, "bold" if index == chosen else "").truncate(column, ellipsis=True)
            gap = " " * max(column - word.cell_length + 2, 2) if one.about else ""
            line = Content.assemble(word, gap, (present.text(one.about, 200), present.MUTED))
            line = line.truncate(width, ellipsis=True)
            if index == chosen:
                line = line.pad_right(max(width - line.cell_length, 0)).stylize("on $surface-lighten-3")
            lines.append(line)
        rest = len(candidates) - len(shown)
        if rest > 0:
            lines.append(Content.styled(f"{rest} more, type on or Tab through them", present.MUTED))
        return lines

    def _typed(self, width: int) -> Content:
        """The line with its cursor; where it is longer than the screen, the part around the cursor."""
        room = width - 2
        start = max(0, self._cursor - room + 1)
        shown = self.text[start : start + room]
        at = self._cursor - start
        return Content.assemble(
            (":", "bold $text-accent"),
            _as_typed(shown[:at]),
            (_as_typed(shown[at : at + 1] or " "), "reverse"),
            _as_typed(shown[at + 1 :]),
        )


def _as_typed(text: str) -> str:
    """What was typed or completed, one cell for one character where that can be had, and harmless."""
    from fedesk.domain.text import clean

    return clean(text).replace("\n", " ")
