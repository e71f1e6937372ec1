"""``fedesk rerun``: run something again, from plan to outcome."""

from contextlib import closing
from typing import Annotated

import typer

from fedesk.cli import apart, run_names, session
from fedesk.cli.rerun_output import print_changes, print_plans
from fedesk.cli.rerunning import Options, carried_out, planned, understood
from fedesk.cli.saying_yes import (
    ConfirmOption,
    DryRunOption,
    ReasonOption,
    WriteOption,
    YesOption,
    check_environments,
    check_one_yes,
)
from fedesk.exits import Exit


def rerun(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="ENVIRONMENT/CONNECTION:ID, with ::TASK; a web address; a pipeline's newest failed run.",
        ),
    ],
    from_failed: Annotated[
        bool, typer.Option("--from-failed", help="Insist that only what failed runs again (Airflow).")
    ] = False,
    dry_run: DryRunOption = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run itself to its end.")] = False,
    reason: ReasonOption = "",
    incident: Annotated[
        str | None,
        typer.Option("--incident", metavar="ID", help="The open incident that it is done for: the reason."),
    ] = None,
    yes: YesOption = False,
    confirm: ConfirmOption = None,
    write: WriteOption = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="GUARD", help="Accept what a guard asks about, by its name."),
    ] = None,
    break_glass: Annotated[
        bool,
        typer.Option("--break-glass", help="Past approvals, freezes and holds, alone; reviewed afterwards."),
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Clear the failed tasks of an Airflow run, or build a Jenkins build again with its parameters.

    The environment decides what has to be said with it: --yes outside production, --confirm NAME in it,
    --write NAME beside it where it is read-only. It never asks; what is missing is named, with exit code 3.
    """
    check_one_yes(yes=yes, confirm=confirm)
    from fedesk.services.hiding import hidden

    loaded = session.load(config)
    check_environments(loaded, environment, confirm, write)
    asked = list({text: run_names.read(text, loaded, environment) for text in runs}.values())
    away = apart.away_from(loaded) if break_glass else None
    with closing(session.compose(context, loaded, environment, away)) as desk:
        if incident is not None and away is not None:
            # The team's store knows incidents, and the reason's beginning is what links to one.
            reason = f"{incident} {reason}"
        elif incident is not None:
            reason = desk.incidents.reason(incident, reason)
        elif reason and not dry_run:
            reason = desk.incidents.whole_reason(reason)
        options = Options(
            environment=environment,
            from_failed=from_failed,
            yes=yes,
            confirm=confirm,
            write=write,
            # People paste tokens, and the reason is kept.
            reason=hidden(reason.strip()),
            accept=tuple(accept or ()),
            wait=wait,
            break_glass=break_glass,
        )
        items = [understood(desk, one, options) for one in asked]
        if break_glass:
            there = {one.request.connection.environment for one in items if one.request}
            if len(there) > 1:
                raise session.StopError("--break-glass is for runs of one environment", Exit.USAGE)
            apart.check_allowed(desk, there)
        # A run named twice, by its name and its address say, is one.
        items = list({item.request or item.asked: item for item in items}.values())
        if dry_run:
            plans = [planned(desk, item, asked=False, break_glass=break_glass) for item in items]
            return print_plans(desk, plans, as_json=as_json)
        return print_changes(desk, carried_out(context, desk, items, options), as_json=as_json)
