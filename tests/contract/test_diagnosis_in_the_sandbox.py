from collections.abc import Iterator

import pytest
from sandbox_desk import SandboxClock

from fedesk.domain.states import State
from fedesk.execution import Desk, open_desk
from fedesk.sandbox.server import Sandbox
from fedesk.services.diagnosis import Diagnosis


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    opened = open_desk(sandbox.config_path, "prod", SandboxClock(sandbox))
    yield opened
    opened.close()


def why(desk: Desk, connection: str, job: str) -> Diagnosis:
    """The diagnosis of the newest bad run of a job."""
    source = next(one for one in desk.connections if one.name.name == connection)
    runs = desk.reading.runs(source, job, 20)
    return desk.reading.diagnose(next(run.name for run in runs if run.state.is_bad))


def test_the_failed_task_and_the_line_that_says_why_are_found(desk: Desk) -> None:
    """In 3,000 lines of dbt's log the line is found that names the test, and the task and try it is in."""
    found = why(desk, "airflow", "payments_daily")
    assert found.culprit is not None
    assert (found.culprit.name, found.culprit.state) == ("dbt_test", State.FAILED)
    assert "Failure in test not_null_payments_amount" in found.telling_line
    assert found.log is not None
    assert found.log.task is not None
    assert found.log.task.try_number == 3
    assert (found.line_number or 0) > 2000


def test_a_failed_build_is_told_by_the_stage_that_failed(desk: Desk) -> None:
    """A deploy whose verification failed names that stage, and its line is of that stage's log."""
    found = why(desk, "jenkins", "finedge/prod/deploy-fx_rates")
    assert found.culprit is not None
    assert found.culprit.name == "Verify"
    assert found.telling_line
    assert "none" not in found.telling_line


def test_a_run_that_succeeded_has_nothing_to_tell(desk: Desk) -> None:
    """No line of a green run is called telling, whatever its log says."""
    source = next(one for one in desk.connections if one.name.name == "airflow")
    runs = desk.reading.runs(source, "fx_rates", 20)
    good = next(run.name for run in runs if run.state is State.SUCCEEDED)
    assert desk.reading.diagnose(good).telling_line == ""
