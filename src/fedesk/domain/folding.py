"""One pattern for what has a name of its own in each environment: ``finedge/{environment}/payments-ci``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from fedesk.domain.names import ConnectionName

PLACEHOLDER = "{environment}"
_AROUND = re.compile(r"[-_.]?\{environment\}|\{environment\}[-_.]?")


class Seen(Protocol):
    """A job or a DAG."""

    @property
    def connection(self) -> ConnectionName:
        """Where it was seen."""

    @property
    def name(self) -> str:
        """The system's own name."""


SeenT = TypeVar("SeenT", bound=Seen)


@dataclass(frozen=True, slots=True)
class Folded(Generic[SeenT]):
    """What several environments have under names that differ by the environment alone."""

    pattern: str
    seen: tuple[SeenT, ...]
    """At least one, in the order of the environments."""

    @property
    def lead(self) -> SeenT:
        """The one whose word counts."""
        return self.seen[0]


def fold(seen: Iterable[SeenT], environments: Sequence[str]) -> tuple[Folded[SeenT], ...]:
    """Everything that was seen, by pattern.

    ``environments`` are those that were read, the one whose word counts first. A name becomes a pattern where
    another environment has the same pattern; where only one was read, a folder with its name is taken for it.
    A name that holds braces of its own could not be written down and is left out.
    """
    found = [one for one in seen if "{" not in one.name]
    shared: dict[str, set[str]] = {}
    for one in found:
        for candidate in _candidates(one, environments):
            shared.setdefault(candidate, set()).add(one.connection.environment)
    grouped: dict[str, list[SeenT]] = {}
    for one in found:
        # max() gives the first of several that are equal: the name itself before any pattern.
        pattern = max(_candidates(one, environments), key=lambda candidate: len(shared[candidate]))
        grouped.setdefault(pattern, []).append(one)
    rank = {name: at for at, name in enumerate(environments)}
    return tuple(
        Folded(pattern, tuple(sorted(group, key=lambda one: rank[one.connection.environment])))
        for pattern, group in sorted(grouped.items())
    )


def _candidates(one: Seen, environments: Sequence[str]) -> list[str]:
    """The name, and the patterns it may be an instance of: one occurrence replaced, or all."""
    name, environment = one.name, one.connection.environment
    if len(environments) == 1:
        parts = name.split("/")
        if environment not in parts[:-1]:
            return [name]
        return ["/".join(PLACEHOLDER if part == environment else part for part in parts)]
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(environment)}(?![A-Za-z0-9])")
    places = [match.span() for match in word.finditer(name)]
    singles = [f"{name[:begin]}{PLACEHOLDER}{name[end:]}" for begin, end in places]
    return list(dict.fromkeys([name, *singles, word.sub(PLACEHOLDER, name)]))


def plain(part: str) -> str:
    """A part of a pattern without its placeholder: ``payments`` of ``payments-{environment}``."""
    return _AROUND.sub("", part).strip("-_.")


def short(pattern: str) -> str:
    """What one would call it: the last part of its path that says something."""
    parts = [plain(part) for part in pattern.split("/")]
    return next((part for part in reversed(parts) if part), pattern)
