"""Where the desk's own state is, by ``store.url``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk.ports.operation_store import StoreError

if TYPE_CHECKING:
    from fedesk.ports.endpoint import SecretText
    from fedesk.store.operations import SqlStore

FILE_NAME = "fedesk.sqlite3"
_PREFIX = "sqlite:///"


def store_path(url: str, state_folder: Path) -> Path:
    """The SQLite file: ``sqlite`` is the one in the state folder, ``sqlite:///PATH`` is PATH (``~``: home).

    As in SQLAlchemy's addresses, ``sqlite:////var/lib/x`` is the absolute ``/var/lib/x``; a relative PATH is
    refused, since it would be another file from each directory. Raises StoreError.
    """
    if url == "sqlite":
        return state_folder / FILE_NAME
    if url.startswith(_PREFIX):
        path = Path(url.removeprefix(_PREFIX)).expanduser()
        if path.is_absolute():
            return path
        raise StoreError(
            f"store.url {url!r} names a relative path; write an absolute one with four slashes, "
            f"as in sqlite:////var/lib/fedesk/{FILE_NAME}, or sqlite:///~/{FILE_NAME}."
        )
    raise StoreError(
        f'store.url {url!r} names no store; write "sqlite", sqlite:////PATH of a file, or '
        "postgresql+psycopg://USER@HOST/DATABASE."
    )


def open_store(
    url: str, state_folder: Path, opened: set[Path], password: "Callable[[], SecretText] | None"
) -> "SqlStore":
    """The store of a configuration; opens nothing yet. ``password`` is looked up where a server asks for one.

    Raises StoreError where the url names no store.
    """
    if is_team(url):
        from fedesk.store.postgres_store import PostgresStore

        return PostgresStore(url, password)
    from fedesk.store.operations import SqlStore

    return SqlStore(store_path(url, state_folder), opened)


def is_team(url: str) -> bool:
    """Whether it is a server that several desks share."""
    return url.startswith(("postgresql:", "postgresql+"))
