"""``fedesk plans``: those that wait for others: listed, shown, carried to where somebody signs, and back."""

import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import acts, output, session
from fedesk.cli.endings import code_of, gravest, sentences
from fedesk.cli.operations import named
from fedesk.cli.output import Column, Json, narrate
from fedesk.cli.waiting import Waiting, case_of, of_file, of_operation, standing_document, waiting_lines
from fedesk.domain.approving import Action
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.approving import Statement
    from fedesk.domain.plan_files import Signed
    from fedesk.execution import Desk

COLUMNS = (
    Column(title="CONFIRMED", importance=6),
    Column(title="WAITS FOR", importance=8, is_text=True),
    Column(title="RUN", importance=9),
    Column(title="WHAT", importance=7, is_text=True),
    Column(title="BY", importance=8),
    Column(title="UNTIL", importance=5),
    Column(title="OPERATION", importance=9),
)
PlanArgument = Annotated[
    str,
    typer.Argument(metavar="PLAN", help="An operation's id, whole or its beginning, or an exported file."),
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is signed too.")]


def list_plans(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List the plans that wait for others, newest first, of every environment unless --env names one."""
    with closing(session.open_desk(context, config, environment)) as desk:
        found = [
            waiting
            for one in desk.store.open_operations()
            if environment in (None, one.plan.environment) and desk.approvals.waits(one)
            for waiting in (of_operation(desk, one),)
        ]
        if as_json or as_lines:
            documents: list[Json] = [_summary(one) for one in found]
            session.printer(as_lines=as_lines)(
                "fedesk-waiting-plans/1", environment, desk.clock.now(), plans=documents
            )
        else:
            where = f" in {environment}" if environment else ""
            output.table(COLUMNS, [_row(desk, one) for one in found], f"no plan waits for anybody{where}")
    return Exit.DONE


def _summary(waiting: Waiting) -> dict[str, Json]:
    plan = waiting.file.plan
    return {
        "operation": plan.operation,
        "kind": plan.kind,
        "run": plan.targets[0].name,
        "environment": plan.environment,
        "sentence": plan.sentence if plan.effects else None,
        "requester": plan.requester,
        "confirmed_at": output.instant(waiting.file.confirmed_at),
        "expires_at": output.instant(plan.expires_at),
        **standing_document(waiting.standing),
    }


def _row(desk: "Desk", waiting: Waiting) -> tuple[str, ...]:
    plan, zone = waiting.file.plan, _zone(desk, waiting.file.plan.environment)
    return (
        output.when(waiting.file.confirmed_at, zone),
        waiting.standing.said.removeprefix("waits for "),
        plan.targets[0].name,
        plan.sentence,
        plan.requester,
        output.when(plan.expires_at, zone),
        plan.operation,
    )


def _zone(desk: "Desk", environment: str) -> str:
    facts = desk.by_name.get(environment)
    return facts.timezone if facts is not None else "UTC"


def show(
    context: typer.Context,
    plan: PlanArgument,
    statement: Annotated[
        str | None,
        typer.Option(
            "--statement", metavar="approve|reject", help="Print what is to be signed, and the command."
        ),
    ] = None,
    signer: Annotated[
        str | None, typer.Option("--as", metavar="PRINCIPAL", help="Who signs it, as in allowed_signers.")
    ] = None,
    reason: ReasonOption = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show a plan that waits for others: effects, guards, who has said what, what is missing.

    With --statement it prints a command to paste on any machine that has ssh-keygen, and needs nothing else
    there: it signs, and leaves fedesk-approval.json with its signature beside it. Bring both back with
    `fedesk plans import fedesk-approval.json`.
    """
    action = _action(statement, signer)
    with closing(session.open_desk(context, config, environment)) as desk:
        waiting = _found(desk, plan)
        drafted = None
        if action is not None:
            drafted = desk.approvals.draft(case_of(desk, waiting), action, signer or "", reason)
        if as_json:
            _document(desk, waiting, drafted)
        elif drafted is not None:
            print_command(command_of(drafted))
        else:
            _print(desk, waiting)
    return Exit.DONE


def _action(statement: str | None, signer: str | None) -> Action | None:
    if statement is None:
        if signer is not None:
            raise session.StopError("--as says who signs a --statement: give that too", Exit.USAGE)
        return None
    if signer is None:
        raise session.StopError("Say who signs it: --as ann@finedge.example", Exit.USAGE)
    if statement not in (Action.APPROVE, Action.REJECT):
        raise session.StopError(f"--statement: {statement!r} is neither approve nor reject", Exit.USAGE)
    return Action(statement)


def command_of(statement: "Statement") -> str:
    """What signs a statement on any machine that has ssh-keygen; ``KEY`` is the one thing to be altered."""
    from fedesk.domain.approving import NAMESPACE, statement_bytes

    raw = shlex.quote(statement_bytes(statement).decode())
    return f"printf %s {raw} > {_LEFT} &&\nssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 {_LEFT}\n"


def print_command(command: str) -> None:
    """As it stands, for it is pasted. Raises StopError where a terminal would act on it."""
    if any(output.harmless(line) != line for line in command.splitlines()):
        sentence = "the reason holds characters that a terminal would act on; leave them out"
        raise session.StopError(sentence, Exit.USAGE)
    sys.stdout.write(command)


_LEFT = "fedesk-approval.json"


def _found(desk: "Desk", plan: str) -> Waiting:
    """A plan out of a file, where there is one of that name, else out of the store."""
    path = Path(plan)
    return of_file(desk, path) if path.is_file() else of_operation(desk, named(desk, plan))


def _document(desk: "Desk", waiting: Waiting, drafted: "Statement | None") -> None:
    from fedesk.domain.approving import statement_bytes

    file = waiting.file
    fields: dict[str, Json] = {
        "operation": file.plan.operation,
        "run": file.plan.targets[0].name,
        "plan": acts.plan_document(file.plan, file.digest),
        "guards": acts.guards_document(file.guards),
        "confirmation": {
            "by": file.confirmed_by,
            "at": output.instant(file.confirmed_at),
            "how": file.how,
            "accepted": list(file.accepted),
        },
        **standing_document(waiting.standing),
        "statement": statement_bytes(drafted).decode() if drafted is not None else None,
        "command": command_of(drafted) if drafted is not None else None,
    }
    output.document("fedesk-waiting-plan/1", file.plan.environment, desk.clock.now(), **fields)


def _print(desk: "Desk", waiting: Waiting) -> None:
    file, zone = waiting.file, _zone(desk, waiting.file.plan.environment)
    plan = file.plan
    output.facts(
        [
            ("operation", f"{plan.operation}, {plan.kind}"),
            *waiting_lines(waiting.standing),
            *acts.plan_facts(plan),
            ("asked", f"by {plan.requester}, with {plan.made_by}"),
            ("confirmed", f"{output.when(file.confirmed_at, zone)} by {file.confirmed_by}, {file.how}"),
            *([("reason", plan.reason)] if plan.reason else []),
            ("plan", f"{file.digest} until {output.when(plan.expires_at, zone)}"),
        ]
    )
    output.blank()
    output.table(acts.GUARD_COLUMNS, acts.guard_rows(file.guards), "no guard had anything to say")


def export(
    context: typer.Context,
    plan: PlanArgument,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
) -> int:
    """Print a plan that waits as a file: for somebody who does not share the store.

    They look at it with `fedesk plans show FILE`, and sign with `fedesk approve FILE`, which adds what they
    signed to the file; `fedesk plans import FILE` takes it back. That it was exported is recorded.
    """
    from fedesk.domain.plan_files import SCHEMA, document_of

    with closing(session.open_desk(context, config, environment)) as desk:
        operation = named(desk, plan)
        waiting = of_operation(desk, operation)
        desk.approvals.record_export(operation)
        output.document(SCHEMA, operation.plan.environment, desk.clock.now(), **document_of(waiting.file))
    return Exit.DONE


def import_statements(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A plan's file, or a statement with FILE.sig beside it."),
    ],
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Take statements back that were signed elsewhere: each is checked, and kept or refused on the record.

    Only what was said of operations that this store knows: a plan is executed out of one store, which sees to
    it that this happens once.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        brought = [_brought(desk, *one) for one in _signed_in(file)]
        if not brought:
            raise session.StopError(f"{file} holds no statement that anybody has signed", Exit.FAILED)
        operation = str(brought[0]["operation"])
        code = gravest([Exit(int(str(one.pop("code")))) for one in brought])
        found = desk.store.operation(operation)
        standing = None if found is None else of_operation(desk, found).standing
        if as_json:
            fields: dict[str, Json] = {
                "operation": operation,
                "statements": list(brought),
                "waits": None if standing is None else standing.said or None,
                "exit_code": int(code),
            }
            where = None if found is None else found.plan.environment
            output.document("fedesk-plan-import/1", where, desk.clock.now(), **fields)
        else:
            for one in brought:
                output.line(f"{one['action']} by {one['approver']}: {one['result']}")
            if standing is not None:
                narrate(_then(operation, standing.said))
    return code


def _then(operation: str, waits: str) -> str:
    """What there is to do next."""
    if waits:
        return f"Operation {operation} {waits}."
    return f"Nothing is missing any more: `fedesk execute {operation}` carries it out."


def _signed_in(file: Path) -> "tuple[tuple[str, Signed], ...]":
    """Statements, each with the operation that it is brought for: in a plan's file that is the plan's."""
    from fedesk.cli.waiting import read
    from fedesk.domain.approving import statement_of
    from fedesk.domain.plan_files import PlanFileError, is_plan_file, read_file, read_statement

    raw, beside = read(file), file.with_name(f"{file.name}.sig")
    try:
        if is_plan_file(raw):
            found = read_file(raw)
            return tuple((found.plan.operation, one) for one in found.statements)
        alone = read_statement(raw, read(beside) if beside.is_file() else None)
        return ((statement_of(alone.raw).operation, alone),)
    except PlanFileError as error:
        raise session.StopError(f"{file}: {error}", Exit.USAGE) from None


def _brought(desk: "Desk", operation: str, signed: "Signed") -> dict[str, Json]:
    """One statement, and what became of it."""
    from fedesk.domain.approving import statement_of

    statement = statement_of(signed.raw)
    result, error, code = "taken", "", Exit.DONE
    known = {one.nonce for one in desk.store.statements(operation)}
    if statement.nonce in known:
        result = "known"
    else:
        try:
            after = desk.approvals.bring(operation, desk.approvals.taken(signed.raw, signed.signature))
            if after.rejection is not None:
                desk.by_hand.end_rejected(operation, after.said)
        except sentences() as problem:
            narrate(str(problem))
            result, error, code = "refused", str(problem), code_of(problem)
    return {
        "operation": operation,
        "action": statement.action.value,
        "approver": statement.approver,
        "result": result,
        "error": error or None,
        "code": int(code),
    }
