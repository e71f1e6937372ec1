"""Ways of logging in: what a person gives for each, and where it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a person proves who they are to one kind of system."""

    asks: str = ""
    """What is typed, as the field calls it; empty where a browser does it."""
    is_file: bool = False
    """Whether a terminal is asked for the file that holds it, because it has several lines."""

    @property
    def by_browser(self) -> bool:
        """Whether the person signs in with a browser, and a token comes of it."""
        return not self.asks


WAYS: Mapping[tuple[System, str], Way] = MappingProxyType(
    {
        (System.JENKINS, ""): Way(asks="API token"),
        (System.AIRFLOW, "password"): Way(asks="password"),
        (System.AIRFLOW, "token"): Way(asks="bearer token"),
        (System.AIRFLOW, "basic"): Way(asks="password"),
        (System.VAULT, "token"): Way(asks="token"),
        (System.VAULT, "approle"): Way(asks="secret id"),
        (System.VAULT, "userpass"): Way(asks="password"),
        (System.VAULT, "ldap"): Way(asks="password"),
        (System.VAULT, "jwt"): Way(asks="JWT"),
        (System.VAULT, "oidc"): Way(),
        (System.SNOWFLAKE, "key-pair"): Way(asks="private key in PEM", is_file=True),
        (System.SNOWFLAKE, "oauth"): Way(asks="access token"),
        (System.SNOWFLAKE, "externalbrowser"): Way(),
    }
)
"""By system and the configuration's ``auth``; Jenkins has but one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a connection logs in with, as the configuration has it."""

    name: ConnectionName
    system: System
    auth: str
    user: str
    reference: str
    """Where the credential is, ``keyring:NAME``; empty for a connection that has none."""

    @property
    def way(self) -> Way:
        """How one logs in."""
        return WAYS[self.system, self.auth]

    @property
    def entry(self) -> str:
        """The keyring's entry that the credential belongs into; empty where it is kept elsewhere."""
        kind, _, rest = self.reference.partition(":")
        return rest.strip() if kind == "keyring" else ""
