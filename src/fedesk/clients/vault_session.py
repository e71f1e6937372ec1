"""One hvac client with its token, under the deadline, and hvac's errors as fedesk's own."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import hvac
import hvac.exceptions
import msgspec
import requests

from fedesk.clients.requests_session import TimedSession, translate
from fedesk.clients.vault_login import RefusedLogins, credential_of, login_for
from fedesk.clients.wording import log_in_anew, quoted, refused_token, status_error
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import ProtocolError, SourceError, UnauthenticatedError

_BODY_LIMIT = 8 * 1024 * 1024
_STATUS: dict[type[hvac.exceptions.VaultError], int] = {
    hvac.exceptions.InvalidRequest: 400,
    hvac.exceptions.Unauthorized: 401,
    hvac.exceptions.Forbidden: 403,
    hvac.exceptions.InvalidPath: 404,
    hvac.exceptions.RateLimitExceeded: 429,
    hvac.exceptions.InternalServerError: 500,
    hvac.exceptions.VaultNotInitialized: 501,
    hvac.exceptions.BadGateway: 502,
    hvac.exceptions.VaultDown: 503,
}
"""hvac tells a status by the class of its error alone."""
_NOT_LOGGED_IN = (hvac.exceptions.InvalidRequest, hvac.exceptions.Unauthorized, hvac.exceptions.Forbidden)
"""How Vault's auth methods refuse: 400 ``invalid username or password``, or 403."""

T = TypeVar("T")


class VaultSession:
    """Asks one Vault. ``vault`` is the hvac client; what it is used for goes through ``ask``."""

    def __init__(self, endpoint: Endpoint, auth: str) -> None:
        self._endpoint = endpoint
        self._auth = auth
        self._login = login_for(endpoint, auth)
        self._refused = RefusedLogins()
        self._session = TimedSession(endpoint, body_limit=_BODY_LIMIT)
        self._taken: SecretText | None = None
        self.ends_at: datetime | None = None
        """When the token that was last looked up ends; None where it does not, or that is not known."""
        # An empty token and an explicit `verify` keep hvac from VAULT_TOKEN, VAULT_CACERT and ~/.vault-token.
        self.vault = hvac.Client(url=endpoint.url, token="", verify=True, timeout=None, session=self._session)

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()

    def was_to_end(self, at: datetime | None) -> None:
        """What an earlier process knew of its token, for as long as this one has taken none."""
        if self._taken is None:
            self.ends_at = at

    def enter(self, attempt: Callable[[], object]) -> object:
        """What a login answers; raises UnauthenticatedError where it is refused, and as ``ask`` does."""

        def entering() -> object:
            try:
                return attempt()
            except _NOT_LOGGED_IN as error:
                self.vault.token = ""
                raise UnauthenticatedError(self._no_entry(error)) from None

        return self.ask(entering)

    def authenticated(self, ask: Callable[[], object]) -> object:
        """Ask as someone; where a login's token is no longer taken, log in once more and ask again."""
        fresh = not self.vault.token
        if fresh:
            self._enter()
        try:
            return self.ask(ask)
        except UnauthenticatedError:
            self.vault.token = ""
            if self._login is None or fresh:
                raise
        self._enter()
        return self.ask(ask)

    def ask(self, ask: Callable[[], object]) -> object:
        """What hvac answers; raises SourceError for its errors and those of requests.

        A path that is no valid text raises UnicodeEncodeError, unsent.
        """
        try:
            return ask()
        except hvac.exceptions.VaultError as error:
            raise self._refusal(error) from None
        except (requests.RequestException, OSError) as error:
            raise translate(error, self._endpoint) from None
        except UnicodeEncodeError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # hvac trusts the shape of a login's answer and of an error's body.
            raise self.undocumented(quoted(str(error))) from None

    def data(self, answer: object, shape: type[T]) -> T:
        """The ``data`` of an answer; raises ProtocolError where it is not of that shape."""
        return self.shaped(answer.get("data") if isinstance(answer, dict) else answer, shape)

    def shaped(self, answer: object, shape: type[T]) -> T:
        """An answer as a value; raises ProtocolError where it is not of that shape."""
        if isinstance(answer, requests.Response):
            raise self.undocumented(f"HTTP {answer.status_code}, {quoted(answer.content)}")
        try:
            return msgspec.convert(answer, shape)
        except msgspec.ValidationError as error:
            raise self.undocumented(quoted(str(error))) from None

    def undocumented(self, what: str) -> ProtocolError:
        """The error of an answer that Vault does not give."""
        return ProtocolError(
            f"{self._endpoint.name} does not answer as a Vault does: {what}; see whether its `url` is right"
        )

    def _enter(self) -> None:
        """Have a token: the credential itself, or what a login gives for it."""
        credential = credential_of(self._endpoint)
        login = self._login
        if login is None:
            if self._taken not in {None, credential}:
                self.ends_at = None
            self._taken = credential
            self.vault.token = credential.reveal()
            return
        self._refused.check(credential)

        try:
            self.enter(lambda: login(self.vault, self._endpoint.user, credential.reveal()))
        except UnauthenticatedError as error:
            raise self._refused.note(credential, str(error)) from None

    def _no_entry(self, error: hvac.exceptions.VaultError) -> str:
        user = self._endpoint.user
        return (
            f"{self._endpoint.name} refuses the {self._auth} login{f' of {user}' if user else ''}: "
            f"{quoted(_words(error))}; {log_in_anew(self._endpoint)}"
        )

    def _refusal(self, error: hvac.exceptions.VaultError) -> SourceError:
        """Vault's own errors. A token it does not take is 403 or 500, and told apart by its words."""
        words = _words(error)
        status = _STATUS.get(type(error))
        where = str(self._endpoint.name)
        if status is None:
            return self.undocumented(quoted(words))
        if _is_about_the_token(status, words):
            return refused_token(self._endpoint, f"HTTP {status}: {quoted(words)}", self.ends_at)
        return status_error(where, status, words)


def _words(error: hvac.exceptions.VaultError) -> str:
    """What Vault says: its list of errors, or the body where that is something else."""
    errors = error.errors if isinstance(error.errors, list) else []
    return "; ".join(str(word) for word in errors) or str(error.text or "")


def _is_about_the_token(status: int, words: str) -> bool:
    """Whether Vault refuses the token as such, rather than what it may do (seen on 1.21).

    Policies say ``1 error occurred: * permission denied``. A wrong or expired token adds ``* invalid
    token``, a missing one is told ``permission denied`` alone, and what is no token at all ends in a 500.
    """
    if status == 403:  # noqa: PLR2004  (Forbidden)
        return "invalid token" in words or words == "permission denied"
    return status == 500 and "failed to look up namespace from the token" in words  # noqa: PLR2004  (see above)
