"""The body of a clear, read as Airflow 3.3 reads it, with FastAPI's words for what it does not accept."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from fedesk.sandbox.airflow_login import RefusedError

_NOTE_LIMIT = 1000
_PAIR = 2
_WORDS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearBody:
    """ClearTaskInstancesBody: note that dry_run, only_failed and reset_dag_runs are true unless said."""

    dry_run: bool = True
    start_date: datetime | None = None
    end_date: datetime | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    task_ids: tuple[str | tuple[str, int], ...] | None = None
    dag_run_id: str | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: str | None = None

    @classmethod
    def of(cls, document: object) -> "ClearBody":
        """From JSON; raises RefusedError."""
        if document is None:
            raise RefusedError(422, [_problem("missing", (), "Field required", None)])
        if not isinstance(document, Mapping):
            raise RefusedError(500, "Internal Server Error")
        _check_whole(document)
        problems: list[dict[str, object]] = []
        found: dict[str, Any] = {}
        known = {each.name: each for each in fields(cls)}
        for name, value in document.items():
            each = known.get(name)
            if each is None:
                problems.append(_problem("extra_forbidden", (name,), "Extra inputs are not permitted", value))
            elif value is None and each.default is None:
                found[name] = None
            else:
                found[name] = _READERS.get(name, _flag)(name, value, problems)
        if problems:
            raise RefusedError(422, problems)
        return cls(**found)


def _check_whole(body: Mapping[str, object]) -> None:
    """What cannot be said together; raises RefusedError."""
    start, end, run = (body.get(name) for name in ("start_date", "end_date", "dag_run_id"))
    said = ""
    if body.get("only_failed") and body.get("only_running"):
        said = "only_failed and only_running both are set to True"
    elif start and end and str(start) > str(end):
        said = "end_date is sooner than start_date"
    elif start and end and run:
        said = "Exactly one of dag_run_id or (start_date and end_date) must be provided"
    elif start and run:
        said = "Exactly one of dag_run_id or start_date must be provided"
    elif end and run:
        said = "Exactly one of dag_run_id or end_date must be provided"
    elif body.get("task_ids") == []:
        said = "task_ids list should have at least 1 element."
    if said:
        problem = _problem("value_error", (), f"Value error, {said}", dict(body))
        raise RefusedError(422, [problem | {"ctx": {"error": {}}}])


Problems = list[dict[str, object]]


def _problem(kind: str, where: tuple[object, ...], said: str, given: object) -> dict[str, object]:
    return {"type": kind, "loc": ["body", *where], "msg": said, "input": given}


def _flag(name: str, value: object, problems: Problems) -> object:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if isinstance(value, str):
        said = "Input should be a valid boolean, unable to interpret input"
        problems.append(_problem("bool_parsing", (name,), said, value))
    else:
        problems.append(_problem("bool_type", (name,), "Input should be a valid boolean", value))
    return None


def _text(name: str, value: object, problems: Problems) -> object:
    if not isinstance(value, str):
        problems.append(_problem("string_type", (name,), "Input should be a valid string", value))
    elif name == "note" and len(value) > _NOTE_LIMIT:
        said = f"String should have at most {_NOTE_LIMIT} characters"
        problem = _problem("string_too_long", (name,), said, value)
        problems.append(problem | {"ctx": {"max_length": _NOTE_LIMIT}})
    return value


def _moment(name: str, value: object, problems: Problems) -> object:
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            return moment
        kind, said = "timezone_aware", "Input should have timezone info"
    except ValueError:
        kind, said = "datetime_from_date_parsing", "Input should be a valid datetime or date"
    problems.append(_problem(kind, (name,), said, value))
    return None


def _tasks(name: str, value: object, problems: Problems) -> object:
    if not isinstance(value, list):
        problems.append(_problem("list_type", (name,), "Input should be a valid list", value))
        return None
    return tuple(_task(name, place, each, problems) for place, each in enumerate(value))


def _task(name: str, place: int, value: object, problems: Problems) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == _PAIR and isinstance(value[0], str):
        try:
            return value[0], int(value[1])
        except (TypeError, ValueError):
            pass
    problems.append(_problem("string_type", (name, place, "str"), "Input should be a valid string", value))
    said = "Input should be a valid tuple"
    problems.append(_problem("tuple_type", (name, place, "tuple[str, int]"), said, value))
    return None


_READERS = {
    "start_date": _moment,
    "end_date": _moment,
    "task_ids": _tasks,
    "dag_run_id": _text,
    "note": _text,
}
