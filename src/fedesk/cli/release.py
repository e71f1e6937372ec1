"""``fedesk release``: what is deployed where, what lies between, and what was deployed before."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli import release_documents as documents
from fedesk.cli.output import Column, Json, narrate
from fedesk.domain.releases import VERIFIED_SAID, Verified
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.dora import Dora
    from fedesk.domain.release_diff import ReleaseDiff, Side
    from fedesk.domain.release_history import HistoryRow
    from fedesk.domain.release_matrix import Matrix, MatrixRow
    from fedesk.domain.releases import Cell, ReleaseBudget
    from fedesk.execution import Desk

LONG_COLUMNS = (
    Column(title="SERVICE", importance=9),
    Column(title="WHERE", importance=9),
    Column(title="VERSION", importance=8),
    Column(title="DIGEST", importance=5),
    Column(title="COMMIT", importance=4),
    Column(title="SINCE", importance=6),
    Column(title="BY", importance=2, is_text=True),
    Column(title="VERIFIED", importance=8),
    Column(title="DRIFT", importance=3),
    Column(title="REMARKS", importance=7, is_text=True),
)
HISTORY_COLUMNS = (
    Column(title="ENDED", importance=8),
    Column(title="STATE", importance=9),
    Column(title="VERSION", importance=7),
    Column(title="DIGEST", importance=6),
    Column(title="VERIFIED", importance=8),
    Column(title="TOOK", importance=3, align="right"),
    Column(title="BY", importance=5, is_text=True),
    Column(title="BUILD", importance=4),
    Column(title="OPERATION", importance=2),
)
COMMIT_COLUMNS = (
    Column(title="WHEN", importance=6),
    Column(title="COMMIT", importance=9),
    Column(title="AUTHOR", importance=7),
    Column(title="MESSAGE", importance=9, is_text=True),
)
DORA_COLUMNS = (
    Column(title="SERVICE", importance=9),
    Column(title="LEAD TIME", importance=8, align="right"),
    Column(title="PER DAY", importance=8, align="right"),
    Column(title="FAILED", importance=8, align="right"),
    Column(title="RESTORED IN", importance=8, align="right"),
    Column(title="MADE OF", importance=5, is_text=True),
)
_MOST_PATHS = 20

ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help="A service of the catalogue.")]


def matrix(  # noqa: PLR0913, PLR0917 - the options are the command's interface
    context: typer.Context,
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERVICE]...", help="Services of the catalogue; all if left out."),
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="A line for each service and environment, with digest and commit.")
    ] = False,
    schemas: Annotated[
        bool, typer.Option("--schemas", help="Ask Snowflake as well, which wakes a warehouse.")
    ] = False,
    stages: Annotated[
        bool,
        typer.Option("--stages", help="Read the deploy jobs' own verification, as of named services."),
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Show which release of each service runs in which environment, verified or not, and how they differ.

    All environments unless --env names one. Exit code 8 when a system could not be read; what is known of it
    is printed all the same.
    """
    from fedesk.services.release_matrix import Asked

    with closing(session.open_desk(context, config, environment)) as desk:
        names = tuple(known_service(desk, name) for name in services or ())
        wanted = (environment,) if environment else ()
        asked = Asked(services=names, environments=wanted, schemas=schemas, stages=stages or bool(names))
        read = desk.releases.matrix(asked)
        for sentence in read.matrix.troubles:
            narrate(sentence)
        if as_json or as_lines:
            rows: list[Json] = [documents.row_document(row) for row in read.matrix.rows]
            session.printer(as_lines=as_lines)(
                "fedesk-release-matrix/1", environment, read.matrix.at, services=rows
            )
        elif long:
            lines = [_long(desk, row, cell) for row in read.matrix.rows for cell in row.cells]
            output.table(LONG_COLUMNS, [line for line in lines if line], NO_SERVICES)
        else:
            _print(read.matrix, desk.config.releases.budget)
        for row in read.matrix.rows:
            for cell in row.cells:
                _tell_of(cell)
        return output.exit_for(read.failures.values())


NO_SERVICES = "the catalogue has no service with a deploy job"


def known_service(desk: "Desk", name: str) -> str:
    """The name as it was given; raises StopError with the nearest one where the catalogue has none of it."""
    from fedesk.mistakes import nearest

    known = desk.catalogue.released
    if name in known:
        return name
    like = nearest(name, known)
    hint = f"did you mean {like}?" if like else f"there are: {', '.join(known) or 'none'}"
    raise session.StopError(f"No service with a deploy job is named {name!r}; {hint}", Exit.USAGE)


def _print(found: "Matrix", budget: "ReleaseBudget") -> None:
    columns = [Column(title="SERVICE", importance=9)]
    # The last one, as a rule production, is dropped last.
    columns += [
        Column(title=name.upper(), importance=min(4 + place, 8), is_text=True)
        for place, name in enumerate(found.environments)
    ]
    rows = []
    for row in found.rows:
        drifts = {one.environment: one for one in row.drifts}
        words = (
            documents.cell_words(one, drifts.get(one.environment), found.at, budget) for one in row.cells
        )
        rows.append((row.service, *words))
    output.table(columns, rows, NO_SERVICES)
    shown = [cell for row in found.rows for cell in row.cells if cell.current is not None]
    unverified = sum(1 for cell in shown if cell.verified is Verified.NOT_VERIFIED)
    if unverified:
        narrate(f"Of {len(shown)} deployments {unverified} were verified by nothing that fedesk knows of.")
    unread = sum(1 for cell in shown if cell.verified is Verified.NOT_READ)
    if unread:
        narrate(f"Of {unread} the deploy job's own verification was not read: --stages reads it.")


def _long(desk: "Desk", row: "MatrixRow", cell: "Cell") -> tuple[str, ...]:
    """A line of one service in one environment; nothing where it is not deployed there."""
    if cell.connection is None:
        return ()
    release = cell.current.release if cell.current else None
    said = cell.trouble or (cell.current.unread if cell.current else "nothing deployed")
    return (
        cell.service,
        cell.environment,
        documents.named(release) if cell.current else "",
        documents.short_digest(release.digest) if release else "",
        documents.short_commit(release.commit) if release else "",
        output.when(cell.current.at, desk.by_name[cell.environment].timezone) if cell.current else "",
        cell.current.by if cell.current else "",
        VERIFIED_SAID[cell.verified] if cell.current else "",
        next((one.said for one in row.drifts if one.environment == cell.environment), ""),
        "; ".join(part for part in (*documents.remarks(cell, desk.config.releases.budget), said) if part),
    )


def _tell_of(cell: "Cell") -> None:
    """Where targets disagree with the deploy job: who says what."""
    release = cell.current.release if cell.current else None
    if release is None:
        return
    deployed = documents.short_commit(release.commit) or documents.named(release)
    for one in cell.sightings:
        if one.agrees is False:
            said = f"{deployed} was deployed, and {one.source} says: {one.said}"
            narrate(f"{cell.service} in {cell.environment}: {said}")


def diff(
    context: typer.Context,
    service: ServiceArgument,
    origin: Annotated[
        str | None,
        typer.Argument(metavar="[FROM]", help="An environment or a digest; --env's if left out."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(metavar="[TO]", help="The same; the environment before it if left out."),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show what one release of a service has that another has not: commits, files, migrations, tickets.

    Without names: what a promotion into the environment would bring.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        known_service(desk, service)
        first = origin or desk.environment.name
        read = desk.releases.diff(service, (first, target or _before(desk, first)))
        for failure in read.failures:
            narrate(failure.sentence)
        if as_json:
            output.document(
                "fedesk-release-diff/1",
                desk.environment.name,
                desk.clock.now(),
                **documents.diff_document(read.diff),
            )
        else:
            _print_diff(read.diff, desk.environment.timezone)
        return output.exit_for(read.failures)


def _before(desk: "Desk", name: str) -> str:
    """The environment that releases come from; raises StopError where there is none."""
    order = desk.releases.sources.environments
    place = order.index(name) if name in order else 0
    if place == 0:
        sentence = f"Nothing comes before {name}; say what to compare it with: release diff SERVICE FROM TO"
        raise session.StopError(sentence, Exit.USAGE)
    return order[place - 1]


def _print_diff(found: "ReleaseDiff", zone: str) -> None:
    origin, target = found.origin, found.target
    sizes = "" if found.grown_by is None else f"{found.grown_by / 1e6:+.1f} MB"
    output.facts(
        [
            ("service", found.service),
            *((side, _side_words(one)) for side, one in (("from", origin), ("to", target))),
            ("so", _verdict(found)),
            *([("compare", found.compare)] if found.compare else []),
            *([("tickets", ", ".join(found.tickets))] if found.tickets else []),
            *((one.id, _reversible(one.reversible)) for one in found.migrations),
            *([("image", sizes)] if sizes else []),
            *((f"{kind} tests", _counts(*counts)) for kind, counts in found.tests.items()),
            *((kind.value, _paths(paths)) for kind, paths in found.touched.items()),
            *(("not known", sentence) for sentence in found.untold),
        ]
    )
    if found.is_same:
        return
    output.blank()
    rows = [
        (output.when(one.at, zone), documents.short_commit(one.commit), one.author, one.message)
        for one in found.changes
    ]
    output.table(COMMIT_COLUMNS, rows, "no commits are known")


def _verdict(found: "ReleaseDiff") -> str:
    """What it comes to."""
    origin, target = found.origin.name, found.target.name
    if found.is_same:
        return f"{target} and {origin} are the same release"
    count = len(found.changes)
    commits = "commits that are not known" if not count else f"{count} commit{'s' if count > 1 else ''}"
    return f"{target} {'lacks' if found.undoes else 'has'} {commits}, beside {origin}"


def _side_words(side: "Side") -> str:
    release = side.release
    digest, commit = documents.short_digest(release.digest), documents.short_commit(release.commit)
    known = " ".join(part for part in (documents.named(release), digest, commit) if part)
    return f"{side.name}: {known}, in {side.said}"


def _reversible(value: bool) -> str:
    return "migration, can be undone" if value else "migration, cannot be undone"


def _counts(before: int | None, after: int | None) -> str:
    return f"{'?' if before is None else before} before, {'?' if after is None else after} after"


def _paths(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return ", ".join(paths[:_MOST_PATHS]) + more


def history(
    context: typer.Context,
    service: ServiceArgument,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100, help="Builds to look back.")
    ] = 30,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List what was deployed of a service in an environment, newest first, failures and dry runs included."""
    with closing(session.open_desk(context, config, environment)) as desk:
        known_service(desk, service)
        read = desk.releases.history(service, desk.environment.name, limit)
        for sentence in read.troubles:
            narrate(sentence)
        if read.cell.trouble and not read.failures:
            narrate(f"{read.cell.trouble}.")
        if as_json or as_lines:
            session.printer(as_lines=as_lines)(
                "fedesk-release-history/1",
                desk.environment.name,
                desk.clock.now(),
                service=service,
                deployments=documents.history_document(read.rows),
            )
        else:
            zone = desk.environment.timezone
            rows = [_history_row(row, zone) for row in read.rows]
            output.table(HISTORY_COLUMNS, rows, f"no deployment of {service} in {desk.environment.name}")
        return output.exit_for(read.failures.values())


def _history_row(row: "HistoryRow", zone: str) -> tuple[str, ...]:
    one = row.deployment
    run = one.run
    kind = "dry run, " if one.is_dry_run else "back, " if row.brings_back else ""
    took = run.ended_at - run.started_at if run.ended_at and run.started_at else None
    return (
        output.when(run.ended_at or run.started_at, zone),
        f"{kind}{run.state.value}",
        documents.named(one.release) if one.release and one.release.version else "",
        documents.short_digest(one.digest) or one.unread,
        VERIFIED_SAID[row.proof.verified] if one.digest else "",
        output.duration(took),
        one.by,
        run.name.id,
        one.operation,
    )


def dora(
    context: typer.Context,
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERVICE]...", help="Services of the catalogue; all if left out."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=366, help="How many days back.")
    ] = 30,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Show DORA's four metrics of services in an environment: lead time, frequency, failures, restoring.

    What cannot be told stays empty and is said; it is never 0. Two requests a service.
    """
    from datetime import timedelta

    from fedesk.cli.endings import gravest
    from fedesk.ports.errors import SourceError

    with closing(session.open_desk(context, config, environment)) as desk:
        names = [known_service(desk, name) for name in services or desk.catalogue.released]
        found: list[Dora] = []
        codes = [Exit.DONE]
        for name in names:
            try:
                found.append(desk.releases.dora(name, desk.environment.name, timedelta(days=days)))
            except SourceError as error:
                narrate(str(error))
                codes.append(Exit.UNREACHABLE)
        for one in found:
            for sentence in one.untold:
                narrate(f"{one.service}: {sentence}")
        if as_json or as_lines:
            until = desk.clock.now()
            session.printer(as_lines=as_lines)(
                "fedesk-release-dora/1",
                desk.environment.name,
                until,
                since=output.instant(until - timedelta(days=days)),
                until=output.instant(until),
                services=[documents.dora_document(one) for one in found],
            )
        else:
            output.table(DORA_COLUMNS, [documents.dora_row(one) for one in found], NO_SERVICES)
        return gravest(codes)
