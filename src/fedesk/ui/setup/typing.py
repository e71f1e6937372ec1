"""Keys in a line of the first configuration: from one state to the next, without a screen."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fedesk.domain.text import clean
from fedesk.ui.setup.questions import Kind, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

    from fedesk.ui.setup.answers import Setup

LONGEST = 100_000
"""Characters of one answer: a private key has some three thousand."""


def take_key(setup: Setup, event: events.Key) -> Setup | None:
    """What is typed after a key; None where the key is not for the line."""
    question = setup.question
    if question is None:
        return None
    if question.kind is Kind.CHOICE:
        return _choose(setup, question, event.key)
    if event.key == "right" and (grown := suggestion(setup)):
        return _grown(setup, question, grown)
    text = setup.text(question)
    edited = edit(text, min(setup.cursor, len(text)), event.key)
    if edited is not None:
        return setup.with_text(question, *edited)
    if event.is_printable and event.character:
        return insert(setup, question, event.character)
    return None


def paste(setup: Setup, text: str) -> Setup:
    """What was pasted. A secret keeps its lines, as a private key has them; anything else is one line."""
    question = setup.question
    if question is None or question.kind is Kind.CHOICE:
        return setup
    if question.kind is Kind.HIDDEN:
        return insert(setup, question, text.replace("\r\n", "\n").replace("\r", "\n"))
    return insert(setup, question, " ".join(clean(text[:LONGEST]).split()))


def insert(setup: Setup, question: Question, typed: str) -> Setup:
    """The same with a text at the cursor."""
    text = setup.text(question)
    at = min(setup.cursor, len(text))
    grown = (text[:at] + typed + text[at:])[:LONGEST]
    return setup.with_text(question, grown, min(at + len(typed), len(grown)))


def edit(text: str, at: int, key: str) -> tuple[str, int] | None:
    """Text and cursor after an editing key; None where it is none."""
    word = text[:at].rstrip()
    before = word[: max(word.rfind(mark) for mark in " ,/") + 1]
    edits: dict[str, Callable[[], tuple[str, int]]] = {
        "left": lambda: (text, max(at - 1, 0)),
        "right": lambda: (text, min(at + 1, len(text))),
        "home": lambda: (text, 0),
        "ctrl+a": lambda: (text, 0),
        "end": lambda: (text, len(text)),
        "ctrl+e": lambda: (text, len(text)),
        "backspace": lambda: (text[: max(at - 1, 0)] + text[at:], max(at - 1, 0)),
        "delete": lambda: (text[:at] + text[at + 1 :], at),
        "ctrl+u": lambda: (text[at:], 0),
        "ctrl+w": lambda: (before + text[at:], len(before)),
    }
    change = edits.get(key)
    return None if change is None else change()


def _choose(setup: Setup, question: Question, key: str) -> Setup | None:
    """The next choice, the one before, or the one that begins so."""
    choices = setup.choices(question)
    now = setup.text(question)
    at = choices.index(now) if now in choices else 0
    if key in {"right", "space"}:
        at = (at + 1) % len(choices)
    elif key == "left":
        at = (at - 1) % len(choices)
    else:
        begins = [one for one in choices if one.startswith(key)] if len(key) == 1 else []
        if not begins:
            return None
        at = choices.index(begins[(begins.index(now) + 1) % len(begins)] if now in begins else begins[0])
    return setup.with_text(question, choices[at], 0)


# What could follow


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    from zoneinfo import available_timezones

    return tuple(sorted(available_timezones()))


def offered(setup: Setup) -> tuple[str, ...]:
    """What the line with the keys may be answered with, as far as it is known: the best first."""
    question = setup.question
    if question is None:
        return ()
    if question.key == "timezone":
        known: tuple[str, ...] = _zones()
    elif question.kind is Kind.PARTS:
        known = setup.parts.get(setup.page, ())
    else:
        return ()
    *given, begun = _split(setup.text(question))
    plain = begun.casefold()
    free = [one for one in known if one not in given]
    first = [one for one in free if one.casefold().startswith(plain)]
    return tuple(first + [one for one in free if one not in first and plain and plain in one.casefold()])


def suggestion(setup: Setup) -> str:
    """What ``→`` would complete what is typed to, at its end; empty where nothing is offered."""
    question = setup.question
    if question is None or setup.cursor < len(setup.text(question)):
        return ""
    begun = _split(setup.text(question))[-1]
    return next((one for one in offered(setup) if one != begun), "")


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _grown(setup: Setup, question: Question, word: str) -> Setup:
    *given, _ = _split(setup.text(question))
    text = ", ".join([*given, word])
    return setup.with_text(question, text, len(text))


def moved(setup: Setup, by: int) -> Setup | None:
    """The same some lines on; None where the page ends."""
    line = setup.line + by
    if not 0 <= line < len(setup.questions):
        return None
    there = replace(setup, line=line)
    question = there.question
    return replace(there, cursor=len(there.text(question)) if question is not None else 0)
