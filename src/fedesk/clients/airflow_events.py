"""Airflow's event log: who asked for which change, with the body of the request [seen on 3.3.2].

An entry is there for every change that was asked for, also for one that was refused; it does not tell how it
ended.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from fedesk.clients.airflow_json import EventLogJson, EventLogPage, decode
from fedesk.clients.airflow_session import AirflowSession
from fedesk.clients.wording import quoted


def read_page(
    session: AirflowSession, query: Iterable[tuple[str, str | int]]
) -> tuple[list[EventLogJson], datetime]:
    """One page of the log, and the server's clock. Raises ForbiddenError where it may not be read."""
    answer = session.get("/eventLogs", list(query))
    page = decode(answer.body, EventLogPage, session.endpoint.name)
    return page.event_logs, answer.at or datetime.now(UTC)


def texts(entry: EventLogJson) -> set[str]:
    """Every text in the body of a request, however deep: in one that changes many, notes lie inside."""
    return set(_strings(_body(entry)))


def note_of(entry: EventLogJson) -> str:
    """`` with the note "…"``, where the request had one."""
    document = _body(entry)
    note = document.get("note") if isinstance(document, dict) else None
    return f" with the note {quoted(note, limit=120)}" if isinstance(note, str) and note else ""


def asked_by(entry: EventLogJson) -> str:
    """Who asked, and when."""
    return f"{quoted(entry.owner or '?', limit=80)} at {entry.when:%Y-%m-%d %H:%M:%S} UTC"


def _body(entry: EventLogJson) -> object:
    try:
        document: object = json.loads(entry.extra or "null")
    except (ValueError, RecursionError):
        return None
    return document


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
