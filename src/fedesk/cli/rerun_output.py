"""How plans and changes are printed: a table for people, a document for programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fedesk.cli import acts, output
from fedesk.cli.endings import gravest
from fedesk.cli.output import Column, Json, narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.cli.rerunning import Item
    from fedesk.execution import Desk
    from fedesk.services.proposals import Proposal

COLUMNS = (
    Column(title="RUN", importance=9),
    Column(title="OUTCOME", importance=9),
    Column(title="WHAT", importance=8, is_text=True),
    Column(title="OPERATION", importance=7),
)


def print_plans(desk: "Desk", items: "Sequence[Item]", *, as_json: bool) -> int:
    """The plans, and what each asks for; exit code 3 or 5 where a guard blocks."""
    _tell_errors(items)
    code = gravest([_plan_code(item) for item in items])
    if as_json:
        documents = [_plan_item(item) for item in items if item.proposal is not None or len(items) > 1]
        _print_documents(desk, "plan", items, documents)
        return code
    for at, item in enumerate(items):
        if item.proposal is None:
            continue
        if at:
            output.blank()
        _print_plan(desk, item.proposal)
    return code


def _tell_errors(items: "Sequence[Item]") -> None:
    for item in items:
        if item.error:
            narrate(item.error if len(items) == 1 else f"{item.name}: {item.error}")


def _plan_code(item: "Item") -> Exit:
    if item.proposal is None:
        return item.code
    blocking = [one for one in item.proposal.guards if one.blocks]
    if not blocking:
        return Exit.DONE
    return Exit.CONFLICT if any(one.conflict for one in blocking) else Exit.REFUSED


def _print_plan(desk: "Desk", proposal: "Proposal") -> None:
    from fedesk.domain.plans import digest_of

    plan = proposal.plan
    zone = desk.by_name[plan.environment].timezone
    output.facts(
        [
            *acts.plan_facts(plan),
            ("yes", acts.flags(proposal)),
            ("plan", f"{digest_of(plan)[:12]} until {output.when(plan.expires_at, zone)}"),
        ]
    )
    output.blank()
    output.table(acts.GUARD_COLUMNS, acts.guard_rows(proposal.guards), "no guard has anything to say")


def _plan_item(item: "Item") -> dict[str, Json]:
    from fedesk.domain.plans import digest_of

    if item.proposal is None:
        return {"run": item.name, "operation": None, "error": item.error}
    proposal = item.proposal
    return {
        "run": item.name,
        **acts.plan_document(proposal.plan, digest_of(proposal.plan)),
        "guards": acts.guards_document(proposal.guards),
        "blocked": proposal.is_blocked,
        "needs": acts.needs_document(proposal),
        "error": None,
    }


def print_changes(desk: "Desk", items: "Sequence[Item]", *, as_json: bool) -> int:
    """How each item ended; the exit code of the gravest."""
    _tell_errors(items)
    if as_json:
        _print_documents(desk, "change", items, [_change_item(item) for item in items])
    else:
        rows = [_row(item) for item in items if item.operation is not None or len(items) > 1]
        if rows:
            output.table(COLUMNS, rows, "")
    return gravest([item.code for item in items])


def _row(item: "Item") -> tuple[str, str, str, str]:
    operation = item.operation
    if operation is None:
        return item.name, _word(item), item.error, ""
    said = item.followed.said if item.followed is not None else operation.said
    return item.name, _word(item), item.error or said, operation.plan.operation


def _word(item: "Item") -> str:
    """How an item ended, in one word."""
    if item.followed is not None:
        return item.followed.run.state.value if item.followed.run is not None else "unknown"
    if item.operation is not None:
        return acts.standing(item.operation)
    return "refused" if item.code in (Exit.REFUSED, Exit.CONFLICT) else "not begun"


def _change_item(item: "Item") -> dict[str, Json]:
    """A change as a document; of one that was refused or never begun, what is known of it."""
    followed = item.followed
    extra: dict[str, Json] = {
        "error": item.error or None,
        "exit_code": int(item.code),
        "followed": None
        if followed is None
        else {
            "run": str(followed.name),
            "state": followed.run.state.value if followed.run is not None else "unknown",
            "link": followed.run.link or None if followed.run is not None else None,
        },
    }
    if item.operation is not None:
        return {**acts.change_document(item.operation), **extra}
    plan = item.proposal.plan if item.proposal is not None else None
    return {
        "run": item.name,
        "operation": plan.operation if plan is not None else None,
        "kind": plan.kind if plan is not None else None,
        "plan_digest": _digest(item),
        "stage": None,
        "outcome": "refused" if item.code in (Exit.REFUSED, Exit.CONFLICT) else None,
        "said": item.error or None,
        "steps": [],
        "guards": acts.guards_document(item.proposal.guards) if item.proposal is not None else [],
        "audit": {"intent": None, "outcome": item.refusal.seq if item.refusal is not None else None},
        **extra,
    }


def _digest(item: "Item") -> str | None:
    from fedesk.domain.plans import digest_of

    if item.refusal is not None:
        # With the reason that was given, which is part of the plan.
        return item.refusal.draft.plan_digest or None
    return digest_of(item.proposal.plan) if item.proposal is not None else None


def _print_documents(
    desk: "Desk", noun: str, items: "Sequence[Item]", documents: Sequence[dict[str, Json]]
) -> None:
    """One RUN is a document of its own; several are a list under the plural."""
    there = {item.request.connection.environment for item in items if item.request is not None}
    environment = there.pop() if len(there) == 1 else None
    now = desk.clock.now()
    if len(items) > 1:
        output.document(f"fedesk-{noun}s/1", environment, now, **{f"{noun}s": list(documents)})
    elif documents:
        fields = {name: value for name, value in documents[0].items() if name != "environment"}
        output.document(f"fedesk-{noun}/1", environment, now, **fields)
