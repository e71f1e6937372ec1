"""The demo's tour: six steps on the real keys, from a red row to a re-run and its record.

A step is over when the screen shows what it leads to, whichever way one came there. The tour looks and talks;
it presses no key, holds none back and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedesk.domain.operations import Outcome, Stage
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.widgets.tour_strip import Said, TourStrip

if TYPE_CHECKING:
    from pathlib import Path

    from textual.timer import Timer

    from fedesk.ui.app import DeskApp

LEAVE = "ctrl+t"
_PERIOD = 0.2
"""Seconds between two looks at the screen while the tour goes on."""


@dataclass(slots=True)
class Seen:
    """What the tour has seen happen."""

    operation: str = ""
    """The operation that was confirmed last, by its id."""
    ended: bool = False
    """Whether it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TourStep:
    """One thing to do."""

    press: str
    """The keys, as people write them."""
    says: str
    """What they do here."""
    why: str
    done: Callable[[DeskApp, Seen], bool]
    """Whether the screen shows it."""


def _sees_why(app: DeskApp, _seen: Seen) -> bool:
    """Of something that has a run: the steps that follow want one."""
    from fedesk.ui.screens.main import MainScreen
    from fedesk.ui.views import TriageView

    screen = app.screen
    return (
        isinstance(screen, MainScreen) and isinstance(screen.view, TriageView) and screen.view.side.has_focus
    )


def _reads_log(app: DeskApp, _seen: Seen) -> bool:
    from fedesk.ui.screens.log import LogScreen
    from fedesk.ui.widgets.log_view import LogView

    screen = app.screen
    return isinstance(screen, LogScreen) and any(view.virtual_size.height for view in screen.query(LogView))


def _has_run(app: DeskApp, _seen: Seen) -> bool:
    from fedesk.ui.screens.run import RunScreen

    return isinstance(app.screen, RunScreen) and app.screen.detail is not None


def _has_plan(app: DeskApp, _seen: Seen) -> bool:
    from fedesk.ui.screens.operation import OperationScreen

    screen = app.screen
    return isinstance(screen, OperationScreen) and screen.situation.is_planned and bool(screen.situation.free)


def _has_ended(app: DeskApp, seen: Seen) -> bool:
    """The operation that is watched was done; it is remembered for the step behind it."""
    from fedesk.ui.screens.operation import OperationScreen

    screen = app.screen
    operation = screen.item.operation if isinstance(screen, OperationScreen) else None
    if operation is not None:
        seen.operation = operation.plan.operation
        seen.ended = operation.stage is Stage.ENDED and operation.outcome is Outcome.SUCCEEDED
    return seen.ended


def _has_record(app: DeskApp, seen: Seen) -> bool:
    from fedesk.ui.screens.record import RecordScreen

    told = app.screen.value if isinstance(app.screen, RecordScreen) else None
    return told is not None and told.record.draft.operation == seen.operation


STEPS: tuple[TourStep, ...] = (
    TourStep(
        press="j, k to a pipeline that failed, like payments_daily; then i",
        says="the side says why it is red",
        why="The list is what is wrong now, what pages first; r lets new rows in.", done=_sees_why,
    ),
    TourStep(
        press="l", says="its log, at the first line that tells why",
        why="Small letters look, and never change anything.", done=_reads_log,
    ),
    TourStep(
        press="Esc, Enter", says="the run: each task, its state, its tries",
        why="Esc leads back, always. Enter opens, and never changes anything.", done=_has_run,
    ),
    TourStep(
        press="R", says="a plan to run it again: what would be sent, and what speaks against it",
        why="Capitals change, and even they stop at a plan.", done=_has_plan,
    ),
    TourStep(
        press="prod, Tab, a reason, ctrl+y", says="the yes; it is watched until Airflow says it was done",
        why="Production is changed by its name and a reason. Leaving stops nothing; u leads back.",
        done=_has_ended,
    ),
    TourStep(
        press="Esc to the list, 4, Enter", says="the newest record: who, when, why, and how it ended",
        why="What is not on record is not sent, and the chain shows what was altered.", done=_has_record,
    ),
)  # fmt: skip

OFFER = Said(
    head="New here?",
    press=":tour",
    text="leads through six steps on the real keys",
    leave=LEAVE,
    leaving="puts this away",
)
_END = Said(
    head="That was the tour.", press="?", text="has the keys of every place",
    leaving="puts this away", leave=LEAVE,
    why="`fedesk config init` sets up your own systems.",
)  # fmt: skip


class Tour:
    """Where somebody is in the tour. Made for the demo alone."""

    def __init__(self, app: DeskApp, marker: Path) -> None:
        """``marker`` is a file that says that the tour was offered before."""
        self._app = app
        self._marker = marker
        self._seen = Seen()
        self._timer: Timer | None = None
        self._offered = False
        self.index = 0
        """The step one is at; behind the last one when all were done."""
        self.said: Said | None = None
        """What the strip says; None while there is none."""

    def offer(self) -> None:
        """Say once, at the first start of all, that there is a tour."""
        if self._offered:
            return
        self._offered = True
        if self._marker.exists():
            return
        # Where it cannot be remembered it is offered again.
        with suppress(OSError):
            self._marker.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o600))
        self._begin(OFFER)

    def begin(self) -> None:
        """Go on where one was; from the first step where one was through."""
        if self.index >= len(STEPS):
            self.index, self._seen = 0, Seen()
        self._begin(self._of_step())

    def leave(self) -> None:
        """Take the strip away; ``:tour`` goes on from here."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.said = None
        self._show()

    def _begin(self, said: Said) -> None:
        self.said = said
        if self._timer is None:
            self._timer = self._app.set_interval(_PERIOD, self._look)
        self._show()

    def _of_step(self) -> Said:
        step = STEPS[self.index]
        head = f"Tour {self.index + 1} of {len(STEPS)}"
        return Said(head=head, press=step.press, text=step.says, why=step.why, leave=LEAVE)

    def _look(self) -> None:
        """Whether the step was done; the strip is on whichever screen one is at."""
        if (
            self.said is not None
            and self.said not in (OFFER, _END)
            and STEPS[self.index].done(self._app, self._seen)
        ):
            self.index += 1
            self.said = _END if self.index >= len(STEPS) else self._of_step()
        self._show()

    def _show(self) -> None:
        for screen in self._app.screen_stack:
            strips = screen.query(TourStrip)
            if self.said is None or screen is not self._app.screen:
                strips.remove()
            elif strips:
                strips.first().show(self.said)
            elif isinstance(screen, DeskScreen) and screen.is_mounted:
                screen.mount(TourStrip(self.said))
