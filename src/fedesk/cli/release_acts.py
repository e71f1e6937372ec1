"""``fedesk release plan``, ``promote``, ``rollback``, ``answer``: releases changed, from plan to outcome."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import run_names, session
from fedesk.cli.output import narrate
from fedesk.cli.release import ServiceArgument, known_service
from fedesk.cli.rerun_output import print_changes, print_plans
from fedesk.cli.rerunning import Item, Options, carried_out, planned
from fedesk.cli.run_names import Asked
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.requests import Request
    from fedesk.execution import Desk

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, or a ticket.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Say yes, where that is enough.")]
ConfirmOption = Annotated[
    str | None, typer.Option("--confirm", metavar="ENV", help="Say yes by the environment's name.")
]
WriteOption = Annotated[
    str | None,
    typer.Option("--write", metavar="ENV", help="Change a read-only environment with this one command."),
]
AcceptOption = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="GUARD", help="Accept what a guard asks about, or waive a gate."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")]
FromOption = Annotated[
    str,
    typer.Option("--from", metavar="ENV", help="Where it comes from; the environment before if left out."),
]
DigestOption = Annotated[
    str, typer.Option("--digest", metavar="SHA256", help="Which release; what runs there if left out.")
]
ToOption = Annotated[
    str, typer.Option("--to", metavar="SHA256", help="Which release; the last verified one if left out.")
]


def plan(
    context: typer.Context,
    service: ServiceArgument,
    digest: DigestOption = "",
    origin: FromOption = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Print what promoting a service would do: its gates with what was read, the effects in order.

    Nothing is changed, and nothing recorded. Exit code 3 or 5 where something is in the way.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        known_service(desk, service)
        item = _item(_release(desk, "release.promote", service, digest, origin))
        return print_plans(desk, [planned(desk, item, asked=False)], as_json=as_json)


def promote(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    service: ServiceArgument,
    digest: DigestOption = "",
    origin: FromOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    confirm: ConfirmOption = None,
    write: WriteOption = None,
    accept: AcceptOption = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Deploy what the environment before runs, by its digest, and verify it; --env says where to.

    It ends when it is verified. Exit code 0: it is. 1: it failed. 7: it cannot be told, which is never green.
    4: others have to approve it first.
    """
    options = _options(environment, yes=yes, confirm=confirm, write=write, accept=accept)
    with closing(_desk(context, config, environment, confirm, write)) as desk:
        known_service(desk, service)
        request = _release(desk, "release.promote", service, digest, origin)
        return _done(context, desk, request, options, reason, dry_run=dry_run, as_json=as_json)


def rollback(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    service: ServiceArgument,
    to: ToOption = "",
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    confirm: ConfirmOption = None,
    write: WriteOption = None,
    accept: AcceptOption = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Put the last verified release of a service back, tried first, then for real, then verified.

    Only what would make it worse is in its way: a release that was never verified, that cannot be pulled, or
    migrations that cannot be undone. Exit codes as of promote.
    """
    options = _options(environment, yes=yes, confirm=confirm, write=write, accept=accept)
    with closing(_desk(context, config, environment, confirm, write)) as desk:
        known_service(desk, service)
        request = _release(desk, "release.rollback", service, to, "")
        return _done(context, desk, request, options, reason, dry_run=dry_run, as_json=as_json)


def answer(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The build that waits: ENVIRONMENT/CONNECTION:JOB#NUMBER.")
    ],
    proceed: Annotated[bool, typer.Option("--proceed", help="Let it go on.")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Have it end.")] = False,
    dry_run: DryRunOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    confirm: ConfirmOption = None,
    write: WriteOption = None,
    accept: AcceptOption = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Answer the question at which a build of Jenkins waits (its input step), as an operation of your own.

    One that asks for values is answered in Jenkins. Exit code 1 where it waits for no answer.
    """
    if proceed == abort:
        raise session.StopError("Give one of --proceed and --abort", Exit.USAGE)
    options = _options(environment, yes=yes, confirm=confirm, write=write, accept=accept)
    loaded = session.load(config)
    named = run_names.read(run, loaded, environment)
    if named.run is None:
        raise session.StopError(f"{run!r} names no build; expected ENV/CONNECTION:JOB#NUMBER", Exit.USAGE)
    with closing(
        _desk(context, config, environment or named.run.connection.environment, confirm, write)
    ) as desk:
        from fedesk.domain.releases import AnswerRequest

        request = AnswerRequest(run=named.run, choice="proceed" if proceed else "abort")
        return _done(context, desk, request, options, reason, dry_run=dry_run, as_json=as_json)


def _options(
    environment: str | None,
    *,
    yes: bool,
    confirm: str | None,
    write: str | None,
    accept: Sequence[str] | None,
) -> Options:
    if yes and confirm is not None:
        raise session.StopError("--yes and --confirm are two ways to say one thing; give one", Exit.USAGE)
    return Options(
        environment=environment,
        from_failed=False,
        yes=yes,
        confirm=confirm,
        write=write,
        reason="",
        accept=tuple(accept or ()),
        wait=False,
        break_glass=False,
    )


def _desk(
    context: typer.Context,
    config: Path | None,
    environment: str | None,
    confirm: str | None,
    write: str | None,
) -> "Desk":
    loaded = session.load(config)
    for name, option in ((environment, "--env"), (confirm, "--confirm"), (write, "--write")):
        session.known_environment(loaded, name, option)
    return session.compose(context, loaded, environment)


def _release(desk: "Desk", kind: str, service: str, digest: str, origin: str) -> "Request":
    """What is asked for, at the Jenkins of the desk's environment."""
    from fedesk.domain.names import ConnectionName
    from fedesk.domain.releases import ReleaseRequest

    name = desk.environment.name
    deploys = [one.name for one in desk.all_connections if one.name.environment == name and one.deploys]
    return ReleaseRequest(
        kind=kind,
        service=service,
        environment=name,
        connection=deploys[0] if deploys else ConnectionName(name, "jenkins"),
        digest=digest,
        origin=origin,
    )


def _item(request: "Request") -> Item:
    return Item(asked=Asked(text=request.name, run=None), request=request)


def _done(
    context: typer.Context,
    desk: "Desk",
    request: "Request",
    options: Options,
    reason: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    from dataclasses import replace

    from fedesk.services.automatic_rollback import wanted
    from fedesk.services.hiding import hidden

    item = _item(request)
    if dry_run:
        return print_plans(desk, [planned(desk, item, asked=False)], as_json=as_json)
    whole = desk.incidents.whole_reason(reason) if reason else ""
    options = replace(options, reason=hidden(whole.strip()))
    (found,) = carried_out(context, desk, [item], options)
    if found.operation is not None and wanted(found.operation, desk.catalogue) is not None:
        narrate("The catalogue has it rolled back by itself: `fedesk release watch` follows the rollback.")
    return print_changes(desk, [found], as_json=as_json)
