"""Lines at the foot that ask for something: a text, or one of several things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.widgets.foot_line import PASSED, FootLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

    from fedesk.ui.screens.base import DeskScreen

Thing = TypeVar("Thing")
_LONGEST = 1_000
_SHOWN = 8


class PromptLine(FootLine):
    """Asks for a text; Enter hands it over, Esc drops it."""

    def __init__(
        self, screen: DeskScreen, asked: str, take: Callable[[str], None], *, text: str = ""
    ) -> None:
        super().__init__(screen)
        self.text = text
        self._asked = asked
        self._take = take

    def content_of(self, width: int) -> Content:
        """What is asked, what was typed, and a cursor."""
        asked = Content.styled(f"{self._asked} ", "bold")
        room = max(width - asked.cell_length - 1, 1)
        return Content.assemble(asked, present.plain(self.text[-room:]), ("▏", "bold $text-accent"))

    def take_key(self, event: events.Key) -> bool:
        """Every key belongs to the line, except those that leave the desk."""
        if event.key in PASSED:
            return False
        if event.key == "escape":
            self._of.close_foot()
        elif event.key == "enter":
            self._enter()
        elif event.key == "backspace":
            self._set(self.text[:-1])
        elif event.key == "ctrl+u":
            self._set("")
        elif event.is_printable and event.character:
            self._set(self.text + event.character)
        else:
            self._other(event.key)
        return True

    def take_paste(self, text: str) -> None:
        """What is pasted is typed, on one line."""
        self._set(self.text + " ".join(text.split()))

    def _set(self, text: str) -> None:
        self.text = text[:_LONGEST]
        self.draw()

    def _enter(self) -> None:
        self._of.close_foot()
        if self.text.strip():
            self._take(self.text.strip())

    def _other(self, key: str) -> None:
        """A key that types nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick(Generic[Thing]):
    """One of the things that may be chosen."""

    label: str
    about: str
    thing: Thing


class PickLine(PromptLine, Generic[Thing]):
    """Asks which of several: what is typed narrows them, ↑ and ↓ go from one to the next."""

    def __init__(
        self,
        screen: DeskScreen,
        asked: str,
        picks: Sequence[Pick[Thing]],
        take: Callable[[Thing], None],
        *,
        at: int = 0,
    ) -> None:
        super().__init__(screen, asked, lambda _text: None)
        self._picks = tuple(picks)
        self._picked = take
        self._at = at

    @property
    def _fitting(self) -> list[Pick[Thing]]:
        words = self.text.lower().split()
        return [one for one in self._picks if all(word in one.label.lower() for word in words)]

    def content_of(self, width: int) -> Content:
        """The things that fit, the one that Enter takes on a lighter ground, and what was typed."""
        fitting = self._fitting
        top = max(0, min(self._at - _SHOWN // 2, len(fitting) - _SHOWN))
        lines = []
        for index, one in enumerate(fitting[top : top + _SHOWN], start=top):
            line = Content.assemble(
                present.plain(one.label, "bold" if index == self._at else ""),
                "  ",
                (present.text(one.about, 200), present.MUTED),
            ).truncate(width, ellipsis=True)
            if index == self._at:
                line = line.pad_right(max(width - line.cell_length, 0)).stylize("on $surface-lighten-3")
            lines.append(line)
        if not fitting:
            lines.append(Content.styled("none is called so", present.MUTED))
        count = f"{self._at + 1} of {len(fitting)}" if fitting else "0"
        lines.append(super().content_of(width) + Content.styled(f"  {count}", present.MUTED))
        return Content("\n").join(lines)

    def _set(self, text: str) -> None:
        self._at = 0
        super()._set(text)

    def _other(self, key: str) -> None:
        step = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1, "pagedown": _SHOWN, "pageup": -_SHOWN}.get(
            key
        )
        fitting = len(self._fitting)
        if step is not None and fitting:
            self._at = min(max(self._at + step, 0), fitting - 1)
            self.draw()

    def _enter(self) -> None:
        fitting = self._fitting
        if fitting:
            self._of.close_foot()
            self._picked(fitting[self._at].thing)
