"""``fedesk policy``: who may do what, what a change takes, and where one plan stands."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.operations import named, newest
from fedesk.cli.output import Column, Json
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.config_types import Environment
    from fedesk.domain.approving import Standing
    from fedesk.domain.operations import Operation
    from fedesk.domain.policy import Rule
    from fedesk.domain.roles import People
    from fedesk.execution import Desk
    from fedesk.services.explaining import Explained

COLUMNS = (
    Column(title="VERB", importance=9),
    Column(title="YOU", importance=9),
    Column(title="ROLES", importance=8),
    Column(title="APPROVALS", importance=8, is_text=True),
    Column(title="LIVES", importance=6),
    Column(title="TICKET", importance=5),
    Column(title="REVIEW", importance=4),
    Column(title="ESCALATES", importance=3),
)
ASKED_COLUMNS = (
    Column(title="ASKED", importance=9),
    Column(title="MET", importance=9),
    Column(title="WHAT", importance=9, is_text=True),
)
_MET = {True: "yes", False: "no", None: "not yet"}


def show(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show people with their roles, and by environment who may do what and what it takes beside a yes.

    Of every environment unless --env names one. Without people in the configuration everybody may everything.
    """
    loaded = session.load(config)
    session.known_environment(loaded, environment, "--env")
    with closing(session.compose(context, loaded, environment)) as desk:
        chosen = [one for one in loaded.environments.values() if environment in (None, one.name)]
        if as_json:
            documents: list[Json] = [_environment_document(desk, one) for one in chosen]
            output.document(
                "fedesk-policy/1",
                environment,
                None,
                you=_you_document(desk),
                people=_people_document(desk.rights.people),
                allowed_signers=_signers(desk),
                environments=documents,
            )
        else:
            _print(desk, chosen)
    return Exit.DONE


def _print(desk: "Desk", chosen: "list[Environment]") -> None:
    rights, actor = desk.rights, desk.actor
    if rights.people:
        many = len(rights.people.named)
        known = f"{many} {'person' if many == 1 else 'people'}; who is not named is a viewer"
    else:
        known = "none: everybody may everything, until [people] in fedesk.toml names somebody"
    output.facts(
        [
            ("people", known),
            ("you", f"{actor.person} (by {actor.known_by}), the user {rights.os_user} of {actor.host}"),
            *((("not you", rights.another),) if rights.another else ()),
            ("signers", _signers(desk) or "no allowed_signers: nothing can be approved"),
        ]
    )
    for environment in chosen:
        output.blank()
        kind = "production" if environment.production else "not production"
        mine = _roles(rights.people, actor.person, environment.name)
        sys.stdout.write(f"{environment.name} ({kind}){f': you are {mine}' if mine else ''}\n")
        output.table(COLUMNS, _rows(desk, environment.name), "nothing is asked for")


def _rows(desk: "Desk", environment: str) -> list[tuple[str, ...]]:
    from fedesk.domain.policy import DEFAULTS
    from fedesk.domain.roles import RIGHTS, listed

    rights, policy = desk.rights, desk.config.governance.policy
    rows: list[tuple[str, ...]] = []
    for verb, roles in RIGHTS.items():
        if not rights.people and verb not in DEFAULTS:
            continue
        may = "may not" if rights.against(verb, environment) else "may"
        who = listed(roles) if rights.people else "everybody"
        rule = policy.rule(verb, environment) if verb in DEFAULTS else None
        told = ("", "", "", "", "") if rule is None else _rule_cells(rule, rights.people, environment)
        rows.append((verb, may, who, *told))
    return rows


def _rule_cells(rule: "Rule", people: "People", environment: str) -> tuple[str, str, str, str, str]:
    from fedesk.domain.durations import duration_text
    from fedesk.domain.roles import listed

    approvals = "none"
    if rule.approvals:
        those = people.with_a_role(rule.approvers, environment)
        approvals = f"{rule.approvals} of {listed(rule.approvers)}: {', '.join(those) or 'nobody'}"
    return (
        approvals,
        duration_text(rule.lives),
        " and ".join(rule.tickets),
        "afterwards" if rule.review else "",
        f"after {duration_text(rule.escalate_after)}" if rule.approvals else "",
    )


def _signers(desk: "Desk") -> str:
    found = desk.config.identity.allowed_signers
    return "" if found is None else str(found)


def _roles(people: "People", person: str, environment: str) -> str:
    from fedesk.domain.roles import listed

    return listed(people.roles_of(person, environment), "and") if people else ""


def _you_document(desk: "Desk") -> dict[str, Json]:
    actor, rights = desk.actor, desk.rights
    return {
        "principal": actor.person,
        "known_by": actor.known_by,
        "os_user": rights.os_user,
        "problem": rights.another or None,
    }


def _people_document(people: "People") -> list[Json]:
    return [
        {
            "principal": one.principal,
            "roles": sorted(one.roles),
            "environments": {name: sorted(roles) for name, roles in one.environments.items()},
            "os_users": list(one.os_users),
        }
        for one in people
    ]


def _environment_document(desk: "Desk", environment: "Environment") -> dict[str, Json]:
    from fedesk.domain.policy import DEFAULTS
    from fedesk.domain.roles import RIGHTS

    rights, policy, name = desk.rights, desk.config.governance.policy, environment.name
    mine: list[Json] = [*sorted(rights.people.roles_of(rights.person, name))] if rights.people else []
    verbs: list[Json] = [
        {
            "verb": verb,
            "roles": sorted(roles),
            "against": rights.against(verb, name) or None,
            "rule": rule_document(policy.rule(verb, name), rights.people, name) if verb in DEFAULTS else None,
        }
        for verb, roles in RIGHTS.items()
    ]
    return {"name": name, "production": environment.production, "you": mine, "verbs": verbs}


def rule_document(rule: "Rule", people: "People", environment: str) -> dict[str, Json]:
    """A rule, and who of the people may approve by it."""
    return {
        "approvals": rule.approvals,
        "approvers": sorted(rule.approvers),
        "people": list(people.with_a_role(rule.approvers, environment)),
        "lives": output.seconds(rule.lives),
        "tickets": list(rule.tickets),
        "review": rule.review,
        "escalate_after": output.seconds(rule.escalate_after),
    }


def explain(
    context: typer.Context,
    operation_id: Annotated[
        str | None,
        typer.Argument(
            metavar="PLAN", help="The plan's operation, or its beginning; the newest if left out."
        ),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Say what the policy asks of a plan that was confirmed, by this configuration, and where it stands."""
    from fedesk.services.explaining import afterwards_of
    from fedesk.services.explaining import explain as explained

    with closing(session.open_desk(context, config, environment)) as desk:
        operation = newest(desk, environment) if operation_id is None else named(desk, operation_id)
        now, governance = desk.clock.now(), desk.config.governance
        plan = operation.plan
        found = explained(
            operation,
            desk.approvals.verb(plan),
            governance,
            now,
            standing=_standing(desk, operation),
            afterwards=afterwards_of(plan.operation, desk.store),
        )
        if as_json:
            output.document(
                "fedesk-policy-explanation/1",
                plan.environment,
                now,
                operation=plan.operation,
                plan_digest=operation.digest,
                requester=plan.requester,
                expires_at=output.instant(plan.expires_at),
                **_explained_document(found, governance.people, plan.environment),
            )
        else:
            output.facts(
                [
                    ("plan", f"{operation.digest[:12]} of operation {plan.operation}"),
                    ("will", f"{found.verb} in {plan.environment}, for {plan.requester}"),
                    *(("overrides", verb) for verb in found.overrides),
                ]
            )
            rows = [(one.what, _MET[one.met], one.said) for one in found.asked]
            output.table(ASKED_COLUMNS, rows, "nothing is asked for")
    return Exit.DONE


def _standing(desk: "Desk", operation: "Operation") -> "Standing | None":
    """What others have said of a plan; None where nobody is asked, or why it cannot be told was said."""
    from fedesk.ports.errors import SourceError

    if not desk.approvals.is_asked(operation):
        return None
    try:
        return desk.approvals.standing(operation)
    except SourceError as error:
        output.narrate(str(error))
        return None


def _explained_document(found: "Explained", people: "People", environment: str) -> dict[str, Json]:
    return {
        "verb": found.verb,
        "overrides": list(found.overrides),
        "rule": rule_document(found.rule, people, environment),
        "asked": [{"what": one.what, "met": one.met, "said": one.said} for one in found.asked],
    }
