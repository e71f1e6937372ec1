"""What the suites that change an Airflow run on: the emulator, and with ``-m live`` a real server."""

import pytest
from airflow_change_cases import ChangeCase, emulated

from fedesk.sandbox.server import Sandbox


@pytest.fixture(params=["emulator", pytest.param("real", marks=pytest.mark.live)])
def change_case(request: pytest.FixtureRequest) -> ChangeCase:
    """One Airflow that may be changed."""
    if request.param == "real":
        found = request.getfixturevalue("live_change_case")
        assert isinstance(found, ChangeCase)
        return found
    sandbox = request.getfixturevalue("sandbox")
    assert isinstance(sandbox, Sandbox)
    return emulated(sandbox)
