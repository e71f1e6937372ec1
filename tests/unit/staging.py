"""A kind that takes hours: a line, a wait, a person's decision, a second line, and reading both back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from acting import (
    ACTOR,
    EFFECT,
    ENVIRONMENTS,
    TARGET,
    MovedClock,
    Rig,
    line_kind,
    make_plan,
)

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.operations import (
    Choice,
    Decision,
    Effect,
    JournalEntry,
    Outcome,
    Plan,
    Progress,
    StepKind,
    StepState,
)
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.operation_store import OperationStore
from fedesk.ports.sources import Clock
from fedesk.services.by_hand import ByHand
from fedesk.services.operation_kinds import Draft, OperationKind, Step

REST: Effect = replace(
    EFFECT,
    call=replace(EFFECT.call, key="{operation}/rest"),
    sentence="write the other line of lines / r1",
)
STAGED = (EFFECT, REST)
REVIEW = "review"
LEO = Actor(person="leo", known_by="operating system", host="desk-4", pid=99)


class DecidingClock(MovedClock):
    """A moved clock; ``on_pause`` is called whenever something has waited."""

    def __init__(self) -> None:
        super().__init__()
        self.on_pause: Callable[[], None] = lambda: None

    def pause(self, seconds: float) -> None:
        super().pause(seconds)
        self.on_pause()


@dataclass
class StagedRig(Rig):
    """The small world with the kind of two effects."""

    clock: DecidingClock = field(default_factory=DecidingClock)
    draft: Draft = field(default_factory=lambda: Draft(target=TARGET, effects=STAGED, guards=(), facts=()))
    stopped: Outcome = Outcome.ABORTED
    decide_within: float | None = None
    await_within: float | None = None

    @property
    def kinds(self) -> Mapping[str, OperationKind]:
        base = line_kind(self.world, self.script, self._drafted)
        send, arrive, _ = base.steps

        def read_back(plan: Plan, _j: tuple[JournalEntry, ...], _s: Systems, _c: Clock) -> Progress:
            wanted = {plan.operation, f"{plan.operation}/rest"}
            there = wanted <= set(self.world.lines())
            state = StepState.DONE if there else StepState.WAITING
            return Progress(state=state, said="both lines read back" if there else "not both are there")

        steps = (
            send,
            replace(arrive, within=self.await_within),
            Step(
                name=REVIEW,
                kind=StepKind.DECIDE,
                sentence="go on with the other line",
                within=self.decide_within,
                stopped=self.stopped,
            ),
            Step(name="send the rest", kind=StepKind.EFFECT, sentence="write the other line"),
            Step(
                name="read back", kind=StepKind.VERIFY, sentence="read both back", look=read_back, within=20
            ),
        )
        return {base.name: replace(base, steps=steps)}

    def staged(self) -> str:
        """The id of a confirmed plan of both lines."""
        return self.confirmed(make_plan(effects=STAGED))

    def by_hand(
        self,
        actor: Actor = ACTOR,
        *,
        processes: Processes | None = None,
        environments: Mapping[str, EnvironmentFacts] = ENVIRONMENTS,
    ) -> ByHand:
        return ByHand(
            store=self.store,
            systems=self.systems,
            clock=self.clock,
            processes=processes or self.processes,
            actor=actor,
            environments=environments,
            kinds=self.kinds,
            pause=self.clock.pause,
        )


def decided_in(store: OperationStore, operation: str, choice: Choice, clock: Clock) -> None:
    """Somebody at another desk decides, as soon as there is something to decide."""
    found = store.operation(operation)
    if found is None or not found.undecided or store.decisions(operation):
        return
    decision = Decision(
        operation=operation,
        step=found.undecided,
        choice=choice,
        reason="it is well",
        by="leo",
        at=clock.now(),
    )
    audit = AuditDraft(
        at=clock.now(),
        actor=LEO,
        environment="dev",
        action="rerun",
        target=TARGET.name,
        phase=Phase.APPROVAL,
        operation=operation,
        plan_digest=found.digest,
        reason="it is well",
        result=f"{choice}: {REVIEW}",
    )
    store.decide(decision, audit)


PRODUCTION = {
    "dev": EnvironmentFacts(name="dev", production=True, mode="read-only", timezone="UTC"),
}
"""The environment of these plans, as careful as production."""
