"""Ages of service users' keys, by DESCRIBE USER, which needs no warehouse.

A user has two slots, so that a key can be replaced without a break. A key is accepted, and so counts, for as
long as a slot holds it: the age is that of the older of the keys that are held. A slot that was emptied keeps
the time it was last set, so its fingerprint tells whether it holds a key, never its time.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from fedesk.clients.snowflake_rows import as_moment
from fedesk.domain.names import ConnectionName
from fedesk.domain.secrets import SecretMetadata

PREFIX = "snowflake:"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}")
_EXACT = re.compile(r"[A-Za-z0-9_$@.+-]{1,255}")
_SLOTS = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
_NOTHING = frozenset({"", "null"})
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
"""Snowflake writes a moment before it, or one in the far future, for what was set before it kept the time."""
_END = datetime(9000, 1, 1, tzinfo=UTC)


def describe_statement(user: str) -> str | None:
    """DESCRIBE USER with the name quoted; None for a name that fedesk puts into no statement.

    A plain name is read as Snowflake reads it unquoted, in upper case; one with ``-``, ``.``, ``@`` or ``+``
    can only have been made in quotation marks, and is taken as it is written.
    """
    if _PLAIN.fullmatch(user):
        return f'describe user "{user.upper()}"'
    return f'describe user "{user}"' if _EXACT.fullmatch(user) else None


def undetermined(connection: ConnectionName, user: str, problem: str) -> SecretMetadata:
    """The secret of a user whose age cannot be told, and why."""
    return SecretMetadata(connection=connection, name=PREFIX + user, age_from=None, problem=problem)


def as_secret(connection: ConnectionName, user: str, rows: Iterable[tuple[object, ...]]) -> SecretMetadata:
    """The secret of a user, from the rows of its DESCRIBE: property, value and whatever follows."""
    properties = {str(row[0]).upper(): _text(row[1]) for row in rows if len(row) > 1}
    held = [slot for slot in _SLOTS if properties.get(f"{slot}_FP")]
    if not held:
        return undetermined(connection, user, "none of its two slots holds a key")
    moments = []
    for slot in held:
        moment = as_moment(properties.get(f"{slot}_LAST_SET_TIME"))
        if moment is None or not _BEGIN <= moment < _END:
            return undetermined(connection, user, f"Snowflake does not say when its {slot} was set")
        moments.append(moment)
    return SecretMetadata(connection=connection, name=PREFIX + user, age_from=min(moments))


def _text(value: object) -> str:
    """A property's value; what is not set comes as the text ``null``."""
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in _NOTHING else text
