from dataclasses import replace
from datetime import time, timedelta

import pytest
from making import AIRFLOW, JENKINS, NOW, PROD, catalogue, history_of, minutes, run, snapshot

from fedesk.domain.board import (
    Baseline,
    PipelineRow,
    Role,
    Subject,
    baseline,
    histories,
    newest_loads,
    subjects,
)
from fedesk.domain.catalogue import Catalogue, Deadline, Deploy, Owner, OwnerGroup, Pipeline, Service, Tier
from fedesk.domain.observation import Observation
from fedesk.domain.runs import Job, Load, Run
from fedesk.domain.states import State, System
from fedesk.services.boards import Boards, board_of

GOOD, BAD = State.SUCCEEDED, State.FAILED


def test_the_catalogue_says_whose_each_job_is() -> None:
    """DAGs, CI jobs and deploy jobs are given to their pipeline or service, the environment put in."""
    owned = subjects(catalogue(), "prod")
    assert owned[System.AIRFLOW, "payments_daily"].role is Role.DATA
    assert owned[System.JENKINS, "finedge/prod/payments-ci"].role is Role.CI
    assert owned[System.JENKINS, "finedge/prod/export"].role is Role.DATA
    deploy = owned[System.JENKINS, "finedge/prod/deploy-payments"]
    assert (deploy.role, deploy.name, deploy.tier) == (Role.DEPLOY, "payments", Tier.PAGE)


def test_each_job_has_one_owner_with_all_that_is_known_of_it() -> None:
    """The first pipeline that names a job has it; a deadline is that of the data, not of a build.

    A deploy job is as grave as the gravest pipeline that its service carries, and has the first runbook.
    """
    qa, acme = Owner(OwnerGroup.QA), Owner(OwnerGroup.CLIENT, "acme_07")
    due = Deadline(time(6), "UTC")
    pipelines = {
        "a": Pipeline(name="a", owner=qa, service="s", tier=Tier.TICKET, dag="{environment}_a", deadline=due),
        "b": Pipeline(
            name="b",
            owner=acme,
            service="s",
            dag="{environment}_a",
            jobs=(("ci", "b-ci"), ("nightly", "b-nightly")),
            runbook="b.md",
            deadline=due,
        ),
        "c": Pipeline(
            name="c", owner=qa, jobs=(("ci", "c-ci"), ("nightly", "{environment}/c")), deadline=due
        ),
        "d": Pipeline(name="d", owner=qa, service="t", tier=Tier.PAGE, runbook="d.md"),
    }
    services = {
        "none": Service(name="none", owner=qa),
        "s": Service(name="s", owner=acme, deploy=Deploy(job="deploy/{environment}/s")),
        "bare": Service(name="bare", owner=qa, deploy=Deploy(job="deploy-bare")),
        "late": Service(name="late", owner=qa, deploy=Deploy(job="c-ci")),
    }

    def of(
        name: str, role: Role, owner: str, tier: Tier, runbook: str = "", *, due: Deadline | None = None
    ) -> Subject:
        return Subject(
            name=name, role=role, owner=owner, tier=tier, catalogued=True, runbook=runbook, deadline=due
        )

    assert subjects(Catalogue(services=services, pipelines=pipelines), "prod") == {
        (System.AIRFLOW, "prod_a"): of("a", Role.DATA, "qa", Tier.TICKET, due=due),
        (System.JENKINS, "b-ci"): of("b", Role.CI, "client:acme_07", Tier.LIST, "b.md"),
        (System.JENKINS, "b-nightly"): of("b", Role.CI, "client:acme_07", Tier.LIST, "b.md"),
        (System.JENKINS, "c-ci"): of("c", Role.CI, "qa", Tier.LIST),
        (System.JENKINS, "prod/c"): of("c", Role.DATA, "qa", Tier.LIST, due=due),
        (System.JENKINS, "deploy/prod/s"): of("s", Role.DEPLOY, "client:acme_07", Tier.TICKET, "b.md"),
        (System.JENKINS, "deploy-bare"): of("bare", Role.DEPLOY, "qa", Tier.TICKET),
    }


def test_a_row_tells_all_that_is_known_of_its_pipeline() -> None:
    """From the catalogue, else from the job itself; of its jobs the one that moves data leads."""
    runs = history_of("payments_daily", [GOOD] * 3)
    at = NOW + minutes(9)
    dag = Job(connection=AIRFLOW, name="payments_daily", enabled=False, next_run_at=at, owners=("x", "y"))
    stray = replace(dag, name="stray")
    ci = run("finedge/prod/payments-ci", BAD, connection=JENKINS)
    deploy = run("finedge/prod/deploy-payments", BAD, connection=JENKINS)
    snapshots = [
        replace(snapshot(), observation=None),
        snapshot([ci, deploy], connection=JENKINS, system=System.JENKINS),
        replace(snapshot(), observation=Observation(runs=runs, jobs=(dag, stray), loads=(LOAD,))),
    ]
    of_deploy, of_ci, of_dag, of_stray = sorted(
        board_of(PROD, catalogue(), snapshots, {}, NOW).histories, key=lambda one: one.key[1]
    )
    assert (of_ci.runs, of_ci.job, of_ci.key, of_ci.connection) == (
        (ci,),
        None,
        (System.JENKINS, ci.job),
        JENKINS,
    )
    assert (of_dag.runs, of_dag.job, of_dag.last_good) == (runs, dag, runs[0])
    assert of_deploy.subject.role is Role.DEPLOY
    assert of_stray.subject == Subject(name="stray", role=Role.DATA)
    rows = board_of(PROD, catalogue(), snapshots, {}, NOW).pipelines
    entry = catalogue().pipelines["payments_daily"]
    assert rows == (
        PipelineRow(
            name="payments_daily",
            owner="engineering",
            tier=Tier.PAGE,
            catalogued=True,
            state=GOOD,
            strip=runs[::-1],
            states={"prod": GOOD},
            last_run=runs[0],
            next_run_at=at,
            baseline=Baseline(median=minutes(4), p95=minutes(4), count=3),
            enabled=False,
            runbook="runbooks/payments_daily.md",
            deadline=entry.deadline,
            jobs=(of_dag, of_ci),
            load=LOAD,
        ),
        replace(NOTHING_KNOWN, name="export", owner="engineering", catalogued=True),
        replace(NOTHING_KNOWN, name="stray", owner="x, y", enabled=False, next_run_at=at, jobs=(of_stray,)),
    )


NOTHING_KNOWN = PipelineRow(
    name="",
    owner="",
    tier=Tier.LIST,
    catalogued=False,
    state=State.UNKNOWN,
    strip=(),
    states={},
    last_run=None,
    next_run_at=None,
    baseline=None,
    enabled=True,
    runbook="",
    deadline=None,
)
LOAD = Load(
    run_id="1",
    pipeline="payments_daily",
    partition="2026-11-19",
    status="success",
    rows_loaded=3,
    started_at=NOW,
    ended_at=None,
)


def test_the_newest_load_of_each_pipeline_is_kept() -> None:
    """By when it began, of equals the first; one that never began counts as oldest."""
    later = replace(LOAD, run_id="2", started_at=NOW + minutes(1))
    never = replace(LOAD, run_id="3", started_at=None)
    other = replace(never, run_id="4", pipeline="export")
    looks = [
        replace(snapshot(), observation=None),
        replace(snapshot(), observation=Observation(loads=(never, LOAD, replace(LOAD, run_id="5"), other))),
        replace(snapshot(), observation=Observation(loads=(never, later, LOAD))),
    ]
    assert newest_loads(looks[:2]) == {"payments_daily": LOAD, "export": other}
    assert newest_loads(looks) == {"payments_daily": later, "export": other}


def test_elsewhere_the_data_speaks_for_a_pipeline_too() -> None:
    """A build or a deploy of another environment does not stand for its runs; without runs it is missing."""
    ci = run("finedge/dev/payments-ci", BAD, connection=JENKINS)
    deploy = run("finedge/dev/deploy-payments", BAD, connection=JENKINS)
    builds = snapshot([ci, deploy], connection=JENKINS, system=System.JENKINS)
    data = snapshot(history_of("payments_daily", [GOOD]))
    unseen = snapshot(jobs=[Job(connection=AIRFLOW, name="payments_daily")])
    elsewhere = {"dev": [data, builds], "qa": [unseen]}
    row = board_of(PROD, catalogue(), [], elsewhere, NOW).pipelines[0]
    assert row.states == {"dev": GOOD}


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


@pytest.mark.parametrize(("count", "median", "p95"), [(3, 2, 3), (4, 3, 4), (120, 61, 114)])
def test_what_is_usual_is_the_middle_and_what_few_exceed(count: int, median: int, p95: int) -> None:
    """Three are enough; of an even number the upper middle; what has no beginning or end is left out."""
    runs = [run("x", GOOD, took=took, number=took) for took in range(1, count + 1)]
    odd = (replace(runs[0], started_at=None), replace(runs[0], ended_at=None))
    assert baseline([*odd, *runs]) == Baseline(median=minutes(median), p95=minutes(p95), count=count)


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
    undated = replace(runs[0], run_after=None, started_at=None)
    found = histories([snapshot([undated, *runs[::-1]])], subjects(Catalogue(), "prod"))
    assert found[0].runs == (*runs, undated)


def test_a_duration_never_runs_backwards() -> None:
    """Clocks differ; a run that began after our now has lasted no time."""
    ahead: Run = run("x", State.RUNNING, ago=-5)
    assert ahead.duration(NOW) == timedelta(0)


def test_a_board_is_made_anew_only_of_runs_that_are_new() -> None:
    """What follows from the runs and jobs of an environment is kept until one of them is another value."""
    boards, staging = Boards(catalogue()), replace(PROD, name="staging")
    first, other = snapshot(history_of("x", [GOOD])), snapshot(history_of("y", [BAD]))
    before = boards.board(PROD, [first], {"staging": [other]}, NOW)
    later = boards.board(PROD, [replace(first, latency=9.0)], {"staging": [other]}, NOW + minutes(1))
    assert later.histories is before.histories
    assert (later.at, later.snapshots[0].latency) == (NOW + minutes(1), 9.0)
    moved = boards.board(PROD, [snapshot(history_of("x", [BAD]))], {}, NOW)
    assert [row.state for row in moved.pipelines if row.name == "x"] == [BAD]
    assert boards.board(PROD, [], {}, NOW).histories == ()
    assert [one.key[1] for one in boards.board(staging, [other], {}, NOW).histories] == ["y"]
