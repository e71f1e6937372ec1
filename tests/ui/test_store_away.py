"""A store that goes away under a desk, and comes back: nothing is sent meanwhile, and nothing forgotten."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from operation_values import unknown
from real_desk import ESCAPE, RealDesk, runners, until, variables
from recording import put
from test_killed_desk import clears, config_of, failed_run

from fedesk.domain.operations import Outcome
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.store.operations import SqlStore

STORE = "state.sqlite3"
FULL = (16, resource.RLIM_INFINITY)
"""No file may grow beyond 16 bytes: what a full disk is to a process that writes."""
ROOM = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def world() -> Iterator[Sandbox]:
    """Airflow in real time."""
    running = start(World(seed=7, scale=0.2, clock=WorldClock()), systems=("airflow",))
    yield running
    running.close()


@pytest.fixture
def config(world: Sandbox, tmp_path: Path) -> Path:
    """A configuration whose store knows one operation of prod, which ended unknown."""
    with closing(SqlStore(tmp_path / STORE)) as store:
        put(store, unknown(12))
    return config_of(world, tmp_path)


def rerun(
    config: Path, run: str, home: Mapping[str, str], before: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    """``fedesk rerun RUN --yes`` in a process of its own; ``before`` is called in it first."""
    words = ["rerun", run, "--yes", "--config", str(config)]
    return subprocess.run(
        [sys.executable, "-P", "-m", "fedesk", *words],
        env=dict(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=before,
    )


def test_a_store_that_is_taken_away_is_asked_for_and_found_again(
    world: Sandbox, config: Path, tmp_path: Path
) -> None:
    """``store?`` and what was known; systems are read, no plan is armed, exit 6; it ends by itself."""
    store, aside = tmp_path / STORE, tmp_path / "aside"
    home, run = variables(tmp_path / "home"), failed_run(world)
    desk = RealDesk(config, "dev", home)
    try:
        desk.until(lambda: "prod ? 1" in desk.header())
        store.rename(aside)
        desk.until(lambda: "store?" in desk.header())
        assert "prod ? 1" in desk.header()
        read = len(world.control.requests("airflow"))
        desk.until(lambda: len(world.control.requests("airflow")) > read)
        desk.command(f"rerun {run}")
        desk.until("was removed or replaced while it was open")
        assert "ARMED" not in desk.text()
        told = rerun(config, run, home)
        assert told.returncode == 6, told.stderr
        assert "is gone, and its log" in told.stderr
        desk.press(ESCAPE)
        desk.until(lambda: "Triage" in desk.text())
        # Another environment opens the store anew, and takes it for lost, not for new.
        desk.command("env staging")
        desk.until(lambda: "staging" in desk.header())
        desk.until(lambda: "store?" in desk.header())
        assert clears(world) == 0
        assert not store.exists()
        aside.rename(store)
        desk.until(lambda: "store?" not in desk.header() and "prod ? 1" in desk.header())
        assert desk.leave() == 0
    finally:
        desk.close()
    with closing(SqlStore(store)) as kept:
        assert [one.outcome for one in kept.operations()] == [Outcome.UNKNOWN]
        assert kept.verify(deep=True).flaw is None
    until(lambda: not runners(config))


def test_a_full_disk_is_read_on_and_nothing_is_sent(world: Sandbox, config: Path, tmp_path: Path) -> None:
    """What cannot be recorded is not armed, and exit 6; with room again the same key plans it anew."""
    home, run = variables(tmp_path / "home"), failed_run(world)
    desk = RealDesk(config, "dev", home)
    try:
        desk.until(lambda: "prod ? 1" in desk.header())
        resource.prlimit(desk.process.pid, resource.RLIMIT_FSIZE, FULL)
        desk.command(f"rerun {run}")
        desk.until("disk I/O error")
        assert "ARMED" not in desk.text()
        told = rerun(config, run, home, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, FULL))
        assert told.returncode == 6, told.stderr
        assert "disk I/O error" in told.stderr
        assert clears(world) == 0
        resource.prlimit(desk.process.pid, resource.RLIMIT_FSIZE, ROOM)
        desk.press("r")
        desk.until("ARMED")
        assert desk.leave() == 0
    finally:
        desk.close()
    assert clears(world) == 0
    until(lambda: not runners(config))
