"""The sandbox's world: everything follows from seed, scale and start, and any moment can be asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fedesk.sandbox.clock import WorldClock, fractions
from fedesk.sandbox.model import (
    ENVIRONMENTS,
    Activity,
    BuildResult,
    DagRun,
    RunState,
    StageState,
    TaskInstance,
    TaskState,
)
from fedesk.sandbox.stories import FAKE_AWS_KEY, FAKE_TOKEN, OUTAGE_BEGAN
from fedesk.sandbox.world import World

NIGHT = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
TODAY = "scheduled__2026-11-20T00:00:00+00:00"


def world_at(start: datetime = NIGHT, *, seed: int = 7, scale: float = 1.0, hostile: bool = False) -> World:
    return World(seed=seed, scale=scale, clock=WorldClock(start), hostile=hostile)


@pytest.fixture(scope="module")
def shared_world() -> World:
    """Made once, since what was looked at before changes nothing; ask for ``world`` instead."""
    return world_at()


@pytest.fixture
def world(shared_world: World) -> World:
    """A world at NIGHT, which nobody may change."""
    shared_world.clock.set(NIGHT)
    return shared_world


def newest(world: World, dag_id: str, environment: str = "prod") -> DagRun:
    return world.dag_runs(environment, dag_id)[-1]


def told(world: World, environment: str, dag_id: str) -> DagRun:
    """The newest run of a DAG that shows a story."""
    return next(run for run in reversed(world.dag_runs(environment, dag_id)) if run.plan.story)


def task(world: World, run: DagRun, task_id: str) -> TaskInstance:
    plan = run.plan
    instances = world.task_instances(plan.environment, plan.dag_id, plan.run_id)
    return next(instance for instance in instances if instance.spec.task_id == task_id)


def task_text(world: World, run: DagRun, task_id: str) -> str:
    plan = run.plan
    tried = task(world, run, task_id).try_number
    log = world.task_log(plan.environment, plan.dag_id, plan.run_id, task_id, tried)
    return "\n".join(line.text for line in log.lines)


@pytest.mark.parametrize("hour", range(0, 24, 2))
@pytest.mark.parametrize("minute", [10, 40, 55])
def test_a_night_is_told_at_each_hour_of_the_day(hour: int, minute: int) -> None:
    """The run that a story is about is the newest one that has begun, whenever the world is started."""
    start = NIGHT.replace(hour=hour, minute=minute)
    at_that_hour = world_at(start, scale=0.2)
    for dag_id, state in (("payments_daily", RunState.FAILED), ("ledger_load", RunState.RUNNING)):
        run = newest(at_that_hour, dag_id)
        assert (run.state, run.plan.story != "") == (state, True), dag_id


def test_company_has_the_shape_of_finedge(world: World) -> None:
    """40 pipelines, as many DAGs an environment, and 123 Jenkins jobs over three folders."""
    assert len(world.pipelines) == 40
    assert [len(world.dags(environment)) for environment in ENVIRONMENTS] == [40, 40, 40]
    assert len(world.jobs()) == 123
    assert [len(world.jobs(f"finedge/{environment}")) for environment in ENVIRONMENTS] == [42, 41, 40]
    assert sum(not pipeline.catalogued for pipeline in world.pipelines) == 3


@pytest.mark.parametrize(("scale", "pipelines", "jobs"), [(0.1, 4, 27), (0.5, 20, None), (3, 120, 363)])
def test_scale_multiplies_pipelines(scale: float, pipelines: int, jobs: int | None) -> None:
    """The scale multiplies pipelines: the first of them stay below one, each has its own name above."""
    world = world_at(scale=scale)
    names = {dag.dag_id for dag in world.dags("prod")}
    assert len(names) == len(world.pipelines) == pipelines
    assert "payments_daily" in names
    if jobs is not None:
        assert len(world.jobs()) == jobs


def test_history_is_thirty_days_and_the_release_rate_is_finedges(world: World) -> None:
    """Runs and builds reach back thirty days; 30 to 50 releases a day go to prod."""
    first = world.dag_runs("prod", "payments_daily")[0]
    assert timedelta(days=30) <= NIGHT - first.plan.run_after < timedelta(days=31)
    deploys = [
        build
        for job in world.jobs("finedge/prod")
        if job.kind == "deploy"
        for build in world.builds(job.full_name)
        if NIGHT - timedelta(days=20) < build.queued_at <= NIGHT
    ]
    assert 30 <= len(deploys) / 20 <= 50


def test_same_seed_same_world() -> None:
    """Two worlds of one seed and start are equal in every run, task, build, log and secret."""
    one, other = world_at(scale=0.4), world_at(scale=0.4)
    for environment in ENVIRONMENTS:
        assert one.dag_runs(environment) == other.dag_runs(environment)
        assert one.secrets(environment) == other.secrets(environment)
    since = NIGHT - timedelta(hours=2)
    assert one.task_instances("prod", updated_since=since) == other.task_instances(
        "prod", updated_since=since
    )
    job = "finedge/prod/deploy-payments"
    assert one.builds(job) == other.builds(job)
    assert one.build_log(job, 1841) == other.build_log(job, 1841)
    assert one.queue() == other.queue()
    assert one.identity("jenkins") == other.identity("jenkins")
    assert fractions("a", 1) == fractions("a", 1)


def test_another_seed_another_world() -> None:
    """The seed changes what ordinary runs and builds are like."""
    one, other = world_at(), world_at(seed=8)
    assert one.dag_runs("prod", "fraud_signals") != other.dag_runs("prod", "fraud_signals")
    assert one.identity("vault").credential != other.identity("vault").credential


def test_order_of_asking_does_not_matter() -> None:
    """What was looked at before, or at which moment, changes nothing of what is seen."""
    one, other = world_at(scale=0.4), world_at(scale=0.4)
    other.clock.advance(timedelta(days=2))
    other.dag_runs("prod")
    other.builds("finedge/dev/payments-ci")
    other.clock.set(NIGHT)
    assert one.dag_runs("prod") == other.dag_runs("prod")
    assert one.builds("finedge/dev/payments-ci") == other.builds("finedge/dev/payments-ci")


def test_state_follows_from_time(world: World) -> None:
    """A run is unknown, then queued, running, ended; its updated_at is its newest event."""
    due = datetime(2026, 11, 20, 2, 45, tzinfo=UTC)
    assert newest(world, "fraud_signals").plan.run_after < due
    world.clock.set(due + timedelta(seconds=30))
    run = newest(world, "fraud_signals")
    activity = run.plan.activity[0]
    assert run.plan.run_after == due
    assert activity.ended_at is not None
    world.clock.set(activity.queued_at - timedelta(milliseconds=1))
    with pytest.raises(KeyError):
        world.dag_run("prod", "fraud_signals", run.plan.run_id)
    seen = []
    for at in (activity.queued_at, activity.started_at, activity.ended_at):
        world.clock.set(at)
        seen.append(world.dag_run("prod", "fraud_signals", run.plan.run_id))
    assert [item.state for item in seen] == [RunState.QUEUED, RunState.RUNNING, RunState.SUCCESS]
    assert [item.updated_at for item in seen] == [
        activity.queued_at,
        activity.started_at,
        activity.ended_at,
    ]
    assert [item.end_date for item in seen] == [None, None, activity.ended_at]


def test_task_states_follow_from_time(world: World) -> None:
    """A task is scheduled, queued, running, up for retry, and runs again, each at its planned moment."""
    plan = newest(world, "payments_daily").plan
    instance = task(world, newest(world, "payments_daily"), "dbt_test")
    first, second, third = instance.plan.attempts
    assert first.ended_at is not None
    assert third.ended_at == NIGHT - timedelta(minutes=12)
    expected = [
        (first.scheduled_at - timedelta(milliseconds=1), None, 0),
        (first.scheduled_at, TaskState.SCHEDULED, 1),
        (first.queued_at, TaskState.QUEUED, 1),
        (first.started_at, TaskState.RUNNING, 1),
        (first.ended_at, TaskState.UP_FOR_RETRY, 1),
        (second.started_at, TaskState.RUNNING, 2),
        (third.ended_at - timedelta(milliseconds=1), TaskState.RUNNING, 3),
        (third.ended_at, TaskState.FAILED, 3),
    ]
    for at, state, number in expected:
        world.clock.set(at)
        seen = task(world, world.dag_run("prod", "payments_daily", plan.run_id), "dbt_test")
        assert (seen.state, seen.try_number) == (state, number)
        assert seen.updated_at <= at


def test_what_moved_is_exactly_what_changed_since(world: World) -> None:
    """``updated_since`` gives the runs and tasks whose newest event is not before it, none else."""
    since = NIGHT - timedelta(minutes=20)
    moved = world.dag_runs("prod", updated_since=since)
    everything = world.dag_runs("prod")
    assert moved == [run for run in everything if run.updated_at >= since]
    assert moved
    tasks = world.task_instances("prod", updated_since=since)
    assert tasks
    assert all(item.updated_at >= since for item in tasks)


def test_something_moves_within_any_minute(world: World) -> None:
    """While one watches prod and its Jenkins, each of the next thirty minutes brings something new."""
    for minute in range(30):
        since = NIGHT + timedelta(minutes=minute)
        world.clock.set(since + timedelta(minutes=1))
        moved = len(world.task_instances("prod", updated_since=since))
        stages = [
            at
            for job in world.jobs("finedge/prod")
            for build in world.builds(job.full_name)[:2]
            for stage in build.stages
            for at in (stage.started_at, stage.ended_at)
            if at is not None and since <= at <= world.now()
        ]
        assert moved + len(stages) > 0, f"nothing moves in minute {minute}"


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_night_on_call_is_there_at_any_hour(hour: int) -> None:
    """At any start payments failed 12 minutes ago, the ledger waits, fx_rates' deploy failed."""
    start = datetime(2026, 7, 1, hour, 17, 3, tzinfo=UTC)
    world = world_at(start)
    payments = told(world, "prod", "payments_daily")
    failed = task(world, payments, "dbt_test")
    assert payments.state is RunState.FAILED
    assert (failed.state, failed.try_number, failed.plan.max_tries) == (TaskState.FAILED, 3, 2)
    assert failed.end_date == start - timedelta(minutes=12)
    assert task(world, payments, "publish").state is TaskState.UPSTREAM_FAILED
    ledger = told(world, "prod", "ledger_load")
    waiting = task(world, ledger, "wait_for_file_acme_07")
    assert (ledger.state, waiting.state) == (RunState.RUNNING, TaskState.DEFERRED)
    assert waiting.start_date is not None
    assert timedelta(0) < start - timedelta(minutes=31) + timedelta(seconds=10) - waiting.start_date
    deploy = world.builds("finedge/prod/deploy-fx_rates")[0]
    assert (deploy.result_at(start), deploy.stages[-1].name) == (BuildResult.FAILURE, "Verify")
    assert deploy.ended_at == start - timedelta(hours=2)


def test_line_that_matters_is_not_the_last(world: World) -> None:
    """The log of the failed test has 3,000 lines and more, and its reason stands far from the end."""
    log = world.task_log("prod", "payments_daily", TODAY, "dbt_test", 3)
    found = [
        number for number, line in enumerate(log.lines) if "FAIL 14 not_null_payments_amount" in line.text
    ]
    assert log.complete
    assert len(log.lines) > 3000
    assert len(found) == 1
    assert found[0] < len(log.lines) - 500


@pytest.mark.parametrize(
    ("dag_id", "task_id", "state", "words"),
    [
        ("regulatory_reports", "dbt_run", RunState.FAILED, "AirflowTaskTimeout"),
        ("aml_screening", "transform", RunState.FAILED, "Exit code: 137"),
        ("open_banking_sync", "fetch", RunState.SUCCESS, FAKE_AWS_KEY),
        ("open_banking_sync", "fetch", RunState.SUCCESS, FAKE_TOKEN),
        ("loyalty_points", "load", RunState.FAILED, "has locked table"),
        ("merchant_analytics", "dbt_run", RunState.SUCCESS, "9.4 times"),
        ("invoice_matching", "transform", RunState.RUNNING, ""),
    ],
)
def test_failure_modes_of_runs(dag_id: str, task_id: str, state: RunState, words: str) -> None:
    """Timeout, exhausted resources, leaked secret, race, cost spike and long tail each show in a run."""
    world = world_at()
    run = told(world, "prod", dag_id)
    assert run.state is state
    assert words in task_text(world, run, task_id)


def test_flaky_api_succeeds_on_the_second_try(world: World) -> None:
    """The API that kyc_refresh needs fails often: its last twenty runs are mixed, some with a second try."""
    runs = world.dag_runs("prod", "kyc_refresh")[-40:]
    assert {run.state for run in runs} == {RunState.SUCCESS, RunState.FAILED}
    last = told(world, "prod", "kyc_refresh")
    assert last.state is RunState.SUCCESS
    assert task(world, last, "fetch").try_number == 2
    first = world.task_log("prod", "kyc_refresh", last.plan.run_id, "fetch", 1)
    assert any("503 Service Unavailable" in line.text for line in first.lines)


def test_long_tail_runs_far_beyond_its_baseline(world: World) -> None:
    """invoice_matching runs, at the start, longer than three times its usual duration."""
    runs = world.dag_runs("prod", "invoice_matching")
    running = runs[-1]
    usual = sorted(run.end_date - run.start_date for run in runs if run.end_date and run.start_date)
    assert running.start_date is not None
    assert NIGHT - running.start_date > 3 * usual[len(usual) // 2]


def test_orchestrator_outage_leaves_a_gap(world: World) -> None:
    """While prod's scheduler was away nothing was queued and its heartbeat stood still."""
    began = NIGHT - OUTAGE_BEGAN
    queued = [
        run.queued_at
        for run in world.dag_runs("prod")
        if began <= run.queued_at < began + timedelta(minutes=60)
    ]
    assert not [at for at in queued if at > began + timedelta(seconds=5)]
    world.clock.set(began + timedelta(minutes=10))
    health = {item.name: item for item in world.health("prod")}
    assert health["scheduler"].status == "unhealthy"
    assert health["scheduler"].latest_heartbeat == began
    world.clock.set(NIGHT)
    assert {item.status for item in world.health("prod")} == {"healthy"}
    late = told(world, "prod", "fraud_features")
    assert late.queued_at - late.plan.run_after > timedelta(seconds=30)
    assert "no heartbeat" in "".join(
        line.text for line in world.task_log("prod", "fraud_features", late.plan.run_id, "fetch", 1).lines
    )


@pytest.mark.parametrize(
    ("job", "stage", "words"),
    [
        ("deploy-fx_rates", "Verify", "verification failed"),
        ("deploy-chargebacks", "Fetch artifact", "checksum mismatch"),
        ("deploy-lending", "Policy", "denied by policy"),
    ],
)
def test_failure_modes_of_builds(job: str, stage: str, words: str) -> None:
    """Failed verification, artifact mismatch and policy block each show in a build's stage and log."""
    world = world_at()
    build = world.builds(f"finedge/prod/{job}")[0]
    assert build.result_at(NIGHT) is BuildResult.FAILURE
    assert (build.stages[-1].name, build.stages[-1].outcome) == (stage, StageState.FAILED)
    text, complete = world.build_log(build.job, build.number)
    assert complete
    assert words in text.decode()
    assert words in world.build_log(build.job, build.number, build.stages[-1].node_id)[0].decode()
    assert not world.artifacts(build)


def test_last_release_of_payments_is_known_by_name(world: World) -> None:
    """deploy-payments in prod ended with build 1841, commit c0ffee1, two commits, and a release.json."""
    build = world.builds("finedge/prod/deploy-payments")[0]
    assert (build.number, build.commit[:7], len(build.changes)) == (1841, "c0ffee1", 2)
    assert [item.path for item in world.artifacts(build)] == ["release.json", "dist/SHA256SUMS"]


def test_build_numbers_and_queue_ids_grow(world: World) -> None:
    """In each job numbers follow one another, and queue ids are unique over the controller."""
    ids: list[int] = []
    for job in world.jobs():
        builds = world.builds(job.full_name)
        numbers = [build.number for build in builds]
        assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))
        own = [build.queue_id for build in builds]
        assert own == sorted(own, reverse=True)
        ids += own
    assert len(ids) == len(set(ids))


def test_queue_tells_its_reasons(world: World) -> None:
    """One item waits for a label that no node has, and is stuck; a new one is in its quiet period."""
    stuck = next(item for item in world.queue() if item.build.job == "finedge/prod/regulatory-ci")
    assert stuck.stuck
    assert "highmem" in stuck.why
    world.clock.set(NIGHT + timedelta(days=1))
    assert stuck.build in [item.build for item in world.queue()]


def test_a_build_waits_for_approval(world: World) -> None:
    """The deploy of merchants is paused for an input, holds no executor, and aborts after a day."""
    build = world.builds("finedge/prod/deploy-merchants")[0]
    assert build.input_at(NIGHT) is not None
    assert build.stage_state(build.stages[-1], NIGHT) is StageState.PAUSED_PENDING_INPUT
    assert build not in [executor.build for executor in world.executors()]
    world.clock.advance(timedelta(days=2))
    assert build.result_at(world.now()) is BuildResult.ABORTED


def test_executors_hold_what_runs(world: World) -> None:
    """Every running build that is not paused sits in exactly one executor of a node that is online."""
    busy = [executor.build for executor in world.executors() if executor.build is not None]
    assert busy == [build for build in world.running_builds() if build.input_at(NIGHT) is None]
    assert busy
    offline = [executor for executor in world.executors() if executor.node.offline_reason]
    assert offline
    assert all(executor.build is None for executor in offline)


def test_logs_grow_while_something_runs(world: World) -> None:
    """A running thing's log at a later moment begins with what it was, and ends complete."""
    job = "finedge/dev/payments-ci"
    number = world.builds(job)[0].number
    early, complete = world.build_log(job, number)
    assert early
    assert not complete
    world.clock.advance(timedelta(minutes=1))
    later, _ = world.build_log(job, number)
    assert later.startswith(early)
    assert len(later) > len(early)
    world.clock.advance(timedelta(hours=1))
    whole, complete = world.build_log(job, number)
    assert whole.startswith(later)
    assert complete
    assert whole.endswith(b"Finished: SUCCESS\n")


def test_task_log_grows_and_is_missing_before_its_try(world: World) -> None:
    """The log of a try begins with the try: before it there is none, while it runs it is a part."""
    attempt = task(world, newest(world, "payments_daily"), "dbt_test").plan.attempts[2]
    whole = world.task_log("prod", "payments_daily", TODAY, "dbt_test", 3)
    world.clock.set(attempt.started_at + timedelta(seconds=20))
    part = world.task_log("prod", "payments_daily", TODAY, "dbt_test", 3)
    assert part.lines == whole.lines[: len(part.lines)]
    assert not part.complete
    world.clock.set(attempt.started_at - timedelta(milliseconds=1))
    with pytest.raises(KeyError):
        world.task_log("prod", "payments_daily", TODAY, "dbt_test", 3)


def test_secrets_of_every_age(world: World) -> None:
    """Exactly 90 days, a second more, due in 10 days, 200 days, young, deleted, without owner."""
    secrets = {secret.path.removeprefix("finedge/prod/"): secret for secret in world.secrets("prod")}
    ages = {
        name: NIGHT - secret.versions[-1].created_time
        for name, secret in secrets.items()
        if secret.versions[-1].version == secret.current_version
    }
    assert ages["partner-api"] == timedelta(days=90)
    assert ages["card-network"] == timedelta(days=90, seconds=1)
    assert ages["fx-provider"] == timedelta(days=80)
    assert ages["identity-provider"] == timedelta(days=200)
    assert ages["smtp-relay"] == timedelta(days=3)
    rotated = datetime.fromisoformat(dict(secrets["github-app"].custom_metadata)["rotated_at"])
    assert rotated < secrets["github-app"].versions[-1].created_time
    assert secrets["ledger-archive"].versions[-1].deletion_time is not None
    assert "owner" not in dict(secrets["webhook"].custom_metadata)
    oldest = {
        environment: max(NIGHT - secret.versions[-1].created_time for secret in world.secrets(environment))
        for environment in ENVIRONMENTS
    }
    assert oldest["staging"] == timedelta(days=80)
    assert oldest["dev"] < timedelta(days=76)


def test_loads_follow_the_runs(world: World) -> None:
    """Each run that started is a row of pipeline_runs: rows only where it succeeded, no end while it runs."""
    rows = {(row.pipeline, row.run_id): row for row in world.loads("prod")}
    assert len(rows) == len([run for run in world.dag_runs("prod") if run.start_date is not None])
    failed = rows["payments_daily", TODAY]
    assert (failed.status, failed.rows_loaded, failed.partition) == ("failed", None, "2026-11-20")
    running = rows["ledger_load", TODAY]
    assert (running.status, running.end_time) == ("running", None)
    fine = rows["account_balances", TODAY]
    assert fine.rows_loaded


def test_hostile_texts_only_where_asked_for() -> None:
    """Only with ``hostile``, and in dev, are there markup, escapes, a megabyte line, broken bytes."""
    calm, hostile = world_at(), world_at(hostile=True)
    assert len(calm.dags("dev")) == 40
    assert calm.import_errors("dev") == ()
    assert [len(hostile.dags(environment)) for environment in ENVIRONMENTS] == [41, 40, 40]
    job = "finedge/dev/hostile-ci"
    text, _ = hostile.build_log(job, hostile.builds(job)[0].number)
    for part in (b"[red]x[/]", b"\x1b[31m", b"x" * 1_000_000, b"\xff\xfe\x80"):
        assert part in text
    assert "\ud83d" in hostile.import_errors("dev")[0].stack_trace
    run = told(hostile, "dev", "hostile_texts")
    assert "\udcff" in task_text(hostile, run, "fetch")


def test_runs_can_be_added_and_amended() -> None:
    """A cleared run gets a second activity, and an added run is seen from the moment it is queued."""
    world = world_at()
    history = world.dag_history("prod", "payments_daily")
    plan = newest(world, "payments_daily").plan
    again = Activity(
        queued_at=NIGHT, started_at=NIGHT + timedelta(seconds=5), ended_at=None, outcome=RunState.SUCCESS
    )
    with world.lock:
        history.amend(replace(plan, activity=(*plan.activity, again)))
    assert world.dag_run("prod", "payments_daily", plan.run_id).state is RunState.QUEUED
    world.clock.advance(timedelta(seconds=6))
    assert world.dag_run("prod", "payments_daily", plan.run_id).state is RunState.RUNNING
    world.clock.set(NIGHT - timedelta(seconds=1))
    assert world.dag_run("prod", "payments_daily", plan.run_id).state is RunState.FAILED


def test_builds_can_be_added_and_amended() -> None:
    """A started build takes the next number, later ones go on behind it, an amended one shows."""
    world = world_at()
    job = "finedge/prod/deploy-payments"
    number = world.next_build_number(job)
    assert number == 1842
    started = replace(world.builds(job)[0], number=number, queue_id=1, queued_at=NIGHT, started_at=NIGHT)
    with world.lock:
        world.build_history(job).add(started)
    assert world.builds(job)[0] == started
    world.clock.advance(timedelta(days=1))
    assert [build.number for build in world.builds(job, 3)] == [1844, 1843, 1842]
    with world.lock:
        world.build_history(job).amend(replace(started, result=BuildResult.ABORTED))
    assert world.build(job, 1842).result is BuildResult.ABORTED


def test_clock_runs_freezes_and_jumps() -> None:
    """The clock is real time until it is frozen, set or advanced; frozen it stays where it is put."""
    clock = WorldClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    clock.set(NIGHT)
    assert NIGHT <= clock.now() < NIGHT + timedelta(minutes=1)
    clock.freeze(NIGHT)
    clock.advance(timedelta(hours=-1))
    assert clock.now() == NIGHT - timedelta(hours=1)
    clock.run()
    assert not clock.is_frozen
    assert clock.now() >= NIGHT - timedelta(hours=1)
