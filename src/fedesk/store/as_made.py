"""Whether what guards the audit log inside the database is as fedesk makes it."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from typing import Any

from sqlalchemy import Connection

from fedesk.store import migrating

_FILE = "SELECT name, sql FROM sqlite_master WHERE tbl_name IN ('audit', 'audit_head') AND sql IS NOT NULL"
_TEAM_TRIGGERS = (
    "SELECT tgname, CASE WHEN tgenabled IN ('O', 'A') THEN pg_get_triggerdef(pg_trigger.oid, true) END "
    "FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE NOT tgisinternal AND relnamespace = 'fedesk'::regnamespace"
)
"""Names, and what they do; nothing of one that is switched off."""
_TEAM_FUNCTIONS = (
    "SELECT proname, prosrc, prosecdef, coalesce(proconfig, '{}') FROM pg_proc "
    "WHERE pronamespace = 'fedesk'::regnamespace"
)
_TEAM_WRITERS = (
    "SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl) "
    "WHERE oid IN ('fedesk.audit'::regclass, 'fedesk.audit_head'::regclass) AND grantee <> relowner "
    "AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') "
    "UNION SELECT grantee::regrole::text FROM pg_attribute, aclexplode(attacl) "
    "WHERE attrelid IN ('fedesk.audit'::regclass, 'fedesk.audit_head'::regclass) "
    "AND privilege_type IN ('INSERT', 'UPDATE') ORDER BY 1"
)
"""Who may write in the log past its function; ``-`` is everybody."""


def guards_flaw(connection: Connection, cursor: Any) -> str:
    """What is wrong with what guards the log; empty where all is as fedesk makes it.

    ``cursor`` is the driver's own, over the same connection.
    """
    return _team_flaw(cursor) if connection.dialect.name == "postgresql" else _file_flaw(cursor)


def _team_flaw(cursor: Any) -> str:
    """Triggers taken away, put in, switched off or altered; functions likewise; roles that may write."""
    triggers = {(name, words) for name, words in cursor.execute(_TEAM_TRIGGERS).fetchall()}
    functions = {
        (name, migrating.Function(body, is_definer, tuple(settings)))
        for name, body, is_definer, settings in cursor.execute(_TEAM_FUNCTIONS).fetchall()
    }
    wrong = [
        *_different("trigger", triggers ^ set(migrating.triggers().items())),
        *_different("function", functions ^ set(migrating.functions().items())),
    ]
    if wrong:
        return f"triggers or functions are not as fedesk makes them: {', '.join(wrong)}"
    writers = ", ".join(name for (name,) in cursor.execute(_TEAM_WRITERS).fetchall())
    return f"besides the owner, who may write in the log itself: {writers}" if writers else ""


def _different(kind: str, those: Iterable[tuple[str, object]]) -> list[str]:
    return [f"{kind} {name}" for name in sorted({name for name, _ in those})]


def _file_flaw(cursor: Any) -> str:
    """Tables, triggers and indexes that have other words than those that make them."""
    wrong = {*cursor.execute(_FILE).fetchall()} ^ _meant()
    if not wrong:
        return ""
    names = ", ".join(sorted({name for name, _ in wrong}))
    return f"tables or triggers of the log are not as fedesk makes them: {names}"


@cache
def _meant() -> frozenset[tuple[str, str]]:
    """What they are in a file that was made just now: name and words."""
    with closing(sqlite3.connect(":memory:")) as database:
        for statement in migrating.file_tables():
            database.execute(statement)
        return frozenset(database.execute(_FILE).fetchall())


def damage(connection: Connection, cursor: Any) -> str:
    """What SQLite finds wrong with the whole file, which takes as long as reading it; empty where nothing."""
    if connection.dialect.name != "sqlite":
        return ""
    (said,) = cursor.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if said == "ok" else f"the file is damaged: {said}"
