"""Processes that kill themselves at a chosen seam, for the crash matrices."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from fedesk.domain.operations import Call, Receipt, Settlement
from fedesk.services.operation_runner import Changer


@dataclass
class SeamChanger:
    """A changer with seams: before it sends, and after the answer or where none came."""

    changer: Changer
    seam: Callable[[str], None]

    def apply(self, call: Call) -> Receipt:
        self.seam("before send")
        try:
            receipt = self.changer.apply(call)
        except Exception:
            self.seam("no answer")
            raise
        self.seam("after answer")
        return receipt

    def settle(self, call: Call) -> Settlement:
        self.seam("before look")
        return self.changer.settle(call)

    def close(self) -> None:
        self.changer.close()


class Seams:
    """Counts the seams that are passed, and kills this process at one of them."""

    def __init__(self, fatal: int | None = None) -> None:
        self.passed: list[str] = []
        self._fatal = fatal

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if self._fatal == len(self.passed) - 1:
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """Do the work in a fork of this process; the signal that ended it, 0 where none did."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the parent hears of it by the code
            traceback.print_exc(file=sys.stderr)
            os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status <= 0, "the runner ended with an exception"
    return -status
