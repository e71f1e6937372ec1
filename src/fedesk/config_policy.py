"""The tables ``[people]``, ``[policy.VERB]`` and ``[environments.X.policy.VERB]`` of fedesk.toml."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from msgspec import Meta, field

from fedesk.config_types import IdentityConfig, Table, Text
from fedesk.domain.checkpoints import BY
from fedesk.domain.durations import parse_duration
from fedesk.domain.policy import ALONE, DEFAULTS, LONG, OVERRIDES, SHORT, Governance, Policy, Rule
from fedesk.domain.roles import VIEWER, People, Person, Role, listed
from fedesk.mistakes import Findings, Place, printable, unknown
from fedesk.tables import read_tables

RoleWord = Literal["viewer", "operator", "releaser", "approver", "secrets", "admin"]
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=7)


class PersonTable(Table, frozen=True, kw_only=True):
    """A table ``[people."PRINCIPAL"]``."""

    roles: tuple[RoleWord, ...] = ()
    os_users: tuple[Text, ...] = ()
    notify: tuple[Text, ...] = ()
    environments: Mapping[str, tuple[RoleWord, ...]] = field(default_factory=dict)


class PolicyTable(Table, frozen=True, kw_only=True):
    """A table ``[policy.VERB]``; what is left out is as the rule around it says."""

    approvals: Annotated[int, Meta(ge=0, le=20)] | None = None
    approvers: Annotated[tuple[RoleWord, ...], Meta(min_length=1)] | None = None
    lives: Text | None = None
    ticket: str | None = None
    review: bool | None = None
    escalate_after: Text | None = None


def governance_of(
    people: object,
    policy: object,
    environments: Mapping[str, object],
    identity: IdentityConfig,
    findings: Findings,
) -> Governance:
    """What the tables come to; every mistake goes to ``findings``. ``environments`` are the file's tables."""
    known = _people(people, environments, findings)
    own = {name: table.get("policy", {}) for name, table in environments.items() if isinstance(table, dict)}
    general = _over(DEFAULTS if known else ALONE, policy, ("policy",), findings)
    found = Policy(
        general=general,
        environments=MappingProxyType(
            {name: _over(general, table, _place_of(name), findings) for name, table in own.items()}
        ),
    )
    for place, environment, verb in _written(policy, own):
        _check_approvals(place, environment, verb, Governance(people=known, policy=found), identity, findings)
    return Governance(people=known, policy=found)


def _place_of(environment: str) -> Place:
    return ("environments", environment, "policy")


# People


def _people(tables: object, environments: Mapping[str, object], findings: Findings) -> People:
    read = read_tables(PersonTable, tables, ("people",), findings, _no_more_types)
    owners: dict[str, str] = {}
    for principal, table in read.items():
        place: Place = ("people", principal)
        if not BY.fullmatch(f"ssh:{principal}"):
            findings.add(place, "a principal is a name of ASCII without spaces, as in allowed_signers")
        for name in table.environments:
            if name not in environments:
                findings.add((*place, "environments", name), unknown("environment", environments, name))
        for at, user in enumerate(table.os_users):
            if owners.setdefault(user, principal) != principal:
                findings.add((*place, "os_users", at), f"is {owners[user]} already; one user is one person")
    return People(MappingProxyType({principal: _person(principal, one) for principal, one in read.items()}))


def _person(principal: str, table: PersonTable) -> Person:
    return Person(
        principal=principal,
        roles=_roles(table.roles),
        environments=MappingProxyType({name: _roles(words) for name, words in table.environments.items()}),
        os_users=table.os_users,
        notify=table.notify,
    )


def _roles(words: tuple[RoleWord, ...]) -> frozenset[Role]:
    return frozenset(Role(word) for word in words) or VIEWER


# Policy


def _over(around: Mapping[str, Rule], tables: object, place: Place, findings: Findings) -> Mapping[str, Rule]:
    """All rules: those of a table of verbs, else those around it, key by key."""
    found = dict(around)
    for verb, table in read_tables(PolicyTable, tables, place, findings, _no_more_types).items():
        if verb in DEFAULTS:
            found[verb] = _rule(table, around[verb], (*place, verb), findings)
        else:
            findings.add((*place, verb), unknown("verb", DEFAULTS, verb))
    return MappingProxyType(found)


def _rule(table: PolicyTable, around: Rule, place: Place, findings: Findings) -> Rule:
    approvals = around.approvals if table.approvals is None else table.approvals
    # Who begins to wait for others, or ceases to, has the other usual time.
    usual = around.lives if bool(approvals) == bool(around.approvals) else LONG if approvals else SHORT
    return Rule(
        approvals=approvals,
        approvers=around.approvers if table.approvers is None else _roles(table.approvers),
        lives=_time(table.lives, (*place, "lives"), findings) or usual,
        tickets=around.tickets if table.ticket is None else _tickets(table.ticket, place, findings),
        review=around.review if table.review is None else table.review,
        escalate_after=_time(table.escalate_after, (*place, "escalate_after"), findings)
        or around.escalate_after,
    )


def _time(text: str | None, place: Place, findings: Findings) -> timedelta | None:
    if text is None:
        return None
    try:
        found = parse_duration(text)
    except ValueError as error:
        findings.add(place, str(error))
        return None
    if not _SHORTEST <= found <= _LONGEST:
        findings.add(place, "expected from 1m up to 7d")
        return None
    return found


def _tickets(pattern: str, place: Place, findings: Findings) -> tuple[str, ...]:
    return (pattern,) if pattern and check_pattern(pattern, (*place, "ticket"), findings) else ()


def check_pattern(pattern: str, place: Place, findings: Findings) -> bool:
    """Whether a text is an expression of RE2; what is wrong with it goes to ``findings``."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace")
        findings.add(place, f"is no regular expression of RE2: {printable(said, 200)}")
        return False
    return True


def _written(policy: object, own: Mapping[str, object]) -> Iterator[tuple[Place, str, str]]:
    """The rules of the file: where each stands, and an environment and verb that go by it."""
    general = _verbs(policy)
    for name, table in own.items():
        mine = _verbs(table)
        for verb in mine:
            yield (*_place_of(name), verb), name, verb
        for verb in general - mine:
            yield ("policy", verb), name, verb


def _verbs(table: object) -> frozenset[str]:
    return frozenset(table).intersection(DEFAULTS) if isinstance(table, dict) else frozenset()


def _check_approvals(
    place: Place,
    environment: str,
    verb: str,
    governance: Governance,
    identity: IdentityConfig,
    findings: Findings,
) -> None:
    """Whether those who are to approve exist, and can be believed."""
    policy, people = governance.policy, governance.people
    rule = policy.rule(verb, environment)
    if not rule.approvals:
        return
    here = (*place, "approvals")
    if not people:
        findings.add_first(
            here, 'approvals need people; name them in tables as [people."ann@finedge.example"]'
        )
        return
    if identity.allowed_signers is None:
        findings.add_first(
            ("identity", "allowed_signers"), "is missing; approvals are signatures, which need it"
        )
    those = people.with_a_role(rule.approvers, environment)
    if not those:
        sentence = f"nobody has the role {listed(rule.approvers)} in {environment}"
        findings.add_first((*place, "approvers"), sentence)
    elif len(those) < rule.approvals:
        sentence = f"is {rule.approvals}, and only {', '.join(those)} may approve in {environment}"
        findings.add_first(here, sentence)
    for override in dict.fromkeys(OVERRIDES.values()):
        other = policy.rule(override, environment)
        if other.approvals and not rule.approvers & other.approvers:
            sentence = (
                f"a {verb} with a {override} in {environment} could be approved by nobody:"
                f" that one takes {listed(other.approvers)}"
            )
            findings.add_first((*place, "approvers"), sentence)


def _no_more_types(kind: type, value: object) -> object:
    """No key of these tables is a type of its own."""
    raise NotImplementedError(kind, value)
