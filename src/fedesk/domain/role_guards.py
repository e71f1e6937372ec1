"""Guards that ask who it is, which role they have, and which ticket they give.

Where the configuration names no people nobody is told apart, and the first two have nothing to say.
"""

from fedesk.domain import guards
from fedesk.domain.guards import Rule, Situation
from fedesk.domain.operations import GuardResult, Ruling
from fedesk.domain.roles import RIGHTS, Rights, listed


def requester(situation: Situation) -> GuardResult | None:
    """Who asks, who says yes, and whose user of the machine it is are one person."""
    plan, given, people = situation.plan, situation.confirmation, situation.people
    if not people:
        return None
    if given is not None and given.by != plan.requester:
        why = f"The plan is one of {plan.requester}, and {given.by} confirmed it."
        return _no(guards.REQUESTER, why, "Make a plan of your own.")
    return _another(Rights(people=people, person=plan.requester, os_user=situation.os_user))


def role(situation: Situation) -> GuardResult | None:
    """Who asks for it has a role that may do it in the target's environment."""
    if not situation.people or not situation.verb:
        return None
    plan = situation.plan
    rights = Rights(people=situation.people, person=plan.requester)
    against = _without_role(rights, situation.verb, plan.environment)
    if against is not None:
        return against
    roles = listed(rights.people.roles_of(plan.requester, plan.environment), "and")
    why = f"{plan.requester} is {roles} in {plan.environment}."
    return GuardResult(guard=guards.ROLE, ruling=Ruling.ALLOW, reason=why)


def ticket(situation: Situation) -> GuardResult | None:
    """The reason names a ticket, where the policy says how one looks."""
    if situation.confirmation is None or not situation.rule.tickets:
        return None
    if not situation.lacking:
        return GuardResult(guard=guards.TICKET, ruling=Ruling.ALLOW, reason="The reason names a ticket.")
    where = situation.plan.environment
    why = f"A {situation.verb} in {where} wants a ticket, and {_patterns(situation)} is not in the reason."
    return _no(guards.TICKET, why, "Name it in the reason; on the command line --reason TEXT.")


RULES: tuple[Rule, ...] = (requester, role, ticket)


def against(rights: Rights, verb: str, environment: str) -> tuple[GuardResult, ...]:
    """What stands against a person who does something that has no plan: a window, a word, a freeze."""
    found = (_another(rights), _without_role(rights, verb, environment))
    return tuple(one for one in found if one is not None)


def _another(rights: Rights) -> GuardResult | None:
    why = rights.another
    if not why:
        return None
    remedy = "Do it as that person; os_users in fedesk.toml says which users of a machine are whom."
    return _no(guards.REQUESTER, f"Not the same person: {why}.", remedy)


def _without_role(rights: Rights, verb: str, environment: str) -> GuardResult | None:
    people, person = rights.people, rights.person
    if people.may(person, verb, environment):
        return None
    where = f" in {environment}" if environment else ""
    mine = listed(people.roles_of(person, environment), "and")
    why = f"{person} is {mine}{where}, and {verb} needs the role {listed(RIGHTS[verb])}."
    others = people.with_a_role(RIGHTS[verb], environment)
    remedy = (
        f"{' or '.join(others)} may." if others else "Nobody has it; [people] in fedesk.toml gives roles."
    )
    return _no(guards.ROLE, why, remedy)


def _patterns(situation: Situation) -> str:
    return " or ".join(situation.lacking)


def _no(guard: str, why: str, remedy: str) -> GuardResult:
    return GuardResult(guard=guard, ruling=Ruling.DENY, reason=why, remedy=remedy)
