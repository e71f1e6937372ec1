"""What a build says of the release that it made or deployed: ``release.json``, a parameter, its description.

The file belongs to whoever wrote the job: it is read as typed fields, each of bounded length, and what is
wrong with it is a sentence. Its format is in ``formats.md``.
"""

import re
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec

from fedesk.clients.jenkins_json import decode
from fedesk.clients.wording import clean, quoted
from fedesk.domain.releases import Migration, Release
from fedesk.domain.text import one_line

LARGEST = 256 * 1024
"""Bytes of a ``release.json`` that are read; one is a kilobyte or two."""

_SCHEMA = "fedesk-release/"
_MOST_MIGRATIONS = 500
_LONG = 500
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST_WITHIN = re.compile(rf"(?:(?P<image>[\w./:-]+)@)?(?P<digest>{_DIGEST.pattern})(?![0-9a-fA-F])")
_VERSION = re.compile(
    r"(?<![\w.@:/-])v?\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z.-]*[0-9A-Za-z])?(?![\w@:/]|\.\w)"
)
_DESCRIBED = 1000
"""Characters of a description that are looked at."""


class UnreadError(ValueError):
    """What a build says names no release; the message says why, as a sentence without a stop."""


class _Scan(msgspec.Struct, frozen=True):
    critical: int | None = None
    high: int | None = None


class _Migration(msgspec.Struct, frozen=True):
    id: str
    reversible: bool


class _Document(msgspec.Struct, frozen=True):
    """``release.json``. Null is the same as absent; what is not known here is dropped."""

    digest: str
    schema: str | None = None
    service: str | None = None
    version: str | None = None
    commit: str | None = None
    repository: str | None = None
    image: str | None = None
    build_url: str | None = None
    built_at: str | None = None
    scan: _Scan | None = None
    tests: dict[str, int] | None = None
    migrations: list[_Migration] | None = None
    size_bytes: int | None = None


def of_document(body: bytes, service: str, where: str) -> Release:
    """The release that a file says; ``where`` is its path. Raises UnreadError."""
    try:
        found = decode(body, _Document)
    except ValueError as error:
        raise UnreadError(f"{clean(where)} is not as documented: {quoted(str(error))}") from None
    if found.schema is not None and not found.schema.startswith(_SCHEMA):
        raise UnreadError(f"{clean(where)} has the schema {quoted(found.schema, limit=60)}, not {_SCHEMA}1")
    if found.service is not None and found.service != service:
        raise UnreadError(
            f"{clean(where)} is one of {quoted(found.service, limit=60)}, not of {clean(service)}"
        )
    if _DIGEST.fullmatch(found.digest) is None:
        raise UnreadError(f"{clean(where)} names no digest but {quoted(found.digest, limit=90)}")
    migrations = found.migrations or []
    if len(migrations) > _MOST_MIGRATIONS:
        raise UnreadError(f"{clean(where)} lists {len(migrations)} migrations")
    scan = found.scan or _Scan()
    return Release(
        service=service,
        digest=found.digest,
        version=_text(found.version),
        commit=_text(found.commit),
        image=_text(found.image),
        repository=_text(found.repository),
        build_url=_text(found.build_url),
        built_at=_moment(found.built_at),
        size_bytes=found.size_bytes,
        critical=scan.critical,
        high=scan.high,
        tests=MappingProxyType({_text(kind): count for kind, count in (found.tests or {}).items()}),
        migrations=tuple(Migration(id=_text(one.id), reversible=one.reversible) for one in migrations),
    )


def of_reference(value: str, service: str) -> Release:
    """The release of ``IMAGE@DIGEST``, ``IMAGE:TAG``, ``IMAGE:TAG@DIGEST``, or of a digest alone.

    Of a tag alone the digest stays empty: it is a name that may move. Raises UnreadError.
    """
    text = value.strip()
    if _DIGEST.fullmatch(text):
        return Release(service=service, digest=text)
    name, at, digest = text.partition("@")
    if not text or (at and _DIGEST.fullmatch(digest) is None):
        raise UnreadError(f"it names no image but {quoted(value, limit=90)}")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        # The colon is that of a port, or there is none.
        path, tag = name, ""
    return Release(service=service, digest=digest, image=_text(path), version=_text(tag))


def of_description(text: str, service: str) -> Release:
    """The release that a description names: a digest, with its image before it, and a version.

    Raises UnreadError where there is neither.
    """
    digest = _DIGEST_WITHIN.search(text[:_DESCRIBED])
    version = _VERSION.search(text[:_DESCRIBED])
    if digest is None and version is None:
        raise UnreadError(f"its description names neither digest nor version: {quoted(text, limit=90)}")
    return Release(
        service=service,
        digest="" if digest is None else digest["digest"],
        image="" if digest is None else _text(digest["image"]),
        version="" if version is None else version[0],
    )


def _text(value: str | None) -> str:
    return one_line(value or "", _LONG)


def _moment(text: str | None) -> datetime | None:
    """RFC 3339 as aware UTC; None for what is no time, or has no zone."""
    try:
        at = datetime.fromisoformat(text or "")
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
