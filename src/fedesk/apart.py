"""A desk apart from its team: broken glass while the team's store does not answer, in a store of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.config_types import Config
    from fedesk.domain.audit import Actor, AuditDraft, AuditRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What such a desk is apart from, and where it writes meanwhile."""

    file: Path
    """The local store."""
    team: str
    """The team's store in sentences."""
    answers: Callable[[], bool]
    """Whether the team's store answers now."""


def local_file() -> Path:
    """Where this user's local store is, if there is one."""
    import platformdirs

    # The file's name is the store's; that module costs SQLAlchemy.
    return Path(platformdirs.user_state_dir("fedesk")) / "break-glass.sqlite3"


def apart_from(config: "Config", file: Path | None = None) -> Apart | None:
    """What a desk of this configuration would be apart from; None where its store is nobody else's."""
    from fedesk.store.place import is_team

    url = config.store.url
    if not is_team(url):
        return None
    from sqlalchemy.engine import make_url

    from fedesk.store.postgres import where_of
    from fedesk.store.reach import answers

    return Apart(
        file=local_file() if file is None else file,
        team=where_of(make_url(url)),
        answers=partial(answers, url),
    )


def begins(apart: Apart, actor: "Actor", at: "datetime") -> "AuditDraft":
    """The record that the local log begins with, which names it."""
    import uuid_utils

    from fedesk.domain import local_log

    return local_log.begins(local_log.name_of(actor.host, str(uuid_utils.uuid7())), apart.team, actor, at)


def closed(apart: Apart | None, config: "Config") -> dict[str, str]:
    """Why the glass cannot be broken by a desk that is apart, by environment; nothing for one that is not."""
    if apart is None:
        return {}
    from fedesk.config_emergency import closed_without_store

    return closed_without_store(config)


def closed_now(apart: Apart | None, config: "Config") -> dict[str, str]:
    """The same for who is about to send: looks once more whether the team's store answers."""
    if apart is not None and apart.answers():
        again = f"{apart.team} answers again: make the plan anew, in the team's store."
        return dict.fromkeys(config.environments, again)
    return closed(apart, config)


def unmerged_beside(config: "Config") -> "tuple[AuditRecord, ...]":
    """The first record of this user's local log, of which a team's store knows nothing. Raises StoreError."""
    from fedesk.store.place import is_team

    file = local_file()
    seen = tuple(_seen(file.with_name(f"{file.name}{end}")) for end in ("", "-wal"))
    if seen[0] is None or not is_team(config.store.url):
        return ()
    first = _unmerged(file, seen)
    return () if first is None else (first,)


def _seen(file: Path) -> tuple[int, int, int] | None:
    """What changes where a file does; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1)
def _unmerged(file: Path, seen: object) -> "AuditRecord | None":
    """A desk asks twice a second: the file is opened where it has changed."""
    from fedesk.store.local import unmerged

    del seen
    return unmerged(file)
