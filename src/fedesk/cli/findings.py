"""``fedesk findings``: what is wrong, who has it, and what people on call say of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column, Json
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.board import Board
    from fedesk.domain.front import Finding
    from fedesk.domain.marks import FindingState, Marks, Quiet
    from fedesk.execution import Desk

COLUMNS = (
    Column(title="FINDING", importance=9),
    Column(title="SEVERITY", importance=5),
    Column(title="SINCE", importance=6),
    Column(title="SUBJECT", importance=9),
    Column(title="WHY", importance=8, is_text=True),
    Column(title="WHO HAS IT", importance=7),
    Column(title="QUIET UNTIL", importance=4),
    Column(title="OWNER", importance=3),
)

FindingArgument = Annotated[
    str,
    typer.Argument(
        metavar="FINDING", help="By what `findings list` calls it, or by its subject, run or operation."
    ),
]
UntilArgument = Annotated[
    str,
    typer.Argument(
        metavar="UNTIL", help="Like 2h, 06:00 or '2026-11-21 06:00', on the environment's clocks."
    ),
]


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found wrong at one look, and what was said of it."""

    desk: "Desk"
    board: "Board"
    code: Exit
    """8 where a system could not be read."""

    @property
    def environment(self) -> str:
        """Its name."""
        return self.desk.environment.name

    @property
    def marks(self) -> "Marks":
        """What was said, as the store has it by now. Raises StoreError."""
        return self.desk.marking.known(self.environment)

    def marks_if_there(self) -> "Marks":
        """What was said. A store that cannot be read is told of; what is wrong is listed all the same."""
        from fedesk.domain.marks import Marks
        from fedesk.ports.operation_store import StoreError

        try:
            return self.marks
        except StoreError as error:
            output.narrate(f"{error} Who has what, and what is quiet, is not known.")
            return Marks()

    def finding(self, text: str) -> "Finding":
        """The one that is meant. Raises StopError where that is none, or several."""
        from fedesk.domain.marks import key_of, named, short_of

        found = named(self.board.findings, text)
        if len(found) == 1:
            return found[0]
        if not found:
            where = f"{text!r} in {self.environment}"
            sentence = f"Nothing is wrong with {where}; `fedesk findings list --all` has what is"
            raise session.StopError(sentence, Exit.FAILED)
        names = ", ".join(f"{_short(short_of(key_of(one)))} ({one.kind})" for one in found)
        raise session.StopError(f"{text!r} names several findings; give one: {names}", Exit.USAGE)


@contextmanager
def look(context: typer.Context, config: Path | None, environment: str | None) -> Iterator[Looked]:
    """A look at every system, and the store open beside it. What could not be read is told."""
    desk = session.open_desk(context, config, environment)
    try:
        board = session.look_once(context, desk, desk.connections)
        session.tell_incomplete(board)
        failures = [snapshot.failure for snapshot in board.snapshots if snapshot.failure]
        for failure in failures:
            output.narrate(failure.sentence)
        yield Looked(desk, board, output.exit_for(failures))
    finally:
        desk.close()


def _short(name: str) -> str:
    from fedesk.domain.marks import SHORT

    return name[:SHORT]


def list_findings(
    context: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", help="Those that are snoozed or silenced too, and all that is silenced.")
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List what is wrong: what pages first, the newest first, and who has it.

    Exit code 8 when a system could not be read; what is known is printed all the same.
    """
    with look(context, config, environment) as looked:
        marks, now = looked.marks_if_there(), looked.board.at
        states = {one.id: marks.state(one, now) for one in looked.board.findings}
        listed = [one for one in looked.board.findings if every or states[one.id].quiet is None]
        left_out = len(looked.board.findings) - len(listed)
        if as_json or as_lines:
            documents: list[Json] = [document(one, states[one.id]) for one in listed]
            quiets: list[Json] = [quiet_document(one) for one in (marks.quiets(now) if every else ())]
            session.printer(as_lines=as_lines)(
                "fedesk-findings/1", looked.environment, now, findings=documents, quiets=quiets
            )
        else:
            output.table(
                COLUMNS,
                [_row(looked, one, marks) for one in listed],
                f"nothing is wrong in {looked.environment}",
            )
        if left_out:
            output.narrate(
                f"{left_out} quiet: `fedesk findings list --all` has {'it' if left_out == 1 else 'them'}."
            )
        return looked.code


def _row(looked: Looked, finding: "Finding", marks: "Marks") -> tuple[str, ...]:
    from fedesk.domain.marks import key_of, short_of

    zone, state = looked.desk.environment.timezone, marks.state(finding, looked.board.at)
    return (
        _short(short_of(key_of(finding))),
        finding.severity.value,
        output.when(finding.since, zone),
        finding.subject,
        finding.what,
        state.holder,
        output.when(state.quiet.until, zone) if state.quiet else "",
        finding.owner,
    )


def acknowledge(
    context: typer.Context,
    finding: FindingArgument,
    release: Annotated[bool, typer.Option("--release", help="Give it back: nobody has it.")] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Say that you have it. It stays in the queue, and every desk says who has it.

    Of a failed run that holds until it works again; of what has no run, as a connection, for a day.
    """

    def write(looked: Looked, found: "Finding") -> str:
        marking = looked.desk.marking
        if release:
            marking.release(looked.environment, found)
            return "given back, nobody has it"
        marking.acknowledge(looked.environment, found)
        return "you have it"

    return _say(context, finding, write, environment, config, as_json=as_json)


def assign(
    context: typer.Context,
    finding: FindingArgument,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Who is to have it.")],
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Give it to somebody."""

    def write(looked: Looked, found: "Finding") -> str:
        looked.desk.marking.assign(looked.environment, found, person)
        return f"{person} has it"

    return _say(context, finding, write, environment, config, as_json=as_json)


def note(
    context: typer.Context,
    finding: FindingArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Write something down about it. Secrets in it are hidden."""

    def write(looked: Looked, found: "Finding") -> str:
        looked.desk.marking.note(looked.environment, found, text)
        return "noted"

    return _say(context, finding, write, environment, config, as_json=as_json)


def snooze(
    context: typer.Context,
    finding: FindingArgument,
    until: UntilArgument,
    reason: Annotated[str, typer.Argument(metavar="[REASON]", help="Why it can wait.")] = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Keep it out of the queue until a time, 30 days at most; then it is there again.

    The next failure of the same pipeline is another finding.
    """

    def write(looked: Looked, found: "Finding") -> str:
        moment = _moment(looked, until)
        looked.desk.marking.snooze(looked.environment, found, moment, reason)
        return f"snoozed until {output.when(moment, looked.desk.environment.timezone)}"

    return _say(context, finding, write, environment, config, as_json=as_json)


def silence(
    context: typer.Context,
    finding: FindingArgument,
    until: UntilArgument,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why nobody need look.")],
    owner: Annotated[
        str, typer.Option("--owner", metavar="PERSON", help="Who answers for it; you if left out.")
    ] = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Keep all of its kind on its subject out of the queue, the next failures too; 7 days at most."""

    def write(looked: Looked, found: "Finding") -> str:
        moment = _moment(looked, until)
        looked.desk.marking.silence(looked.environment, found, moment, reason, owner)
        when = output.when(moment, looked.desk.environment.timezone)
        return f"every {found.kind} of it is silenced until {when}"

    return _say(context, finding, write, environment, config, as_json=as_json)


def lift(
    context: typer.Context,
    finding: FindingArgument,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Take back a snooze or a silence, before it ends by itself."""
    from fedesk.domain.marks import key_of, short_of, theme_of

    with look(context, config, environment) as looked:
        found = _named_quiet(looked, finding)
        keys = [one.key for one in found]
        if not keys:
            meant = looked.finding(finding)
            keys = [key_of(meant), theme_of(meant)]
        lifted = looked.desk.marking.lift(looked.environment, keys)
        if as_json:
            _print(looked, [one for one in looked.board.findings if {key_of(one), theme_of(one)} & set(keys)])
        else:
            for one in lifted:
                output.line(f"{_short(short_of(one.key))} {one.about}: {one.kind} lifted")
    return Exit.DONE


def _named_quiet(looked: Looked, text: str) -> "list[Quiet]":
    """What is quiet under a name of `findings list --all`, whether anything is wrong with it now or not."""
    from fedesk.domain.marks import short_of

    quiets = looked.marks.quiets(looked.board.at)
    return [one for one in quiets if text in (one.about, _short(short_of(one.key)))]


def _moment(looked: Looked, text: str) -> datetime:
    from fedesk.domain.durations import parse_until

    try:
        return parse_until(text, looked.board.at, ZoneInfo(looked.desk.environment.timezone))
    except ValueError as error:
        raise session.StopError(f"UNTIL: {error}", Exit.USAGE) from None


def _say(
    context: typer.Context,
    text: str,
    write: "Callable[[Looked, Finding], str]",
    environment: str | None,
    config: Path | None,
    *,
    as_json: bool,
) -> int:
    with look(context, config, environment) as looked:
        finding = looked.finding(text)
        said = write(looked, finding)
        if as_json:
            _print(looked, [finding])
        else:
            output.line(f"{finding.subject}: {said}")
    return Exit.DONE


def _print(looked: Looked, findings: "list[Finding]") -> None:
    marks, now = looked.marks, looked.board.at
    documents: list[Json] = [document(one, marks.state(one, now)) for one in findings]
    output.document("fedesk-findings/1", looked.environment, now, findings=documents, quiets=[])


def document(finding: "Finding", state: "FindingState") -> dict[str, Json]:
    """A finding, and what people said of it."""
    from fedesk.domain.marks import key_of, short_of

    return {
        "id": short_of(key_of(finding))[:_ID],
        "finding": key_of(finding),
        "kind": finding.kind,
        "severity": finding.severity.value,
        "state": finding.state.value,
        "subject": finding.subject,
        "what": finding.what,
        "since": output.instant(finding.since),
        "owner": finding.owner or None,
        "todo": finding.todo or None,
        "run": str(finding.run) if finding.run else None,
        "operation": finding.operation or None,
        "link": finding.link or None,
        "holder": state.holder or None,
        "held_since": output.instant(state.held_since),
        "assigned_by": state.assigned_by or None,
        "quiet": quiet_document(state.quiet) if state.quiet else None,
        "notes": [{"at": output.instant(one.at), "by": one.by, "said": one.said} for one in state.notes],
    }


def quiet_document(quiet: "Quiet") -> dict[str, Json]:
    """What is snoozed or silenced."""
    from fedesk.domain.marks import short_of

    return {
        "id": short_of(quiet.key)[:_ID],
        "about": quiet.about,
        "kind": quiet.kind.value,
        "since": output.instant(quiet.since),
        "until": output.instant(quiet.until),
        "by": quiet.by,
        "owner": quiet.owner,
        "reason": quiet.said or None,
    }


_ID = 12
"""Characters of a name in a document; its beginning is what the table shows."""
