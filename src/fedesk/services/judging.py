"""Guards put to a plan: what they need is gathered, the rules of ``domain.guards`` judge, the kind weighs.

Used for the proposal, for its confirmation, and again by the runner right before anything is sent.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from fedesk.domain import break_glass, guards, release_gates, role_guards, window_guards
from fedesk.domain.approving import ahead
from fedesk.domain.catalogue import Catalogue, Pipeline, in_environment
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.guards import Situation, Spent
from fedesk.domain.names import NameNotUnderstoodError, RunName, split_build, split_dag_run
from fedesk.domain.operations import Confirmation, GuardResult, Operation, Plan, Ruling, Stage, WriteWindow
from fedesk.domain.partitions import period_around, reservation
from fedesk.domain.plans import digest_of, secrets_in
from fedesk.domain.policy import GATE, UNGOVERNED, Governance, Policy, override_of
from fedesk.domain.release_queue import Place, place_of
from fedesk.domain.states import System
from fedesk.domain.windows import WindowKind, reach_of
from fedesk.ports.changing import Processes
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.operation_store import OperationReader, Spending
from fedesk.services.calendar import InForce, in_force
from fedesk.services.operation_kinds import Draft, OperationKind, Weight
from fedesk.services.proposals import Needs
from fedesk.services.settling import left_alone

_SHOWN = {
    ruling: rank
    for rank, ruling in enumerate((Ruling.DENY, Ruling.UNKNOWN, Ruling.CONFIRM, Ruling.WARN, Ruling.ALLOW))
}
"""What blocks is shown first."""
RULES = (*guards.RULES, *role_guards.RULES, *window_guards.RULES)
"""Every guard that holds for all kinds of operations."""
_MEANWHILE = frozenset({guards.SOMEBODY_AT_IT, guards.IDENTICAL_QUEUED})
"""Guards that speak of what the holder of the target has under way."""
_RANK = {name: rank for rank, name in enumerate(guards.ORDER)}


def judge(  # noqa: PLR0913 - all that the guards judge by
    plan: Plan,
    kind: OperationKind,
    draft: Draft | SourceError,
    *,
    store: OperationReader,
    catalogue: Catalogue,
    environment: EnvironmentFacts | None,
    confirmation: Confirmation | None,
    window: WriteWindow | None,
    now: datetime,
    named: str | None = None,
    processes: Processes | None = None,
    governance: Governance = UNGOVERNED,
    os_user: str = "",
    broken: bool = False,
    sealed: str = "",
    apart: str = "",
) -> tuple[GuardResult, ...]:
    """Every guard's ruling, in the order they are shown. Asks no system; raises StoreError.

    ``draft`` is what the kind makes of the systems now, or the error in which looking ended. ``environment``
    is the target's as configured, None where it is not. Without ``processes`` an owner counts as alive.
    ``os_user`` is the user of this machine, where somebody sits at it. ``broken`` says of a proposal that the
    glass is broken with it, ``sealed`` why that does not serve here. ``apart`` is the team's store that does
    not answer, where ``store`` is a local one in its place.
    """
    broken = broken if confirmation is None else confirmation.break_glass
    accepted = confirmation.accepted if confirmation is not None else ()
    asked = governance.policy.needed(kind.action, plan.environment, accepted)
    pipeline = _pipeline(plan, catalogue)
    period = _period(pipeline, environment, now)
    spending = None if period is None else _spending(plan, period)
    standing = store.standing(plan.reserves, besides=plan.operation, spending=spending)
    holder = standing.holder
    windows = _in_force(plan, catalogue, store, now)
    situation = Situation(
        plan=plan,
        now=now,
        environment=environment,
        named=named,
        digest=digest_of(plan),
        confirmation=confirmation,
        window=window,
        wants_reason=kind.wants_reason,
        holder=holder,
        holder_is_dead=holder is not None and _is_dead(holder, store.now(now), processes),
        place=_place(plan, kind, holder, store, now=now, processes=processes),
        spent=replace(period, count=standing.spent) if period is not None else None,
        pipeline=pipeline,
        service=_service(plan, catalogue),
        secrets=secrets_in(plan),
        verb=break_glass.VERB if broken else kind.action,
        broken=broken,
        people=governance.people,
        os_user=os_user,
        rule=asked,
        lacking=lacking(asked.tickets, plan.reason),
        in_force=windows.occurrences,
        unreadable=windows.unreadable,
    )
    own: tuple[GuardResult, ...] = ()
    if isinstance(draft, SourceError):
        situation = replace(situation, trouble=str(draft), gone=isinstance(draft, NotFoundError))
    else:
        situation = replace(situation, target=draft.target, effects=draft.effects, facts=draft.facts)
        own = tuple(
            release_gates.weighed(one, situation) if one.guard in draft.waivable else one
            for one in draft.guards
        )
    ruled = [*(result for rule in RULES if (result := rule(situation)) is not None), *own]
    ruled = [_weighed(result, kind, waits=situation.place is not None) for result in ruled]
    if confirmation is None:
        # What is still to be accepted may have it wait for others.
        accept = [one.guard for one in ruled if one.ruling is Ruling.CONFIRM]
        asked = governance.policy.needed(kind.action, plan.environment, accept)
    waits = ahead(plan, asked, governance.people)
    ruled += [] if waits is None else [waits]
    if apart:
        ruled = list(break_glass.apart(ruled, apart))
    if broken:
        ruled = [break_glass.ruling(sealed, plan.environment), *map(break_glass.overridden, ruled)]
    answered = (_accepted(result, confirmation) for result in ruled)
    return tuple(sorted(answered, key=_as_shown))


def _as_shown(result: GuardResult) -> tuple[int, bool, int]:
    """What blocks first; of the rest a release's own gates before what holds for every change."""
    own = result.guard.startswith(GATE)
    return _SHOWN[result.ruling], not own, _RANK.get(result.guard, len(_RANK))


def lacking(tickets: Iterable[str], reason: str) -> tuple[str, ...]:
    """Patterns of the policy that are not found in a reason."""
    tickets = tuple(tickets)
    if not tickets:
        return ()
    from fedesk.services.log_pattern import LogPattern

    return tuple(one for one in tickets if not LogPattern.expression(one).in_line(reason))


def needs_of(
    plan: Plan,
    kind: OperationKind,
    environment: EnvironmentFacts | None,
    window: WriteWindow | None,
    rulings: Iterable[GuardResult],
    now: datetime,
    policy: Policy,
    *,
    broken: bool = False,
) -> Needs:
    """What a confirmation has to bring (design, rule 7); broken glass a reason of its own in any case."""
    situation = Situation(plan=plan, now=now, environment=environment, window=window)
    rulings = tuple(rulings)
    asks = {one.guard for one in rulings if one.ruling is Ruling.CONFIRM}
    accept = tuple(
        one.guard for one in rulings if one.ruling is Ruling.CONFIRM and one.guard not in guards.ANSWERED
    )
    tickets = policy.needed(kind.action, plan.environment, accept).tickets
    given = window.reason.strip() if window is not None and guards.WRITE_WINDOW not in asks else ""
    is_asked = any(map(override_of, asks)) or bool(tickets) or (kind.wants_reason and situation.is_production)
    return Needs(
        name=plan.environment if guards.name_is_asked(situation) else "",
        reason=broken or (is_asked and (not given or bool(lacking(tickets, given)))),
        tickets=tickets,
        window=guards.WRITE_WINDOW in asks,
        accept=accept,
    )


def _accepted(result: GuardResult, confirmation: Confirmation | None) -> GuardResult:
    """What asks to be accepted blocks a confirmation that has not accepted it."""
    if result.ruling is not Ruling.CONFIRM or confirmation is None or result.guard in confirmation.accepted:
        return result
    return replace(result, ruling=Ruling.DENY, reason=f"{result.reason} It was not accepted.")


def _weighed(result: GuardResult, kind: OperationKind, *, waits: bool) -> GuardResult:
    """What only warns in a kind neither blocks nor asks: a rollback is not held up by a freeze.

    Of one that waits its turn, who is at work is asked again when it has come.
    """
    stands = result.blocks or result.ruling is Ruling.CONFIRM
    passes = waits and result.guard in _MEANWHILE
    if stands and (passes or kind.weights.get(result.guard) is Weight.WARNS):
        return replace(result, ruling=Ruling.WARN, conflict=False)
    return result


def _place(
    plan: Plan,
    kind: OperationKind,
    holder: Operation | None,
    store: OperationReader,
    *,
    now: datetime,
    processes: Processes | None,
) -> Place | None:
    """Where a plan will stand in line for its target; None where it does not queue behind the holder."""
    from fedesk.services.kinds import KINDS

    if holder is None or not kind.queues or holder.stage is not Stage.RUNNING:
        return None
    other = kind if holder.plan.kind == kind.name else KINDS.get(holder.plan.kind)
    if other is None or not other.queues or _is_dead(holder, store.now(now), processes):
        return None
    return place_of(plan, None, store.open_operations(), now=store.now(now))


def _pipeline(plan: Plan, catalogue: Catalogue) -> Pipeline | None:
    return catalogue.pipelines.get(plan.targets[0].pipeline) if plan.targets else None


def _service(plan: Plan, catalogue: Catalogue) -> str:
    """The service that the target, a job without a pipeline, deploys; empty where it is none."""
    subject = plan.targets[0].pipeline if plan.targets else ""
    return next(
        (
            one.name
            for one in catalogue.services.values()
            if one.deploy is not None and in_environment(one.deploy.job, plan.environment) == subject
        ),
        "",
    )


def _in_force(plan: Plan, catalogue: Catalogue, store: OperationReader, now: datetime) -> InForce:
    """Freezes and holds that cover the target now, by the store's clock: no desk's own runs ahead of it."""
    reach = reach_of(catalogue, plan.environment, _names(plan))
    windows = [
        one
        for one in store.open_windows(now, environment=plan.environment)
        if one.kind is not WindowKind.MAINTENANCE and one.covers(reach)
    ]
    return in_force(windows, store.now(now)) if windows else InForce()


def _names(plan: Plan) -> Iterator[str]:
    """What the targets are called: their pipelines, and the jobs and DAGs that their runs are of."""
    for target in plan.targets:
        yield target.pipeline
        with suppress(NameNotUnderstoodError):
            run = RunName.parse(target.name).id
            is_build = any(effect.call.system is System.JENKINS for effect in plan.effects)
            yield split_build(run)[0] if is_build else split_dag_run(run)[0]


def _period(pipeline: Pipeline | None, environment: EnvironmentFacts | None, now: datetime) -> Spent | None:
    """The retry budget's period that is running, in the pipeline's zone; nothing is counted yet."""
    if pipeline is None or pipeline.retry_budget is None:
        return None
    zone = (
        pipeline.partition.zone
        if pipeline.partition is not None
        else pipeline.deadline.zone
        if pipeline.deadline is not None
        else environment.timezone
        if environment is not None
        else "UTC"
    )
    since, free_at = period_around(pipeline.retry_budget.period, now, zone)
    return Spent(budget=pipeline.retry_budget, count=0, since=since, free_at=free_at, zone=zone)


def _spending(plan: Plan, period: Spent) -> Spending:
    """What is counted: re-runs of the plan's partition."""
    key = reservation(plan.environment, plan.targets[0].pipeline, plan.targets[0].partition)
    return Spending(kind=plan.kind, reserve=key, since=period.since)


def _is_dead(holder: Operation, now: datetime, processes: Processes | None) -> bool:
    """Whether nobody carries the operation on, so that the runner will settle it first."""
    return processes is not None and not left_alone(holder, now=now, processes=processes)
