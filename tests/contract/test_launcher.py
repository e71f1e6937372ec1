"""The process that waits, warm, until something is confirmed: what it is given, and what it is not."""

import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fedesk.domain.names import ConnectionName
from fedesk.launcher import ENVIRONMENT, ProcessLauncher, environment, scope
from fedesk.ports.changing import LaunchError, Runner
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import CredentialError

AIRFLOW = ConnectionName("prod", "airflow")
PLANTED = "s3cr3t-planted-in-the-pipe"

LISTENER = textwrap.dedent(
    """
    import json, os, signal, sys
    header = json.loads(sys.stdin.readline())
    found = {
        "header": header,
        "argv": open("/proc/self/cmdline", "rb").read().decode(),
        "environment": dict(os.environ),
        "session": os.getsid(0) == os.getpid(),
        "operations": [line.strip() for line in sys.stdin],
    }
    open(header["config"], "w").write(json.dumps(found))
    """
)


def youngest_child() -> psutil.Process:
    """The process started last; process ids begin again from below when they have come to their end."""
    return max(psutil.Process().children(), key=psutil.Process.create_time)


def listener(place: Path, program: str = LISTENER) -> ProcessLauncher:
    """A launcher whose process writes what it was given to ``place`` when its input ends."""
    return ProcessLauncher(place, (sys.executable, "-c", program))


def eventually(said: Callable[[], str], wanted: str) -> str:
    """Wait until a process has said something."""
    until = time.monotonic() + 20
    while wanted not in said() and time.monotonic() < until:
        time.sleep(0.01)
    return said()


def confirm_until_refused(runner: Runner) -> None:
    """Name operations until the pipe of a process that is ending breaks."""
    for _ in range(100):
        runner.go("x" * 65536)


def ended(place: Path) -> dict[str, object]:
    """Wait until the process has written, whole."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            found: dict[str, object] = json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            time.sleep(0.01)
        else:
            return found
    raise AssertionError("the process wrote nothing")


def test_credentials_go_through_the_pipe_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential is neither in argv nor in the environment of a runner, even where it was in the desk's."""
    monkeypatch.setenv("AIRFLOW_TOKEN", PLANTED)
    monkeypatch.setenv("HTTPS_PROXY", f"http://mara:{PLANTED}@proxy:3128")
    runner = listener(tmp_path / "given").warm(lambda: {str(AIRFLOW): SecretText(PLANTED)})
    runner.go("operation-1")
    runner.go("operation-2")
    runner.cancel()
    found = ended(tmp_path / "given")
    assert found["header"] == {
        "config": str(tmp_path / "given"),
        "credentials": {"prod/airflow": PLANTED},
    }
    assert PLANTED not in str(found["argv"])
    assert PLANTED not in str(found["environment"])
    assert found["operations"] == ["operation-1", "operation-2"]


def test_a_runner_has_a_session_of_its_own(tmp_path: Path) -> None:
    """A terminal that goes away hangs up on the desk, and not on what it has started."""
    runner = listener(tmp_path / "given").warm(dict)
    runner.cancel()
    assert ended(tmp_path / "given")["session"] is True


def test_a_runner_that_is_not_needed_ends(tmp_path: Path) -> None:
    """A plan that is left unconfirmed leaves no process behind."""
    runner = listener(tmp_path / "given").warm(dict)
    process = youngest_child()
    runner.cancel()
    gone, alive = psutil.wait_procs([process], timeout=20)
    assert gone
    assert not alive


def test_a_runner_that_died_says_so_in_its_own_words(tmp_path: Path) -> None:
    """What a dead runner wrote last is in the sentence, its secrets hidden, and that nothing was sent."""
    program = f"import sys; sys.stderr.write('no module, password={PLANTED}'); sys.exit(4)"
    runner = listener(tmp_path / "given", program).warm(dict)
    eventually(runner.trouble, "no module")
    with pytest.raises(LaunchError) as raised:
        confirm_until_refused(runner)
    assert "no module" in str(raised.value)
    assert "Nothing was sent" in str(raised.value)
    assert PLANTED not in str(raised.value)


def test_a_credential_that_cannot_be_had_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """The look-up of a credential fails on the desk's side, where it can be told."""

    def missing() -> dict[str, SecretText]:
        raise CredentialError("The keyring holds no fedesk/prod/airflow: store it.")

    runner = listener(tmp_path / "given").warm(missing)
    with pytest.raises(LaunchError, match=r"The keyring holds no .* Nothing was sent"):
        runner.go("operation-1")
    runner.cancel()


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """A runner that cannot be started is an error with the system's words, not a traceback."""
    with pytest.raises(LaunchError, match="could not be started: No such file"):
        ProcessLauncher(tmp_path / "given", (str(tmp_path / "nothing"),)).warm(dict)


def test_only_what_is_listed_is_inherited() -> None:
    """A variable that fedesk does not know stays behind; what it needs to run comes along."""
    given = {"HOME": "/h", "LC_ALL": "C", "VAULT_TOKEN": PLANTED, "DATABASE_URL": PLANTED, "LD_PRELOAD": "x"}
    assert environment(given) == {"HOME": "/h", "LC_ALL": "C"}
    assert not any(word in name for name in ENVIRONMENT for word in ("TOKEN", "PASS", "SECRET", "PROXY"))


def test_where_there_is_a_systemd_the_runner_gets_a_scope_of_its_own(tmp_path: Path) -> None:
    """Without one, or without its socket, the words are empty; with one they start the program in a scope."""
    program = tmp_path / "systemd-run"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    given = {"PATH": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert scope(given) == ()
    (tmp_path / "run" / "systemd").mkdir(parents=True)
    (tmp_path / "run" / "systemd" / "private").touch()
    assert scope(given) == (str(program), "--user", "--scope", "--quiet", "--collect")
    assert scope({"PATH": str(tmp_path)}) == ()


def test_the_waiting_runner_is_deaf_to_a_hang_up(tmp_path: Path) -> None:
    """SIGHUP does not end ``fedesk execute --pipe``; the end of its pipe does."""
    config = tmp_path / "fedesk.toml"
    config.write_text(
        'default_environment = "dev"\n[environments.dev]\nproduction = false\nmode = "guarded"\n'
        'timezone = "UTC"\n',
        encoding="utf-8",
    )
    runner = ProcessLauncher(config).warm(dict)
    process = youngest_child()
    ignored = signal.SIGHUP - 1
    until = time.monotonic() + 30
    while time.monotonic() < until and not _ignored(process.pid) >> ignored & 1:
        time.sleep(0.02)
    assert _ignored(process.pid) >> ignored & 1, runner.trouble()
    os.kill(process.pid, signal.SIGHUP)
    assert process.is_running()
    runner.cancel()
    gone, _ = psutil.wait_procs([process], timeout=30)
    assert gone


def _ignored(pid: int) -> int:
    """The mask of signals a process ignores (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("SigIgn")).split()[1], 16)
