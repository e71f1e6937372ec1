"""A plan that others have a say in, before it has begun: what it waits for, who said what, what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.actions import action, key_name
from fedesk.ui.plan_text import section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fedesk.domain.open_operations import Awaited
    from fedesk.domain.operations import Operation
    from fedesk.ui.run_text import Moment


def lines(awaited: Awaited, width: int) -> list[Content]:
    """What others have said of it, and who may."""
    return section("others", _said(awaited), width)


def _said(awaited: Awaited) -> Iterable[tuple[Content, int]]:
    for name in awaited.approved_by:
        yield Content.assemble(("✓ ", "$state-quiet-green"), f"approved by {present.text(name, 80)}"), 2
    for why in awaited.refused:
        yield Content.styled(f"not counted: {present.text(why, 400)}", "$text-warning"), 2
    if awaited.said:
        who = f"  {present.text(', '.join(awaited.others), 300)}" if awaited.others else ""
        yield Content.assemble(present.text(awaited.said, 400), (who, present.MUTED)), 2


def plan_lines(operation: Operation, moment: Moment, width: int) -> list[Content]:
    """The plan as it was confirmed: effects, guards, facts, and what was pinned."""
    from fedesk.services.proposals import Needs, Proposal
    from fedesk.ui import plan_text
    from fedesk.ui.operation_news import Made

    plan = operation.plan
    made = Made(proposal=Proposal(plan=plan, guards=operation.guards, needs=Needs()))
    return plan_text.lines(made, frozenset(operation.confirmation.accepted), plan.reason, moment, width)


def ending(operation: Operation, awaited: Awaited, moment: Moment, person: str) -> Content:
    """One line: what it waits for, and what to do now."""
    id_ = present.text(operation.plan.operation, 40)
    if operation.plan.expires_at <= moment.now:
        return Content.styled(
            "▲ it has waited too long, and is ended by itself or by C; R on the run plans again",
            "$text-warning",
        )
    if awaited.is_rejected:
        return Content.assemble(
            (f"✗ {present.text(awaited.said, 300)}", "$text-error"),
            "  Nothing was sent, and nothing will be.",
        )
    if not awaited.said:
        by = f" by {present.text(', '.join(awaited.approved_by), 200)}" if awaited.approved_by else ""
        return Content.assemble(
            (f"✓ approved{by}", "$state-quiet-green"),
            f"  The desk that asked begins it; {_key('execute')} begins it here.",
        )
    if awaited.is_mine:
        now = f"{_key('approve')} approves it, {_key('reject')} rejects it."
    else:
        now = f"`fedesk approve {id_}` approves it; the desk that asked begins it then."
    if person in {operation.plan.requester, operation.confirmation.by}:
        now = f"{now} {_key('withdraw')} takes it back."
    until = present.until(operation.plan.expires_at, moment.now)
    return Content.assemble(
        (f"⏸ it {present.text(awaited.said, 300)}", "$text-warning"),
        (f", expires {until}", present.MUTED),
        f"  {now}",
    )


def _key(name: str) -> str:
    return key_name(action(name).keys[0])
