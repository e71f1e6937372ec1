"""``fedesk audit merge``: what was done with broken glass without the team's store, brought into its log."""

from contextlib import closing
from typing import TYPE_CHECKING

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Json, narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.store.merging import Merged


def merge(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Bring this machine's log of broken glass into the team's, once its store answers again.

    The log is verified first, and its operations have ended, or were settled. What was done with broken glass
    waits for a review then, as ever. The file is kept, under the name of its log.
    """
    from fedesk.apart import local_file
    from fedesk.store.merging import merge as merged_from
    from fedesk.store.postgres_store import PostgresStore

    with closing(session.open_desk(context, config, environment)) as desk:
        store, file = desk.store, local_file()
        found = None
        if isinstance(store, PostgresStore):
            found = merged_from(file, store, actor=desk.actor, at=desk.clock.now())
        elif file.exists():
            sentence = f"{file} is merged into a team's log, and store.url names one person's file"
            raise session.StopError(sentence, Exit.USAGE)
        if found is not None and found.left:
            narrate(found.left)
        if as_json:
            document = None if found is None else _document(found)
            output.document("fedesk-audit-merge/1", None, desk.clock.now(), merged=document)
        else:
            for line in _lines(found):
                output.line(line)
    return Exit.CONFLICT if found is not None and found.left else Exit.DONE


def _lines(found: "Merged | None") -> list[str]:
    if found is None:
        return ["there is no local log to merge"]
    lines = [f"nothing of {found.log} was left to merge"]
    if found.records:
        count = len(found.operations)
        told = f" and {count} {'operation' if count == 1 else 'operations'}" if count else ""
        lines = [f"{found.log}: {found.records} records{told} merged, up to record {found.recorded}"]
    lines += [
        f"record {seq} waits for a review by somebody else: `fedesk audit review {seq} --said TEXT`"
        for seq in found.waiting
    ]
    return lines if found.left else [*lines, f"it is kept in {found.file}"]


def _document(found: "Merged") -> dict[str, Json]:
    return {
        "log": found.log,
        "records": found.records,
        "operations": list(found.operations),
        "recorded": found.recorded or None,
        "waiting": list(found.waiting),
        "file": str(found.file),
        "left": found.left or None,
    }
