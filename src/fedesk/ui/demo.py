"""The demo: a sandbox in a process of its own, and the desk on top of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk.domain.front import EnvironmentFacts, FrontPage
from fedesk.installed import lacks_sandbox, sandbox_install_line

if TYPE_CHECKING:
    from fedesk.execution import Desk

COMMAND = (sys.executable, "-m", "fedesk", "sandbox", "serve", "--faults", "--parent-pipe", "0")
"""Its first line on stdout is the path of a configuration; it ends when the pipe to it does."""
EXIT_USAGE = 2
_PATIENCE = 5.0
_PROD = EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="Europe/London")


class SandboxDidNotStartError(Exception):
    """The sandbox ended before it said where its configuration is; the message quotes what it said."""


class SandboxProcess:
    """The child that is the sandbox. It lives no longer than this process: its stdin is a pipe from here."""

    def __init__(self) -> None:
        # stderr goes to a file: a word on it would be painted over the screen.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this program, no shell
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )

    def configuration(self) -> Path:
        """Wait for the path of the configuration; raises SandboxDidNotStartError."""
        stdout = self._process.stdout
        line = stdout.readline().decode("utf-8", "replace").strip() if stdout else ""
        if not line:
            self._process.wait(_PATIENCE)
            self._said.seek(0)
            said = self._said.read().decode("utf-8", "replace").strip()
            last = said.splitlines()[-1] if said else "it said nothing"
            raise SandboxDidNotStartError(f"The sandbox did not start: {last}")
        return Path(line)

    def end(self) -> None:
        """End it, and wait a moment that it leaves nothing behind."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


def run_demo() -> int:
    """Show the desk over a sandbox of its own until it is left; gives the exit code."""
    if lacks_sandbox():
        sys.stderr.write(f"The demo needs the sandbox. Install it: {sandbox_install_line()}\n")
        return EXIT_USAGE
    from fedesk.services.clock import SystemClock
    from fedesk.ui.app import finish
    from fedesk.ui.demo_app import DemoApp

    clock = SystemClock()
    sandbox = SandboxProcess()
    config: list[Path] = []

    def open_it(environment: str | None) -> Desk:
        from fedesk.execution import open_desk

        if not config:
            config.append(sandbox.configuration())
            app.configuration = config[0]
        return open_desk(config[0], environment, clock)

    app = DemoApp(
        FrontPage(environment=_PROD),
        open_it,
        clock,
        mistakes=(SandboxDidNotStartError,),
        opening="Starting the sandbox: Jenkins, Airflow, Vault and Snowflake on this machine …",
    )
    try:
        return finish(app)
    finally:
        sandbox.end()
