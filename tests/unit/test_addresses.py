"""Web addresses of runs: what is copied from a browser names the same run as the desk does."""

import pytest

from fedesk.domain.addresses import Place, is_address, run_at
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System


def place(name: str, system: System, address: str, *folders: str) -> Place:
    """A connection by its full name."""
    return Place(connection=ConnectionName.parse(name), system=system, address=address, folders=folders)


PLACES = (
    place("prod/jenkins", System.JENKINS, "https://jenkins.example/ci", "finedge/prod"),
    place("dev/jenkins", System.JENKINS, "https://jenkins.example/ci", "finedge/dev"),
    place("prod/airflow", System.AIRFLOW, "https://airflow.example/prod"),
    place("dev/airflow", System.AIRFLOW, "https://airflow.example/dev"),
    place("prod/vault", System.VAULT, "https://vault.example"),
    place("qa/jenkins", System.JENKINS, "http://plain.example/", "/qa/"),
    place("qa/jenkins-8080", System.JENKINS, "http://plain.example:8080"),
    place("qa/jenkins-x", System.JENKINS, "http://x.example/teamX", "X"),
)
CI = "https://jenkins.example/ci"
AIRFLOW = "https://airflow.example/prod"
RUN = "scheduled__2026-11-20T00%3A00%3A00%2B00%3A00"
NAME = "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (
            f"{CI}/job/finedge/job/prod/job/deploy-payments/1841/",
            "prod/jenkins:finedge/prod/deploy-payments#1841",
        ),
        (f"{CI}/job/finedge/job/prod/job/a%20b/7/console", "prod/jenkins:finedge/prod/a b#7"),
        (f"{CI}/view/all/job/finedge/job/dev/job/x/2/consoleFull?a=b", "dev/jenkins:finedge/dev/x#2"),
        ("https://JENKINS.example:443/ci/job/finedge/job/dev/job/x/2", "dev/jenkins:finedge/dev/x#2"),
        (f"{AIRFLOW}/dags/payments_daily/runs/{RUN}", NAME),
        (f"{AIRFLOW}/dags/payments_daily/runs/{RUN}/", NAME),
        (f"{AIRFLOW}/dags/payments_daily/runs/{RUN}/tasks/dbt_test", f"{NAME}::dbt_test"),
        (f"{AIRFLOW}/dags/payments_daily/runs/{RUN}/tasks/a.b?try_number=2", f"{NAME}::a.b@2"),
        (f"{AIRFLOW}/dags/payments_daily/runs/{RUN}/tasks/t/mapped/3?try_number=x", f"{NAME}::t[3]"),
        (f"{AIRFLOW}/dags/payments_daily/runs/{RUN}/tasks/t/details", f"{NAME}::t"),
        (f"{AIRFLOW}/dags/payments_daily/grid?dag_run_id={RUN}&task_id=t", f"{NAME}::t"),
        ("https://airflow.example/dev/dags/a/runs/b%2Fc%23d", "dev/airflow:a/b/c#d"),
        (f"{CI}/job/finedge/job/prod/job/x/2?tree=a?b", "prod/jenkins:finedge/prod/x#2"),
        (f"{AIRFLOW}/dags/d/runs/r/tasks/t?try_number=2&x=a?b", "prod/airflow:d/r::t@2"),
        ("http://plain.example:80/job/qa/job/x/2", "qa/jenkins:qa/x#2"),
        ("http://plain.example:8080/view/a/view/b/job/x/2/", "qa/jenkins-8080:x#2"),
        (f"{AIRFLOW}/dags/a%20b/runs/r/tasks/group/g?try_number=1&try_number=2", "prod/airflow:a b/r::g@1"),
        (f"{AIRFLOW}/dags/a%20b/graph/?dag_run_id=r&task_id=t&try_number=3", "prod/airflow:a b/r::t@3"),
        ("http://x.example/teamX/job/X/job/a/2", "qa/jenkins-x:X/a#2"),
        (f"{AIRFLOW}/dags/a/calendar?dag_run_id=b%2Fc", "prod/airflow:a/b/c"),
    ],
)
def test_an_address_names_its_run(address: str, name: str) -> None:
    """Of several connections it is the one whose pages and folders it lies in; escapes are undone."""
    found = run_at(address, PLACES)
    assert found is not None
    run, task = found
    assert f"{run}::{task}" == name if task else str(run) == name
    assert is_address(address)


def test_a_name_is_no_address() -> None:
    """What begins like a page of the web is one; names of runs hold colons too."""
    assert [is_address(text) for text in ("http://h", "https://h", NAME, f"x {AIRFLOW}")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "address",
    [
        f"{CI}/job/finedge/job/staging/job/x/2/",
        f"{CI}/job/finedge/job/prod/",
        f"{CI}x/job/finedge/job/prod/job/x/2/",
        "https://jenkins.example/job/finedge/job/prod/job/x/2/",
        "https://jenkins.example:8443/ci/job/finedge/job/prod/job/x/2/",
        f"{AIRFLOW}/dags/payments_daily",
        f"{AIRFLOW}/dags/payments_daily/grid",
        f"{AIRFLOW}/dags/payments_daily/details?dag_run_id=r",
        "http://plain.example/job/qa2/job/x/2",
        "ftp://plain.example/job/qa/job/x/2",
        "https://vault.example/dags/a/runs/b",
        "https://vault.example/job/a/2",
        "https://[broken/",
    ],
)
def test_an_address_that_is_no_run_of_ours_is_none(address: str) -> None:
    """Other servers, ports and folders, and pages that show no run, are not guessed at."""
    assert run_at(address, PLACES) is None
