"""The configuration at a glance: what can be told with the standard library, before it is checked.

For the first frame, for ``status --last-known`` and for completion. Nothing here raises for what a file says:
what cannot be told stays empty, and its mistakes are told by ``execution.open_desk``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedesk.domain.front import Appearance, EnvironmentFacts
from fedesk.domain.states import System
from fedesk.store.last_known import LastKnown


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A configuration as its file has it."""

    path: Path
    default: str = ""
    """The environment that is meant where none is named; empty where that cannot be told."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The table of each environment, unchecked."""
    store: str = "sqlite"
    """``store.url``."""
    appearance: Appearance = field(default_factory=Appearance)

    def facts(self, environment: str | None) -> EnvironmentFacts | None:
        """What is shown of an environment; of the default one where none is named."""
        name = environment or self.default
        table = self.tables.get(name)
        if table is None:
            return None
        return EnvironmentFacts(
            name=name,
            # What cannot be told counts as production.
            production=table.get("production") is not False,
            mode=str(table.get("mode", "read-only")),
            timezone=str(table.get("timezone", "UTC")),
            phi=table.get("phi") is True,
            executed=isinstance(table.get("executor"), dict),
        )

    @property
    def connections(self) -> tuple[str, ...]:
        """Names of the connections, like ``prod/jenkins``."""
        found = []
        for name, table in self.tables.items():
            more = table.get("connections")
            kinds = [kind.value for kind in System if isinstance(table.get(kind.value), dict)]
            found += [f"{name}/{one}" for one in (*kinds, *(more if isinstance(more, dict) else ()))]
        return tuple(found)


def glance(path: Path) -> Glance:
    """Look at a configuration; an empty one where there is none that can be read."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Glance(path=path)
    environments = document.get("environments")
    tables = {
        name: table
        for name, table in (environments if isinstance(environments, dict) else {}).items()
        if isinstance(table, dict)
    }
    default = document.get("default_environment") or next(iter(tables), "")
    store = document.get("store")
    url = store.get("url") if isinstance(store, dict) else None
    return Glance(
        path=path,
        default=str(default),
        tables=tables,
        store=str(url or "sqlite"),
        appearance=_appearance(document.get("ui")),
    )


def _appearance(table: object) -> Appearance:
    """What a table ``[ui]`` says, as far as it is sound."""
    said = table if isinstance(table, dict) else {}
    themes = said.get("themes")
    return Appearance(
        theme=str(said.get("theme", "")),
        themes={
            name: keys
            for name, keys in (themes if isinstance(themes, dict) else {}).items()
            if isinstance(keys, dict)
        },
        glyphs=str(said.get("glyphs", "auto")),
        motion=str(said.get("motion", "auto")),
        mouse=said.get("mouse") is not False,
    )


def last_known(path: Path, environment: str) -> LastKnown:
    """Where the last known state of an environment is kept."""
    import platformdirs

    return LastKnown(Path(platformdirs.user_cache_dir("fedesk")), path, environment)
