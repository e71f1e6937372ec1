"""Answering the question at which a build waits: which answer, then a plan as for any change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedesk.domain.releases import ANSWERS, AnswerRequest
from fedesk.ui import present
from fedesk.ui.widgets.prompt_line import Pick, PickLine

if TYPE_CHECKING:
    from fedesk.domain.names import RunName
    from fedesk.ui.screens.base import DeskScreen


def ask(screen: DeskScreen, run: RunName) -> None:
    """Ask for the answer, and plan it."""

    def take(choice: str) -> None:
        screen.desk_app.open_plan((AnswerRequest(run=run, choice=choice),))

    picks = [Pick(label=choice, about=about, thing=choice) for choice, about in ANSWERS.items()]
    screen.open_foot(PickLine(screen, f"Answer {present.text(run.id, 60)}", picks, take))
