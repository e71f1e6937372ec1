from datetime import timedelta

import pytest
from making import AIRFLOW, JENKINS, NOW, PROD, catalogue, history_of, minutes, run, snapshot

from fedesk.domain.board import Role, baseline, histories, subjects
from fedesk.domain.catalogue import Catalogue, Tier
from fedesk.domain.runs import Job, Run
from fedesk.domain.states import State, System
from fedesk.services.boards import board_of

GOOD, BAD = State.SUCCEEDED, State.FAILED


def test_the_catalogue_says_whose_each_job_is() -> None:
    """DAGs, CI jobs and deploy jobs are given to their pipeline or service, the environment put in."""
    owned = subjects(catalogue(), "prod")
    assert owned[System.AIRFLOW, "payments_daily"].role is Role.DATA
    assert owned[System.JENKINS, "finedge/prod/payments-ci"].role is Role.CI
    assert owned[System.JENKINS, "finedge/prod/export"].role is Role.DATA
    deploy = owned[System.JENKINS, "finedge/prod/deploy-payments"]
    assert (deploy.role, deploy.name, deploy.tier) == (Role.DEPLOY, "payments", Tier.PAGE)


def test_a_pipeline_is_told_by_its_data_runs() -> None:
    """A failing CI job does not turn a pipeline red whose DAG runs well."""
    snapshots = [
        snapshot(history_of("payments_daily", [GOOD])),
        snapshot(
            [run("finedge/prod/payments-ci", BAD, connection=JENKINS)],
            connection=JENKINS,
            system=System.JENKINS,
        ),
    ]
    board = board_of(PROD, catalogue(), snapshots, {}, NOW)
    row = board.pipelines[0]
    assert (row.name, row.state) == ("payments_daily", GOOD)
    assert [history.subject.role for history in row.jobs] == [Role.DATA, Role.CI]


def test_what_the_catalogue_does_not_know_is_shown_as_uncatalogued() -> None:
    """A DAG nobody described has a row of its own, behind the others, with what Airflow knows of it."""
    jobs = [Job(connection=AIRFLOW, name="stray", owners=("mara",))]
    board = board_of(PROD, catalogue(), [snapshot(history_of("stray", [GOOD]), jobs)], {}, NOW)
    assert [row.name for row in board.pipelines] == ["payments_daily", "export", "stray"]
    assert not board.pipelines[-1].catalogued
    assert board.pipelines[-1].owner == "mara"


def test_a_pipeline_that_nobody_has_seen_is_unknown_not_green() -> None:
    """A described pipeline without a run is unknown."""
    board = board_of(PROD, catalogue(), [], {}, NOW)
    assert [row.state for row in board.pipelines] == [State.UNKNOWN, State.UNKNOWN]


def test_the_strip_holds_the_last_twenty_oldest_first() -> None:
    """The strip reads left to right in time and never grows beyond twenty."""
    runs = history_of("payments_daily", [BAD] + [GOOD] * 24)
    row = board_of(PROD, catalogue(), [snapshot(runs)], {}, NOW).pipelines[0]
    assert len(row.strip) == 20
    assert row.strip[-1] is runs[0]


def test_each_environment_tells_its_own_state() -> None:
    """The state of the newest run stands by environment; one that was not read is missing, not green."""
    mine = [snapshot(history_of("payments_daily", [BAD]))]
    elsewhere = {"staging": [snapshot(history_of("payments_daily", [GOOD, BAD]))], "dev": []}
    row = board_of(PROD, catalogue(), mine, elsewhere, NOW).pipelines[0]
    assert row.states == {"prod": BAD, "staging": GOOD}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_successes_are_no_baseline(count: int) -> None:
    """Nothing is called usual on the word of two runs."""
    assert baseline(history_of("x", [GOOD] * count + [BAD] * 5)) is None


def test_the_baseline_is_of_successes_by_nearest_rank() -> None:
    """Failures do not count; the 95th percentile is a duration that was seen."""
    runs = [run("x", GOOD, took=took, number=took) for took in range(1, 21)]
    runs.append(run("x", BAD, took=500, number=99))
    usual = baseline(runs)
    assert usual is not None
    assert (usual.median, usual.p95, usual.count) == (minutes(11), minutes(19), 20)


def test_runs_are_listed_newest_first_whatever_order_they_came_in() -> None:
    """An adapter may hand over runs in any order."""
    runs = history_of("x", [GOOD] * 5)
    found = histories([snapshot(runs[::-1])], subjects(Catalogue(), "prod"))
    assert found[0].runs == runs


def test_a_duration_never_runs_backwards() -> None:
    """Clocks differ; a run that began after our now has lasted no time."""
    ahead: Run = run("x", State.RUNNING, ago=-5)
    assert ahead.duration(NOW) == timedelta(0)
