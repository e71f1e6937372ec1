"""``fedesk operations``: what fedesk changed, is changing, or does not know the end of."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import acts, apart, output, session, watching
from fedesk.cli.endings import code_of, code_of_operation, gravest, sentences
from fedesk.cli.output import Column, Json, narrate
from fedesk.cli.waiting import waits_of
from fedesk.domain.operations import Outcome, Stage
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.operations import Operation, WriteWindow
    from fedesk.execution import Desk

COLUMNS = (
    Column(title="CONFIRMED", importance=7),
    Column(title="OUTCOME", importance=9),
    Column(title="RUN", importance=9),
    Column(title="WHAT", importance=6, is_text=True),
    Column(title="BY", importance=5),
    Column(title="OPERATION", importance=8),
)
JOURNAL_COLUMNS = (
    Column(title="TIME", importance=8),
    Column(title="STEP", importance=9),
    Column(title="STATE", importance=9),
    Column(title="WHAT", importance=9, is_text=True),
    Column(title="REFERENCE", importance=4),
)
RECHECK_COLUMNS = (
    Column(title="OPERATION", importance=9),
    Column(title="OUTCOME", importance=9),
    Column(title="RUN", importance=8),
    Column(title="WHAT", importance=7, is_text=True),
)
_EVERY = 1_000_000_000
_FEW = 5


def list_operations(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="All there ever were.")] = False,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those that have not ended, or ended unknown.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="How many at most.")
    ] = 20,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List operations, newest first, of every environment unless --env names one."""
    if every and only_open:
        raise session.StopError("--all and --open say different things; give one", Exit.USAGE)
    with closing(apart.open_desk(context, config, environment)) as desk:
        if only_open:
            found = [
                one
                for one in desk.store.open_operations()
                if environment is None or one.plan.environment == environment
            ][:limit]
        else:
            found = list(desk.store.operations(environment=environment, limit=_EVERY if every else limit))
        if as_json or as_lines:
            documents: list[Json] = [
                {**acts.summary_document(one), "waits": waits_of(desk, one) or None} for one in found
            ]
            session.printer(as_lines=as_lines)(
                "fedesk-operations/1", environment, desk.clock.now(), operations=documents
            )
        else:
            what = "open " if only_open else ""
            where = f" in {environment}" if environment else ""
            output.table(COLUMNS, [_row(desk, one) for one in found], f"there are no {what}operations{where}")
    return Exit.DONE


def _row(desk: "Desk", operation: "Operation") -> tuple[str, ...]:
    plan = operation.plan
    said = operation.said or waits_of(desk, operation) or plan.sentence
    return (
        output.when(operation.confirmed_at, _zone(desk, operation)),
        acts.standing(operation),
        plan.targets[0].name,
        said,
        plan.requester,
        plan.operation,
    )


def _zone(desk: "Desk", operation: "Operation") -> str:
    """The clocks of an operation's environment; UTC where that is no longer configured."""
    facts = desk.by_name.get(operation.plan.environment)
    return facts.timezone if facts is not None else "UTC"


def show(
    context: typer.Context,
    operation_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="The operation's id, or its beginning; the newest operation if left out."
        ),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show one operation: plan, guards as they were judged, journal with its evidence, audit records."""
    with closing(apart.open_desk(context, config, environment, operation_id)) as desk:
        operation = newest(desk, environment) if operation_id is None else named(desk, operation_id)
        if as_json:
            decisions = desk.store.decisions(operation.plan.operation)
            document = acts.operation_document(operation, decisions)
            document["waits"] = waits_of(desk, operation) or None
            output.document("fedesk-operation/1", operation.plan.environment, desk.clock.now(), **document)
        else:
            _print(desk, operation)
    return Exit.DONE


def newest(desk: "Desk", environment: str | None) -> "Operation":
    """The newest operation; raises StopError where there is none."""
    found = desk.store.operations(environment=environment, limit=1)
    if not found:
        where = f" in {environment}" if environment else ""
        raise session.StopError(f"There are no operations{where} yet", Exit.FAILED)
    return found[0]


def named(desk: "Desk", text: str) -> "Operation":
    """The operation of an id or its beginning; raises StopError where there is none, or several."""
    wanted = text.strip().lower()
    found = desk.store.operation(wanted) if wanted else None
    if found is not None:
        return found
    like = [
        one.plan.operation
        for one in desk.store.operations(limit=_EVERY)
        if one.plan.operation.startswith(wanted)
    ]
    if not like:
        raise session.StopError(
            f"There is no operation {text}; `fedesk operations list` has them", Exit.FAILED
        )
    more = f" and {len(like) - _FEW} more" if len(like) > _FEW else ""
    several = ", ".join(like[:_FEW])
    raise session.StopError(f"{text!r} begins several operations: {several}{more}", Exit.USAGE)


def _print(desk: "Desk", operation: "Operation") -> None:
    plan, zone = operation.plan, _zone(desk, operation)
    confirmation, window = operation.confirmation, operation.confirmation.window
    confirmed = output.when(operation.confirmed_at, zone)
    recorded = [
        f"{word} {seq}"
        for word, seq in (("intent", operation.audit_intent), ("outcome", operation.audit_outcome))
        if seq is not None
    ]
    said = f": {operation.said}" if operation.said else ""
    output.facts(
        [
            ("operation", f"{plan.operation}, {plan.kind}"),
            ("outcome", f"{acts.standing(operation)}{said}"),
            *([("stands", waits)] if (waits := waits_of(desk, operation)) else []),
            *acts.plan_facts(plan),
            ("confirmed", f"{confirmed} by {confirmation.by}, {confirmation.how}"),
            *([("reason", plan.reason)] if plan.reason else []),
            *(("decided", f"{one.step}: {one.said}") for one in desk.store.decisions(plan.operation)),
            *([("accepted", ", ".join(confirmation.accepted))] if confirmation.accepted else []),
            *([("window", _window_said(window, zone))] if window else []),
            ("plan", operation.digest),
            ("audit", ", ".join(recorded) or "nothing recorded yet"),
        ]
    )
    output.blank()
    output.table(acts.GUARD_COLUMNS, acts.guard_rows(operation.guards), "no guard had anything to say")
    output.blank()
    rows: list[tuple[str, ...]] = []
    for entry in operation.journal:
        when = output.when(entry.at, zone)
        state = entry.state.value if entry.step else ""
        rows.append((when, entry.step, state, entry.said, entry.reference))
        rows.extend(
            (output.when(one.at, zone), "", "", f"{one.source}: {one.said}", one.link)
            for one in entry.evidence
        )
    output.table(JOURNAL_COLUMNS, rows, "nothing has happened yet")
    if operation.is_open:
        narrate(f"{acts.how_to_look(operation)}.")


def _window_said(window: "WriteWindow", zone: str) -> str:
    return f"of {window.environment}, opened by {window.opened_by}, until {output.when(window.until, zone)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What looking again at one operation came to."""

    before: "Operation"
    after: "Operation"
    left_alone: str = ""
    """Why it was not looked at; empty where it was."""
    error: str = ""
    code: Exit = Exit.DONE

    @property
    def next(self) -> str:
        """The command line that goes on from here; empty where it has ended, or somebody is at it."""
        if self.left_alone or self.error or self.after.stage is Stage.ENDED:
            return ""
        return f"fedesk execute {self.after.plan.operation}"


def recheck(
    context: typer.Context,
    operation_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="One operation; all that nobody carries on if left out."),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Look up what became of operations whose process died or whose outcome is unknown. Nothing is sent.

    Exit code 7 where one stays unknown.
    """
    with closing(apart.open_desk(context, config, environment, operation_id)) as desk:
        if operation_id is not None:
            found: Sequence[Operation] = [named(desk, operation_id)]
        else:
            found = [
                one
                for one in desk.store.open_operations()
                if environment is None or one.plan.environment == environment
            ]
        checked = [_checked(desk, one) for one in found]
        if as_json:
            documents: list[Json] = [_checked_document(one) for one in checked]
            output.document("fedesk-recheck/1", environment, desk.clock.now(), operations=documents)
        else:
            rows = [_checked_row(one) for one in checked]
            output.table(RECHECK_COLUMNS, rows, "there is nothing to look at: every operation has ended")
    return gravest([one.code for one in checked])


def _checked(desk: "Desk", operation: "Operation") -> Checked:
    from fedesk.services.settling import left_alone

    try:
        why = left_alone(operation, now=desk.store.now(desk.clock.now()), processes=desk.processes)
        if why:
            return Checked(before=operation, after=operation, left_alone=why, code=_standing_code(operation))
        narrate(f"looking up {operation.plan.operation}")
        after = desk.recheck(operation.plan.operation)
    except sentences() as error:
        narrate(str(error))
        return Checked(before=operation, after=operation, error=str(error), code=code_of(error))
    # What was looked at and has not ended is not known to the end either.
    code = _standing_code(after) if after.stage is Stage.ENDED else Exit.OUTCOME_UNKNOWN
    return Checked(before=operation, after=after, code=code)


def _standing_code(operation: "Operation") -> Exit:
    return Exit.OUTCOME_UNKNOWN if operation.outcome is Outcome.UNKNOWN else Exit.DONE


def _checked_row(checked: Checked) -> tuple[str, str, str, str]:
    after = checked.after
    said = checked.error or checked.left_alone or after.said
    if checked.next:
        newest = next((one.said for one in reversed(after.journal) if one.said), "")
        said = f"{newest.removesuffix('.')}. `{checked.next}` carries it on."
    return after.plan.operation, acts.standing(after), after.plan.targets[0].name, said


def _checked_document(checked: Checked) -> dict[str, Json]:
    return {
        **acts.summary_document(checked.after),
        "before": acts.standing_document(checked.before),
        "left_alone": checked.left_alone or None,
        "error": checked.error or None,
        "next": checked.next or None,
    }


def tell_ended(desk: "Desk", operation: "Operation", *, as_json: bool) -> int:
    """Print how an operation ended that was executed here; the exit code of its outcome."""
    for entry in operation.journal:
        narrate(watching.entry_line(entry))
    if operation.is_open:
        narrate(f"{acts.how_to_look(operation)}.")
    if as_json:
        extra: dict[str, Json] = {
            "error": None,
            "exit_code": int(code_of_operation(operation)),
            "followed": None,
        }
        document = {**acts.change_document(operation), **extra}
        output.document("fedesk-change/1", operation.plan.environment, desk.clock.now(), **document)
    else:
        output.line(f"{operation.plan.targets[0].name}: {acts.standing(operation)}: {operation.said}")
    return code_of_operation(operation)
