"""Screens one only reads: the keys of a place, a runbook."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from fedesk.domain.text import clean
from fedesk.ui import present
from fedesk.ui.actions import Action, Place, Target, bindings, key_name, of_place
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import SKELETON_AFTER
from fedesk.ui.widgets.status_line import StatusLine

_LONGEST_TEXT = 400_000
_KEYS = 20
_VERB = 13


class ReadingScreen(DeskScreen):
    """Text that scrolls."""

    PLACE = Place.TEXT
    BINDINGS = bindings(Place.TEXT)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._heading = title
        self._is_slow = False

    def on_mount(self) -> None:
        """Wait a moment before it is said that something is read."""
        self.set_timer(SKELETON_AFTER, self._show_skeleton)

    def _show_skeleton(self) -> None:
        self._is_slow = True
        self._draw()

    def waiting(self, said: str, width: int) -> Content:
        """What stands here until the answer does: nothing for a moment, then what is waited for."""
        return Content("\n").join(present.waiting(said, width) if self._is_slow else [])

    def text(self, width: int) -> Content:
        """What is shown, wrapped to a width."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Status line, the text, the keys."""
        yield StatusLine()
        with VerticalScroll(id="text") as scroll:
            scroll.border_title = Content(self._heading)
            yield Static(markup=False)
        yield KeyLine(self.PLACE)

    def on_resize(self) -> None:
        """Wrap anew."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        for body in self.query("#text > Static").results(Static):
            # None yet: an answer may be faster than the first layout, which draws it.
            body.update(self.text(max(self._scroll.scrollable_content_region.width, 20)))

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one("#text", VerticalScroll)

    def do_down(self) -> None:
        """One line down."""
        self._scroll.scroll_down(animate=False)

    def do_up(self) -> None:
        """One line up."""
        self._scroll.scroll_up(animate=False)

    def do_page_down(self) -> None:
        """One page down."""
        self._scroll.scroll_page_down(animate=False)

    def do_page_up(self) -> None:
        """One page up."""
        self._scroll.scroll_page_up(animate=False)

    def do_first(self) -> None:
        """To the first line."""
        self._scroll.scroll_home(animate=False)

    def do_last(self) -> None:
        """To the last line."""
        self._scroll.scroll_end(animate=False)


class TextScreen(ReadingScreen):
    """A runbook, as it is written."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(present.text(title, 200))
        self._text = Content(clean(text[:_LONGEST_TEXT]) if text.strip() else "There is nothing in it.")

    def text(self, width: int) -> Content:
        """As it is written."""
        return Content("\n").join(self._text.wrap(width))


class HelpScreen(ReadingScreen):
    """The keys of a place: what they do, and why one does not serve now."""

    PLACE = Place.HELP
    BINDINGS = bindings(Place.HELP)

    def __init__(self, place: Place, target: Target) -> None:
        super().__init__(f"Keys of {place.value}")
        self._of = place
        self._aimed_at = target

    def text(self, width: int) -> Content:
        """The keys by group."""
        return help_content(of_place(self._of), self._aimed_at, width)


_GROUPS = {"look": "Looking", "move": "Moving", "change": "Changing"}


def help_content(of: Iterable[Action], target: Target, width: int) -> Content:
    """Actions by group, each with its keys, what it does, and what stands against it."""
    lines, every = [], tuple(of)
    for group, title in _GROUPS.items():
        actions = [action for action in every if action.group == group]
        if actions:
            lines += [
                Content.styled(title, "bold"),
                *(line for action in actions for line in _help_lines(action, target, width)),
                Content(),
            ]
    return Content("\n").join(lines)


def _help_lines(action: Action, target: Target, width: int) -> list[Content]:
    keys = "  ".join(key_name(key) for key in action.keys)
    reason = action.against(target)
    said = Content.assemble(
        (action.help, present.MUTED), (f" Not now: {reason}." if reason else "", "$text-warning")
    )
    head = Content.assemble("  ", (keys.ljust(_KEYS), "bold $text-accent"), action.verb.ljust(_VERB))
    wrapped = said.wrap(max(width - head.cell_length, 20))
    heads = [head, *[Content(" " * head.cell_length)] * (len(wrapped) - 1)]
    return [Content.assemble(before, line) for before, line in zip(heads, wrapped, strict=True)]
