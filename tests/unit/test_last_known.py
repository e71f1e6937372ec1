from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fedesk.domain.front import EnvironmentFacts, Finding, FrontPage
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Observation, Snapshot
from fedesk.domain.runs import Job, Run
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.states import Severity, State, System
from fedesk.domain.status import ConnectionStatus, PipelineStatus, Status
from fedesk.store.last_known import (
    LastKnown,
    read_front_page,
    read_snapshots,
    read_status,
    write_front_page,
    write_snapshots,
    write_status,
)

AT = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
NAME = ConnectionName("prod", "airflow")
RUN = RunName(NAME, "payments_daily/scheduled__2026-11-20T00:00:00+00:00")


@pytest.fixture
def place(tmp_path: Path) -> LastKnown:
    return LastKnown(tmp_path / "cache", tmp_path / "fedesk.toml", "prod")


def test_the_front_page_comes_back_as_it_was(place: LastKnown) -> None:
    """What was kept is what is painted, hostile text included."""
    page = FrontPage(
        environment=EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="UTC"),
        at=AT,
        sources=((NAME, System.AIRFLOW),),
        findings=(
            Finding(
                id="x",
                kind="failed run",
                severity=Severity.PAGE,
                state=State.FAILED,
                subject="[/]",
                what="dbt_test failed \x1b[31m",
                since=AT,
                owner="engineering",
                todo="read the log",
                run=RUN,
            ),
        ),
        counts={"pipelines": 40},
    )
    write_front_page(place, page)
    assert read_front_page(place) == page


def test_snapshots_come_back_as_they_were(place: LastKnown) -> None:
    """The pollers go on from the very values that were kept, cursor included."""
    observation = Observation(
        runs=(
            Run(name=RUN, job="payments_daily", state=State.FAILED, original_state="failed", started_at=AT),
        ),
        jobs=(Job(connection=NAME, name="payments_daily", expected_duration=timedelta(minutes=4)),),
        secrets=(SecretMetadata(connection=NAME, name="kv:a/b", age_from=AT),),
        cursor='{"since": 1}',
    )
    snapshots = (
        Snapshot(
            connection=NAME,
            system=System.AIRFLOW,
            address="http://x",
            observation=observation,
            observed_at=AT,
        ),
    )
    write_snapshots(place, snapshots)
    assert read_snapshots(place) == snapshots


def test_the_status_comes_back_as_it_was(place: LastKnown) -> None:
    """What ``status`` printed is printed again, moments and what is not known included."""
    status = Status(
        environment=EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="UTC"),
        at=AT,
        connections=(
            ConnectionStatus(
                name="prod/airflow",
                system="airflow",
                state="stale",
                latency_ms=None,
                as_of=AT,
                error="timed out \x1b[31m",
                error_kind="timeout",
            ),
        ),
        pipelines=(
            PipelineStatus(
                name="[/]",
                owner=None,
                tier=3,
                state="unknown",
                last_run=None,
                last_run_at=None,
                next_run=AT,
            ),
        ),
        jobs=("payments_daily",),
        runs=(str(RUN),),
    )
    write_status(place, status)
    assert read_status(place) == status


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 1}', b'{"format": 2}', b"\xff"])
def test_a_status_of_another_form_is_none(place: LastKnown, content: bytes) -> None:
    """A cache that is damaged, or of another version, counts as lost."""
    place.folder.mkdir()
    place.status.write_bytes(content)
    assert read_status(place) is None


def test_files_are_for_their_owner_alone(place: LastKnown) -> None:
    """Names of pipelines and secrets are nobody else's business."""
    write_snapshots(place, ())
    assert place.snapshots.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"format": 2}', b'{"format": 1}'])
def test_a_broken_cache_is_no_cache(place: LastKnown, content: bytes) -> None:
    """A cache may be lost or damaged at any time, and nothing but speed is lost with it."""
    place.folder.mkdir()
    place.front_page.write_bytes(content)
    place.snapshots.write_bytes(content)
    assert read_front_page(place) is None
    assert read_snapshots(place) == ()
