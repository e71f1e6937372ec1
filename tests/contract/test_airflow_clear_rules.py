"""What Airflow answers to a clear, by one suite over the emulator and a real 3.3, without fedesk's clients.

``pytest -m live -n 0`` builds and starts the real one; without it the emulator alone is asked.
"""

from typing import Any

import pytest
from airflow_change_cases import FAILED, ChangeCase

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def case(change_case: ChangeCase) -> ChangeCase:
    return change_case


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, FAILED),
        ({"task_ids": None}, FAILED),
        ({"task_ids": ["load"]}, ("load",)),
        ({"task_ids": [["load", -1]]}, ("load",)),
        ({"task_ids": ["validate_partner"]}, FAILED[:1]),
        ({"task_ids": [["validate_partner", 0]]}, ()),
        ({"task_ids": [["validate_partner", "2"]]}, FAILED[:1]),
        ({"task_ids": [["validate_partner", 7]]}, ()),
        ({"task_ids": ["nope"]}, ()),
        ({"task_ids": ["load", "nope"]}, ("load",)),
        ({"task_ids": ["load"], "include_downstream": True}, ("load", "notify")),
        ({"task_ids": ["load"], "include_upstream": True}, ("load", "validate_partner[2]")),
        (
            {"task_ids": ["load"], "include_upstream": True, "only_failed": False},
            (
                "list_partners",
                "load",
                *(f"validate_partner[{index}]" for index in range(3)),
            ),
        ),
        ({"only_failed": False, "only_running": True}, ()),
        ({"prevent_running_task": 1}, FAILED),
    ],
)
def test_which_instances_a_dry_run_names(
    case: ChangeCase, body: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """Defaults are a dry run of what failed; names, pairs and relatives choose as on a 3.3.2."""
    status, answer = case.clear(failed_run(case), **body)
    assert status == 200
    found = {f"{each['task_id']}[{each['map_index']}]" for each in answer["task_instances"]}
    named = {name if name.endswith("]") else f"{name}[-1]" for name in expected}
    assert {each for each in found if not _is_extra(each)} == named
    assert answer["total_entries"] == len(found)


def _is_extra(name: str) -> bool:
    """The emulator's DAG has six partners, the real one's three."""
    return name in {f"validate_partner[{index}]" for index in range(3, 6)}


_FAILED_RUNS: dict[str, str] = {}


def failed_run(case: ChangeCase) -> str:
    """A failed run that is only looked at; a real one is shared, for it takes seconds."""
    if case.has_clock:
        return case.failed()
    if case.url not in _FAILED_RUNS:
        _FAILED_RUNS[case.url] = case.failed()
    return _FAILED_RUNS[case.url]


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        ({"only_running": True, "only_failed": True}, "value_error", []),
        ({"task_ids": []}, "value_error", []),
        ({"start_date": "2026-01-01T00:00:00Z"}, "value_error", []),
        ({"strange": 1}, "extra_forbidden", ["strange"]),
        ({"dry_run": "maybe"}, "bool_parsing", ["dry_run"]),
        ({"only_failed": None}, "bool_type", ["only_failed"]),
        ({"note": "x" * 1001}, "string_too_long", ["note"]),
        ({"task_ids": "load"}, "list_type", ["task_ids"]),
        ({"task_ids": [5]}, "string_type", ["task_ids", 0, "str"]),
    ],
)
def test_what_a_clear_does_not_accept(
    case: ChangeCase, body: dict[str, Any], kind: str, place: list[object]
) -> None:
    """A body that makes no sense is a 422 that names the field."""
    status, answer = case.clear(failed_run(case), **body)
    assert status == 422
    assert (answer["detail"][0]["type"], answer["detail"][0]["loc"]) == (kind, ["body", *place])


def test_refusals_of_a_clear(case: ChangeCase) -> None:
    """No such run, no such DAG, nobody, a reader even for a dry run, and broken JSON."""
    run_id = failed_run(case)
    dag_id = run_id.partition("/")[0]
    path = f"/api/v2/dags/{dag_id}/clearTaskInstances"
    assert case.clear(f"{dag_id}/nope") == (404, {"detail": f"Dag Run id nope not found in dag {dag_id}"})
    assert case.clear("nope/nope") == (404, {"detail": "The Dag with ID: `nope` was not found"})
    assert case.clear(run_id, person=case.reader) == (403, {"detail": "Forbidden"})
    status, answer = case.ask("POST", path, b"{broken")
    assert (status, answer["detail"][0]["type"]) == (422, "json_invalid")
    status, answer = case.ask("POST", path)
    assert (status, answer["detail"][0]["type"]) == (422, "missing")
    assert case.ask("GET", path) == (404, {"error": "API route not found"})


def test_a_clear_on_the_server(case: ChangeCase) -> None:
    """State goes, tries and times stay until it runs again; a first note is not in the answer."""
    run_id = case.failed()
    before = case.instances(run_id)["validate_partner[2]"]
    status, answer = case.clear(run_id, dry_run=False, note="one", task_ids=[["validate_partner", 2]])
    assert (status, answer["total_entries"]) == (200, 1)
    first = answer["task_instances"][0]
    assert first["note"] is None
    assert first["state"] is None
    same = ("try_number", "start_date", "end_date", "map_index", "queued_when")
    assert [first[field] for field in same] == [before[field] for field in same]
    assert first["id"] != before["id"]
    assert case.instances(run_id)["validate_partner[2]"]["note"] == "one"
    assert case.state(run_id) in ("queued", "running")


def test_a_second_clear_in_the_window(case: ChangeCase) -> None:
    """Before a cleared task runs, another clear is 200 even with prevent_running_task, and takes the note."""
    run_id = case.failed()
    task: Any = {"task_ids": [["validate_partner", 2]], "prevent_running_task": True, "dry_run": False}
    case.clear(run_id, note="one", **task)
    assert case.clear(run_id, note="two", **task)[1]["task_instances"] == []
    status, answer = case.clear(run_id, note="three", only_failed=False, **task)
    assert status == 200
    assert [each["note"] for each in answer["task_instances"]] == ["three"]
    case.clear(run_id, note="", only_failed=False, **task)
    case.clear(run_id, only_failed=False, **task)
    assert case.instances(run_id)["validate_partner[2]"]["note"] == "three"
    noted = [each["extra"] for each in case.events(run_id)]
    assert ['"note": "one"' in noted[0], '"note": "two"' in noted[1], '"note": "three"' in noted[2]] == [
        True
    ] * 3
    assert len(noted) == 5


def test_a_running_task_prevents_a_clear(case: ChangeCase) -> None:
    """With prevent_running_task a clear that names a task that runs is a 409, and nothing of it is done."""
    run_id, _, _ = case.at_work()
    before = case.instances(run_id)
    status, answer = case.clear(
        run_id, dry_run=False, only_failed=False, prevent_running_task=True, note="refused"
    )
    assert status == 409
    assert answer["detail"].startswith("AirflowClearRunningTaskException: Disable 'prevent_running_task'")
    assert case.instances(run_id) == before
    assert [each["owner"] for each in case.events(run_id)] == [case.writer.user]


def test_the_event_log(case: ChangeCase) -> None:
    """Each clear that was asked for, refused ones too, no dry run; by DAG, run, event, time and order."""
    run_id = case.failed()
    dag_id, _, dag_run_id = run_id.partition("/")
    case.clear(run_id, note="dry")
    case.clear(run_id, note="forbidden", dry_run=False, person=case.reader)
    case.clear(run_id, note="strange", dry_run=False, strange=1)
    case.mara_clears(run_id, note="done")
    found = case.events(run_id)
    assert [each["owner"] for each in found] == [case.reader.user, case.writer.user, "mara"]
    assert [each["event"] for each in found] == ["post_clear_task_instances"] * 3
    assert all((each["dag_id"], each["run_id"]) == (dag_id, dag_run_id) for each in found)
    assert '"note": "done"' in found[2]["extra"]
    assert found[0]["event_log_id"] < found[1]["event_log_id"] < found[2]["event_log_id"]
    assert case.events(run_id, after="2100-01-01T00:00:00Z") == []
    assert len(case.events(run_id, before="2100-01-01T00:00:00Z")) == 3
    assert case.events(run_id, owner="nobody") == []
    status, answer = case.ask("GET", "/api/v2/eventLogs?order_by=event_log_id&limit=1", person=case.reader)
    assert status == 200
    assert answer["event_logs"][0]["event"].startswith("cli_")
    assert case.ask("GET", "/api/v2/eventLogs?order_by=nonsense")[0] == 400


def test_other_changes_are_still_refused(case: ChangeCase) -> None:
    """The emulator offers one change; a reader is forbidden what the emulator does not have."""
    if not case.has_clock:
        pytest.skip("a real server offers more")
    run_id = case.failed()
    path = f"/api/v2/dags/{run_id.partition('/')[0]}"
    assert case.ask("PATCH", path, {"is_paused": True})[0] == 405
    assert case.ask("PATCH", path, {"is_paused": True}, case.reader)[0] == 403
