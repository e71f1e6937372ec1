"""The one place that changes anything: a confirmed operation is carried out, each effect sent at most once.

Nothing else names or calls ``apply`` (``tests/unit/test_one_way_to_change.py``, import-linter).

    claim ─► drafted and judged again ─► intent durable ─► lease still held? ─► send ─► steps that look
      └──────── refused ◄───────┘           │ store fails:      │ lost: stop       │ no answer: looked up,
                                            ▼ nothing is sent   ▼ nothing is sent  ▼ never sent again
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fedesk.domain.audit import Actor, Phase
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.guards import APPROVALS
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import (
    Call,
    Effect,
    GuardResult,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Plan,
    Receipt,
    Ruling,
    Stage,
    StepState,
)
from fedesk.domain.policy import UNGOVERNED, Governance
from fedesk.ports.approving import NotApprovedError
from fedesk.ports.changing import Processes, Settles, Systems
from fedesk.ports.errors import (
    ConflictError,
    CredentialError,
    ForbiddenError,
    NotFoundError,
    NotSentError,
    RateLimitedError,
    SourceError,
    TlsError,
    UnauthenticatedError,
)
from fedesk.ports.operation_store import (
    Lease,
    NotClaimableError,
    OperationStore,
    ReservedError,
    StoreError,
    StoreUnavailableError,
)
from fedesk.ports.sources import Bulkhead, Clock
from fedesk.services.approvals import Approvals
from fedesk.services.held import LEASE, Held, hold, patience_of
from fedesk.services.operation_kinds import Around, Draft, OperationKind, Step
from fedesk.services.queueing import Queue, leave_line, queues, taken
from fedesk.services.settling import (
    done_said,
    has_begun,
    has_intent,
    left_alone,
    nothing_sent,
    recheck,
    refuse,
    still_unknown,
    stopped,
    taken_over,
    unknown_kind,
)
from fedesk.services.steps import look_again, remaining, settle_effect, unfit

_REFUSED_BY_SYSTEM = (
    NotSentError,
    ForbiddenError,
    UnauthenticatedError,
    NotFoundError,
    ConflictError,
    RateLimitedError,
    CredentialError,
    TlsError,
)
"""After these nothing was done: no byte left, or the system said no."""


_FIRST = 50
"""Newest records of an operation among which that of its confirmation is, before it has begun."""


class Changer(Settles, Protocol):
    """A system as it is changed. Blocking, called on the bulkhead's threads only."""

    def apply(self, call: Call) -> Receipt:
        """Carry a (filled) call out, once, and say what the system answered.

        Raises NotSentError where no byte left, and other SourceErrors. ServerFaultError, UnreachableError,
        DeadlineError and ProtocolError leave open whether it was done; all others say that it was not.
        """


class ChangingSystems(Systems, Protocol):
    """The configured systems, to be read and to be changed."""

    def changing(self, name: ConnectionName) -> Bulkhead[Changer]:
        """How a connection is changed; raises NotFoundError where it is not configured, or cannot be."""


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """What the runner works with."""

    store: OperationStore
    systems: ChangingSystems
    catalogue: Catalogue
    environments: Mapping[str, EnvironmentFacts]
    actor: Actor
    clock: Clock
    processes: Processes
    pause: Callable[[float], None]
    kinds: Mapping[str, OperationKind]
    governance: Governance
    approvals: Approvals | None
    sealed: Mapping[str, str]


def execute(  # noqa: PLR0913 - all that it touches is given to it
    operation: str,
    *,
    store: OperationStore,
    systems: ChangingSystems,
    catalogue: Catalogue,
    environments: Mapping[str, EnvironmentFacts],
    actor: Actor,
    clock: Clock,
    processes: Processes,
    pause: Callable[[float], None],
    kinds: Mapping[str, OperationKind] | None = None,
    governance: Governance = UNGOVERNED,
    approvals: Approvals | None = None,
    sealed: Mapping[str, str] | None = None,
) -> Operation:
    """Carry a confirmed operation out to its end, and return it as it ended.

    One that a dead process left, or that was given back, is carried on: what was intended is looked up and
    never sent again. Raises NotApprovedError where others have to approve it first, or SourceError where that
    cannot be told, and nothing is claimed then; NotClaimableError where somebody is at it or it has ended,
    LeaseLostError where somebody has taken it over, UnrecordedError, and StoreError where the store failed
    before anything was sent. ``sealed`` says by environment why broken glass does not serve here.
    """
    from fedesk.services.kinds import KINDS

    desk = _Desk(
        store=store,
        systems=systems,
        catalogue=catalogue,
        environments=environments,
        actor=actor,
        clock=clock,
        processes=processes,
        pause=pause,
        kinds=KINDS if kinds is None else kinds,
        governance=governance,
        approvals=approvals,
        sealed=sealed or {},
    )
    _check_approved(desk, operation)
    try:
        held, ended = _in_turn(desk, operation)
    except NotClaimableError as error:
        return _carry_on(desk, _held(desk, _inherit(desk, operation, error)))
    if ended is not None:
        return ended
    if held.operation.stage is Stage.ENDED:
        return _carry_on(desk, held)
    refusals = _refusals(desk, held)
    # Judging asks systems: whoever takes it back meanwhile is heard still.
    if (ended := leave_line(held)) is not None:
        return ended
    return refuse(held, refusals) if refusals else _carry_out(desk, held, Phase.OUTCOME)


def _check_approved(desk: _Desk, operation: str) -> None:
    """Raise NotApprovedError for one that waits for others; what was rejected or has expired may be ended."""
    approvals = desk.approvals
    if approvals is None or not approvals.asks_anybody:
        return
    found = desk.store.operation(operation)
    if found is None or found.stage is not Stage.CONFIRMED or found.plan.expires_at <= desk.clock.now():
        return
    waits = approvals.waits(found)
    if waits:
        raise NotApprovedError(waits)


def _unapproved(desk: _Desk, held: Held) -> tuple[GuardResult, ...]:
    """Whether what others said is enough now that nothing more can be added: statements are used by then."""
    from fedesk.domain.approving import ruling

    if held.operation.confirmation.break_glass:
        return _unrecorded_glass(desk, held)
    if desk.approvals is None:
        rule = desk.governance.policy.needed(
            held.action, held.plan.environment, held.operation.confirmation.accepted
        )
        why = "Nothing here tells whether it was approved."
        return (_no(APPROVALS, why, "Look at identity.allowed_signers."),) if rule.approvals else ()
    if not desk.approvals.asks_anybody:
        return ()
    try:
        found = ruling(desk.approvals.standing(held.operation))
    except SourceError as error:
        found = _no(APPROVALS, str(error), "Make the plan anew.")
    return (found,) if found is not None and found.blocks else ()


def _unrecorded_glass(desk: _Desk, held: Held) -> tuple[GuardResult, ...]:
    """Whether the log lacks the record without which nobody would know that the glass was broken."""
    records = desk.store.tail(_FIRST, operation=held.plan.operation)
    if any(
        one.draft.phase is Phase.BREAK_GLASS and one.draft.plan_digest == held.operation.digest
        for one in records
    ):
        return ()
    why = "The audit log does not say that the glass was broken for this plan."
    return (_no("break-glass", why, "Make the plan anew."),)


def _in_turn(desk: _Desk, operation: str) -> tuple[Held, Operation | None]:
    """The operation with its targets, in its turn where its kind queues; else as it has ended without."""
    queue = Queue(store=desk.store, kinds=desk.kinds, processes=desk.processes, clock=desk.clock)
    found = desk.store.operation(operation)
    is_queued = found is not None and found.stage is Stage.CONFIRMED and queues(desk.kinds, found)
    mine: Owner | None = None
    while True:
        try:
            if found is None or not is_queued or queue.place_of(found) is None:
                return _held(desk, _claim(desk, operation, mine)), None
        except ReservedError as error:
            if not is_queued or not queue.is_waited_for(error.holder):
                held = _held(desk, _claim_to_end(desk, operation))
                return held, refuse(held, (taken(error),))
        waiting = _held(desk, _claim_to_end(desk, operation))
        if (ended := queue.wait(waiting)) is not None:
            return waiting, ended
        mine = desk.processes.me()


def _claim(desk: _Desk, operation: str, mine: Owner | None) -> Lease:
    """Take the operation and its targets; what a dead process left there is settled first.

    ``mine`` is this process where it has the operation's lease already.
    """
    me, now = desk.processes.me(), desk.clock.now()
    try:
        return desk.store.claim(operation, me, now, LEASE, dead=mine)
    except ReservedError as error:
        holder = error.holder
        if left_alone(holder, now=desk.store.now(now), processes=desk.processes):
            raise
    # Who follows sees that somebody is at it: settling what was left there may take longer than they wait.
    _claim_to_end(desk, operation)
    recheck(
        holder.plan.operation,
        store=desk.store,
        systems=desk.systems,
        clock=desk.clock,
        processes=desk.processes,
        actor=desk.actor,
        kinds=desk.kinds,
        pause=desk.pause,
    )
    now = desk.clock.now()
    return desk.store.claim(operation, me, now, LEASE, dead=me)


def _claim_to_end(desk: _Desk, operation: str) -> Lease:
    """Take the operation alone, without its targets: nothing may be sent under this lease."""
    me, now = desk.processes.me(), desk.clock.now()
    found = desk.store.operation(operation)
    mine = me if found is not None and found.stage is Stage.RUNNING and found.owner == me else None
    return desk.store.claim(operation, me, now, LEASE, dead=mine, reserve=False)


def _inherit(desk: _Desk, operation: str, refused: NotClaimableError) -> Lease:
    """The lease of one that has begun, where nobody is at it. Raises NotClaimableError."""
    found = desk.store.operation(operation)
    if found is None or found.stage is Stage.CONFIRMED or not found.is_open:
        raise refused
    why = left_alone(found, now=desk.store.now(desk.clock.now()), processes=desk.processes)
    if why:
        raise NotClaimableError(f"Operation {operation} is under way. {why}") from refused
    return taken_over(found, store=desk.store, clock=desk.clock, processes=desk.processes)


def _held(desk: _Desk, lease: Lease) -> Held:
    return hold(
        lease,
        store=desk.store,
        systems=desk.systems,
        clock=desk.clock,
        actor=desk.actor,
        pause=desk.pause,
        kinds=desk.kinds,
    )


def _refusals(desk: _Desk, held: Held) -> tuple[GuardResult, ...]:
    """What forbids the operation now: the plan is drafted again, and judged again."""
    from fedesk.services.judging import judge

    plan, kind = held.plan, desk.kinds.get(held.plan.kind)
    if kind is None:
        return (_no("kind", unknown_kind(plan.kind), "Use the one that planned it."),)
    broken = (*_changed_since(desk, held), *_unfit(plan, kind))
    if broken:
        return broken
    unapproved = _unapproved(desk, held)
    rulings = judge(
        plan,
        kind,
        _drafted_again(desk, plan, kind),
        store=desk.store,
        catalogue=desk.catalogue,
        environment=desk.environments.get(plan.environment),
        confirmation=held.operation.confirmation,
        window=held.operation.confirmation.window,
        now=desk.clock.now(),
        processes=desk.processes,
        governance=desk.governance,
        sealed=desk.sealed.get(plan.environment, ""),
    )
    return (*(one for one in rulings if one.blocks), *unapproved)


def _changed_since(desk: _Desk, held: Held) -> tuple[GuardResult, ...]:
    """Whether plan, yes and configuration still belong together."""
    from fedesk.domain.plans import digest_of

    plan, digest = held.plan, held.operation.digest
    if digest_of(plan) != digest or held.operation.confirmation.digest != digest:
        return (
            _no(
                "digest",
                "The plan in the store is not the one that was confirmed.",
                "Run `fedesk audit verify --deep`.",
            ),
        )
    found = []
    for name in dict.fromkeys((plan.connection, *(effect.connection for effect in plan.effects))):
        try:
            desk.systems.changing(name)
            address = desk.systems.reading(name).address
        except SourceError as error:
            found.append(_no("connection", str(error), "Make the plan anew."))
            continue
        if name == plan.connection and address != plan.address:
            found.append(
                _no(
                    "connection",
                    f"{name} was {plan.address} in the plan and is {address} now.",
                    "Make the plan anew.",
                )
            )
    return tuple(found)


def _unfit(plan: Plan, kind: OperationKind) -> tuple[GuardResult, ...]:
    reason = unfit(kind, plan)
    return (_no("kind", reason, "Make the plan anew."),) if reason else ()


def _no(guard: str, reason: str, remedy: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.DENY, reason=reason, remedy=remedy, conflict=True)


def _drafted_again(desk: _Desk, plan: Plan, kind: OperationKind) -> Draft | SourceError:
    around = Around(
        systems=desk.systems,
        catalogue=desk.catalogue,
        store=desk.store,
        environments=desk.environments,
        clock=desk.clock,
    )
    try:
        return kind.draft(kind.asked(plan), around)
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - what cannot be looked at is not changed, whatever the fault
        return SourceError(
            f"fedesk failed while reading {plan.connection}: {type(error).__name__}; please report it"
        )


def _carry_on(desk: _Desk, held: Held) -> Operation:
    """Go on where another left off. What was agreed to and judged when it began is not judged again."""
    kind = desk.kinds.get(held.plan.kind)
    if kind is None:
        return still_unknown(held, held.entry("", StepState.UNKNOWN, unknown_kind(held.plan.kind)))
    if not has_begun(held):
        return leave_line(held) or nothing_sent(held)
    broken = (*_changed_since(desk, held), *_unfit(held.plan, kind))
    if broken:
        said = " ".join(one.reason for one in broken)
        return still_unknown(held, held.entry("", StepState.UNKNOWN, f"It cannot be carried on here: {said}"))
    held.sent = has_intent(held)
    # An unknown end that was recorded is provisional; what ends it is its settlement.
    is_provisional = held.operation.audit_outcome is not None
    return _carry_out(desk, held, Phase.SETTLEMENT if is_provisional else Phase.OUTCOME)


def _carry_out(desk: _Desk, held: Held, phase: Phase) -> Operation:
    """Take the steps that are left, in order. Raises LeaseLostError, StoreError, UnrecordedError."""
    kind = desk.kinds[held.plan.kind]
    left = remaining(kind, held.plan, held.journal)
    for due in left:
        if due.effect is not None and due.before is None:
            entry = _send(desk, held, due.step, due.effect)
        else:
            entry = look_again(held, due)
        if entry.state is not StepState.DONE:
            return stopped(held, due, entry, phase)
        if due is left[-1]:
            return held.end(Outcome.SUCCEEDED, done_said(held, kind, entry), phase, (entry,))
        held.note(entry)
    return held.end(Outcome.SUCCEEDED, done_said(held, kind), phase)


def _send(desk: _Desk, held: Held, step: Step, effect: Effect) -> JournalEntry:
    """Send one effect, once, and say what came of it: DONE, FAILED or UNKNOWN.

    The intent is durable before; a failing store or a lost lease is raised, and nothing is sent then.
    """
    intent = held.entry(step.name, StepState.INTENDED, effect.sentence)
    held.note(intent, None if has_intent(held) else held.audit(Phase.INTENT, effect.sentence))
    gate = _Gate(held)
    try:
        receipt = desk.systems.changing(effect.connection).call(
            lambda system: gate.send(system, held.call_of(effect))
        )
    except StoreUnavailableError as error:
        # Raised by the gate, which lets nothing pass then; ending the operation meets the same store.
        return held.entry(step.name, StepState.FAILED, f"nothing was sent: {error}")
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever broke, what was sent is looked up
        said = _sentence(error)
        if not gate.close():
            return held.entry(step.name, StepState.FAILED, f"nothing was sent: {said}")
        if isinstance(error, _REFUSED_BY_SYSTEM):
            return held.entry(step.name, StepState.FAILED, f"nothing was changed: {said}")
        held.note(held.entry(step.name, StepState.UNANSWERED, said))
        return settle_effect(held, step, effect, wait=patience_of(held.systems, effect.connection))
    finally:
        gate.close()
    return held.entry(
        step.name, StepState.DONE, receipt.said, reference=receipt.reference, evidence=receipt.evidence
    )


class _Gate:
    """Lets one call through, once: with the lease still held, and only while somebody waits for its answer.

    A call that waited too long for its thread would otherwise be sent after its operation has ended.
    """

    def __init__(self, held: Held) -> None:
        self._held = held
        self._lock = threading.Lock()
        self._is_closed = False
        self._has_passed = False

    def send(self, system: Changer, call: Call) -> Receipt:
        """Check the lease, then send. Raises LeaseLostError, and what the adapter raises."""
        with self._lock:
            if self._is_closed:
                raise NotSentError("It was too late to send it: nobody waits for the answer any more.")
            self._held.renew()
            # The answer is old where this process was suspended: meanwhile another may have taken over.
            self._held.keep()
            self._is_closed = self._has_passed = self._held.sent = True
        return system.apply(call)

    def close(self) -> bool:
        """Let nothing through from now on; whether something has passed."""
        with self._lock:
            self._is_closed = True
            return self._has_passed


def _sentence(error: Exception) -> str:
    if isinstance(error, SourceError):
        return str(error)
    return f"fedesk failed while sending: {type(error).__name__}; please report it"
