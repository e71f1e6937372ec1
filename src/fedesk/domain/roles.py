"""Who may do what: people, their roles by environment, and one table of rights.

Rights are asked of a principal, as it stands in ``allowed_signers``, and of a verb, as the audit log has it.
A role is not above another one by itself: what it may do stands in ``RIGHTS``, and nowhere else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What somebody is for, in an environment."""

    VIEWER = "viewer"
    """Looks, and changes nothing."""
    OPERATOR = "operator"
    """Keeps running what is there: re-runs, settles, opens incidents."""
    RELEASER = "releaser"
    """Changes what runs: promotes, rolls back, loads anew. Operates as well."""
    APPROVER = "approver"
    """Says yes or no to the plans of others."""
    SECRETS = "secrets"
    """Rotates credentials, and looks after the operations that do so."""
    ADMIN = "admin"
    """Keeps the house: freezes, holds, maintenance. Operates as well."""


VIEWER = frozenset({Role.VIEWER})
"""What somebody is whom the configuration does not name."""

_OPERATING = frozenset({Role.OPERATOR, Role.RELEASER, Role.ADMIN})
_LOOKING_AFTER = _OPERATING | {Role.SECRETS}
_RELEASING = frozenset({Role.RELEASER})
_APPROVING = frozenset({Role.APPROVER})
_SECRETS = frozenset({Role.SECRETS})
_ADMIN = frozenset({Role.ADMIN})

RIGHTS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "rerun": _OPERATING,
        "recheck": _LOOKING_AFTER,
        "settle": _LOOKING_AFTER,
        "decide": _LOOKING_AFTER,
        "write-window": _LOOKING_AFTER,
        "incident": _LOOKING_AFTER,
        "mark": _LOOKING_AFTER,
        "break-glass": _LOOKING_AFTER,
        "promote": _RELEASING,
        "rollback": _RELEASING,
        "reload": _RELEASING,
        "backfill": _RELEASING,
        "quarantine": _OPERATING,
        "quarantine-lift": _RELEASING | _ADMIN,
        "approve": _APPROVING,
        "reject": _APPROVING,
        "review": frozenset({Role.APPROVER, Role.ADMIN}),
        "rotate": _SECRETS,
        "attest": _SECRETS,
        "freeze": _ADMIN,
        "freeze-override": _ADMIN,
        "waive-gate": frozenset({Role.APPROVER, Role.ADMIN}),
        "hold": _ADMIN,
        "maintenance": _ADMIN,
    }
)
"""Which roles may do a verb. A verb that is not here changes nothing that is shared: everybody may."""

EVERYWHERE = frozenset({"quarantine", "quarantine-lift"})
"""Verbs of what may hold in every environment, and is asked of one's roles in none of them then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of those who work with the desk."""

    principal: str
    roles: frozenset[Role] = VIEWER
    """In every environment that ``environments`` does not name."""
    environments: Mapping[str, frozenset[Role]] = field(default_factory=lambda: MappingProxyType({}))
    os_users: tuple[str, ...] = ()
    """Users of the machine that are this person: as good as the machine, so of use in ADVISORY mode alone."""
    notify: tuple[str, ...] = ()
    """Where they are told: receivers of ``[notify]``."""

    def roles_in(self, environment: str) -> frozenset[Role]:
        """Their roles in an environment; empty for what is of none, as the store."""
        return self.environments.get(environment, self.roles)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody whom the configuration names, by principal; where that is nobody, all may do everything."""

    named: Mapping[str, Person] = field(default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        return bool(self.named)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.named.values())

    def roles_of(self, principal: str, environment: str) -> frozenset[Role]:
        """Somebody's roles; a viewer's where they are not named."""
        person = self.named.get(principal)
        return VIEWER if person is None else person.roles_in(environment)

    def may(self, principal: str, verb: str, environment: str) -> bool:
        """Whether somebody has the right to do it there."""
        wanted = RIGHTS.get(verb)
        return not self.named or wanted is None or bool(wanted & self.roles_of(principal, environment))

    def against(self, principal: str, verb: str, environment: str) -> str:
        """Why somebody may not: ``needs the role operator in prod; you are viewer``. Empty where they may."""
        if self.may(principal, verb, environment):
            return ""
        where = f" in {environment}" if environment else ""
        mine = listed(self.roles_of(principal, environment), "and")
        return f"needs the role {listed(RIGHTS[verb])}{where}; you are {mine}"

    def principal_of(self, os_user: str) -> str:
        """Whom a user of the machine is; empty where no person says so."""
        return next((one.principal for one in self if os_user in one.os_users), "")

    def with_a_role(self, roles: Iterable[Role], environment: str) -> tuple[str, ...]:
        """Principals with one of these roles in an environment, sorted."""
        wanted = frozenset(roles)
        return tuple(sorted(one.principal for one in self if wanted & one.roles_in(environment)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one person may do: the one rule that keys, palette, commands and services ask."""

    people: People
    person: str
    os_user: str = ""
    """The user of this machine; empty where nobody sits at it, as in a runner."""

    @property
    def another(self) -> str:
        """Why the user of the machine is not the person; empty where nothing speaks against it."""
        named = self.people.named.get(self.person)
        if not self.os_user or self.os_user in (named.os_users if named else ()):
            return ""
        whose = self.people.principal_of(self.os_user)
        if whose:
            return f"the user {self.os_user} of this machine is {whose}, not {self.person}"
        if named and named.os_users:
            users = " or ".join(named.os_users)
            return f"{self.person} is the user {users} of a machine, and this is {self.os_user}"
        return ""

    def against(self, verb: str, environment: str) -> str:
        """Why they may not do it there, as the end of a sentence; empty where they may."""
        return (self.another if verb in RIGHTS else "") or self.people.against(self.person, verb, environment)

    def barred(self, environment: str) -> Mapping[str, str]:
        """All that they may not do there, by verb, and why."""
        if not self.people:
            return {}
        may = {verb for verb in EVERYWHERE if not self.against(verb, "")}
        return {verb: why for verb in RIGHTS if (why := self.against(verb, environment)) and verb not in may}


EVERY_RIGHT = Rights(people=People(), person="")
"""Of somebody where nobody is told apart."""


def listed(roles: Iterable[Role], word: str = "or") -> str:
    """Roles in a sentence, in the order of ``Role``: ``operator, releaser or admin``."""
    found = frozenset(roles)
    names = [role.value for role in Role if role in found]
    if len(names) < 2:  # noqa: PLR2004 - one needs no word between
        return "".join(names) or "without a role"
    return f"{', '.join(names[:-1])} {word} {names[-1]}"
