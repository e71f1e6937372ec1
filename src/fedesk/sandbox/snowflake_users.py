"""DESCRIBE USER of the sandbox's Snowflake: the account's users, their two key slots and when each was set.

Columns, properties and descriptions as Snowflake prints them (docs.snowflake.com, DESCRIBE USER): all values
are text, and one that is not set is the text ``null``. Times are in UTC to the millisecond, without a zone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fedesk.sandbox.model import ENVIRONMENTS, Identity, ServiceUser
from fedesk.sandbox.snowflake_login import public_half
from fedesk.sandbox.vaults import private_key
from fedesk.sandbox.world import World

_STATEMENT = re.compile(
    r'\s*desc(?:ribe)?\s+user\s+(?P<name>"(?:[^"]|"")+"|[a-z_][\w$]*)\s*;?\s*', re.IGNORECASE
)
_COLUMNS = ("property", "value", "default", "description")
_OWN_KEY = timedelta(days=20)
"""Age of the keys of the planted identities, when the world begins."""
_NOTHING = "null"


class NoSuchUserError(Exception):
    """There is none, or the role may not see it: Snowflake does not say which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    pem: str
    set_at: datetime | None


def described_user(statement: str) -> str | None:
    """The user that a statement wants to have described, None where it wants something else."""
    found = _STATEMENT.fullmatch(statement)
    if found is None:
        return None
    name: str = found["name"]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()


def describe(world: World, who: Identity, name: str) -> dict[str, Any]:
    """The ``data`` of Snowflake's answer, in its JSON format; raises NoSuchUserError.

    Everybody may describe himself. The roles of the sandbox own the service users and no other identity.
    """
    if name == who.user:
        key = _Slot(pem=who.credential, set_at=world.start - _OWN_KEY)
        rows = list(_rows(name, key, _Slot(pem="", set_at=None)))
    else:
        user = _service_user(world, name)
        first = _Slot(pem=private_key(name), set_at=user.key_set_at)
        second = _Slot(pem="", set_at=None)
        if user.second_key_set_at is not None:
            second = _Slot(pem=private_key(f"{name} 2"), set_at=user.second_key_set_at)
        rows = list(_rows(name, first, second))
    return {
        "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
        "rowtype": [_text_column(column) for column in _COLUMNS],
        "rowset": rows,
        "total": len(rows),
        "returned": len(rows),
        "queryId": "01b2c3d4-0000-0000-0000-000000000001",
        "statementTypeId": 0x4200,
        "queryResultFormat": "json",
    }


def _service_user(world: World, name: str) -> ServiceUser:
    for environment in ENVIRONMENTS:
        for user in world.service_users(environment):
            if user.name == name:
                return user
    raise NoSuchUserError(name)


def _rows(name: str, first: _Slot, second: _Slot) -> Iterator[list[str]]:
    yield ["NAME", name, _NOTHING, "Name"]
    yield ["COMMENT", _NOTHING, _NOTHING, "user comment associated to an object in the dictionary"]
    yield ["DISPLAY_NAME", name, _NOTHING, "Display name of the associated object"]
    yield ["TYPE", "SERVICE", _NOTHING, "Type of the user"]
    yield ["LOGIN_NAME", name, _NOTHING, "Login name of the user"]
    yield ["PASSWORD", _NOTHING, _NOTHING, "Password of the user"]
    yield ["MUST_CHANGE_PASSWORD", "false", "false", "User must change the password"]
    yield ["DISABLED", "false", "false", "Whether the entity is disabled"]
    yield ["DEFAULT_ROLE", name, _NOTHING, "Primary principal of user session will be set to this role"]
    for place, nth, slot in (("", "", first), ("_2", "second ", second)):
        key, fingerprint = _key_of(slot)
        time = _NOTHING if slot.set_at is None else _time(slot.set_at)
        of = f"RSA_PUBLIC_KEY{place}"
        yield [of, key, _NOTHING, f"{nth.capitalize()}RSA public key of the user"]
        yield [f"{of}_FP", fingerprint, _NOTHING, f"Fingerprint of user's {nth}RSA public key."]
        said = f"The timestamp at which the {nth}RSA public key was last set for the user."
        yield [f"{of}_LAST_SET_TIME", time, _NOTHING, said]
    said = "The timestamp on which the last non-null password was set for the user."
    yield ["PASSWORD_LAST_SET_TIME", _NOTHING, _NOTHING, said]


def _key_of(slot: _Slot) -> tuple[str, str]:
    """The public key as it was set, and its fingerprint."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if not slot.pem:
        return _NOTHING, _NOTHING
    public, fingerprint = public_half(slot.pem)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return "".join(pem.splitlines()[1:-1]), fingerprint


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def _text_column(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": "text",
        "length": 16777216,
        "byteLength": 16777216,
        "scale": None,
        "precision": None,
        "collation": None,
    }
