"""The one real Airflow that all live tests share, and what they ask of it: for ``-m live -n 0``."""

from collections.abc import Iterator

import airflow_cases
import airflow_change_cases
import pytest
from airflow_cases import Case
from airflow_change_cases import ChangeCase
from airflow_dags import go_of_changes, write_all
from airflow_server import AirflowServer, running

from fedesk.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def live_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """A real server, started once, with the DAGs of all live tests."""
    with running(tmp_path_factory.mktemp("airflow") / "home", write_all, parallelism=4) as server:
        yield server


@pytest.fixture(scope="session")
def live_case(live_airflow: AirflowServer) -> Case:
    """What there is to read on it: a run of each shape."""
    return airflow_cases.real(live_airflow)


@pytest.fixture(params=["emulator", pytest.param("real", marks=pytest.mark.live)])
def airflow_case(request: pytest.FixtureRequest) -> Case:
    """What there is to read, on the emulator and on a real server."""
    if request.param == "real":
        found = request.getfixturevalue("live_case")
        assert isinstance(found, Case)
        return found
    sandbox = request.getfixturevalue("sandbox")
    assert isinstance(sandbox, Sandbox)
    return airflow_cases.emulated(sandbox)


@pytest.fixture(scope="session")
def live_change_case(live_airflow: AirflowServer) -> ChangeCase:
    """What there is to change on it: runs that fail."""
    return airflow_change_cases.real(live_airflow)


@pytest.fixture
def holding(live_airflow: AirflowServer) -> Iterator[None]:
    """What is to be held is held until the test is over."""
    go = go_of_changes(live_airflow.go)
    go.unlink(missing_ok=True)
    yield
    go.touch()
