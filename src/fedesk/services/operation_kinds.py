"""The table of operation kinds. A kind is one file in ``services/kinds`` and one entry here.

Each says how its plan is drafted (and drafted again right before it runs), its steps, and which guards block.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.operations import (
    Effect,
    Fact,
    GuardResult,
    JournalEntry,
    Outcome,
    Plan,
    Progress,
    StepKind,
    Target,
)
from fedesk.domain.requests import Request
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.states import System
from fedesk.ports.changing import Systems
from fedesk.ports.operation_store import OperationReader
from fedesk.ports.sources import Clock


class Weight(StrEnum):
    """What a guard that says no is worth in a kind of operation."""

    BLOCKS = "blocks"
    WARNS = "warns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a kind makes of what the systems say: the changing part of a plan, and its own guards' rulings."""

    target: Target
    effects: tuple[Effect, ...]
    guards: tuple[GuardResult, ...]
    """Of the kind's own guards: can the job be built, can its parameters be repeated, is somebody at it."""
    facts: tuple[Fact, ...]
    notes: tuple[str, ...] = ()
    personal: str = ""
    """Why another identity would draft it otherwise, as a clause; empty where it would not. Where an executor
    acts, the draft is then the executor's to make."""
    waivable: frozenset[str] = frozenset()
    """Of those guards, the gates of a release that who has the right to may waive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a plan is drafted from."""

    systems: Systems
    catalogue: Catalogue
    store: OperationReader
    environments: Mapping[str, EnvironmentFacts]
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a kind, in order.

    ``look`` is None for an effect, which sends the plan's next effect, and for a decide step, whose decision
    is in the store.
    """

    name: str
    """Short and stable: it stands in the journal."""
    kind: StepKind
    sentence: str
    """What it does, for the watch frame: ``follow queue item to its build``."""
    look: Callable[[Plan, tuple[JournalEntry, ...], Systems, Clock], Progress] | None = None
    """Looks once; the journal so far tells what came before (references). Raises SourceError."""
    within: float | None = None
    """Seconds a step may take; None: until it is done.

    A verify step has them for each who looks, an await and a decide step once, over restarts. Then the
    outcome is unknown; of a decide step it is ``stopped``.
    """
    stopped: Outcome = Outcome.ABORTED
    """How the operation ends where it is decided to stop at this step, or where nobody decides in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationKind:
    """One kind of operation."""

    name: str
    """``airflow.clear-failed``"""
    action: str
    """Its verb in the audit log and on the command line: ``rerun``."""
    system: System
    draft: Callable[[Request, Around], Draft]
    """Reads and drafts; raises SourceError, NotFoundError. Used for the plan, and again at execution."""
    asked: Callable[[Plan], Request]
    """What was asked for when a plan was made; raises ValueError."""
    steps: tuple[Step, ...] = ()
    """Its steps, where they are the same for each plan."""
    made_steps: Callable[[Plan], tuple[Step, ...]] | None = None
    """Its steps, where a plan says which there are; names do not repeat."""
    weights: Mapping[str, Weight] = field(default_factory=lambda: MappingProxyType({}))
    """Guards that only warn in this kind; all others block."""
    wants_reason: bool = True
    """Whether production wants a reason or a ticket."""
    done_said: Callable[[Plan], str] | None = None
    """What is said once all its steps are done; None for what the last of them has said."""
    queues: bool = False
    """Whether it waits its turn where another that queues holds its target, instead of being refused."""

    def steps_of(self, plan: Plan) -> tuple[Step, ...]:
        """The steps of one plan, in order."""
        return self.steps if self.made_steps is None else self.made_steps(plan)


def for_reruns(
    draft: Callable[[RerunRequest, Systems, Catalogue], Draft],
) -> Callable[[Request, Around], Draft]:
    """The draft of a kind that runs something again, as the table has it."""

    def drafted(request: Request, around: Around) -> Draft:
        if not isinstance(request, RerunRequest):
            raise TypeError(f"{type(request).__name__} asks for no run to be run again")
        return draft(request, around.systems, around.catalogue)

    return drafted
