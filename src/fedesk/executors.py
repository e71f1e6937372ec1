"""The executors of a configuration: the job of each, as it is asked and looked at."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.composition import endpoint_of
from fedesk.ports.sources import Connection
from fedesk.services.asked_executor import ExecutorJob

if TYPE_CHECKING:
    from fedesk.clients.jenkins_executor import JenkinsExecutor
    from fedesk.composition import CredentialOf
    from fedesk.config_types import Config, ExecutorConfig
    from fedesk.ports.endpoint import Endpoint


def executors_of(
    config: "Config", connections: Sequence[Connection], credential_of: "CredentialOf"
) -> dict[str, ExecutorJob]:
    """The executor of each environment that has one, by environment; opens nothing."""
    configured = {
        str(one.name): one
        for environment in config.environments.values()
        for one in environment.connections()
    }
    read = {str(one.name): one for one in connections}
    found: dict[str, ExecutorJob] = {}
    for name, environment in config.environments.items():
        settings = environment.executor
        if settings is None:
            continue
        endpoint = endpoint_of(configured[settings.connection], credential_of)
        opened = partial(_opened, endpoint, settings)
        found[name] = ExecutorJob(
            name=settings.job,
            executor=ThreadBulkhead(settings.connection, opened, deadline=endpoint.deadline * 1.5),
            jenkins=read[settings.connection],
            begins_within=settings.begins_within,
        )
    return found


def _opened(endpoint: "Endpoint", settings: "ExecutorConfig") -> "JenkinsExecutor":
    from fedesk.clients.jenkins_executor import JenkinsExecutor

    return JenkinsExecutor(
        endpoint, job=settings.job, parameter=settings.parameter, draft_parameter=settings.draft_parameter
    )
