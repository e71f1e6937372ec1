"""``fedesk release plan``, ``promote``, ``rollback``, ``answer``: releases changed, from plan to outcome."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import run_names, session
from fedesk.cli.output import narrate
from fedesk.cli.release import ServiceArgument, known_service
from fedesk.cli.rerun_output import print_changes, print_plans
from fedesk.cli.rerunning import Item, Options, carried_out, planned
from fedesk.cli.run_names import Asked
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

if TYPE_CHECKING:
    from fedesk.domain.requests import Request
    from fedesk.execution import Desk

AcceptOption = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="GUARD", help="Accept what a guard asks about, or waive a gate."),
]
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
        here = desk.environment.name
        item = _item(desk.releases.request("release.promote", service, here, digest, origin))
        return print_plans(desk, [planned(desk, item, asked=False)], as_json=as_json)


def promote(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    services: Annotated[list[str], typer.Argument(metavar="SERVICE...", help="Services of the catalogue.")],
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
    4: others have to approve it first. Of several each is planned when the one before it is verified, what
    others depend on first; the first that is not ends the batch, and its exit code is the command's.
    """
    options = _options(environment, yes=yes, confirm=confirm, write=write, accept=accept)
    if digest and len(services) > 1:
        raise session.StopError("--digest is of one service's release; name one service", Exit.USAGE)
    with closing(_desk(context, config, environment, confirm, write)) as desk:
        for service in services:
            known_service(desk, service)
        here = desk.environment.name
        requests = [
            desk.releases.request("release.promote", one, here, digest, origin)
            for one in _ordered(desk, services)
        ]
        if len(requests) == 1:
            return _done(context, desk, requests[0], options, reason, dry_run=dry_run, as_json=as_json)
        items = [_item(request) for request in requests]
        if dry_run:
            return print_plans(desk, [planned(desk, one, asked=False) for one in items], as_json=as_json)
        return _each_done(context, desk, items, _reasoned(desk, options, reason), as_json=as_json)


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
        request = desk.releases.request("release.rollback", service, desk.environment.name, to)
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
    check_one_yes(yes=yes, confirm=confirm)
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
    check_environments(loaded, environment, confirm, write)
    return session.compose(context, loaded, environment)


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
    item = _item(request)
    if dry_run:
        return print_plans(desk, [planned(desk, item, asked=False)], as_json=as_json)
    (found,) = carried_out(context, desk, [item], _reasoned(desk, options, reason))
    _tell_of_rollback(desk, found)
    return print_changes(desk, [found], as_json=as_json)


def _each_done(
    context: typer.Context, desk: "Desk", items: Sequence[Item], options: Options, *, as_json: bool
) -> int:
    """One after the other, each an operation of its own; what comes behind the first failure is not begun.

    Exit code of that one.
    """
    done: list[Item] = []
    for place, item in enumerate(items, 1):
        narrate(f"{item.name}: {place} of {len(items)}")
        try:
            (found,) = carried_out(context, desk, [item], options)
        except KeyboardInterrupt:
            _tell_left(items[place:])
            raise
        _tell_of_rollback(desk, found)
        done.append(found)
        if found.code is not Exit.DONE:
            break
    last, left = done[-1], items[len(done) :]
    why = f"it was not begun, since {last.name} did not succeed before it"
    print_changes(
        desk, [*done, *(replace(one, error=why, code=Exit.FAILED) for one in left)], as_json=as_json
    )
    return last.code


def _tell_left(items: Sequence[Item]) -> None:
    if items:
        narrate(f"Not begun: {', '.join(item.name for item in items)}.")


def _ordered(desk: "Desk", services: Sequence[str]) -> tuple[str, ...]:
    """What others depend on first. Raises StopError where they are in a circle."""
    from fedesk.domain.release_batch import CircleError

    try:
        return desk.releases.ordered(services)
    except CircleError as error:
        raise session.StopError(str(error), Exit.USAGE) from None


def _reasoned(desk: "Desk", options: Options, reason: str) -> Options:
    """The options with the whole reason, of which no secret is kept."""
    from fedesk.services.hiding import hidden

    whole = desk.incidents.whole_reason(reason) if reason else ""
    return replace(options, reason=hidden(whole.strip()))


def _tell_of_rollback(desk: "Desk", found: Item) -> None:
    from fedesk.services.automatic_rollback import wanted

    if found.operation is not None and wanted(found.operation, desk.catalogue) is not None:
        narrate("The catalogue has it rolled back by itself: `fedesk release watch` follows the rollback.")
