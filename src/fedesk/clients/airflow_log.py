"""A task's log: Airflow's structured events as lines of text. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

_LEVELS = {"warn": "WARNING"}
_TOLD = frozenset({"timestamp", "level", "event", "error_detail"})
_OF_THE_TASK = frozenset(
    {"logger", "filename", "lineno", "ti_id", "task_id", "try_number", "dag_id", "map_index", "run_id"}
)
"""What every event repeats of its task, and where in Airflow's source it was written: noise to a reader."""


def lines(events: Iterable[dict[str, Any] | str]) -> str:
    """Events as text, each line ended by LF: ``timestamp LEVEL event key=value`` and a traceback below.

    An event may have many lines itself. Markers of groups (``::group::``) stay as they are.
    """
    return "".join(f"{line}\n" for event in events for told in _of(event) for line in _split(told))


def _of(event: dict[str, Any] | str) -> Iterator[str]:
    if isinstance(event, str):
        yield from _split(event)
        return
    said = event.get("event")
    first, *rest = _split(said if isinstance(said, str) else json.dumps(said))
    more = " ".join(
        f"{key}={_flat(value)}"
        for key, value in event.items()
        if key not in _TOLD and key not in _OF_THE_TASK and value is not None
    )
    level = str(event.get("level") or "")
    head = (str(event.get("timestamp") or ""), _LEVELS.get(level, level.upper()), first, more)
    yield " ".join(part for part in head if part)
    yield from rest
    for failure in _dicts(event.get("error_detail")):
        yield from _traceback(failure)


def _flat(value: object) -> str:
    return " ".join(_split(value)) if isinstance(value, str) else json.dumps(value)


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _traceback(failure: dict[str, Any]) -> Iterator[str]:
    frames = _dicts(failure.get("frames"))
    if frames:
        yield "Traceback (most recent call last):"
    for frame in frames:
        yield f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
    yield from _split(f"{failure.get('exc_type')}: {failure.get('exc_value')}")
    notes = failure.get("exc_notes")
    for note in notes if isinstance(notes, list) else ():
        yield from _split(str(note))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
