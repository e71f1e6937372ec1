"""What lies between two releases: files by their paths, tickets, migrations, and which builds are asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from making import ENGINEERING, NOW
from released import Held, Still, connection, deployment, digest, release

from fedesk.domain.catalogue import Catalogue, Deploy, Service
from fedesk.domain.release_diff import Side, Touched, between, compare_link, kind_of
from fedesk.domain.release_matrix import KnownReleases
from fedesk.domain.releases import Deployment, Migration
from fedesk.domain.runs import Change
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError, UnreachableError
from fedesk.ports.releasing import BuildChanges, DeployJob, JobRead
from fedesk.services.release_diff import read_diff
from fedesk.services.release_matrix import ReleaseSources

TICKETS = (re.compile("FIN-[0-9]+"),)
CHANGES = (
    Change(
        commit="d" * 40,
        author="jon",
        message="Wider column",
        text="For FIN-7 and FIN-2",
        at=NOW,
        paths=("dags/payments.py",),
    ),
    Change(
        commit="c" * 40,
        author="ann",
        message="FIN-2: model",
        at=NOW,
        paths=("models/payments/pay.sql", "migrations/V3__wider.sql"),
    ),
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("migrations/0003_wider.sql", Touched.MIGRATION),
        ("db/V1.2__accounts.sql", Touched.MIGRATION),
        ("models/marts/payments.sql", Touched.MODEL),
        ("dbt/macros/dates.sql", Touched.MODEL),
        ("models/schema.yml", Touched.MODEL),
        ("airflow/dags/payments.py", Touched.DAG),
        ("dags/README.md", Touched.OTHER),
        ("config/prod.json", Touched.CONFIGURATION),
        ("Jenkinsfile", Touched.CONFIGURATION),
        ("pyproject.toml", Touched.CONFIGURATION),
        ("src/models.py", Touched.OTHER),
        ("src/remodels/x.sql", Touched.OTHER),
        ("a\n" * 50_000 + "dags/", Touched.OTHER),
    ],
)
def test_a_path_says_what_a_file_is(path: str, kind: Touched) -> None:
    """By the folders of dbt's project template, of Airflow, and of migration tools."""
    assert kind_of(path) is kind


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://github.com/finedge/payments", "https://github.com/finedge/payments/compare/aaaaaaa...bbbbbbb"),
        ("https://github.com/finedge/payments.git/", "https://github.com/finedge/payments/compare/aaaaaaa...bbbbbbb"),
        ("https://u:p@github.corp.example/a/b", "https://github.corp.example/a/b/compare/aaaaaaa...bbbbbbb"),
        ("https://gitlab.com/finedge/payments", ""),
        ("http://github.com/finedge/payments", ""),
        ("https://github.com/finedge/pay ments", ""),
        ("javascript://github.com/a/b", ""),
    ],
)  # fmt: skip
def test_the_comparison_is_githubs_own_page(repository: str, link: str) -> None:
    """Of an address without its credentials; what is no commit has no page."""
    assert compare_link(repository, "a" * 7, "b" * 7) == link
    assert compare_link(repository, "a" * 7, "$(x)") == ""


def test_a_difference_names_tickets_migrations_and_what_is_not_known() -> None:
    """Those between count as well; what the older one had does not."""
    older = release("a", build=1, migrations=(Migration(id="V1", reversible=True),), size_bytes=280)
    middle = release("b", build=2, migrations=(Migration(id="V2", reversible=False),))
    newer = release("d", build=4, migrations=(Migration(id="V1", reversible=True),), size_bytes=300)
    origin, target = Side(name="prod", release=older, said=""), Side(name="staging", release=newer, said="")
    found = between(origin, target, CHANGES, passed=[middle], tickets=TICKETS)
    assert found.tickets == ("FIN-7", "FIN-2")
    assert [one.id for one in found.migrations] == ["V2"]
    assert found.touched[Touched.DAG] == ("dags/payments.py",)
    assert list(found.touched) == [Touched.MIGRATION, Touched.MODEL, Touched.DAG]
    assert (found.grown_by, found.undoes, found.untold) == (20, False, ())
    assert found.compare.endswith(f"{'a' * 40}...{'d' * 40}")
    back = between(target, origin, [replace(CHANGES[0], paths=())], passed=[middle])
    assert (back.undoes, back.grown_by, [one.id for one in back.migrations]) == (True, -20, ["V2"])
    assert "which files" in back.untold[0]


@dataclass
class Builds:
    """A Jenkins with deployments by environment, and commits."""

    found: list[Deployment]
    answer: BuildChanges | None = None
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def deployments(
        self, jobs: tuple[DeployJob, ...], known: Mapping[str, Deployment], *, depth: int
    ) -> tuple[JobRead, ...]:
        del known
        return tuple(
            JobRead(
                service=job.service,
                deployments=tuple(one for one in self.found if one.run.job == job.job)[:depth],
            )
            for job in jobs
        )

    def deployment(self, job: DeployJob, number: int) -> Deployment:
        del job, number
        raise NotFoundError("gone")

    def changes_between(self, job: str, after: int, until: int) -> BuildChanges:
        self.asked.append((job, after, until))
        if self.answer is None:
            raise UnreachableError("Jenkins cannot be reached.")
        return self.answer


def sources(*builds: Builds) -> ReleaseSources:
    service = Service(
        name="payments", owner=ENGINEERING, deploy=Deploy(job="finedge/{environment}/deploy-payments")
    )
    return ReleaseSources(
        catalogue=Catalogue(services={"payments": service}),
        connections=tuple(
            connection("jenkins", name, deploys=Held(one))
            for name, one in zip(("staging", "prod"), builds, strict=True)
        ),
        environments=("staging", "prod"),
        clock=Still(),
        operations=lambda *_: (),
    )  # fmt: skip


def test_the_builds_that_made_them_are_asked_for_their_commits() -> None:
    """Whichever way round one asks; builds that are gone are counted."""
    staging = Builds(
        [deployment(3, "d", ago=4, environment="staging")], BuildChanges(changes=CHANGES, missing=1)
    )
    prod = Builds([deployment(9, "b", ago=2)])
    found = read_diff(sources(staging, prod), KnownReleases(), "payments", ("prod", "staging"), TICKETS).diff
    assert staging.asked == [("finedge/dev/payments-ci", 2, 4)]
    assert [change.author for change in found.changes] == ["jon", "ann"]
    assert "1 of builds 3 to 4" in found.untold[0]
    back = read_diff(sources(staging, prod), KnownReleases(), "payments", ("staging", "prod")).diff
    assert back.undoes
    assert staging.asked[1] == staging.asked[0]
    by_digest = read_diff(
        sources(staging, prod), KnownReleases(), "payments", (digest("b")[:15], "sha256:ddddddd")
    )
    assert by_digest.diff.target.release == release("d", build=4)
    with pytest.raises(NotFoundError, match="No deployment"):
        read_diff(sources(staging, prod), KnownReleases(), "payments", ("prod", "abcdef1"))
    with pytest.raises(NotFoundError, match="neither an environment"):
        read_diff(sources(staging, prod), KnownReleases(), "payments", ("prod", "qa"))
    with pytest.raises(NotFoundError, match="no service"):
        read_diff(sources(staging, prod), KnownReleases(), "nothing", ("prod", "staging"))


def test_without_a_common_build_the_deploy_job_that_had_both_tells() -> None:
    """Else it is said that nobody knows; and a system that is away is said too."""
    old = replace(deployment(7, "a", ago=9), release=release("a", build_url=""))
    new = replace(deployment(9, "b", ago=2), release=release("b", build_url="", build=2))
    staging = Builds([replace(new, run=deployment(3, "b", ago=4, environment="staging").run)])
    prod = Builds([deployment(8, "", ago=5, state=State.FAILED), old], BuildChanges(changes=CHANGES))
    unknown = read_diff(sources(staging, prod), KnownReleases(), "payments", ("prod", "staging")).diff
    assert unknown.untold == (
        "Which commits lie between is not known: no job that is known has built or deployed both.",
    )
    prod.found.insert(0, new)
    asked = ("payments", (digest("a")[:20], "staging"))
    assert read_diff(sources(staging, prod), KnownReleases(), *asked).diff.changes == CHANGES
    assert prod.asked == [("finedge/prod/deploy-payments", 7, 9)]
    prod.answer = None
    away = read_diff(sources(staging, prod), KnownReleases(), *asked).diff
    assert "cannot be reached" in away.untold[0]
    same = read_diff(sources(staging, prod), KnownReleases(), "payments", ("staging", "prod")).diff
    assert same.is_same
    assert same.changes == ()
