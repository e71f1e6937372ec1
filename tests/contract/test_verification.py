"""Each kind of check of the catalogue after a promotion on the emulators: good, bad, and not to be told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from killed_runners import SlowTime
from sandbox_desk import SandboxClock, impatient
from test_releasing import Night, release

from fedesk import execution
from fedesk.domain import verifying
from fedesk.domain.catalogue import (
    AirflowCheck,
    AirflowLook,
    Band,
    Catalogue,
    DbtCheck,
    HttpCheck,
    SnowflakeCheck,
    Verification,
)
from fedesk.domain.operations import JournalEntry, Operation, Outcome, StepState
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import Release
from fedesk.sandbox.server import Sandbox
from fedesk.services import verification
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.store.operations import SqlStore

SERVICE, DAG = "regulatory", "regulatory_reports"
"""Its deploy job keeps what dbt said; all else is the same for each service."""
COUNT = "select count(*) from MARTS.PAYMENTS_DAILY where LOAD_DATE = :partition"
KINDS = ("import errors", "dag version", "smoke run", "http", "snowflake", "dbt")
BREAKS = {
    "import errors": "import",
    "dag version": "import",
    "smoke run": "run",
    "http": "health",
    "dbt": "dbt",
}
"""How a release is made bad for a kind (``World.plant_bad_release``)."""
ASKED = {
    "import errors": ("airflow", r"/importErrors"),
    "dag version": ("airflow", r"/dagVersions"),
    "smoke run": ("airflow", r"/dagRuns/fedesk__"),
    "http": ("health", ""),
    "snowflake": ("snowflake", ""),
    "dbt": ("jenkins", r"run_results\.json"),
}
"""The requests of each kind and of nothing else."""


def check_of(kind: str, sandbox: Sandbox, within: timedelta = timedelta(minutes=5)) -> Verification:
    """A check of the kind, as the catalogue has it."""
    address = f"{sandbox.urls['health']}/{{environment}}/{SERVICE}/health"
    checks: dict[str, Verification] = {
        "import errors": AirflowCheck(check=AirflowLook.IMPORT_ERRORS, dag=DAG, expect="none", within=within),
        "dag version": AirflowCheck(check=AirflowLook.DAG_VERSION, dag=DAG, expect="{commit}", within=within),
        "smoke run": AirflowCheck(check=AirflowLook.SMOKE_RUN, dag=DAG, expect="success", within=12 * within),
        "http": HttpCheck(url=address, expect=200, within=within),
        "snowflake": SnowflakeCheck(query=COUNT, expect=Band(tolerance=0.3), within=within),
        "dbt": DbtCheck(artifact="target/run_results.json", within=within),
    }
    return checks[kind]


class Evening(Night):
    """The same whose services are verified by one check."""

    check: Verification

    @property
    def catalogue(self) -> Catalogue:
        known = self.desk.catalogue
        service = replace(known.services[SERVICE], verify=(self.check,), rollback_automatic=False)
        return replace(known, services={**known.services, SERVICE: service})

    def promoted(self, *, spoiled: str = "") -> Operation:
        """The release of dev, promoted into staging, bad in a way or not."""
        changes = replace(self.changes, catalogue=self.catalogue)
        proposal = changes.propose(release(PROMOTE, SERVICE, "staging"))
        if spoiled:
            digest = proposal.plan.targets[0].pins["digest"]
            self.sandbox.control.spoil_release(SERVICE, digest, breaks=spoiled)
        operation = self.yes(proposal, changes).plan.operation
        return execute(
            operation,
            store=self.store,
            systems=self.desk.systems,
            catalogue=self.catalogue,
            environments=self.desk.by_name,
            actor=self.desk.actor,
            clock=self.clock,
            processes=LocalProcesses(),
            pause=self.clock.pause,
        )


@pytest.fixture
def evening(full_sandbox: Sandbox, tmp_path: Path) -> Iterator[Evening]:
    clock = SlowTime(full_sandbox, full_sandbox.control.clock.now())
    desk = execution.open_desk(full_sandbox.config_path, "staging", clock)
    store = SqlStore(tmp_path / "s.sqlite3")
    yield Evening(sandbox=full_sandbox, desk=desk, store=store, clock=clock)
    store.close()
    desk.systems.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_that_is_well_is_verified(evening: Evening, kind: str) -> None:
    """Each kind of check looks at the real answer of its system, and the promotion succeeds."""
    evening.check = check_of(kind, evening.sandbox)
    ended = evening.promoted()
    assert ended.outcome is Outcome.SUCCEEDED, ended.said
    assert [one.state for one in ended.journal if one.step == "verify 1"][-1] is StepState.DONE


@pytest.mark.parametrize("kind", BREAKS)
def test_a_release_that_is_bad_fails_its_verification(evening: Evening, kind: str) -> None:
    """It deploys well, and the check that looks at what is bad says so; the promotion has failed."""
    evening.check = check_of(kind, evening.sandbox)
    ended = evening.promoted(spoiled=BREAKS[kind])
    assert ended.outcome is Outcome.FAILED, ended.said
    last = [one for one in ended.journal if one.step == "verify 1"][-1]
    assert last.state is StepState.FAILED


@pytest.mark.parametrize(
    "kind",
    [one if one in {"http", "snowflake"} else pytest.param(one, marks=pytest.mark.soak) for one in KINDS],
)
def test_a_system_that_is_away_leaves_a_verification_inconclusive(evening: Evening, kind: str) -> None:
    """Until its time is up it is asked again; then the outcome is unknown, never green and never failed."""
    evening.check = check_of(kind, evening.sandbox, within=timedelta(seconds=20))
    system, match = ASKED[kind]
    evening.sandbox.control.fault(system, "close", match=match)
    ended = evening.promoted()
    assert ended.outcome is Outcome.UNKNOWN, ended.said
    looks = [one for one in ended.journal if one.step == "verify 1"]
    assert looks[-1].state is StepState.UNKNOWN
    assert "inconclusive" in looks[-1].said
    assert looks[-1].at - looks[0].at >= evening.check.within


def test_a_smoke_run_that_does_not_end_in_time_is_inconclusive(evening: Evening) -> None:
    """Airflow answers all the while: the run may still come to either end, so it is neither."""
    evening.check = check_of("smoke run", evening.sandbox, within=timedelta(seconds=10))
    ended = evening.promoted()
    assert ended.outcome is Outcome.UNKNOWN
    assert "is running" in ended.said


def test_a_file_that_was_not_kept_is_inconclusive_at_once(evening: Evening) -> None:
    """The build has ended: what it has not archived does not come, and is not waited for."""
    evening.check = check_of("dbt", evening.sandbox)
    evening.sandbox.control.fault("jenkins", "status", match=r"run_results\.json", status=404)
    ended = evening.promoted()
    assert ended.outcome is Outcome.UNKNOWN
    looks = [one for one in ended.journal if one.step == "verify 1"]
    assert looks[-1].at - looks[0].at < evening.check.within


def test_rows_that_a_release_loses_fail_its_query(evening: Evening) -> None:
    """The number of the plan's day is beyond the band around the days before, and was within it."""
    check, changes = check_of("snowflake", evening.sandbox), evening.changes
    plan = changes.propose(release(PROMOTE, "payments", "staging")).plan
    systems, clock = evening.desk.systems, evening.clock

    def looked() -> StepState:
        return verification.look(check, "verify 1", plan, (), systems, clock, run="").state

    assert looked() is StepState.DONE
    runs = evening.sandbox.world.deployed("staging", "payments")
    assert runs is not None
    evening.sandbox.control.spoil_release("payments", runs.digest, breaks="rows")
    assert looked() is StepState.FAILED


@pytest.mark.parametrize(
    "kind", [one if one == "http" else pytest.param(one, marks=pytest.mark.soak) for one in KINDS]
)
def test_a_system_that_never_answers_is_not_waited_for_beyond_its_time(
    full_sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    """It takes the request and says nothing: each look ends by its deadline, the last is inconclusive."""
    config = impatient(full_sandbox.config_path, tmp_path, seconds=1, system=r"\w+")
    clock, check = SandboxClock(full_sandbox), check_of(kind, full_sandbox)
    desk = execution.open_desk(config, "staging", clock)
    try:
        plan = desk.changes.propose(release(PROMOTE, SERVICE, "staging")).plan
        build = full_sandbox.world.deployed("staging", SERVICE)
        assert build is not None
        run = f"{build.build.job}#{build.build.number}" if kind == "dbt" else f"{DAG}/fedesk__1"
        filled = verifying.read(verifying.written(check, "staging", Release(service=SERVICE, digest="")))
        system, match = ASKED[kind]
        full_sandbox.control.fault(system, "hang", match=match)

        def looked(began: timedelta) -> StepState:
            at = clock.now() - began
            first = JournalEntry(number=1, step="verify 1", at=at, state=StepState.WAITING, said="")
            look = verification.look(filled, "verify 1", plan, (first,), desk.systems, clock, run=run)
            assert "could not be looked at" in look.said
            return look.state

        assert looked(timedelta()) is StepState.WAITING
        assert looked(check.within) is StepState.UNKNOWN
    finally:
        full_sandbox.control.clear_faults()
        desk.systems.close()
        desk.close()
