"""Runs of the sandbox's world that are cleared: they queue, run again, end, and can be forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from fakesnow.instance import FakeSnow

from fedesk.sandbox.airflow_login import RefusedError
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.control import Control
from fedesk.sandbox.model import DagRun, LoadRow, RunState, TaskInstance, TaskState
from fedesk.sandbox.reruns import Clear, cleared
from fedesk.sandbox.snowflake_tables import PipelineRuns
from fedesk.sandbox.world import World

NIGHT = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
PAYMENTS, SCREENING, CHANGED = "payments_daily", "aml_screening", "regulatory_reports"


@pytest.fixture
def world() -> World:
    clock = WorldClock()
    clock.freeze(NIGHT)
    return World(seed=7, clock=clock, start=NIGHT)


@pytest.fixture
def control(world: World) -> Control:
    return Control(world, faults=True)


def last_failed(world: World, dag_id: str, environment: str = "prod") -> DagRun:
    return [run for run in world.dag_runs(environment, dag_id) if run.state is RunState.FAILED][-1]


def now(world: World, run: DagRun) -> DagRun:
    return world.dag_run(run.plan.environment, run.plan.dag_id, run.plan.run_id)


def tasks(world: World, run: DagRun) -> dict[str, TaskInstance]:
    plan = run.plan
    found = world.task_instances(plan.environment, plan.dag_id, plan.run_id)
    return {each.spec.task_id: each for each in found}


def loads(world: World, run: DagRun) -> list[LoadRow]:
    plan = run.plan
    rows = world.loads(plan.environment)
    return [row for row in rows if (row.pipeline, row.run_id) == (plan.dag_id, plan.run_id)]


def clear(control: Control, run: DagRun, **more: object) -> tuple[str, ...]:
    plan = run.plan
    return control.clear_run(plan.environment, plan.dag_id, plan.run_id, **more)  # type: ignore[arg-type]  # by name


def test_a_cleared_run_queues_runs_and_succeeds(world: World, control: Control) -> None:
    """The run is queued, runs, then ends well; tasks have no state until their turn, then higher tries."""
    run = last_failed(world, SCREENING)
    assert clear(control, run) == ("transform", "quality_checks", "publish", "notify")
    assert now(world, run).state is RunState.QUEUED
    assert now(world, run).start_date is None
    first = tasks(world, run)["transform"]
    assert (first.state, first.try_number) == (None, 3)
    world.clock.advance(timedelta(seconds=10))
    assert now(world, run).state is RunState.RUNNING
    again = tasks(world, run)["transform"]
    assert (again.state, again.try_number) == (TaskState.RUNNING, 4)
    assert tasks(world, run)["publish"].state is None
    assert tasks(world, run)["extract"].state is TaskState.SUCCESS
    world.clock.advance(timedelta(hours=1))
    assert now(world, run).state is RunState.SUCCESS
    assert {each.state for each in tasks(world, run).values()} == {TaskState.SUCCESS}


def test_a_run_that_then_succeeds_writes_its_partition(world: World, control: Control) -> None:
    """Its row of loads goes from failed to success, with rows, like any other run's."""
    run = last_failed(world, SCREENING)
    (before,) = loads(world, run)
    assert (before.status, before.rows_loaded) == ("failed", None)
    clear(control, run)
    world.clock.advance(timedelta(hours=1))
    (after,) = loads(world, run)
    assert (after.status, after.partition, after.rows_loaded) == ("success", before.partition, run.plan.rows)


def test_the_failed_payments_fail_once_more_and_then_succeed(world: World, control: Control) -> None:
    """The cause of prod's payments_daily outlives the first clear; the second one helps."""
    run = last_failed(world, PAYMENTS)
    clear(control, run)
    world.clock.advance(timedelta(hours=1))
    assert now(world, run).state is RunState.FAILED
    failed = tasks(world, run)["dbt_test"]
    assert (failed.state, failed.try_number, failed.plan.max_tries) == (TaskState.FAILED, 6, 5)
    assert tasks(world, run)["notify"].state is TaskState.UPSTREAM_FAILED
    log = world.task_log("prod", PAYMENTS, run.plan.run_id, "dbt_test", 6)
    assert any("not_null" in line.text for line in log.lines)
    clear(control, run)
    world.clock.advance(timedelta(hours=1))
    assert now(world, run).state is RunState.SUCCESS
    assert tasks(world, run)["dbt_test"].try_number == 7


def test_the_same_clear_plays_out_the_same(world: World, control: Control) -> None:
    """Seed, clock and clears decide everything: again and again the same times."""
    ends = []
    for _ in range(2):
        run = last_failed(world, SCREENING)
        clear(control, run)
        world.clock.advance(timedelta(hours=1))
        ends.append(now(world, run).end_date)
        world.clock.freeze(NIGHT)
        world.forget_changes()
    assert ends[0] == ends[1]


def test_one_task_that_is_cleared_under_a_failed_one_is_blocked_again(world: World, control: Control) -> None:
    """What comes after a failed task gets upstream_failed at once, and the run fails again."""
    run = last_failed(world, PAYMENTS)
    assert clear(control, run, task_ids=["notify"]) == ("notify",)
    world.clock.advance(timedelta(minutes=2))
    assert now(world, run).state is RunState.FAILED
    assert tasks(world, run)["notify"].state is TaskState.UPSTREAM_FAILED


def test_a_task_that_runs_is_stopped_and_runs_again(world: World, control: Control) -> None:
    """Cleared without being prevented, a running task restarts, then has no state, then runs again."""
    run = last_failed(world, SCREENING)
    clear(control, run)
    world.clock.advance(timedelta(seconds=10))
    assert clear(control, run, only_failed=False, task_ids=["transform"]) == ("transform",)
    assert tasks(world, run)["transform"].state is TaskState.RESTARTING
    world.clock.advance(timedelta(seconds=4))
    assert tasks(world, run)["transform"].state is None
    world.clock.advance(timedelta(seconds=6))
    assert (tasks(world, run)["transform"].state, tasks(world, run)["transform"].try_number) == ("running", 5)
    world.clock.advance(timedelta(hours=1))
    assert now(world, run).state is RunState.SUCCESS


def test_a_clear_that_resets_no_run_leaves_it_as_it_is(world: World) -> None:
    """Without reset_dag_runs an ended run stays failed, and what was cleared waits."""
    run = last_failed(world, SCREENING)
    plan = cleared(
        world.seed,
        world.dag("prod", SCREENING),
        run.plan,
        world.task_plans(run.plan),
        Clear(instances=[("transform", -1)], at=NIGHT, reset_dag_runs=False),
    )
    with world.lock:
        world.dag_history("prod", SCREENING).amend(plan)
    world.clock.advance(timedelta(hours=1))
    assert now(world, run).state is RunState.FAILED
    assert tasks(world, run)["transform"].state is None


def test_a_run_of_a_paused_dag_stays_queued(world: World, control: Control) -> None:
    """On a paused DAG nothing starts."""
    dag = next(dag for dag in world.dags("dev") if dag.paused)
    ended = next(run for run in reversed(world.dag_runs("dev", dag.dag_id)) if run.end_date is not None)
    assert clear(control, ended, only_failed=False)
    world.clock.advance(timedelta(days=2))
    assert now(world, ended).state is RunState.QUEUED
    assert {each.state for each in tasks(world, ended).values()} == {None}


def test_the_version_of_a_run_is_kept_unless_asked(world: World) -> None:
    """A DAG has changed since its run failed: the clear keeps the run's version, or takes the newest."""
    run, served = last_failed(world, CHANGED), world.served("prod", CHANGED)
    assert run.queued_at < served.now.number_since < NIGHT
    assert served.of_run(run.plan).number == served.newest_version - 1
    for version in (0, served.newest_version):
        plan = cleared(
            world.seed,
            served.dag,
            run.plan,
            world.task_plans(run.plan),
            Clear(instances=[("dbt_run", -1)], at=NIGHT, version=version),
        )
        assert plan.dag_version == version
        assert served.of_run(plan).number == (version or served.newest_version - 1)


def test_changes_are_forgotten(world: World, control: Control) -> None:
    """After forget_changes runs, loads and event log are as the seed says, and can be changed again."""
    run = last_failed(world, PAYMENTS)
    before = (run, tasks(world, run), loads(world, run), world.airflow.events("prod"))
    clear(control, run, note="mine")
    assert world.airflow.events("prod") != before[3]
    control.forget_changes()
    again = last_failed(world, PAYMENTS)
    assert (again, tasks(world, again), loads(world, again), world.airflow.events("prod")) == before
    assert clear(control, again) == ("dbt_test", "publish", "notify")


def test_who_cleared_is_in_the_event_log(world: World, control: Control) -> None:
    """Somebody else's clear stands in the event log of its environment with name, time and note."""
    run = last_failed(world, PAYMENTS)
    clear(control, run, user="tomasz", note="by hand")
    event = world.airflow.events("prod")[-1]
    assert (event.owner, event.when, event.run_id) == ("tomasz", NIGHT, run.plan.run_id)
    assert '"note": "by hand"' in event.extra
    assert len(world.airflow.events("staging")) == 1


def test_a_clear_of_nothing(world: World, control: Control) -> None:
    """No such run is refused in Airflow's words; a run without failures is not touched."""
    with pytest.raises(RefusedError):
        control.clear_run("prod", PAYMENTS, "no-such-run")
    good = next(run for run in world.dag_runs("prod", PAYMENTS) if run.state is RunState.SUCCESS)
    assert clear(control, good) == ()
    assert now(world, good) == good


def test_a_mapped_task_that_was_blocked_is_expanded_when_its_turn_comes(
    world: World, control: Control
) -> None:
    """A blocked mapped task is one instance, with no map index; when it runs it is as many as it maps to."""
    found = [
        run
        for environment in ("dev", "staging", "prod")
        for run in world.dag_runs(environment)
        if run.state is RunState.FAILED
        for each in world.as_task_instances(run.plan, NIGHT)
        if each.spec.mapped and each.plan.map_index < 0
    ]
    run = found[0]
    mapped = next(name for name, each in tasks(world, run).items() if each.spec.mapped)
    clear(control, run, note="once more")
    world.clock.advance(timedelta(seconds=2))
    plan = run.plan
    before = world.task_instances(plan.environment, plan.dag_id, plan.run_id)
    assert [each.plan.map_index for each in before if each.spec.task_id == mapped] == [-1]
    world.clock.advance(timedelta(hours=3))
    after = world.task_instances(plan.environment, plan.dag_id, plan.run_id)
    instances = [each for each in after if each.spec.task_id == mapped]
    assert [each.plan.map_index for each in instances] == list(range(instances[0].spec.mapped))
    assert [each.plan.note for each in instances] == ["once more"] + [""] * (len(instances) - 1)
    assert now(world, run).state is RunState.SUCCESS


def test_the_table_holds_what_the_world_says() -> None:
    """OPS.PIPELINE_RUNS follows what is cleared, forgotten and moved in time, seen in between or not."""
    world = World(seed=7, scale=0.1, clock=WorldClock(NIGHT), start=NIGHT)
    control, snow = Control(world, faults=True), FakeSnow()
    table = PipelineRuns(snow, world)
    cursor = snow.connect("FINEDGE", "OPS")._duck_conn.cursor()  # noqa: SLF001 - as the tables are filled

    def rows() -> list[tuple[object, ...]]:
        table.catch_up("FINEDGE")
        found = cursor.execute("select PIPELINE, RUN_ID, STATUS, OPERATION_ID from FINEDGE.OPS.PIPELINE_RUNS")
        return sorted(found.fetchall())

    def told() -> list[tuple[object, ...]]:
        return sorted((row.pipeline, row.run_id, row.status, row.operation_id) for row in world.loads("prod"))

    def runs_again(run: DagRun) -> None:
        clear(control, run, note="fedesk 019a")
        world.clock.advance(timedelta(seconds=30))
        assert now(world, run).state is RunState.RUNNING

    by_seed = told()
    assert rows() == by_seed
    failed = [run for run in world.dag_runs("prod") if run.state is RunState.FAILED]
    one, other = failed[0], failed[-1]
    assert one.plan.dag_id != other.plan.dag_id
    runs_again(one)
    assert rows() == told() != by_seed
    control.forget_changes()
    assert rows() == told()
    runs_again(one)
    cleared_one = rows()
    control.forget_changes()
    runs_again(other)
    assert rows() == told() != cleared_one
    world.clock.advance(timedelta(hours=2))
    assert rows() == told()
    world.clock.set(NIGHT)
    control.forget_changes()
    assert rows() == told() == by_seed
