"""``fedesk release timeline|status|watch``: how a promotion or rollback went, and what is in flight."""

import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from fedesk.cli import acts, output, session, watching
from fedesk.cli import release_documents as documents
from fedesk.cli.endings import code_of_operation
from fedesk.cli.incident import TIMELINE_COLUMNS, entry_document, timeline_rows
from fedesk.cli.operations import named
from fedesk.cli.output import Column, Json, narrate
from fedesk.cli.waiting import waits_of
from fedesk.domain.operations import Stage, StepState
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.operations import Operation
    from fedesk.domain.release_history import ReleaseTimeline
    from fedesk.domain.release_matrix import ReleaseOperation
    from fedesk.domain.releases import Cell
    from fedesk.execution import Desk

STATUS_COLUMNS = (
    Column(title="SINCE", importance=6),
    Column(title="WHERE", importance=9),
    Column(title="SERVICE", importance=9),
    Column(title="RELEASE", importance=7),
    Column(title="STATE", importance=8, is_text=True),
    Column(title="BY", importance=4, is_text=True),
    Column(title="OPERATION", importance=5),
    Column(title="BUILD", importance=3),
)

OperationArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="The operation's id, or its beginning; the newest if left out."),
]


def timeline(
    context: typer.Context,
    operation_id: OperationArgument = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As text for a ticket.")] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show how one promotion or rollback went: plan, approvals, start, steps, verification, end."""
    if markdown and as_json:
        raise session.StopError("--markdown and --json are two forms; give one", Exit.USAGE)
    with closing(session.open_desk(context, config, environment)) as desk:
        found = _timeline(desk, _operation(desk, operation_id, environment))
        if as_json:
            _print_document(desk, found)
        elif markdown:
            _print_markdown(desk, found)
        else:
            _print(desk, found)
    return Exit.DONE


def watch(
    context: typer.Context,
    operation_id: OperationArgument = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Follow one promotion or rollback to its end, a line for each thing that happens.

    The exit code is that of its outcome. Leaving stops nothing.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        wanted = _operation(desk, operation_id, environment)
        ended = watching.follow_to_its_end(desk, wanted.plan.operation)
        found = _timeline(desk, ended)
        if as_json:
            _print_document(desk, found)
        else:
            output.line(
                f"{found.told.service} in {found.told.environment}: {acts.standing(ended)}: {ended.said}"
            )
        return code_of_operation(ended) if ended.stage is Stage.ENDED else Exit.OUTCOME_UNKNOWN


def _operation(desk: "Desk", text: str | None, environment: str | None) -> "Operation":
    """The operation that is meant: of an id, or the newest that goes on, else the newest of all."""
    from fedesk.services.release_course import newest

    found = named(desk, text) if text is not None else newest(desk.store, environment=environment)
    if found is not None:
        return found
    where = f" in {environment}" if environment else ""
    raise session.StopError(f"There is no promotion or rollback{where} yet", Exit.FAILED)


def _timeline(desk: "Desk", operation: "Operation") -> "ReleaseTimeline":
    from fedesk.services.release_course import timeline_of

    found = timeline_of(desk.store, operation)
    if found is None:
        sentence = (
            f"Operation {operation.plan.operation} is a {operation.plan.kind}, no promotion or rollback; "
            f"`fedesk operations show {operation.plan.operation}` shows it"
        )
        raise session.StopError(sentence, Exit.USAGE)
    return found


def _zone(desk: "Desk", environment: str) -> str:
    facts = desk.by_name.get(environment)
    return facts.timezone if facts is not None else "UTC"


def _print_markdown(desk: "Desk", found: "ReleaseTimeline") -> None:
    from fedesk.domain.release_history import markdown

    zone = _zone(desk, found.told.environment)
    sys.stdout.write(markdown(found, ZoneInfo(zone), zone))


def _print(desk: "Desk", found: "ReleaseTimeline") -> None:
    told, operation = found.told, found.operation
    zone, now = _zone(desk, told.environment), desk.clock.now()
    said = f": {operation.said}" if operation.said else ""
    output.facts(
        [
            ("operation", f"{told.operation}, {told.kind}"),
            ("service", f"{told.service} in {told.environment}"),
            ("release", told.digest),
            ("by", told.by),
            *([("reason", operation.plan.reason)] if operation.plan.reason else []),
            ("outcome", f"{acts.standing(operation)}{said}"),
            *([("stands", waits)] if (waits := waits_of(desk, operation)) else []),
            *((one.name, f"{output.duration(one.length(now))}, {one.state}") for one in found.spans),
        ]
    )
    output.blank()
    output.table(TIMELINE_COLUMNS, timeline_rows(found.entries, zone), "nothing has happened yet")


def _print_document(desk: "Desk", found: "ReleaseTimeline") -> None:
    told, operation, now = found.told, found.operation, desk.clock.now()
    output.document(
        "fedesk-release-timeline/1",
        told.environment,
        now,
        operation=told.operation,
        kind=told.kind,
        service=told.service,
        digest=told.digest or None,
        by=told.by,
        reason=operation.plan.reason or None,
        stage=operation.stage.value,
        outcome=None if told.outcome is None else told.outcome.value,
        said=told.said or None,
        confirmed_at=output.instant(told.confirmed_at),
        ended_at=output.instant(told.ended_at),
        spans=[
            {
                "name": one.name,
                "began": output.instant(one.began),
                "ended": output.instant(one.ended),
                "seconds": output.seconds(one.length(now)),
                "state": one.state.value,
            }
            for one in found.spans
        ],
        timeline=[entry_document(entry) for entry in found.entries],
    )


# What is in flight


def status(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List what is in flight and what waits, in the order in which it came, of every environment.

    Deployments that somebody else started are among it. Exit code 8 when a system could not be read.
    """
    from fedesk.services.release_matrix import Asked

    with closing(session.open_desk(context, config, environment)) as desk:
        wanted = (environment,) if environment else ()
        read = desk.releases.matrix(Asked(environments=wanted, sightings=False))
        for sentence in read.matrix.troubles:
            narrate(sentence)
        opened = [one for one in desk.store.open_operations() if environment in (None, one.plan.environment)]
        cells = [cell for row in read.matrix.rows for cell in row.cells]
        found = [*_of_operations(desk, opened, cells), *_of_others(cells, opened)]
        found.sort(key=lambda one: (not one["operation"], str(one["since"])))
        if as_json or as_lines:
            session.printer(as_lines=as_lines)(
                "fedesk-release-status/1", environment, read.matrix.at, releases=found
            )
        else:
            output.table(STATUS_COLUMNS, [_row(one) for one in found], "nothing is in flight, nothing waits")
        return output.exit_for(read.failures.values())


def _of_operations(
    desk: "Desk", opened: "Iterable[Operation]", cells: "Iterable[Cell]"
) -> list[dict[str, Json]]:
    """Promotions and rollbacks that have not ended, or ended unknown."""
    from fedesk.domain import release_queue
    from fedesk.domain.release_matrix import release_operation

    now = desk.store.now(desk.clock.now())
    flying = {cell.in_flight.operation_id: cell.in_flight for cell in cells if cell.in_flight}
    found = []
    for operation in opened:
        told = release_operation(operation)
        if told is not None:
            run = flying.get(told.operation)
            waits = release_queue.waits(operation, opened, now=now)
            found.append(
                _of_operation(desk, operation, told, waits) | {"build": str(run.name) if run else None}
            )
    return found


def _of_operation(
    desk: "Desk", operation: "Operation", told: "ReleaseOperation", waits: str
) -> dict[str, Json]:
    last = next((one for one in reversed(operation.journal) if one.step), None)
    if waits:
        state = waits
    elif operation.stage is Stage.CONFIRMED:
        state = waits_of(desk, operation) or "waits for its start"
    elif last is None or operation.stage is Stage.ENDED:
        state = operation.said or acts.standing(operation)
    else:
        doing = last.said if last.state is StepState.WAITING else last.state.value
        state = f"{last.step}: {doing}"
    return {
        "since": output.instant(told.confirmed_at),
        "environment": told.environment,
        "service": told.service,
        "digest": told.digest or None,
        "kind": told.kind,
        "state": state,
        "by": told.by,
        "operation": told.operation,
    }


def _of_others(cells: "Iterable[Cell]", opened: "Iterable[Operation]") -> list[dict[str, Json]]:
    """Builds of deploy jobs that go on and are of no operation of these."""
    ours = {one.plan.operation for one in opened}
    return [
        {
            "since": output.instant(run.started_at),
            "environment": cell.environment,
            "service": cell.service,
            "digest": None,
            "kind": "build",
            "state": run.original_state or run.state.value,
            "by": run.cause or None,
            "operation": None,
            "build": str(run.name),
        }
        for cell in cells
        if (run := cell.in_flight) is not None and (not run.operation_id or run.operation_id not in ours)
    ]


def _row(one: dict[str, Json]) -> tuple[str, ...]:
    since = str(one["since"] or "").removesuffix("Z").replace("T", " ")
    return (
        f"{since[:19]}Z" if since else "",
        str(one["environment"]),
        str(one["service"]),
        documents.short_digest(str(one["digest"] or "")),
        str(one["state"]),
        str(one["by"] or ""),
        str(one["operation"] or ""),
        str(one["build"] or ""),
    )
