"""Saying something of findings: asked for at the foot, written on a thread, kept where that fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.message import Message

from fedesk.domain.durations import parse_until_and_why
from fedesk.domain.marks import MarkError, key_of, theme_of
from fedesk.ui import present
from fedesk.ui.operation_news import told
from fedesk.ui.record_text import person
from fedesk.ui.widgets.foot_line import MenuLine
from fedesk.ui.widgets.prompt_line import PromptLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from fedesk.domain.front import Finding
    from fedesk.ui.app import DeskApp
    from fedesk.ui.desk import Saying
    from fedesk.ui.screens.base import DeskScreen

    Write = Callable[[Saying, Finding], str]
    """Writes of one finding, and says what came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What was asked, of which findings, and what was typed."""

    verb: str
    findings: tuple[Finding, ...]
    environment: str
    text: str = ""


class MarkWritten(Message):
    """Something was said of findings, or could not be."""

    def __init__(self, said: str, asked: _Asked, *, failed: bool) -> None:
        super().__init__()
        self.said = said
        self.asked = asked
        self.failed = failed


class Marker:
    """What somebody at this desk says of findings."""

    def __init__(self, app: DeskApp) -> None:
        self._app = app
        self._unwritten: dict[tuple[str, tuple[str, ...]], str] = {}
        """What was typed and could not be written, by what it was for."""
        self.hushed: set[str] = set()
        """Ids of findings that were snoozed or silenced here."""

    def acknowledge(self, screen: DeskScreen, findings: Sequence[Finding]) -> None:
        """Take them; what all of them one has already is given back."""
        app, asked = self._app, self._asked("acknowledge", findings)
        marks, now = app.following.marks(asked.environment), app.now
        holders = {one.id: marks.state(one, now).holder for one in findings}

        def write(saying: Saying, finding: Finding) -> str:
            me, before = saying.actor.person, holders[finding.id]
            if set(holders.values()) == {me}:
                saying.release(asked.environment, finding)
                return "given back, nobody has it"
            if before != me:
                saying.acknowledge(asked.environment, finding)
            return f"you have it, {person(before)} had it" if before not in ("", me) else "you have it"

        self._write(screen, asked, write)

    def ask(self, screen: DeskScreen, findings: Sequence[Finding]) -> None:
        """What is to be said: a menu, then a line for what it wants."""
        choices: Mapping[str, tuple[str, Callable[[], None]]] = {
            "a": ("assign", lambda: self._prompt(screen, self._asked("assign", findings))),
            "s": ("snooze", lambda: self._prompt(screen, self._asked("snooze", findings))),
            "x": ("silence", lambda: self._prompt(screen, self._asked("silence", findings))),
            "n": ("note", lambda: self._prompt(screen, self._asked("note", findings))),
            "l": ("lift", lambda: self._lift(screen, self._asked("lift", findings))),
        }
        screen.open_foot(MenuLine(screen, _named(findings, 30), choices))

    def took(self, screen: DeskScreen, message: MarkWritten) -> None:
        """Say what came of it. What could not be written is asked for again, as it was typed."""
        app, asked = self._app, message.asked
        app.say(message.said)
        app.following.written()
        if not message.failed and asked.verb in ("snooze", "silence"):
            self.hushed.update(one.id for one in asked.findings)
        if message.failed and asked.text:
            self._unwritten[_slot(asked)] = asked.text
            if app.screen is screen and screen.foot_line is None:
                self._prompt(screen, asked)

    def _asked(self, verb: str, findings: Sequence[Finding]) -> _Asked:
        return _Asked(verb=verb, findings=tuple(findings), environment=self._app.facts.name)

    def _prompt(self, screen: DeskScreen, asked: _Asked) -> None:
        def take(text: str) -> None:
            typed = replace(asked, text=text)
            write = _WRITES[asked.verb]
            self._write(screen, typed, lambda saying, finding: write(self._app, saying, finding, typed))

        question = f"{_QUESTIONS[asked.verb]} ({_named(asked.findings, 24)}):"
        screen.open_foot(PromptLine(screen, question, take, text=self._unwritten.get(_slot(asked), "")))

    def _lift(self, screen: DeskScreen, asked: _Asked) -> None:
        def write(saying: Saying, finding: Finding) -> str:
            saying.lift(asked.environment, (key_of(finding), theme_of(finding)))
            return "quiet no more"

        self._write(screen, asked, write)

    def _write(self, screen: DeskScreen, asked: _Asked, write: Write) -> None:
        """Write on a thread, one finding after the other; the first that fails ends it."""
        desk = self._app.desk
        if desk is None:
            screen.post_message(MarkWritten("The systems are still being opened.", asked, failed=True))
            return
        self._unwritten.pop(_slot(asked), None)

        def work() -> None:
            said = ""
            for at, one in enumerate(asked.findings):
                name = present.text(one.subject, 60)
                try:
                    said = f"{name}: {write(desk.marking, one)}."
                except Exception as error:  # noqa: BLE001 - said in passing, whatever it is
                    left = replace(asked, findings=asked.findings[at:])
                    failed = told(error, f"writing what was said of {name}")
                    screen.post_message(MarkWritten(failed, left, failed=True))
                    return
            more = len(asked.findings) - 1
            said = f"{said} So it is with {more} more." if more else said
            screen.post_message(MarkWritten(said, asked, failed=False))

        threading.Thread(target=work, name="write what was said", daemon=True).start()


def _named(findings: Sequence[Finding], width: int) -> str:
    first = present.text(findings[0].subject, width)
    return first if len(findings) == 1 else f"{len(findings)} findings"


def _slot(asked: _Asked) -> tuple[str, tuple[str, ...]]:
    return asked.verb, tuple(one.id for one in asked.findings)


# What each writes


def _assign(app: DeskApp, saying: Saying, finding: Finding, asked: _Asked) -> str:
    del app
    saying.assign(asked.environment, finding, asked.text)
    return f"{person(asked.text)} has it"


def _note(app: DeskApp, saying: Saying, finding: Finding, asked: _Asked) -> str:
    del app
    saying.note(asked.environment, finding, asked.text)
    return "noted"


def _snooze(app: DeskApp, saying: Saying, finding: Finding, asked: _Asked) -> str:
    until, why = _until(app, asked)
    saying.snooze(asked.environment, finding, until, why)
    return f"snoozed until {present.clock_time(until, app.now, app.zone)}"


def _silence(app: DeskApp, saying: Saying, finding: Finding, asked: _Asked) -> str:
    until, why = _until(app, asked)
    saying.silence(asked.environment, finding, until, why)
    return f"every {finding.kind} of it is silenced until {present.clock_time(until, app.now, app.zone)}"


def _until(app: DeskApp, asked: _Asked) -> tuple[datetime, str]:
    try:
        return parse_until_and_why(asked.text, app.now, app.zone)
    except ValueError as error:
        raise MarkError(f"{asked.verb.capitalize()}: {error}, and then why.") from None


_QUESTIONS = {
    "assign": "To whom",
    "snooze": "Until when, and why, as 06:00 after the load",
    "silence": "For how long, 7d at most, and why, as 2d known to the vendor",
    "note": "Note",
}
_WRITES: Mapping[str, Callable[[DeskApp, Saying, Finding, _Asked], str]] = {
    "assign": _assign,
    "snooze": _snooze,
    "silence": _silence,
    "note": _note,
}
