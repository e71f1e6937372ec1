"""A runner that is suspended in mid-operation, for longer than its lease, and goes on when another has it.

Each seam of the runner is tried, as in ``test_crash_matrix``. What no lease can hold back is a process that
is stopped between the last check and the first byte that leaves.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from acting import LineWorld, Rig, Script, SeamStore, SeamTeamStore, make_plan, settled_well, states
from crashing import SeamChanger, Seams
from postgres_server import Server
from sqlalchemy.engine import make_url

from fedesk.domain.operations import Outcome, Owner, Stage, StepState
from fedesk.ports.changing import Processes
from fedesk.ports.operation_store import LeaseLostError, NotClaimableError
from fedesk.services.processes import LocalProcesses

HOUR = timedelta(hours=1)
UNFENCED = "before send"
"""Here the lease has just been checked."""
ENDED, LOST = 0, 10
"""How a runner ends: with its operation, or because another has it."""


@dataclass
class Stopping(Seams):
    """Stops this process at a seam; an hour has passed when it is let go on."""

    at: int | str
    passed: list[str] = field(default_factory=list)
    rig: Rig | None = None
    is_over: bool = False

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if not self.is_over and self.at in (name, len(self.passed) - 1):
            self.is_over = True
            # To this very thread: another might take a signal to the process, and this one run on until then.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            assert self.rig is not None
            self.rig.clock.at += HOUR


class Elsewhere:
    """Processes as another machine sees them: of none can be told whether it lives."""

    def me(self) -> Owner:
        return Owner(host="desk-9", boot="b9", pid=9, started="9")

    def is_alive(self, _owner: Owner) -> bool | None:
        return None


@dataclass
class Place:
    """A store that several processes open, and the world."""

    opens: Callable[[Seams], SeamStore | SeamTeamStore]
    folder: Path

    @contextmanager
    def rig(self, seams: Seams, processes: Processes | None = None) -> Iterator[Rig]:
        rig = Rig(
            store=self.opens(seams),
            world=LineWorld(self.folder / "lines"),
            script=Script(on_done=lambda: seams("done, not answered")),
            processes=processes or LocalProcesses(),
        )
        rig.systems.wrap = lambda changer: SeamChanger(changer, seams)
        with closing(rig.store):
            yield rig

    def confirmed(self) -> str:
        with self.rig(Seams()) as rig:
            return rig.confirmed(make_plan(operation=f"0193a1b2-{os.urandom(4).hex()}"))

    def runner(self, operation: str, at: int | str) -> int:
        """A process that executes an operation and is stopped at a seam by now; its pid."""
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            code = 99
            try:
                seams = Stopping(at)
                with self.rig(seams) as rig:
                    seams.rig = rig
                    rig.execute(operation)
                code = ENDED
            except (LeaseLostError, NotClaimableError):
                code = LOST
            except BaseException:  # noqa: BLE001 - the parent hears of it by the code
                traceback.print_exc(file=sys.stderr)
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), at
        return pid

    def seams(self) -> list[str]:
        """Those of an operation that nobody stops."""
        seams = Seams()
        with self.rig(seams) as rig:
            assert rig.execute(self.confirmed()).outcome is Outcome.SUCCEEDED
        return seams.passed


def goes_on(pid: int) -> int:
    """Let a stopped process go on; how it ended."""
    os.kill(pid, signal.SIGCONT)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(lambda seams: SeamStore(tmp_path / "state.sqlite3", seams), tmp_path)
    url = request.getfixturevalue("postgres").fresh()
    return Place(lambda seams: SeamTeamStore(url, seams), tmp_path)


def test_another_machine_takes_over_from_a_suspended_runner(postgres: Server, tmp_path: Path) -> None:
    """Stopped past its lease at any seam, and taken over meanwhile, it sends and writes nothing more."""
    url = postgres.fresh()
    place = Place(lambda seams: SeamTeamStore(url, seams), tmp_path)
    expire = "UPDATE fedesk.operations SET lease_until = '2026-01-01T00:00:00.000000Z' WHERE lease_until > ''"
    tried: list[str] = []
    for point, seam in enumerate(place.seams()):
        operation = place.confirmed()
        pid = place.runner(operation, point)
        with psycopg.connect(postgres.conninfo(str(make_url(url).database)), autocommit=True) as database:
            database.execute(expire)
        with place.rig(Seams(), Elsewhere()) as other:
            other.clock.at += HOUR / 4
            settled = other.recheck(operation)
            effects = other.world.lines().count(operation)
            code = goes_on(pid)
            found = other.store.operation(operation)
            assert found == settled, seam
            assert settled.stage is Stage.ENDED, seam
            assert code == (ENDED if seam == "after end" else LOST), seam
            tried.append(seam)
            if seam != UNFENCED:
                assert other.world.lines().count(operation) == effects, seam
                assert (found.outcome is Outcome.SUCCEEDED) is bool(effects), seam
            phases = other.phases(operation)
            assert phases.count("intent") == states(found).count(("send", StepState.INTENDED)) <= 1, seam
            assert other.holder() is None
            assert other.store.verify(deep=True).flaw is None
    assert {"after write", "before renew", "after renew", "done, not answered", "before end"} <= {*tried}


def test_a_suspended_runner_of_this_machine_is_left_alone(place: Place) -> None:
    """It lives, however long it stands still: others are refused its target, and told whose; then it ends."""
    operation = place.confirmed()
    pid = place.runner(operation, "after write")
    with place.rig(Seams()) as other:
        other.clock.at += HOUR / 10
        left = other.recheck(operation)
        assert (left.stage, left.owner and left.owner.pid) == (Stage.RUNNING, pid)
        refused = other.execute(other.confirmed())
        assert (refused.outcome, refused.is_conflict) == (Outcome.REFUSED, True)
        assert operation in refused.said
        assert other.script.sends == []
    assert goes_on(pid) == ENDED
    with place.rig(Seams()) as other:
        found = other.store.operation(operation)
        assert found is not None
        assert (found.outcome, other.world.lines()) == (Outcome.SUCCEEDED, [operation])
        settled_well(other, operation)
