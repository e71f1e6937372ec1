"""The palette: the same actions as the keys, found by name."""

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from fedesk.ui.actions import Action, key_name, of_place
from fedesk.ui.screens.base import DeskScreen

if TYPE_CHECKING:
    from fedesk.ui.app import DeskApp


class DeskCommands(Provider):
    """Actions that serve at the place one is, and the themes."""

    def _entries(self) -> list[tuple[str, str, Action | None]]:
        screen = self.screen
        if not isinstance(screen, DeskScreen):
            return []
        entries: list[tuple[str, str, Action | None]] = [
            (f"{action.verb.capitalize()}  ({key_name(action.keys[0])})", self._help(action, screen), action)
            for action in of_place(screen.place)
            if action.group != "move" and action.id != "palette" and not action.by_key_alone
        ]
        return [*entries, ("Theme", "Another set of colours, dark or light.", None)]

    @staticmethod
    def _help(action: Action, screen: DeskScreen) -> str:
        reason = action.against(screen.aim)
        return f"Not now: {reason}." if reason else action.help

    def _run(self, action: Action | None) -> None:
        screen = self.screen
        if action is None:
            self.app.action_change_theme()
        elif isinstance(screen, DeskScreen):
            cast("DeskApp", self.app).call_later(screen.action_act, action.id)

    async def discover(self) -> Hits:
        """Everything, before a letter is typed."""
        for title, help_text, action in self._entries():
            yield DiscoveryHit(title, partial(self._run, action), help=help_text)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for title, help_text, action in self._entries():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, action), help=help_text)
