"""``fedesk approve``, ``reject``, ``plans withdraw``: one's own word on a plan that has not begun."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.operations import named
from fedesk.cli.output import Json, narrate
from fedesk.cli.plans import PlanArgument, ReasonOption
from fedesk.cli.waiting import Waiting, case_of, of_file, standing_document
from fedesk.domain.approving import Action, Standing
from fedesk.domain.kept_text import kept_text
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.operations import Plan
    from fedesk.execution import Desk
    from fedesk.ports.operation_store import SignedStatement


def approve(
    context: typer.Context,
    plan: PlanArgument,
    reason: ReasonOption = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Approve a plan that waits for it: signed with identity.signing_key, on the record.

    Look at it first: `fedesk plans show PLAN`. Of a file that was exported, what is signed is added to it.
    Exit code 3 where your approval does not count, and why.
    """
    return _say(context, plan, Action.APPROVE, reason, environment, config, as_json=as_json)


def reject(
    context: typer.Context,
    plan: PlanArgument,
    reason: ReasonOption = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Reject a plan that waits, or take back one's own: signed, on the record, and final.

    No approval helps it then; nothing of it is ever sent.
    """
    if not reason.strip():
        raise session.StopError("Say why: --reason TEXT", Exit.REFUSED)
    return _say(context, plan, Action.REJECT, reason, environment, config, as_json=as_json)


def withdraw(
    context: typer.Context,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The operation's id, whole or its beginning.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Take back a plan of your own that has not begun: nothing of it is ever sent.

    Also one that waits for nobody but its runner, or for its turn in line. Where others have a say in it, or
    an executor carries it out, your no is signed, and counts for whoever would begin it.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        operation = desk.by_hand.withdraw(named(desk, plan).plan.operation, reason)
        target = operation.plan.targets[0].name
        if as_json:
            fields: dict[str, Json] = {
                "operation": operation.plan.operation,
                "run": target,
                "by": desk.actor.person,
                "reason": kept_text(reason.strip()),
                "ended": not operation.is_open,
                "outcome": None if operation.outcome is None else operation.outcome.value,
            }
            output.document("fedesk-withdrawal/1", operation.plan.environment, desk.clock.now(), **fields)
        else:
            left = "; it is ended by whoever may" if operation.is_open else ""
            output.line(f"{target}: withdrawn{left}")
    return Exit.DONE


def _say(
    context: typer.Context,
    given: str,
    action: Action,
    reason: str,
    environment: str | None,
    config: Path | None,
    *,
    as_json: bool,
) -> int:
    with closing(session.open_desk(context, config, environment)) as desk:
        path = Path(given)
        if path.is_file():
            waiting = of_file(desk, path)
            plan = waiting.file.plan
            _tell_plan(plan)
            signed, after = desk.approvals.say(case_of(desk, waiting), action, reason)
            _add(path, desk, waiting, signed)
            narrate(
                f"Added to {path}: `fedesk plans import {path.name}` takes it back where the plan was made."
            )
        else:
            plan = named(desk, given).plan
            _tell_plan(plan)
            after = _said(desk, plan.operation, action, reason)
        _tell(desk, plan, action, after, as_json=as_json, in_file=path.is_file())
    return Exit.DONE


def _tell_plan(plan: "Plan") -> None:
    """What is signed, before a key is touched."""
    for effect in plan.effects:
        narrate(f"{effect.sentence}, on {effect.connection} at {plan.address}, for {plan.requester}")
    for note in plan.notes:
        narrate(note)


def _said(desk: "Desk", operation: str, action: Action, reason: str) -> Standing:
    if action is Action.APPROVE:
        return desk.approvals.approve(operation, reason)
    after = desk.approvals.reject(operation, reason)
    desk.by_hand.end_rejected(operation, after.said)
    return after


def _add(path: Path, desk: "Desk", waiting: Waiting, signed: "SignedStatement") -> None:
    """Put a statement into its file, which is whole at any moment."""
    import json
    from dataclasses import replace

    from fedesk.domain.plan_files import SCHEMA, Signed, document_of

    file = waiting.file
    more = replace(file, statements=(*file.statements, Signed(signed.raw, signed.signature)))
    document = {
        "schema": SCHEMA,
        "environment": file.plan.environment,
        "observed_at": output.instant(desk.clock.now()),
        **document_of(more),
    }
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".fedesk-", delete=False) as written:
            written.write(json.dumps(document, indent=2) + "\n")
        Path(written.name).replace(path)
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise session.StopError(f"{path} cannot be written: {said}", Exit.FAILED) from None


def _tell(
    desk: "Desk", plan: "Plan", action: Action, after: Standing, *, as_json: bool, in_file: bool
) -> None:
    id_ = plan.operation
    carry_out = f"fedesk execute {id_}" if after.is_enough and not in_file else ""
    if as_json:
        fields: dict[str, Json] = {
            "operation": id_,
            "run": plan.targets[0].name,
            "action": action.value,
            "by": desk.config.identity.principal,
            **standing_document(after),
            "next": carry_out or None,
        }
        output.document("fedesk-approval-given/1", plan.environment, desk.clock.now(), **fields)
        return
    stands = after.said or "nothing is missing any more"
    word = "approved" if action is Action.APPROVE else "rejected"
    output.line(f"{plan.targets[0].name}: {word}" + (f"; {stands}" if after.rejection is None else ""))
    if carry_out:
        narrate(f"The requester's desk begins it, if it is open; `{carry_out}` does, here or elsewhere.")
