"""A first configuration: what is typed becomes a connection that is tried, and in the end a file on disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk.domain.names import ConnectionName

if TYPE_CHECKING:
    from fedesk.config_draft import Draft
    from fedesk.config_types import ConnectionConfig
    from fedesk.domain.states import System
    from fedesk.ports.endpoint import SecretText
    from fedesk.ports.sources import Clock
    from fedesk.services.trying import Tried

_SENT = "«what you typed»"
"""What stands for a credential that a system sends back."""


class NotSavedError(Exception):
    """The configuration was not written, and nothing else is other than before: one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was written."""

    path: Path
    kept: Path | None
    """Where the file is that stood there before."""
    entries: tuple[str, ...]
    """Names in the keyring."""


def knock(configured: "ConnectionConfig", clock: "Clock") -> "Tried":
    """Whether the address is that of such a system; no credential leaves. Never raises."""
    from fedesk.clients.bulkhead import ThreadBulkhead
    from fedesk.clients.door import HttpDoor
    from fedesk.composition import endpoint_of
    from fedesk.services import trying

    endpoint = replace(endpoint_of(configured, lambda _: None), user="")
    name = str(configured.name)
    door = ThreadBulkhead(
        name, partial(HttpDoor, endpoint, configured.system), deadline=endpoint.deadline * 1.5
    )
    return trying.knock(configured.name, door, clock)


def look(configured: "ConnectionConfig", secret: "SecretText | None", clock: "Clock") -> "Tried":
    """Log in and look, with what was typed or else what the connection refers to. Never raises."""
    from fedesk.composition import connection_of, reference_of
    from fedesk.services import trying

    connection = connection_of(configured, (), reference_of if secret is None else lambda _: lambda: secret)
    tried = trying.look(connection, clock)
    return tried if secret is None else _without(tried, secret)


def _without(tried: "Tried", secret: "SecretText") -> "Tried":
    """A system may send back what it was given, in words that no detector knows for a secret."""
    typed = secret.reveal().strip()

    def hide(text: str) -> str:
        return text.replace(typed, _SENT) if typed else text

    failure, seen, identity = tried.failure, tried.seen, tried.identity
    return replace(
        tried,
        failure=failure and replace(failure, sentence=hide(failure.sentence)),
        seen=seen and replace(seen, problems=tuple(map(hide, seen.problems))),
        identity=identity
        and replace(identity, user=hide(identity.user), roles=tuple(map(hide, identity.roles))),
    )


def save(path: Path, draft: "Draft", secrets: "Mapping[System, SecretText]", *, replacing: bool) -> Saved:
    """Put the secrets into the keyring, then write the file. All of it or nothing; raises NotSavedError.

    Without ``replacing`` a file that is there stays as it is.
    """
    from fedesk.config import ConfigurationError, config_of
    from fedesk.config_draft import rendered, write
    from fedesk.credentials import keep
    from fedesk.ports.errors import CredentialError

    text = rendered(draft)
    if not replacing and os.path.lexists(path):
        raise NotSavedError(f"{path} is there already, and was left as it is.")
    before: dict[str, SecretText | None] = {}
    try:
        config_of(text, path)
        for system, secret in secrets.items():
            name = str(ConnectionName(draft.environment, system.value))
            before[name] = _entry(name)
            keep(name, secret)
        kept = write(path, text, replace=replacing)
    except (ConfigurationError, CredentialError, OSError) as error:
        unrestored = [name for name, secret in before.items() if not _restore(name, secret)]
        said = _sentence(path, error)
        if unrestored:
            said += f" The keyring's {', '.join(unrestored)} could not be put back."
        raise NotSavedError(said) from None
    return Saved(path=path, kept=kept, entries=tuple(before))


def _sentence(path: Path, error: Exception) -> str:
    if isinstance(error, FileExistsError) and error.filename2 is not None:
        return f"{path} has come to be meanwhile, and was left as it is."
    if isinstance(error, OSError):
        return f"{path} cannot be written: {error.strerror or type(error).__name__}."
    return str(error)


def _entry(name: str) -> "SecretText | None":
    """What the keyring has under a name; None where that is nothing, or is not given."""
    from fedesk.credentials import resolve
    from fedesk.ports.errors import CredentialError

    try:
        return resolve(f"keyring:{name}")
    except CredentialError:
        return None


def _restore(name: str, secret: "SecretText | None") -> bool:
    """Put an entry of the keyring back to what it was; says whether that was done."""
    from fedesk.credentials import forget, keep
    from fedesk.ports.errors import CredentialError

    try:
        if secret is None:
            forget(name)
        else:
            keep(name, secret)
    except CredentialError:
        return False
    return True
