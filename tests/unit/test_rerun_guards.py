"""What Airflow and Jenkins themselves have against a re-run, as tables over their previews."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from making import AIRFLOW, JENKINS, NOW, minutes
from planning import clear_preview, parameter, rebuild_preview

from fedesk.domain import guards, rerun_guards
from fedesk.domain.operations import GuardResult, Ruling
from fedesk.domain.reruns import TaskPin
from fedesk.domain.states import State

ALLOW, WARN, CONFIRM, DENY, UNKNOWN = Ruling
ACTIVE = TaskPin(task_id="dbt_test", map_index=3, try_number=4, state="running")
PLANTED = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"


def run_since(**times: Any) -> dict[str, Any]:
    """A run that is queued or has started, since when."""
    return {"run": replace(clear_preview(state=State.QUEUED).run, **times)}


@pytest.mark.parametrize(
    ("folders", "job", "ruling"),
    [
        ((), "anything/at-all", ALLOW),
        (("finedge/prod",), "finedge/prod/payments-ci", ALLOW),
        (("finedge/prod/",), "finedge/prod/payments-ci", ALLOW),
        (("finedge/dev", "finedge/prod"), "finedge/prod/a/b", ALLOW),
        (("finedge/prod",), "finedge/dev/payments-ci", DENY),
        (("finedge/prod",), "finedge/production/payments-ci", DENY),
        (("finedge/prod",), "payments-ci", DENY),
        (("finedge/prod",), "finedge/prod/../dev/payments-ci", DENY),
        (("finedge/prod",), "finedge/prod/./payments-ci", DENY),
        (("finedge/prod",), "finedge/prod//payments-ci", DENY),
        (("/",), "finedge/prod/payments-ci", DENY),
    ],
)
def test_a_job_belongs_to_the_folders_of_its_connection(
    folders: tuple[str, ...], job: str, ruling: Ruling
) -> None:
    """A job of another environment's folder is refused, however its name is written."""
    assert rerun_guards.folder_scope(JENKINS, folders, job).ruling is ruling


@pytest.mark.parametrize(
    ("limits", "tags", "ruling"),
    [
        ((), None, ALLOW),
        (("prod",), ("payments", "prod"), ALLOW),
        (("prod",), ("dev",), DENY),
        (("prod",), (), DENY),
        (("prod",), None, UNKNOWN),
    ],
)
def test_a_dag_belongs_to_the_tags_of_its_connection(
    limits: tuple[str, ...], tags: tuple[str, ...] | None, ruling: Ruling
) -> None:
    """A DAG without one of the tags is refused, and one whose tags cannot be told is not let through."""
    result = rerun_guards.tag_scope(AIRFLOW, limits, "payments_daily", tags)
    assert result.ruling is ruling
    assert ("tagged prod" in result.reason) is bool(limits)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"active": (ACTIVE,)}, "1 task instance of the run is active: dbt_test[3] (running, try 4)."),
        ({"active": (ACTIVE, ACTIVE)}, "2 task instances of the run are active"),
        ({"active": (ACTIVE,), "note": "fedesk 019a\nby mara"}, "; its note says 'fedesk 019a by mara'."),
        ({"state": State.QUEUED}, "The run is queued: it is being run again already."),
        (
            run_since(queued_at=NOW - minutes(2)),
            "The run is queued since 02:41:10 UTC: it is being run again",
        ),
        (
            run_since(started_at=NOW - minutes(1)),
            "The run is queued since 02:42:10 UTC: it is being run again",
        ),
        (
            run_since(queued_at=NOW - minutes(2), started_at=NOW - minutes(1)),
            "The run is queued since 02:41:10 UTC",
        ),
        ({"state": State.RUNNING, "note": "cleared by lee"}, "already; its note says 'cleared by lee'."),
    ],
)
def test_somebody_at_the_run_is_a_conflict(given: dict[str, Any], said: str) -> None:
    """Tasks that are active, or a run that moves, are named, and whoever left a note."""
    result = rerun_guards.tasks_at_work(clear_preview(**given))
    assert (result.ruling, result.conflict) == (DENY, True)
    assert said in result.reason


def test_what_one_task_alone_leaves_failed_is_told() -> None:
    """With one task cleared, what it blocked stays blocked and the run fails again: the plan warns of it."""
    left = (TaskPin(task_id="publish", map_index=None, try_number=0, state="upstream_failed"),)
    warned = rerun_guards.left_failed(clear_preview(left=left))
    assert warned.ruling is Ruling.WARN
    assert "publish (upstream_failed)" in warned.reason
    assert rerun_guards.left_failed(clear_preview()).ruling is Ruling.ALLOW


def test_a_note_is_quoted_without_its_secrets() -> None:
    """A note is foreign text: what reads like a secret is not repeated."""
    result = rerun_guards.tasks_at_work(clear_preview(active=(ACTIVE,), note=f"token={PLANTED}"))
    assert PLANTED not in result.reason


def test_what_is_long_is_cut_to_a_sentence() -> None:
    """Of a note 120 characters are quoted, of a name 80: a reason is read in one line."""
    long = TaskPin(task_id="t" * 200, map_index=None, try_number=1, state="running")
    reason = rerun_guards.tasks_at_work(clear_preview(active=(long,), note="n" * 200)).reason
    assert max(len(part) for part in re.findall("t+", reason)) == 79
    assert max(len(part) for part in re.findall("n+", reason)) == 119


def test_nobody_at_the_run_is_said_as_well() -> None:
    """A failed run without active tasks may be cleared; a paused DAG is told of, and does not block."""
    assert rerun_guards.tasks_at_work(clear_preview()).ruling is ALLOW
    assert rerun_guards.paused(clear_preview()).ruling is ALLOW
    assert rerun_guards.paused(clear_preview(paused=True)).ruling is WARN


@pytest.mark.parametrize(
    ("given", "ruling", "conflict", "said"),
    [
        ({}, ALLOW, False, ""),
        ({"state": State.RUNNING}, DENY, True, "#1841 has not ended: it is running."),
        (
            {"run": replace(rebuild_preview().run, state=State.QUEUED, original_state="")},
            DENY,
            True,
            "is running.",
        ),
        (
            {"run": replace(rebuild_preview().run, state=State.QUEUED, original_state="PAUSED")},
            DENY,
            True,
            "PAUSED.",
        ),
        ({"running": (1842,)}, WARN, False, "Of the same job build #1842 is under way."),
        ({"queued": (812,)}, WARN, False, "Of the same job queue item 812 is under way."),
        ({"running": (9,), "queued": (1,)}, WARN, False, "build #9, queue item 1 are under way."),
    ],
)
def test_builds_under_way(given: dict[str, Any], ruling: Ruling, conflict: Any, said: str) -> None:
    """A build that runs is not repeated; others of its job are told of."""
    result = rerun_guards.builds_at_work(rebuild_preview(**given))
    assert (result.ruling, result.conflict) == (ruling, conflict)
    assert said in result.reason


@pytest.mark.parametrize(
    ("given", "ruling", "conflict"),
    [
        ({}, ALLOW, False),
        ({"queued": (812,)}, ALLOW, False),
        ({"queued": (812,), "declares_operation": False}, DENY, True),
        ({"declares_operation": False}, ALLOW, False),
    ],
)
def test_what_jenkins_would_merge_is_refused(given: dict[str, Any], ruling: Ruling, conflict: Any) -> None:
    """Without an id of its own a trigger may be merged into an item that waits; with one it never is."""
    result = rerun_guards.identical_queued(rebuild_preview(**given))
    assert (result.ruling, result.conflict) == (ruling, conflict)
    assert ("Queued: 812." in result.reason) is ("queued" in given)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (parameter("DB", None, "PasswordParameterDefinition"), "DB (password)"),
        (parameter("DB", "x", "com.acme.PasswordParameterDefinition"), "DB (password)"),
        (parameter("UPLOAD", None, "FileParameterDefinition"), "UPLOAD (file)"),
        (parameter("KEY", "deploy", "CredentialsParameterDefinition"), "KEY (credentials)"),
        (parameter("ODD", None, "OddParameterDefinition"), "ODD (OddParameter)"),
        (parameter("GONE", None, ""), "GONE (hidden)"),
        (parameter("API_TOKEN", PLANTED), "API_TOKEN reads like a secret"),
        (parameter("NOTE", PLANTED), "NOTE reads like a secret"),
        (parameter("DB_PASSWORD", "tulip"), "DB_PASSWORD reads like a secret"),
        (parameter("NOTE", "see {operation}"), "The value of NOTE holds {operation}"),
    ],
)
def test_what_cannot_be_given_again_is_refused_by_name(one: Any, said: str) -> None:
    """A parameter that Jenkins does not give back, that a plan may not keep, or that would be altered."""
    preview = rebuild_preview(parameters=(one,), declared=(one.name, "FEDESK_OPERATION"))
    result = rerun_guards.parameters_repeatable(preview)
    assert result.ruling is DENY
    assert said in result.reason
    assert PLANTED not in result.reason


def test_what_the_job_no_longer_declares_need_not_be_given_again() -> None:
    """A password that was dropped from the job is in nobody's way."""
    preview = rebuild_preview(parameters=(parameter("DB", None, ""),), declared=())
    assert rerun_guards.parameters_repeatable(preview).ruling is ALLOW


@pytest.mark.parametrize(
    ("given", "ruling", "said"),
    [
        ({}, ALLOW, ""),
        ({"new_defaults": ("REGION",)}, WARN, "REGION is new and takes its default"),
        ({"declared": ("DATE", "FEDESK_OPERATION")}, WARN, "BRANCH is no longer declared and is dropped"),
        (
            {"new_defaults": ("REGION",), "declared": ("DATE", "FEDESK_OPERATION")},
            WARN,
            "takes its default; BRANCH is no longer declared",
        ),
        ({"new_defaults": ("FEDESK_OPERATION",)}, ALLOW, ""),
        ({"declared": ("BRANCH", "DATE")}, ALLOW, ""),
    ],
)
def test_parameters_that_changed_since_are_told(given: dict[str, Any], ruling: Ruling, said: str) -> None:
    """A new one takes its default, an old one is dropped; the operation's own is nobody's business."""
    result = rerun_guards.parameters_changed(rebuild_preview(**given))
    assert result.ruling is ruling
    assert said in result.reason


def test_the_rest_of_jenkins() -> None:
    """A disabled job blocks, a shutdown that is near warns, a build without an id is to be accepted."""
    assert rerun_guards.buildable(rebuild_preview()).ruling is ALLOW
    assert rerun_guards.buildable(rebuild_preview(buildable=False)).ruling is DENY
    assert rerun_guards.quieting_down(rebuild_preview(quieting_down=True)).ruling is WARN
    assert rerun_guards.operation_id(rebuild_preview()).ruling is ALLOW
    assert rerun_guards.operation_id(rebuild_preview(declares_operation=False)).ruling is CONFIRM


@pytest.mark.parametrize(("count", "end"), [(6, "."), (7, " and 1 more."), (9, " and 3 more.")])
def test_many_names_are_cut_and_counted(count: int, end: str) -> None:
    """A sentence stays one: six names, then how many more."""
    active = tuple(
        TaskPin(task_id="load", map_index=index, try_number=1, state="running") for index in range(count)
    )
    reason = rerun_guards.tasks_at_work(clear_preview(active=active, observed_at=NOW)).reason
    assert reason.endswith(f"load[5] (running, try 1){end}")


def test_how_many_parameters_are_repeated_is_told() -> None:
    """Those of the build that the job still declares, the operation's id apart."""
    assert "2 parameters can be given" in rerun_guards.parameters_repeatable(rebuild_preview()).reason
    without = rebuild_preview(parameters=(parameter("EMPTY", None),), declared=())
    assert "0 parameters can be given" in rerun_guards.parameters_repeatable(without).reason


STOPPED: list[Callable[[], GuardResult]] = [
    lambda: rerun_guards.folder_scope(JENKINS, ("finedge/prod",), "finedge/dev/x"),
    lambda: rerun_guards.tag_scope(AIRFLOW, ("prod",), "x", None),
    lambda: rerun_guards.tag_scope(AIRFLOW, ("prod",), "x", ()),
    lambda: rerun_guards.tasks_at_work(clear_preview(active=(ACTIVE,))),
    lambda: rerun_guards.tasks_at_work(clear_preview(state=State.QUEUED)),
    lambda: rerun_guards.left_failed(clear_preview(left=(ACTIVE,))),
    lambda: rerun_guards.paused(clear_preview(paused=True)),
    lambda: rerun_guards.builds_at_work(rebuild_preview(state=State.RUNNING)),
    lambda: rerun_guards.builds_at_work(rebuild_preview(running=(1842,))),
    lambda: rerun_guards.identical_queued(rebuild_preview(queued=(812,), declares_operation=False)),
    lambda: rerun_guards.buildable(rebuild_preview(buildable=False)),
    lambda: rerun_guards.parameters_repeatable(rebuild_preview(parameters=(parameter("DATE", None),))),
    lambda: rerun_guards.parameters_repeatable(rebuild_preview(parameters=(parameter("DATE", PLANTED),))),
    lambda: rerun_guards.parameters_repeatable(rebuild_preview(parameters=(parameter("DATE", "{plan}"),))),
    lambda: rerun_guards.parameters_changed(rebuild_preview(new_defaults=("REGION",))),
    lambda: rerun_guards.operation_id(rebuild_preview(declares_operation=False)),
    lambda: rerun_guards.quieting_down(rebuild_preview(quieting_down=True)),
]


@pytest.mark.parametrize("rules", STOPPED)
def test_who_is_stopped_or_warned_is_told_what_to_do(rules: Callable[[], GuardResult]) -> None:
    """Whatever is not simply allowed says why, and what lifts it, in a sentence each."""
    result = rules()
    assert result.ruling is not ALLOW
    assert result.reason.endswith(".")
    assert result.remedy.endswith(".")
    assert result.guard in guards.ORDER


def test_a_job_outside_is_told_with_the_folders_it_is_outside_of() -> None:
    """All folders of the connection are named."""
    reason = rerun_guards.folder_scope(JENKINS, ("finedge/dev", "finedge/qa"), "finedge/prod/x").reason
    assert "finedge/prod/x is outside of finedge/dev, finedge/qa, the folders of prod/jenkins." in reason
