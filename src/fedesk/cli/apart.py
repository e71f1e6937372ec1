"""What commands do while the team's store does not answer: broken glass, and the log of this machine."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fedesk.cli import session
from fedesk.cli.output import narrate
from fedesk.cli.session import StopError
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.apart import Apart
    from fedesk.config_types import Config
    from fedesk.execution import Desk


def away_from(config: "Config") -> "Apart | None":
    """What a desk is apart from now, where it has a team's store that does not answer; says so."""
    from fedesk.apart import apart_from

    apart = apart_from(config)
    if apart is None or apart.answers():
        return None
    narrate(
        f"{apart.team} does not answer. What is written meanwhile is in {apart.file}; "
        "`fedesk audit merge` brings it into the team's log."
    )
    return apart


def check_allowed(desk: "Desk", environments: Iterable[str]) -> None:
    """Raise StopError where nothing is changed apart from the team; no log is begun for it."""
    from fedesk.apart import closed

    barred = closed(desk.apart, desk.config)
    for name in environments:
        if name in barred:
            raise StopError(barred[name], Exit.AUDIT_UNAVAILABLE)


def with_way_out(desk: "Desk", error: Exception, environments: Iterable[str]) -> Exception:
    """The error; where it is that the team's store is away, with the way past it that is configured."""
    from fedesk.config_emergency import past_store
    from fedesk.ports.operation_store import StoreUnavailableError

    past = past_store(desk.config)
    if not isinstance(error, StoreUnavailableError) or not past.keys() >= set(environments):
        return error
    return StoreUnavailableError(f"{error} {next(iter(past.values()))}")


def open_desk(
    context: typer.Context, config: Path | None, environment: str | None, operation: str | None = None
) -> "Desk":
    """A desk as for every command; apart from its team where what is asked for is on this machine alone."""
    return compose(context, session.load(config), environment, operation)


def compose(
    context: typer.Context, config: "Config", environment: str | None, operation: str | None = None
) -> "Desk":
    """The same over a configuration that was read.

    That is where there is a local log that was not merged, and the team's store does not answer, or the local
    one has the operation (an id, or its beginning) and the team's has not. Then it says so.
    """
    from fedesk.apart import apart_from, unmerged_beside
    from fedesk.ports.operation_store import StoreError

    desk = session.compose(context, config, environment)
    try:
        unmerged = unmerged_beside(config)
    except StoreError as error:
        narrate(str(error))
        return desk
    here = apart_from(config) if unmerged else None
    if here is None:
        return desk
    if here.answers():
        if operation is None or not _is_here_alone(desk, here, operation):
            return desk
        why = f"Operation {operation} is not in the team's store"
    else:
        why = f"{here.team} does not answer"
    desk.close()
    name = unmerged[0].draft.target
    narrate(f"{why}: this is the log of this machine, {name}, which was not merged yet.")
    return session.compose(context, config, environment, here)


def _is_here_alone(desk: "Desk", here: "Apart", operation: str) -> bool:
    from fedesk.store.operations import SqlStore

    wanted = operation.strip().lower()
    with closing(SqlStore(here.file)) as local:
        return bool(wanted) and local.operation(wanted) is not None and desk.store.operation(wanted) is None
