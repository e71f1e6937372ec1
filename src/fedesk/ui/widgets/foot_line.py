"""Lines that stand over the last line of a screen for a moment, and take every key meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from fedesk.ui import present

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual import events

    from fedesk.ui.screens.base import DeskScreen

PASSED = frozenset({"ctrl+c", "ctrl+q", "ctrl+t"})
"""Keys that leave the desk, or the demo's tour, whatever is typed."""


_TO_A_FILE = "f"


class FootLine(Static):
    """A line that is drawn over the keys. Its screen hands it every key as it arrives, mounted or not yet."""

    DEFAULT_CSS = ""

    def __init__(self, screen: DeskScreen) -> None:
        super().__init__(markup=False, classes="foot-line")
        self._of = screen

    def on_mount(self) -> None:
        """Draw what was typed before this was there."""
        self.draw()

    def draw(self) -> None:
        """Show what there is now."""
        if self.is_attached:
            self.update(self.content_of(max(self._of.size.width - 2, 10)))

    def content_of(self, width: int) -> Content:
        """What is shown in ``width`` cells."""
        raise NotImplementedError

    def take_key(self, event: events.Key) -> bool:
        """Take a key; says whether it was taken."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something that may be copied: the key for it, its label, and the text."""

    key: str
    label: str
    text: str
    called: str = ""
    """What it is said to be, where the text has several lines."""


def menu(title: str, named: Sequence[tuple[str, str]], width: int) -> Content:
    """``Copy  y id  l link  Esc back``: what each key stands for."""
    parts = [
        Content.assemble((key, "bold $text-accent"), (f" {label}", present.MUTED))
        for key, label in (*named, ("Esc", "back"))
    ]
    return Content("  ").join([Content.styled(title, "bold"), *parts]).truncate(width, ellipsis=True)


class MenuLine(FootLine):
    """Which of several things is to be done; each then asks for what it wants."""

    def __init__(
        self, screen: DeskScreen, title: str, choices: Mapping[str, tuple[str, Callable[[], None]]]
    ) -> None:
        """``choices``: by their keys, a label and what is done."""
        super().__init__(screen)
        self._title = title
        self._choices = choices

    def content_of(self, width: int) -> Content:
        """``payments_daily  a assign  s snooze  Esc back``."""
        named = [(key, label) for key, (label, _) in self._choices.items()]
        return menu(self._title, named, width)

    def take_key(self, event: events.Key) -> bool:
        """Do what the key stands for; any other key does nothing."""
        if event.key in PASSED:
            return False
        self._of.close_foot()
        if event.key in self._choices:
            self._choices[event.key][1]()
        return True


class CopyLine(FootLine):
    """Which of several texts is to be copied."""

    def __init__(self, screen: DeskScreen, choices: Sequence[Choice]) -> None:
        super().__init__(screen)
        self._choices = tuple(choices)

    def content_of(self, width: int) -> Content:
        """``Copy  y id  l link  c command line  f to a file  Esc back``."""
        named = [(one.key, one.label) for one in self._choices]
        return menu("Copy", [*named, (_TO_A_FILE, "to a file")], width)

    def take_key(self, event: events.Key) -> bool:
        """Copy what the key stands for; any other key copies nothing, and does nothing else either."""
        if event.key in PASSED:
            return False
        self._of.close_foot()
        if event.key == _TO_A_FILE:
            written = "\n\n".join(f"{one.label}\n{one.text}" for one in self._choices)
            self._of.desk_app.write_down(written)
            return True
        chosen = next((one for one in self._choices if one.key == event.key), None)
        if chosen is not None:
            self._of.desk_app.copy(chosen.text, called=chosen.called)
        return True
