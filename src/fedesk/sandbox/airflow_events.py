"""Airflow's event log: who asked for which change, with the body of the request [seen on 3.3.2].

An entry is written before it is known whether the request is allowed or can be carried out, and tells nothing
of how it ended. A dry run of a clear is not noted.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox.airflow_documents import Document, answer_json, text
from fedesk.sandbox.airflow_query import Bounds, Keys, Paging

CLEAR = "post_clear_task_instances"
_STARTED = timedelta(days=3650)
"""How long before the world's start its Airflows were set up."""
_QUERY = {"dag_id": "dag_id", "task_id": "task_id", "run_id": "run_id", "owner": "owner", "event": "event"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry."""

    number: int
    environment: str
    when: datetime
    event: str
    owner: str
    extra: str
    """JSON: the request's body, and its method."""
    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None


class EventLog:
    """What was asked for, after an old entry of Airflow's own; safe from several threads."""

    def __init__(self, start: datetime) -> None:
        self._lock = threading.Lock()
        self._began = start - _STARTED
        self._events: list[Event] = []

    def note(
        self, environment: str, *, when: datetime, owner: str, dag_id: str, body: Mapping[str, object]
    ) -> None:
        """Note a clear that somebody asks for; its body as it came."""
        run_id = body.get("dag_run_id")
        with self._lock:
            self._events.append(
                Event(
                    number=len(self._events) + 2,
                    environment=environment,
                    when=when,
                    event=CLEAR,
                    owner=owner,
                    extra=json.dumps({**body, "method": "POST"}),
                    dag_id=dag_id,
                    run_id=run_id if isinstance(run_id, str) else None,
                )
            )

    def events(self, environment: str) -> list[Event]:
        """Of one environment, oldest first."""
        first = Event(
            number=1,
            environment=environment,
            when=self._began,
            event="cli_api_server",
            owner="airflow",
            extra='{"host_name": "airflow-0", "full_command": "[\'airflow\', \'api-server\']"}',
        )
        with self._lock:
            return [first, *(event for event in self._events if event.environment == environment)]


def answer(events: list[Event], request: Request) -> Response:
    """``GET eventLogs``."""
    query = request.query_params
    between = Bounds.of({"at_gt": query.get("after"), "at_lt": query.get("before")}, "at", "query")
    included, excluded = query.getlist("included_events"), query.getlist("excluded_events")
    found = [
        event
        for event in events
        if all(name not in query or getattr(event, field) == query[name] for name, field in _QUERY.items())
        and between.hold(event.when)
        and (not included or event.event in included)
        and event.event not in excluded
    ]
    keys: Keys[Event] = {
        "id": lambda event: float(event.number),
        "event_log_id": lambda event: float(event.number),
        "when": lambda event: event.when,
        "dttm": lambda event: event.when,
        "dag_id": lambda event: event.dag_id,
        "task_id": lambda event: event.task_id,
        "run_id": lambda event: event.run_id,
        "event": lambda event: event.event,
        "owner": lambda event: event.owner,
        "extra": lambda event: event.extra,
    }
    page = Paging.of_query(query).page(found, keys, "id")
    return answer_json({"event_logs": [_document(event) for event in page.rows], "total_entries": page.total})


def _document(of: Event) -> Document:
    """EventLogResponse."""
    return {
        "event_log_id": of.number,
        "when": text(of.when),
        "dag_id": of.dag_id,
        "task_id": of.task_id,
        "run_id": of.run_id,
        "map_index": None,
        "try_number": None,
        "event": of.event,
        "logical_date": None,
        "owner": of.owner,
        "extra": of.extra,
        "dag_display_name": of.dag_id,
        "task_display_name": None,
    }
