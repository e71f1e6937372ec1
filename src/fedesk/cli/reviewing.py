"""``fedesk audit review``: what was done past the rules, and that somebody else has looked at it."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.audit import record_document
from fedesk.cli.output import Column, Json
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.audit import AuditRecord

COLUMNS = (
    Column(title="SEQ", importance=9, align="right"),
    Column(title="TIME", importance=8),
    Column(title="PERSON", importance=9),
    Column(title="TARGET", importance=8, is_text=True),
    Column(title="REASON", importance=7, is_text=True),
    Column(title="WHAT", importance=6, is_text=True),
    Column(title="ROTATE", importance=5),
)


def review(
    context: typer.Context,
    seq: Annotated[
        int | None,
        typer.Argument(metavar="SEQ", min=1, help="The record's number; lists what waits if left out."),
    ] = None,
    said: Annotated[str, typer.Option("--said", metavar="TEXT", help="What you found.")] = "",
    rotated: Annotated[
        bool,
        typer.Option("--rotated", help="The emergency credential that was used is another one since."),
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Review a record of broken glass that is somebody else's, or list those that wait for it.

    Until then it is a finding that pages, on every desk. A record that tells of an emergency credential
    wants --rotated: it was on a person's machine.
    """
    from fedesk.domain.reviews import wants_rotation

    if seq is None and (said or rotated):
        sentence = "Name the record: `fedesk audit review SEQ --said TEXT`"
        raise session.StopError(sentence, Exit.USAGE)
    if seq is not None and as_lines:
        raise session.StopError("--json-lines is for the list; give --json", Exit.USAGE)
    with closing(session.open_desk(context, config, environment)) as desk:
        if seq is not None:
            found = desk.reviewing.review(seq, said, rotated=rotated)
            fields: dict[str, Json] = {
                "reviewed": found.reviewed,
                "at": output.instant(found.at),
                "by": found.by,
                "said": found.said,
                "rotated": rotated,
                "audit": found.record,
            }
            if as_json:
                output.document("fedesk-review/1", None, desk.clock.now(), review=fields)
            else:
                output.line(f"record {found.reviewed} is reviewed, in record {found.record}")
            return Exit.DONE
        waiting = desk.reviewing.waiting(environment)
        if as_json or as_lines:
            documents: list[Json] = [
                {**record_document(one), "wants_rotation": wants_rotation(one.draft)} for one in waiting
            ]
            session.printer(as_lines=as_lines)(
                "fedesk-reviews/1", environment, desk.clock.now(), records=documents
            )
        else:
            zone = desk.environment.timezone
            output.table(COLUMNS, [_row(one, zone) for one in waiting], "nothing waits for a review")
    return Exit.DONE


def _row(record: "AuditRecord", zone: str) -> tuple[str, ...]:
    from fedesk.domain.reviews import wants_rotation

    draft = record.draft
    return (
        str(record.seq),
        output.when(draft.at, zone),
        draft.actor.person,
        draft.target,
        draft.reason,
        draft.result,
        "yes" if wants_rotation(draft) else "",
    )
