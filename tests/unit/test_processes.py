"""Which process is which, with real ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fedesk.domain.operations import Owner
from fedesk.services.processes import LocalProcesses

_SAY_WHO = (
    "import sys; from fedesk.services.processes import LocalProcesses; me = LocalProcesses().me();"
    "print(me.host, me.boot, me.pid, me.started, sep='\\t', flush=True); sys.stdin.read()"
)


@pytest.fixture
def child() -> Iterator[tuple[subprocess.Popen[str], Owner]]:
    """Another process, and who it says it is."""
    with subprocess.Popen(
        [sys.executable, "-c", _SAY_WHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        host, boot, pid, started = process.stdout.readline().rstrip("\n").split("\t")
        yield process, Owner(host=host, boot=boot, pid=int(pid), started=started)
        process.kill()


def test_this_process_lives() -> None:
    """Whoever asks is alive, and knows itself by host, boot, pid and start."""
    processes = LocalProcesses()
    me = processes.me()
    assert me.pid == os.getpid()
    assert all((me.host, me.boot, me.started))
    assert processes.is_alive(me) is True
    assert processes.me() == me


def test_another_process_lives_until_it_is_killed(child: tuple[subprocess.Popen[str], Owner]) -> None:
    """A killed process is dead at once, as a zombie that nobody has waited for too."""
    process, owner = child
    processes = LocalProcesses()
    assert processes.is_alive(owner) is True
    process.kill()
    # Waits for the end and leaves the zombie there.
    os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)
    assert processes.is_alive(owner) is False
    process.wait()
    assert processes.is_alive(owner) is False


def test_a_stopped_process_lives(child: tuple[subprocess.Popen[str], Owner]) -> None:
    """A process that is only stopped may go on: it is left alone."""
    process, owner = child
    process.send_signal(signal.SIGSTOP)
    assert LocalProcesses().is_alive(owner) is True
    process.send_signal(signal.SIGCONT)


def test_a_pid_that_is_used_again_is_another_process() -> None:
    """The same pid with another start, or of another boot, is dead; on another host it cannot be told."""
    processes = LocalProcesses()
    me = processes.me()
    assert processes.is_alive(replace(me, started="1")) is False
    assert processes.is_alive(replace(me, boot="another")) is False
    assert processes.is_alive(replace(me, host="elsewhere")) is None


def test_a_forked_process_is_another_one() -> None:
    """Nothing of who one is survives a fork: the child has its own pid and start."""
    processes = LocalProcesses()
    me = processes.me()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, f"{processes.me().pid}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert int(os.read(reading, 20)) == pid != me.pid
    os.close(reading)
    os.close(writing)
