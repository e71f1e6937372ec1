"""What a client needs to know to reach its system, as composition hands it over from the configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedesk.domain.names import ConnectionName


class SecretText:
    """A secret that no repr, str, format or traceback shows. ``reveal()`` only inside the client's call."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "SecretText(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a system is and how one gets in."""

    name: ConnectionName
    url: str
    """Base address without a slash at the end; a path in it is kept."""
    user: str = ""
    credential: Callable[[], SecretText] | None = None
    """Looks the credential up (keyring, environment, command); raises CredentialError. May be slow."""
    login: str = ""
    """The command line that gives it a new credential, named where one is refused; empty without one."""
    connect_timeout: float = 3.0
    read_timeout: float = 15.0
    deadline: float = 20.0
    """Total seconds for one request, however slowly it drips."""
    ca_bundle: Path | None = None
    """PEM file; the system's trust store (truststore) where it is None."""
    client_certificate: Path | None = None
    client_key: Path | None = None
    proxy: str = ""
