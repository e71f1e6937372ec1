"""What an environment with an executor asks of the rest of the configuration."""

from collections.abc import Mapping

from fedesk.config_types import Environment, IdentityConfig, StoreConfig
from fedesk.domain.states import System
from fedesk.mistakes import Findings, Place, unknown

TEAM = "postgresql"
"""How the address of a store begins that a team shares."""


def check_executors(
    environments: Mapping[str, Environment], store: StoreConfig, identity: IdentityConfig, findings: Findings
) -> None:
    """An executor is a job of a configured Jenkins, which finds signed plans in a store that is shared."""
    controllers = {
        str(one.name): one.name
        for environment in environments.values()
        for one in environment.connections()
        if one.system is System.JENKINS
    }
    if any(environment.signed for environment in environments.values()) and identity.allowed_signers is None:
        findings.add_first(("identity", "allowed_signers"), "is missing; it says whose signed plans count")
    for name, environment in environments.items():
        executor = environment.executor
        if executor is None:
            continue
        place: Place = ("environments", name, "executor")
        if executor.connection not in controllers:
            said = unknown("Jenkins connection", controllers, executor.connection)
            findings.add((*place, "connection"), said)
        if not store.url.startswith(TEAM):
            findings.add_first(
                ("store", "url"), "an executor finds plans in a store that it shares: name a PostgreSQL"
            )
        for key in ("principal", "signing_key"):
            if getattr(identity, key) is None:
                findings.add_first(("identity", key), "is missing; an executor takes signed plans alone")
