"""Names of tables, as a catalogue writes them."""

import re
from urllib.parse import unquote

_TABLES = frozenset(
    {"snowflake", "postgres", "postgresql", "redshift", "bigquery", "mysql", "mssql", "trino", "databricks"}
)
"""Schemes of addresses whose last two parts are schema and table."""
_PARTED = re.compile(r"[/.]")
_TWO = 2


def dataset_of(uri: str, name: str = "") -> str:
    """SCHEMA.TABLE of the address of a table, as Airflow's assets carry it; of anything else the address.

    Snowflake reads a plain name in upper case.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri or name
    path = unquote(rest.partition("/")[2].partition("?")[0])
    parts = [part for part in _PARTED.split(path) if part]
    if scheme.lower() not in _TABLES or len(parts) < _TWO:
        return uri
    found = ".".join(parts[-_TWO:])
    return found.upper() if scheme.lower() == "snowflake" else found


def same_dataset(one: str) -> str:
    """What two names of one table have in common."""
    return one.casefold()
