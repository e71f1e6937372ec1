"""Runners without a process of their own: operations are executed here, at the desk's own moment."""

import threading
from collections.abc import Callable

from fedesk.execution import Desk
from fedesk.ports.endpoint import SecretText


class InProcessLauncher:
    """``ports.changing.Launcher`` for tests. ``behind`` executes on a thread, as a screen needs it."""

    where = ""

    def __init__(self, desk: Desk, *, behind: bool = False) -> None:
        self._desk = desk
        self._behind = behind
        self.threads: list[threading.Thread] = []

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> "InProcessLauncher":
        credentials()
        return self

    def go(self, operation: str) -> None:
        if not self._behind:
            self.execute(operation)
            return
        thread = threading.Thread(target=self.execute, args=(operation,), name=f"execute {operation}")
        self.threads.append(thread)
        thread.start()

    def execute(self, operation: str) -> None:
        self._desk.execute(operation)

    def trouble(self) -> str:
        return ""

    def delay(self) -> float:
        return 0.0

    def cancel(self) -> None:
        """There is no process that waits."""
