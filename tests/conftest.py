"""Fixtures for everybody: a sandbox on loopback whose clock stands still, shared by the tests of a worker."""

import gc
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from approval_people import Team

pytest_plugins = (
    "asgi_server",
    "raw_server",
    "desk_fixtures",
    "airflow_changed",
    "postgres_server",
    "several_desks",
    "live_airflow",
    "live_registry",
    "soaking",
    "told_server",
)

# Hundreds of processes are started here: without bytecode each of them would compile the libraries again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What a script starts in the background hands down that Ctrl+C is ignored: children could not be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MEMORY, _ROOM = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - it is asked whether it is fit for it


def _write_in_memory() -> None:
    """Have temporary folders in memory where that is a file system with room in which programs may be run.

    A store waits for the disk at each commit, and tests make thousands; what a killed process wrote stands
    without that too. Who sets TMPDIR has chosen a place.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free >= _ROOM and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


_write_in_memory()


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector need not look at it again, nor a fork copy it.

    Seven hundred new objects are soon made where the tests bring up whole systems: it is asked less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


FROZEN = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
"""The moment at which the worlds of the tests stand still."""


def frozen_world(*, seed: int = 7, scale: float = 1.0, hostile: bool = True) -> World:
    """A world at FROZEN, with the hostile texts in dev."""
    return World(seed=seed, scale=scale, clock=WorldClock(FROZEN), hostile=hostile)


settings.register_profile("quick", max_examples=50, deadline=None)
settings.load_profile("quick")

FORKING = (
    "test_crash_matrix_on_sandbox", "test_crash_matrix", "test_resuming", "test_races", "test_suspended",
    "test_release_races",
)  # fmt: skip
"""Files whose tests fork hundreds of processes: each fork copies the page tables of all that a worker has.

A worker that has had its tests is three times as large.
"""
LONG = (
    "test_random_keys", "test_nothing_leaks", "test_tour", "test_hostile_texts", "test_store_away",
    "test_lost_at_random", "test_team_store_away", "test_bad_days", "test_killed_desk",
    "test_setup_on_sandbox", "test_help", "test_real_processes", "test_enforced",
)  # fmt: skip
"""Files with tests of five seconds and more."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What forks comes first, then what is long, in both halves: each of two workers begins with one of them.

    The halves are of what is left where others have deselected. A long test that begins last keeps a single
    worker busy while the other has none.
    """
    early = (*FORKING, *LONG)
    first = sorted(
        (item for item in items if item.path.stem in early), key=lambda item: early.index(item.path.stem)
    )
    rest = [item for item in items if item.path.stem not in early]
    one, other = ([item for item in first if early.index(item.path.stem) % 2 == side] for side in (0, 1))
    middle = max(len(items) // 2 - len(one), 0)
    items[:] = [*one, *rest[:middle], *other, *rest[middle:]]


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for each test: pytest would look at every one there is to find the next number."""
    root = tmp_path_factory.mktemp("homes")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_folders(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes what is its runner's own: each has cache, state and configuration folders."""
    home = next(homes)
    home.mkdir()
    for kind in ("CACHE", "STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    monkeypatch.delenv("FEDESK_CONFIG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own zone is Tokyo's."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """All but Snowflake, started once for a worker; ask for ``sandbox`` instead."""
    running = start(frozen_world(), systems=("jenkins", "airflow", "vault", "registry", "health"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> "Team":
    """People with SSH keys of their own, made once for a worker."""
    from approval_people import Team

    return Team.made(tmp_path_factory.mktemp("team"))


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Jenkins, Airflow and Vault at FROZEN; clock, faults, seal, changes and requests are reset around it."""
    _reset(shared_sandbox)
    yield shared_sandbox
    _reset(shared_sandbox)


@pytest.fixture(scope="session")
def shared_full_sandbox() -> Iterator[Sandbox]:
    """All systems, started once for a worker; ask for ``full_sandbox`` instead."""
    running = start(frozen_world())
    yield running
    running.close()


@pytest.fixture
def full_sandbox(shared_full_sandbox: Sandbox) -> Iterator[Sandbox]:
    """All systems, Snowflake included (a second to start), otherwise like ``sandbox``."""
    _reset(shared_full_sandbox)
    yield shared_full_sandbox
    _reset(shared_full_sandbox)


def _reset(sandbox: Sandbox) -> None:
    sandbox.control.clear_faults()
    sandbox.control.seal_vault(sealed=False)
    sandbox.control.clock.freeze(FROZEN)
    sandbox.control.forget_changes()
    sandbox.control.clear_requests()
    state = sandbox.config_path.parent
    for left in (*state.glob("fedesk.sqlite3*"), *state.glob("anchor/*")):
        left.unlink()
