"""Starting the process that changes something: warm before it is needed, and deaf to what ends the desk.

The process is ``fedesk execute --pipe``. Its standard input is a pipe: one line of JSON with the path of the
configuration, the environment whose sealed credentials hold, where one's do, the local store, where it stands
in the place of the team's, and the credentials; then a line with the id of each operation that is to be
executed. It forks for each, so that every operation has a process of its own. The end of the pipe ends the
one that waits alone.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from fedesk.domain.redaction import redact
from fedesk.domain.text import one_line
from fedesk.ports.changing import LaunchError
from fedesk.ports.endpoint import SecretText

ENVIRONMENT = frozenset(
    {
        "HOME", "USER", "LOGNAME", "PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH",
        "PYTHONHOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
        "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "KRB5CCNAME", "SSH_AUTH_SOCK",
    }
)  # fmt: skip
"""Variables that a runner inherits, beside LC_*. All others stay behind: a credential may be among them."""
_LONGEST = 2000


class ProcessLauncher:
    """``ports.changing.Launcher`` by real processes; ``command`` starts another program instead of fedesk."""

    def __init__(
        self,
        config: Path,
        command: tuple[str, ...] | None = None,
        *,
        emergency: str = "",
        apart: Path | None = None,
    ) -> None:
        """``emergency``: the environment whose sealed credentials the runner goes by.

        ``apart``: the local store that stands in the place of the team's.
        """
        given = {"emergency": emergency, "apart": str(apart or "")}
        self._header = {"config": str(config)} | {name: value for name, value in given.items() if value}
        self._command = command or (sys.executable, "-P", "-m", "fedesk", "execute", "--pipe")

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> "ProcessRunner":
        """Start a runner; returns at once. Credentials are looked up on a thread and go through the pipe."""
        return ProcessRunner((*scope(os.environ), *self._command), self._header, credentials)


class ProcessRunner:
    """A runner that loads, then waits (``ports.changing.Runner``)."""

    where = ""

    def __init__(
        self,
        command: tuple[str, ...],
        header: Mapping[str, str],
        credentials: Callable[[], dict[str, SecretText]],
    ) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the runner
        self._said: list[str] = []
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=environment(os.environ),
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            self._stderr.close()
            said = error.strerror or type(error).__name__
            raise LaunchError(f"The runner could not be started: {said}. Nothing was sent.") from None
        self._begun = threading.Thread(
            target=self._begin, args=(header, credentials), name="warm the runner", daemon=True
        )
        self._begun.start()

    def go(self, operation: str) -> None:
        """Have a confirmed operation executed; waits only for the credentials. Raises LaunchError."""
        self._begun.join()
        self._write(operation)
        if self._said:
            raise LaunchError(f"{self._said[0]} Nothing was sent.")

    def trouble(self) -> str:
        """What the process wrote to stderr, made fit to be shown; empty where it wrote nothing."""
        if self._stderr.closed:
            return ""
        with contextlib.suppress(OSError):
            written = os.pread(self._stderr.fileno(), _LONGEST, 0).decode("utf-8", "replace")
            return one_line(redact(written).text, _LONGEST)
        return ""

    def delay(self) -> float:
        """None: it has loaded."""
        return 0.0

    def cancel(self) -> None:
        """End the process that waits, by ending its input; returns at once."""
        threading.Thread(target=self._end, name="end the runner", daemon=True).start()

    def _begin(self, header: Mapping[str, str], credentials: Callable[[], Mapping[str, SecretText]]) -> None:
        try:
            found = {name: secret.reveal() for name, secret in credentials().items()}
        except Exception as error:  # noqa: BLE001 - told by go(), in the person's own time
            self._said.append(str(error))
            return
        self._write(json.dumps({**header, "credentials": found}))

    def _write(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is None or self._said:
            return
        try:
            pipe.write(line.encode("utf-8", "surrogatepass") + b"\n")
            pipe.flush()
        except (OSError, ValueError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            said = self.trouble()
            ended = f"ended with {self._process.returncode}"
            self._said.append(f"The runner {ended}{': ' + said if said else ''}.")

    def _end(self) -> None:
        self._begun.join()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        self._stderr.close()


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What a runner gets of an environment: nothing that could hold a credential."""
    return {name: value for name, value in inherited.items() if name in ENVIRONMENT or name.startswith("LC_")}


def scope(inherited: Mapping[str, str]) -> tuple[str, ...]:
    """The words that put a process into a scope of the user's systemd, which outlives the login session.

    Empty where no such systemd runs.
    """
    runtime = inherited.get("XDG_RUNTIME_DIR", "")
    program = shutil.which("systemd-run", path=inherited.get("PATH"))
    if program is None or not runtime or not (Path(runtime) / "systemd" / "private").exists():
        return ()
    return (program, "--user", "--scope", "--quiet", "--collect")
