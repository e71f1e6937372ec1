"""Processes that kill themselves at a chosen seam, for the crash matrices."""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Receipt, Settlement
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.services.operation_runner import Changer, ChangingSystems

T = TypeVar("T")


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


@dataclass
class SeamBulkhead:
    """A connection's bulkhead, whose adapter has seams."""

    inner: Bulkhead[Changer]
    seams: Seams

    def call(self, use: Callable[[Changer], T], *, deadline: float | None = None) -> T:
        return self.inner.call(lambda adapter: use(SeamChanger(adapter, self.seams)), deadline=deadline)

    def close(self) -> None:
        self.inner.close()


@dataclass
class SeamSystems:
    """The configured systems, whose changers have seams."""

    inner: ChangingSystems
    seams: Seams

    def reading(self, name: ConnectionName) -> Connection:
        return self.inner.reading(name)

    def of(self, environment: str) -> tuple[Connection, ...]:
        return self.inner.of(environment)

    def changing(self, name: ConnectionName) -> SeamBulkhead:
        return SeamBulkhead(self.inner.changing(name), self.seams)

    def settle(self, name: ConnectionName, call: Call) -> Settlement:
        return self.changing(name).call(lambda system: system.settle(call))


def spawned(work: Callable[..., object], *given: object) -> int:
    """Do the work in a fresh process; the signal that ended it, 0 where none did."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join(60)
    assert process.exitcode is not None, "a runner that hangs"
    assert process.exitcode <= 0, "the runner ended with an exception"
    return -process.exitcode


def forked(work: Callable[[], object]) -> int:
    """Do the work in a fork of this process; the signal that ended it, 0 where none did."""
    pid = os.fork()
    if pid == 0:
        # A fork that hangs is a failure by itself.
        signal.alarm(60)
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the parent hears of it by the code
            traceback.print_exc(file=sys.stderr)
            os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status <= 0, "the runner ended with an exception"
    return -status
