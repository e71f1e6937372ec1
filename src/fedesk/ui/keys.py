"""Keys in the order they were pressed: text that is being typed, then actions."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from textual import events
from textual.app import App

ReturnT = TypeVar("ReturnT")


@runtime_checkable
class TakesText(Protocol):
    """A screen in which one may type."""

    def take_key(self, event: events.Key) -> bool:
        """Take a key as text; says whether it was taken."""


@runtime_checkable
class TakesPaste(Protocol):
    """Something in which one types, and into which one may paste."""

    def take_paste(self, text: str) -> None:
        """Take what was pasted."""


class KeyedApp(App[ReturnT]):
    """An app whose screens are asked, key by key, whether it is text, before it is looked up as an action.

    Textual hands a key from widget to widget, each with a queue of its own: a letter typed fast after ``/``
    would overtake it.
    """

    async def on_event(self, event: events.Event) -> None:
        """Offer a key to what takes text, where it arrives."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded and self._taken(event):
            return
        await super().on_event(event)

    def _taken(self, event: events.Key | events.Paste) -> bool:
        """The line that is open at the foot of the screen comes first, then the screen."""
        line = getattr(self.screen, "foot_line", None)
        if isinstance(event, events.Paste):
            taker = self.screen if line is None else line
            if isinstance(taker, TakesPaste):
                taker.take_paste(event.text)
            return line is not None or isinstance(taker, TakesPaste)
        if isinstance(line, TakesText):
            return line.take_key(event)
        return isinstance(self.screen, TakesText) and self.screen.take_key(event)
