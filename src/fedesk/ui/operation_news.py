"""What the threads behind the frames of an operation say, and the words of what went wrong on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from fedesk.domain.operations import Ruling

if TYPE_CHECKING:
    from fedesk.domain.operations import Operation, WriteWindow
    from fedesk.services.operation_kinds import Step
    from fedesk.services.proposals import Proposal


class Planned(Message):
    """The plan of one request, or why there is none."""

    def __init__(self, number: int, index: int, made: Made | None, problem: str = "") -> None:
        super().__init__()
        self.number = number
        self.index = index
        self.made = made
        self.problem = problem


class Awaiting(Message):
    """What the plan of one request waits for, beside the system that it is of."""

    def __init__(self, number: int, index: int, said: str) -> None:
        super().__init__()
        self.number = number
        self.index = index
        self.said = said


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan as it is shown."""

    proposal: Proposal
    holder: str = ""
    """The operation that holds its target, where one does."""
    verb: str = ""
    """What it does, as the table of rights has it."""

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for others, is frozen or held."""
        from fedesk.domain.break_glass import OVERRIDDEN

        return any(one.guard in OVERRIDDEN and one.ruling is not Ruling.ALLOW for one in self.proposal.guards)


class RunnerFailed(Message):
    """The runner could not be started: nothing can be confirmed."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem


class WindowOpened(Message):
    """A write window was opened with the yes."""

    def __init__(self, window: WriteWindow) -> None:
        super().__init__()
        self.window = window


class Refused(Message):
    """A yes that was not taken; nothing was sent."""

    def __init__(self, index: int, problem: str) -> None:
        super().__init__()
        self.index = index
        self.problem = problem


class Answered(Message):
    """Every plan of the yes has been dealt with."""


class Waits(Message):
    """An operation was confirmed that others have to approve before it begins."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation = operation


class Went(Message):
    """Where an operation is now."""

    def __init__(
        self,
        index: int,
        operation: Operation | None,
        *,
        trouble: str = "",
        steps: tuple[Step, ...] = (),
        verb: str = "",
    ) -> None:
        """``trouble``: why it does not go on, in the runner's words; ``operation`` may be as before then."""
        super().__init__()
        self.index = index
        self.operation = operation
        self.trouble = trouble
        self.steps = steps
        self.verb = verb


class NoRunnerError(Exception):
    """There is no process that could carry it out."""


def told(error: Exception, doing: str) -> str:
    """The sentence of an error of ours; of a fault its kind alone, for its text may hold anything."""
    from fedesk.domain.incidents import WordingError
    from fedesk.domain.marks import MarkError
    from fedesk.ports.changing import LaunchError
    from fedesk.ports.errors import SourceError
    from fedesk.ports.operation_store import StoreError
    from fedesk.services.proposals import RefusedError
    from fedesk.services.quarantining import QuarantineError

    words = (WordingError, MarkError, QuarantineError, NoRunnerError)
    if isinstance(error, (SourceError, StoreError, RefusedError, LaunchError, *words)):
        return str(error)
    return f"fedesk failed while {doing}: {type(error).__name__}."
