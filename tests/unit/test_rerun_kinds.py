"""The two kinds of re-run: what they draft from a preview, and what reading back finds."""

from dataclasses import replace
from typing import Any

import pytest
from making import ENGINEERING, NOW
from operation_values import operation_id
from planning import (
    BUILD,
    CATALOGUE,
    DAG_RUN,
    StillClock,
    StillSystem,
    StillSystems,
    asked,
    build_detail,
    clear_preview,
    parameter,
    rebuild_preview,
)

from fedesk.domain.catalogue import Catalogue, Partition, PartitionSource, Pipeline
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.operations import JournalEntry, Plan, Progress, Ruling, StepKind, StepState, filled
from fedesk.domain.plans import digest_of, plan_bytes, plan_from_bytes, secrets_in
from fedesk.domain.policy import DEFAULTS
from fedesk.domain.releases import AnswerRequest
from fedesk.domain.reruns import TaskPin
from fedesk.domain.states import State, System
from fedesk.ports.errors import NotFoundError
from fedesk.services.kinds import KINDS, kind_for, verb_of
from fedesk.services.kinds.airflow_clear import KIND as CLEAR
from fedesk.services.kinds.airflow_clear import draft as clear
from fedesk.services.kinds.jenkins_rebuild import KIND as REBUILD
from fedesk.services.kinds.jenkins_rebuild import draft as rebuild
from fedesk.services.operation_kinds import Draft

PLANTED = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"
CLOCK = StillClock()


def drafted_clear(preview: Any = None, catalogue: Catalogue = CATALOGUE, **request: Any) -> Draft:
    systems = StillSystems(prod_airflow=StillSystem(preview or clear_preview()))
    return clear(asked(**request), systems, catalogue)


def drafted_build(preview: Any = None, run: RunName = BUILD) -> Draft:
    systems = StillSystems(prod_jenkins=StillSystem(preview or rebuild_preview(run)))
    return rebuild(asked(run), systems, CATALOGUE)


def planned(draft: Draft, connection: str) -> Plan:
    """The plan that a draft makes, as the store gives it back."""
    plan = Plan(
        operation=operation_id(1),
        kind="any",
        environment="prod",
        connection=ConnectionName.parse(connection),
        address="http://x.example",
        targets=(draft.target,),
        effects=draft.effects,
        requester="mara",
        made_by="fedesk",
        made_at=NOW,
        expires_at=NOW,
        notes=draft.notes,
    )
    return plan_from_bytes(plan_bytes(plan))


def test_a_clear_names_exactly_the_task_instances_of_the_preview() -> None:
    """The call lists each with its map index and try, the note carries the operation, the version is said."""
    (effect,) = drafted_clear().effects
    assert (
        effect.sentence == "clear 3 task instances of payments_daily / 2026-11-20: dbt_test, publish, notify"
    )
    assert effect.call.verb == "clear-task-instances"
    assert dict(effect.call.args) == {
        "dag_id": "payments_daily",
        "run_id": "scheduled__2026-11-20T00:00:00+00:00",
        "tasks": [["dbt_test", -1, 3], ["publish", -1, 0], ["notify", -1, 0]],
        "note": "fedesk {operation}",
        "run_on_latest_version": False,
    }
    assert effect.call.key == "{operation}"
    assert not effect.repeatable


def test_mapped_task_instances_are_listed_by_index() -> None:
    """Each index stands in the sentence and in the call."""
    tasks = tuple(
        TaskPin(task_id="validate", map_index=index, try_number=2, state="failed") for index in (0, 2)
    )
    (effect,) = drafted_clear(clear_preview(tasks=tasks)).effects
    assert effect.sentence.endswith(": validate[0, 2]")
    assert effect.call.args["tasks"] == [["validate", 0, 2], ["validate", 2, 2]]


def test_what_a_clear_pins_and_reserves() -> None:
    """Server, run, DAG version, and each task's try and state; the run, and the pipeline's partition."""
    target = drafted_clear().target
    assert dict(target.pins) == {
        "server": "http://airflow.example",
        "run": "failed",
        "DAG version": "4",
        "task dbt_test": "try 3, failed",
        "task publish": "try 0, upstream_failed",
        "task notify": "try 0, upstream_failed",
    }
    assert target.reserves == (str(DAG_RUN), "prod|payments_daily|2026-11-20")
    assert (target.pipeline, target.partition) == ("payments_daily", "2026-11-20")


def test_one_task_is_a_target_of_its_own_that_reserves_the_whole_run() -> None:
    """Two re-runs of tasks of one run hold each other; the name leads back to the task."""
    target = drafted_clear(task=TaskName("dbt_test", None, 3)).target
    assert target.name == f"{DAG_RUN}::dbt_test"
    assert target.reserves[0] == str(DAG_RUN)


def test_two_pipelines_of_one_dag_are_both_reserved() -> None:
    """A partition that another pipeline of the same DAG loads is held as well, by the first one's rule."""
    twice = Catalogue(
        pipelines={
            name: Pipeline(
                name=name,
                owner=ENGINEERING,
                dag="payments_daily",
                partition=Partition(source=PartitionSource.LOGICAL_DATE),
            )
            for name in ("one", "other")
        }
    )
    target = drafted_clear(clear_preview(logical_date="2026-11-19T00:00:00Z"), twice).target
    assert target.reserves[1:] == ("prod|one|2026-11-19", "prod|other|2026-11-19")


def test_an_uncatalogued_dag_is_reserved_by_its_own_name() -> None:
    """Without a catalogue the DAG and the moment of the interval hold two re-runs apart."""
    target = drafted_clear(catalogue=Catalogue()).target
    assert target.reserves[1] == "prod|payments_daily|2026-11-20T00:00:00+00:00"


@pytest.mark.parametrize(
    ("preview", "task", "said"),
    [
        (clear_preview(state=State.SUCCEEDED), None, "is success, not failed"),
        (clear_preview(state=State.UNKNOWN), None, "not failed"),
        (clear_preview(tasks=()), None, "has no failed task: there is nothing to clear"),
        (clear_preview(tasks=()), TaskName("dbt_run"), "has no failed task dbt_run"),
    ],
)
def test_where_nothing_failed_there_is_no_plan(preview: Any, task: TaskName | None, said: str) -> None:
    """A run that is not failed, or has nothing to clear, is refused in a sentence."""
    with pytest.raises(NotFoundError, match=said):
        drafted_clear(preview, task=task)


def test_a_run_that_somebody_clears_has_a_plan_that_says_so() -> None:
    """Nothing is left to clear by then; that it is being cleared is the answer, not that nothing failed."""
    draft = drafted_clear(clear_preview(state=State.QUEUED, tasks=()))
    assert [one.guard for one in draft.guards if one.ruling is Ruling.DENY] == ["somebody at it"]


def test_notes_of_a_clear_tell_the_version_and_where_the_plan_is_from() -> None:
    """An older version than the newest, and a plan from reads alone, are read before the yes."""
    notes = " ".join(drafted_clear(clear_preview(latest_version="5", is_dry_run=False)).notes)
    assert "DAG version 4, as the run was made; the newest is 5." in notes
    assert "Made from reads alone" in notes


def test_code_that_airflow_keeps_no_versions_of_is_pinned_as_it_is_now() -> None:
    """Where what is cleared runs the newest code, a newer one makes the plan stale, and the note says it."""
    draft = drafted_clear(clear_preview(latest_version="5", keeps_version=False))
    assert draft.target.pins["newest DAG version"] == "5"
    assert "the tasks run with the newest, version 5 (the run was made with 4)" in " ".join(draft.notes)
    assert "newest DAG version" not in drafted_clear().target.pins


@pytest.mark.parametrize(
    ("tasks_now", "state"),
    [
        ((("dbt_test", 3, "none"), ("publish", 0, "none"), ("notify", 0, "none")), StepState.DONE),
        ((("dbt_test", 3, "failed"), ("publish", 0, "none"), ("notify", 0, "none")), StepState.WAITING),
        ((("dbt_test", 4, "running"), ("publish", 0, "none"), ("notify", 0, "none")), StepState.DONE),
        (
            (("dbt_test", 4, "failed"), ("publish", 0, "upstream_failed"), ("notify", 0, "upstream_failed")),
            StepState.DONE,
        ),
        (
            (("dbt_test", 3, "none"), ("publish", 0, "upstream_failed"), ("notify", 0, "none")),
            StepState.WAITING,
        ),
        ((("dbt_test", 3, "none"), ("publish", 0, "none")), StepState.WAITING),
    ],
)
def test_a_clear_is_read_back_task_by_task(
    tasks_now: tuple[tuple[str, int, str], ...], state: StepState
) -> None:
    """Each has moved, by state or try; one blocked again by a task that failed again counts as cleared."""
    pins = tuple(
        TaskPin(task_id=name, map_index=None, try_number=tried, state=word) for name, tried, word in tasks_now
    )
    systems = StillSystems(prod_airflow=StillSystem(tasks_now=pins))
    look = CLEAR.steps[1].look
    assert look is not None
    progress = look(planned(drafted_clear(), "prod/airflow"), (), systems, CLOCK)
    assert progress.state is state
    assert progress.evidence[0].source == "prod/airflow task instances"


def test_a_build_repeats_the_parameters_and_replaces_the_operation() -> None:
    """Values as the build had them; FEDESK_OPERATION is this operation's, whatever it was."""
    draft = drafted_build()
    plan = planned(draft, "prod/jenkins")
    (effect,) = plan.effects
    assert effect.sentence == "build finedge/prod/payments-ci again as #1841 was, with the same BRANCH, DATE"
    call = filled(effect.call, plan.operation, digest_of(plan))
    assert (call.verb, call.key) == ("build-with-parameters", plan.operation)
    assert dict(call.args) == {
        "job": "finedge/prod/payments-ci",
        "parameters": {"BRANCH": "main", "DATE": "2026-11-20", "FEDESK_OPERATION": plan.operation},
        "operation_parameter": True,
        "after_queue_id": 811,
        "user": "oncall",
    }


def test_a_job_without_parameters_is_built_without() -> None:
    """Jenkins answers 400 to parameters there; what the build had once is dropped, and no id is carried."""
    preview = rebuild_preview(declared=(), declares_operation=False)
    (effect,) = drafted_build(preview).effects
    assert (effect.call.verb, effect.call.args["parameters"]) == ("build", {})
    assert effect.sentence.endswith("without parameters")


def test_what_a_build_pins_and_reserves() -> None:
    """The job and its pipeline are held; the definition, what it declares and what is repeated are pinned."""
    target = drafted_build().target
    assert target.reserves == ("prod/jenkins:finedge/prod/payments-ci", "prod|payments_daily|")
    assert target.pins["definition (config.xml)"] == "ab" * 32
    assert target.pins["what the job declares"] == "BRANCH, DATE, FEDESK_OPERATION"
    other = rebuild_preview(parameters=(parameter("BRANCH", "other"), parameter("DATE", "2026-11-20")))
    name = "parameters of the build"
    assert target.pins[name] != drafted_build(other).target.pins[name]


def test_a_deploy_job_holds_its_service() -> None:
    """Two builds of what deploys one service hold each other."""
    run = RunName(BUILD.connection, "finedge/prod/deploy-payments#7")
    assert drafted_build(run=run).target.reserves == (
        "prod/jenkins:finedge/prod/deploy-payments",
        "prod|service payments|",
    )


def test_a_parameter_that_reads_like_a_secret_stands_nowhere_in_the_draft() -> None:
    """Its plan is refused; what is shown of it does not hold the value."""
    draft = drafted_build(
        rebuild_preview(parameters=(parameter("API_TOKEN", PLANTED),), declared=("API_TOKEN",))
    )
    assert PLANTED not in repr(draft)
    assert not secrets_in(planned(draft, "prod/jenkins"))
    assert [one.guard for one in draft.guards if one.blocks] == ["parameters can be repeated"]


def entry(step: str, reference: str) -> JournalEntry:
    return JournalEntry(number=1, at=NOW, step=step, state=StepState.DONE, said="x", reference=reference)


@pytest.mark.parametrize(
    ("journal", "state", "asked_for"),
    [
        ((entry("trigger", "queue:812"),), StepState.WAITING, 812),
        ((entry("trigger", "queue:811"), entry("trigger", "queue:812")), StepState.WAITING, 812),
        ((entry("trigger", "build:1842"),), StepState.DONE, None),
        ((entry("trigger", ""),), StepState.UNKNOWN, None),
        ((), StepState.UNKNOWN, None),
    ],
)
def test_the_queue_item_of_the_trigger_is_followed(
    journal: tuple[JournalEntry, ...], state: StepState, asked_for: int | None
) -> None:
    """By the newest reference of the trigger; a build that settling found is not looked for in the queue."""
    plan = planned(drafted_build(), "prod/jenkins")
    jenkins = StillSystem()
    look = REBUILD.steps[1].look
    assert look is not None
    progress: Progress = look(plan, journal, StillSystems(prod_jenkins=jenkins), CLOCK)
    assert progress.state is state
    expected = [] if asked_for is None else [(asked_for, "finedge/prod/payments-ci", plan.operation)]
    assert jenkins.asked == expected


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"BRANCH": "main", "DATE": "2026-11-20"}, StepState.DONE),
        ({"BRANCH": "main", "DATE": "2026-11-20", "REGION": "eu"}, StepState.DONE),
        ({"BRANCH": "other", "DATE": "2026-11-20"}, StepState.FAILED),
        ({"BRANCH": "main"}, StepState.FAILED),
        ({"BRANCH": "main", "DATE": "2026-11-20", "FEDESK_OPERATION": "another"}, StepState.FAILED),
        (None, StepState.WAITING),
    ],
)
def test_the_build_is_read_back(found: dict[str, str] | None, state: StepState) -> None:
    """It carries this operation's id and the plan's parameters; a new one's default is no difference."""
    plan = planned(drafted_build(), "prod/jenkins")
    build = None if found is None else build_detail({"FEDESK_OPERATION": plan.operation} | found)
    look = REBUILD.steps[2].look
    assert look is not None
    jenkins = StillSystem(build=build)
    journal = (entry("trigger", "queue:812"), entry("follow queue item", "build:1842"))
    progress = look(plan, journal, StillSystems(prod_jenkins=jenkins), CLOCK)
    assert (progress.state, progress.reference) == (state, "build:1842")
    assert jenkins.asked == ["finedge/prod/payments-ci#1842"]


def test_each_kind_has_an_effect_first_and_reads_back_last() -> None:
    """Nothing ends well that was not read back, within a bounded time."""
    for kind in (one for one in KINDS.values() if one.made_steps is None):
        assert kind.steps[0].kind is StepKind.EFFECT
        assert kind.steps[-1].kind is StepKind.VERIFY
        assert kind.steps[-1].within is not None
        assert all((step.look is None) == (step.kind is StepKind.EFFECT) for step in kind.steps)


def test_a_system_without_runs_is_refused_in_a_sentence() -> None:
    """A Vault has nothing to run again."""
    systems = StillSystems(prod_airflow=StillSystem(), prod_jenkins=StillSystem())
    jenkins, airflow = (systems.reading(ConnectionName("prod", name)) for name in ("jenkins", "airflow"))
    request = asked(BUILD)
    assert (kind_for(request, airflow), kind_for(request, jenkins)) == (CLEAR, REBUILD)
    vault = replace(airflow, name=ConnectionName("prod", "vault"), system=System.VAULT)
    with pytest.raises(NotFoundError, match="prod/vault is a vault, which has nothing to run again"):
        kind_for(request, vault)


@pytest.mark.parametrize(
    ("choice", "verb", "approvals"), [("proceed", "promote", 1), ("abort", "rollback", 0)]
)
def test_stopping_a_build_is_under_the_rules_of_what_stops(choice: str, verb: str, approvals: int) -> None:
    """To let it go on takes what a promotion takes; to have it end takes nobody's approval by itself."""
    jenkins = StillSystems(prod_jenkins=StillSystem()).reading(ConnectionName("prod", "jenkins"))
    request = AnswerRequest(run=RunName(jenkins.name, BUILD.id), choice=choice)
    assert verb_of(request) == kind_for(request, jenkins).action == verb
    assert DEFAULTS[verb].approvals == approvals
