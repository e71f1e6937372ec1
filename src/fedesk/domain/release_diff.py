"""What lies between two releases of a service: commits, what they touch, migrations, tickets, sizes, tests.

Commits and paths are what Jenkins' change sets say. What cannot be told is said, and never taken for nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol
from urllib.parse import urlsplit

from fedesk.domain.releases import Migration, Release, is_older
from fedesk.domain.runs import Change


class Named(Protocol):
    """Where a pattern was found."""

    def group(self, number: int, /) -> str:
        """What stands there: all of it is number 0."""


class TicketPattern(Protocol):
    """What a ticket looks like, compiled by whoever has the patterns (RE2)."""

    def finditer(self, text: str, /) -> Iterable[Named]:
        """Each place in a text."""


class Touched(StrEnum):
    """What a changed file is."""

    MIGRATION = "migrations"
    MODEL = "dbt models"
    DAG = "DAGs"
    CONFIGURATION = "configuration"
    OTHER = "other files"


_KINDS = (
    (
        Touched.MIGRATION,
        re.compile(r"(?:^|/)(?:migrations?|schemachange)/|(?:^|/)[VRU]\d*[\d._]*__[^/]+\.sql$"),
    ),
    (
        Touched.MODEL,
        re.compile(r"(?:^|/)(?:models|macros|seeds|snapshots|analyses)/.+\.(?:sql|py|csv|ya?ml|md)$"),
    ),
    (Touched.DAG, re.compile(r"(?:^|/)dags?/.+\.(?:py|zip|ya?ml)$")),
    (
        Touched.CONFIGURATION,
        re.compile(
            r"(?:^|/)(?:config|conf|settings|environments|helm|k8s|terraform)/"
            r"|(?:^|/)(?:Jenkinsfile[^/]*|Dockerfile[^/]*|\.env[^/]*)$"
            r"|\.(?:ya?ml|toml|ini|cfg|conf|env|properties|tf|tfvars)$"
        ),
    ),
)
"""The first that matches a path says what it is.

dbt's folders are those of its project template, names of migrations those of schemachange and Flyway.
"""
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_REPOSITORY = re.compile(r"/[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two that are compared."""

    name: str
    """As it was asked for: an environment, or the beginning of a digest."""
    release: Release
    said: str
    """Where it was found: ``prod, deployed by finedge/prod/deploy-payments#1841``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """What there is in one release that is not in the other."""

    service: str
    origin: Side
    target: Side
    undoes: bool
    """Whether the target is the older one: what is listed is what would be taken back."""
    changes: tuple[Change, ...] = ()
    """Newest first."""
    touched: Mapping[Touched, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    migrations: tuple[Migration, ...] = ()
    tickets: tuple[str, ...] = ()
    compare: str = ""
    """Address of the comparison at GitHub; empty where there is none."""
    tests: Mapping[str, tuple[int | None, int | None]] = field(default_factory=lambda: MappingProxyType({}))
    """How many of each kind passed, in the origin and in the target."""
    untold: tuple[str, ...] = ()
    """What cannot be told and why, a sentence each."""

    @property
    def is_same(self) -> bool:
        """Whether both are one release."""
        return bool(self.origin.release.digest) and self.origin.release.digest == self.target.release.digest

    @property
    def grown_by(self) -> int | None:
        """Bytes that the target's image is larger; None where a size is not known."""
        before, after = self.origin.release.size_bytes, self.target.release.size_bytes
        return None if before is None or after is None else after - before


def kind_of(path: str) -> Touched:
    """What a file of a repository is, by its path."""
    return next((kind for kind, pattern in _KINDS if pattern.search(path)), Touched.OTHER)


def touched_by(changes: Iterable[Change]) -> Mapping[Touched, tuple[str, ...]]:
    """The files that changes touch, each once and in order, by what they are."""
    paths = sorted({path for change in changes for path in change.paths})
    found: dict[Touched, list[str]] = {}
    for path in paths:
        found.setdefault(kind_of(path), []).append(path)
    return MappingProxyType({kind: tuple(found[kind]) for kind in Touched if kind in found})


def tickets_in(changes: Iterable[Change], patterns: Sequence[TicketPattern]) -> tuple[str, ...]:
    """Tickets that messages name, each once, in the order in which they come."""
    return tuple(
        dict.fromkeys(
            found.group(0)
            for change in changes
            for pattern in patterns
            for found in pattern.finditer(f"{change.message}\n{change.text}")
        )
    )


def compare_link(repository: str, before: str, after: str) -> str:
    """Where GitHub compares two commits (``/compare/BASE...HEAD``); empty for any other place or commit."""
    parts = urlsplit(repository.removesuffix("/").removesuffix(".git"))
    is_github = parts.scheme == "https" and "github" in (parts.hostname or "").split(".")
    commits = _COMMIT.fullmatch(before) and _COMMIT.fullmatch(after)
    if not is_github or not commits or _REPOSITORY.fullmatch(parts.path) is None or before == after:
        return ""
    return f"https://{parts.netloc.rpartition('@')[2]}{parts.path}/compare/{before}...{after}"


def migrations_between(older: Release, newer: Release, between: Iterable[Release]) -> tuple[Migration, ...]:
    """What the newer one and those between bring that the older one has not, in their order, each once."""
    had = {one.id for one in older.migrations}
    found: dict[str, Migration] = {}
    for release in (*between, newer):
        for one in release.migrations:
            if one.id not in had:
                found.setdefault(one.id, one)
    return tuple(found.values())


def between(
    origin: Side,
    target: Side,
    changes: Sequence[Change],
    *,
    passed: Iterable[Release] = (),
    repository: str = "",
    tickets: Sequence[TicketPattern] = (),
    untold: Iterable[str] = (),
) -> ReleaseDiff:
    """The difference of two releases of a service; ``repository`` is the catalogue's.

    ``passed`` are those between, the oldest first, as far as they are known.
    """
    undoes = is_older(target.release, origin.release) is True
    older, newer = (target.release, origin.release) if undoes else (origin.release, target.release)
    kinds = dict.fromkeys((*origin.release.tests, *target.release.tests))
    return ReleaseDiff(
        service=newer.service,
        origin=origin,
        target=target,
        undoes=undoes,
        changes=tuple(changes),
        touched=touched_by(changes),
        migrations=migrations_between(older, newer, passed),
        tickets=tickets_in(changes, tickets),
        compare=compare_link(newer.repository or older.repository or repository, older.commit, newer.commit),
        tests={kind: (origin.release.tests.get(kind), target.release.tests.get(kind)) for kind in kinds},
        untold=(*untold, *_not_said(older, newer, changes)),
    )


def _not_said(older: Release, newer: Release, changes: Sequence[Change]) -> Iterable[str]:
    if changes and not any(change.paths for change in changes):
        yield "Jenkins does not say which files the commits touch, so what they change is not known."
    if not older.commit or not newer.commit:
        yield "The commit of a release is not known, so there is no link to compare them by."
