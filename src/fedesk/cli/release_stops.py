"""``fedesk release quarantine``: releases that go nowhere any more, and what rollbacks hold."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column, Json, instant, narrate
from fedesk.cli.release import known_service
from fedesk.cli.release_documents import short_digest
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.releases import ReleaseStop
    from fedesk.execution import Desk

COLUMNS = (
    Column(title="ID", importance=output.ALWAYS),
    Column(title="KIND", importance=7),
    Column(title="SERVICE", importance=9),
    Column(title="DIGEST", importance=8),
    Column(title="WHERE", importance=6),
    Column(title="SINCE", importance=5),
    Column(title="BY", importance=3, is_text=True),
    Column(title="REASON", importance=4, is_text=True),
)
EVERYWHERE = "everywhere"


def quarantine(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    digest: Annotated[
        str,
        typer.Argument(metavar="[DIGEST]", help="The release: sha256:…, or its first 12 digits or more."),
    ] = "",
    service: Annotated[
        str, typer.Option("--service", metavar="SERVICE", help="Whose release it is; of a list, of it alone.")
    ] = "",
    lift: Annotated[
        str,
        typer.Option("--lift", metavar="ID", help="Lift this quarantine, or this rollback's hold."),
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, or a ticket.")] = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Put a release into quarantine: never promoted, never rolled back to. Without DIGEST, list what stands.

    The list has holds as well: what was rolled back is not promoted there again before its hold is lifted.
    A quarantine holds in every environment. Exit code 5 where it is in quarantine, or was lifted, already.
    """
    if digest and lift:
        raise session.StopError("Give DIGEST to put a release away, or --lift ID to let it go", Exit.USAGE)
    if digest and not service:
        raise session.StopError("Say whose release it is: --service SERVICE", Exit.USAGE)
    if (digest or lift) and as_lines:
        raise session.StopError("--json-lines is for the list; --json prints what was done", Exit.USAGE)
    with closing(session.open_desk(context, config, environment)) as desk:
        if service:
            known_service(desk, service)
        if digest:
            stop = desk.quarantining.put(service, _whole(desk, service, digest), reason)
            said = f"{short_digest(stop.digest)} of {service} is in quarantine, everywhere"
            narrate(f"`fedesk release matrix {service}` shows where it still runs.")
            return _tell(desk, stop, said, as_json=as_json)
        if lift:
            stop = desk.quarantining.lift(lift, reason)
            said = f"{stop.kind} of {short_digest(stop.digest)} of {stop.service}: lifted"
            return _tell(desk, stop, said, as_json=as_json)
        return _list(desk, service, environment, as_json=as_json, as_lines=as_lines)


def _whole(desk: "Desk", service: str, given: str) -> str:
    """The digest that was given, completed where exactly one release of the service begins so."""
    from fedesk.domain.release_stops import is_beginning

    if not is_beginning(given):
        return given
    found = desk.releases.digests(service, given)
    if len(found) == 1:
        return found[0]
    known = f"{len(found)} begin so: {', '.join(map(short_digest, found))}" if found else "none begins so"
    raise session.StopError(
        f"{given!r} is no release of {service} that is known here; {known}. Give the whole digest", Exit.USAGE
    )


def _list(desk: "Desk", service: str, environment: str | None, *, as_json: bool, as_lines: bool) -> int:
    found = [
        one
        for one in desk.quarantining.listed()
        if (not service or one.service == service)
        and (environment is None or one.environment in ("", environment))
    ]
    if as_json or as_lines:
        documents: list[Json] = [_document(one) for one in found]
        session.printer(as_lines=as_lines)(
            "fedesk-release-stops/1", environment, desk.clock.now(), stops=documents
        )
    else:
        output.table(COLUMNS, [_row(desk, one) for one in found], "nothing is in quarantine, nothing is held")
    return Exit.DONE


def _tell(desk: "Desk", stop: "ReleaseStop", said: str, *, as_json: bool) -> int:
    if as_json:
        where = stop.environment or None
        output.document("fedesk-release-stop/1", where, desk.clock.now(), stop=_document(stop))
    else:
        output.line(f"{stop.id}: {said}")
    return Exit.DONE


def _row(desk: "Desk", stop: "ReleaseStop") -> tuple[str, ...]:
    facts = desk.by_name.get(stop.environment, desk.environment)
    return (
        stop.id,
        str(stop.kind),
        stop.service,
        short_digest(stop.digest),
        stop.environment or EVERYWHERE,
        output.when(stop.at, facts.timezone),
        stop.by,
        stop.reason,
    )


def _document(stop: "ReleaseStop") -> dict[str, Json]:
    return {
        "id": stop.id,
        "kind": stop.kind.value,
        "service": stop.service,
        "digest": stop.digest,
        "environment": stop.environment or None,
        "reason": stop.reason,
        "by": stop.by,
        "at": instant(stop.at),
        "operation": stop.operation or None,
        "lifted_at": instant(stop.lifted_at),
        "lifted_by": stop.lifted_by or None,
        "lifted_reason": stop.lifted_reason or None,
    }
