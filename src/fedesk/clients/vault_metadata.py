"""What Vault answers, as far as the desk reads it, and the age of a secret from its metadata.

Shapes as seen on Vault 1.21 (``sys/health``, ``sys/seal-status``, ``auth/token/lookup-self``,
``kv/metadata``).
"""

from datetime import UTC, datetime

import msgspec

from fedesk.domain.names import ConnectionName
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.text import one_line

_NAME = 512


class Health(msgspec.Struct, frozen=True):
    """``sys/health``, whatever status it came with."""

    initialized: bool
    sealed: bool
    standby: bool = False
    version: str = ""
    server_time_utc: int = 0
    replication_dr_mode: str = ""


class SealStatus(msgspec.Struct, frozen=True):
    """``sys/seal-status``: ``progress`` of ``t`` key shares have been given."""

    t: int = 0
    progress: int = 0


class Token(msgspec.Struct, frozen=True):
    """``auth/token/lookup-self``. A root token has neither expiry nor ttl."""

    ttl: int = 0
    expire_time: str | None = None
    renewable: bool = False
    display_name: str = ""
    policies: list[str] | None = None
    identity_policies: list[str] | None = None


class Mount(msgspec.Struct, frozen=True):
    """``sys/internal/ui/mounts/PATH``."""

    type: str = ""
    options: dict[str, str] | None = None

    @property
    def is_kv2(self) -> bool:
        """Whether it keeps versions, and so dates."""
        return self.type == "kv" and (self.options or {}).get("version") == "2"


class Keys(msgspec.Struct, frozen=True):
    """A listing: a folder ends with a slash. What stands in both ways is in it twice."""

    keys: list[str] = []


class Version(msgspec.Struct, frozen=True):
    """One version of a secret. ``deletion_time`` may lie ahead (``delete_version_after``)."""

    created_time: str = ""
    deletion_time: str = ""
    destroyed: bool = False


class Metadata(msgspec.Struct, frozen=True):
    """``kv/metadata/PATH``."""

    current_version: int = 0
    versions: dict[str, Version] = {}
    custom_metadata: dict[str, str] | None = None


def name_of(path: str) -> str:
    """A secret's name on the desk, ``kv:`` and its path within the mount, fit to be shown."""
    return f"kv:{one_line(path, _NAME)}"


def parsed_time(text: str) -> datetime | None:
    """RFC 3339 with up to nine decimals, or a date alone, in UTC where it names no zone; else None."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None


def age_of(connection: ConnectionName, path: str, metadata: Metadata, now: datetime) -> SecretMetadata:
    """A secret and the moment its age counts from, by the rule of ``formats.md``.

    That is the created_time of the current version, or ``rotated_at`` of its custom metadata where that is
    older. A current version that is deleted or destroyed and a date that cannot be read leave the age
    unknown, and the sentence says why. ``now`` is the server's own time.
    """
    custom = metadata.custom_metadata or {}
    version = metadata.versions.get(str(metadata.current_version))
    problem = _no_age(metadata.current_version, version, now)
    age_from = None if version is None or problem else parsed_time(version.created_time)
    if not problem and age_from is None:
        written = "" if version is None else one_line(version.created_time, 60)
        problem = f'the created_time of version {metadata.current_version} is no date: "{written}"'
    rotated = custom.get("rotated_at")
    if age_from is not None and rotated is not None:
        rotated_at = parsed_time(rotated)
        if rotated_at is None:
            age_from, problem = (
                None,
                f'its rotated_at is no date: "{one_line(rotated, 60)}"',
            )
        else:
            age_from = min(age_from, rotated_at)
    return SecretMetadata(
        connection=connection,
        name=name_of(path),
        age_from=age_from,
        version=metadata.current_version or None,
        owner=one_line(custom.get("owner", ""), 120),
        problem=problem,
    )


def _no_age(number: int, version: Version | None, now: datetime) -> str:
    """Why the current version gives no age; empty where it does."""
    if not number:
        return "it has no version yet"
    if version is None:
        return f"Vault does not list its current version {number}"
    if version.destroyed:
        return f"its current version {number} is destroyed"
    if version.deletion_time:
        deleted_at = parsed_time(version.deletion_time)
        if deleted_at is None or deleted_at <= now:
            return f"its current version {number} is deleted"
    return ""


def undetermined(connection: ConnectionName, path: str, problem: str) -> SecretMetadata:
    """A secret, or all below a prefix, of which only the name is known."""
    return SecretMetadata(connection=connection, name=name_of(path), age_from=None, problem=problem)
