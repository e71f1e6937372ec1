"""``fedesk login``: a credential is tried on its system, and kept where the configuration refers to."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fedesk.domain.identity import Identity
from fedesk.domain.logins import Account
from fedesk.domain.states import System
from fedesk.ports.endpoint import SecretText
from fedesk.ports.entrance import Entrance, Keyring, MadeToken
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    NotSentError,
    SourceError,
    UnreachableError,
)

_GIVEN = "«what was given»"
Record = Callable[[str], None]
"""Writes a sentence on a token into the audit log, durably; raises StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A login that its system took."""

    account: Account
    identity: Identity
    stored: bool
    """Whether the credential is in the keyring now; one that is referred to elsewhere stays there."""


def log_in(
    account: Account,
    entrance: Entrance,
    keyring: Keyring,
    *,
    given: Callable[[], SecretText],
    show: Callable[[str], None],
) -> LoggedIn:
    """Try a credential and keep it; what env: or command: give is tried alone. Raises SourceError.

    ``given`` asks the person for it, ``show`` takes the address at which a browser signs in. Nothing is kept
    of a credential that was refused, or that could not be tried.
    """
    _require_one(account)
    if not account.entry:
        return LoggedIn(account=account, identity=entrance.whoami(None), stored=False)
    keyring.check(account.entry)
    secret = entrance.by_browser(show) if account.way.by_browser else given()
    identity = _tried(entrance, secret)
    keyring.keep(account.entry, secret)
    return LoggedIn(account=account, identity=identity, stored=True)


def log_in_with_new_token(
    account: Account,
    entrance: Entrance,
    keyring: Keyring,
    *,
    password: Callable[[], SecretText],
    label: str,
    record: Record,
) -> LoggedIn:
    """Have the system make an API token, try it, and keep it; raises SourceError and StoreError.

    The record is durable before anything is sent. A token that cannot be tried or kept is revoked.
    """
    _require_one(account)
    if account.system is not System.JENKINS:
        raise CredentialError(
            f"{account.name} is no Jenkins, and --make-token is for a Jenkins; leave it out"
        )
    if not account.entry:
        raise CredentialError(
            f"{account.name} takes its credential from {account.reference.partition(':')[0]}:, where fedesk "
            "can put no token; make one in Jenkins, or refer to keyring:NAME"
        )
    keyring.check(account.entry)
    secret = password()
    record(f"asked for: {label}")
    try:
        made = entrance.make_token(secret, label)
    except (UnreachableError, DeadlineError) as error:
        if isinstance(error, NotSentError):
            record(f"not sent: {label}")
            raise
        record(f"unknown: {label}")
        raise type(error)(
            f"{error}; whether the token {label!r} was made is not known: see the user's page, and revoke it"
        ) from None
    except SourceError:
        record(f"refused: {label}")
        raise
    try:
        identity = _tried(entrance, made.secret)
        keyring.keep(account.entry, made.secret)
    except SourceError as error:
        _take_back(entrance, secret, made, error, record)
        raise
    record(f"made: {label}")
    return LoggedIn(account=account, identity=identity, stored=True)


def _tried(entrance: Entrance, secret: SecretText) -> Identity:
    """Whom the system takes one for. What it sends back of the credential is not told on."""
    text = secret.reveal().strip()

    def hidden(said: str) -> str:
        return said.replace(text, _GIVEN) if text else said

    try:
        found = entrance.whoami(secret)
    except SourceError as error:
        raise type(error)(hidden(str(error))) from None
    return replace(found, user=hidden(found.user), roles=tuple(map(hidden, found.roles)))


def _take_back(
    entrance: Entrance, password: SecretText, made: MadeToken, why: SourceError, record: Record
) -> None:
    """Revoke what could not be used; raises ``why`` with the label where that is not possible either."""
    try:
        entrance.revoke_token(password, made)
    except SourceError as error:
        record(f"left behind: {made.label}")
        raise type(why)(
            f"{why}; the token {made.label!r} could not be revoked ({error}): revoke it"
        ) from None
    record(f"revoked: {made.label}")


def _require_one(account: Account) -> None:
    """A connection without a credential has nothing to log in with."""
    if not account.reference:
        raise CredentialError(
            f'{account.name} has no credential, so nobody logs in: give it `user` and credential = "keyring:'
            f'{account.name}"'
        )
