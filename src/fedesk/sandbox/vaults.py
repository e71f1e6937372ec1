"""Secrets of every age, service users of Snowflake, and the planted identities that may come in."""

from datetime import datetime, timedelta
from functools import lru_cache

from fedesk.sandbox.clock import hexadecimal
from fedesk.sandbox.model import Identity, Pipeline, Secret, SecretVersion, ServiceUser

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

_PROD: tuple[tuple[str, timedelta, int, str], ...] = (
    # path below finedge/prod, age of the current version, number of versions, owner
    ("partner-api", 90 * _DAY, 4, "engineering"),
    ("card-network", 90 * _DAY + _SECOND, 3, "engineering"),
    ("fx-provider", 80 * _DAY, 5, "engineering"),
    ("identity-provider", 200 * _DAY, 2, "qa"),
    ("smtp-relay", 3 * _DAY, 9, "engineering"),
    ("sftp/acme_07", 45 * _DAY, 2, "client:acme_07"),
    ("sftp/acme_12", 62 * _DAY, 2, "client:acme_12"),
    ("github-app", 5 * _DAY, 6, "engineering"),
    ("ledger-archive", 30 * _DAY, 3, "engineering"),
    ("webhook", 30 * _DAY, 1, ""),
    ("dbt", 15 * _DAY, 7, "engineering"),
    ("regulator-upload", 71 * _DAY, 2, "qa"),
)
_OTHERS: tuple[tuple[str, timedelta, int, str], ...] = (
    ("partner-api", 12 * _DAY, 2, "engineering"),
    ("card-network", 40 * _DAY, 2, "engineering"),
    ("fx-provider", 33 * _DAY, 2, "engineering"),
    ("sftp/acme_07", 8 * _DAY, 1, "client:acme_07"),
    ("dbt", 15 * _DAY, 3, "engineering"),
    ("identity-provider", 21 * _DAY, 2, "qa"),
    ("ledger-archive", 30 * _DAY, 3, "engineering"),
    ("regulator-upload", 25 * _DAY, 2, "qa"),
)
_ROTATED_BEFORE = {"github-app": 120 * _DAY}
"""Of these, custom_metadata knows an older rotation than the current version's creation."""
_DELETED = frozenset({("prod", "ledger-archive")})
"""Of these, the current version is deleted."""
_KEYS: dict[str, tuple[timedelta, timedelta | None]] = {
    "payments": (61 * _DAY, None),
    "ledger": (2 * _DAY, 47 * _DAY),
}
"""In prod, how long ago the first and the second key of a service's Snowflake user were set."""
_DUE = {("staging", "fx-provider"): 80 * _DAY}


def secrets_of(environment: str, start: datetime, *, hostile: bool) -> tuple[Secret, ...]:
    """The secrets below finedge/ENVIRONMENT: overdue ones in prod, one due in staging, none in dev."""
    rows = _PROD if environment == "prod" else _OTHERS
    found = [
        _secret(environment, name, _DUE.get((environment, name), age), number, owner, start)
        for name, age, number, owner in rows
    ]
    if hostile and environment == "dev":
        found.append(_secret(environment, "[red]x[/]", 5 * _DAY, 1, "\x1b[31m[/] owner", start))
    return tuple(found)


def _secret(environment: str, name: str, age: timedelta, number: int, owner: str, start: datetime) -> Secret:
    created = [start - age - 90 * _DAY * older for older in range(number - 1, -1, -1)]
    deleted = (environment, name) in _DELETED
    versions = tuple(
        SecretVersion(
            version=position,
            created_time=at,
            deletion_time=start - 2 * _DAY if deleted and position == number else None,
        )
        for position, at in enumerate(created, 1)
    )
    metadata = {"owner": owner} if owner else {}
    if name in _ROTATED_BEFORE and environment == "prod":
        metadata["rotated_at"] = (start - _ROTATED_BEFORE[name]).isoformat().replace("+00:00", "Z")
    return Secret(
        environment=environment,
        path=f"finedge/{environment}/{name}",
        versions=versions,
        custom_metadata=tuple(metadata.items()),
    )


def planted_value(seed: int, secret: Secret, version: int) -> str:
    """The value of a version; tests look for it wherever it must not appear."""
    return "planted-" + hexadecimal(32, seed, secret.path, version)


def service_users(
    environment: str, pipelines: tuple[Pipeline, ...], start: datetime
) -> tuple[ServiceUser, ...]:
    """One Snowflake user for each service.

    In prod that of ledger is in the midst of a rotation: its new key is set and the old one still accepted.
    """
    services = dict.fromkeys(pipeline.service for pipeline in pipelines)
    suffix = "" if environment == "prod" else f"_{environment.upper()}"
    users = []
    for position, service in enumerate(services):
        story = _KEYS.get(service) if environment == "prod" else None
        age, second = story or ((5 + position * 3) % 70 * _DAY, None)
        users.append(
            ServiceUser(
                name=f"SVC_{service.upper()}{suffix}",
                environment=environment,
                key_set_at=start - age,
                second_key_set_at=None if second is None else start - second,
                owner="engineering",
            )
        )
    return tuple(users)


@lru_cache(maxsize=128)
def private_key(name: str) -> str:
    """A fresh RSA key for a Snowflake user as PEM (PKCS 8), made at first use and kept for the process."""
    from cryptography.hazmat.primitives.asymmetric import (
        rsa,
    )  # takes 50 ms: only where Snowflake is asked for
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    del name
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def identity(seed: int, system: str, *, writer: bool) -> Identity:
    """The reader or the writer of a system. The same in every world with the same seed, keys excepted."""
    role = "writer" if writer else "reader"
    planted = hexadecimal(34, seed, system, role)
    if system == "snowflake":
        user = f"FEDESK_{role.upper()}"
        return Identity(system=system, user=user, writer=writer, credential=private_key(user))
    if system == "vault":
        return Identity(system=system, user=role, writer=writer, credential=f"hvs.sandbox{planted}")
    user = "releaser" if writer else "oncall"
    token = f"11{planted[:32]}" if system == "jenkins" else f"sandbox-{planted}"
    return Identity(
        system=system, user=user, writer=writer, credential=token, password=f"sandbox-{planted[::-1]}"
    )
