"""Settling an operation by a person's word, as values and as text: evidence, and what is typed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.open_operations import evidence_of
from fedesk.domain.operations import Outcome
from fedesk.ui import confirming, operation_text, present
from fedesk.ui.actions import Place
from fedesk.ui.confirming import Line, Typed, Wanted
from fedesk.ui.plan_text import section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.operations import Evidence, Operation
    from fedesk.ui.run_text import Moment

WORDS = {Outcome.SUCCEEDED: "done", Outcome.FAILED: "not done"}
"""What a person may say of the effect."""
_MEANS = {
    Outcome.SUCCEEDED: "The effect is there: the operation ends succeeded.",
    Outcome.FAILED: "The effect is not there: the operation ends failed.",
}
_NARROWEST = 32
"""Cells that the words of one system need at least to stand beside those of another."""
_GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Everything that decides what the keys of the frame do."""

    verdict: Outcome
    environment: str
    facts: EnvironmentFacts | None
    """As it is configured; None where it is not."""
    sentence: str
    """What the operation was to do."""
    typed: Typed
    operation: Operation | None = None
    """As it stood after the last look; None while it is looked up."""
    problem: str = ""
    """Why it cannot be settled by hand."""
    sending: bool = False
    is_slow: bool = False
    """Whether the look takes longer than a moment."""

    @property
    def is_production(self) -> bool:
        """What cannot be told counts as production."""
        return self.facts is None or self.facts.production

    @property
    def want(self) -> Wanted:
        """What the word has to bring: a reason, and production's name."""
        if self.problem or self.sending:
            return Wanted()
        return Wanted(name=self.environment if self.is_production else "", reason=True)

    @property
    def missing(self) -> str:
        """Why the key does nothing now; empty where it is armed."""
        if self.problem:
            return "it cannot be settled by hand now"
        if self.operation is None:
            return "it is looked up once more"
        return "it is being written down" if self.sending else confirming.missing(self.want, self.typed)

    @property
    def place(self) -> Place:
        """Which frame it is."""
        return Place.SETTLE if self.typed.line is Line.PLAN else Place.CONFIRM

    @property
    def question(self) -> str:
        """What the yes is for: ``Settle as done in prod: clear 3 task instances of payments_daily?``."""
        return f"Settle as {WORDS[self.verdict]} in {self.environment}: {present.text(self.sentence, 300)}?"


def head(settling: Settling, width: int) -> list[Content]:
    """The question."""
    return [
        Content.assemble(" ", line)
        for line in Content.styled(settling.question, "bold").wrap(max(width - 2, 10))[:3]
    ]


def body(settling: Settling, moment: Moment, width: int) -> list[Content]:
    """What each system says, side by side where there is room, and what the word does."""
    lines: list[Content] = []
    if settling.problem:
        said = Content.assemble(("✗ ", "$text-error"), present.text(settling.problem, 800))
        lines += section("not now", [(said, 2)], width)
    if settling.operation is None:
        if not settling.problem and settling.is_slow:
            lines += present.waiting("Looking it up in its system once more; nothing is sent …", width)
        return lines
    lines += _evidence(evidence_of(settling.operation), moment, width)
    told = present.text(settling.operation.said, 600)
    return [
        *lines,
        *section("said last", [(Content(told), 0)] if told else [], width),
        *section("your word", [(Content(_MEANS[settling.verdict]), 0), (Content(_AFTER), 0)], width),
    ]


_AFTER = "Its target is free for the next change then. Nothing is sent, and it cannot be taken back."


def _evidence(evidence: Sequence[Evidence], moment: Moment, width: int) -> list[Content]:
    if not evidence:
        return [Content.styled("No system has said anything of it.", present.MUTED), Content()]
    beside = max(1, min(len(evidence), (width + _GAP) // (_NARROWEST + _GAP)))
    each = (width - _GAP * (beside - 1)) // beside
    lines: list[Content] = []
    for start in range(0, len(evidence), beside):
        cells = [_said(one, moment, each) for one in evidence[start : start + beside]]
        for row in zip_longest(*cells, fillvalue=Content()):
            padded = (cell.pad_right(each - cell.cell_length) for cell in row)
            lines.append(Content(" " * _GAP).join(padded))
        lines.append(Content())
    return lines


def _said(one: Evidence, moment: Moment, width: int) -> list[Content]:
    at = present.clock_time(one.at, moment.now, moment.zone)
    return [
        *Content.styled(f"{present.text(one.source, 80)}, {at}", "bold").wrap(width),
        *Content(present.text(one.said, 600)).wrap(width),
        *(Content.styled(present.text(one.link, 200), present.MUTED).wrap(width) if one.link else ()),
    ]


def foot(settling: Settling, width: int) -> list[Content]:
    """The lines in which name and reason are typed, and the key."""
    fields = operation_text.fields(settling.want, settling.typed)
    return [
        *(field.truncate(width, ellipsis=True) for field in fields),
        *operation_text.key(settling.missing, settling.question, width, is_production=settling.is_production),
    ]
