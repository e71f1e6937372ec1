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


class KeyedApp(App[ReturnT]):
    """An app whose screens are asked, key by key, whether it is text, before it is looked up as an action.

    Textual hands a key from widget to widget, each with a queue of its own: a letter typed fast after ``/``
    would overtake it.
    """

    async def on_event(self, event: events.Event) -> None:
        """Offer a key to the screen that takes text, where it arrives."""
        if (
            isinstance(event, events.Key)
            and not event.is_forwarded
            and isinstance(self.screen, TakesText)
            and self.screen.take_key(event)
        ):
            return
        await super().on_event(event)
