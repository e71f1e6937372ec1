"""Where the frames of an operation stand, as values: the items, what is typed, and what follows from both."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING

from fedesk.domain.incidents import named_in, reason_for
from fedesk.domain.open_operations import TAKEN_UP_WITHIN
from fedesk.domain.operations import Outcome, Stage
from fedesk.domain.release_queue import is_waiting
from fedesk.domain.releases import ReleaseRequest
from fedesk.domain.reruns import RerunRequest
from fedesk.ui import confirming, present, watch_text
from fedesk.ui.actions import Place, Target
from fedesk.ui.batch import is_batch
from fedesk.ui.confirming import Line, Typed, Wanted
from fedesk.ui.targets import NO_ANSWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.incidents import Incident
    from fedesk.domain.open_operations import Awaited
    from fedesk.domain.operations import Operation, Plan, WriteWindow
    from fedesk.domain.requests import Request
    from fedesk.services.operation_kinds import Step
    from fedesk.services.proposals import Answer
    from fedesk.ui.operation_news import Made


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing of a selection, from the request to the end."""

    request: Request | None = None
    """None where an operation is watched that somebody else has asked for."""
    made: Made | None = None
    waits: str = ""
    """What its plan waits for, beside the system that it is of."""
    problem: str = ""
    """Why there is no plan."""
    refusal: str = ""
    """Why the yes was not taken."""
    operation: Operation | None = None
    steps: tuple[Step, ...] = ()
    trouble: str = ""
    """Why it does not go on."""
    verb: str = ""
    """What the operation does, as the table of rights has it."""

    @property
    def service(self) -> str:
        """What is released, where that was asked for."""
        return self.request.service if isinstance(self.request, ReleaseRequest) else ""

    @property
    def can_go(self) -> bool:
        """Whether a yes would do anything."""
        return self.made is not None and not self.made.proposal.is_blocked and not self.refusal

    @property
    def is_settled(self) -> str:
        """Why looking again finds nothing more; empty where it may."""
        if self.operation is None:
            return "nothing was done yet"
        if self.operation.outcome is Outcome.UNKNOWN:
            return ""
        if self.operation.stage is Stage.ENDED:
            return "it has ended, and what was done is known"
        return "" if self.trouble and self.operation.stage is Stage.RUNNING else "it goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that decides what the keys do."""

    environment: str
    """The targets' environment, whatever is shown elsewhere."""
    facts: EnvironmentFacts | None
    """As it is configured; None where it is not."""
    items: Sequence[Item]
    typed: Typed
    now: datetime
    window: WriteWindow | None = None
    """The write window that is open there."""
    incidents: Sequence[Incident] = ()
    """Those that go on."""
    sending: bool = False
    """Whether the yes is being written down."""
    no_runner: str = ""
    glass: bool = False
    """Whether the glass is broken."""
    watches: bool = False
    """Whether an operation is watched that was confirmed elsewhere."""
    person: str = ""
    """Who is at the desk."""
    waiting: Mapping[str, Awaited] = field(default_factory=lambda: MappingProxyType({}))
    """Where those stand that others have a say in and that have not begun, by operation."""

    def awaited(self, item: Item) -> Awaited | None:
        """Where an item's plan stands, where others have a say and it has not begun."""
        operation = item.operation
        if operation is None or operation.stage is not Stage.CONFIRMED:
            return None
        return self.waiting.get(operation.plan.operation)

    @property
    def is_production(self) -> bool:
        """What cannot be told counts as production."""
        return self.facts is None or self.facts.production

    @property
    def watching(self) -> bool:
        """Whether something was confirmed."""
        return self.watches or any(item.operation is not None for item in self.items)

    @property
    def is_batch(self) -> bool:
        """Whether its items are done one after the other."""
        return is_batch([item.request for item in self.items])

    @property
    def free(self) -> dict[int, Item]:
        """What can go, by its index; of a batch nothing that stands behind one that cannot."""
        pairs = enumerate(self.items)
        if self.is_batch:
            return dict(takewhile(lambda pair: pair[1].can_go, pairs))
        return {index: item for index, item in pairs if item.can_go}

    def held_by(self, index: int) -> str:
        """The service that an item of a batch does not begin because of: it comes before and cannot go."""
        if not (self.is_batch and self.is_planned) or self.items[index].refusal:
            return ""
        stuck = (one.service for one in self.items[:index] if not one.can_go and one.operation is None)
        return next(stuck, "")

    def behind(self, index: int) -> str:
        """The service that an item of a batch waits for; empty where it has begun, or does not."""
        waits = self.is_batch and self.watching and index and self.items[index].operation is None
        free = self.items[index].can_go and not self.held_by(index)
        return self.items[index - 1].service if waits and free else ""

    @property
    def is_planned(self) -> bool:
        """Whether nothing is waited for any more."""
        return all(item.made is not None or item.problem for item in self.items)

    @property
    def is_expired(self) -> bool:
        """Whether a plan is too old to be confirmed."""
        return any(one.made and one.made.proposal.plan.expires_at <= self.now for one in self.free.values())

    @property
    def want(self) -> Wanted:
        """What the yes has to bring; before there is a plan, what is to be expected."""
        if self.watching or self.sending:
            return Wanted()
        if not self.is_planned:
            is_guarded = self.facts is not None and not self.facts.production and self.facts.mode == "guarded"
            return Wanted(name="" if is_guarded or self.window is not None else self.environment)
        if not self.free or self.is_expired:
            return Wanted()
        needs = [item.made.proposal.needs for item in self.free.values() if item.made]
        return confirming.wanted(self.environment, needs)

    @property
    def missing(self) -> str:
        """Why the key does nothing now; empty where it is armed."""
        for is_so, why in (
            (self.watching, "it is confirmed already"),
            (self.sending, "it is being confirmed"),
            (not self.is_planned, "the plan is still being made"),
            (not self.free, self._why_nothing_can_go),
            (self.is_expired, "the plan has expired, r plans again"),
            (bool(self.no_runner), self.no_runner),
        ):
            if is_so:
                return why
        return confirming.missing(self.want, self.typed)

    @property
    def _why_nothing_can_go(self) -> str:
        if len(self.items) > 1:
            return "none of it can be done"
        if self.items[0].refusal:
            return "it was refused, r plans again"
        return "it is blocked" if self.items[0].made is not None else "there is no plan"

    @property
    def reason(self) -> str:
        """Why: as it was typed, else as the write window says; an open incident's id becomes its reason."""
        given = self.typed.reason.strip() or (self.window.reason if self.window is not None else "")
        incident = self.incident
        return given if incident is None else reason_for(incident, given)

    @property
    def incident(self) -> Incident | None:
        """The open incident whose id the reason begins with."""
        given = self.typed.reason or (self.window.reason if self.window is not None else "")
        named = named_in(given)
        return next((one for one in self.incidents if one.id == named), None)

    @property
    def place(self) -> Place:
        """Which frame it is."""
        if self.watching:
            return Place.WATCH
        return Place.PLAN if self.typed.line is Line.PLAN else Place.CONFIRM


def answer_of(situation: Situation) -> Answer:
    """What the person gave."""
    from fedesk.services.proposals import Answer

    want, typed, window = situation.want, situation.typed, situation.window
    return Answer(
        how="name and key" if want.name else "key",
        named=typed.name if want.name else "",
        reason=situation.reason,
        window=window,
        accepted=tuple(guard for guard in want.accept if guard in typed.accepted),
        break_glass=situation.glass,
    )


def _named(request: Request | None) -> str:
    return request.name if request is not None else "the operation"


def target_of(situation: Situation, item: Item) -> Target:
    """What the keys are aimed at: the run of one item, or what was made of it."""
    operation, made, request = item.operation, item.made, item.request
    plan = operation.plan if operation is not None else made.proposal.plan if made is not None else None
    run, task = (request.run, request.task) if isinstance(request, RerunRequest) else (None, None)
    if operation is not None:
        run, task = watch_text.log_beside(operation) or watch_text.followed(operation)
    waiting = [guard for guard in situation.want.accept if guard not in situation.typed.accepted]
    return Target(
        name=present.text(str(run) if run is not None else _named(request), 80),
        id=operation.plan.operation if operation is not None else str(run or ""),
        run=run,
        task=task,
        link=_link(operation, plan),
        missing=situation.missing,
        has_lines=len(situation.want.lines) > 1 or situation.place is Place.CONFIRM,
        accepts=waiting[0] if waiting else "",
        holder=made.holder if made is not None else "",
        operation=operation.plan.operation if operation is not None else "",
        service=_released_by(operation),
        settled="" if _has_lapsed(situation, item) else item.is_settled,
        incident=named_in(plan.reason) if operation is not None and plan is not None else "",
        environment=situation.environment,
        doing=made.verb if made is not None else item.verb,
        unanswered="" if operation is not None and watch_text.awaits_answer(operation) else NO_ANSWER,
        unapproved=_unapproved(situation.awaited(item)),
        unwithdrawn=_unwithdrawn(situation, item),
        unbegun=_unbegun(situation.awaited(item)),
        unbroken=_unbroken(situation, item),
    )


def _link(operation: Operation | None, plan: Plan | None) -> str:
    if operation is not None:
        return watch_text.address(operation)
    return plan.targets[0].link if plan is not None and plan.targets else ""


def _released_by(operation: Operation | None) -> str:
    """The service that an operation promotes or rolls back; empty for one of another kind."""
    if operation is None:
        return ""
    from fedesk.domain.release_matrix import release_operation

    told = release_operation(operation)
    return told.service if told is not None else ""


def _has_lapsed(situation: Situation, item: Item) -> bool:
    """Whether it waited for others until it expired: looking again ends it."""
    operation = item.operation
    if operation is None or situation.awaited(item) is None:
        return False
    return operation.plan.expires_at <= situation.now


def _unapproved(awaited: Awaited | None) -> str:
    """Why there is nothing to approve or reject here; empty where there is."""
    if awaited is None:
        return "it waits for nobody"
    if not awaited.said:
        return "nothing is missing any more"
    if awaited.is_mine:
        return ""
    return f"that is for {', '.join(awaited.others)}" if awaited.others else "that is not for you to say"


def _unwithdrawn(situation: Situation, item: Item) -> str:
    """Why it is not taken back; empty where it may be."""
    operation = item.operation
    if operation is None or not (operation.stage is Stage.CONFIRMED or is_waiting(operation)):
        return "it has begun"
    if operation.plan.expires_at <= situation.now:
        return "it ends by itself, for it has waited too long"
    if situation.person not in {operation.plan.requester, operation.confirmation.by}:
        return f"that is for {operation.plan.requester}"
    awaited = situation.awaited(item)
    if awaited is not None and awaited.is_rejected:
        return "it was rejected: nothing is sent"
    is_late = situation.now - operation.confirmed_at > TAKEN_UP_WITHIN
    stays = awaited is not None or is_waiting(operation) or bool(item.trouble) or is_late
    return "" if stays else "it is just being begun"


def _unbegun(awaited: Awaited | None) -> str:
    """Why it is not begun by a key; empty where it is."""
    if awaited is None:
        return "it needs no key to begin"
    return f"it {awaited.said}" if awaited.said else ""


def _unbroken(situation: Situation, item: Item) -> str:
    """Why there is no glass to break; empty where there is."""
    if situation.glass:
        return "the glass is broken already"
    if item.made is None or situation.watching:
        return "there is no plan"
    is_executed = situation.facts is not None and situation.facts.executed
    return "" if is_executed or item.made.is_held_up else "nothing stands in its way that it would override"
