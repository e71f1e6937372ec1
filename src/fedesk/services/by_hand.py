"""What a person says of an operation: settled where no look tells, decided where it waits, or taken back.

Nothing here can send. A settlement changes no system, but it frees a target for the next change, and a
decision lets one go on: both take the yes of a change (design, rule 7), and a reason. A write window they do
not take, which is for what changes a system; a plan whose effects go on has had its own. Taking back one's
own plan before it has begun takes a reason alone: then nothing comes about.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fedesk.domain import guards, role_guards
from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.kept_text import kept_text
from fedesk.domain.open_operations import evidence_of
from fedesk.domain.operations import (
    Choice,
    Decision,
    GuardResult,
    Operation,
    Outcome,
    Owner,
    Ruling,
    Stage,
    StepState,
)
from fedesk.domain.release_queue import TURN, is_waiting
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.ports.changing import Processes, Systems
from fedesk.ports.errors import SourceError
from fedesk.ports.operation_store import (
    DecidedError,
    Lease,
    LeaseLostError,
    NotClaimableError,
    OperationStore,
    StoreError,
)
from fedesk.ports.sources import Clock
from fedesk.services.approvals import Approvals
from fedesk.services.held import LEASE, Held, decided, hold
from fedesk.services.kinds import KINDS
from fedesk.services.operation_kinds import OperationKind
from fedesk.services.proposals import Answer, RefusedError, told
from fedesk.services.queueing import withdrawn_said
from fedesk.services.settling import has_begun, left_alone, recheck, taken_over

VERDICTS: Mapping[str, Outcome] = {"done": Outcome.SUCCEEDED, "not-done": Outcome.FAILED}
"""What a person may say of the effect of an operation, and how that ends it."""
_WORDS = {outcome: word.replace("-", " ") for word, outcome in VERDICTS.items()}
_STATES = {Outcome.SUCCEEDED: StepState.DONE, Outcome.FAILED: StepState.FAILED}
_LEAVES_WITHIN = 10.0
"""Seconds for which the process of one in line is waited for; it looks every two."""
_LOOK_EVERY = 0.2
_PHASES = {Choice.PROCEED: Phase.APPROVAL, Choice.STOP: Phase.REJECTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Takes a person's word on operations. Blocking."""

    store: OperationStore
    systems: Systems
    clock: Clock
    processes: Processes
    actor: Actor
    environments: Mapping[str, EnvironmentFacts]
    rights: Rights = EVERY_RIGHT
    approvals: Approvals | None = None
    """What a plan is taken back with that others have a say in: by a signed no."""
    kinds: Mapping[str, OperationKind] = field(default_factory=lambda: KINDS)
    pause: Callable[[float], None] = time.sleep

    def look_first(self, operation: str) -> Operation:
        """Look at an operation again before a person settles it: where looking can tell, it ends by that.

        Raises RefusedError, which is in the audit log by then, where the person has no right to settle;
        NotClaimableError where it has ended before or somebody is at it, StoreError.
        """
        self._check_role(self._open_and_free(operation), "settle")
        return self._look(operation)

    def recheck(self, operation: str) -> Operation:
        """Look again at an operation whose owner died or whose outcome is unknown.

        Raises RefusedError, which is in the audit log by then, where the person has no right to; StoreError.
        """
        found = self.store.operation(operation)
        if found is not None:
            self._check_role(found, "recheck")
        return self._look(operation)

    def _look(self, operation: str) -> Operation:
        return recheck(
            operation,
            store=self.store,
            systems=self.systems,
            clock=self.clock,
            processes=self.processes,
            actor=self.actor,
            kinds=self.kinds,
            pause=self.pause,
        )

    def settle(self, operation: str, verdict: Outcome, answer: Answer) -> Operation:
        """End an operation as a person says, after ``look_first``; its target is free then. Asks no system.

        ``verdict`` is SUCCEEDED or FAILED. Raises RefusedError, which is in the audit log by then, where
        role, confirmation or reason is missing; NotClaimableError where it has ended meanwhile or somebody is
        at it; LeaseLostError, StoreError.
        """
        found = self._open_and_free(operation)
        self._check(found, "settle", answer)
        try:
            lease = taken_over(found, store=self.store, clock=self.clock, processes=self.processes)
        except NotClaimableError:
            # Somebody was faster, and it is told who.
            self._open_and_free(operation)
            raise
        held = self._hold(lease)
        reason = kept_text(answer.reason.strip())
        said = f"settled by {self.actor.person} as {_WORDS[verdict]}: {reason}"
        entry = held.entry("", _STATES[verdict], said, evidence=evidence_of(held.operation))
        return held.end(verdict, said, Phase.SETTLEMENT, (entry,), reason=reason)

    def decide(self, operation: str, choice: Choice, answer: Answer) -> Decision:
        """Decide of the step that an operation waits in; whoever holds its lease goes by that.

        Raises RefusedError, which is in the audit log by then, where role, confirmation or reason is missing;
        DecidedError where somebody was faster, and says who; NotClaimableError where it has ended or waits
        for no decision; StoreError.
        """
        found = self._open(operation)
        if not found.undecided:
            made = self.store.decisions(operation)
            if made:
                raise DecidedError(f"Operation {operation} was decided before: {made[-1].said}.")
            raise NotClaimableError(f"Operation {operation} waits for no decision now.")
        self._check(found, "decide", answer)
        decision = Decision(
            operation=operation,
            step=found.undecided,
            choice=choice,
            reason=kept_text(answer.reason.strip()),
            by=self.actor.person,
            at=self.clock.now(),
        )
        self.store.decide(
            decision, self._record(found, _PHASES[choice], decided(decision), reason=decision.reason)
        )
        return decision

    def withdraw(self, operation: str, reason: str) -> Operation:
        """Take back a plan of one's own before it has begun: nothing of it is ever sent. Asks no system.

        Where others have a say in it, that is signed, and counts for whoever would execute it although the
        operation is not ended here. One in line is ended by its own process, which is waited for a moment.
        Raises RefusedError, which is in the audit log by then, where it is another's or there is no reason;
        NotClaimableError where it has begun or ended; SourceError where it cannot be signed; StoreError.
        """
        found = self._open(operation)
        if found.stage is not Stage.CONFIRMED and not is_waiting(found):
            raise _has_begun(operation)
        reason = kept_text(reason.strip())
        self._refuse(found, self._against_withdrawal(found, reason), reason)
        said = withdrawn_said(self.actor.person, reason)
        if found.stage is not Stage.CONFIRMED:
            return self._leave_line(found, reason, said)
        if self.approvals is not None and self.approvals.is_asked(found):
            self.approvals.reject(operation, reason)
            self.end_rejected(operation, said)
            return self.store.operation(operation) or found
        return self._end_unbegun(operation, said)

    def _leave_line(self, operation: Operation, reason: str, said: str) -> Operation:
        """Decide that it leaves the line, and wait for its process to end it; where none lives, end it here.

        Its lease is left alone: taken from a process whose turn has just come, it would leave a deployment
        in between. That process asks once more right before its first step.
        """
        id_ = operation.plan.operation
        decision = Decision(
            operation=id_,
            step=TURN,
            choice=Choice.STOP,
            reason=reason,
            by=self.actor.person,
            at=self.clock.now(),
        )
        self.store.decide(decision, self._record(operation, Phase.REJECTION, said, reason=reason))
        until = self.clock.monotonic() + _LEAVES_WITHIN
        while True:
            found = self.store.operation(id_) or operation
            if any(entry.step for entry in found.journal):
                raise _has_begun(id_)
            if not found.is_open or self.clock.monotonic() >= until:
                return found
            if not left_alone(found, now=self.store.now(self.clock.now()), processes=self.processes):
                return self._end_left(found, said)
            self.pause(_LOOK_EVERY)

    def _end_left(self, operation: Operation, said: str) -> Operation:
        """End it for a process that lives no more. Where one may not, the word on it is there for who may."""
        try:
            return self._end_unbegun(operation.plan.operation, said, dead=operation.owner)
        except (NotClaimableError, LeaseLostError):
            raise
        except StoreError:
            return operation

    def set_aside(self, broken: Operation) -> tuple[str, ...]:
        """Take back one's own plans in whose place the glass was broken: those that wait for its targets.

        What came of each, in a sentence; nothing of it holds up what is under way.
        """
        wanted, id_ = set(broken.plan.reserves), broken.plan.operation
        try:
            waiting = [one for one in self.store.open_operations() if one.stage is Stage.CONFIRMED]
        except StoreError as error:
            return (f"Whether another plan of yours waits for the same cannot be told: {error}",)
        return tuple(
            self._set_aside(one.plan.operation, id_)
            for one in waiting
            if one.plan.requester == self.actor.person
            and one.plan.operation != id_
            and not wanted.isdisjoint(one.plan.reserves)
        )

    def _set_aside(self, operation: str, broken: str) -> str:
        try:
            self.withdraw(operation, f"the glass was broken instead, by operation {broken}")
        except (RefusedError, SourceError, StoreError) as error:
            return (
                f"Operation {operation} still waits, in whose place the glass was broken: {error} "
                f"`fedesk plans withdraw {operation} --reason TEXT` takes it back."
            )
        return f"Operation {operation}, which waited for the same, is withdrawn: the glass was broken."

    def end_lapsed(self) -> None:
        """End what was confirmed and not begun in its plan's time, where one may; nothing was sent."""
        with suppress(StoreError):
            now = self.store.now(self.clock.now())
            for one in self.store.open_operations():
                if one.stage is Stage.CONFIRMED and one.plan.expires_at < now:
                    self._look(one.plan.operation)

    def end_rejected(self, operation: str, said: str) -> None:
        """End an operation whose plan was rejected before it began; nothing was sent.

        Where one may not, or somebody was faster, it is left: it counts as rejected by whoever reads it.
        """
        with suppress(StoreError):
            self._end_unbegun(operation, said)

    def _end_unbegun(self, operation: str, said: str, *, dead: Owner | None = None) -> Operation:
        """Raises NotClaimableError where somebody has begun it meanwhile, StoreError."""
        lease = self.store.claim(
            operation, self.processes.me(), self.clock.now(), LEASE, dead=dead, reserve=False
        )
        held = self._hold(lease)
        if has_begun(held):
            held.let_go()
            raise _has_begun(operation)
        return held.end(Outcome.REFUSED, said, Phase.REFUSAL, (held.entry("", StepState.FAILED, said),))

    def _against_withdrawal(self, operation: Operation, reason: str) -> tuple[GuardResult, ...]:
        """It is one's own plan, and one says why; no role is asked."""
        plan = operation.plan
        found = [*role_guards.against(self.rights, "withdraw", plan.environment)]
        if self.actor.person not in (plan.requester, operation.confirmation.by):
            why = f"The plan is one of {plan.requester}, who alone takes it back."
            remedy = f"An approver rejects it: `fedesk reject {plan.operation} --reason TEXT`."
            found.append(GuardResult(guard=guards.REQUESTER, ruling=Ruling.DENY, reason=why, remedy=remedy))
        if not reason:
            why, remedy = "No reason was given.", "On the command line --reason TEXT."
            found.append(GuardResult(guard=guards.REASON, ruling=Ruling.DENY, reason=why, remedy=remedy))
        return tuple(found)

    def _hold(self, lease: Lease) -> Held:
        return hold(
            lease,
            store=self.store,
            systems=self.systems,
            clock=self.clock,
            actor=self.actor,
            pause=self.pause,
            kinds=self.kinds,
        )

    def _open(self, operation: str) -> Operation:
        found = self.store.operation(operation)
        if found is None:
            raise NotClaimableError(f"There is no operation {operation} in this store.")
        if not found.is_open:
            raise NotClaimableError(self._ended(found))
        return found

    def _open_and_free(self, operation: str) -> Operation:
        found = self._open(operation)
        why = left_alone(found, now=self.store.now(self.clock.now()), processes=self.processes)
        if why:
            raise NotClaimableError(f"Operation {operation} cannot be settled by hand now. {why}")
        return found

    def _ended(self, operation: Operation) -> str:
        """That an operation has ended, and who wrote that down."""
        seq = operation.audit_outcome
        record = self.store.record(seq) if seq is not None else None
        by = f", written down by {record.draft.actor.person} on {record.draft.actor.host}" if record else ""
        at = f" at {operation.ended_at:%Y-%m-%d %H:%M:%S} UTC" if operation.ended_at else ""
        return (
            f"Operation {operation.plan.operation} has ended: {operation.outcome}{by}{at}. {operation.said}"
        )

    def _check(self, operation: Operation, verb: str, answer: Answer) -> None:
        """Raise RefusedError, recorded, where the role, the yes or the reason is missing."""
        self._check_role(operation, verb, answer.reason)
        name = operation.plan.environment
        facts = self.environments.get(name)
        against = guards.against_word(name, facts, answer.how, answer.named, answer.reason)
        self._refuse(operation, against, answer.reason)

    def _check_role(self, operation: Operation, verb: str, reason: str = "") -> None:
        """Raise RefusedError, recorded, where the person may not."""
        self._refuse(operation, role_guards.against(self.rights, verb, operation.plan.environment), reason)

    def _refuse(self, operation: Operation, against: tuple[GuardResult, ...], reason: str) -> None:
        """Record a refusal and raise it, where something stands against it."""
        if against:
            said = told(against)
            self.store.append(self._record(operation, Phase.REFUSAL, said, reason=reason))
            raise RefusedError(said, against)

    def _record(self, operation: Operation, phase: Phase, result: str, *, reason: str) -> AuditDraft:
        plan = operation.plan
        kind = self.kinds.get(plan.kind)
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=plan.environment,
            action=plan.kind if kind is None else kind.action,
            target=", ".join(target.name for target in plan.targets),
            phase=phase,
            operation=plan.operation,
            plan_digest=operation.digest,
            reason=kept_text(reason),
            result=kept_text(result),
            links=tuple(target.link for target in plan.targets if target.link),
        )


def _has_begun(operation: str) -> NotClaimableError:
    return NotClaimableError(f"Operation {operation} has begun, and is not taken back any more.")
