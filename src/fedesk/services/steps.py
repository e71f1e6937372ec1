"""The steps of an operation as they are looked at: by who carries it out, and by who looks again later.

Nothing here can change a system. An effect is looked up; a step that waits or reads back looks, and looks
again after a pause. Each function returns the entry with which the journal goes on; the caller writes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from fedesk.domain.operations import (
    DECISION,
    Choice,
    Decision,
    Effect,
    Evidence,
    JournalEntry,
    Plan,
    Progress,
    Settled,
    Settlement,
    StepKind,
    StepState,
)
from fedesk.ports.errors import SourceError
from fedesk.services.held import Held, patience_of, pauses
from fedesk.services.operation_kinds import OperationKind, Step

BLIND = 3600.0
"""Seconds of failing looks after which a step is given up as unknown: an outage is waited out."""

_SAY_AGAIN = 10.0
"""Seconds between two entries of a step that waits and says something else each time."""
_SAY_RARELY = 20
"""The same as a part of the time waited: days of waiting are told in some two hundred entries."""

_MOST = 20
"""Pieces of evidence that are kept of one search."""

T = TypeVar("T")

_AS_SETTLED = {Settled.DONE: StepState.DONE, Settled.NOT_DONE: StepState.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A step of an operation that is not done."""

    step: Step
    effect: Effect | None
    """What an effect step sends."""
    before: JournalEntry | None
    """Its newest entry; None where it has not begun."""

    @property
    def is_unsent(self) -> bool:
        """Whether it is an effect that was never intended: nothing of it has left."""
        return self.effect is not None and self.before is None


def unfit(kind: OperationKind, plan: Plan) -> str:
    """Why a plan is not one of its kind's, as this fedesk knows it; empty where it is."""
    sends = sum(step.kind is StepKind.EFFECT for step in kind.steps_of(plan))
    if sends == len(plan.effects):
        return ""
    return f"The plan has {len(plan.effects)} effects, and {kind.name} has {sends} steps that send."


def remaining(kind: OperationKind, plan: Plan, journal: Sequence[JournalEntry]) -> tuple[Due, ...]:
    """The steps of a plan that fits its kind which the journal does not say are done, in order."""
    newest = {entry.step: entry for entry in journal}
    effects = iter(plan.effects)
    steps = (
        Due(
            step=step,
            effect=next(effects) if step.kind is StepKind.EFFECT else None,
            before=newest.get(step.name),
        )
        for step in kind.steps_of(plan)
    )
    return tuple(one for one in steps if one.before is None or one.before.state is not StepState.DONE)


def look_again(
    held: Held, due: Due, *, leave_after: float | None = None, outage: float | None = None
) -> JournalEntry:
    """What has come of a step that was begun before, or that looks alone: nothing is sent.

    ``leave_after`` and ``outage`` are as in ``follow_step``.
    """
    before = due.before
    if before is not None and before.state is StepState.FAILED:
        return before
    if due.effect is None:
        return follow_step(held, due.step, leave_after=leave_after, outage=outage)
    if before is None:
        # A mistake of the caller's: what was never intended is not there to be looked up.
        raise ValueError(f"step {due.step.name} was never sent")
    # Sent right after its intent at the earliest; it may have taken all its time, and the server as long.
    patience = patience_of(held.systems, due.effect.connection)
    patience *= 2 if before.state is StepState.INTENDED else 1
    passed = (held.clock.now() - before.at).total_seconds()
    # Clocks of two machines differ: what is from the future is waited for no longer than what is of now.
    return settle_effect(held, due.step, due.effect, wait=min(patience - passed, patience), outage=outage)


def settle_effect(
    held: Held, step: Step, effect: Effect, *, wait: float, outage: float | None = None
) -> JournalEntry:
    """Look an effect up until it can be told whether it is there: DONE, FAILED (nothing changed) or UNKNOWN.

    That it is not there is believed only when ``wait`` seconds have passed: a slow server may still be at it.
    A system that is not heard of is asked for ``outage`` seconds, or BLIND.
    """
    call = held.call_of(effect)
    search = _Search(held)
    while True:
        found = _look(held, str(effect.connection), lambda: held.systems.settle(effect.connection, call))
        until = wait
        if isinstance(found, Evidence):
            found = Settlement(state=Settled.UNKNOWN, said=found.said, evidence=(found,))
            until = max(wait, BLIND if outage is None else outage)
        search.keep(found.evidence)
        is_over = search.waited >= until
        if found.state is Settled.DONE or is_over:
            break
        search.pause()
    said = found.said
    if found.state is Settled.NOT_DONE:
        said = f"nothing was changed: {said}"
    return held.entry(
        step.name,
        _AS_SETTLED.get(found.state, StepState.UNKNOWN),
        said,
        reference=found.reference,
        evidence=search.evidence,
    )


def follow_step(
    held: Held, step: Step, *, leave_after: float | None = None, outage: float | None = None
) -> JournalEntry:
    """Look until an await, verify or decide step is DONE, has FAILED, or cannot be told (UNKNOWN).

    What it waits for is written to the journal as it changes. Where its own time is over (``Step.within``) it
    is UNKNOWN; a decide step has FAILED then. A step that waits is left after ``leave_after`` seconds (None:
    it is waited for however long it takes), as it stands: WAITING. While a system is not heard of, up to
    ``outage`` seconds or BLIND, that time does not pass.
    """
    search = _Search(held)
    before = 0.0 if step.kind is StepKind.VERIFY else _waited_before(held, step)
    blind_since: float | None = None
    looked_at = missed = 0.0
    while True:
        found = _look_once(held, step)
        is_error = isinstance(found, Evidence)
        if is_error:
            missed = min(missed + search.waited - looked_at, BLIND if outage is None else outage)
        looked_at = search.waited
        if isinstance(found, Evidence):
            found = Progress(state=StepState.UNKNOWN, said=found.said, evidence=(found,))
        search.keep(found.evidence)
        entry = held.entry(
            step.name, found.state, found.said, reference=found.reference, evidence=search.evidence
        )
        if found.state in (StepState.DONE, StepState.FAILED):
            return entry
        if found.state is StepState.UNKNOWN:
            blind_since = search.waited if blind_since is None else blind_since
            limit = BLIND if is_error else held.patience
            if search.waited - blind_since >= limit:
                return entry
        else:
            blind_since = None
        if step.within is not None and before + search.waited - missed >= step.within:
            return _out_of_time(held, step, entry)
        if leave_after is not None and search.waited >= leave_after:
            return entry
        search.tell(step, found)
        search.pause()


def _waited_before(held: Held, step: Step) -> float:
    """Seconds for which others have waited in a step, as the journal says."""
    first = held.first(step.name)
    return max(0.0, (held.clock.now() - first.at).total_seconds()) if first is not None else 0.0


class _Search:
    """One search in several looks: what was seen so far, and how long it has taken."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._pauses = pauses()
        self._paused = 0.0
        self._began = held.clock.monotonic()
        self._evidence: dict[tuple[str, str], Evidence] = {}
        self._told: tuple[str, str] | None = None
        self._told_at = 0.0

    @property
    def waited(self) -> float:
        """Seconds since the first look."""
        return max(self._paused, self._held.clock.monotonic() - self._began)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What each system said, each thing once, as it was said last."""
        return tuple(self._evidence.values())[-_MOST:]

    def keep(self, evidence: Sequence[Evidence]) -> None:
        """Remember what a look saw."""
        for one in evidence:
            self._evidence.pop((one.source, one.said), None)
            self._evidence[one.source, one.said] = one

    def tell(self, step: Step, found: Progress) -> None:
        """Write what is waited for, where it is news; the longer it takes, the less often."""
        news = (found.said, found.reference)
        is_elsewhere = self._told is not None and self._told[1] != found.reference
        quiet = _SAY_AGAIN if is_elsewhere else max(_SAY_AGAIN, self.waited / _SAY_RARELY)
        if self._told == news or (self._told is not None and self.waited - self._told_at < quiet):
            return
        before = self._held.last(step.name)
        self._told, self._told_at = news, self.waited
        if before is not None and before.state is StepState.WAITING and before.said == found.said:
            return
        evidence = found.evidence if found.state is StepState.UNKNOWN else ()
        self._held.note(
            self._held.entry(
                step.name, StepState.WAITING, found.said, reference=found.reference, evidence=evidence
            )
        )

    def pause(self) -> None:
        """Hold on to the lease and wait, a little longer each time."""
        self._held.keep()
        seconds = next(self._pauses)
        self._held.pause(seconds)
        self._paused += seconds


def _look_once(held: Held, step: Step) -> Progress | Evidence:
    if step.kind is StepKind.DECIDE:
        return _decided(held, step)
    look = step.look
    if look is None:
        # A mistake in the table of kinds, found by its test.
        raise TypeError(f"step {step.name} has nothing to look with")
    return _look(
        held,
        str(held.plan.connection),
        lambda: look(held.plan, tuple(held.journal), held.systems, held.clock),
    )


def _decided(held: Held, step: Step) -> Progress:
    """What was decided of a step, as the store has it."""
    decision = held.decision(step.name)
    if decision is None:
        said = f"waits for a person: {step.sentence}"
        return Progress(state=StepState.WAITING, said=said, reference=DECISION)
    state = StepState.DONE if decision.choice is Choice.PROCEED else StepState.FAILED
    return Progress(state=state, said=decision.said)


def _look(held: Held, source: str, look: Callable[[], T]) -> T | Evidence:
    """What a look saw; a failed one is evidence too."""
    try:
        return look()
    except SourceError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - a fault in a look must not lose what was sent before it
        said = f"fedesk failed while looking: {type(error).__name__}; please report it"
    return Evidence(source=source, said=said, at=held.clock.now())


def _out_of_time(held: Held, step: Step, entry: JournalEntry) -> JournalEntry:
    within = timedelta(seconds=step.within or 0)
    if step.kind is StepKind.DECIDE:
        # Written as a decision: of a person who decides in this very moment one of both is first.
        held.decide(
            Decision(
                operation=held.plan.operation,
                step=step.name,
                choice=Choice.STOP,
                reason=f"nobody decided within {within}",
                by="",
                at=held.clock.now(),
            )
        )
        found = _decided(held, step)
        return held.entry(step.name, found.state, found.said)
    late = "read back in time" if step.kind is StepKind.VERIFY else f"there within {within}"
    return held.entry(
        step.name,
        StepState.UNKNOWN,
        f"not {late}: {entry.said}",
        reference=entry.reference,
        evidence=entry.evidence,
    )
