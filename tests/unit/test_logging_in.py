"""The use case of a login: what is kept when, and what the record says of a token that a system made."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NoReturn

import pytest

from fedesk.domain.identity import Identity
from fedesk.domain.logins import WAYS, Account
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System
from fedesk.ports.endpoint import SecretText
from fedesk.ports.entrance import MadeToken
from fedesk.ports.errors import (
    CredentialError,
    DeadlineError,
    NotSentError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.services.logging_in import log_in, log_in_with_new_token

PASSWORD, TOKEN = SecretText("planted-password"), SecretText("planted-token")
ACCOUNT = Account(
    name=ConnectionName("prod", "jenkins"),
    system=System.JENKINS,
    auth="",
    user="oncall",
    reference="keyring:prod/jenkins",
)


@dataclass
class Doorway:
    """An entrance and a keyring that fail as they are told; they write down what they were asked for."""

    make: SourceError | None = None
    use: SourceError | None = None
    keep_it: SourceError | None = None
    revoke: SourceError | None = None
    done: list[str] = field(default_factory=list)

    def whoami(self, credential: SecretText | None) -> Identity:
        self._do("tried", self.use)
        return Identity(user="oncall" if credential is None else f"oncall {credential.reveal()}")

    def by_browser(self, show: Callable[[str], None]) -> SecretText:
        show("http://provider/")
        self._do("signed in", None)
        return TOKEN

    def make_token(self, password: SecretText, label: str) -> MadeToken:
        assert password == PASSWORD
        self._do("made", self.make)
        return MadeToken(label=label, number="1", secret=TOKEN)

    def revoke_token(self, password: SecretText, token: MadeToken) -> None:
        assert (password, token.number) == (PASSWORD, "1")
        self._do("revoked", self.revoke)

    def check(self, name: str) -> None:
        self._do(f"checked {name}", None)

    def keep(self, name: str, secret: SecretText) -> str:
        assert secret == TOKEN
        self._do(f"kept {name}", self.keep_it)
        return f"keyring:{name}"

    def record(self, what: str) -> None:
        self._do(f"record {what.partition(':')[0]}", None)

    def _do(self, what: str, error: SourceError | None) -> None:
        self.done.append(what)
        if error is not None:
            raise error

    def with_new_token(self) -> None:
        log_in_with_new_token(
            ACCOUNT, self, self, password=lambda: PASSWORD, label="fedesk", record=self.record
        )


def never(*_: str) -> NoReturn:
    raise AssertionError("nobody is asked")


BEGUN = ["checked prod/jenkins", "record asked for", "made"]


def test_a_made_token_is_recorded_before_it_is_asked_for_and_after() -> None:
    """Made, tried, kept; in this order."""
    door = Doorway()
    door.with_new_token()
    assert door.done == [*BEGUN, "tried", "kept prod/jenkins", "record made"]


@pytest.mark.parametrize(
    ("door", "after"),
    [
        (Doorway(make=UnauthenticatedError("no")), ["record refused"]),
        (Doorway(make=NotSentError("away")), ["record not sent"]),
        (Doorway(make=UnreachableError("reset")), ["record unknown"]),
        (Doorway(make=DeadlineError("late")), ["record unknown"]),
        (Doorway(use=ServerFaultError("500")), ["tried", "revoked", "record revoked"]),
        (
            Doorway(keep_it=CredentialError("locked")),
            ["tried", "kept prod/jenkins", "revoked", "record revoked"],
        ),
        (
            Doorway(keep_it=CredentialError("locked"), revoke=UnreachableError("reset")),
            ["tried", "kept prod/jenkins", "revoked", "record left behind"],
        ),
    ],
)
def test_every_other_end_is_recorded_too(door: Doorway, after: list[str]) -> None:
    """What could not be used is revoked; what cannot be known is called so."""
    with pytest.raises(SourceError):
        door.with_new_token()
    assert door.done == [*BEGUN, *after]


def test_a_token_of_which_nothing_is_known_is_named_for_the_person() -> None:
    """Its label stands on the user's page, if it was made."""
    with pytest.raises(UnreachableError, match="'fedesk' was made is not known"):
        Doorway(make=UnreachableError("reset")).with_new_token()
    with pytest.raises(CredentialError, match="'fedesk' could not be revoked"):
        Doorway(keep_it=CredentialError("locked"), revoke=UnreachableError("reset")).with_new_token()


def test_nothing_is_kept_that_was_not_taken() -> None:
    """Tried first, and what the system repeats of the credential is not told on."""
    door = Doorway(use=UnauthenticatedError("planted-token is wrong"))
    with pytest.raises(UnauthenticatedError, match=r"^«what was given» is wrong$"):
        log_in(ACCOUNT, door, door, given=lambda: TOKEN, show=never)
    assert door.done == ["checked prod/jenkins", "tried"]
    taken = Doorway()
    found = log_in(ACCOUNT, taken, taken, given=lambda: TOKEN, show=never)
    assert taken.done == ["checked prod/jenkins", "tried", "kept prod/jenkins"]
    assert found.identity.user == "oncall «what was given»"


@pytest.mark.parametrize("reference", ["env:TOKEN", "command:pass show jenkins"])
def test_what_is_kept_elsewhere_is_tried_alone(reference: str) -> None:
    """Nobody is asked, and the keyring is left alone."""
    door = Doorway()
    account = replace(ACCOUNT, reference=reference)
    assert not log_in(account, door, door, given=never, show=never).stored
    assert door.done == ["tried"]


def test_a_browser_is_sent_once_there_is_a_place_for_what_it_brings() -> None:
    """Of the two ways that need one."""
    shown: list[str] = []
    door = Doorway()
    account = replace(ACCOUNT, system=System.VAULT, auth="oidc")
    log_in(account, door, door, given=never, show=shown.append)
    assert door.done == ["checked prod/jenkins", "signed in", "tried", "kept prod/jenkins"]
    assert shown == ["http://provider/"]
    assert sorted(auth for (_, auth), way in WAYS.items() if way.by_browser) == ["externalbrowser", "oidc"]


def test_every_auth_of_the_configuration_has_its_way() -> None:
    """The table knows what the configuration allows, and nothing else."""
    from typing import get_args, get_type_hints

    from fedesk.config_types import SETTINGS

    allowed = {
        (system, auth)
        for system, table in SETTINGS.items()
        for auth in get_args(get_type_hints(table).get("auth")) or ("",)
    }
    assert set(WAYS) == allowed
