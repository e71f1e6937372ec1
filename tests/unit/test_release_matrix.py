"""The matrix: what a cell shows, how environments differ, and what is there when a system is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from making import ENGINEERING, NOW
from released import Held, Still, cell, connection, deployment, digest, hours, operation, release

from fedesk.domain.catalogue import AirflowCheck, AirflowLook, Catalogue, Deploy, Pipeline, Service
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Outcome
from fedesk.domain.partitions import of_service
from fedesk.domain.release_matrix import (
    KEPT,
    DriftKind,
    KnownReleases,
    agrees,
    cell_of,
    drift,
    in_order,
    remembered,
)
from fedesk.domain.releases import Deployment, ReleaseStop, StopKind, Verified
from fedesk.domain.states import State
from fedesk.ports.errors import UnreachableError
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.ports.releasing import DagServed, DeployJob, JobRead
from fedesk.services.release_matrix import Asked, ReleaseSources, read_matrix
from fedesk.services.release_reading import ReleaseReading

BLANK = replace(cell(), observed_at=NOW)


def test_a_cell_shows_what_was_deployed_last_and_what_came_after() -> None:
    """Dry runs deploy nothing; a newer failure and a build that goes on stand beside what runs."""
    found = cell_of(
        BLANK,
        [
            deployment(5, "a", ago=9),
            deployment(9, "d", ago=0, state=State.RUNNING),
            deployment(8, "c", ago=2, is_dry_run=True),
            deployment(7, "c", ago=3, state=State.FAILED),
            deployment(6, "b", ago=5),
        ],
        (),
        [
            ReleaseStop(
                id="1",
                kind=StopKind.QUARANTINE,
                service="payments",
                digest=digest("b"),
                reason="leaks",
                by="mara",
                at=NOW,
            )
        ],
    )
    assert found.current is not None
    assert (found.current.digest, [one.digest for one in found.before]) == (digest("b"), [digest("a")])
    assert found.in_flight is not None
    assert found.last_failed is not None
    assert (found.in_flight.name.id[-2:], found.last_failed.name.id[-2:]) == ("#9", "#7")
    assert found.verified is Verified.NOT_VERIFIED
    assert [stop.reason for stop in found.stops] == ["leaks"]
    assert cell_of(BLANK, [], ()).current is None


def test_environments_differ_by_builds_of_one_job_else_by_time() -> None:
    """Behind is what waits to be promoted; without number or time it cannot be told which is newer."""
    ahead, behind = deployment(4, "d", ago=2, environment="staging"), deployment(9, "a", ago=1)
    found = drift(cell(ahead, environment="staging"), cell(behind))
    assert (found.kind, found.builds, found.said) == (DriftKind.BEHIND, 3, "3 builds behind staging")
    back = drift(cell(behind), cell(ahead, environment="staging"))
    assert (back.kind, back.said) == (DriftKind.AHEAD, "3 builds ahead of prod")
    assert drift(cell(ahead), cell(ahead)).said == "same as prod"
    elsewhere = replace(behind, release=release("a", build_url="http://j/job/other/3/"))
    assert drift(cell(ahead), cell(elsewhere)).said == "behind prod"
    untimed = replace(behind, release=release("a", build_url="", built_at=None))
    assert drift(cell(ahead), cell(untimed)).kind is DriftKind.DIFFERENT
    assert drift(cell(ahead), cell(replace(behind, release=None))).kind is DriftKind.UNKNOWN


def test_the_address_of_a_build_names_its_job() -> None:
    """Folders and a branch with a slash in its name included; what is no build names none."""
    assert release("a").built_by == ("finedge/dev/payments-ci", 1)
    branch = release("a", build_url="/ci/job/pay/job/feature%2Fx/12")
    assert branch.built_by == ("pay/feature/x", 12)
    assert release("a", build_url="https://ci.example/builds/12").built_by is None


@pytest.mark.parametrize(
    ("served", "is_told", "expected"),
    [
        ("aaaaaaaa", True, True),
        ("aaaaaaaa", False, True),
        ("bbbbbbbb", True, False),
        ("bbbbbbbb", False, None),
        ("aaa", True, None),
        ("", True, None),
    ],
)
def test_a_target_disagrees_where_the_catalogue_compares_them(
    served: str, *, is_told: bool, expected: bool | None
) -> None:
    """A bundle of another repository has commits of its own, and says nothing."""
    assert agrees("a" * 40, served, is_told=is_told) is expected


def test_environments_stand_in_the_order_of_promotion() -> None:
    """As configured, else dev, staging, prod; a circle ends."""
    assert in_order(["prod", "staging", "dev"], {}) == ("dev", "staging", "prod")
    assert in_order(["prod", "eu", "dev"], {"prod": "eu", "eu": "dev"}) == ("dev", "eu", "prod")
    assert set(in_order(["a", "b"], {"a": "b", "b": "a"})) == {"a", "b"}


def test_what_is_remembered_has_ended_and_is_bounded() -> None:
    """A build that goes on is read again; of each job the newest are kept."""
    found = [deployment(number, "a", ago=100 - number) for number in range(1, KEPT + 5)]
    going = deployment(99, "b", ago=0, state=State.RUNNING)
    kept = remembered(KnownReleases(), [*found, going], {"prod/jenkins": NOW})
    assert len(kept.deployments) == KEPT
    assert {one.run.state for one in kept.deployments.values()} == {State.SUCCEEDED}
    assert min(one.run.name.id for one in kept.deployments.values()).endswith("#10")
    assert kept.read_at == {"prod/jenkins": NOW}


# Over systems that answer from memory


@dataclass
class Jenkins:
    """Deploy jobs by name; counts the files that it was asked for."""

    jobs: dict[str, list[Deployment]]
    away: bool = False
    files: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)

    def stage(self, run_id: str, name: str) -> State | None:
        self.stages.append(f"{run_id} {name}")
        return State.SUCCEEDED

    def stage_ends(self, job: str, name: str) -> dict[str, State | None]:
        self.stages.append(f"{job} {name}")
        runs = [one.run.name.id for one in self.jobs[job]]
        return dict.fromkeys(runs, State.SUCCEEDED) | {runs[-1]: None}

    def deployments(
        self, jobs: tuple[DeployJob, ...], known: Mapping[str, Deployment], *, depth: int
    ) -> tuple[JobRead, ...]:
        if self.away:
            raise UnreachableError("Jenkins prod cannot be reached: refused.")
        reads = []
        for job in jobs:
            if job.job not in self.jobs:
                reads.append(JobRead(service=job.service, deployments=(), trouble=f"no job {job.job}"))
                continue
            found = self.jobs[job.job][:depth]
            self.files += [str(one.run.name) for one in found[:1] if str(one.run.name) not in known]
            reads.append(JobRead(service=job.service, deployments=tuple(found)))
        return tuple(reads)


@dataclass
class Airflow:
    """Serves one commit of every DAG."""

    commit: str

    def served(self, dag_ids: tuple[str, ...]) -> dict[str, DagServed]:
        return {
            one: DagServed(
                dag_id=one,
                version="14",
                bundle="dags",
                bundle_version=self.commit,
                since=None,
                observed_at=NOW,
            )
            for one in dag_ids
        }


CATALOGUE = Catalogue(
    services={
        "payments": Service(
            name="payments",
            owner=ENGINEERING,
            deploy=Deploy(job="finedge/{environment}/deploy-payments"),
            verify=(AirflowCheck(check=AirflowLook.DAG_VERSION, dag="payments_daily", expect="{commit}"),),
        ),
        "library": Service(name="library", owner=ENGINEERING),
    },
    pipelines={
        "payments_daily": Pipeline(
            name="payments_daily", owner=ENGINEERING, service="payments", dag="payments_daily"
        )
    },
)


def sources(prod: Jenkins, staging: Jenkins, **given: Any) -> ReleaseSources:
    made = ReleaseSources(
        catalogue=CATALOGUE,
        connections=(
            connection("other", "prod", deploys=Held(Jenkins({}))),
            connection("jenkins", "prod", deploys=Held(prod)),
            connection("airflow", "prod", dags=Held(Airflow("b" * 40))),
            connection("jenkins", "staging", deploys=Held(staging)),
        ),
        environments=("staging", "prod"),
        clock=Still(),
        operations=lambda *_: (operation("a", Outcome.SUCCEEDED, ago=1),),
    )
    return replace(made, **given)


def test_one_system_that_is_away_leaves_the_others_and_what_was_known() -> None:
    """Its cells say why, and since when what they show is known; nothing read before is asked for again."""
    prod = Jenkins({"finedge/prod/deploy-payments": [deployment(9, "a", ago=2)]})
    staging = Jenkins({"finedge/staging/deploy-payments": [deployment(3, "b", ago=4, environment="staging")]})
    first = read_matrix(sources(prod, staging), KnownReleases())
    assert [row.service for row in first.matrix.rows] == ["payments"]
    seen = first.matrix.cell("payments", "prod")
    assert seen is not None
    assert (str(seen.connection), seen.verified, seen.trouble) == ("prod/jenkins", Verified.VERIFIED, "")
    # Airflow serves another commit than was deployed, and the catalogue compares them.
    assert seen.disagrees
    assert [one.agrees for one in seen.sightings] == [False]
    assert first.matrix.rows[0].drifts[0].said == "1 build behind staging"

    prod.files.clear()
    again = read_matrix(sources(prod, staging), first.known)
    assert prod.files == []
    assert again.matrix.rows == first.matrix.rows

    prod.away = True

    def gone(*_: object) -> tuple[()]:
        raise StoreUnavailableError("The store cannot be read.")

    third = read_matrix(sources(prod, staging, operations=gone), first.known, Asked(services=("payments",)))
    left = third.matrix.cell("payments", "prod")
    assert left is not None
    assert left.current == seen.current
    assert left.trouble == "Jenkins prod cannot be reached: refused."
    assert left.observed_at == NOW
    assert left.verified is Verified.NOT_VERIFIED
    other = third.matrix.cell("payments", "staging")
    assert other is not None
    assert not other.trouble
    assert other.current is not None
    assert len(third.matrix.troubles) == 2
    assert {str(name) for name in third.failures} == {"prod/jenkins"}


def test_the_store_is_asked_for_each_service_where_it_is() -> None:
    """What was released often leaves no other service without what was verified of it."""
    asked: list[tuple[tuple[str, ...], int]] = []

    def newest(held: Sequence[str], each: int) -> tuple[()]:
        asked.append((tuple(held), each))
        return ()

    read_matrix(sources(Jenkins({}), Jenkins({}), operations=newest), KnownReleases(), Asked(depth=7))
    assert asked == [((of_service("staging", "payments"), of_service("prod", "payments")), 7)]


def test_a_jobs_own_verification_is_read_where_it_is_wanted_and_once() -> None:
    """Of what runs; then it is known, whether or not it is wanted again."""
    prod = Jenkins({"finedge/prod/deploy-payments": [deployment(9, "b", ago=2), deployment(8, "a", ago=9)]})
    deploy = Deploy(job="finedge/{environment}/deploy-payments", verification_stage="Verify")
    services = {"payments": replace(CATALOGUE.services["payments"], deploy=deploy)}
    asked = sources(prod, Jenkins({}), catalogue=replace(CATALOGUE, services=services))
    first = read_matrix(asked, KnownReleases())
    assert prod.stages == []
    wanted = read_matrix(asked, first.known, Asked(stages=True))
    again = read_matrix(asked, wanted.known)
    assert prod.stages == ["finedge/prod/deploy-payments#9 Verify"]
    found = [one.matrix.cell("payments", "prod") for one in (first, wanted, again)]
    assert [one.verified for one in found if one] == [
        Verified.NOT_READ,
        Verified.BY_ITS_JOB,
        Verified.BY_ITS_JOB,
    ]


def test_of_one_service_the_newest_builds_are_asked_about_in_one_request() -> None:
    """What its stage says, or that it has none; an operation has the word of its own build all the same."""
    builds = [deployment(9, "b", ago=2), deployment(8, "a", ago=9), deployment(7, "c", ago=12)]
    prod = Jenkins({"finedge/prod/deploy-payments": builds})
    deploy = Deploy(job="finedge/{environment}/deploy-payments", verification_stage="Verify")
    services = {"payments": replace(CATALOGUE.services["payments"], deploy=deploy)}
    asked = sources(prod, Jenkins({}), catalogue=replace(CATALOGUE, services=services))
    kept: list[KnownReleases] = [KnownReleases()]
    reading = ReleaseReading(sources=asked, load=lambda: kept[-1], keep=kept.append)
    rows = reading.history("payments", "prod").rows
    assert prod.stages == ["finedge/prod/deploy-payments Verify"]
    assert [row.proof.verified for row in rows] == [
        Verified.BY_ITS_JOB,
        Verified.VERIFIED,
        Verified.NOT_VERIFIED,
    ]
    later = read_matrix(asked, kept[-1])
    assert len(prod.stages) == 1
    cell = later.matrix.cell("payments", "prod")
    assert cell is not None
    assert cell.verified is Verified.BY_ITS_JOB


def test_a_missing_job_is_said_and_an_environment_without_jenkins_is_blank() -> None:
    """The cell of a job that no Jenkins has says so in its words."""
    found = read_matrix(
        sources(Jenkins({}), Jenkins({}), environments=("prod", "dev")), KnownReleases()
    ).matrix
    missing, blank = found.cell("payments", "prod"), found.cell("payments", "dev")
    assert missing is not None
    assert blank is not None
    assert missing.trouble == "no job finedge/prod/deploy-payments"
    assert (blank.connection, blank.current, blank.trouble) == (None, None, "")
    assert found.cell("nothing", "prod") is None


def test_a_fault_of_one_adapter_is_its_own_trouble() -> None:
    """Whatever it raises."""
    staging = Jenkins(
        {
            "finedge/staging/deploy-payments": [
                deployment(3, "b", ago=hours(1).seconds / 3600, environment="staging")
            ]
        }
    )
    broken = sources(None, staging)  # type: ignore[arg-type]  # raises whatever is asked
    found = read_matrix(broken, KnownReleases())
    seen = found.matrix.cell("payments", "prod")
    assert seen is not None
    assert "no job" in seen.trouble or "fedesk failed" in seen.trouble
    assert found.failures[ConnectionName("prod", "jenkins")].sentence.startswith("fedesk failed while")
