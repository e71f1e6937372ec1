"""A keyring in memory, for tests of what is kept in one."""

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Holds entries by service and name; or answers everything with one error."""

    priority = 1

    def __init__(self, entries: dict[str, str] | None = None, error: Exception | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types here
        self.entries = {("fedesk", name): secret for name, secret in (entries or {}).items()}
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        self._complain()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._complain()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._complain()
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError(username)

    def _complain(self) -> None:
        if self.error is not None:
            raise self.error
