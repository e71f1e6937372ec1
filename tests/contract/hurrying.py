"""Real runs of a desk in this process: where they would wait, the world's time goes on instead."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from in_process import InProcessLauncher

from fedesk.execution import Desk
from fedesk.sandbox.server import Sandbox


@contextmanager
def hurried(sandbox: Sandbox) -> Iterator[None]:
    """What this thread waits passes in the world alone."""
    sleep, here = time.sleep, threading.current_thread()

    def go_on(seconds: float) -> None:
        if threading.current_thread() is here:
            sandbox.control.clock.advance(timedelta(seconds=max(seconds, 1.0)))
        else:
            sleep(seconds)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "sleep", go_on)
        yield


class HurriedLauncher(InProcessLauncher):
    """Carries out what the desk itself does, with what follows it by itself; ``behind`` as of the other."""

    def __init__(self, desk: Desk, sandbox: Sandbox, *, behind: bool = False) -> None:
        super().__init__(desk, behind=behind)
        self._sandbox = sandbox

    def execute(self, operation: str) -> None:
        with hurried(self._sandbox):
            super().execute(operation)


def hurried_runners(sandbox: Sandbox) -> Callable[[Desk], HurriedLauncher]:
    """Such runners, for a command."""
    return lambda desk: HurriedLauncher(desk, sandbox)
