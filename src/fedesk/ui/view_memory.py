"""How the lists of each environment are arranged, kept over restarts in a small file of the user's.

Filter and order are kept; the row that the cursor is on only for as long as the desk lives. Losing the file
costs nothing: where it cannot be read or written, the lists are as they come.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fedesk.ui.listed import Arrangement, Order

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 1
_CONFIGURATIONS = 20
"""Configurations that are remembered, those that were used last."""
_LARGEST = 1_000_000
"""Bytes of the file that are read."""
Views = dict[str, Arrangement]


class ViewMemory:
    """Arrangements of one configuration, by environment and by the name of the list."""

    def __init__(self, configuration: str = "", file: Path | None = None) -> None:
        self._configuration = configuration
        self._given = file
        self._known: dict[str, Views] | None = None
        self._changed = False

    def recall(self, environment: str, name: str) -> Arrangement:
        """How the list was arranged last; as it comes where nothing is known of it."""
        return self._environments.get(environment, {}).get(name, Arrangement())

    def keep(self, environment: str, name: str, arrangement: Arrangement) -> None:
        """Remember how a list is arranged; nothing is written yet."""
        if arrangement != self.recall(environment, name):
            self._environments.setdefault(environment, {})[name] = arrangement
            self._changed = True

    def write(self) -> None:
        """Write down what has changed, without secrets: a filter may hold whatever was pasted."""
        if not self._changed:
            return
        self._changed = False
        document = self._read()
        mine = {
            environment: {name: _plain(one) for name, one in views.items()}
            for environment, views in self._environments.items()
        }
        others = {name: kept for name, kept in document.items() if name != self._configuration}
        kept = dict([*others.items(), (self._configuration, mine)][-_CONFIGURATIONS:])
        with suppress(OSError):
            self._replace(json.dumps({"format": _FORMAT, "configurations": kept}, indent=1))

    @property
    def _environments(self) -> dict[str, Views]:
        if self._known is None:
            self._known = _arranged(self._read().get(self._configuration, {}))
        return self._known

    # The file

    @property
    def _file(self) -> Path:
        if self._given is None:
            import platformdirs

            self._given = platformdirs.user_state_path("fedesk") / "views.json"
        return self._given

    def _read(self) -> dict[str, Any]:
        try:
            with self._file.open("rb") as file:
                document = json.loads(file.read(_LARGEST))
            if document["format"] == _FORMAT and isinstance(document["configurations"], dict):
                return document["configurations"]
        except (OSError, ValueError, LookupError, TypeError):
            pass
        return {}

    def _replace(self, text: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", errors="replace"))
        beside.replace(self._file)


def _plain(one: Arrangement) -> dict[str, object]:
    from fedesk.domain.redaction import redact

    order = one.order
    return {
        "filter": redact(one.filter).text,
        "sort": order.column if order else "",
        "descending": order is not None and order.descending,
    }


def _arranged(kept: Any) -> dict[str, Views]:
    """What a file says, as far as it is of this form."""
    found: dict[str, Views] = {}
    for environment, views in kept.items() if isinstance(kept, dict) else ():
        for name, one in views.items() if isinstance(views, dict) else ():
            with suppress(LookupError, TypeError):
                words, column, descending = one["filter"], one["sort"], one["descending"] is True
                order = Order(column=str(column), descending=descending) if column else None
                found.setdefault(environment, {})[name] = Arrangement(filter=str(words), order=order)
    return found
