"""What the suites that change an Airflow run on: the emulator, and with ``-m live`` a real server."""

from collections.abc import Iterator

import pytest
from airflow_change_cases import ChangeCase, emulated, real
from airflow_dags import write_changes
from airflow_server import AirflowServer, running

from fedesk.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def changed_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """A real server whose DAGs fail."""
    with running(tmp_path_factory.mktemp("airflow") / "home", write_changes) as server:
        yield server


@pytest.fixture(params=["emulator", pytest.param("real", marks=pytest.mark.live)])
def change_case(request: pytest.FixtureRequest) -> ChangeCase:
    """One Airflow that may be changed."""
    if request.param == "real":
        return real(request.getfixturevalue("changed_airflow"))
    sandbox = request.getfixturevalue("sandbox")
    assert isinstance(sandbox, Sandbox)
    return emulated(sandbox)
