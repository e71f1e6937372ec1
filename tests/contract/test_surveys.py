"""What Jenkins and Airflow say of their jobs beside the runs."""

from collections.abc import Iterator

import pytest
from airflow_cases import Case, emulated

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.jenkins import JenkinsClient
from fedesk.domain.names import ConnectionName
from fedesk.domain.surveys import Survey
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox.server import Sandbox

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def case(airflow_case: Case) -> Case:
    return airflow_case


@pytest.fixture
def client(case: Case) -> Iterator[AirflowClient]:
    made = AirflowClient(case.endpoint())
    yield made
    made.close()


def _is_real(case: Case) -> bool:
    """Whether its DAGs are those of ``tests/live/airflow_dags.py``."""
    return case.import_file == "broken.py"


def test_dags_say_whose_they_are_and_what_they_write(client: AirflowClient) -> None:
    """Owners and tags as the DAG file has them; an outlet names its writer, an inlet its reader."""
    found = client.survey()
    dags = {dag.name: dag for dag in found.dags}
    assert (dags["payments_daily"].owners, "payments" in dags["payments_daily"].tags) == (
        ("engineering",),
        True,
    )
    assets = {asset.name: asset for asset in found.assets}
    ledger = assets["MARTS.LEDGER_LOAD"]
    assert ledger.uri.startswith("snowflake://finedge/")
    assert ledger.uri.endswith("MARTS/LEDGER_LOAD")
    assert ledger.written_by == ("ledger_load",)
    assert found.limits == ()


def test_readers_are_named_by_inlet_and_by_schedule(client: AirflowClient, case: Case) -> None:
    """Who takes an asset in, and who runs because it was written, are both its readers."""
    assets = {asset.name: asset for asset in client.survey().assets}
    readers = assets["MARTS.LEDGER_LOAD"].read_by
    if _is_real(case):
        assert set(readers) == {"payments_daily", "ledger_report"}
    else:
        assert "regulatory_reports" in readers


def test_a_schedule_is_told_and_its_absence_too(client: AirflowClient, case: Case) -> None:
    """A cron line as it stands; a DAG that nothing starts has none."""
    dags = {dag.name: dag for dag in client.survey().dags}
    if _is_real(case):
        assert (dags["payments_daily"].schedule, dags["payments_daily"].periodic) == ("", False)
        assert (dags["ledger_report"].schedule, dags["ledger_report"].periodic) == ("Asset", False)
    else:
        assert (dags["payments_daily"].schedule, dags["payments_daily"].periodic) == ("0 0 * * *", True)


def test_tags_limit_dags_and_their_assets(case: Case) -> None:
    """An asset that only DAGs out of scope touch is not told."""
    client = AirflowClient(case.endpoint(), tags=(case.tag,))
    found = client.survey()
    client.close()
    known = {dag.name for dag in found.dags}
    assert case.untagged not in known
    assert known
    assert all({*asset.written_by, *asset.read_by} <= known for asset in found.assets)


def test_one_request_for_each_list(client: AirflowClient) -> None:
    """A login, a page of DAGs, a page of assets."""
    client.survey()
    assert client.session.requests == 3


@pytest.mark.parametrize("status", [403, 404])
def test_assets_that_may_not_be_read_are_a_limit(sandbox: Sandbox, status: int) -> None:
    """The DAGs are told all the same, and a sentence says what is missing."""
    sandbox.control.fault("airflow", "status", status=status, match="/assets")
    client = AirflowClient(emulated(sandbox).endpoint())
    found = client.survey()
    client.close()
    assert found.dags
    assert found.assets == ()
    assert [limit.startswith("prod/airflow's assets could not be read: ") for limit in found.limits] == [True]


def surveyed(sandbox: Sandbox, *folders: str) -> Survey:
    identity = sandbox.world.identity("jenkins")
    endpoint = Endpoint(
        name=ConnectionName("prod", "jenkins"),
        url=sandbox.urls["jenkins"],
        user=identity.user,
        credential=lambda: SecretText(identity.credential),
    )
    client = JenkinsClient(endpoint, folders=folders)
    found = client.survey()
    client.close()
    return found


def test_jobs_say_their_parameters_and_what_they_archive(sandbox: Sandbox) -> None:
    """One request; a job that archives release.json says so by its last successful build."""
    found = {job.name: job for job in surveyed(sandbox, "finedge/prod").jobs}
    deploy = found["finedge/prod/deploy-payments"]
    assert deploy.parameters == ("IMAGE", "DRY_RUN", "FEDESK_OPERATION")
    assert "release.json" in deploy.artifacts
    assert all(name.startswith("finedge/prod/") for name in found)
    assert sum("tree=" in request.path for request in sandbox.control.requests("jenkins")) == 1
