"""Where the desk's own state is, by ``store.url``."""

from pathlib import Path

from fedesk.ports.operation_store import StoreError

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
    if url.startswith("postgresql"):
        raise StoreError(
            "store.url names PostgreSQL, which this fedesk cannot keep its state in yet; "
            'write store.url = "sqlite", or leave it out.'
        )
    raise StoreError(f'store.url {url!r} names no store; write "sqlite", or sqlite:////PATH of a file.')
