"""Knocking at an address before anybody says who they are (``ports.trying.Door``): no credential is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import requests

from fedesk.clients.requests_session import TimedSession, translate
from fedesk.clients.wording import quoted, status_error
from fedesk.domain.states import System
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ProtocolError
from fedesk.ports.trying import Knock

_BODY_LIMIT = 1024 * 1024
_LONGEST_VERSION = 40

T = TypeVar("T")


class _Version(msgspec.Struct):
    version: str


class _Health(msgspec.Struct):
    sealed: bool
    version: str = ""


def _jenkins(answer: requests.Response) -> str | None:
    """Jenkins names itself in the head of every answer, refusals included."""
    return answer.headers.get("X-Jenkins")


def _airflow(answer: requests.Response) -> str | None:
    """``/version`` is open to everybody."""
    found = _decoded(answer, _Version)
    return None if found is None else found.version


def _vault(answer: requests.Response) -> str | None:
    """``sys/health`` is open to everybody; its status is a state (sealed, standby), its body tells."""
    found = _decoded(answer, _Health)
    return None if found is None else found.version


def _snowflake(answer: requests.Response) -> str | None:  # noqa: ARG001 - one shape for all
    """An account's front page says nothing of itself; that somebody answers is all there is."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How a system is asked, and what of its answer is its version; None for another system's answer."""

    path: str
    version: Callable[[requests.Response], str | None]


_KINDS: Mapping[System, _Kind] = {
    System.JENKINS: _Kind(path="/api/json?tree=mode", version=_jenkins),
    System.AIRFLOW: _Kind(path="/api/v2/version", version=_airflow),
    System.VAULT: _Kind(path="/v1/sys/health", version=_vault),
    System.SNOWFLAKE: _Kind(path="/", version=_snowflake),
}


def _decoded(answer: requests.Response, shape: type[T]) -> T | None:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except msgspec.MsgspecError:
        return None


class HttpDoor:
    """An address at which a system of a kind is said to be."""

    def __init__(self, endpoint: Endpoint, system: System) -> None:
        self._endpoint = endpoint
        self._system = system
        self._session = TimedSession(endpoint, body_limit=_BODY_LIMIT)

    def knock(self) -> Knock:
        """Ask who is there; raises SourceError."""
        kind = _KINDS[self._system]
        try:
            answer = self._session.get(self._endpoint.url + kind.path)
        except (requests.RequestException, OSError, ValueError) as error:
            raise translate(error, self._endpoint) from None
        version = kind.version(answer)
        if version is not None:
            return Knock(version=one_line(version, _LONGEST_VERSION))
        if answer.status_code >= 500:  # noqa: PLR2004 - a fault of the server
            raise status_error(str(self._endpoint.name), answer.status_code, answer.content)
        raise ProtocolError(
            f"{self._endpoint.url} answers, and not as {_called(self._system)} does: "
            f"HTTP {answer.status_code}, {quoted(answer.content, limit=80)}; see whether the address is right"
        )

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()


def _called(system: System) -> str:
    article = "an" if system is System.AIRFLOW else "a"
    return f"{article} {system.value.capitalize()}"
