"""``fedesk incident``: what went wrong, what was done about it, and in which order."""

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from fedesk.cli import output, run_names, session
from fedesk.cli.output import Column, Json, narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.cli.run_names import Asked
    from fedesk.domain.incidents import Incident, IncidentHistory, TimelineEntry
    from fedesk.domain.names import RunName
    from fedesk.execution import Desk

COLUMNS = (
    Column(title="OPENED", importance=7),
    Column(title="STATE", importance=8),
    Column(title="INCIDENT", importance=9),
    Column(title="TITLE", importance=8, is_text=True),
    Column(title="WHERE", importance=6),
    Column(title="BY", importance=5),
)
TIMELINE_COLUMNS = (
    Column(title="TIME", importance=9),
    Column(title="WHAT", importance=9),
    Column(title="WHO", importance=6),
    Column(title="TO WHAT", importance=7, is_text=True),
    Column(title="SAID", importance=9, is_text=True),
    Column(title="OPERATION", importance=4),
    Column(title="RECORD", importance=5, align="right"),
)
_ID_AND_TITLE = 2

IncidentArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, as INC-4711.")]


def open_incident(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[ID] TITLE", help="An id of your own, if there is one, and the title in quotes."
        ),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="RUN", help="A run that it is about, noted as it stands; repeatable."),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Open an incident. What is done from now on to its runs, or with its id as the reason, belongs to it.

    Without an id one is minted. The environment is that of the runs. Exit code 5 where the id is taken.
    """
    if len(words) > _ID_AND_TITLE:
        sentence = 'Give an id and a title, the title in quotes: incident open INC-4711 "payments late"'
        raise session.StopError(sentence, Exit.USAGE)
    given = words[0] if len(words) == _ID_AND_TITLE else ""
    loaded = session.load(config)
    asked = list({text: run_names.read(text, loaded, environment) for text in runs or ()}.values())
    there = {run_names.same_environment(one, environment) for one in asked} or {environment}
    if len(there) > 1:
        sentence = f"An incident is of one environment, and these runs are of {', '.join(map(str, there))}"
        raise session.StopError(sentence, Exit.USAGE)
    with closing(session.compose(context, loaded, there.pop())) as desk:
        named = [_run(desk, one) for one in asked]
        incident = desk.incidents.open(desk.environment.name, words[-1], given=given, runs=named)
        return _tell(desk, incident, "opened", as_json=as_json)


def _run(desk: "Desk", asked: "Asked") -> "RunName":
    """The run that is meant: a pipeline's newest failed one, and the whole run where a task was named."""
    from fedesk.ports.errors import NotFoundError, SourceError
    from fedesk.services.log_choice import find_run

    run = asked.run
    if run is None:
        run, said = run_names.failed_run(desk, asked.text)
        narrate(said)
    elif "::" in run.id and asked.task is None:
        try:
            return find_run(desk.reading, run)[0].run.name
        except NotFoundError:
            raise
        except SourceError as error:
            narrate(f"{error} It is noted as it was named.")
    return run


def note(
    context: typer.Context,
    incident_id: IncidentArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="Say that you have taken it on.")
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Write something down in an open incident. Secrets in it are hidden. Exit code 5 where it is closed."""
    with closing(session.open_desk(context, config, environment)) as desk:
        incident = desk.incidents.note(incident_id, text, acknowledges=acknowledge)
        return _tell(desk, incident, "acknowledged" if acknowledge else "noted", as_json=as_json)


def close(
    context: typer.Context,
    incident_id: IncidentArgument,
    summary: Annotated[str, typer.Argument(metavar="[SUMMARY]", help="How it ended.")] = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Close an incident: nothing more is written or done for it. Exit code 5 where it was closed already."""
    with closing(session.open_desk(context, config, environment)) as desk:
        return _tell(desk, desk.incidents.close(incident_id, summary), "closed", as_json=as_json)


def _tell(desk: "Desk", incident: "Incident", done: str, *, as_json: bool) -> int:
    if as_json:
        _print_document(desk, desk.incidents.history(incident.id))
    else:
        output.line(f"{incident.reason}: {done}")
    return Exit.DONE


def show(
    context: typer.Context,
    incident_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="The incident's id; the newest that is open if left out."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As text for a ticket.")] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show what happened in an incident, in order: failures, notes, plans, operations, read-back, outcome."""
    if markdown and as_json:
        raise session.StopError("--markdown and --json are two forms; give one", Exit.USAGE)
    with closing(session.open_desk(context, config, environment)) as desk:
        wanted = incident_id if incident_id is not None else _newest(desk, environment).id
        history = desk.incidents.history(wanted)
        if as_json:
            _print_document(desk, history)
        elif markdown:
            _print_markdown(desk, history)
        else:
            _print(desk, history)
    return Exit.DONE


def _newest(desk: "Desk", environment: str | None) -> "Incident":
    for only_open in (True, False):
        found = desk.store.incidents(environment=environment, only_open=only_open, limit=1)
        if found:
            return found[0]
    where = f" in {environment}" if environment else ""
    raise session.StopError(f"There are no incidents{where} yet", Exit.FAILED)


def list_incidents(
    context: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="How many at most.")
    ] = 20,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List incidents, newest first, of every environment unless --env names one."""
    with closing(session.open_desk(context, config, environment)) as desk:
        found = desk.store.incidents(environment=environment, only_open=only_open, limit=limit)
        if as_json or as_lines:
            documents: list[Json] = [_incident_document(one) for one in found]
            session.printer(as_lines=as_lines)(
                "fedesk-incidents/1", environment, desk.clock.now(), incidents=documents
            )
        else:
            what = "open " if only_open else ""
            where = f" in {environment}" if environment else ""
            output.table(COLUMNS, [_row(desk, one) for one in found], f"there are no {what}incidents{where}")
    return Exit.DONE


def _row(desk: "Desk", incident: "Incident") -> tuple[str, ...]:
    from fedesk.domain.incident_text import standing

    return (
        output.when(incident.opened_at, _zone(desk, incident)),
        standing(incident),
        incident.id,
        incident.title,
        incident.environment,
        incident.opened_by,
    )


def _zone(desk: "Desk", incident: "Incident") -> str:
    """The clocks of an incident's environment; UTC where that is no longer configured."""
    facts = desk.by_name.get(incident.environment)
    return facts.timezone if facts is not None else "UTC"


def _incident_document(incident: "Incident") -> dict[str, Json]:
    from fedesk.domain.incident_text import standing

    return {
        "incident": incident.id,
        "environment": incident.environment,
        "title": incident.title,
        "state": standing(incident),
        "opened_at": output.instant(incident.opened_at),
        "opened_by": incident.opened_by,
        "closed_at": output.instant(incident.closed_at),
        "closed_by": incident.closed_by or None,
        "summary": incident.summary or None,
        "audit": {"opened": incident.opened_record, "closed": incident.closed_record},
    }


def _print_document(desk: "Desk", history: "IncidentHistory") -> None:
    from fedesk.domain.incidents import timeline

    fields = _incident_document(history.incident)
    environment = history.incident.environment
    del fields["environment"]
    fields["runs"] = list(dict.fromkeys(note.run for note in history.notes if note.run))
    fields["operations"] = [one.plan.operation for one in history.operations]
    fields["timeline"] = [entry_document(entry) for entry in timeline(history)]
    output.document("fedesk-incident/1", environment, desk.clock.now(), **fields)


def entry_document(entry: "TimelineEntry") -> dict[str, Json]:
    """One thing that happened."""
    return {
        "at": output.instant(entry.at),
        "kind": entry.kind.value,
        "who": entry.who or None,
        "subject": entry.subject or None,
        "said": entry.said or None,
        "operation": entry.operation or None,
        "record": entry.record,
        "link": entry.link or None,
    }


def _print_markdown(desk: "Desk", history: "IncidentHistory") -> None:
    from fedesk.domain.incident_text import markdown

    zone = _zone(desk, history.incident)
    sys.stdout.write(markdown(history, ZoneInfo(zone), zone))


def _print(desk: "Desk", history: "IncidentHistory") -> None:
    from fedesk.domain.incident_text import standing
    from fedesk.domain.incidents import timeline

    incident, zone = history.incident, _zone(desk, history.incident)
    opened, closed = output.when(incident.opened_at, zone), output.when(incident.closed_at, zone)
    said = f": {incident.summary}" if incident.summary else ""
    output.facts(
        [
            ("incident", incident.reason),
            ("state", standing(incident)),
            ("where", incident.environment),
            ("opened", f"{opened} by {incident.opened_by}, audit record {incident.opened_record}"),
            *([("closed", f"{closed} by {incident.closed_by}{said}")] if closed else []),
        ]
    )
    output.blank()
    output.table(TIMELINE_COLUMNS, timeline_rows(timeline(history), zone), "nothing has happened yet")


def timeline_rows(entries: "Sequence[TimelineEntry]", zone: str) -> list[tuple[str, ...]]:
    """The same for a table of ``TIMELINE_COLUMNS``."""
    return [
        (
            output.when(entry.at, zone),
            entry.kind.value,
            entry.who,
            entry.subject,
            entry.said,
            entry.operation,
            "" if entry.record is None else str(entry.record),
        )
        for entry in entries
    ]
