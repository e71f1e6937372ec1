"""``fedesk audit verify`` and ``audit checkpoint``: the log held against itself, and against its anchors."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import apart, output, session
from fedesk.cli.output import Json, narrate
from fedesk.cli.progress import under_way
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.checkpoints import Checkpoint
    from fedesk.services.checkpointing import SinkFound, Verified

_NO_ANCHOR = (
    "Not anchored: nothing outside the store says what the log was, so an end that was cut off, a log that "
    "was written anew and a restored backup would not show. See audit.anchors."
)


def verify(
    context: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also compare each record with what it tells of.")
    ] = False,
    from_checkpoint: Annotated[
        bool,
        typer.Option("--from-checkpoint", help="Read only what came after the newest good checkpoint."),
    ] = False,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoints", metavar="FILE", help="Hold the log against those in a file, too."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="FILE", help="The log in this SQLite file, held against no anchor."),
    ] = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Check the chain of the log, and hold it against what its anchors keep.

    Exit code 1 names the first record that is not as it was; 8 says that an anchor could not be read.
    """
    if deep and from_checkpoint:
        raise session.StopError("--deep reads every record, --from-checkpoint does not; give one", Exit.USAGE)
    if store is not None and (from_checkpoint or checkpoints):
        raise session.StopError("--store is held against no checkpoint; leave those out", Exit.USAGE)
    given = [(str(file), _text_of(file)) for file in checkpoints or ()]
    with closing(apart.open_desk(context, config, environment)) as desk:
        with under_way("verifying the audit log"):
            found = (
                desk.checkpointing.verify(deep=deep, from_newest=from_checkpoint, given=given)
                if store is None
                else _of_file(store, deep=deep)
            )
        if from_checkpoint and found.since is None:
            narrate("There is no good checkpoint to begin from: every record was read.")
        for sentence in found.unread:
            narrate(sentence)
        if as_json:
            output.document("fedesk-audit-verification/1", None, desk.clock.now(), **_document(found))
        else:
            _print(found, desk.config.audit.every)
    if found.flaw is not None:
        return Exit.FAILED
    return Exit.UNREACHABLE if found.unread else Exit.DONE


def _of_file(file: Path, *, deep: bool) -> "Verified":
    from fedesk.services.checkpointing import Verified
    from fedesk.store.condition import verify_file

    chain = verify_file(file, deep=deep)
    return Verified(
        chain=chain,
        sinks=(),
        flaw=chain.flaw,
        vouched=None,
        since=None,
        records=chain.records,
        head=chain.head,
        retired=(),
    )


def _text_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise session.StopError(f"{file} cannot be read: {said}", Exit.USAGE) from None


def _print(found: "Verified", every: int) -> None:
    flaw = found.flaw
    if flaw is None:
        output.line(f"{_read(found)} as they were written; head {found.head}")
    else:
        output.line(f"record {flaw.seq}: {flaw.said}")
        output.line(f"the {found.records} records before it are good; head {found.head}")
    output.line(_anchored(found))
    for sink in found.sinks:
        output.line(f"{sink.name}: {_kept(sink)}")
        # What could not be read is not known to be behind.
        if sink.behind >= every and not sink.error:
            narrate(_behind(sink))
    for one in found.retired:
        narrate(
            f"{one.sink} was given the checkpoint of record {one.mark.seq}, and is not configured any more."
        )


def _read(found: "Verified") -> str:
    if found.since is None:
        return f"{found.records} records are"
    after = found.records - found.since.mark.seq
    return f"{after} records after the checkpoint of record {found.since.mark.seq} are"


def _anchored(found: "Verified") -> str:
    if found.vouched is None:
        return _NO_ANCHOR
    return f"Anchored: the log agrees with what was anchored up to {_told(found.vouched)}."


def _kept(sink: "SinkFound") -> str:
    if sink.error:
        return "could not be read"
    if not sink.readable:
        given = "nothing yet" if sink.given is None else f"record {sink.given.mark.seq}, {_at(sink.given.at)}"
        return f"was given {given}; it is not read back (--checkpoints FILE)"
    if not sink.witnesses:
        return "holds no checkpoint of this log"
    count = len(sink.witnesses)
    newest = sink.witnesses[-1].checkpoint
    return f"{count} {'checkpoint' if count == 1 else 'checkpoints'}, the newest of {_told(newest)}"


def _behind(sink: "SinkFound") -> str:
    since = "it was never given any" if sink.given is None else f"its newest is of {_at(sink.given.at)}"
    return (
        f"{sink.name} is {sink.behind} records behind: {since}. `fedesk audit checkpoint` gives it one now."
    )


def _told(checkpoint: "Checkpoint") -> str:
    return f"record {checkpoint.mark.seq}, {_at(checkpoint.at)}"


def _at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _document(found: "Verified") -> dict[str, Json]:
    flaw = found.flaw
    return {
        "clean": flaw is None,
        "deep": found.chain.deep,
        "checked": {"chain": True, "anchor": found.vouched is not None},
        "records": found.records,
        "head": found.head,
        "flaw": None if flaw is None else {"seq": flaw.seq, "said": flaw.said},
        "from_checkpoint": _checkpoint(found.since),
        "checkpoints": found.checkpoints,
        "newest": _checkpoint(found.vouched),
        "anchors": [_sink(sink) for sink in found.sinks],
    }


def _sink(sink: "SinkFound") -> dict[str, Json]:
    given = sink.given
    return {
        "name": sink.name,
        "readable": sink.readable,
        "checkpoints": len(sink.witnesses),
        "given": None if given is None else {"seq": given.mark.seq, "time": output.instant(given.at)},
        "behind": None if sink.error else sink.behind,
        "error": sink.error or None,
    }


def _checkpoint(checkpoint: "Checkpoint | None") -> dict[str, Json] | None:
    if checkpoint is None:
        return None
    return {
        "log": checkpoint.log,
        "first": checkpoint.first,
        "seq": checkpoint.mark.seq,
        "hash": checkpoint.mark.hash,
        "time": output.instant(checkpoint.at),
    }


def checkpoint(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Make a checkpoint of the log as it stands now, and give it to every anchor.

    Exit code 6 where one of them does not have it.
    """
    from fedesk.ports.errors import SourceError

    with closing(session.open_desk(context, config, environment)) as desk:
        if not desk.config.audit.anchors:
            sentence = "No anchor is configured: write [[audit.anchors]] (docs/configuration.md)"
            raise session.StopError(sentence, Exit.USAGE)
        try:
            made = desk.checkpointing.make()
        except SourceError as error:
            raise session.StopError(str(error), Exit.AUDIT_UNAVAILABLE) from None
        errors: Sequence[str] = () if made is None else made.errors
        for sentence in errors:
            narrate(sentence)
        if as_json:
            attempts: list[Json] = [
                {"name": one.sink.name, "error": one.error or None}
                for one in (() if made is None else made.attempts)
            ]
            output.document(
                "fedesk-audit-checkpoint/1",
                None,
                desk.clock.now(),
                checkpoint=None if made is None else _checkpoint(made.checkpoint),
                signed_by=None if made is None else made.by or None,
                anchors=attempts,
            )
        elif made is None:
            output.line("the audit log has no record yet: there is nothing to anchor")
        else:
            by = f"signed by {made.by}" if made.by else "not signed"
            output.line(f"checkpoint of {_told(made.checkpoint)}, {by}; hash {made.checkpoint.mark.hash}")
            for one in made.attempts:
                output.line(f"{one.sink.name}: {'does not have it' if one.error else 'has it'}")
    return Exit.AUDIT_UNAVAILABLE if errors else Exit.DONE
