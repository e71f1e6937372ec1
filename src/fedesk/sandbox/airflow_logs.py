"""A task's log as Airflow 3.3 serves it: JSON with a continuation token, or a stream of JSON lines.

The stream begins at the log's start whatever the token, and ends with what there is while the task runs.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fedesk.sandbox.airflow_documents import Document, as_json, text
from fedesk.sandbox.airflow_login import Login, RefusedError
from fedesk.sandbox.airflow_query import whole_number
from fedesk.sandbox.long_log import LINE, LongLog
from fedesk.sandbox.model import LogLine, TaskInstance, TaskState
from fedesk.sandbox.world import World

_NDJSON = "application/x-ndjson"
_ACCEPTED = ("application/json", _NDJSON, "*/*", "application/*")
_GROWING = (TaskState.RUNNING, TaskState.DEFERRED)
_BATCH = 1_000
"""Events of a stream that are sent at once."""


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
    ended = try_number != instance.try_number or instance.state not in _GROWING
    lines = _lines(world, instance, try_number)
    long = world.long_logs.get(f"{_run_of(instance)}::{instance.spec.task_id}@{try_number}")
    if accept == _NDJSON:
        sent = _stream(_events(instance, try_number, lines)) if long is None else _long(long, 0, world)
        return StreamingResponse(sent, media_type=_NDJSON)
    if long is None:
        content, there = as_json(list(_events(instance, try_number, lines, skipped))), len(lines)
    else:
        told = b"".join(_long(long, skipped or 0, world)).rstrip(b"\n")
        content, there = b"[%s]" % told.replace(b"\n", b","), long.written(world.now())
    token = None if ended else login.seal({"end_of_log": False, "log_pos": there})
    return Response(
        b'{"content":%s,"continuation_token":%s}' % (content, as_json(token)), media_type="application/json"
    )


def _events(
    instance: TaskInstance, try_number: int, lines: Sequence[LogLine], skipped: int | None = None
) -> Iterator[Document]:
    if try_number == 0:
        yield from _never_ran(instance)
        return
    if skipped is None:
        yield from _header(instance, try_number, lines)
    for number in range(skipped or 0, len(lines)):
        yield _event(lines[number])


def _long(log: LongLog, skipped: int, world: World) -> Iterator[bytes]:
    """Events of a log that is made while it is sent, a line each; without a header."""
    for block in log.read(skipped * LINE, log.written(world.now()) * LINE):
        # Time, then the name of a logger in brackets, then what was said, filled up with blanks.
        told = [line.split(" ", 2) for line in block.decode("ascii").splitlines()]
        events = [
            f'{{"timestamp":"{at}","event":"{said.rstrip()}","level":'
            f'"{"error" if said.startswith("ERROR") else "info"}","logger":"{logger[1:-1]}"}}\n'
            for at, logger, said in told
        ]
        yield "".join(events).encode("ascii")


def _stream(events: Iterator[Document]) -> Iterator[bytes]:
    """A stream always tells events with a timestamp, null for those of the header."""
    while batch := tuple(islice(events, _BATCH)):
        yield b"".join(as_json({"timestamp": None} | event) + b"\n" for event in batch)


def _lines(world: World, instance: TaskInstance, try_number: int) -> list[LogLine]:
    if try_number == 0 and instance.try_number == 0:
        return []
    if all(attempt.try_number != try_number for attempt in instance.plan.attempts):
        raise RefusedError(404, "TaskInstance not found")
    if try_number > instance.try_number:
        raise RefusedError(404, "TaskInstance not found")
    plan = instance.run
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


def _run_of(instance: TaskInstance) -> str:
    return f"{instance.run.dag_id}/{instance.run.run_id}"


def _header(instance: TaskInstance, try_number: int, lines: Sequence[LogLine]) -> Iterator[Document]:
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
