"""Looking again and again shows what looking for the first time would, whatever happened in between."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from airflow_cases import NAME

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_board import HISTORY_RUNS, KEPT_RUNS
from fedesk.domain.observation import Observation
from fedesk.domain.runs import Run
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import ForbiddenError, ServerFaultError
from fedesk.sandbox.server import Sandbox


def client_of(sandbox: Sandbox, environment: str = "prod") -> AirflowClient:
    identity = sandbox.world.identity("airflow")
    return AirflowClient(
        Endpoint(
            name=NAME,
            url=f"{sandbox.urls['airflow']}/{environment}",
            user=identity.user,
            credential=lambda: SecretText(identity.credential),
        )
    )


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[AirflowClient]:
    made = client_of(sandbox)
    yield made
    made.close()


def settled(client: AirflowClient, seen: Observation | None) -> Observation:
    """Look until nothing is left to catch up with, and then for one round of turns."""
    seen = client.observe(seen)
    for _ in range(60):
        seen = client.observe(seen)
        if seen.complete:
            break
    for _ in range(6):
        seen = client.observe(seen)
    assert seen.complete
    return seen


def newest(seen: Observation) -> dict[str, list[Run]]:
    """The runs of each DAG that make its history, newest first."""
    found: dict[str, list[Run]] = {}
    for run in seen.runs:
        found.setdefault(run.job, []).append(run)
    return {job: runs[:HISTORY_RUNS] for job, runs in found.items()}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([timedelta(seconds=7)] * 12, id="a minute at the desk"),
        pytest.param(
            [timedelta(minutes=3), timedelta(minutes=40), timedelta(seconds=9)],
            id="a busy hour",
            marks=pytest.mark.soak,
        ),
        pytest.param([timedelta(hours=9)], id="a night with the lid closed"),
        pytest.param([timedelta(days=3)], id="a weekend", marks=pytest.mark.soak),
    ],
)
def test_what_is_followed_equals_what_is_read_anew(
    client: AirflowClient, sandbox: Sandbox, steps: list[timedelta]
) -> None:
    """After any time away the newest runs of every DAG are those of a first look, reasons included."""
    seen = settled(client, None)
    for step in steps:
        sandbox.control.clock.advance(step)
        seen = client.observe(seen)
    seen = settled(client, seen)
    fresh_client = client_of(sandbox)
    fresh = settled(fresh_client, None)
    fresh_client.close()
    assert newest(seen) == newest(fresh)
    assert seen.jobs == fresh.jobs
    assert seen.problems == fresh.problems


def test_runs_of_which_none_has_moved_are_the_value_they_were(client: AirflowClient) -> None:
    """Who has worked on what is known need not do so again."""
    seen = settled(client, None)
    again = client.observe(seen)
    assert again.runs == seen.runs
    assert again.runs is seen.runs


def test_history_is_what_the_world_holds(client: AirflowClient, sandbox: Sandbox) -> None:
    """Each DAG has its last 20 runs, or those of 30 days where it runs seldom; and not many more are kept."""
    seen = settled(client, None)
    found = newest(seen)
    counts: dict[str, int] = {}
    for run in seen.runs:
        counts[run.job] = counts.get(run.job, 0) + 1
    world = sandbox.world
    for dag in world.dags("prod"):
        plans = sorted(world.dag_run_plans("prod", dag.dag_id), key=lambda plan: plan.run_after, reverse=True)
        expected = [f"{dag.dag_id}/{plan.run_id}" for plan in plans[:HISTORY_RUNS]]
        assert [run.name.id for run in found[dag.dag_id]] == expected
        under_way = sum(run.job == dag.dag_id and not run.state.is_final for run in seen.runs)
        assert counts[dag.dag_id] <= KEPT_RUNS + under_way


def test_a_look_that_fails_loses_nothing(client: AirflowClient, sandbox: Sandbox) -> None:
    """After a failure the next look goes on from the observation before it."""
    seen = settled(client, None)
    sandbox.control.clock.advance(timedelta(minutes=20))
    sandbox.control.fault("airflow", "status", match="/api/v2/dags", status=500, times=2)
    for _ in range(2):
        with pytest.raises(ServerFaultError):
            client.observe(seen)
    seen = settled(client, seen)
    fresh_client = client_of(sandbox)
    assert newest(seen) == newest(settled(fresh_client, None))
    fresh_client.close()


def test_a_right_that_is_missing_hides_its_part_alone(client: AirflowClient, sandbox: Sandbox) -> None:
    """Who may not read import errors still sees runs, and is told what is hidden."""
    sandbox.control.fault("airflow", "status", match="/importErrors", status=403)
    seen = settled(client, None)
    assert seen.runs
    assert [problem.kind for problem in seen.problems if "HTTP 403" in problem.text] == ["import error"]


def test_who_may_read_no_dag_is_told_so(client: AirflowClient, sandbox: Sandbox) -> None:
    """Without the right to read DAGs there is nothing to show: the look fails as forbidden."""
    sandbox.control.fault("airflow", "status", match="/dags", status=403)
    with pytest.raises(ForbiddenError):
        client.observe(None)


def test_a_place_of_another_version_is_a_first_look(client: AirflowClient) -> None:
    """A cursor that cannot be read is that of an older fedesk: all is read anew."""
    for cursor in ("", "nonsense", "[]", '{"since": 5}'):
        seen = client.observe(Observation(cursor=cursor))
        assert seen.jobs


def test_hostile_texts_arrive_whole(sandbox: Sandbox) -> None:
    """Names and errors that look like markup, escapes and broken text are taken as they are."""
    client = client_of(sandbox, "dev")
    seen = settled(client, None)
    client.close()
    strange = {dag.dag_id for dag in sandbox.world.dags("dev")}
    assert len({job.name for job in seen.jobs}) == len(strange)
    for text in (
        *(job.name for job in seen.jobs),
        *(problem.text for problem in seen.problems),
        *(run.reason for run in seen.runs),
    ):
        assert text.encode("utf-8").decode() == text
