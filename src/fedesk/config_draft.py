"""A first fedesk.toml: from what was asked to a text, from that to a file. No secret has a place in it."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fedesk.domain.states import System

Value = str | int | bool | list[str] | list[dict[str, str]]

_HEAD = """\
# Which environments there are, and how each system of them is reached. Begun by `fedesk config init`.
# `fedesk config validate` names every mistake; docs/configuration.md has all keys.
# No secret stands here: a credential says where it is, as keyring:NAME, env:NAME or command:PROGRAM.
"""
_CATALOGUE = """\
# catalog = "catalog.yaml"    # owners, tiers and deadlines of pipelines; without one everything is discovered
"""
_NOTES: Mapping[str, str] = {
    "default_environment": "opens first",
    "production": "what is changed in production is confirmed by its name",
    "mode": '"read-only": a change wants a write window first; "guarded": it does not',
    "timezone": "times are shown on its clocks",
    "folders": "what of this Jenkins is the environment's; without it, everything",
    "tags": "DAGs with one of these tags are the environment's; without it, all",
    "kv": "whose secrets' ages are shown; values are never read",
    "warehouse": "a query wakes it, which is billed for a minute: fedesk asks once an hour",
}
"""What is said beside a key."""
_COLUMN = 40
_LONGEST = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One environment and its systems, as they are to be written."""

    environment: str
    production: bool
    mode: str
    timezone: str
    connections: Mapping[System, Mapping[str, Value]] = field(default_factory=dict)
    """The keys of each system's table, in the order in which they are written."""


def rendered(draft: Draft) -> str:
    """The document, with comments that help whoever goes on writing it."""
    name = _key(draft.environment)
    lines = [_HEAD, "\n", _line("default_environment", draft.environment), _CATALOGUE]
    facts: Mapping[str, Value] = {
        "production": draft.production,
        "mode": draft.mode,
        "timezone": draft.timezone,
    }
    lines += _table(f"environments.{name}", facts)
    for system, values in draft.connections.items():
        lines += _table(f"environments.{name}.{system.value}", values)
    return "".join(lines)


def _table(name: str, values: Mapping[str, Value]) -> list[str]:
    return [f"\n[{name}]\n", *(_line(key, value) for key, value in values.items())]


def _line(key: str, value: Value) -> str:
    written = f"{key} = {_toml(value)}"
    note = f"# {_NOTES[key]}" if key in _NOTES else ""
    beside = f"{written:<{_COLUMN}}{note}" if len(written) < _COLUMN else f"{written}    {note}"
    if note and len(beside) > _LONGEST:
        return f"{note}\n{written}\n"
    return f"{beside.rstrip()}\n"


def _key(name: str) -> str:
    """A bare key where it can be one."""
    is_bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if is_bare else _toml(name)


def _toml(value: Value | dict[str, str]) -> str:
    """A value as TOML. Its basic strings are JSON's, but for DEL, which TOML wants escaped."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write(path: Path, text: str, *, replace: bool) -> Path | None:
    """Write the file whole or not at all, readable by its owner alone; its folders are made.

    Without ``replace`` one that is there stays and FileExistsError is raised; with it, it is kept beside the
    new one, and its new path is given. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # with mode 0600
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        kept = _kept(path) if replace else None
        if replace:
            written.replace(path)
        else:
            # A link, unlike a rename, never takes another one's place.
            os.link(written, path)
    finally:
        with suppress(FileNotFoundError):
            written.unlink()
    return kept


def _kept(path: Path) -> Path | None:
    """A second name for the file that is to be replaced: ``fedesk.toml.1``, or the next that is free."""
    number = 0
    while True:
        number += 1
        beside = path.with_name(f"{path.name}.{number}")
        try:
            os.link(path, beside)
        except FileNotFoundError:
            return None
        except FileExistsError:
            continue
        return beside
