"""A keyring in a file, for a fedesk that runs in a process of its own (PYTHON_KEYRING_BACKEND names it)."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class FiledKeyring(KeyringBackend):
    """Entries of one service after another, in the file that FEDESK_TEST_KEYRING names."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        entries = {**self._entries(), f"{service} {username}": password}
        self._file().write_text(json.dumps(entries), encoding="utf-8")

    def _entries(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._file().read_text("utf-8")) if self._file().exists() else {}
        return found

    def _file(self) -> Path:
        return Path(os.environ["FEDESK_TEST_KEYRING"])
