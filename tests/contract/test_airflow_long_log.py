"""A task's log of hundreds of thousands of lines, from the sandbox's Airflow."""

import contextlib
from collections.abc import Iterator

import pytest
from airflow_cases import Case, emulated

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_task_log import PIECE
from fedesk.domain.names import RunName, TaskName
from fedesk.domain.runs import LogChunk, LogRequest
from fedesk.sandbox.server import Sandbox

LINES = 20_000


@pytest.fixture
def case(sandbox: Sandbox) -> Case:
    return emulated(sandbox)


@pytest.fixture
def request_(sandbox: Sandbox, case: Case) -> LogRequest:
    """The log of a try that failed, of 3 MB as it is sent."""
    run_id, task, tries = case.failed
    sandbox.control.long_log(f"{run_id}::{task}@{tries}", lines=LINES, error=LINES // 2)
    sandbox.control.clear_requests()
    return LogRequest(run=RunName(case.endpoint().name, run_id), task=TaskName(task))


@pytest.fixture
def client(case: Case) -> Iterator[AirflowClient]:
    with contextlib.closing(AirflowClient(case.endpoint())) as made:
        yield made


def pieces(client: AirflowClient, request: LogRequest, cursor: str = "") -> Iterator[LogChunk]:
    """A log piece by piece to its end."""
    while True:
        chunk = client.log(request, cursor)
        yield chunk
        if chunk.complete:
            return
        cursor = chunk.cursor


def asked(sandbox: Sandbox) -> list[str]:
    """Requests for the log itself."""
    return [one.path for one in sandbox.control.requests("airflow") if "/logs/" in one.path]


def test_a_long_log_is_one_answer_read_in_pieces(
    client: AirflowClient, request_: LogRequest, sandbox: Sandbox
) -> None:
    """The first lines are there before the rest was read, no piece is large, and no line is missing."""
    found = list(pieces(client, request_))
    assert len(found) > 3
    assert len(found[0].text) < 600_000
    assert all(len(one.text) < 2 * PIECE for one in found)
    lines = "".join(one.text for one in found).splitlines()
    assert len(lines) == LINES
    assert "INFO read chunk 000000000:" in lines[0]
    assert "ERROR ERROR: checksum mismatch for part 000010000" in lines[LINES // 2]
    assert len(asked(sandbox)) == 1


def test_a_lost_answer_costs_no_line(client: AirflowClient, request_: LogRequest, case: Case) -> None:
    """Who has only the cursor asks anew, and what was handed on is skipped."""
    first, second, *rest = pieces(client, request_)
    with contextlib.closing(AirflowClient(case.endpoint())) as other:
        again = "".join(one.text for one in pieces(other, request_, second.cursor))
    assert again == "".join(one.text for one in rest)
    assert first.text


def test_an_airflow_that_streams_nothing_is_read_in_json(
    client: AirflowClient, request_: LogRequest, sandbox: Sandbox
) -> None:
    """Where JSON lines are refused, as by 3.0, the same log comes as one document."""
    streamed = "".join(one.text for one in pieces(client, request_))
    sandbox.control.clear_requests()
    sandbox.control.fault("airflow", "status", match="/logs/", status=400, times=1)
    plain = list(pieces(client, request_))
    assert "".join(one.text for one in plain) == streamed
    assert len(plain) == 1
    assert len(asked(sandbox)) == 2
