"""What a runner is handed through its pipe: the credentials of the systems it changes, and no others.

``lookups_of`` is the desk's side, ``given_…`` the runner's.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System

if TYPE_CHECKING:
    from fedesk.anchoring import SecretOf
    from fedesk.composition import CredentialOf
    from fedesk.config_types import Config, ConnectionConfig, HttpsAnchorConfig, RegistryOf, StoreConfig
    from fedesk.ports.endpoint import SecretText

    Lookup = Callable[[], SecretText]

STORE = "store"
"""What the store is called among the credentials that a runner is given."""


def anchor_key(settings: "HttpsAnchorConfig") -> str:
    """What an anchor is called among them."""
    return f"anchor {settings.url}"


def lookups_of(
    config: "Config",
    connections: Sequence[ConnectionName],
    credential_of: "CredentialOf",
    store_password: "Lookup | None",
    anchor_secret_of: "SecretOf",
) -> "Callable[[], dict[str, SecretText]]":
    """Looks the credentials of some connections, and the store's, up when it is called.

    By the connections' names; the store's is STORE. What it gives raises CredentialError.
    """
    configured = {
        one.name: one for environment in config.environments.values() for one in environment.connections()
    }
    lookups = {
        str(name): look_up
        for name in connections
        if name in configured and (look_up := credential_of(configured[name])) is not None
    }
    if store_password is not None:
        lookups[STORE] = store_password
    beside = _of_anchors(config, credential_of, anchor_secret_of) | _of_registries(
        config, connections, credential_of
    )
    extra = {name: look_up for name, look_up in beside.items() if name not in lookups}
    return lambda: {name: look_up() for name, look_up in lookups.items()} | _as_far_as_known(extra)


def _of_anchors(
    config: "Config", credential_of: "CredentialOf", anchor_secret_of: "SecretOf"
) -> "dict[str, Lookup]":
    """How the credentials of anchors are looked up. An operation goes on without them."""
    if not config.audit.anchors:
        return {}
    from fedesk.anchoring import anchoring_connections, anchors_with_secrets

    found = {anchor_key(one): anchor_secret_of(one) for one in anchors_with_secrets(config)}
    found |= {str(one.name): credential_of(one) for one in anchoring_connections(config)}
    return {name: look_up for name, look_up in found.items() if look_up is not None}


def _of_registries(
    config: "Config", connections: Sequence[ConnectionName], credential_of: "CredentialOf"
) -> "dict[str, Lookup]":
    """How those of the environments' registries are looked up, where a Jenkins may deploy.

    Without one, its gate says so.
    """
    names = {
        one.name.environment
        for environment in config.environments.values()
        for one in environment.connections()
        if one.system is System.JENKINS and one.name in connections
    }
    registries = [
        one.registry
        for name, one in config.environments.items()
        if name in names and one.registry is not None
    ]
    found = {str(one.name): credential_of(one) for one in registries}
    return {name: look_up for name, look_up in found.items() if look_up is not None}


def _as_far_as_known(lookups: "Mapping[str, Callable[[], SecretText]]") -> "dict[str, SecretText]":
    """What can be looked up; who then lacks one says so."""
    from fedesk.ports.errors import CredentialError

    found = {}
    for name, look_up in lookups.items():
        with suppress(CredentialError):
            found[name] = look_up()
    return found


def given_to(
    credentials: "Mapping[str, SecretText]", configured: "ConnectionConfig | RegistryOf"
) -> "Lookup | None":
    """How a connection's credential is had among those that were given; None where it takes none."""
    return None if configured.settings.credential is None else _of(credentials, str(configured.name))


def given_of_store(credentials: "Mapping[str, SecretText]", settings: "StoreConfig") -> "Lookup | None":
    """The same of the store's."""
    return None if settings.credential is None else _of(credentials, STORE)


def given_of_anchor(
    credentials: "Mapping[str, SecretText]", settings: "HttpsAnchorConfig"
) -> "Lookup | None":
    """The same of an anchor's."""
    return None if settings.credential is None else _of(credentials, anchor_key(settings))


def _of(credentials: "Mapping[str, SecretText]", name: str) -> "Lookup":
    def look_up() -> "SecretText":
        from fedesk.ports.errors import CredentialError

        secret = credentials.get(name)
        if secret is None:
            raise CredentialError(f"The runner was given no credential of {name}.")
        return secret

    return look_up
