"""The keys of the first screen and of the first configuration, as data: what they do, and their help."""

from collections.abc import Iterable, Mapping

from fedesk.ui.actions import Action, Place, Target

_HERE: frozenset[Place] = frozenset()
"""These places are none of the desk's: each screen has its table."""


def _missing(target: Target) -> str | None:
    return target.missing or None


def _no_system(target: Target) -> str | None:
    return None if target.name else "no system is asked about here"


WELCOME: tuple[Action, ...] = (
    Action(id="open", keys=("enter",), verb="open", places=_HERE, help="Do what the cursor is on."),
    Action(
        id="demo", keys=("d",), verb="demo", places=_HERE,
        help="The desk over four systems of its own, on this machine: nothing to set up, nothing leaves it.",
    ),
    Action(
        id="init", keys=("c",), verb="config init", places=_HERE,
        help="Asks for your systems, tries each, and writes the configuration in the end.",
    ),
    Action(
        id="down", keys=("j", "down", "tab"), verb="down", places=_HERE, group="move", shown=False,
        help="To the next.",
    ),
    Action(
        id="up", keys=("k", "up", "shift+tab"), verb="up", places=_HERE, group="move", shown=False,
        help="To the one before.",
    ),
    Action(
        id="help", keys=("question_mark", "f1"), verb="help", places=_HERE, help="The keys of this place.",
    ),
    Action(
        id="quit", keys=("q", "escape"), verb="quit", places=_HERE, help="Leave; nothing was written.",
    ),
)  # fmt: skip

SETUP: tuple[Action, ...] = (
    Action(
        id="next", keys=("enter",), verb="next", places=_HERE,
        help="To the next line, and behind the last one to the next page. What was typed is tried.",
    ),
    Action(
        id="down", keys=("tab", "down"), verb="down", places=_HERE, group="move", shown=False,
        help="To the next line.",
    ),
    Action(
        id="up", keys=("shift+tab", "up"), verb="up", places=_HERE, group="move", shown=False,
        help="To the line before.",
    ),
    Action(
        id="back", keys=("escape",), verb="back", places=_HERE,
        help="To the page before. Nothing is written, and what was typed stays.",
    ),
    Action(
        id="write", keys=("ctrl+y",), verb="write", places=_HERE, group="change", disabled=_missing,
        help="Put the credentials into the keyring, write the file, and open the board.",
    ),
    Action(
        id="page-down", keys=("pagedown", "ctrl+n"), verb="next page", places=_HERE, group="move",
        help="To the next page; what was typed stays.",
    ),
    Action(
        id="page-up", keys=("pageup", "ctrl+b"), verb="page before", places=_HERE, group="move", shown=False,
        help="To the page before; what was typed stays.",
    ),
    Action(
        id="again", keys=("ctrl+r",), verb="try again", places=_HERE, disabled=_no_system,
        only_if_it_serves=True, help="Log in and look again, as it is typed now.",
    ),
    Action(
        id="help", keys=("question_mark", "f1"), verb="help", places=_HERE,
        help="The keys of this place. Where a ? can be part of the answer, F1 alone.",
    ),
    Action(
        id="quit", keys=("ctrl+q", "ctrl+c"), verb="quit", places=_HERE,
        help="Leave at once; nothing is written.",
    ),
)  # fmt: skip

LINES: tuple[Action, ...] = (
    Action(
        id="choose", keys=("left", "right", "space"), verb="choose", places=_HERE, shown=False,
        help="In a line with choices: the one before, the next.",
    ),
    Action(
        id="complete", keys=("right",), verb="complete", places=_HERE, shown=False,
        help="At the end of what is typed: take what is offered.",
    ),
)  # fmt: skip
"""What a line does with its keys (``typing``); here for the help alone."""

READ: tuple[Action, ...] = (
    Action(id="down", keys=("j", "down"), verb="down", places=_HERE, group="move", help="One line down."),
    Action(id="up", keys=("k", "up"), verb="up", places=_HERE, group="move", help="One line up."),
    Action(id="back", keys=("escape", "q", "f1"), verb="back", places=_HERE, help="Back."),
)


def by_key(actions: Iterable[Action]) -> Mapping[str, Action]:
    """The actions of a table by each of their keys."""
    return {key: action for action in actions for key in action.keys}
