"""Logging in: trying a credential on its system, getting one there, and keeping it. Blocking."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fedesk.domain.identity import Identity
from fedesk.ports.endpoint import SecretText


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """An API token that a system made for a person."""

    label: str
    number: str
    """The system's own name of it, by which it is revoked."""
    secret: SecretText


class Entrance(Protocol):
    """How one gets in to one configured system. Raises SourceError."""

    def whoami(self, credential: SecretText | None) -> Identity:
        """Log in with a credential, or with what the configuration refers to; see ``IdentitySource``."""

    def by_browser(self, show: Callable[[str], None]) -> SecretText:
        """Have a person sign in at the address that ``show`` is given; gives the token that comes of it."""

    def make_token(self, password: SecretText, label: str) -> MadeToken:
        """Have the system make an API token for its user."""

    def revoke_token(self, password: SecretText, token: MadeToken) -> None:
        """Have it taken back."""


class Keyring(Protocol):
    """Where credentials are kept on this machine. Raises CredentialError."""

    def check(self, name: str) -> None:
        """Raise where nothing could be kept, with the other ways."""

    def keep(self, name: str, secret: SecretText) -> str:
        """Put it there; gives the reference to it."""
