"""The guards of a change: pure rules over what is known at one moment, in the order they are shown.

A rule takes a ``Situation`` and gives its ruling, or None where it has nothing to say yet. What a kind of
operation rules about its own system (``domain.rerun_guards``) stands in the same order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from fedesk.domain.catalogue import Pipeline, RetryBudget, WriteMode
from fedesk.domain.differences import difference
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import (
    Confirmation,
    Effect,
    Fact,
    GuardResult,
    Operation,
    Outcome,
    Plan,
    Ruling,
    Target,
    WriteWindow,
)
from fedesk.domain.policy import Rule as PolicyRule
from fedesk.domain.release_queue import Place
from fedesk.domain.roles import People
from fedesk.domain.windows import Occurrence, Unreadable

ENVIRONMENT = "environment"
SCOPE = "scope"
SECRETS = "no secret in the plan"
REQUESTER = "requester"
ROLE = "role"
WRITE_WINDOW = "write window"
CONFIRMATION = "confirmation"
REASON = "reason"
TICKET = "ticket"
APPROVALS = "approvals"
BREAK_GLASS = "break-glass"
TEAM_STORE = "team store"
INCIDENT = "incident"
FREEZE = "freeze"
HOLD = "hold"
EXPIRY = "expiry"
CONNECTION = "connection"
PINNED_IDENTITY = "pinned identity"
IN_FLIGHT = "in flight"
SOMEBODY_AT_IT = "somebody at it"
RETRY_BUDGET = "retry budget"
LOADS = "loads"
LEFT_FAILED = "left as failed"
PAUSED = "paused DAG"
BUILDABLE = "job can be built"
PARAMETERS_REPEATABLE = "parameters can be repeated"
PARAMETERS_CHANGED = "parameters changed since"
OPERATION_ID = "operation id"
IDENTICAL_QUEUED = "identical item queued"
QUIETING_DOWN = "quieting down"

ORDER = (
    ENVIRONMENT,
    SCOPE,
    SECRETS,
    REQUESTER,
    ROLE,
    WRITE_WINDOW,
    CONFIRMATION,
    REASON,
    TICKET,
    BREAK_GLASS,
    TEAM_STORE,
    APPROVALS,
    INCIDENT,
    HOLD,
    FREEZE,
    EXPIRY,
    CONNECTION,
    PINNED_IDENTITY,
    IN_FLIGHT,
    SOMEBODY_AT_IT,
    IDENTICAL_QUEUED,
    RETRY_BUDGET,
    BUILDABLE,
    PARAMETERS_REPEATABLE,
    PARAMETERS_CHANGED,
    OPERATION_ID,
    LEFT_FAILED,
    PAUSED,
    QUIETING_DOWN,
    LOADS,
)
"""In which guards are shown, behind what blocks."""

OUTSIDE = frozenset({ENVIRONMENT, SCOPE})
"""Guards that say no to a target outside its environment."""
ANSWERED = frozenset({WRITE_WINDOW, CONFIRMATION, REASON, TICKET})
"""Guards that the answer to a plan settles by itself; nobody accepts them by name."""

READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How much of a pipeline's retry budget is used."""

    budget: RetryBudget
    count: int
    since: datetime
    free_at: datetime
    """When the period ends."""
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the rules judge by, at one moment."""

    plan: Plan
    now: datetime
    environment: EnvironmentFacts | None
    """The target's, as configured; None where it is not."""
    named: str | None = None
    """The environment that was named with the request."""
    digest: str = ""
    confirmation: Confirmation | None = None
    window: WriteWindow | None = None
    """The one that is open while the plan is only proposed."""
    wants_reason: bool = True
    target: Target | None = None
    """As the systems describe it now; None where they could not be asked."""
    effects: tuple[Effect, ...] = ()
    facts: tuple[Fact, ...] = ()
    trouble: str = ""
    """The sentence in which the look at the system ended."""
    gone: bool = False
    """Whether that look said that there is nothing to do any more."""
    holder: Operation | None = None
    """The operation that holds one of the plan's reservations."""
    holder_is_dead: bool = False
    place: Place | None = None
    """Where it will wait for its turn, where it queues behind the holder."""
    spent: Spent | None = None
    pipeline: Pipeline | None = None
    """What the catalogue says of the target; None where it says nothing."""
    secrets: tuple[str, ...] = ()
    """Arguments of the plan's calls that read like secrets, by their paths."""
    service: str = ""
    """The service whose deploy job the target is."""
    verb: str = ""
    """What is done, as the audit log and the table of rights have it."""
    broken: bool = False
    """Whether somebody breaks the glass."""
    people: People = field(default_factory=People)
    os_user: str = ""
    """The user of the machine at which it is proposed or confirmed; empty in a runner."""
    rule: PolicyRule = field(default_factory=PolicyRule)
    """What the policy asks of it."""
    lacking: tuple[str, ...] = ()
    """The policy's patterns of tickets that are not found in the reason."""
    in_force: tuple[Occurrence, ...] = ()
    """Freezes and holds that cover the target now."""
    unreadable: tuple[Unreadable, ...] = ()
    """Freezes and holds that cover the target, and of which cannot be told whether they are in force."""

    @property
    def is_production(self) -> bool:
        """Whether to be as careful as in production: what cannot be told counts as such."""
        return self.environment is None or self.environment.production

    @property
    def is_read_only(self) -> bool:
        """Whether changing something takes a write window; what cannot be told is read-only."""
        return self.environment is None or self.environment.mode != "guarded"


Rule = Callable[[Situation], GuardResult | None]


def moment(at: datetime, now: datetime) -> str:
    """A time in a sentence, in UTC; with its day where that is not the day of ``now``."""
    return f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def name_is_asked(situation: Situation) -> bool:
    """Whether production's name has to be given: inside a write window of a read-only one it has been."""
    return situation.is_production and not (
        situation.is_read_only and _covers(situation.window, situation.plan.environment, situation.now)
    )


def environment(situation: Situation) -> GuardResult:
    """The target's environment is the one that was named, and a configured one (design, rule 3)."""
    plan = situation.plan
    if plan.environment != plan.connection.environment:
        return _deny(
            ENVIRONMENT,
            f"The plan says {plan.environment}, and its target is in {plan.connection.environment}.",
            "Make a new plan.",
        )
    return belongs(plan.connection, situation.named, situation.environment)


def belongs(target: ConnectionName, named: str | None, facts: EnvironmentFacts | None) -> GuardResult:
    """The same before there is a plan. ``facts`` is None where the target's environment is not configured."""
    own = target.environment
    if named is not None and named != own:
        return _deny(
            ENVIRONMENT,
            f"{target} belongs to {own}, and {named} was named.",
            f"Name {own}, or a run of {named}.",
        )
    if facts is None:
        return _deny(
            ENVIRONMENT,
            f"No environment {own} is configured; what cannot be told counts as production.",
            f"Whoever keeps fedesk.toml adds [environments.{own}].",
        )
    kind = "production" if facts.production else "not production"
    return _allow(ENVIRONMENT, f"{target} belongs to {own}, which is {kind}.")


def secrets(situation: Situation) -> GuardResult | None:
    """A plan is kept with all that it sends, and the store keeps no secret."""
    if not situation.secrets:
        return None
    return _deny(
        SECRETS,
        f"{', '.join(situation.secrets)} reads like a secret, and a plan keeps what it sends.",
        "Do it in the system itself, where the value can be given.",
    )


def write_window(situation: Situation) -> GuardResult:
    """A read-only environment is changed inside a write window of its own (design, rule 7).

    Of a proposal a window is a need. A confirmation has to carry one that covers its time.
    """
    name, confirmed = situation.plan.environment, situation.confirmation
    if not situation.is_read_only:
        return _allow(WRITE_WINDOW, f"{name} is guarded: it needs no write window.")
    window = situation.window if confirmed is None else confirmed.window
    at = situation.now if confirmed is None else confirmed.at
    if window is not None and _covers(window, name, at):
        until = moment(window.until, situation.now)
        return _allow(WRITE_WINDOW, f"{window.opened_by} opened {name} for writing until {until}.")
    if window is None:
        why = f"{name} is read-only and no write window is open."
    elif window.environment != name:
        why = f"{name} is read-only, and the write window is one of {window.environment}."
    else:
        opened, until = moment(window.opened_at, situation.now), moment(window.until, situation.now)
        why = f"{name} is read-only, and its write window was open from {opened} to {until}."
    remedy = f"Typing {name} in the plan opens one for an hour; on the command line --write {name}."
    ruling = Ruling.CONFIRM if confirmed is None else Ruling.DENY
    return GuardResult(guard=WRITE_WINDOW, ruling=ruling, reason=why, remedy=remedy)


def confirmation(situation: Situation) -> GuardResult | None:
    """Somebody said yes to exactly this plan, and named production where it asks for its name."""
    plan, given = situation.plan, situation.confirmation
    if given is None:
        return None
    name = plan.environment
    production = situation.is_production
    on_command_line = f"--confirm {name}" if production else "--yes"
    remedy = f"Confirm the plan; on the command line {on_command_line}."
    if given.operation != plan.operation or given.digest != situation.digest:
        why = f"What was confirmed is {given.digest[:12]}, and this plan is {situation.digest[:12]}."
        return _deny(CONFIRMATION, why, "Make a new plan.", conflict=True)
    if not given.how:
        return _deny(CONFIRMATION, "Nobody has confirmed this plan.", remedy)
    if given.named and given.named != name:
        return _deny(
            CONFIRMATION, f"{given.named!r} was given as the name, and the target is in {name}.", remedy
        )
    # A window on the command line is for one command, so it does not stand for the name.
    inside = (
        situation.is_read_only and _covers(given.window, name, given.at) and not given.how.startswith("--")
    )
    if production and not given.named and not inside:
        return _deny(CONFIRMATION, f"{name} is production, and its name was not given.", remedy)
    when = moment(given.at, situation.now)
    return _allow(CONFIRMATION, f"{given.by} confirmed {given.digest[:12]} at {when} by {given.how}.")


def against_word(
    name: str, facts: EnvironmentFacts | None, how: str, named: str, reason: str
) -> tuple[GuardResult, ...]:
    """What stands against a person's word on an operation: it takes the yes of a change, and a reason always.

    ``facts`` is None where the environment is not configured: what cannot be told counts as production.
    """
    production = facts is None or facts.production
    remedy = f"On the command line {f'--confirm {name}' if production else '--yes'}."
    found = []
    if named and named != name:
        why = f"{named!r} was given as the name, and the target is in {name}."
        found.append(_deny(CONFIRMATION, why, remedy))
    elif production and not named:
        found.append(_deny(CONFIRMATION, f"{name} is production, and its name was not given.", remedy))
    elif not how:
        found.append(_deny(CONFIRMATION, "Nobody has said yes to it.", remedy))
    if not reason.strip():
        found.append(_deny(REASON, "No reason was given.", "On the command line --reason TEXT."))
    return tuple(found)


def reason(situation: Situation) -> GuardResult | None:
    """Production wants to know why, or a ticket, where the kind of operation says so; broken glass always."""
    is_asked = situation.broken or (situation.wants_reason and situation.is_production)
    if situation.confirmation is None or not is_asked:
        return None
    if situation.plan.reason.strip():
        return _allow(REASON, "A reason was given.")
    return _deny(
        REASON,
        "The glass is broken with a reason, and none was given."
        if situation.broken
        else f"{situation.plan.environment} is production, and no reason was given.",
        "Give a reason or a ticket; on the command line --reason TEXT.",
    )


def expiry(situation: Situation) -> GuardResult:
    """A plan holds for a while, and no longer: what it was made from grows old."""
    made, until = (moment(at, situation.now) for at in (situation.plan.made_at, situation.plan.expires_at))
    if situation.now >= situation.plan.expires_at:
        return _deny(
            EXPIRY, f"The plan was made at {made} and held until {until}.", "Make a new plan.", conflict=True
        )
    return _allow(EXPIRY, f"The plan was made at {made} and holds until {until}.")


def connection(situation: Situation) -> GuardResult:
    """The system could be looked at; silence is no consent."""
    name = situation.plan.connection
    if situation.trouble and not situation.gone:
        return GuardResult(
            guard=CONNECTION,
            ruling=Ruling.UNKNOWN,
            reason=f"{name} could not be looked at: {situation.trouble}",
            remedy=f"Try again when {name} answers.",
        )
    seen = max((fact.observed_at for fact in situation.facts), default=situation.now)
    return GuardResult(
        guard=CONNECTION,
        ruling=Ruling.ALLOW,
        reason=f"{name} answered at {moment(seen, situation.now)}.",
        facts=situation.facts,
    )


def pinned_identity(situation: Situation) -> GuardResult | None:
    """What the plan was made for is still what is there: its pins, and what would be sent."""
    if situation.gone:
        return _stale(f"It is not what the plan was made for any more: {situation.trouble}")
    if situation.target is None:
        return None
    found = difference(situation.plan, situation.target, situation.effects)
    if found:
        return _stale(f"It has changed since the plan was made: {'; '.join(found)}.")
    made = moment(situation.plan.made_at, situation.now)
    return _allow(PINNED_IDENTITY, f"It is as it was when the plan was made at {made}.")


def in_flight(situation: Situation) -> GuardResult:
    """No other operation holds the target, or the partition it loads."""
    other = situation.holder
    if other is None:
        return _allow(IN_FLIGHT, "No other operation holds the target or its partition.")
    who = f"{other.plan.operation} of {other.plan.requester}"
    since = moment(other.confirmed_at, situation.now)
    if situation.place is not None:
        return _warn(IN_FLIGHT, f"It waits its turn: {situation.place.said}, which holds it since {since}.")
    recheck = f"`fedesk operations recheck {other.plan.operation}` looks again."
    if other.outcome is Outcome.UNKNOWN:
        return _deny(
            IN_FLIGHT, f"Operation {who} holds it since {since} and ended unknown.", recheck, conflict=True
        )
    if situation.holder_is_dead:
        return GuardResult(
            guard=IN_FLIGHT,
            ruling=Ruling.WARN,
            reason=f"Operation {who} holds it since {since}, and its process has died; it is settled first.",
            remedy=recheck,
        )
    return _deny(
        IN_FLIGHT,
        f"Operation {who} holds it since {since}.",
        f"Wait until it has ended; `fedesk operations show {other.plan.operation}` follows it.",
        conflict=True,
    )


def retry_budget(situation: Situation) -> GuardResult | None:
    """A partition is run again by fedesk only so often in a period, as its pipeline's budget says."""
    spent, pipeline = situation.spent, situation.pipeline
    if spent is None or pipeline is None:
        return None
    since, free = (
        f"{at.astimezone(ZoneInfo(spent.zone)):%Y-%m-%d %H:%M} {spent.zone}"
        for at in (spent.since, spent.free_at)
    )
    fact = Fact(name="re-runs", value=str(spent.count), source="the desk's store", observed_at=situation.now)
    used = f"{spent.count} of {spent.budget} re-runs of this partition were used since {since}"
    if spent.count < spent.budget.count:
        return GuardResult(guard=RETRY_BUDGET, ruling=Ruling.ALLOW, reason=f"{used}.", facts=(fact,))
    return GuardResult(
        guard=RETRY_BUDGET,
        ruling=Ruling.DENY,
        reason=f"{used}: the budget of {pipeline.name} is spent.",
        remedy=f"It is free again at {free}; {pipeline.owner} sets retry_budget in the catalogue.",
        facts=(fact,),
    )


def loads(situation: Situation) -> GuardResult | None:
    """Loads are not tracked yet: production hears what a second one would meet."""
    pipeline = situation.pipeline
    if not situation.is_production or situation.service:
        return None
    if pipeline is None:
        subject = situation.plan.targets[0].pipeline if situation.plan.targets else "the target"
        return _warn(LOADS, f"Loads: not tracked. The catalogue does not say what {subject} writes.")
    if not pipeline.loads:
        return _allow(LOADS, f"The catalogue names nothing that {pipeline.name} loads.")
    ways = ", ".join(
        f"{load.dataset} by {load.write}"
        + (", which doubles rows that are there already" if load.write is WriteMode.APPEND else "")
        for load in pipeline.loads
    )
    return _warn(LOADS, f"Loads: not tracked. {pipeline.name} writes {ways}.")


def closed_incident(why: str) -> GuardResult:
    """Nothing more is done for what is over: a timeline that has ended tells of everything that was done."""
    return _deny(INCIDENT, why, "Or give another reason.", conflict=True)


RULES: tuple[Rule, ...] = (
    environment,
    secrets,
    write_window,
    confirmation,
    reason,
    expiry,
    connection,
    pinned_identity,
    in_flight,
    retry_budget,
    loads,
)
"""Every guard that holds for all kinds of operations, but for those of windows (``window_guards``)."""


def _covers(window: WriteWindow | None, name: str, at: datetime) -> bool:
    return window is not None and window.environment == name and window.opened_at <= at <= window.until


def _allow(guard: str, why: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.ALLOW, reason=why)


def _warn(guard: str, why: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.WARN, reason=why)


def _deny(guard: str, why: str, remedy: str, *, conflict: bool = False) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.DENY, reason=why, remedy=remedy, conflict=conflict)


def _stale(why: str) -> GuardResult:
    return _deny(PINNED_IDENTITY, why, "Make a new plan, and read it.", conflict=True)
