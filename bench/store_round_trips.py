"""How often an operation waits for a team's PostgreSQL: round trips from its proposal to its end.

    PYTHONPATH=tests/contract:tests/unit .venv/bin/python bench/store_round_trips.py

At most 10 an operation; each thing that it is seen to wait for in a system is one more, told in the journal.
They are counted on the line itself, by a proxy before the server: each time that fedesk speaks after it has
spoken. Plans, guards, store, runner and systems are the real ones, over the sandbox; what opening the
connections takes stands beside. Reference in the same run: one INSERT in a transaction by the driver alone.
"""

import re
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from postgres_server import running
from sqlalchemy.engine import make_url

from fedesk.domain.names import RunName
from fedesk.domain.operations import Operation, Outcome, StepState, WriteWindow
from fedesk.domain.reruns import RerunRequest
from fedesk.execution import Desk, open_desk
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.services.clock import SystemClock
from fedesk.services.operation_runner import execute
from fedesk.services.proposals import Answer

MOST = 10
FROZEN = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
RUNS = {
    "a clear of failed tasks": "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00",
    "a build again": "prod/jenkins:finedge/prod/lending-ci#340",
}


class Line:
    """A proxy to a unix socket that counts how often the client speaks after the server has."""

    def __init__(self, target: str) -> None:
        self.trips = 0
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        asked = False

        def answers() -> None:
            nonlocal asked
            while data := server.recv(1 << 16):
                asked = False
                client.sendall(data)

        threading.Thread(target=answers, daemon=True).start()
        while data := client.recv(1 << 16):
            if not asked:
                self.trips += 1
            asked = True
            server.sendall(data)


class WorldTime(SystemClock):
    """The sandbox's moment; where the runner waits, the world goes on."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._clock = sandbox.control.clock

    def now(self) -> datetime:
        """The world's."""
        return self._clock.now()

    def pause(self, seconds: float) -> None:
        """Let the world's time go on."""
        self._clock.freeze(self._clock.now() + timedelta(seconds=seconds))


@contextmanager
def desks() -> Iterator[tuple[Desk, WorldTime, Line, str]]:
    """A desk over a sandbox, whose store is a database behind a counted line; and that database's address."""
    with running() as server, tempfile.TemporaryDirectory() as folder:
        sandbox = start(World(seed=7, clock=WorldClock(FROZEN)), systems=("jenkins", "airflow"))
        url = make_url(server.fresh())
        line = Line(f"{url.query['host']}/.s.PGSQL.5432")
        address = f"{url.username}@127.0.0.1:{line.port}/{url.database}?sslmode=disable&gssencmode=disable"
        text = sandbox.config_path.read_text()
        text = text.replace('catalog = "', f'catalog = "{sandbox.config_path.parent}/')
        config = Path(folder) / "fedesk.toml"
        config.write_text(re.sub(r'"sqlite:[^"]*"', f'"postgresql+psycopg://{address}"', text))
        clock = WorldTime(sandbox)
        desk = open_desk(config, "prod", clock)
        try:
            yield desk, clock, line, f"postgresql://{address}"
        finally:
            desk.store.close()
            desk.systems.close()
            line.close()
            sandbox.close()


def operated(desk: Desk, clock: WorldTime, run: str) -> Operation:
    """Proposed, confirmed, executed."""
    proposal = desk.changes.propose(RerunRequest(run=RunName.parse(run)))
    now = clock.now()
    window = WriteWindow(
        environment="prod", opened_at=now, until=now + timedelta(hours=1), reason="INC-1", opened_by="bench"
    )
    answer = Answer(
        how="--confirm prod", named="prod", reason="INC-1", window=window, accepted=proposal.needs.accept
    )
    confirmed = desk.changes.confirm(proposal, answer)
    return execute(
        confirmed.plan.operation,
        store=desk.store,
        systems=desk.systems,
        catalogue=desk.catalogue,
        environments=desk.by_name,
        actor=desk.actor,
        clock=clock,
        processes=desk.processes,
        pause=clock.pause,
    )


def reference(line: Line, address: str) -> int:
    """Round trips of one INSERT between BEGIN and COMMIT, by the driver alone."""
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (number integer)")
        connection.commit()
        before = line.trips
        connection.execute("INSERT INTO bare VALUES (1)")
        connection.commit()
        return line.trips - before


def main() -> int:
    """Print the figures beside their limits."""
    worst = 0
    with desks() as (desk, clock, line, address):
        desk.store.check()
        desk.store.operations()
        print(f"connections opened, one to write and one to read: {line.trips} round trips")
        for what, run in RUNS.items():
            before = line.trips
            operation = operated(desk, clock, run)
            assert operation.outcome is Outcome.SUCCEEDED, operation.said
            trips = line.trips - before
            waits = sum(entry.state is StepState.WAITING for entry in operation.journal)
            worst = max(worst, trips - waits)
            told = f", {waits} of them to tell what it waits for" if waits else ""
            print(f"{what}: {trips} round trips from proposal to end{told} (at most {MOST} beside)")
        print(f"one INSERT in a transaction by the driver alone: {reference(line, address)} round trips")
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
