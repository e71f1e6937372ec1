"""A real Airflow 3 on loopback, in an environment of its own, ended with all that it started."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fedesk-tests"
"""Of whoever runs the tests; asked for before a test gets folders of its own."""
VERSION = "3.3.2"
USER, OTHER, READER = "admin", "mara", "reader"
_START_SECONDS = 240.0
_END_SECONDS = 8.0
_ROOT = Path(__file__).resolve().parents[2]

JWT_SECRET = secrets.token_urlsafe(64)
"""With which the servers of this process sign their tokens: a test signs one that is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowServer:
    """A running server. ``url`` ends without a slash; ``go`` is the file that lets ``long_backfill`` end."""

    url: str
    user: str
    password: str
    other: str
    """Somebody else who may change what the administrator may."""
    other_password: str
    reader: str
    reader_password: str
    home: Path
    go: Path

    def request(self, method: str, path: str, body: object = None, token: str = "") -> object:
        """One request with JSON in and out; raises urllib.error.HTTPError."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - loopback
        with _direct().open(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def token(self, user: str = "", password: str = "") -> str:
        """A JWT of the simple auth manager, the administrator's where no user is named."""
        login = {"username": user or self.user, "password": password or self.password}
        answer = self.request("POST", "/auth/token", login)
        assert isinstance(answer, dict)
        return str(answer["access_token"])


def environment() -> Path:
    """Folder of a virtual environment that holds Airflow; built in the user's cache at first use."""
    cache = CACHE
    folder = cache / f"airflow-{VERSION}"
    if (folder / "complete").exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    uv = _uv()
    _run([uv, "venv", "--no-project", "--clear", "--python", "3.11", str(folder)], cache)
    _run([uv, "pip", "install", "--python", str(folder / "bin/python"), f"apache-airflow=={VERSION}"], cache)
    (folder / "complete").touch()
    return folder


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}"


def _uv() -> str:
    given = os.environ.get("UV")
    beside = _ROOT / ".uv/bin/uv"
    found = given or (str(beside) if beside.exists() else shutil.which("uv"))
    assert found, "uv is needed to build Airflow's environment: install it, or name it in $UV"
    return found


@contextmanager
def running(
    home: Path, dags: Callable[[Path, Path], None], *, parallelism: int = 2
) -> Iterator[AirflowServer]:
    """Airflow with the DAG files that ``dags(folder, go)`` writes, healthy, until the block ends."""
    folder, go = home / "dags", home / "go"
    folder.mkdir(parents=True)
    dags(folder, go)
    venv = environment()
    port, worker_logs, trigger_logs = _free_ports(3)
    url = f"http://127.0.0.1:{port}"
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": str(parallelism),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{OTHER}:admin,{READER}:viewer",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        "PATH": f"{venv / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1",
    }
    output = home / "standalone.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [str(venv / "bin/airflow"), "standalone"],
            env=settings | {"LANG": "C.UTF-8"},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _healthy(url, process, output), _START_SECONDS, "Airflow is not healthy")
        passwords = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text("utf-8"))
        yield AirflowServer(
            url=url,
            user=USER,
            password=passwords[USER],
            other=OTHER,
            other_password=passwords[OTHER],
            reader=READER,
            reader_password=passwords[READER],
            home=home,
            go=go,
        )
    finally:
        _end(process)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until ``condition`` holds; fails with ``what`` after ``seconds``."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until, f"{what} after {seconds:g} s"
        pause.wait(0.25)


def _healthy(url: str, process: subprocess.Popen[bytes], output: Path) -> bool:
    assert process.poll() is None, f"standalone ended:\n{output.read_text('utf-8', 'replace')[-3000:]}"
    try:
        with _direct().open(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            health = json.loads(answer.read())
    except (OSError, urllib.error.URLError, ValueError):
        return False
    parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    return all(health[part]["status"] == "healthy" for part in parts)


def _direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what was started and all that came of it, at once: nothing of it is to be kept.

    A TERM takes eight seconds, and to standalone alone leaves four processes behind. What is stopped first
    starts nothing more while the others are looked for.
    """
    known: set[psutil.Process] = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        while found := {root, *root.children(recursive=True)} - known:
            for member in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.suspend()
            known |= found
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for member in known:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait(_END_SECONDS)
    _, left = psutil.wait_procs(known, timeout=_END_SECONDS)
    assert not left, f"still there: {left}"
