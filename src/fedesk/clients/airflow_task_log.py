"""Reading the log of a task's try, from its start: Airflow has no way to ask for the end of one.

The log of a try that has ended is one answer of JSON lines (``application/x-ndjson``), held open between two
pieces; where it was lost, it is asked for anew and the events that were handed on are skipped. A stream ends
with what there is while a task runs, and begins at the start whatever the token (read in 3.3.2's
``TaskLogReader``): such a log is read in JSON, by tokens. So is one of an Airflow that streams none (3.0).
"""

import json
from contextlib import suppress
from typing import Any

import msgspec

from fedesk.clients import airflow_log
from fedesk.clients.airflow_json import LogPage, TaskInstanceJson, decode
from fedesk.clients.airflow_session import NDJSON, AirflowSession, quoted_path
from fedesk.clients.http import LineStream, Query
from fedesk.domain.names import TaskName
from fedesk.domain.runs import LogChunk
from fedesk.ports.errors import NotFoundError, ProtocolError, UnreachableError

FIRST = 256 * 1024
"""Bytes of a stream's first piece: the sooner something is seen."""
PIECE = 1024 * 1024
"""Bytes of each that follows."""

_NOT_BEGUN = (None, "scheduled", "queued")
_GROWING = ("running", "deferred")


class _Place(msgspec.Struct, omit_defaults=True):
    """Where reading goes on in the log of a try."""

    try_number: int
    token: str = ""
    """The server's own, of a log that is read in JSON."""
    ended: bool = False
    """Whether all was handed on."""
    events: int | None = None
    """Events that were handed on of a stream; None of a log that is read in JSON."""

    @property
    def cursor(self) -> str:
        return msgspec.json.encode(self).decode()


def read_log(session: AirflowSession, run: str, task: TaskName, cursor: str) -> LogChunk:
    """The piece behind ``cursor``; ``run`` is the path of the run. Raises SourceError."""
    place = _parse(cursor) if cursor else _begin(session, run, task)
    if place is None:
        return LogChunk(text="", cursor="", complete=False)
    if place.ended:
        return LogChunk(text="", cursor=cursor, complete=True)
    path = f"{run}{quoted_path('taskInstances', task.task, 'logs', place.try_number)}"
    mapped: list[tuple[str, str | int]] = [] if task.map_index is None else [("map_index", task.map_index)]
    if place.events is not None:
        streamed = _streamed(session, path, mapped, place)
        if streamed is not None:
            return streamed
    return _by_token(session, path, mapped, place)


def _parse(cursor: str) -> _Place:
    try:
        return msgspec.json.decode(cursor, type=_Place)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"the place in the log is not one that Airflow's client gave: {error}") from None


def _begin(session: AirflowSession, run: str, task: TaskName) -> _Place | None:
    """Which try to read, from the task instance as it stands; None while there is nothing to be read yet."""
    mapped = () if task.map_index is None else (task.map_index,)
    answer = session.get(f"{run}{quoted_path('taskInstances', task.task, *mapped)}")
    instance = decode(answer.body, TaskInstanceJson, session.endpoint.name)
    newest = instance.try_number
    wanted = newest if task.try_number is None else task.try_number
    if instance.state in _NOT_BEGUN and wanted >= newest:
        return None
    if wanted == 0 or (wanted == newest and instance.start_date is None):
        raise NotFoundError(
            f"{task.task} of {session.endpoint.name} never ran ({instance.state}): it has no log"
        )
    grows = instance.state in _GROWING and wanted >= newest
    return _Place(try_number=wanted, events=None if grows else 0)


def _by_token(session: AirflowSession, path: str, mapped: Query, place: _Place) -> LogChunk:
    answer = session.get(path, [*mapped, *([("token", place.token)] if place.token else ())])
    page = decode(answer.body, LogPage, session.endpoint.name)
    content = [page.content] if isinstance(page.content, str) else page.content
    following = _Place(
        try_number=place.try_number,
        token=page.continuation_token or "",
        ended=page.continuation_token is None,
    )
    return LogChunk(text=airflow_log.lines(content), cursor=following.cursor, complete=following.ended)


def _streamed(session: AirflowSession, path: str, mapped: Query, place: _Place) -> LogChunk | None:
    """The next piece of a stream; None where the server gives none."""
    log = f"{path} {mapped}"
    held = session.held.take(f"{log} {place.cursor}")
    if held is not None:
        # A server waits for its reader only so long: what it has broken off is asked for anew.
        with suppress(UnreachableError):
            return _piece(session, log, place, held)
    try:
        stream = session.lines(path, mapped)
    except (ProtocolError, UnreachableError):
        if place.events:
            raise
        return None
    if stream.content_type == NDJSON:
        return _piece(session, log, place, stream, skip=place.events or 0)
    stream.close()
    return None


def _piece(
    session: AirflowSession, log: str, place: _Place, stream: LineStream, *, skip: int = 0
) -> LogChunk:
    """A piece of a stream behind ``skip`` events; where it goes on, it is held for whoever reads on."""
    handed_on = place.events or 0
    lines, more = _lines(stream, handed_on)
    while more and len(lines) <= skip:
        skip -= len(lines)
        lines, more = _lines(stream, handed_on)
    lines = lines[skip:]
    following = _Place(place.try_number, ended=not more, events=handed_on + len(lines))
    if more:
        session.held.keep(f"{log} {following.cursor}", stream)
    else:
        stream.close()
    text = airflow_log.lines(_events(lines, session.endpoint.name))
    return LogChunk(text=text, cursor=following.cursor, complete=following.ended)


def _lines(stream: LineStream, handed_on: int) -> tuple[list[bytes], bool]:
    body, more = stream.read(PIECE if handed_on else FIRST)
    return body.removesuffix(b"\n").split(b"\n") if body else [], more


def _events(lines: list[bytes], where: object) -> list[dict[str, Any] | str]:
    """A line is an event in JSON; what the server says about the stream itself is a plain text."""
    try:
        return decode(b"[" + b",".join(lines) + b"]", list[dict[str, Any] | str], where)
    except ProtocolError:
        return [_event(line) for line in lines]


def _event(line: bytes) -> dict[str, Any] | str:
    text = line.decode("utf-8", "replace")
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return event if isinstance(event, dict) else text
