"""A task's log as Airflow 3.3 serves it: JSON with a continuation token, or a stream of JSON lines."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox.airflow_documents import Document, as_json, text
from fedesk.sandbox.airflow_login import Login, RefusedError
from fedesk.sandbox.airflow_query import whole_number
from fedesk.sandbox.model import LogLine, TaskInstance, TaskState
from fedesk.sandbox.world import World

_NDJSON = "application/x-ndjson"
_ACCEPTED = ("application/json", _NDJSON, "*/*", "application/*")
_GROWING = (TaskState.RUNNING, TaskState.DEFERRED)


def answer(world: World, login: Login, request: Request, instance: TaskInstance) -> Response:
    """``…/logs/{try_number}``; raises RefusedError."""
    accept = request.headers.get("accept", "*/*").partition(",")[0].partition(";")[0].strip()
    if accept not in _ACCEPTED:
        raise RefusedError(406, f"Only application/json or {_NDJSON} is supported")
    try_number = whole_number(request.path_params, "try_number", 0)
    sealed = request.query_params.get("token")
    read = login.unseal(sealed) if sealed else {}
    place = read.get("log_pos")
    skipped = place if isinstance(place, int) else None
    lines = _lines(world, instance, try_number)
    events = [*_header(instance, try_number, lines), *map(_event, lines)]
    if try_number == 0:
        events, lines = list(_never_ran(instance)), []
    elif skipped is not None:
        events = [_event(line) for line in lines[skipped:]]
    ended = try_number != instance.try_number or instance.state not in _GROWING
    if accept == _NDJSON:
        # A stream always tells events with a timestamp, null for those of the header.
        body = b"".join(as_json({"timestamp": None} | event) + b"\n" for event in events)
        return Response(body, media_type=_NDJSON)
    token = None if ended else login.seal({"end_of_log": False, "log_pos": len(lines)})
    return Response(as_json({"content": events, "continuation_token": token}), media_type="application/json")


def _lines(world: World, instance: TaskInstance, try_number: int) -> list[LogLine]:
    plan = instance.run
    if try_number == 0 and instance.try_number == 0:
        return []
    if all(attempt.try_number != try_number for attempt in instance.plan.attempts):
        raise RefusedError(404, "TaskInstance not found")
    if try_number > instance.try_number:
        raise RefusedError(404, "TaskInstance not found")
    try:
        log = world.task_log(
            plan.environment,
            plan.dag_id,
            plan.run_id,
            instance.spec.task_id,
            try_number,
            instance.plan.map_index,
        )
    except KeyError:
        return []  # scheduled or queued: there is no file yet
    return list(log.lines)


def _header(instance: TaskInstance, try_number: int, lines: list[LogLine]) -> Iterator[Document]:
    plan, index = instance.run, instance.plan.map_index
    mapped = f"map_index={index}/" if index >= 0 else ""
    folder = f"dag_id={plan.dag_id}/run_id={plan.run_id}/task_id={instance.spec.task_id}/{mapped}"
    yield {"event": "::group::Log message source details"}
    if lines:
        yield {"event": f"/opt/airflow/logs/{folder}attempt={try_number}.log"}
    yield {"event": "::endgroup::"}


def _event(line: LogLine) -> Document:
    event: Document = {"timestamp": text(line.at), "event": line.text, "level": line.level}
    return event | ({"logger": line.logger} if line.logger else {})


def _never_ran(instance: TaskInstance) -> Iterator[Document]:
    said = {
        TaskState.SKIPPED: "Task was skipped — no logs available.",
        TaskState.UPSTREAM_FAILED: "Task did not run because upstream task(s) failed.",
    }
    told = said.get(instance.state) if instance.state is not None else None
    yield {"timestamp": None, "event": "::group::Log message source details"}
    yield {"timestamp": None, "event": "::endgroup::"}
    yield {
        "timestamp": text(instance.updated_at),
        "event": told or "No logs available for this task.",
    }
