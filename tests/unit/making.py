"""Values for the tests of the board: runs, jobs and snapshots of one still moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from fedesk.domain.catalogue import Catalogue, Deadline, Deploy, Owner, OwnerGroup, Pipeline, Service, Tier
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Observation, Snapshot
from fedesk.domain.runs import Job, Run
from fedesk.domain.states import State, System

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
PROD = EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="Europe/London")
AIRFLOW = ConnectionName("prod", "airflow")
JENKINS = ConnectionName("prod", "jenkins")
ENGINEERING = Owner(OwnerGroup.ENGINEERING)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def run(
    job: str,
    state: State,
    *,
    ago: float = 60,
    took: float = 4,
    number: int = 1,
    connection: ConnectionName = AIRFLOW,
    reason: str = "",
) -> Run:
    """A run that began ``ago`` minutes before NOW; one of a final state ended after ``took`` minutes."""
    start = NOW - minutes(ago)
    return Run(
        name=RunName(connection, f"{job}/r{number}"),
        job=job,
        state=state,
        original_state=state.value,
        started_at=start,
        ended_at=start + minutes(took) if state.is_final else None,
        run_after=start,
        reason=reason,
    )


def history_of(job: str, states: Sequence[State], *, every: float = 60, took: float = 4) -> tuple[Run, ...]:
    """Runs of a job, newest first, one every ``every`` minutes."""
    return tuple(
        run(job, state, ago=10 + every * index, took=took, number=len(states) - index)
        for index, state in enumerate(states)
    )


def snapshot(
    runs: Sequence[Run] = (),
    jobs: Sequence[Job] = (),
    connection: ConnectionName = AIRFLOW,
    system: System = System.AIRFLOW,
) -> Snapshot:
    return Snapshot(
        connection=connection,
        system=system,
        address="http://127.0.0.1",
        observation=Observation(runs=tuple(runs), jobs=tuple(jobs)),
        observed_at=NOW,
        latency=0.04,
    )


def catalogue(tier: Tier = Tier.PAGE) -> Catalogue:
    """Two pipelines, one of them with a DAG, a CI job, a deploy job and a deadline."""
    return Catalogue(
        services={
            "payments": Service(
                name="payments",
                owner=ENGINEERING,
                deploy=Deploy(job="finedge/{environment}/deploy-payments"),
            )
        },
        pipelines={
            "payments_daily": Pipeline(
                name="payments_daily",
                owner=ENGINEERING,
                tier=tier,
                service="payments",
                dag="payments_daily",
                jobs=(("ci", "finedge/{environment}/payments-ci"),),
                deadline=Deadline(time(6), "Europe/London"),
                runbook="runbooks/payments_daily.md",
            ),
            "export": Pipeline(
                name="export", owner=ENGINEERING, jobs=(("nightly", "finedge/{environment}/export"),)
            ),
        },
    )
