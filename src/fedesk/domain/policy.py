"""What a change takes beside its requester's yes: one rule by verb and environment (issue 7).

``[policy.VERB]`` and ``[environments.X.policy.VERB]`` alter the rules in ``DEFAULTS`` key by key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from fedesk.domain.roles import People, Role

SHORT = timedelta(minutes=15)
"""How long a plan lives that waits for nobody."""
LONG = timedelta(hours=8)
"""How long one lives that waits for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the policy asks of one kind of change in one environment."""

    approvals: int = 0
    """People beside the requester who have to approve."""
    approvers: frozenset[Role] = frozenset({Role.APPROVER})
    """Roles of which one has to be theirs."""
    lives: timedelta = SHORT
    """From when a plan is made until it may not be confirmed or executed any more."""
    tickets: tuple[str, ...] = ()
    """Patterns (RE2), each to be found in the reason; none where any reason is enough."""
    review: bool = False
    """Whether somebody else looks at it afterwards."""
    escalate_after: timedelta = timedelta(minutes=30)
    """How long a plan waits for an approval before more people are told."""


WAIVE = "waive-gate"
"""The verb of letting a release pass a gate that does not let it pass."""
GATE = "gate "
"""Begins the names of guards that are gates of a release."""

_APPROVED = Rule(approvals=1, lives=LONG)

DEFAULTS: Mapping[str, Rule] = MappingProxyType(
    {
        "rerun": Rule(),
        "promote": _APPROVED,
        "rollback": Rule(review=True),
        "reload": _APPROVED,
        "backfill": _APPROVED,
        "rotate": _APPROVED,
        "freeze-override": _APPROVED,
        WAIVE: _APPROVED,
    }
)
"""The verbs that have plans, and what one may override with a plan."""

ALONE: Mapping[str, Rule] = MappingProxyType(
    {verb: replace(rule, approvals=0, lives=SHORT) for verb, rule in DEFAULTS.items()}
)
"""The same where nobody is told apart: there is nobody else to approve."""

OVERRIDES: Mapping[str, str] = MappingProxyType({"freeze": "freeze-override", GATE: WAIVE})
"""Guards that are accepted at a price: by the guard's name, the verb whose rule is asked as well.

A name that ends in a blank is the beginning of the names of several.
"""


def override_of(guard: str) -> str:
    """The verb whose rule accepting this guard brings; empty where it brings none."""
    return next(
        (
            verb
            for name, verb in OVERRIDES.items()
            if guard == name or (name.endswith(" ") and guard.startswith(name))
        ),
        "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of a configuration."""

    general: Mapping[str, Rule] = field(default_factory=lambda: ALONE)
    """By verb."""
    environments: Mapping[str, Mapping[str, Rule]] = field(default_factory=lambda: MappingProxyType({}))
    """By environment and verb; what an environment does not say is general."""

    def rule(self, verb: str, environment: str) -> Rule:
        """The rule of a verb in an environment; that of nothing special where the verb has none."""
        own = self.environments.get(environment, {})
        return own.get(verb) or self.general.get(verb) or Rule()

    @property
    def asks_others(self) -> bool:
        """Whether any of the rules wants an approval."""
        return any(
            rule.approvals for rules in (self.general, *self.environments.values()) for rule in rules.values()
        )

    @staticmethod
    def overrides(accepted: Iterable[str]) -> tuple[str, ...]:
        """The verbs whose rules are asked as well, by the guards that were accepted."""
        return tuple(dict.fromkeys(verb for guard in accepted if (verb := override_of(guard))))

    def needed(self, verb: str, environment: str, accepted: Iterable[str] = ()) -> Rule:
        """The strictest of the verb's rule and of what the accepted guards bring (``OVERRIDES``)."""
        rule = self.rule(verb, environment)
        for override in self.overrides(accepted):
            rule = strictest(rule, self.rule(override, environment))
        return rule


def strictest(one: Rule, other: Rule) -> Rule:
    """One rule that asks for all that either asks for.

    A plan lives as long as the rules allow that have it wait for others: they know how long that takes. Where
    none does, the shorter time counts.
    """
    waiting = [rule for rule in (one, other) if rule.approvals] or [one, other]
    return Rule(
        approvals=max(one.approvals, other.approvals),
        approvers=frozenset.intersection(*(rule.approvers for rule in waiting)),
        lives=min(rule.lives for rule in waiting),
        tickets=tuple(dict.fromkeys((*one.tickets, *other.tickets))),
        review=one.review or other.review,
        escalate_after=min(rule.escalate_after for rule in waiting),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """Who the people are, and what the policy asks of them."""

    people: People = field(default_factory=People)
    policy: Policy = field(default_factory=Policy)


UNGOVERNED = Governance()
"""Of a configuration without people and policy: nobody is told apart, and nothing is asked beside a yes."""
