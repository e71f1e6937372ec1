"""The sandbox's Airflow makes runs that somebody asks for, and refuses as the real one does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.airflow import application
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer

START = datetime(2026, 11, 20, 2, 43, tzinfo=UTC)
RUNS = "/staging/api/v2/dags/payments_daily/dagRuns"
RUN = "fedesk__0123456789ab__smoke"
CONF = {"fedesk": {"operation": "01997c6e-1111-7000-8000-000000000001", "plan": "0123456789ab"}}


@pytest.fixture
def world() -> World:
    return World(clock=WorldClock(frozen_at=START), start=START, scale=0.1)


@pytest.fixture
def writer(world: World, asgi_server: "AsgiServer") -> Iterator[httpx.Client]:
    with httpx.Client(base_url=asgi_server(application(world)).url, trust_env=False, timeout=30) as client:
        log_in(client, world, writer=True)
        yield client


def log_in(client: httpx.Client, world: World, *, writer: bool) -> None:
    who = world.identity("airflow", writer=writer)
    given = client.post("/staging/auth/token", json={"username": who.user, "password": who.credential})
    client.headers["Authorization"] = f"Bearer {given.json()['access_token']}"


def ask(client: httpx.Client, path: str = RUNS, **body: Any) -> httpx.Response:
    return client.post(path, json={"dag_run_id": RUN, "logical_date": None, "conf": CONF} | body)


def deploy(world: World, digest: str) -> None:
    image = f"registry.finedge.example/payments@{digest}"
    jenkins_queue.trigger(world, "finedge/staging/deploy-payments", "releaser", {"IMAGE": image})
    world.clock.advance(timedelta(minutes=6))


def test_a_run_is_made_and_runs(writer: httpx.Client, world: World) -> None:
    """Queued at once, by whom and with its conf; it has the served commit, succeeds, and loads nothing."""
    made = ask(writer)
    assert made.status_code == 200
    run = made.json()
    assert (run["state"], run["run_type"], run["triggered_by"], run["logical_date"]) == (
        "queued",
        "manual",
        "rest_api",
        None,
    )
    assert (run["conf"], run["triggering_user_name"]) == (CONF, "releaser")
    assert run["bundle_version"] == world.served("staging", "payments_daily").now.commit
    world.clock.advance(timedelta(hours=2))
    ended = writer.get(f"{RUNS}/{RUN}").json()
    assert (ended["state"], ended["end_date"] is not None) == ("success", True)
    (row,) = (one for one in world.loads("staging", "payments_daily") if one.run_id == RUN)
    assert (row.rows_loaded, row.operation_id) == (0, CONF["fedesk"]["operation"])


def test_what_is_refused(writer: httpx.Client, world: World) -> None:
    """A second one is a 409, by id or date; 404, 403, 422 and import errors have the server's words."""
    first = ask(writer, logical_date="2026-11-01T12:00:00Z")
    assert first.status_code == 200
    for body in ({}, {"dag_run_id": "other", "logical_date": "2026-11-01T12:00:00Z"}):
        assert ask(writer, **body).status_code == 409
    missing = ask(writer, RUNS.replace("payments_daily", "nothing"))
    assert (missing.status_code, missing.json()["detail"]) == (404, "Dag with dag_id: 'nothing' not found")
    bare = writer.post(RUNS, json={"dag_run_id": "x", "nonsense": 1})
    assert bare.status_code == 422
    assert {(one["type"], one["loc"][-1]) for one in bare.json()["detail"]} == {
        ("extra_forbidden", "nonsense"),
        ("missing", "logical_date"),
    }
    deploy(world, world.plant_bad_release("payments"))
    broken = ask(writer, dag_run_id="another")
    assert (broken.status_code, "has import errors" in broken.json()["detail"]) == (400, True)
    log_in(writer, world, writer=False)
    assert ask(writer, dag_run_id="another").status_code == 403


def test_a_bad_release_fails_the_runs_that_test_it(writer: httpx.Client, world: World) -> None:
    """Its runs fail until another release is there."""
    deploy(world, world.plant_bad_release("payments", breaks="run"))
    assert ask(writer).status_code == 200
    deploy(world, world.releases("payments")[-5].digest)
    assert ask(writer, dag_run_id="later").status_code == 200
    world.clock.advance(timedelta(hours=3))
    states = [writer.get(f"{RUNS}/{run}").json()["state"] for run in (RUN, "later")]
    assert states == ["failed", "success"]
