"""``fedesk audit``: the record of what was changed, refused and looked at, and whether it is whole."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import typer

from fedesk.cli import acts, apart, output, session
from fedesk.cli.operations import named
from fedesk.cli.output import Column, Json, narrate
from fedesk.cli.progress import under_way
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.audit import AuditRecord
    from fedesk.domain.operations import Plan
    from fedesk.execution import Desk

COLUMNS = (
    Column(title="SEQ", importance=9, align="right"),
    Column(title="TIME", importance=8),
    Column(title="PERSON", importance=7),
    Column(title="ACTION", importance=6),
    Column(title="PHASE", importance=8),
    Column(title="TARGET", importance=9, is_text=True),
    Column(title="RESULT", importance=6, is_text=True),
    Column(title="REASON", importance=5, is_text=True),
    Column(title="OPERATION", importance=4),
)


def tail(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=100_000, help="How many at most.")
    ] = 20,
    operation: Annotated[
        str | None, typer.Option("--operation", metavar="ID", help="Only of this operation.")
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Print the newest records, oldest first, of every environment unless --env names one."""
    with closing(apart.open_desk(context, config, environment, operation)) as desk:
        wanted = None if operation is None else _operation(desk, operation)
        records = desk.store.tail(limit, environment=environment, operation=wanted)
        if as_json or as_lines:
            documents: list[Json] = [record_document(one) for one in records]
            session.printer(as_lines=as_lines)(
                "fedesk-audit/1", environment, desk.clock.now(), records=documents
            )
        else:
            zone = desk.environment.timezone
            rows = [_row(one, zone) for one in records]
            output.table(COLUMNS, rows, "there is no such record in the audit log")
    return Exit.DONE


_WHOLE_ID = 36


def _operation(desk: "Desk", text: str) -> str:
    """The whole id: what was refused has records and no operation, so a whole one is taken as it is."""
    return text.lower() if len(text) == _WHOLE_ID else named(desk, text).plan.operation


def record_document(record: "AuditRecord") -> dict[str, Json]:
    """An audit record's fields, with its hash."""
    draft = record.draft
    return {
        "seq": record.seq,
        "time": draft.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "actor": {
            "person": draft.actor.person,
            "known_by": draft.actor.known_by,
            "host": draft.actor.host,
            "pid": draft.actor.pid,
        },
        "environment": draft.environment,
        "action": draft.action,
        "target": draft.target,
        "operation": draft.operation or None,
        "phase": draft.phase.value,
        "plan_digest": draft.plan_digest or None,
        "reason": draft.reason or None,
        "result": draft.result or None,
        "links": list(draft.links),
        "hash": record.hash,
    }


def _row(record: "AuditRecord", zone: str) -> tuple[str, ...]:
    """The same for a table."""
    draft = record.draft
    return (
        str(record.seq),
        output.when(draft.at, zone),
        draft.actor.person,
        draft.action,
        draft.phase.value,
        draft.target,
        draft.result,
        draft.reason,
        draft.operation,
    )


def show(
    context: typer.Context,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The record's number.")],
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show one record, with the plan it tells of."""
    with closing(apart.open_desk(context, config, environment)) as desk:
        record = desk.store.record(seq)
        if record is None:
            sentence = f"There is no record {seq}; `fedesk audit tail` has the newest"
            raise session.StopError(sentence, Exit.FAILED)
        operation = desk.store.operation(record.draft.operation) if record.draft.operation else None
        plan = operation.plan if operation is not None else None
        digest = operation.digest if operation is not None else ""
        if as_json:
            output.document(
                "fedesk-audit-record/1",
                record.draft.environment or None,
                desk.clock.now(),
                record=record_document(record),
                plan=acts.plan_document(plan, digest) if plan is not None else None,
            )
        else:
            _print_record(record, plan)
        if operation is not None and record.draft.plan_digest not in ("", digest):
            narrate(f"The record's plan digest is not that of the stored plan, {digest}: verify the log.")
    return Exit.DONE


def _print_record(record: "AuditRecord", plan: "Plan | None") -> None:
    document = record_document(record)
    actor = record.draft.actor
    document["actor"] = f"{actor.person} (by {actor.known_by}) on {actor.host}, pid {actor.pid}"
    document["links"] = " ".join(record.draft.links)
    known = [(name.replace("_", " "), str(value)) for name, value in document.items() if value]
    output.facts([*known, *(acts.plan_facts(plan) if plan is not None else [])])


def export(
    context: typer.Context,
    form: Annotated[
        Literal["jsonl"], typer.Option("--format", metavar="jsonl", help="One record a line.")
    ] = "jsonl",
    target: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to; standard output if left out.")
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Write the whole log, one record a line, so that another program can verify it (docs/audit.md).

    The export is recorded in the log before it is written, and is its last record.
    """
    if as_json and target is None:
        sentence = "--json tells of an export to a file; name it with --output"
        raise session.StopError(sentence, Exit.USAGE)
    with closing(session.open_desk(context, config, environment)) as desk:
        with _writing(target) as stream:
            last = _record_export(desk, "standard output" if target is None else str(target.absolute()))
            count, head = 0, ""
            with under_way(f"exporting {last} records of the audit log") if target else nullcontext():
                for record in desk.store.stream():
                    if record.seq > last:
                        break
                    stream.write(line_of(record))
                    count, head = count + 1, record.hash
            stream.flush()
        if as_json:
            output.document(
                "fedesk-audit-export/1",
                None,
                desk.clock.now(),
                format=form,
                file=str(target),
                records=count,
                head=head,
            )
        else:
            narrate(f"{count} records exported; head {head}")
    return Exit.DONE


def line_of(record: "AuditRecord") -> bytes:
    """A line of an export: ``{"hash":"…64 digits…","record":…}``, with the stored bytes as they are.

    They are the line from its 85th byte up to its closing brace, for a program that does not write JSON
    as RFC 8785 wants it.
    """
    return b'{"hash":"' + record.hash.encode("ascii") + b'","record":' + record.raw + b"}\n"


def _record_export(desk: "Desk", target: str) -> int:
    """Record that the log is exported; raises StoreError, and then nothing is written."""
    from fedesk.domain.audit import AuditDraft, Phase

    draft = AuditDraft(
        at=desk.clock.now(),
        actor=desk.actor,
        environment="",
        action="audit-export",
        target=target,
        phase=Phase.EXPORT,
    )
    return desk.store.append(draft).audit_seq or 0


@contextmanager
def _writing(target: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file of one's own that takes its name once it is whole."""
    if target is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise session.StopError(f"{target} could not be written: {said}", Exit.FAILED) from None
