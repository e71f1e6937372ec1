"""``fedesk runs``: the newest runs of a pipeline, service, job or DAG."""

from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column
from fedesk.cli.progress import under_way
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.composition import Desk
    from fedesk.services.run_listing import Listing

COLUMNS = (
    Column(title="RUN", importance=9),
    Column(title="STATE", importance=9),
    Column(title="STARTED", importance=6),
    Column(title="TOOK", importance=5, align="right"),
    Column(title="REASON", importance=7, is_text=True),
    Column(title="PARTITION", importance=4),
    Column(title="CAUSE", importance=3, is_text=True),
)


def runs(
    context: typer.Context,
    pipeline: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE",
            help="A pipeline or service of the catalogue, a DAG, or a Jenkins job's full name.",
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=500, help="How many at most.")
    ] = 20,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List the newest runs of a pipeline, newest first."""
    clock = session.clock_of(context)
    desk = session.open_desk(context, config, environment)
    with under_way(f"reading the runs of {pipeline}"):
        listing = list_of(desk, pipeline, limit)
    now = clock.now()
    session.let_go(desk)
    for failure in listing.failures:
        output.narrate(failure.sentence)
    if as_json or as_lines:
        session.printer(as_lines=as_lines)(
            "fedesk-runs/1",
            desk.environment.name,
            now,
            pipeline=pipeline,
            runs=[
                {
                    "run": str(run.name),
                    "job": run.job,
                    "state": run.state.value,
                    "original_state": run.original_state,
                    "queued_at": output.instant(run.queued_at),
                    "started_at": output.instant(run.started_at),
                    "ended_at": output.instant(run.ended_at),
                    "duration": output.seconds(run.duration(now)),
                    "partition": run.partition or None,
                    "cause": run.cause or None,
                    "reason": run.reason or None,
                    "commit": run.commit or None,
                    "operation": run.operation_id or None,
                    "link": run.link or None,
                }
                for run in listing.runs
            ],
        )
    else:
        zone = desk.environment.timezone
        output.table(
            COLUMNS,
            [
                (
                    str(run.name),
                    run.state.value,
                    output.when(run.started_at, zone),
                    output.duration(run.duration(now)),
                    run.reason,
                    run.partition,
                    run.cause,
                )
                for run in listing.runs
            ],
            f"{pipeline} has no runs in {desk.environment.name}",
        )
    return output.exit_for(listing.failures)


def list_of(desk: "Desk", name: str, limit: int) -> "Listing":
    """Runs of what a name stands for; raises StopError where nothing has that name."""
    from fedesk.mistakes import nearest
    from fedesk.services.run_listing import keys_of, list_runs

    keys = keys_of(name, desk.catalogue, desk.environment.name)
    listing = list_runs(keys, desk.connections, desk.reading, limit)
    if not listing.found and not listing.failures:
        like = nearest(name, [*desk.catalogue.pipelines, *desk.catalogue.services])
        hint = f"did you mean {like}?" if like else "`fedesk status` lists the pipelines"
        sentence = f"{desk.environment.name} has no pipeline, service, DAG or job named {name!r}; {hint}"
        raise session.StopError(sentence, Exit.USAGE)
    return listing
