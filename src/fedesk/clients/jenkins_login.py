"""An API token of the user's own, made and revoked in Jenkins (``jenkins.security.ApiTokenProperty``).

It is asked for with the user's password, so each POST needs a crumb of the same HTTP session. Jenkins lets a
user make tokens for nobody but himself.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

import msgspec
import requests

from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.clients.wording import quoted
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.entrance import MadeToken
from fedesk.ports.errors import ProtocolError

_PROPERTY = "descriptorByName/jenkins.security.ApiTokenProperty"


class _Made(msgspec.Struct, rename="camel", frozen=True):
    token_uuid: str
    token_value: str


class _Answer(msgspec.Struct, frozen=True):
    data: _Made


def make_token(endpoint: Endpoint, password: SecretText, label: str) -> MadeToken:
    """A new token of the endpoint's user, by that label; raises SourceError."""
    answer = _post(endpoint, password, "generateNewToken", {"newTokenName": label})
    try:
        made = msgspec.json.decode(answer.content, type=_Answer).data
    except msgspec.MsgspecError:
        # Its body may hold the token: nothing of it is quoted.
        raise ProtocolError(
            f"{endpoint.name} does not answer as Jenkins does when it makes a token (HTTP "
            f"{answer.status_code}); see on the user's page whether {quoted(label, limit=80)} is there, and "
            "revoke it"
        ) from None
    return MadeToken(label=label, number=made.token_uuid, secret=SecretText(made.token_value))


def revoke_token(endpoint: Endpoint, password: SecretText, token: MadeToken) -> None:
    """Take it back; one that is gone already is no error. Raises SourceError."""
    _post(endpoint, password, "revoke", {"tokenUuid": token.number})


def _post(endpoint: Endpoint, password: SecretText, verb: str, form: Mapping[str, str]) -> requests.Response:
    session = JenkinsSession(replace(endpoint, credential=lambda: password))
    try:
        session.prepare_post()
        return session.post(f"user/{quote(endpoint.user, safe='')}/{_PROPERTY}/{verb}", form)
    finally:
        session.close()
