"""The last line of every screen: the keys of this place, drawn from the table of actions."""

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget

from fedesk.ui import present
from fedesk.ui.actions import Action, Place, Target, key_name, of_place

_GAP = "  "
_KEPT = frozenset({"command", "help", "quit"})


def _entry(action: Action, target: Target) -> Content:
    key = key_name(action.keys[0])
    if action.disabled(target) is not None:
        return Content.styled(f"{key} {action.verb}", "$foreground-disabled")
    return Content.assemble((key, "bold $text-accent"), (f" {action.verb}", present.MUTED))


def key_content(actions: Iterable[Action], target: Target, width: int) -> Content:
    """The keys in at most ``width`` cells; those of the table's end go first, what leads everywhere stays."""
    shown = [
        action
        for action in actions
        if action.shown and not (action.only_if_it_serves and action.disabled(target))
    ]
    while True:
        looks = [_entry(action, target) for action in shown if action.group != "change"]
        changes = [_entry(action, target) for action in shown if action.group == "change"]
        left, right = Content(_GAP).join(looks), Content(_GAP).join(changes)
        spare = width - 2 - left.cell_length - right.cell_length
        if spare >= (2 if changes else 0):
            return Content.assemble(" ", left, " " * spare, right)
        dropped = next((action for action in reversed(shown) if action.id not in _KEPT), None)
        if dropped is None:
            return Content.assemble(" ", left).truncate(width, ellipsis=True)
        shown.remove(dropped)


class KeyLine(Widget):
    """The line itself."""

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
