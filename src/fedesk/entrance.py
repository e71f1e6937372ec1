"""Configuration → logging in: what ``fedesk login`` tries credentials on, and where it keeps them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fedesk import composition, credentials
from fedesk.domain.logins import Account
from fedesk.domain.states import System
from fedesk.ports.errors import CredentialError

if TYPE_CHECKING:
    from fedesk.config_types import Config, ConnectionConfig
    from fedesk.domain.identity import Identity
    from fedesk.ports.endpoint import Endpoint, SecretText
    from fedesk.ports.entrance import MadeToken


PORT = 8250
"""Where a browser brings Vault's login back: what `vault login -method=oidc` has made roles allow."""
PATIENCE = 300.0
"""Seconds for a person to sign in."""


class ConfiguredEntrance:
    """One configured system (``ports.entrance.Entrance``); imports its client when it is used."""

    def __init__(
        self, configured: "ConnectionConfig", *, port: int = PORT, patience: float = PATIENCE
    ) -> None:
        self._configured = configured
        self._port = port
        self._patience = patience

    def whoami(self, credential: "SecretText | None") -> "Identity":
        """Log in and ask as whom."""
        return composition.whoami(self._configured, credential)

    def by_browser(self, show: Callable[[str], None]) -> "SecretText":
        """Sign in to Vault by OIDC, or to Snowflake by its identity provider."""
        if self._configured.system is System.VAULT:
            from fedesk.clients.vault_oidc import oidc_token

            return oidc_token(self._endpoint, show, port=self._port, patience=self._patience)
        return composition.signed_in(self._configured, show, self._patience)

    def make_token(self, password: "SecretText", label: str) -> "MadeToken":
        """Have Jenkins make an API token."""
        from fedesk.clients.jenkins_login import make_token

        return make_token(self._endpoint, password, label)

    def revoke_token(self, password: "SecretText", token: "MadeToken") -> None:
        """Take one back."""
        from fedesk.clients.jenkins_login import revoke_token

        revoke_token(self._endpoint, password, token)

    @property
    def _endpoint(self) -> "Endpoint":
        return composition.endpoint_of(self._configured, lambda _: None)


class SystemKeyring:
    """The keyring of this machine (``ports.entrance.Keyring``)."""

    def check(self, name: str) -> None:
        """Raise CredentialError where there is none."""
        credentials.check(name)

    def keep(self, name: str, secret: "SecretText") -> str:
        """Put a credential there."""
        return credentials.keep(name, secret)


def account_of(configured: "ConnectionConfig") -> Account:
    """What a connection logs in with."""
    return Account(
        name=configured.name,
        system=configured.system,
        auth=getattr(configured.settings, "auth", ""),
        user=configured.settings.user or "",
        reference=composition.reference_text(configured) or "",
    )


def find(config: "Config", text: str, environment: str | None) -> "ConnectionConfig":
    """The connection of a name: ``prod/vault``, ``prod.vault``, or ``vault`` of the environment.

    Raises CredentialError with the nearest where there is none of that name.
    """
    from fedesk.mistakes import nearest, printable

    chosen = environment or config.default_environment
    known: dict[str, ConnectionConfig] = {}
    for name, table in config.environments.items():
        for one in table.connections():
            known[f"{one.name.environment}.{one.name.name}"] = known[str(one.name)] = one
            if name == chosen:
                known[one.name.name] = one
    found = known.get(text)
    if found is None:
        like = nearest(text, known)
        every = [str(one.name) for table in config.environments.values() for one in table.connections()]
        hint = f"did you mean {like}?" if like else f"there are: {', '.join(every) or 'none'}"
        raise CredentialError(f"No connection is named {printable(text, 80)!r}; {hint}")
    if environment is not None and found.name.environment != environment:
        raise CredentialError(
            f"{found.name} is not in {environment}; leave --env out, or name one of its own"
        )
    return found
