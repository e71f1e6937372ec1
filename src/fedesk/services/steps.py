"""The steps of an operation as they are looked at: by who carries it out, and by who looks again later.

Nothing here can change a system. An effect is looked up; a step that waits or reads back looks, and looks
again after a pause. Each function returns the entry with which the journal goes on; the caller writes it.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from fedesk.domain.operations import (
    Effect,
    Evidence,
    JournalEntry,
    Progress,
    Settled,
    Settlement,
    StepKind,
    StepState,
)
from fedesk.ports.errors import SourceError
from fedesk.services.held import Held, pauses
from fedesk.services.operation_kinds import Step

BLIND = 600.0
"""Seconds of failing looks after which a step that waits is given up as unknown."""

_SAY_AGAIN = 10.0
"""Seconds between two entries of a step that waits and says something else each time."""

_MOST = 20
"""Pieces of evidence that are kept of one search."""

T = TypeVar("T")

_AS_SETTLED = {Settled.DONE: StepState.DONE, Settled.NOT_DONE: StepState.FAILED}


def settle_effect(held: Held, step: Step, effect: Effect, *, wait: float) -> JournalEntry:
    """Look an effect up until it can be told whether it is there: DONE, FAILED (nothing changed) or UNKNOWN.

    That it is not there is believed only when ``wait`` seconds have passed: a slow server may still be at it.
    """
    call = held.call_of(effect)
    search = _Search(held)
    while True:
        found = _look(held, str(effect.connection), lambda: held.systems.settle(effect.connection, call))
        if isinstance(found, Evidence):
            found = Settlement(state=Settled.UNKNOWN, said=found.said, evidence=(found,))
        search.keep(found.evidence)
        is_over = search.waited >= wait
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


def follow_step(held: Held, step: Step, *, within: float | None) -> JournalEntry:
    """Look until an await, verify or decide step is DONE, has FAILED, or cannot be told (UNKNOWN).

    What it waits for is written to the journal as it changes. After ``within`` seconds (None: however long it
    takes) it is returned as it stands: WAITING, or UNKNOWN for a step that reads back.
    """
    search = _Search(held)
    blind_since: float | None = None
    while True:
        found = _look_once(held, step)
        is_error = isinstance(found, Evidence)
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
        if within is not None and search.waited >= within:
            return _out_of_time(held, step, entry)
        search.tell(step, found)
        search.pause()


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
        """Write what is waited for, where it is news; not more often than every ten seconds."""
        news = (found.said, found.reference)
        if self._told == news or (self._told is not None and self.waited - self._told_at < _SAY_AGAIN):
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
        self._held.renew()
        seconds = next(self._pauses)
        self._held.pause(seconds)
        self._paused += seconds


def _look_once(held: Held, step: Step) -> Progress | Evidence:
    look = step.look
    if look is None:
        # A mistake in the table of kinds, found by its test.
        raise TypeError(f"step {step.name} has nothing to look with")
    return _look(
        held,
        str(held.plan.connection),
        lambda: look(held.plan, tuple(held.journal), held.systems, held.clock),
    )


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
    if step.kind is not StepKind.VERIFY:
        return entry
    said = f"not read back in time: {entry.said}"
    return held.entry(step.name, StepState.UNKNOWN, said, reference=entry.reference, evidence=entry.evidence)
