"""The last line of every screen: the keys of this place, drawn from the table of actions."""

from collections.abc import Iterable
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from fedesk.ui import present
from fedesk.ui.actions import Action, Place, Target, key_name, of_place

_GAP = "  "
_KEPT = frozenset({"command", "help", "quit"})


def _entry(action: Action, target: Target) -> Content:
    key = key_name(action.keys[0])
    if action.against(target) is not None:
        return Content.styled(f"{key} {action.verb}", "$foreground-disabled")
    return Content.assemble((key, "bold $text-accent"), (f" {action.verb}", present.MUTED))


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What has room: the keys that look at the left, those that change at the right."""

    looks: tuple[Action, ...]
    changes: tuple[Action, ...]
    left: Content
    right: Content
    spare: int


def _fitted(actions: Iterable[Action], target: Target, width: int) -> _Fitted:
    """Those of the table's end go first, what leads everywhere stays."""
    shown = [
        action
        for action in actions
        if action.shown and not (action.only_if_it_serves and action.disabled(target))
    ]
    while True:
        looks = tuple(action for action in shown if action.group != "change")
        changes = tuple(action for action in shown if action.group == "change")
        left = Content(_GAP).join(_entry(action, target) for action in looks)
        right = Content(_GAP).join(_entry(action, target) for action in changes)
        spare = width - 2 - left.cell_length - right.cell_length
        dropped = next((action for action in reversed(shown) if action.id not in _KEPT), None)
        if spare >= (2 if changes else 0) or dropped is None:
            return _Fitted(looks, changes, left, right, max(spare, 0))
        shown.remove(dropped)


def key_content(actions: Iterable[Action], target: Target, width: int) -> Content:
    """The keys in at most ``width`` cells."""
    fitted = _fitted(actions, target, width)
    line = Content.assemble(" ", fitted.left, " " * fitted.spare, fitted.right)
    return line.truncate(width, ellipsis=True)


def key_at(actions: Iterable[Action], target: Target, width: int, x: int) -> Action | None:
    """The action whose key stands at a column of the line."""
    fitted = _fitted(actions, target, width)
    at = 1
    for keys, after in ((fitted.looks, fitted.spare - len(_GAP)), (fitted.changes, 0)):
        for action in keys:
            end = at + _entry(action, target).cell_length
            if at <= x < end:
                return action
            at = end + len(_GAP)
        at += after
    return None


class KeyLine(Widget):
    """The line itself. A click on a key does what the key does."""

    class Clicked(Message):
        """Somebody has clicked on a key."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._target = Target()

    def show(self, place: Place, target: Target) -> None:
        """Show the keys of a place; those that do not serve for the target are dimmed."""
        if (place, target) != (self._place, self._target):
            self._place, self._target = place, target
            self.refresh()

    def render(self) -> Content:
        """The line, as wide as the screen."""
        return key_content(of_place(self._place), self._target, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Tell the screen which key it was."""
        action = key_at(of_place(self._place), self._target, self.size.width, event.x)
        if action is not None:
            self.post_message(self.Clicked(action))
