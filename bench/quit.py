"""How soon fedesk is gone after ``q`` while all four systems hang: they accept and never answer."""

import os
import pty
import select
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

ROUNDS = 5
CONFIGURATION = """
[environments.prod]
production = true
mode = "read-only"
[environments.prod.jenkins]
url = "http://127.0.0.1:{port}"
user = "x"
credential = "env:FEDESK_BENCH_SECRET"
[environments.prod.airflow]
url = "http://127.0.0.1:{port}"
user = "x"
credential = "env:FEDESK_BENCH_SECRET"
[environments.prod.vault]
url = "http://127.0.0.1:{port}"
credential = "env:FEDESK_BENCH_SECRET"
kv = [{{ mount = "kv", prefix = "x" }}]
[environments.prod.snowflake]
account = "x"
host = "127.0.0.1"
port = {port}
protocol = "http"
user = "x"
auth = "oauth"
credential = "env:FEDESK_BENCH_SECRET"
"""


def hang(listener: socket.socket, reached: threading.Semaphore) -> None:
    """Accept, count, and never answer."""
    kept = []
    while True:
        kept.append(listener.accept())
        reached.release()


def seconds_to_quit(configuration: Path, reached: threading.Semaphore) -> float:
    """Start, wait until all four systems have been asked, press ``q``, and wait for the end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "FEDESK_BENCH_SECRET": "x", "XDG_CACHE_HOME": "/nonexistent"}
        os.execv(sys.executable, [sys.executable, "-m", "fedesk", "--config", str(configuration)])  # noqa: S606 - it is what is measured
    asked = 0
    while asked < 4:  # noqa: PLR2004 - four systems
        ready, _, _ = select.select([terminal], [], [], 0.05)
        if ready:
            os.read(terminal, 65536)
        while reached.acquire(blocking=False):
            asked += 1
    os.write(terminal, b"q")
    pressed = time.perf_counter()
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        # The terminal's other end is closed: the process has gone.
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return time.perf_counter() - pressed


def main() -> None:
    """Print the figure beside its limit."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    reached = threading.Semaphore(0)
    threading.Thread(target=hang, args=(listener, reached), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "fedesk.toml")
        configuration.write_text(CONFIGURATION.format(port=listener.getsockname()[1]))
        figures = [seconds_to_quit(configuration, reached) for _ in range(ROUNDS)]
    print(
        f"quitting with four hung systems: {statistics.median(figures):.2f} s, slowest {max(figures):.2f} s "
        f"of {ROUNDS} (at most 1)"
    )


if __name__ == "__main__":
    main()
