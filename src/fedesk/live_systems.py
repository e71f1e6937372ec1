"""The configured systems, to be read and to be changed: what the operation runner is given."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fedesk import composition
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System

if TYPE_CHECKING:
    from fedesk.composition import CredentialOf
    from fedesk.config_types import Config
    from fedesk.domain.operations import Call, Settlement
    from fedesk.ports.endpoint import Endpoint
    from fedesk.ports.sources import Bulkhead, Connection
    from fedesk.services.operation_runner import Changer


class LiveSystems:
    """The configured systems, to be read and to be changed (``services.operation_runner.ChangingSystems``).

    Opens nothing until it is asked.
    """

    def __init__(
        self, connections: Sequence["Connection"], changers: Mapping[ConnectionName, "Bulkhead[Changer]"]
    ) -> None:
        self._connections = {connection.name: connection for connection in connections}
        self._changers = changers

    def reading(self, name: ConnectionName) -> "Connection":
        """How a connection is read; raises NotFoundError where it is not configured."""
        found = self._connections.get(name)
        if found is None:
            raise self._missing(name, self._connections)
        return found

    def of(self, environment: str) -> "tuple[Connection, ...]":
        """Every configured system of an environment."""
        return tuple(one for one in self._connections.values() if one.name.environment == environment)

    def changing(self, name: ConnectionName) -> "Bulkhead[Changer]":
        """How a connection is changed; raises NotFoundError where it is not configured, or cannot be."""
        found = self._changers.get(name)
        if found is None:
            raise self._missing(name, self._changers)
        return found

    def settle(self, name: ConnectionName, call: "Call") -> "Settlement":
        """Look an effect up. Raises SourceError."""
        return self.changing(name).call(lambda system: system.settle(call))

    def close(self) -> None:
        """Let go of every system; waits for none."""
        for bulkhead in self._changers.values():
            bulkhead.close()

    @staticmethod
    def _missing(name: ConnectionName, known: Mapping[ConnectionName, Any]) -> Exception:
        from fedesk.ports.errors import NotFoundError

        named = ", ".join(str(one) for one in sorted(known)) or "none"
        return NotFoundError(f"{name} is not configured as a system that can be changed; there are: {named}")


def changers(config: "Config", credential_of: "CredentialOf") -> "dict[ConnectionName, Bulkhead[Changer]]":
    """A way to change each configured system that can be changed. Opens nothing."""
    from fedesk.clients.bulkhead import ThreadBulkhead

    found: dict[ConnectionName, Bulkhead[Changer]] = {}
    for environment in config.environments.values():
        for configured in environment.connections():
            make = _CHANGERS.get(configured.system)
            if make is None:
                continue
            # A change gets its whole deadline, beside opening and logging in.
            endpoint = composition.endpoint_of(configured, credential_of)
            found[configured.name] = ThreadBulkhead(
                f"{configured.name} (changes)",
                partial(make, endpoint, configured.settings),
                deadline=endpoint.deadline * 2,
            )
    return found


def _jenkins(endpoint: "Endpoint", _: Any) -> "Changer":
    from fedesk.clients.jenkins_changes import JenkinsChanges

    return JenkinsChanges(endpoint)


def _airflow(endpoint: "Endpoint", settings: Any) -> "Changer":
    from fedesk.clients.airflow_changes import AirflowChanges

    return AirflowChanges(endpoint, auth=settings.auth)


_CHANGERS: dict[System, Callable[["Endpoint", Any], "Changer"]] = {
    System.JENKINS: _jenkins,
    System.AIRFLOW: _airflow,
}
