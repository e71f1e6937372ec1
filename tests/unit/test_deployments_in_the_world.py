"""Releases in the sandbox's world are real: a deploy job changes what runs, the other systems follow it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakesnow.instance import FakeSnow

from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.deployments import Deployed
from fedesk.sandbox.model import ENVIRONMENTS, BuildPlan, BuildResult, StageState
from fedesk.sandbox.release_line import MadeRelease
from fedesk.sandbox.snowflake_tables import PipelineRuns
from fedesk.sandbox.world import World

NIGHT = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
OPERATION = "0193a1b2-0001-7000-8000-000000000001"


@pytest.fixture(scope="module")
def shared_world() -> World:
    return World(clock=WorldClock(NIGHT), scale=0.3)


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.clock.set(NIGHT)
    shared_world.forget_changes()


def deploy(world: World, environment: str, service: str, image: str, **values: str) -> BuildPlan:
    """The build of a deploy job, six minutes after somebody triggered it."""
    job = f"finedge/{environment}/deploy-{service}"
    queue_id = jenkins_queue.trigger(world, job, "releaser", {"IMAGE": image, **values})
    world.clock.advance(timedelta(minutes=6))
    return next(build for build in world.builds(job, 20) if build.queue_id == queue_id)


def running(world: World, environment: str, service: str) -> Deployed:
    found = world.deployed(environment, service)
    assert found is not None
    return found


def named(release: MadeRelease) -> str:
    return f"{release.image}@{release.digest}"


def said(world: World, build: BuildPlan) -> dict[str, Any]:
    """release.json of a build."""
    (content,) = (file.content for file in world.artifacts(build) if file.path == "release.json")
    found: dict[str, Any] = json.loads(content)
    return found


def failed_at(build: BuildPlan) -> tuple[str, str]:
    last = build.stages[-1]
    assert (build.result, last.outcome) == (BuildResult.FAILURE, StageState.FAILED)
    return last.name, last.error


def test_environments_run_releases_of_one_line(world: World) -> None:
    """Whatever runs anywhere was made by a build of CI in dev before it was deployed; prod is behind."""
    for service in world.services:
        line = world.deployments.line(service)
        places = []
        for environment in ENVIRONMENTS:
            found = running(world, environment, service)
            made = world.deployments.release(service, found.digest)
            assert made is not None
            assert made.commit == found.commit
            assert made.built_at is not None
            assert made.built_at < found.since
            places.append(line.position_of(found.digest, NIGHT) or 0)
        assert places[2] < min(places[:2]), service
    assert world.releases("payments")[-1].position > 138


def test_a_triggered_build_deploys_exactly_its_digest(world: World) -> None:
    """release.json names the digest, the build of CI that made it, who deployed it and by which operation."""
    wanted = world.releases("payments")[-1]
    before = running(world, "staging", "payments")
    build = deploy(world, "staging", "payments", named(wanted), FEDESK_OPERATION=OPERATION)
    now = running(world, "staging", "payments")
    assert (before.digest != wanted.digest, now.digest, now.build) == (True, wanted.digest, build)
    document = said(world, build)
    assert wanted.build is not None
    assert document["build_url"].endswith(f"/job/payments-ci/{wanted.build.number}/")
    assert {
        name: document[name]
        for name in ("service", "version", "commit", "image", "digest", "operation", "deployed_by")
    } == {
        "service": "payments",
        "version": wanted.version,
        "commit": wanted.commit,
        "image": wanted.image,
        "digest": wanted.digest,
        "operation": OPERATION,
        "deployed_by": "releaser",
    }
    assert datetime.fromisoformat(document["deployed_at"]) == now.since
    older = world.releases("payments")[-9]
    deploy(world, "staging", "payments", named(older))
    assert running(world, "staging", "payments").digest == older.digest


def test_a_dry_run_changes_nothing(world: World) -> None:
    """It succeeds, archives nothing, and what runs is what ran."""
    before = [running(world, "prod", "cards"), world.served("prod", "card_settlement").now]
    build = deploy(world, "prod", "cards", named(world.releases("cards")[-1]), DRY_RUN="true")
    assert build.result_at(world.now()) is BuildResult.SUCCESS
    assert world.artifacts(build) == ()
    assert [running(world, "prod", "cards"), world.served("prod", "card_settlement").now] == before


def test_what_cannot_be_fetched_is_not_deployed(world: World) -> None:
    """An unknown digest, one that was garbage-collected, and a mutable tag fail in "Fetch artifact"."""
    gone, before = world.releases("ledger")[-2], running(world, "staging", "ledger")
    world.collect_image(gone.digest)
    for image, words in (
        (f"{gone.image}@sha256:{'0' * 64}", "manifest unknown"),
        (named(gone), "manifest unknown"),
        (f"{gone.image}:latest", "names no digest"),
        (named(world.releases("payments")[-1]), "manifest unknown"),
    ):
        stage, error = failed_at(deploy(world, "staging", "ledger", image))
        assert stage == "Fetch artifact"
        assert words in error
    assert running(world, "staging", "ledger") == before


def test_airflow_follows_what_is_deployed(world: World) -> None:
    """The bundle's commit is the deployed one; a version of the DAG comes with commits that change it."""
    for service, dag_id in (("payments", "payments_daily"), ("regulatory", "regulatory_reports")):
        served, current = world.served("staging", dag_id), running(world, "staging", service)
        assert served.now.commit == current.commit
        wanted = world.releases(service)[-1]
        deploy(world, "staging", service, named(wanted))
        after = world.served("staging", dag_id)
        assert after.now.commit == wanted.commit
        assert after.newest_version - served.newest_version == (service == "regulatory")
        assert after.version(served.newest_version) == served.version(served.newest_version)
        deploy(world, "staging", service, f"{wanted.image}@{current.digest}")
        assert world.served("staging", dag_id).now.commit == current.commit


def test_one_airflow_has_not_followed(world: World) -> None:
    """Of kyc in prod Airflow serves an older commit than the deploy job says, until it is deployed again."""
    current = running(world, "prod", "kyc")
    assert world.served("prod", "kyc_refresh").now.commit != current.commit
    deploy(world, "prod", "kyc", f"registry.finedge.example/kyc@{current.digest}")
    assert world.served("prod", "kyc_refresh").now.commit == current.commit


def test_a_bad_release_deploys_well_and_goes_with_the_older_one(world: World) -> None:
    """Its DAG does not import and the older version is served on; rolling back heals it."""
    before = world.import_errors("staging")
    older = running(world, "staging", "ledger")
    bad = world.plant_bad_release("ledger")
    build = deploy(world, "staging", "ledger", f"registry.finedge.example/ledger@{bad}")
    assert build.result_at(world.now()) is BuildResult.SUCCESS
    new = [error for error in world.import_errors("staging") if error not in before]
    assert "ledger/ledger_load.py" in [error.filename for error in new]
    served = world.served("staging", "ledger_load").now
    assert (served.commit, bool(served.broken_by)) == (older.commit, True)
    assert world.import_errors("prod") == ()
    deploy(world, "staging", "ledger", f"registry.finedge.example/ledger@{older.digest}")
    assert world.import_errors("staging") == before
    assert world.served("staging", "ledger_load").now.broken_by == ""


def test_snowflake_counts_what_the_release_leaves() -> None:
    """MARTS holds the rows of the newest good run of a partition; a release that loses rows shows there."""
    world = World(clock=WorldClock(NIGHT), scale=0.1)
    snow = FakeSnow()
    tables = PipelineRuns(snow, world)
    cursor = snow.connect("FINEDGE_STAGING", "OPS")._duck_conn.cursor()  # noqa: SLF001 - as tables are filled

    def asked(query: str, *values: str) -> object:
        tables.catch_up("FINEDGE_STAGING")
        return cursor.execute(query, values).fetchall()[0][0]

    loaded = next(row for row in reversed(world.loads("staging", "payments_daily")) if row.rows_loaded)
    count = "select count(*) from FINEDGE_STAGING.MARTS.PAYMENTS_DAILY where LOAD_DATE = ?", loaded.partition
    version = "select max(VERSION) from FINEDGE_STAGING.OPS.SCHEMA_VERSION where SERVICE = 'cards'"
    assert (asked(*count), asked(version)) == (loaded.rows_loaded, "V141__drop_settlement_currency")
    older = running(world, "staging", "payments").digest
    bad = world.plant_bad_release("payments", breaks="rows")
    deploy(world, "staging", "payments", f"registry.finedge.example/payments@{bad}")
    assert loaded.partition == NIGHT.date().isoformat()
    assert asked(*count) == (loaded.rows_loaded or 0) // 10
    deploy(world, "staging", "payments", f"registry.finedge.example/payments@{older}")
    assert asked(*count) == loaded.rows_loaded


def test_migrations_follow_deployments(world: World) -> None:
    """The schema's version is the last migration of what runs; what cannot be undone outlives a rollback."""
    deployments = world.deployments
    assert deployments.schema_version("staging", "cards") == "V141__drop_settlement_currency"
    assert deployments.schema_version("prod", "cards") == "V139__add_scheme_fee"
    document = said(world, running(world, "staging", "cards").build)
    assert [one["id"] for one in document["migrations"] if not one["reversible"]] == [
        "V141__drop_settlement_currency"
    ]
    deploy(world, "staging", "cards", named(world.releases("cards")[-12]))
    assert deployments.schema_version("staging", "cards") == "V141__drop_settlement_currency"
    assert deployments.schema_version("staging", "ledger") == "V141__add_correction_of"
    deploy(world, "staging", "ledger", named(world.releases("ledger")[-12]))
    assert deployments.schema_version("staging", "ledger") == "V129__partition_by_client"


def test_releases_beyond_the_budget_and_with_blemishes(world: World) -> None:
    """An image above 300 MB, a build above ten minutes, a failed scan and warnings in builds that publish."""
    assert said(world, running(world, "prod", "aml").build)["size_bytes"] > 300_000_000
    assert said(world, running(world, "prod", "payments").build)["size_bytes"] < 300_000_000
    slow = world.releases("fraud")[-1].build
    assert slow is not None
    assert slow.started_at is not None
    assert slow.ended_at is not None
    assert slow.ended_at - slow.started_at > timedelta(minutes=10)
    scanned = world.releases("open_banking")[-1]
    assert scanned.build is not None
    stage = next(stage for stage in scanned.build.stages if stage.name == "Container scan")
    assert (scanned.build.result, stage.outcome) == (BuildResult.SUCCESS, StageState.FAILED)
    warned = world.releases("chargebacks")[-1].build
    assert warned is not None
    assert (warned.result, bool(world.artifacts(warned))) == (BuildResult.UNSTABLE, True)
    kept = world.artifacts(running(world, "staging", "regulatory").build)
    results = next(json.loads(file.content) for file in kept if file.path == "target/run_results.json")
    assert [one["status"] for one in results["results"]] == ["success", "success"]
    verifying = [stage.name for stage in running(world, "prod", "invoices").build.stages]
    assert "Verify" not in verifying
