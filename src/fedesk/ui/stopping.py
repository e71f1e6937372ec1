"""Releases stopped and let go: why is asked for at the foot, written on a thread, kept where that fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from fedesk.ui import present
from fedesk.ui.operation_news import told
from fedesk.ui.widgets.prompt_line import Pick, PickLine, PromptLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fedesk.domain.releases import ReleaseStop
    from fedesk.ui.app import DeskApp
    from fedesk.ui.desk import Stopping
    from fedesk.ui.screens.base import DeskScreen
    from fedesk.ui.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is to be done once there is a reason."""

    question: str
    write: Callable[[Stopping, str], str]
    """Writes with a reason, and says what came of it."""
    text: str = ""
    """The reason, as it was typed."""


class StopWritten(Message):
    """A release was stopped or let go, or could not be."""

    def __init__(self, said: str, asked: _Asked, *, failed: bool) -> None:
        super().__init__()
        self.said = said
        self.asked = asked
        self.failed = failed


class Stopper:
    """What somebody at this desk stops, and lets go."""

    def __init__(self, app: DeskApp) -> None:
        self._app = app
        self._unwritten: dict[str, str] = {}
        """What was typed and could not be written, by the question."""

    def quarantine(self, screen: DeskScreen, target: Target) -> None:
        """Ask why, then put the target's release into quarantine."""
        service, digest = target.service, target.digest
        named = f"{present.digest(digest)} of {target.name}"

        def write(stopping: Stopping, reason: str) -> str:
            stop = stopping.put(service, digest, reason)
            return f"{named} is in quarantine, everywhere: {stop.id}."

        self._prompt(screen, _Asked(question=f"Quarantine {named}, because", write=write))

    def lift(self, screen: DeskScreen, stops: Sequence[ReleaseStop]) -> None:
        """Ask which of these, where there are several, and why; then lift it."""
        if len(stops) == 1:
            self._lift(screen, stops[0])
        elif stops:
            picks = [Pick(label=_named(one), about=one.reason, thing=one) for one in stops]
            screen.open_foot(PickLine(screen, "Lift", picks, lambda stop: self._lift(screen, stop)))

    def _lift(self, screen: DeskScreen, stop: ReleaseStop) -> None:
        def write(stopping: Stopping, reason: str) -> str:
            return f"Lifted: {_named(stopping.lift(stop.id, reason))}."

        self._prompt(screen, _Asked(question=f"Lift {_named(stop)}, because", write=write))

    def took(self, screen: DeskScreen, message: StopWritten) -> None:
        """Say what came of it. What could not be written is asked for again, as it was typed."""
        app, asked = self._app, message.asked
        app.say(message.said)
        app.following.written()
        if message.failed:
            self._unwritten[asked.question] = asked.text
            if app.screen is screen and screen.foot_line is None:
                self._prompt(screen, asked)

    def _prompt(self, screen: DeskScreen, asked: _Asked) -> None:
        def take(reason: str) -> None:
            self._write(screen, _Asked(question=asked.question, write=asked.write, text=reason))

        kept = self._unwritten.get(asked.question, "")
        screen.open_foot(PromptLine(screen, asked.question, take, text=kept))

    def _write(self, screen: DeskScreen, asked: _Asked) -> None:
        desk = self._app.desk
        if desk is None:
            screen.post_message(StopWritten("The systems are still being opened.", asked, failed=True))
            return
        self._unwritten.pop(asked.question, None)

        def work() -> None:
            try:
                written = StopWritten(asked.write(desk.quarantining, asked.text), asked, failed=False)
            except Exception as error:  # noqa: BLE001 - said in passing, whatever it is
                written = StopWritten(told(error, "writing it down"), asked, failed=True)
            screen.post_message(written)

        threading.Thread(target=work, name="write of a stop", daemon=True).start()


def _named(stop: ReleaseStop) -> str:
    """``quarantine of 87fb3e21c0d4 of payments``."""
    where = f" in {present.text(stop.environment, 20)}" if stop.environment else ""
    return f"{stop.kind} of {present.digest(stop.digest)} of {present.text(stop.service, 30)}{where}"
