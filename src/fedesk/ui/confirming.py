"""What a confirmation still wants, and the lines in which it is typed: values, and keys that change them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events

    from fedesk.services.proposals import Needs

_LONGEST_NAME = 60
_LONGEST_REASON = 400
_A_REASON = "a reason or a ticket is needed"


class Line(StrEnum):
    """What takes the keys."""

    PLAN = "plan"
    """Nothing is typed: letters are keys."""
    NAME = "name"
    REASON = "reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What has to be given before the key does anything."""

    name: str = ""
    """The environment's name, to be typed; empty where the key alone is enough."""
    reason: bool = False
    tickets: tuple[str, ...] = ()
    """Patterns (RE2), each to be found in the reason."""
    window: bool = False
    """Whether the yes opens a write window."""
    accept: tuple[str, ...] = ()
    """Guards that are to be accepted."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines there are, in the order of Tab."""
        asked = [(Line.NAME, bool(self.name)), (Line.REASON, self.reason)]
        return (*(line for line, is_there in asked if is_there), Line.PLAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was given so far."""

    line: Line = Line.PLAN
    name: str = ""
    reason: str = ""
    accepted: frozenset[str] = frozenset()


def wanted(environment: str, needs: Iterable[Needs]) -> Wanted:
    """What several plans of one environment want together: one yes is for all of them."""
    every = tuple(needs)
    window = any(one.window for one in every)
    named = window or any(one.name for one in every)
    return Wanted(
        name=environment if named else "",
        # A window is opened with a reason or an incident, whatever the kind of operation asks for.
        reason=window or any(one.reason for one in every),
        tickets=tuple(dict.fromkeys(pattern for one in every for pattern in one.tickets)),
        window=window,
        accept=tuple(dict.fromkeys(guard for one in every for guard in one.accept)),
    )


def missing(want: Wanted, typed: Typed) -> str:
    """What is still to be given, as the end of a sentence; empty where nothing is."""
    if any(guard not in typed.accepted for guard in want.accept):
        return f"{'Tab, then ' if typed.line is Line.REASON else ''}A accepts what a guard asks first"
    if want.name and typed.name != want.name:
        # A wrong name gets no louder answer than no name.
        return f"type the environment's name, {want.name}" if not typed.name else _not_yet(want, typed)
    if want.reason and not typed.reason.strip():
        return f"a reason with {' and '.join(want.tickets)} is needed" if want.tickets else _A_REASON
    return _no_ticket(want, typed) if want.reason and want.tickets else ""


def _no_ticket(want: Wanted, typed: Typed) -> str:
    from fedesk.services.judging import lacking

    patterns = lacking(want.tickets, typed.reason)
    return f"the reason lacks a ticket, {' and '.join(patterns)}" if patterns else ""


def _not_yet(want: Wanted, typed: Typed) -> str:
    begun = want.name.startswith(typed.name)
    return f"type the environment's name, {want.name}" if begun else f"this is {want.name}, not {typed.name}"


def settle(want: Wanted, typed: Typed) -> Typed:
    """The same, on a line that there is: the first one with something to give, where its own is gone."""
    return typed if typed.line in want.lines else replace(typed, line=first_line(want, typed))


def first_line(want: Wanted, typed: Typed) -> Line:
    """The line to begin with."""
    if want.name and typed.name != want.name:
        return Line.NAME
    if _waits_for_accept(want, typed):  # a reason takes A as a letter
        return Line.PLAN
    return Line.REASON if want.reason and not typed.reason.strip() else Line.PLAN


def next_line(want: Wanted, typed: Typed, step: int = 1) -> Typed:
    """On to the next line, or back; behind the last, and before the first, the plan has the keys."""
    lines = want.lines
    at = lines.index(typed.line) if typed.line in lines else -step
    return replace(typed, line=lines[(at + step) % len(lines)])


def take_key(want: Wanted, typed: Typed, event: events.Key) -> Typed | None:
    """What is typed after a key; None where the key is not text and acts as it does elsewhere."""
    if typed.line is Line.PLAN:
        return None
    on_name = typed.line is Line.NAME
    text = typed.name if on_name else typed.reason
    if event.key == "enter" or (event.key == "space" and on_name):
        # Never by itself: of a longer name that begins alike, the rest would end in the reason.
        return next_line(want, typed) if not on_name or typed.name == want.name else typed
    if event.key == "backspace":
        text = text[:-1]
    elif event.key == "ctrl+u":
        text = ""
    elif event.key == "ctrl+w":
        text = text.rstrip().rpartition(" ")[0]
    elif event.is_printable and event.character:
        if on_name and event.key == "A" and _waits_for_accept(want, typed):
            return None
        text += event.character
    else:
        return None
    return _with(typed, text)


def paste(typed: Typed, pasted: str) -> Typed:
    """A reason or ticket may be pasted; a name is typed."""
    return _with(typed, typed.reason + " ".join(pasted.split())) if typed.line is Line.REASON else typed


def accept(want: Wanted, typed: Typed) -> Typed:
    """Accept the next guard that waits for it."""
    waiting = next((guard for guard in want.accept if guard not in typed.accepted), None)
    if waiting is None:
        return typed
    now = replace(typed, accepted=typed.accepted | {waiting})
    return replace(now, line=first_line(want, now)) if typed.line is Line.PLAN else now


def _waits_for_accept(want: Wanted, typed: Typed) -> bool:
    return "A" not in want.name and any(guard not in typed.accepted for guard in want.accept)


def _with(typed: Typed, text: str) -> Typed:
    if typed.line is Line.NAME:
        return replace(typed, name=text[:_LONGEST_NAME])
    return replace(typed, reason=text[:_LONGEST_REASON])
