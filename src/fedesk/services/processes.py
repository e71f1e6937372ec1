"""Processes of this machine, told apart from others that get the same pid later."""

import os
import socket
from functools import cache
from pathlib import Path

import psutil

from fedesk.domain.operations import Owner

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STARTTIME = 19
"""Where the start is in what follows the name in /proc/PID/stat (field 22, proc(5)), in ticks since boot."""


class LocalProcesses:
    """``ports.changing.Processes`` of this machine."""

    def me(self) -> Owner:
        """This process."""
        pid = os.getpid()
        return Owner(host=socket.gethostname(), boot=_boot(), pid=pid, started=_started(pid) or "")

    def is_alive(self, owner: Owner) -> bool | None:
        """Whether an owner lives; None where it cannot be told: on another host, or hidden from us.

        Of another boot, with another start, or a zombie: dead.
        """
        if owner.host != socket.gethostname():
            return None
        if owner.boot != _boot() or not psutil.pid_exists(owner.pid):
            return False
        try:
            if psutil.Process(owner.pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return False
            return _started(owner.pid) == owner.started
        except psutil.NoSuchProcess:
            return False
        except (psutil.AccessDenied, OSError):
            return None


@cache
def _boot() -> str:
    """The id of this boot; when it began, to the minute, where the system keeps no id."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"at {int(psutil.boot_time()) // 60 * 60}"


def _started(pid: int) -> str | None:
    """When a process started, as the system counts; None where it is gone.

    Linux counts ticks since boot, which no change of the clock moves; elsewhere it is a time in seconds.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        if _BOOT_ID.exists():
            return None
        return f"{psutil.Process(pid).create_time():.0f}"
    except ProcessLookupError:
        return None
    # The name stands in brackets and may hold blanks and brackets itself.
    return stat.rpartition(b")")[2].split()[_STARTTIME].decode("ascii")
