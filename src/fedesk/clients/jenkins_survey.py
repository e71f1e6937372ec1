"""Jobs as a Jenkins controller describes them, in the one request that the board makes for their builds."""

from collections.abc import Iterable

from fedesk.clients.jenkins_json import Item
from fedesk.domain.names import ConnectionName
from fedesk.domain.surveys import SeenJob, Survey

FIELDS = "property[parameterDefinitions[name]],lastSuccessfulBuild[number,artifacts[relativePath]{0,100}]"
"""What is asked of each job beside its name."""


def survey(items: Iterable[Item], connection: ConnectionName) -> Survey:
    """As ``ports.surveying.SurveySource``, of the items in scope; folders are no jobs."""
    return Survey(jobs=tuple(_job(item, connection) for item in items if item.jobs is None))


def _job(item: Item, connection: ConnectionName) -> SeenJob:
    build = item.last_successful_build
    return SeenJob(
        connection=connection,
        name=item.full_name,
        parameters=tuple(
            str(definition["name"])
            for one in item.property
            if one is not None
            for definition in one.parameter_definitions
            if definition.get("name")
        ),
        artifacts=() if build is None else tuple(one.relative_path for one in build.artifacts),
    )
