"""How a store is: whether it can be reached and written, and is as fedesk makes it. Alters nothing in it."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.engine import make_url

from fedesk.ports.operation_store import StoreError, StoreUnavailableError, Verification
from fedesk.store import tables, verifying
from fedesk.store.as_made import guards_flaw
from fedesk.store.database import file_engine, schema_number
from fedesk.store.operations import SqlStore
from fedesk.store.postgres import Password, where_of
from fedesk.store.postgres_store import PostgresStore
from fedesk.store.wording import told

CLOCKS_APART = timedelta(seconds=30)
"""Beyond this a plan's end, told by the desk's clock, and a lease's, by the database's, fall apart."""
_SESSION = text(
    "SELECT session_user AS role, author() AS author, profile, current_setting('fsync') AS fsync,"
    " current_setting('synchronous_commit') AS commit,"
    " (SELECT string_agg(name, ', ') FROM unnest(CAST(:tables AS text[])) AS name"
    "  WHERE NOT has_table_privilege(name, 'SELECT')) AS unread"
    " FROM fedesk_schema"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What looking found; empty is what could not be told."""

    where: str
    is_team: bool
    schema: int | None = None
    is_writable: bool = False
    latency: timedelta | None = None
    """Of one reading, after it was opened."""
    records: int | None = None
    head: str = ""
    """Hash of the last audit record, hexadecimal."""
    role: str = ""
    principal: str = ""
    """Who the role's records say it is."""
    profile: str = ""
    ahead: timedelta | None = None
    """How far the database's clock is before this machine's."""
    problems: tuple[str, ...] = ()
    """What is wrong, and what to do: a sentence each."""
    notes: tuple[str, ...] = ()
    """What is not wrong, and worth knowing."""

    def but(self, *problems: str | None) -> "Condition":
        """The same with what is wrong beside; what is empty is nothing."""
        return replace(self, problems=(*self.problems, *filter(None, problems)))


def condition_of_file(path: Path) -> Condition:
    """How a file is. One that is not there is not made, and one of an older form not migrated."""
    found = Condition(where=str(path), is_team=False)
    try:
        number = number_of(path)
    except StoreError as error:
        return found.but(str(error))
    if number is None:
        notes = ("It is not there yet: the first change makes it.",)
        return replace(found, notes=notes).but(_unwritable(path.parent))
    if number != tables.SCHEMA:
        notes = (f"Its schema is {number}: the next command that opens it brings it to {tables.SCHEMA}.",)
        return replace(found, schema=number, notes=notes)
    store = SqlStore(path)
    try:
        return _looked_at(store, replace(found, schema=number))
    finally:
        store.close()


def number_of(path: Path) -> int | None:
    """The form of a file's tables as they are; None where there is none. Raises StoreError."""
    if not path.exists():
        return None
    engine = file_engine(path, "ro")
    try:
        with told(path), engine.connect() as connection, connection.begin():
            return schema_number(connection, path)
    finally:
        engine.dispose()


def verify_file(path: Path, *, deep: bool) -> Verification:
    """The audit log in a file, checked as it is there; the file is not altered. Raises StoreError."""
    if not path.exists():
        raise StoreUnavailableError(f"{path} is not there.")
    engine = file_engine(path, "ro")
    try:
        with told(path), engine.connect() as connection, connection.begin():
            if schema_number(connection, path) is None:
                raise StoreUnavailableError(f"{path} has no state of fedesk.")
            return verifying.verify(connection, deep=deep)
    finally:
        engine.dispose()


def migrate_file(path: Path) -> int | None:
    """Have a file made, or brought to today's form, by opening it; the number it had. Raises StoreError."""
    before = number_of(path)
    store = SqlStore(path)
    try:
        store.check()
    finally:
        store.close()
    return before


def _unwritable(folder: Path) -> str:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    may = os.access(there, os.W_OK | os.X_OK)
    return "" if may else f"{there} cannot be written. Look at its owner and mode, or name another file."


def condition_of_team(
    url: str, password: Password | None, now: Callable[[], datetime], identity: str | None
) -> Condition:
    """How a team's database is, for the role of its address; ``identity`` is who the desk says it is."""
    address = make_url(url)
    found = Condition(where=where_of(address), is_team=True, role=address.username or "")
    store = PostgresStore(url, password)
    try:
        found = _looked_at(store, found)
        return found if found.latency is None else _of_session(store, found, now, identity)
    except StoreError as error:
        return found.but(str(error))
    finally:
        store.close()


def _looked_at(store: SqlStore, found: Condition) -> Condition:
    """What holds of both: it can be written, it answers, and what guards the log is as it was made."""
    try:
        store.check()
        begun = time.perf_counter()
        head = store.database.read(
            lambda connection: connection.execute(select(tables.audit_head)).one(), None
        )
        took = timedelta(seconds=time.perf_counter() - begun)
        flaw = store.database.read_whole(
            lambda connection: guards_flaw(connection, connection.connection.cursor()), ""
        )
    except StoreError as error:
        return found.but(str(error))
    found = replace(found, schema=tables.SCHEMA, is_writable=True, latency=took)
    if head is not None:
        found = replace(found, records=head.seq, head=head.hash.hex())
    return found.but(flaw and f"{found.where}: {flaw}. Have whoever looks after it find out why.")


def _of_session(
    store: SqlStore, found: Condition, now: Callable[[], datetime], identity: str | None
) -> Condition:
    """What a server has beside: who one is there and what one may do, its clock, its promises."""
    row = store.database.read(_session, None)
    begun = now()
    theirs = store.now(begun)
    ahead = theirs - begun - (now() - begun) / 2
    found = replace(found, role=row.role, principal=row.author, profile=row.profile, ahead=ahead)
    return found.but(*_session_problems(row, identity), _apart(ahead))


def _session_problems(row: Any, identity: str | None) -> Iterator[str]:
    if row.unread:
        yield f"Role {row.role} may not read {row.unread}. Have `fedesk store grants {row.profile}` applied."
    if "off" in (row.fsync, row.commit):
        yield (
            f"The server does not wait for its disk (fsync {row.fsync}, synchronous_commit {row.commit}): "
            "what was written may be gone after a power cut. Have both switched on."
        )
    if identity is not None and identity != row.author:
        yield (
            f"identity.principal is {identity}, and the database knows role {row.role} as {row.author}. "
            f"Correct the one, or have `fedesk store person {row.role} {identity}` run for the other."
        )


def _apart(ahead: timedelta) -> str:
    if abs(ahead) <= CLOCKS_APART:
        return ""
    return (
        f"The database's clock and this machine's are {abs(ahead).total_seconds():.0f} s apart. "
        "Have both follow one source of time."
    )


def _session(connection: Connection) -> Any:
    return connection.execute(_SESSION, {"tables": list(tables.metadata.tables)}).one()
