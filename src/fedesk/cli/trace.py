"""``fedesk trace``: one operation, followed through every system that carries its id."""

import re
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.endings import gravest
from fedesk.cli.operations import named, newest
from fedesk.cli.output import Column, Json, narrate
from fedesk.domain.traces import SourceState, minted_at
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.states import System
    from fedesk.domain.traces import Source, Trace
    from fedesk.execution import Desk
    from fedesk.services.tracing import Followed, Kept

COLUMNS = (
    Column(title="TIME", importance=9),
    Column(title="SOURCE", importance=9),
    Column(title="WHAT", importance=9, is_text=True),
    Column(title="REFERENCE", importance=4, is_text=True),
)
_BEGINNING = re.compile(r"[0-9a-f-]{1,36}")
_WHOLE = 36


def trace(
    context: typer.Context,
    operation_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="The operation's id, or its beginning where the store knows it; the newest if left out.",
        ),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Follow one operation through Jenkins, Airflow, Snowflake, the journal and the audit log, by time.

    Asks the systems of the operation's own environment; of an id that the store does not know, those of
    --env. Exit code 8 when one is silent, 1 when nothing is found anywhere.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        operation, kept = _kept(desk, operation_id, environment)
        found = desk.trace(operation, kept)
        facts = desk.by_name.get(found.environment)
        if facts is None:
            narrate(f"{found.environment} is not configured any more: no system was asked.")
        if as_json or as_lines:
            write = session.printer(as_lines=as_lines)
            write("fedesk-trace/1", found.environment, desk.clock.now(), **_document(found))
        elif found.traces:
            zone = "UTC" if facts is None else facts.timezone
            output.table(COLUMNS, [_row(one, zone) for one in found.traces], "")
    return _told(found, kept)


def _kept(desk: "Desk", text: str | None, environment: str | None) -> "tuple[str, Kept]":
    """The id, and what the store has of it.

    Raises StopError for what is no id, for a beginning of none or several, and for a beginning where the
    store, which alone could complete it, cannot be read.
    """
    from fedesk.services.tracing import kept_of

    if text is None:
        wanted = newest(desk, environment).plan.operation
    else:
        wanted = text.strip().lower()
        if _BEGINNING.fullmatch(wanted) is None:
            raise _malformed(text)
    kept = kept_of(lambda: desk.store, wanted)
    if kept.operation is None and minted_at(wanted) is None:
        if kept.error:
            raise session.StopError(kept.error, Exit.AUDIT_UNAVAILABLE)
        if len(wanted) == _WHOLE:
            raise _malformed(wanted)
        # Says whether there is none, or several.
        wanted = named(desk, wanted).plan.operation
        kept = kept_of(lambda: desk.store, wanted)
    return wanted, kept


def _malformed(text: str) -> session.StopError:
    return session.StopError(
        f"{text!r} is no operation's id: that is a UUIDv7, or the beginning of one that the store knows",
        Exit.USAGE,
    )


def _told(found: "Followed", kept: "Kept") -> Exit:
    """Say what is missing; the exit code."""
    for source in found.sources:
        for sentence in (*([source.error] if source.error else []), *source.limits):
            narrate(sentence)
    codes = [Exit.AUDIT_UNAVAILABLE] if kept.error else []
    codes.append(output.exit_for(found.failures))
    if not found.traces:
        asked = [one.name for one in found.sources if one.state is SourceState.NOTHING]
        narrate(f"Nothing is known of operation {found.operation} in {', '.join(asked) or 'any place'}.")
        codes += [Exit.FAILED] if gravest(codes) is Exit.DONE else []
    return gravest(codes)


def _row(trace: "Trace", zone: str) -> tuple[str, ...]:
    return output.when(trace.at, zone), trace.source, trace.said, trace.reference


def _document(found: "Followed") -> dict[str, Json]:
    return {
        "operation": found.operation,
        "known": found.known,
        "traces": [
            {
                "at": output.instant(one.at),
                "source": one.source,
                "said": one.said,
                "reference": one.reference or None,
                "link": one.link or None,
            }
            for one in found.traces
        ],
        "sources": [_source(one) for one in found.sources],
    }


def _source(source: "Source") -> Json:
    system: System | None = source.system
    return {
        "name": source.name,
        "system": None if system is None else system.value,
        "state": source.state.value,
        "error": source.error or None,
        "limits": list(source.limits),
    }
