"""Airflow's JSON as domain values: states, reasons, order, whatever the text holds."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedesk.clients.airflow_json import (
    STATES,
    DagRunJson,
    ImportErrorJson,
    LogPage,
    TaskInstanceJson,
    TaskJson,
    decode,
    import_problem,
    in_order,
    parameters,
    reason,
    run,
    state_of,
    step,
)
from fedesk.clients.airflow_log import lines
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import State
from fedesk.ports.errors import ProtocolError

NAME = ConnectionName("prod", "airflow")
URL = "https://airflow.example"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def task(task_id: str, state: str | None, **more: object) -> TaskInstanceJson:
    facts: dict[str, object] = {"task_id": task_id, "dag_id": "d", "dag_run_id": "r", "state": state}
    return TaskInstanceJson(**(facts | more))  # type: ignore[arg-type]  # the fields are TaskInstanceJson's own


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (None, State.QUEUED),
        ("scheduled", State.QUEUED),
        ("queued", State.QUEUED),
        ("running", State.RUNNING),
        ("restarting", State.RUNNING),
        ("up_for_retry", State.WAITING),
        ("up_for_reschedule", State.WAITING),
        ("deferred", State.WAITING),
        ("awaiting_input", State.WAITING),
        ("success", State.SUCCEEDED),
        ("failed", State.FAILED),
        ("upstream_failed", State.BLOCKED),
        ("skipped", State.SKIPPED),
        ("removed", State.SKIPPED),
        ("Success", State.UNKNOWN),
        ("on_fire", State.UNKNOWN),
    ],
)
def test_every_word_has_its_state(word: str | None, state: State) -> None:
    """The table of formats.md; a word that is not in it is unknown."""
    assert state_of(word) is state


def test_the_table_has_no_other_words() -> None:
    """Every word of the table is one of Airflow's."""
    assert len(STATES) == 14


def test_the_gravest_task_gives_the_reason() -> None:
    """A failed task goes before one that waits; of those that failed the first to end is named."""
    tasks = [
        task("late", "failed", try_number=2, max_tries=1, end_date=NOW + timedelta(minutes=1)),
        task("first", "failed", try_number=3, max_tries=2, end_date=NOW, map_index=4),
        task("waiting", "up_for_retry", try_number=1, max_tries=2, end_date=NOW - timedelta(hours=1)),
        task("blocked", "upstream_failed"),
        task("fine", "success", try_number=1),
    ]
    assert reason(tasks) == "first[4] failed, try 3 of 3, and 1 more"
    assert reason(tasks[2:]) == "waiting waits for a retry, try 1 of 3"
    assert reason(tasks[3:]) == ""


def test_tasks_come_as_they_ran_and_then_as_they_will() -> None:
    """Started ones by start, the others upstream before downstream, a blocked one among them."""
    graph = [
        TaskJson(task_id="a", downstream_task_ids=["b", "c"]),
        TaskJson(task_id="b", downstream_task_ids=["d"]),
        TaskJson(task_id="c", downstream_task_ids=["d"]),
        TaskJson(task_id="d", downstream_task_ids=["e"]),
        TaskJson(task_id="e", downstream_task_ids=[]),
    ]
    tasks = [
        task("e", "upstream_failed", start_date=NOW),
        task("d", None),
        task("c", "failed", start_date=NOW + timedelta(minutes=2)),
        task("b", "success", start_date=NOW + timedelta(minutes=3)),
        task("a", "success", start_date=NOW),
    ]
    assert [each.task_id for each in in_order(tasks, graph)] == ["a", "c", "b", "d", "e"]


def test_a_circle_of_tasks_ends() -> None:
    """Dependencies that no DAG can have do not hold anything up."""
    graph = [
        TaskJson(task_id="a", downstream_task_ids=["b"]),
        TaskJson(task_id="b", downstream_task_ids=["a"]),
    ]
    assert len(in_order([task("a", None), task("b", None)], graph)) == 2


@pytest.mark.parametrize(
    ("conf", "note", "operation"),
    [
        ({"fedesk": {"operation": "0193", "plan": "x"}}, None, "0193"),
        ({}, "fedesk 0194\nsecond line", "0194"),
        ({"fedesk": "text"}, "fedeskish 0195", ""),
        (["no", "dict"], "fedesk", ""),
        (None, None, ""),
    ],
)
def test_the_operation_that_made_a_run(conf: object, note: str | None, operation: str) -> None:
    """A run that fedesk made says so in its conf, one that it cleared in its note."""
    made = DagRunJson(dag_run_id="r", dag_id="d", conf=conf, note=note)
    assert run(made, NAME, URL).operation_id == operation


def test_links_and_parameters() -> None:
    """Ids are escaped in links; keys of the conf are parameters, nested ones as JSON."""
    made = DagRunJson(
        dag_run_id="scheduled__2026-11-20T00:00:00+00:00/x", dag_id="a b", conf={"n": 1, "s": "t"}
    )
    assert run(made, NAME, URL).link == (
        "https://airflow.example/dags/a%20b/runs/scheduled__2026-11-20T00%3A00%3A00%2B00%3A00%2Fx"
    )
    assert [(each.name, each.value) for each in parameters(made)] == [("n", "1"), ("s", "t")]
    mapped = step(task("t", "failed", map_index=2, rendered_map_index="eu", try_number=1), URL)
    assert (mapped.name, str(mapped.task)) == ("t[eu]", "t[2]@1")
    assert mapped.link == "https://airflow.example/dags/d/runs/r/tasks/t/mapped/2"


def test_the_last_line_of_an_import_error_tells_why() -> None:
    """Of a stack trace the exception is shown."""
    trace = 'Traceback (most recent call last):\n  File "x.py"\nModuleNotFoundError: no finedge\n\n'
    problem = import_problem(ImportErrorJson(filename="x.py", stack_trace=trace, timestamp=NOW), URL)
    assert (problem.where, problem.text) == ("x.py", "ModuleNotFoundError: no finedge")


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Whatever arrives is a document or a ProtocolError of one clean sentence."""
    said = "prod/airflow does not answer"
    try:
        decode(body, LogPage, NAME)
    except ProtocolError as error:
        said = str(error)
    assert said.startswith("prod/airflow does not answer")
    assert said.isprintable()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["event", "level", "timestamp", "error_detail", "logger", "rows"]),
            st.one_of(st.none(), st.integers(), st.text(), st.lists(st.dictionaries(st.text(), st.text()))),
        )
    )
)
def test_any_events_become_lines(events: list[dict[str, object]]) -> None:
    """Events of any shape become whole lines, none of them lost, LF alone between them."""
    body = json.dumps({"content": events, "continuation_token": None}).encode()
    page = decode(body, LogPage, NAME)
    assert isinstance(page.content, list)
    text = lines(page.content)
    assert text.count("\n") >= len(events)
    assert "\r" not in text
    assert text == "" or text.endswith("\n")


def test_a_failure_has_its_traceback() -> None:
    """The details of an exception stand below its event, as Python prints them."""
    frames = [{"filename": "dag.py", "lineno": 7, "name": "load"}]
    detail = {"exc_type": "KeyError", "exc_value": "'amount'", "exc_notes": ["see ledger"], "frames": frames}
    event = {
        "timestamp": "T",
        "level": "error",
        "event": "Task failed with exception",
        "error_detail": [detail],
    }
    assert lines([event]).splitlines() == [
        "T ERROR Task failed with exception",
        "Traceback (most recent call last):",
        '  File "dag.py", line 7, in load',
        "KeyError: 'amount'",
        "see ledger",
    ]
